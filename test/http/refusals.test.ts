// The table of refusals: what every call under /v1 refuses, with which status and code, and that it changes nothing.
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type JWTPayload, SignJWT } from 'jose';
import { recordingKey } from '../../src/domain/keys.ts';
import type { ProblemCode } from '../../src/http/problem-codes.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { listAll, listAllMultipartUploads } from '../../src/storage/object-store.ts';
import { ALL_SCOPES, type Answer, type Api, type CallOptions, SECRET, startApi, UNKNOWN_RECORDING } from './api.ts';
import {
  bodyOf,
  CALLS,
  type ContractCall,
  formWith,
  type Ids,
  OF_RECORDING,
  pathOf,
  SCOPES,
  WITH_JSON,
} from './calls.ts';
import { expectProblem } from './expectations.ts';

const SITTING = { exam: 'math', attempt: 'attempt' };
const STATES = ['uploading', 'stored', 'restricted', 'erased'] as const;
type State = (typeof STATES)[number];

interface Ask extends CallOptions, Ids {
  /** Instead of the call's own. */
  readonly query?: string;
}

interface Refusal {
  readonly name: string;
  readonly status: number;
  readonly code: ProblemCode;
  /** What differs from a call that would be right. */
  readonly ask: (call: ContractCall) => Ask | Promise<Ask>;
  readonly answers?: (answer: Answer, call: ContractCall) => void;
  /** Default: every call. */
  readonly isOf?: (call: ContractCall) => boolean;
}

let api: Api;
/** Lets each token ask once a minute. */
let strict: Api;
const recordings = new Map<State, string>();
let before: string[];

beforeAll(async () => {
  api = await startApi({ uploads: { maxRecordingBytes: 100_000 } });
  strict = await startApi({ rateLimitPerMinute: 1 });
  const uploading = await api.create(SITTING);
  await api.upload(uploading, new Uint8Array(1000));
  const [stored, restricted, erased] = [await api.store(SITTING), await api.store(SITTING), await api.store(SITTING)];
  await api.service.store.put(recordingKey(restricted.ref, 'restricted'), new Uint8Array());
  expect((await api.call('delete', `${erased.path}?reason=erasure`)).status).toBe(200);
  for (const [index, { ref }] of [uploading, stored, restricted, erased].entries()) {
    recordings.set(STATES[index] ?? 'stored', ref.recording);
  }
  // The other tenant has the same exam, attempt and participant.
  await api.store({ ...SITTING, tenant: 'other' });
  before = await everythingStored();
});

/** Each object and each open upload; the clock moves with each call, so that whatever is written again shows. */
async function everythingStored(tenant = ''): Promise<string[]> {
  const { store } = api.service;
  const objects = await Array.fromAsync(listAll(store, ''));
  const uploads = await Array.fromAsync(listAllMultipartUploads(store, ''));
  const parts = await Promise.all(uploads.map(({ key, uploadId }) => store.listParts(key, uploadId)));
  return [
    ...objects.map(({ key, sizeBytes, lastModifiedMs }) => `${key} ${sizeBytes} ${lastModifiedMs}`),
    ...uploads.map(({ key, uploadId }, index) => `${key} ${uploadId} ${JSON.stringify(parts[index])}`),
  ].filter((line) => line.includes(`/${tenant}`));
}

/** Only the refusal that changed something fails. */
async function expectNothingChanged(): Promise<void> {
  const [expected, found] = [before, await everythingStored()];
  before = found;
  expect(found).toEqual(expected);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect({}).not.toHaveProperty('polluted');
}

const idOf = (state: State) => recordings.get(state) ?? '';

async function send(call: ContractCall, ask: Ask, by = api): Promise<Answer> {
  by.service.clock.advance(1);
  const { query = call.query ?? '', exam, attempt, recording, participant, ...options } = ask;
  const ids = {
    exam: exam ?? SITTING.exam,
    attempt: attempt ?? SITTING.attempt,
    recording: recording ?? idOf('stored'),
    participant: participant ?? 'p-1',
  };
  const valid = bodyOf(call);
  const headers = { ...valid.headers, ...options.headers };
  return by.raw(call.method.toUpperCase(), pathOf({ ...call, query }, ids), { ...valid, ...options, headers });
}

