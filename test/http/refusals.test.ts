// The table of refusals: what every call under /v1 refuses, with which status and code, and that it changes nothing.
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { recordingKey } from '../../src/domain/keys.ts';
import { PROBLEMS, type ProblemCode } from '../../src/http/problem-codes.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { listAll, listAllMultipartUploads } from '../../src/storage/object-store.ts';
import {
  ALL_SCOPES,
  type Answer,
  type Api,
  type CallOptions,
  type CreatedRecording,
  startApi,
  UNKNOWN_RECORDING,
} from './api.ts';
import { bodyOf, CALLS, type ContractCall, CREATE_BODY, formWith, type Ids, pathOf, SCOPES } from './calls.ts';
import { expectProblem } from './expectations.ts';

const SITTING = { exam: 'math', attempt: 'attempt' };

interface Ask extends CallOptions, Ids {
  /** Instead of the call's own. */
  readonly query?: string;
}
type IsOf = (call: ContractCall) => boolean;

interface Refusal {
  readonly code: ProblemCode;
  readonly name: string;
  /** What differs from a call that would be right. */
  readonly ask: (call: ContractCall) => Ask | Promise<Ask>;
  readonly isOf: IsOf;
  /** One of the mistakes that are told. */
  readonly mistake: { readonly path: string; readonly message?: RegExp } | undefined;
}
/** By default of every call. */
type Row = readonly [name: string, ask: Ask | Refusal['ask'], isOf?: IsOf, mistake?: Refusal['mistake']];

const refused = (code: ProblemCode, rows: readonly Row[]) =>
  rows.map(([name, ask, isOf = () => true, mistake]): Refusal => {
    return { code, name, ask: typeof ask === 'function' ? ask : () => ask, isOf, mistake };
  });

const STATES = ['uploading', 'stored', 'restricted', 'erased'] as const;
type State = (typeof STATES)[number];
let api: Api;
let recordings: Record<State, CreatedRecording>;
const idOf = (state: State) => recordings[state].ref.recording;
let before: string[];

beforeAll(async () => {
  api = await startApi({ uploads: { maxRecordingBytes: 100_000 } });
  recordings = {
    uploading: await api.create(SITTING),
    stored: await api.store(SITTING),
    restricted: await api.store(SITTING),
    erased: await api.store(SITTING),
  };
  await api.upload(recordings.uploading, new Uint8Array(1000));
  await api.service.store.put(recordingKey(recordings.restricted.ref, 'restricted'), new Uint8Array());
  expect((await api.call('delete', `${recordings.erased.path}?reason=erasure`)).status).toBe(200);
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

async function send(call: ContractCall, ask: Ask): Promise<Answer> {
  api.service.clock.advance(1);
  const valid = bodyOf(call);
  const path = pathOf({ ...call, ...ask }, { ...SITTING, recording: idOf('stored'), ...ask });
  return api.raw(call.method.toUpperCase(), path, { ...valid, ...ask, headers: { ...valid.headers, ...ask.headers } });
}

const ofRecording: IsOf = ({ path }) => path.includes('{recording}');
const takesJson: IsOf = ({ body }) => body !== undefined;
const takesFile: IsOf = (call) => call.takesFile === true;
const named = (...names: string[]): IsOf => {
  return ({ name }) => names.includes(name);
};

const TEXT = { headers: { 'content-type': 'text/plain' } };
const tokenInQuery = async () => `?access_token=${(await api.authorization()).slice('Bearer '.length)}`;
const withoutScope = (scope: string): Row => {
  return [`the scope "${scope}" alone`, { as: { scope } }, ({ scopes }) => !scopes.some((one) => one === scope)];
};

/** What is wrong with a token is in auth.test.ts. */
const TOKENS: readonly Refusal[] = [
  ...refused('token-missing', [
    ['no token', { as: null }],
    [
      'no token, before it reads the body',
      { as: null, body: '{', ...TEXT },
      (call) => takesJson(call) || takesFile(call),
    ],
    ['a token in the query', async () => ({ as: null, query: await tokenInQuery() })],
  ]),
  ...refused('token-expired', [['a token that has expired', { as: { exp: 1 } }]]),
  ...refused('token-invalid', [
    ['a token that is no JWT', { authorization: 'Bearer hello' }],
    ['a token whose tenant is no id', { as: { tenant: '../acme' } }],
  ]),
  ...refused(
    'scope-missing',
    [...SCOPES, '', 'recordings:*', '*', ALL_SCOPES.replaceAll(' ', ','), ALL_SCOPES.toUpperCase()].map(withoutScope),
  ),
  ...refused('wrong-attempt', [
    ['a token of another exam', { as: { exam: 'other' } }],
    ['a token of another attempt', { as: { exam: 'math', attempt: 'other' } }],
    ["a token of another exam's attempt", { as: { exam: 'other', attempt: 'attempt' } }],
    ['a token of an attempt for more than that', { as: SITTING }, ({ path }) => !path.includes('{attempt}')],
  ]),
];

const etags = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, etag: '"d41d8cd9"' }));
const sizes = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, sizeBytes: 1000 }));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const [FROM, TO] = ['2026-01-02T10:00:00Z', '2026-01-02T11:30:00+01:00'];
const timeline = (...gaps: unknown[]) => ({ timeline: { startedAt: FROM, endedAt: TO, gaps } });
const gap = (reason: string) => ({ from: FROM, to: FROM, reason });

