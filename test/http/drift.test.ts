// The drift test: each call of the API is made, what is answered is what openapi.json says, and so is what is served.
// (`api.call` and `api.raw` hold every answer of the other tests to it as well, and `refusals.test.ts` makes the refusals.)
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeApi, exampleOf, exampleOfSuccess, type JsonObject } from '../../ci/write-openapi.ts';
import { isFile } from '../../src/http/operation.ts';
import { RESPONSE_HEADERS } from '../../src/http/response.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';
import { recording } from '../../src/http/schemas.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { PROBLEMS } from '../../src/model/errors.ts';
import { readRecordingType } from '../../src/model/media-type.ts';
import { webm } from '../kit/fixtures.ts';
import { recordingKey } from '../kit/keys.ts';
import { type Answer, type Api, startApi, UNKNOWN_RECORDING } from './api.ts';
import { bodyOf, CALLS, type ContractCall, formWith, isOfRecording, OF_RECORDING, pathOf } from './calls.ts';
import { validatorOf } from './documented.ts';

const SITTING = { exam: 'math', attempt: 'drift' };
const OPEN = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/problems', '/.well-known/jwks.json'];
let api: Api;
let limited: Api;
beforeAll(async () => {
  api = await startApi();
  limited = await startApi({ rateLimitPerMinute: 1_000 });
  // Something that the log of receipts has.
  for (const by of [api, limited]) {
    await erased(by);
    by.service.clock.advance(2 * HOUR_MS);
    await by.service.sweep();
  }
});

async function erased(by: Api): Promise<string> {
  const { path, ref } = await by.store(SITTING);
  await by.call('delete', `${path}?reason=erasure`);
  return ref.recording;
}

function send(by: Api, call: ContractCall, recording = UNKNOWN_RECORDING, options: object = {}): Promise<Answer> {
  const path = pathOf(call, { ...SITTING, recording, participant: 'p-1' });
  return by.raw(call.method.toUpperCase(), path, { ...bodyOf(call), ...options });
}

/** A recording in the state in which the call succeeds. */
async function recordingFor(by: Api, { name }: ContractCall): Promise<string> {
  if (name === 'receipt proof') return erased(by);
  const isStored = ['playback link', 'complete', 'read', 'access log'].includes(name);
  return (await (isStored ? by.store(SITTING) : by.create(SITTING))).ref.recording;
}

/** The same members, with values of the same types; null and what is empty say nothing. */
function expectAlike(example: unknown, real: unknown, path: string): void {
  if (example === null || real === null || example === undefined) return;
  // A dictionary, of which an example shows the first entries.
  if (path.endsWith('.fields')) return;
  if (typeof example !== 'object' || typeof real !== 'object') {
    expect({ path, type: typeof example }).toEqual({ path, type: typeof real });
  } else if (!Array.isArray(example)) {
    const [expected, found] = [example as JsonObject, real as JsonObject];
    expect({ path, members: Object.keys(found).sort() }).toEqual({ path, members: Object.keys(expected).sort() });
    for (const name of Object.keys(expected)) expectAlike(expected[name], found[name], `${path}.${name}`);
  } else if (Array.isArray(real) && real.length > 0) {
    expectAlike(example[0], real[0], `${path}[0]`);
  }
}

// Once assessed the attempt takes no more recordings.
const inOrder = CALLS.toSorted((a, b) => Number(a.path.endsWith('assessment')) - Number(b.path.endsWith('assessment')));

it.each(inOrder)('$name succeeds as documented, with a limit of the rate and without', async (call) => {
  const operation = OPERATIONS.find(({ method, path }) => method === call.method && path === call.path);
  for (const by of [api, limited]) {
    const recording = isOfRecording(call) ? await recordingFor(by, call) : undefined;
    const answer = await send(by, call, recording, call.takesFile ? formWith(webm) : {});
    expect([200, 201, 204]).toContain(answer.status);
    expect(answer.headers['ratelimit-policy'] !== undefined).toBe(by === limited);
    expectAlike(operation && exampleOfSuccess(operation.success), answer.body, call.name);
    if (call.method !== 'get') continue;
    expect((await send(by, { ...call, method: 'head' as 'get' }, recording)).status).toBe(answer.status);
    const { etag } = answer.headers;
    expect(etag !== undefined).toBe(operation && !isFile(operation.success));
    if (etag === undefined) continue;
    const unchanged = await send(by, call, recording, { headers: { 'if-none-match': etag } });
    expect({ status: unchanged.status, etag: unchanged.headers.etag }).toEqual({ status: 304, etag });
  }
});

it.each(['expired', 'unreadable', 'restricted'] as const)(
  'a recording that is %s is answered as documented',
  async (state) => {
    const by = await startApi();
    for (const call of OF_RECORDING) {
      const { path, ref } = await by.store(SITTING);
      if (state === 'restricted') await by.call('put', `${path}/restriction`, { body: { reason: 'contested' } });
      if (state === 'expired') by.service.clock.advance(31 * DAY_MS);
      if (state === 'unreadable') await by.service.store.put(recordingKey(ref, 'manifest'), new Uint8Array([1]));
      by.service.context.manifestCache.clear();
      by.service.context.openUploadCache.clear();
      expect((await send(by, call, ref.recording)).status).not.toBe(500);
    }
  },
);