const nowSeconds = () => Math.floor(api.service.clock.now() / 1000);
const claims = (): JWTPayload => ({ tenant: 'acme', scope: ALL_SCOPES, sub: 'tester', exp: nowSeconds() + 3600 });
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function signed(changes: { [claim: string]: unknown }, alg = 'HS256', secret = SECRET): Promise<string> {
  const token = new SignJWT({ ...claims(), ...changes }).setProtectedHeader({ alg });
  return `Bearer ${await token.sign(new TextEncoder().encode(secret))}`;
}

const TOKENS: readonly [string, ProblemCode, () => Promise<string> | string][] = [
  ['an empty token', 'token-missing', () => 'Bearer '],
  ['another scheme', 'token-missing', () => 'Basic dXNlcjpwYXNz'],
  ['a token that is no JWT', 'token-invalid', () => 'Bearer hello'],
  ['a token of three dots and nothing', 'token-invalid', () => 'Bearer e30.e30.e30'],
  ['a token that has expired', 'token-expired', () => signed({ exp: nowSeconds() })],
  ['a token that is not valid yet', 'token-invalid', () => signed({ nbf: nowSeconds() + 60 })],
  ['a token without expiry', 'token-invalid', () => signed({ exp: undefined })],
  ['a token of alg none', 'token-invalid', () => `Bearer ${encode({ alg: 'none' })}.${encode(claims())}.`],
  ['a token of alg nOnE', 'token-invalid', () => `Bearer ${encode({ alg: 'nOnE' })}.${encode(claims())}.`],
  ['a token of HS512', 'token-invalid', () => signed({}, 'HS512', SECRET.padEnd(64, 'x'))],
  ['a token signed with another secret', 'token-invalid', () => signed({}, 'HS256', SECRET.replace('a', 'b'))],
  ['a token whose tenant is no id', 'token-invalid', () => signed({ tenant: '../acme' })],
];

const WITHOUT_TOKEN: readonly Refusal[] = [
  { name: 'no token', status: 401, code: 'token-missing', ask: () => ({ as: null }) },
  {
    name: 'no token, before it reads the body',
    status: 401,
    code: 'token-missing',
    isOf: (call) => takesJson(call) || takesFile(call),
    ask: () => ({ as: null, body: '{', headers: { 'content-type': 'text/plain' } }),
  },
  {
    name: 'a token in the query',
    status: 401,
    code: 'token-missing',
    ask: async () => ({ as: null, query: `?access_token=${(await signed({})).slice('Bearer '.length)}` }),
  },
];

const UNAUTHENTICATED: readonly Refusal[] = [
  ...WITHOUT_TOKEN,
  ...TOKENS.map(
    ([name, code, make]): Refusal => ({ name, status: 401, code, ask: async () => ({ authorization: await make() }) }),
  ),
].map((refusal) => ({
  ...refusal,
  answers: ({ headers }: Answer) => expect(headers['www-authenticate']).toMatch(/^Bearer /),
}));

const withoutScope = (scope: string): Refusal => ({
  name: `a token of the scope "${scope}" alone`,
  status: 403,
  code: 'scope-missing',
  isOf: ({ scopes }) => !scopes.some((needed) => needed === scope),
  ask: () => ({ as: { scope } }),
  answers: ({ headers, body }, { scopes }) => {
    expect(headers['www-authenticate']).toContain('insufficient_scope');
    expect(body.detail).toContain(scopes.join(' or '));
  },
});

const FORBIDDEN: readonly Refusal[] = [
  ...[...SCOPES, '', 'recordings:*', '*', ALL_SCOPES.replaceAll(' ', ','), ALL_SCOPES.toUpperCase()].map(withoutScope),
  ...[{ exam: 'other' }, { exam: 'math', attempt: 'other' }, { exam: 'other', attempt: 'attempt' }].map(
    (bound): Refusal => ({
      name: `a token that is bound to ${Object.values(bound).join('/')}`,
      status: 403,
      code: 'wrong-attempt',
      ask: () => ({ as: bound }),
    }),
  ),
  {
    name: 'a token that is bound to an attempt, for more than the attempt',
    status: 403,
    code: 'wrong-attempt',
    isOf: ({ path }) => !path.includes('{attempt}'),
    ask: () => ({ as: SITTING }),
  },
];