const NOT_FOUND = refused('recording-not-found', [
  ['an unknown recording', { recording: UNKNOWN_RECORDING }, ofRecording],
  ['a recording of another attempt', { attempt: 'another' }, ofRecording],
  ['a recording of another exam', { exam: 'another' }, ofRecording],
  ...STATES.map((state): Row => {
    const ask = () => ({ as: { tenant: 'other' }, recording: idOf(state) });
    return [`another tenant's recording, ${state}`, ask, ofRecording];
  }),
  [
    'ten thousand parts of an unknown one',
    { recording: UNKNOWN_RECORDING, body: JSON.stringify({ parts: etags(...upTo(10_000)) }) },
    named('complete'),
  ],
]);

const PLACES = ['exam', 'attempt', 'recording', 'participant'] as const;
const BYTES = ['%zz', '%ff'];
const PATHS_OUT = ['..', '.', '%2e%2e', 'a%2fb', 'a%5cb', '%00', 'a%0ab'];
const NO_NAMES = ['%C3%A9', 'a'.repeat(65), 'a@b.nl', 'a%40b.nl', '_a', '__proto__'];
const inPlaces = (ids: string[], codeAt: (place: keyof Ids) => ProblemCode) =>
  ids.flatMap((id) =>
    PLACES.flatMap((place) => {
      const code = codeAt(place);
      const mistake = code === 'invalid-id' ? { path: place, message: /@|%40/.test(id) ? /e-mail/ : /./ } : undefined;
      const isOf: IsOf = ({ path }) => path.includes(`{${place}}`);
      return refused(code, [[`the ${place} "${id}"`, { [place]: id }, isOf, mistake]]);
    }),
  );
/** In each place of the path where an id belongs. */
const BAD_IDS = [
  ...inPlaces([''], () => 'not-found'),
  ...inPlaces(BYTES, () => 'malformed-path'),
  ...inPlaces([...PATHS_OUT, ...NO_NAMES], (place) => (place === 'recording' ? 'recording-not-found' : 'invalid-id')),
];

/** The valid body and one member more. */
const withMember = ({ body = {} }: ContractCall, member: string) => ({
  body: `${JSON.stringify(body).slice(0, -1)}${Object.keys(body).length > 0 ? ',' : ''}${member}}`,
});
const withText = (call: ContractCall, bytes: number) => withMember(call, `"x":"${'x'.repeat(bytes)}"`);
const nested = (depth: number) => `"x":${'{"x":'.repeat(depth)}1${'}'.repeat(depth)}`;
const bodies = (...texts: string[]) => texts.map((body): Row => [`${body.slice(0, 100)} as JSON`, { body }, takesJson]);
const ofType = (isOf: IsOf, headers: Record<string, string>): Row => {
  const ask: Refusal['ask'] = (call) => ({ headers, recording: idOf(call.takesFile ? 'uploading' : 'stored') });
  return [`a body with ${JSON.stringify(headers)}`, ask, isOf];
};

const TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];
const CHARSETS = ['utf-7', 'utf-16le', '"utf-32"', 'latin1', ''].map((name) => `application/json; charset=${name}`);
const FILE_TYPES = ['video/webm', 'application/json', 'application/octet-stream', 'multipart/mixed; boundary=edge'];
const CHUNKED = { headers: { 'transfer-encoding': 'chunked' } };
const SMALL_BODIES = named('create', 'playback link', 'assess', 'restrict');

