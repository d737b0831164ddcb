// The documentation says what is served: the OpenAPI document against the application, and the page against its policy.
import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { describeApi } from '../../src/http/openapi.ts';
import { PROBLEMS } from '../../src/http/problem-codes.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';
import * as schemas from '../../src/http/schemas.ts';
import { startService } from './support.ts';

const api = describeApi(OPERATIONS);
const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('the OpenAPI document', () => {
  it('is served as it is', async () => {
    const { server } = await startService();
    const answer = await request(server).get('/openapi.json');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(api)));
    expect(answer.body.openapi).toBe('3.1.0');
  });

  it('has every call of the contract', () => {
    const attempt = '/v1/exams/{exam}/attempts/{attempt}';
    const recording = `${attempt}/recordings/{recording}`;
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
      [
        `post ${attempt}/recordings`,
        `get ${attempt}/recordings`,
        'get /v1/exams/{exam}/recordings',
        `get ${recording}`,
        `delete ${recording}`,
        `post ${recording}/parts`,
        `get ${recording}/parts`,
        `post ${recording}/complete`,
        `post ${recording}/abort`,
        `post ${recording}/content`,
        `post ${recording}/playback-links`,
        `put ${attempt}/assessment`,
        `get ${attempt}/assessment`,
        'get /livez',
        'get /readyz',
        'get /metrics',
        'get /openapi.json',
        'get /docs',
      ].sort(),
    );
  });

  it('has no call that is not served, and none without a token under /v1', async () => {
    const { url } = await startService();
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

  it('says under each status which codes it has, and for each call which scopes', () => {
    const create = api.paths['/v1/exams/{exam}/attempts/{attempt}/recordings']?.post;
    expect(create?.security).toEqual([{ bearer: ['recordings:upload'] }]);
    expect(create?.responses[422]?.description).toContain('`consent-missing`');
    expect(create?.responses[409]?.description).toContain('`attempt-assessed`');
    expect(Object.keys(create?.responses ?? {})).toEqual(
      expect.arrayContaining(['201', '400', '401', '403', '413', '415', '429', '500', '502', '503']),
    );
  });

  it('mentions every code that a call can have', () => {
    const text = JSON.stringify(operations.map(({ operation }) => operation.responses));
    const general = new Set(['not-found', 'method-not-allowed']);
    for (const code of Object.keys(PROBLEMS).filter((name) => !general.has(name)))
      expect(text).toContain(`\`${code}\``);
  });

  it('has examples that its own schemas accept', () => {
    for (const operation of OPERATIONS) {
      if (operation.body) expect(operation.body.schema.safeParse(operation.body.example).error?.issues).toBeUndefined();
      expect(operation.success.schema.safeParse(operation.success.example).error?.issues).toBeUndefined();
    }
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
    const { server } = await startService();
    const { text } = await request(server).get('/docs');
    for (const code of Object.keys(PROBLEMS)) expect(text).toContain(`id="problem-${code}"`);
    for (const { path } of operations) expect(text).toContain(path);
  });

  it('loads and runs nothing, and its policy allows its own style alone', async () => {
    const { server } = await startService();
    const { text, headers } = await request(server).get('/docs');
    expect(text).not.toMatch(/<script|<link|<img|src=|style=|@import|url\(/);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
  });
});

describe('every answer', () => {
  it('tells browsers to be strict, and not what serves it', async () => {
    const { server } = await startService();
    for (const path of ['/livez', '/v1/exams/e/recordings', '/nowhere']) {
      const { headers } = await request(server).get(path);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-powered-by']).toBeUndefined();
    }
  });
});