const etags = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, etag: '"d41d8cd9"' }));
const sizes = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, sizeBytes: 1000 }));
const [FROM, TO] = ['2026-01-02T10:00:00Z', '2026-01-02T11:30:00+01:00'];
const timeline = (...gaps: unknown[]) => ({ timeline: { startedAt: FROM, endedAt: TO, gaps } });
const gap = (reason: string) => ({ from: FROM, to: FROM, reason });

const isOfRecording = (call: ContractCall) => OF_RECORDING.includes(call);
const NOT_FOUND: readonly Refusal[] = [
  ['an unknown recording', () => ({ recording: UNKNOWN_RECORDING })] as const,
  ['a recording of another attempt', () => ({ attempt: 'another' })] as const,
  ['a recording of another exam', () => ({ exam: 'another' })] as const,
  ...STATES.map(
    (state) =>
      [`another tenant's recording, ${state}`, () => ({ as: { tenant: 'other' }, recording: idOf(state) })] as const,
  ),
].map(([name, ask]) => ({ name, status: 404, code: 'recording-not-found', isOf: isOfRecording, ask }));

/** They are valid, so that nothing but the recording is missing. */
const COMPLETIONS: readonly Refusal[] = [
  { with: 'no body', body: '' },
  { with: 'parts in order', body: { parts: etags(1, 3) } },
  { with: 'ten thousand parts', body: { parts: etags(...Array.from({ length: 10_000 }, (_, index) => index + 1)) } },
  { with: 'a timeline', body: timeline(gap('paused')) },
].map(({ with: what, body }) => ({
  name: `an unknown recording with ${what}`,
  status: 404,
  code: 'recording-not-found',
  isOf: ({ name }) => name === 'complete',
  ask: () => ({ recording: UNKNOWN_RECORDING, body: typeof body === 'string' ? body : JSON.stringify(body) }),
}));

const PATHS_OUT = ['..', '.', '%2e%2e', 'a%2fb', '%2F', 'a%5cb', '%00', 'a%0ab', '%zz', '%ff'];
const NO_NAMES = ['%C3%A9', 'a'.repeat(65), 'a@b.nl', 'a%40b.nl', '_a', '__proto__', ''];

/** In each place of the path where an id belongs. */
const BAD_IDS: readonly Refusal[] = [...PATHS_OUT, ...NO_NAMES].flatMap((id) =>
  (['exam', 'attempt', 'recording', 'participant'] as const).map((place): Refusal => {
    const [status, code] = refusalOfId(id, place);
    return {
      name: `the ${place} "${id}"`,
      status,
      code,
      isOf: ({ path }) => path.includes(`{${place}}`),
      ask: () => ({ [place]: id }),
      answers: ({ body }) => {
        const message = expect.stringContaining(/@|%40/.test(id) ? 'e-mail' : '');
        const errors = status === 422 ? [{ path: place, message }] : undefined;
        expect(body.errors).toEqual(errors);
      },
    };
  }),
);

function refusalOfId(id: string, place: keyof Ids): [number, ProblemCode] {
  if (id === '') return [404, 'not-found'];
  if (['%zz', '%ff'].includes(id)) return [400, 'malformed-path'];
  return place === 'recording' ? [404, 'recording-not-found'] : [422, 'invalid-id'];
}

const takesJson = (call: ContractCall) => WITH_JSON.includes(call);
const takesFile = (call: ContractCall) => call.takesFile === true;

/** The valid body and one member more. */
const withMember = ({ body = {} }: ContractCall, member: string) =>
  `${JSON.stringify(body).slice(0, -1)}${Object.keys(body).length > 0 ? ',' : ''}${member}}`;

const json = (status: number, code: ProblemCode, name: string, body: (call: ContractCall) => string): Refusal => ({
  name,
  status,
  code,
  isOf: takesJson,
  ask: (call) => ({ body: body(call) }),
});
const ofType = (name: string, isOf: (call: ContractCall) => boolean, headers: Record<string, string>): Refusal => ({
  name,
  status: 415,
  code: 'unsupported-media-type',
  isOf,
  ask: (call) => ({ headers, recording: idOf(call.takesFile ? 'uploading' : 'stored') }),
});

