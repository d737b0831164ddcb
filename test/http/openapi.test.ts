// The documentation says what is served: the OpenAPI document against the application, and the page against its policy.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { baseMediaType } from '../../src/domain/container.ts';
import { createdAtOf } from '../../src/domain/ids.ts';
import type { JsonObject } from '../../src/http/openapi/description.ts';
import { describeApi } from '../../src/http/openapi.ts';
import { PROBLEMS } from '../../src/http/problem-codes.ts';
import { RESPONSE_HEADERS } from '../../src/http/response-headers.ts';
import { EXAMPLE_RECORDING } from '../../src/http/routes/examples.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';
import * as schemas from '../../src/http/schemas.ts';
import { type Api, startApi } from './api.ts';
import { CALLS } from './calls.ts';
import { validatorOf } from './documented.ts';

const api = describeApi(OPERATIONS);
let served: Api;
beforeAll(async () => {
  served = await startApi();
});

const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('the OpenAPI document', () => {
  it('is served as it is', async () => {
    const answer = await served.agent.get('/openapi.json');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(api)));
    expect(answer.body.openapi).toBe('3.1.0');
  });

  it('is committed as it is served: `npm run openapi` writes it', async () => {
    const file = await readFile(new URL('../../openapi.json', import.meta.url), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(api)));
  });

  it('has every call of the contract', () => {
    const open = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'].map((path) => `get ${path}`);
    const contract = CALLS.map(({ method, path }) => `${method} ${path}`);
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...contract, ...open].sort());
  });

  it('has for every call of the contract the refusals that any call may have', () => {
    for (const { path, method } of CALLS) {
      const statuses = Object.keys(api.paths[path]?.[method]?.responses ?? {});
      expect({ path, method, statuses }).toMatchObject({
        statuses: expect.arrayContaining(['401', '403', '429', '503']),
      });
    }
  });

  it('has no call that is not served, and none without a token under /v1', async () => {
    const { url } = served;
    for (const { path, method } of operations) {
      const answer = await fetch(url + path.replace(/\{recording\}/, `0${'1'.repeat(35)}`).replace(/[{}]/g, ''), {
        method,
      });
      expect([path, method, answer.status]).toEqual([path, method, path.startsWith('/v1/') ? 401 : 200]);
    }
  });

  it('refers only to schemas that it has, and names every parameter of a path', () => {
    const refs = JSON.stringify(api).match(/"#\/components\/schemas\/\w+"/g) ?? [];
    const names = new Set(refs.map((ref) => JSON.parse(ref).split('/').at(-1)));
    expect(names.size).toBeGreaterThan(10);
    expect(JSON.stringify(api)).not.toMatch(/"\$(id|schema)"/);
    for (const name of names) expect(Object.keys(api.components.schemas)).toContain(name);
    for (const { path, operation } of operations) {
      const named = operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => `{${parameter.name}}`);
      expect(named).toEqual(path.match(/\{\w+\}/g) ?? []);
    }
  });

  it('names for each call the scopes of which any one is enough', () => {
    for (const { path, method, operation } of operations) {
      // Each on its own: the names within one requirement would all be needed (OpenAPI 3.1, 4.8.30).
      const scopes = OPERATIONS.find((served) => served.path === path && served.method === method)?.scopes ?? [];
      expect(operation.security).toEqual(scopes.map((scope) => ({ bearer: [scope] })));
    }
  });

  it('says under each status which codes it has', () => {
    const create = api.paths['/v1/exams/{exam}/attempts/{attempt}/recordings']?.post;
    expect(create?.responses[422]?.description).toContain('`consent-missing`');
    expect(create?.responses[409]?.description).toContain('`attempt-assessed`');
    expect(Object.keys(create?.responses ?? {})).toEqual(
      expect.arrayContaining(['201', '400', '401', '403', '413', '415', '429', '500', '502', '503']),
    );
  });

  it('mentions every code that a call can have', () => {
    const text = JSON.stringify([api.info, operations.map(({ operation }) => operation.responses)]);
    expect(Object.keys(PROBLEMS).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('has examples that its own schemas accept', () => {
    for (const operation of OPERATIONS) {
      if (operation.body) expect(operation.body.schema.safeParse(operation.body.example).error?.issues).toBeUndefined();
      expect(operation.success.schema.safeParse(operation.success.example).error?.issues).toBeUndefined();
    }
  });

  it('has examples of headers and problems that its own schemas accept', () => {
    for (const { schema, example } of Object.values(RESPONSE_HEADERS)) {
      expect({ example, isValid: validatorOf(schema)(example) }).toEqual({ example, isValid: true });
    }
    const contents = operations.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap(({ content }) => Object.values((content ?? {}) as JsonObject)),
    );
    for (const { schema, examples } of contents as unknown as { schema: object; examples?: object }[]) {
      const validate = validatorOf(JSON.parse(JSON.stringify(schema)));
      for (const { value } of Object.values(examples ?? {}))
        expect({ value, isValid: validate(value) }).toEqual({ value, isValid: true });
    }
  });

  it('has one recording for its examples, whose id tells when it was made', () => {
    expect(new Date(createdAtOf(EXAMPLE_RECORDING.recordingId)).toISOString()).toBe(EXAMPLE_RECORDING.createdAt);
    const text = JSON.stringify(operations);
    expect(new Set(text.match(/\b01[0-9a-v]{34}\b/g))).toEqual(new Set([EXAMPLE_RECORDING.recordingId]));
  });

  it('describes content types so that each which fits is one of audio or video', () => {
    const { properties } = api.components.schemas.CreateRecording as { properties: { contentType: JsonObject } };
    const { pattern, examples } = properties.contentType as { pattern: string; examples: string[] };
    for (const example of examples) expect(example).toMatch(new RegExp(pattern));
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(pattern)), (contentType) => {
        expect(baseMediaType(contentType)).toMatch(/^(audio|video)\/(webm|x-matroska|mp4|ogg)$/);
      }),
    );
  });

  it('describes parameters by what they mean', () => {
    const list = api.paths['/v1/exams/{exam}/recordings']?.get?.parameters ?? [];
    const byName = new Map(list.map((parameter) => [parameter.name, parameter]));
    expect(byName.get('limit')).toMatchObject({
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    });
    expect(byName.get('assessed')).toMatchObject({ required: false, schema: { type: 'boolean' } });
    const reason = api.paths['/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}']?.delete?.parameters.at(-1);
    expect(reason).toMatchObject({ name: 'reason', required: true, schema: { enum: [...schemas.ERASURE_REASONS] } });
  });
});

describe('the documentation page', () => {
  it('has an anchor for every problem type, and every call', async () => {
    const { text } = await served.agent.get('/docs');
    for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
      const row = new RegExp(`<tr id="problem-${code}">(.*)</tr>`).exec(text)?.[1] ?? '';
      expect(row).toContain(`<td>${status}</td>`);
      // What it means, and at least a sentence on what to do.
      expect(row).toMatch(new RegExp(`<strong>${title}\\.</strong> .{20,}[.?]`));
    }
    for (const { path } of operations) expect(text).toContain(path);
  });

  it('loads and runs nothing, and its policy allows its own style alone', async () => {
    const { text, headers } = await served.agent.get('/docs');
    expect(text).not.toMatch(/<script|<link|<img|src=|style=|@import|url\(/);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
  });
});