// References, parameters of paths and examples of bodies are checked by `redocly lint` (npm run lint).
describe('the OpenAPI document', () => {
  const described = describeApi(OPERATIONS);
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );

  it('is served as it is committed: `npm run openapi` writes it', async () => {
    const file = JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8'));
    expect(file).toEqual(JSON.parse(JSON.stringify(described)));
    expect((await api.agent.get('/openapi.json')).body).toEqual(file);
  });

  it('has every call of the contract, with its scopes and the refusals that any call may have', () => {
    const all = [...CALLS.map(({ method, path }) => `${method} ${path}`), ...OPEN.map((path) => `get ${path}`)];
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(all.sort());
    for (const { path, method, scopes } of OPERATIONS) {
      const operation = described.paths[path]?.[method];
      // Each on its own: the names within one requirement would all be needed (OpenAPI 3.1, 4.8.30).
      expect(operation?.security).toEqual(scopes.map((scope) => ({ bearer: [scope] })));
      const statuses = Object.keys(operation?.responses ?? {});
      expect({ path, method, statuses }).toMatchObject({
        statuses: expect.arrayContaining(['401', '403', '429', '503']),
      });
    }
  });

  it('mentions every code that a call can have', () => {
    const text = JSON.stringify([described.info, described.components.responses]);
    expect(Object.keys(PROBLEMS).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('has examples that its own schemas accept, of one recording', () => {
    for (const { body, success } of OPERATIONS) {
      if (body) expect(body.schema.safeParse(exampleOf(body.schema)).error?.issues).toBeUndefined();
      expect(success.schema.safeParse(exampleOfSuccess(success)).error?.issues).toBeUndefined();
    }
    for (const { schema, example } of Object.values(RESPONSE_HEADERS)) {
      expect({ example, isValid: validatorOf(schema)(example) }).toEqual({ example, isValid: true });
    }
    const ids = JSON.stringify(described).match(/\b01[0-9a-v]{34}\b/g);
    expect(new Set(ids)).toEqual(new Set([exampleOf(recording).recordingId]));
  });

  it('describes content types so that each which fits is one of audio or video', () => {
    const { properties } = described.components.schemas.CreateRecording as { properties: { contentType: JsonObject } };
    const { pattern, examples } = properties.contentType as { pattern: string; examples: string[] };
    for (const example of examples) expect(example).toMatch(new RegExp(pattern));
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(pattern)), (contentType) => {
        expect(readRecordingType(contentType)).toBeDefined();
      }),
    );
  });

  it('is below 210 kB as it is stored, and describes no error of a call in its place', async () => {
    const file = await readFile(new URL('../../openapi.json', import.meta.url));
    expect(file.byteLength).toBeLessThan(210_000);
    const errors = operations.flatMap(({ method, path, responses }) =>
      Object.entries(responses)
        .filter(([status, response]) => Number(status) >= 400 && !('$ref' in response))
        .map(([status]) => `${method} ${path} ${status}`),
    );
    expect(errors).toEqual([]);
    const shared = Object.values(described.components.responses).map((response) => JSON.stringify(response));
    expect(new Set(shared).size).toBe(shared.length);
  });

  it('has no reference that leads nowhere, and no component that nothing refers to', () => {
    const text = JSON.stringify(described);
    const refs = new Set([...text.matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, name]) => name));
    const { securitySchemes: _, ...components } = described.components;
    const names = Object.entries(components).flatMap(([kind, all]) =>
      Object.keys(all).map((name) => `${kind}/${name}`),
    );
    expect(refs).toEqual(new Set(names));
    expect(text.match(/"\$ref":"(?!#\/components\/)/)).toBeNull();
    const typed = ['schemas', 'parameters', 'responses'] as const;
    const typeNames = typed.flatMap((kind) => Object.keys(described.components[kind] ?? {}));
    // Some generators make a type of each, in one name space.
    expect(typeNames.length).toBe(new Set(typeNames).size);
  });

  it('groups every call by one caller, and describes each caller', () => {
    const used = operations.map(({ operationId, tags }) => ({ operationId, tags }));
    expect(used.filter(({ tags: [tag, ...others] }) => !tag || others.length > 0)).toEqual([]);
    expect(new Set(used.flatMap(({ tags }) => tags))).toEqual(new Set(described.tags.map(({ name }) => name)));
  });
});

it('the page of problems has each with its status, its meaning and what to do, and loads and runs nothing but its own style', async () => {
  const { text, headers } = await api.agent.get('/docs/problems');
  let under = 0;
  const found: Record<string, { status: number; title: string; advice: number }> = {};
  for (const [, status, code, title = '', advice = ''] of text.matchAll(
    /<h2>(\d+) |<article id="problem-([\w-]+)">.*<p class="title">(.*?)<\/p><p>(.*?)<\/p>/g,
  )) {
    if (status !== undefined) under = Number(status);
    if (code !== undefined) found[code] = { status: under, title, advice: advice.length };
  }
  const expected = Object.entries(PROBLEMS).map(([code, { status, title }]) => [
    code,
    { status, title, advice: expect.any(Number) },
  ]);
  expect(found).toEqual(Object.fromEntries(expected));
  expect(Object.values(found).filter(({ advice }) => advice < 20)).toEqual([]);
  expect(text).not.toMatch(/<script|<img|src=|style=|@import|url\(/);
  const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(headers['content-security-policy']).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
});