const MEBIBYTE = 1024 * 1024;
const megabyte = (call: ContractCall) => withMember(call, `"x":"${'x'.repeat(MEBIBYTE)}"`);
const DEPTH = 10_000;

const BODIES: readonly Refusal[] = [
  ...['{"completedAt":', '{', '{"a":1,}', "{'a':1}", '{"a":NaN}', '{"a":"\\x"}', '{}{}', '<a/>'].map((body) =>
    json(400, 'malformed-json', `${body} as JSON`, () => body),
  ),
  json(413, 'body-too-large', '1 MB of JSON', megabyte),
  {
    ...json(413, 'body-too-large', 'more than 64 KiB', (call) => withMember(call, `"x":"${'x'.repeat(65_536)}"`)),
    isOf: ({ name }) => ['create', 'playback link', 'assess', 'restrict'].includes(name),
  },
  json(413, 'body-too-large', '1 MB of brackets', () => '['.repeat(MEBIBYTE + 1)),
  {
    ...json(413, 'body-too-large', '1 MB of JSON whose length is not announced', megabyte),
    ask: (call) => ({ body: megabyte(call), headers: { 'transfer-encoding': 'chunked' } }),
  },
  ...['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data'].map((type) =>
    ofType(`JSON as ${type}`, takesJson, { 'content-type': type }),
  ),
  ...['utf-7', 'utf-16le', '"utf-32"', 'latin1', ''].map((charset) =>
    ofType(`JSON of the charset ${charset}`, takesJson, { 'content-type': `application/json; charset=${charset}` }),
  ),
  ofType('JSON that is compressed', takesJson, { 'content-encoding': 'gzip' }),
  ...['video/webm', 'application/json', 'application/octet-stream', 'multipart/mixed; boundary=edge'].map((type) =>
    ofType(`a file as ${type}`, takesFile, { 'content-type': type }),
  ),
  ...['[]', '[{}]', '"text"', 'null', 'true', '0', '-1e400'].map((body) =>
    json(422, 'invalid-request', `${body} for an object`, () => body),
  ),
  // Bytes that are no UTF-8 are taken for characters that no schema allows.
  json(422, 'invalid-request', 'characters of no member', (call) => withMember(call, '"\u00ff\ufffe":1')),
  json(422, 'invalid-request', 'arrays in arrays', () => '['.repeat(20_000) + ']'.repeat(20_000)),
  json(422, 'invalid-request', 'depth', (call) =>
    withMember(call, `"x":${'{"x":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`),
  ),
  ...[
    ['__proto__', '{"polluted":true}'],
    ['constructor', '{"prototype":{"polluted":true}}'],
    ['prototype', '{"polluted":true}'],
    ['toString', '"x"'],
    ['unknown', '1'],
    ['tenant', '"other"'],
    ['deleteBy', '"2099-01-01T00:00:00Z"'],
  ].map(
    ([member = '', value]): Refusal => ({
      ...json(422, 'invalid-request', `the member ${member}`, (call) => withMember(call, `"${member}":${value}`)),
      answers: ({ body }) => expect(body.errors).toContainEqual({ path: member, message: expect.stringMatching(/./) }),
    }),
  ),
];

const CONSENT = '"consent":{"givenAt":"2026-01-02T09:55:00Z","policyVersion":"1"';
const newRecording = (consent: string) =>
  `{"participantId":"p-1","kind":"webcam","contentType":"video/webm",${consent}}`;