const BODIES: readonly Refusal[] = [
  ...refused('malformed-json', bodies('{', '{"a":1,}', '{"a":NaN}', '{}{}', '<a/>')),
  ...refused('body-too-large', [
    ['1 MB of JSON', (call) => withText(call, 2 ** 20), takesJson],
    ['1 MB of JSON of unknown length', (call) => ({ ...withText(call, 2 ** 20), ...CHUNKED }), takesJson],
    ['more than 64 KiB', (call) => withText(call, 65_536), SMALL_BODIES],
  ]),
  ...refused('unsupported-media-type', [
    ...[...TYPES, ...CHARSETS].map((type) => ofType(takesJson, { 'content-type': type })),
    ofType(takesJson, { 'content-encoding': 'gzip' }),
    ...FILE_TYPES.map((type) => ofType(takesFile, { 'content-type': type })),
  ]),
  ...refused('invalid-request', [
    ...bodies('[]', '[{}]', '"text"', 'null', 'true', '-1e400', '['.repeat(20_000) + ']'.repeat(20_000)),
    // Bytes that are no UTF-8 are taken for characters that no schema allows.
    ['characters of no member', (call) => withMember(call, '"\u00ff\ufffe":1'), takesJson],
    ['depth', (call) => withMember(call, nested(10_000)), takesJson],
    ...[
      ['__proto__', '{"polluted":true}'],
      ['constructor', '{"prototype":{"polluted":true}}'],
      ['toString', '"x"'],
      ['tenant', '"other"'],
      ['deleteBy', '"2099-01-01T00:00:00Z"'],
    ].map(([path = '', value]): Row => {
      const ask: Refusal['ask'] = (call) => withMember(call, `"${path}":${value}`);
      return [`the member ${path}`, ask, takesJson, { path }];
    }),
  ]),
];

const withConsent = (consent: unknown) => ({ ...CREATE_BODY, consent });
const PROTO = '"__proto__":{"polluted":true}';
/** By the call: bodies whose members are not what they should be. */
const MISTAKES: readonly (readonly [string, ...(string | object)[]])[] = [
  ['create', '', JSON.stringify(CREATE_BODY).replace('{"givenAt"', `{${PROTO},"givenAt"`)],
  ['create', withConsent([]), withConsent('yes'), withConsent({ givenAt: FROM })],
  ['presign parts', `{"parts":[{"partNumber":1,"sizeBytes":1,${PROTO}}]}`],
  ['presign parts', { parts: { 0: { partNumber: 1, sizeBytes: 1 }, length: 1 } }],
  ['presign parts', { parts: [] }, { parts: sizes(1, 1) }, { parts: sizes(0) }, { parts: sizes(10_001) }],
  ['presign parts', { parts: [{ partNumber: 1, sizeBytes: 0 }] }, { parts: sizes(...upTo(1001)) }],
  ['complete', `{"parts":[{"partNumber":1,"etag":"x",${PROTO}}]}`, { parts: etags(2, 1) }, { parts: etags(1, 1) }],
  ['complete', { timeline: null }, timeline([]), timeline(gap('x'.repeat(201)))],
  ['complete', timeline(...upTo(1001).map(() => gap('x')))],
  ['complete', { timeline: { startedAt: FROM, endedAt: '2026-01-02T09:00:00Z', gaps: [] } }],
  ['playback link', { reason: null }, { reason: '' }, { reason: 'x'.repeat(201) }],
  ['restrict', '', {}, { reason: 7 }, { reason: '' }, { reason: 'x'.repeat(201) }],
  ['assess', '', {}, { completedAt: '2026-01-02T10:00:00' }, { completedAt: '2026-02-30T10:00:00Z' }],
  ['assess', { completedAt: 1_793_000_000 }],
];
const MEMBERS = MISTAKES.flatMap(([call, ...bodies]) =>
  bodies.map((body): Row => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return [`the body ${text.slice(0, 100) || 'that is missing'}`, { body: text }, named(call)];
  }),
);

const FILE = formWith(Buffer.from('no recording')).body;
const LARGE = formWith(Buffer.concat([Buffer.from('1a45dfa39f4282847765626d', 'hex'), Buffer.alloc(200_000)])).body;
const form = (name: string, body: Buffer, more: Ask = {}): Row => {
  return [name, () => ({ recording: idOf('uploading'), body, ...more }), takesFile];
};
const withHead = (from: string, to: string) => Buffer.from(String(FILE).replace(from, to));
const lists = named('list of attempt', 'list of exam');

