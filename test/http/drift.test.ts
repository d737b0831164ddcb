// The drift test: each call of the API is made, and what is answered is what openapi.json says, to the last header.
// (`api.call` and `api.raw` hold every answer of the other tests to it as well, and `refusals.test.ts` makes the refusals.)
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import type { Operation } from '../../src/http/operation.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';
import { webm } from '../kit/fixtures.ts';
import { differences } from './alike.ts';
import { type Answer, type Api, startApi, UNKNOWN_RECORDING } from './api.ts';
import { bodyOf, CALLS, type ContractCall, formWith, OF_RECORDING, pathOf } from './calls.ts';
import { expectDocumented } from './documented.ts';

const RATE_LIMIT = 1_000;
let api: Api;
let limited: Api;
const answered = new Set<string>();

beforeAll(async () => {
  api = await startApi();
  limited = await startApi({ rateLimitPerMinute: RATE_LIMIT });
});

function send(by: Api, call: ContractCall, recording = UNKNOWN_RECORDING, options: object = {}): Promise<Answer> {
  const place = pathOf(call, { exam: 'math', attempt: 'drift', recording, participant: 'p-1' });
  return by.raw(call.method.toUpperCase(), place, { ...bodyOf(call), ...options });
}

/** A recording in the state in which the call succeeds. */
async function recordingFor(by: Api, call: ContractCall): Promise<string> {
  const sitting = { exam: 'math', attempt: 'drift' };
  if (['playback link', 'complete', 'read', 'access log'].includes(call.name)) {
    return (await by.store(sitting)).ref.recording;
  }
  return (await by.create(sitting)).ref.recording;
}

function operationOf({ method, path: template }: ContractCall): Operation {
  const found = OPERATIONS.find((operation) => operation.method === method && operation.path === template);
  if (!found) throw new Error(`${method} ${template} is no operation`);
  return found;
}

// Once assessed the attempt takes no more recordings.
const inOrder = CALLS.toSorted((a, b) => Number(a.path.endsWith('assessment')) - Number(b.path.endsWith('assessment')));

describe.each(inOrder)('$name', (call) => {
  it('succeeds as documented, with a limit of the rate and without', async () => {
    for (const by of [api, limited]) {
      const recording = call.path.includes('{recording}') ? await recordingFor(by, call) : undefined;
      const options = call.takesFile ? formWith(webm) : {};
      const answer = await send(by, call, recording, options);
      expect([200, 201, 204]).toContain(answer.status);
      expect(answer.headers['ratelimit-policy'] !== undefined).toBe(by === limited);
      const operation = operationOf(call);
      expect({ of: operation.operationId, differences: differences(operation.success.example, answer.body) }).toEqual({
        of: operation.operationId,
        differences: [],
      });
      answered.add(operation.operationId);
      if (call.method !== 'get') continue;
      expectDocumented('HEAD', pathOf(call, {}), await send(by, { ...call, method: 'head' as 'get' }, recording));
      const { etag } = answer.headers;
      if (etag === undefined) continue;
      const unchanged = await send(by, call, recording, { headers: { 'if-none-match': etag } });
      expect({ status: unchanged.status, etag: unchanged.headers.etag }).toEqual({ status: 304, etag });
    }
  });
});

describe.each(['deleted', 'expired', 'unreadable', 'restricted'] as const)('a recording that is %s', (state) => {
  let by: Api;
  beforeAll(async () => {
    by = await startApi();
  });

  it.each(OF_RECORDING)('is answered as documented: $name', async (call) => {
    const { path, ref } = await by.store({ exam: 'math', attempt: 'drift' });
    if (state === 'deleted') await by.call('delete', `${path}?reason=erasure`);
    if (state === 'restricted') await by.call('put', `${path}/restriction`, { body: { reason: 'contested' } });
    if (state === 'expired') by.service.clock.advance(31 * DAY_MS);
    if (state === 'unreadable') await by.service.store.put(recordingKey(ref, 'manifest'), new Uint8Array([1]));
    by.service.context.manifests.clear();
    by.service.context.takingParts.clear();
    const answer = await send(by, call, ref.recording);
    expect({ name: call.name, status: answer.status, isOurs: answer.status !== 500 }).toMatchObject({ isOurs: true });
  });
});

describe('what needs no token', () => {
  it.each(['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])('%s is as documented', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const answer = await fetch(api.url + path, { method });
      const isJson = method === 'GET' && /json/.test(answer.headers.get('content-type') ?? '');
      const body: unknown = isJson ? await answer.json() : await answer.text();
      expectDocumented(method, path, { status: answer.status, headers: Object.fromEntries(answer.headers), body });
    }
  });
});

afterAll(() => {
  expect([...answered].sort()).toEqual(OPERATIONS.map(({ operationId }) => operationId).sort());
});