/** By the call: bodies whose members are not what they should be. */
const MEMBERS: readonly Refusal[] = [
  ['create', newRecording(`${CONSENT},"__proto__":{"polluted":true}}`)],
  ['create', newRecording('"consent":{"__proto__":{"givenAt":"2026-01-02T09:55:00Z","policyVersion":"1"}}')],
  ['create', newRecording('"consent":{"givenAt":"2026-01-02T09:55:00Z"}')],
  ['create', newRecording('"consent":[]')],
  ['create', newRecording('"consent":"yes"')],
  ['create', newRecording('"consent":true')],
  ['create', ''],
  ['presign parts', '{"parts":[{"partNumber":1,"sizeBytes":1,"__proto__":{"polluted":true}}]}'],
  ['presign parts', '{"parts":{"0":{"partNumber":1,"sizeBytes":1},"length":1}}'],
  ['presign parts', { parts: [] }],
  ['presign parts', { parts: sizes(1, 1) }],
  ['presign parts', { parts: sizes(0) }],
  ['presign parts', { parts: sizes(10_001) }],
  ['presign parts', { parts: [{ partNumber: 1, sizeBytes: 0 }] }],
  ['presign parts', { parts: sizes(...Array.from({ length: 1001 }, (_, index) => index + 1)) }],
  ['complete', '{"parts":[{"partNumber":1,"etag":"x","constructor":{}}]}'],
  ['complete', { parts: etags(2, 1) }],
  ['complete', { parts: etags(1, 1) }],
  ['complete', '{"timeline":null}'],
  ['complete', timeline([])],
  ['complete', { timeline: { startedAt: FROM, endedAt: '2026-01-02T09:00:00Z', gaps: [] } }],
  ['complete', timeline(gap('x'.repeat(201)))],
  ['complete', timeline(...Array.from({ length: 1001 }, () => gap('x')))],
  ['playback link', '{"reason":null}'],
  ['playback link', '{"reason":""}'],
  ['playback link', { reason: 'x'.repeat(201) }],
  ['assess', ''],
  ['assess', '{}'],
  ['assess', { completedAt: '2026-01-02T10:00:00' }],
  ['assess', { completedAt: '2026-02-30T10:00:00Z' }],
  ['assess', { completedAt: 1_793_000_000 }],
].map(([of, body = '']): Refusal => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    ...json(422, 'invalid-request', `the body ${text.slice(0, 100) || 'that is missing'}`, () => text),
    isOf: ({ name }) => name === of,
  };
});

const form = (status: number, code: ProblemCode, name: string, body: () => Buffer): Refusal => ({
  name,
  status,
  code,
  isOf: takesFile,
  ask: () => ({ recording: idOf('uploading'), body: body() }),
});
const FILE = formWith(Buffer.from('no recording')).body;
const inField = (field: string) => Buffer.from(String(FILE).replace('name="file"', `name="${field}"`));
const withoutName = () => Buffer.from(String(FILE).replace('; filename="blob"', '').replace('"file"', '"note"'));

const FORMS: readonly Refusal[] = [
  form(400, 'malformed-form', 'a form that ends early', () => FILE.subarray(0, -20)),
  form(400, 'malformed-form', 'a form without its boundary', () => Buffer.from('nothing')),
  form(400, 'malformed-form', 'a form that is empty', () => Buffer.alloc(0)),
  form(413, 'recording-too-large', 'a file above the limit', () => formWith(Buffer.alloc(200_000)).body),
  {
    ...form(413, 'recording-too-large', 'a file above the limit whose length is not announced', () => FILE),
    ask: () => ({
      recording: idOf('uploading'),
      body: formWith(Buffer.concat([Buffer.from('1a45dfa39f4282847765626d', 'hex'), Buffer.alloc(200_000)])).body,
      headers: { 'transfer-encoding': 'chunked' },
    }),
  },
  form(422, 'file-missing', 'a form without a file', withoutName),
  form(422, 'invalid-request', 'a file in another field', () => inField('video')),
  form(422, 'invalid-request', 'a file in a field that nests', () => inField('file[a][b]')),
];

const QUERIES: readonly Refusal[] = [
  {
    name: 'a parameter that means nothing',
    status: 422,
    code: 'invalid-request',
    ask: ({ query = '' }) => ({ query: `${query || '?'}&force=true` }),
    answers: ({ body }) => expect(body.errors).toContainEqual({ path: 'force', message: 'Is not known here' }),
  },
  ...['limit=1e1', 'limit[]=1', 'assessed=TRUE', 'duebefore=2026-11-02T10:00:00Z', 'cursor='].map(
    (query): Refusal => ({
      name: `the query ${query}`,
      status: 422,
      code: 'invalid-request',
      isOf: ({ name }) => ['list of attempt', 'list of exam'].includes(name),
      ask: () => ({ query: `?${query}` }),
    }),
  ),
];