const REFUSALS: readonly Refusal[] = [
  ...[TOKENS, NOT_FOUND, BAD_IDS, BODIES].flat(),
  ...refused('malformed-form', [
    form('a form that ends early', FILE.subarray(0, -20)),
    form('a form without its boundary', Buffer.from('nothing')),
    form('a form that is empty', Buffer.alloc(0)),
  ]),
  ...refused('recording-too-large', [
    form('a file above the limit', LARGE),
    form('a file above the limit of unknown length', LARGE, CHUNKED),
  ]),
  ...refused('file-missing', [form('a form without a file', withHead('"file"; filename="blob"', '"note"'))]),
  ...refused('invalid-request', [
    ...MEMBERS,
    form('a file in another field', withHead('"file"', '"video"')),
    form('a file in a field that nests', withHead('"file"', '"file[a][b]"')),
    [
      'a parameter that means nothing',
      ({ query = '' }) => ({ query: `${query || '?'}&force=true` }),
      () => true,
      { path: 'force', message: /^Is not known here$/ },
    ],
    ...['limit=1e1', 'limit[]=1', 'assessed=TRUE', 'duebefore=2026-11-02T10:00:00Z', 'cursor='].map(
      (query): Row => [`the query ${query}`, { query: `?${query}` }, lists],
    ),
  ]),
];

describe.each(CALLS)('$name refuses', (call) => {
  it.each(REFUSALS.filter(({ isOf }) => isOf(call)))('$name: $code', async ({ ask, code, mistake }) => {
    const answer = await send(call, await ask(call));
    const { status, headers, body } = answer;
    expectProblem(answer, PROBLEMS[code].status, code);
    if (status === 401) expect(headers['www-authenticate']).toMatch(/^Bearer /);
    if (code === 'scope-missing') {
      expect(headers['www-authenticate']).toContain('insufficient_scope');
      expect(body.detail).toContain(call.scopes.join(' or '));
    }
    if (mistake) {
      const { path, message = /./ } = mistake;
      expect(body.errors).toContainEqual({ path, message: expect.stringMatching(message) });
    }
    await expectNothingChanged();
  });
});

const PATHS = [...Map.groupBy(CALLS, ({ path }) => path)].map(([path, calls]) => {
  const methods = calls.map(({ method }) => method.toUpperCase());
  return { path, allow: methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])) };
});

it.each(PATHS)('$path refuses the methods that it does not have, and says which it has', async ({ path, allow }) => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((each) => !allow.includes(each))) {
    const answer = await api.raw(method, pathOf({ path }, { recording: idOf('stored') }));
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers.allow?.split(', ').sort()).toEqual(allow.toSorted());
  }
  await expectNothingChanged();
});

const RECORDINGS = '/v1/exams/math/attempts/attempt/recordings';
const NOWHERE = ['/', '/v1', '/v2', '/V1/exams/math/recordings', '/v1/Exams/math/recordings', '/v1/exams/math'];
it.each([...NOWHERE, `${RECORDINGS}/`, `${RECORDINGS}/r/parts/1`, '/v1/__proto__', '/.env'])(
  'there is nothing at %s: not-found',
  async (path) => expectProblem(await api.raw('GET', path), 404, 'not-found'),
);

describe('another tenant, who names the same exam, attempt and participant,', () => {
  it('changes and sees nothing, whatever it calls in whatever order', async () => {
    const own = await everythingStored('acme');
    const ids = STATES.map(idOf);
    const step = fc.record({ call: fc.constantFrom(...CALLS), recording: fc.constantFrom(...ids) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
        for (const { call, recording } of steps) {
          const answer = await send(call, { as: { tenant: 'other' }, recording });
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
    for (const path of ['/v1/exams/math/recordings', RECORDINGS]) {
      const { body } = await api.call<{ items: Recording[]; nextCursor: string }>('get', path);
      const listed = body.items.map(({ recordingId }) => recordingId);
      expect(listed).toEqual(STATES.slice(0, 3).map(idOf));
      const { nextCursor } = (await api.call('get', `${path}?limit=1`)).body;
      expect(nextCursor).toEqual(expect.any(String));
      const answer = await api.call('get', `${path}?cursor=${String(nextCursor)}`, { as: { tenant: 'third' } });
      expect(answer.body).toEqual({ items: [], nextCursor: null });
    }
  });
});