const REFUSALS = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, COMPLETIONS, BAD_IDS, BODIES, MEMBERS, FORMS, QUERIES].flat();

describe.each(CALLS)('$name refuses', (call) => {
  it.each(REFUSALS.filter(({ isOf = () => true }) => isOf(call)))(
    '$name: $status $code',
    async ({ ask, status, code, answers }) => {
      const answer = await send(call, await ask(call));
      expectProblem(answer, status, code);
      answers?.(answer, call);
      await expectNothingChanged();
    },
  );

  it('more requests than a caller may make: 429 rate-limited', async () => {
    const authorization = await strict.authorization({ sub: call.name });
    let answer = await send(call, { authorization, recording: UNKNOWN_RECORDING }, strict);
    expect(answer.status).not.toBe(429);
    // A minute that ends meanwhile lets one more through.
    while (answer.status !== 429) answer = await send(call, { authorization, recording: UNKNOWN_RECORDING }, strict);
    expectProblem(answer, 429, 'rate-limited');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
  });
});

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const PATHS = [...Map.groupBy(CALLS, ({ path }) => path)].map(([path, calls]) => {
  const methods = calls.map(({ method }) => method.toUpperCase());
  return { path, call: calls[0], allow: methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])) };
});

it.each(PATHS)('$path refuses the methods that it does not have, and says which it has', async ({ path, allow }) => {
  const call = { name: '', path, scopes: [] };
  for (const method of METHODS.filter((each) => !allow.includes(each))) {
    const answer = await send({ ...call, method: method.toLowerCase() as 'get' }, {});
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers.allow?.split(', ').sort()).toEqual(allow.toSorted());
  }
  await expectNothingChanged();
});

it.each([
  '/',
  '/v1',
  '/v2',
  '/V1/exams/math/recordings',
  '/v1/Exams/math/recordings',
  '/v1/exams',
  '/v1/exams/math',
  '/v1/exams/math/attempts/a',
  '/v1/exams/math/recordings/',
  '/v1/exams/math/attempts/a/recordings/r/parts/1',
  '/v1/__proto__',
  '/.env',
  '/admin',
])('there is nothing at %s: 404 not-found', async (path) => {
  expectProblem(await api.raw('GET', path), 404, 'not-found');
});

describe('another tenant, who names the same exam, attempt and participant,', () => {
  const as = { tenant: 'other' };

  it('changes and sees nothing, whatever it calls in whatever order', async () => {
    const own = await everythingStored('acme');
    const ids = STATES.map(idOf);
    const step = fc.record({ call: fc.constantFrom(...CALLS), recording: fc.constantFrom(...ids) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
        for (const { call, recording } of steps) {
          const answer = await send(call, { as, recording });
          expect(answer.status).toBeLessThan(500);
          const text = JSON.stringify(answer.body);
          expect(ids.filter((id) => text.includes(id))).toEqual([]);
        }
        expect(await everythingStored('acme')).toEqual(own);
      }),
      { numRuns: 20 },
    );
  });

  it('is in no list of the tenant, nor does a cursor of it lead there', async () => {
    for (const path of ['/v1/exams/math/recordings', '/v1/exams/math/attempts/attempt/recordings']) {
      const { body } = await api.call<{ items: Recording[]; nextCursor: string }>('get', path);
      const listed = body.items.map(({ recordingId }) => recordingId);
      expect(listed).toEqual((['uploading', 'stored', 'restricted'] as const).map(idOf));
      const { nextCursor } = (await api.call('get', `${path}?limit=1`)).body;
      expect(nextCursor).toEqual(expect.any(String));
      const answer = await api.call('get', `${path}?cursor=${String(nextCursor)}`, { as: { tenant: 'third' } });
      expect(answer.body).toEqual({ items: [], nextCursor: null });
    }
  });

  it('assesses its own attempt alone', async () => {
    const body = { completedAt: new Date(api.service.clock.now()).toISOString() };
    const path = '/v1/exams/math/attempts/attempt/assessment';
    const assessed = await api.call('put', path, { as: { tenant: 'fourth' }, body });
    expect(assessed.body).toMatchObject({ recordings: 0 });
    expectProblem(await api.call('get', path), 404, 'assessment-not-found');
  });
});
