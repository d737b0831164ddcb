// The table of refusals: what every call under /v1 refuses, with which status and code, and that it changes nothing.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { PROBLEMS, type ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import { MAX_OVERVIEW_BYTES } from '../../src/model/overview.ts';
import { listAll, listAllMultipartUploads } from '../../src/objectstore/object-store.ts';
import { MIB } from '../kit/fixtures.ts';
import { recordingKey } from '../kit/keys.ts';
import { overviewOf, overviewWith } from '../kit/overview.ts';
import { ALL_SCOPES, type Answer, type Api, type CallOptions, startApi, UNKNOWN_RECORDING } from './api.ts';
import {
  bodyOf,
  CALLS,
  type ContractCall,
  CREATE_BODY,
  formWith,
  type Ids,
  isOfRecording,
  namesSomething,
  pathOf,
  SCOPES,
} from './calls.ts';
import { expectProblem } from './expectations.ts';

const SITTING = { exam: 'math', attempt: 'attempt' };
const STATES = ['uploading', 'stored', 'restricted', 'erased'] as const;
let api: Api;
let strict: Api;
let closed: Api;
let ids: string[];
const idOf = (state: (typeof STATES)[number]) => ids[STATES.indexOf(state)] ?? '';
let before: string[];

beforeAll(async () => {
  api = await startApi({ uploads: { maxRecordingBytes: 100_000 } });
  strict = await startApi({ rateLimitPerMinute: 1 });
  closed = await startApi({ whyClosed: () => 'self-test running' });
  const [uploading, stored] = [await api.create(SITTING), await api.store(SITTING)];
  const [restricted, erased] = [await api.store(SITTING), await api.store(SITTING)];
  ids = [uploading, stored, restricted, erased].map(({ ref }) => ref.recording);
  await api.upload(uploading, new Uint8Array(1000));
  await api.service.store.put(recordingKey(restricted.ref, 'restricted'), new Uint8Array());
  expect((await api.call('delete', `${erased.path}?reason=erasure`)).status).toBe(200);
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

/** How the call differs from a correct one. */
interface Ask extends CallOptions, Ids {
  readonly query?: string;
  /** One of the errors in the answer's list. */
  readonly tells?: { readonly path: string; readonly message?: RegExp } | undefined;
}
type Asks = Readonly<Record<string, Ask | ((call: ContractCall) => Ask | Promise<Ask>)>>;
type IsOf = (call: ContractCall) => boolean;

async function send(call: ContractCall, ask: Ask, by = api): Promise<Answer> {
  by.service.clock.advance(1);
  const valid = bodyOf(call);
  const recording = idOf(call.takesFile || call.takesPart || call.takesOverview ? 'uploading' : 'stored');
  const path = pathOf({ ...call, ...ask }, { ...SITTING, recording, ...ask });
  return by.raw(call.method.toUpperCase(), path, { ...valid, ...ask, headers: { ...valid.headers, ...ask.headers } });
}

const refused = (code: ProblemCode, isOf: IsOf, asks: Asks) =>
  Object.entries(asks).map(([name, ask]) => ({ code, isOf, name: name.slice(0, 100), ask }));
const each = (values: readonly string[], ask: (value: string) => Asks[string], name = '') =>
  Object.fromEntries(values.map((value) => [`${name}${value}`, ask(value)]));

const ofAll: IsOf = () => true;
const takesJson: IsOf = ({ body }) => body !== undefined;
const takesFile: IsOf = (call) => call.takesFile === true;
const takesPart: IsOf = (call) => call.takesPart === true;
const takesOverview: IsOf = (call) => call.takesOverview === true;
const takesBytes: IsOf = (call) => takesPart(call) || takesOverview(call);
const named = (...names: string[]): IsOf => {
  return ({ name }) => names.includes(name);
};

/** Invalid tokens are in auth.test.ts. */
const TOKENS = [
  ...refused('token-missing', ofAll, {
    'no token': { as: null },
    'a token in the query': async () => {
      const [, token] = (await api.authorization()).split(' ');
      return { as: null, query: `?access_token=${token}` };
    },
  }),
  ...refused('token-missing', (call) => takesJson(call) || takesFile(call) || takesBytes(call), {
    'no token, before the body is read': { as: null, body: '{', headers: { 'content-type': 'text/plain' } },
  }),
  ...refused('token-expired', ofAll, { 'a token that has expired': { as: { exp: 1 } } }),
  ...refused('token-invalid', ofAll, {
    'a token that is no JWT': { authorization: 'Bearer hello' },
    'a token whose tenant is no id': { as: { tenant: '../acme' } },
  }),
  ...[...SCOPES, '', 'recordings:*', '*', ALL_SCOPES.replaceAll(' ', ','), ALL_SCOPES.toUpperCase()].flatMap((scope) =>
    refused('scope-missing', ({ scopes }) => !scopes.some((one) => one === scope), {
      [`the scope "${scope}" alone`]: { as: { scope } },
    }),
  ),
  ...refused('wrong-attempt', namesSomething, {
    'a token of another exam': { as: { exam: 'other' } },
    'a token of another attempt': { as: { exam: 'math', attempt: 'other' } },
    "a token of another exam's attempt": { as: { exam: 'other', attempt: 'attempt' } },
  }),
  ...refused('wrong-attempt', (call) => namesSomething(call) && !call.path.includes('{attempt}'), {
    'a token of an attempt for more than that': { as: SITTING },
  }),
];

const etags = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, etag: '"d41d8cd9"' }));
const sizes = (...numbers: number[]) => numbers.map((partNumber) => ({ partNumber, sizeBytes: 1000 }));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

const NOT_FOUND = [
  ...refused('recording-not-found', isOfRecording, {
    'an unknown recording': { recording: UNKNOWN_RECORDING },
    'a recording of another attempt': { attempt: 'another' },
    'a recording of another exam': { exam: 'another' },
  }),
  ...STATES.flatMap((state) =>
    refused('recording-not-found', isOfRecording, {
      [`another tenant's recording, ${state}`]: () => ({ as: { tenant: 'other' }, recording: idOf(state) }),
    }),
  ),
  ...refused('recording-not-found', named('complete'), {
    'ten thousand parts of an unknown one': {
      recording: UNKNOWN_RECORDING,
      body: JSON.stringify({ parts: etags(...upTo(10_000)) }),
    },
  }),
];

const PATHS_OUT = ['..', '.', '%2e%2e', 'a%2fb', 'a%5cb', '%00', 'a%0ab'];
const NO_NAMES = ['%C3%A9', 'a'.repeat(65), '_a', '__proto__'];
/** In each place of the path where an id belongs. */
const BAD_IDS = (['exam', 'attempt', 'recording', 'participant'] as const).flatMap((place) => {
  const isOf: IsOf = ({ path }) => path.includes(`{${place}}`);
  const code = place === 'recording' ? 'recording-not-found' : 'invalid-id';
  const inPlace = (values: string[], tells?: Ask['tells']) =>
    each(values, (id) => ({ [place]: id, tells }), `the ${place} `);
  return [
    ...refused('not-found', isOf, inPlace([''])),
    ...refused('malformed-path', isOf, inPlace(['%zz', '%ff'])),
    ...refused(code, isOf, inPlace([...PATHS_OUT, ...NO_NAMES], { path: place })),
    ...refused(code, isOf, inPlace(['a@b.nl', 'a%40b.nl'], { path: place, message: /e-mail/ })),
  ];
});

/** The valid body and one member more. */
const withMember = ({ body = {} }: ContractCall, name: string, value: string) => ({
  body: `${JSON.stringify(body).slice(0, -1)}${Object.keys(body).length > 0 ? ',' : ''}"${name}":${value}}`,
});
const large = (call: ContractCall, bytes: number) => withMember(call, 'x', `"${'x'.repeat(bytes)}"`);
const asBody = (body: string) => ({ body });
const ofType = (type: string) => ({ headers: { 'content-type': type } });

const TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];
const CHARSETS = ['utf-7', 'utf-16le', '"utf-32"', 'latin1', ''].map((name) => `application/json; charset=${name}`);
const FILE_TYPES = ['video/webm', 'application/json', 'application/octet-stream', 'multipart/mixed; boundary=edge'];
const CHUNKED = { headers: { 'transfer-encoding': 'chunked' } };
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);
const POLLUTED = '{"polluted":true}';

const BODIES = [
  ...refused('malformed-json', takesJson, each(['{', '{"a":1,}', '{"a":NaN}', '{}{}', '<a/>'], asBody)),
  ...refused('body-too-large', takesJson, {
    '1 MB of JSON': (call) => large(call, 2 ** 20),
    '1 MB of JSON of unknown length': (call) => ({ ...large(call, 2 ** 20), ...CHUNKED }),
  }),
  ...refused('body-too-large', named('create', 'playback link', 'assess', 'restrict'), {
    'more than 64 KiB': (call) => large(call, 65_536),
  }),
  ...refused('unsupported-media-type', takesJson, {
    ...each([...TYPES, ...CHARSETS], ofType),
    'a compressed body': { headers: { 'content-encoding': 'gzip' } },
  }),
  ...refused('unsupported-media-type', takesFile, each(FILE_TYPES, ofType)),
  ...refused('invalid-request', named('create', 'presign parts', 'assess', 'restrict'), {
    'no body': { body: '', tells: { path: '', message: /send a JSON object/ } },
  }),
  ...refused('invalid-request', takesJson, {
    // As PHP writes an empty array.
    '[]': { body: '[]', tells: { path: '', message: /send \{\}, not \[\]/ } },
    ...each(['[{}]', '"text"', 'null', 'true', '-1e400', DEEP], asBody),
    // Bytes that are not UTF-8 are decoded to characters that no schema allows.
    'characters of no member': (call) => withMember(call, '\u00ff\ufffe', '1'),
    depth: (call) => withMember(call, 'x', `${'{"x":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
    ...each(
      ['__proto__', 'constructor', 'toString', 'tenant', 'deleteBy'],
      (path) => (call) => ({ ...withMember(call, path, POLLUTED), tells: { path } }),
      'the member ',
    ),
  }),
];

const withConsent = (consent: unknown) => ({ ...CREATE_BODY, consent });
const PROTO = `"__proto__":${POLLUTED}`;
const [FROM, TO] = ['2026-01-02T10:00:00Z', '2026-01-02T11:30:00+01:00'];
const timeline = (...gaps: unknown[]) => ({ timeline: { startedAt: FROM, endedAt: TO, gaps } });
const gap = (reason: string) => ({ from: FROM, to: FROM, reason });
/** By the call: bodies whose members are not what they should be. */
const MISTAKES: readonly (readonly [string, ...(string | object)[]])[] = [
  ['create', '', JSON.stringify(CREATE_BODY).replace('{"givenAt"', `{${PROTO},"givenAt"`)],
  ['create', withConsent([]), withConsent('yes'), withConsent({ givenAt: FROM })],
  ['presign parts', `{"parts":[{"partNumber":1,"sizeBytes":1,${PROTO}}]}`],
  ['presign parts', { parts: { 0: { partNumber: 1, sizeBytes: 1 }, length: 1 } }],
  ['presign parts', { parts: [] }, { parts: sizes(1, 1) }, { parts: sizes(0) }, { parts: sizes(10_001) }],
  ['presign parts', { parts: [{ partNumber: 1, sizeBytes: 0 }] }, { parts: sizes(...upTo(1001)) }],
  ['complete', `{"parts":[{"partNumber":1,"etag":"x",${PROTO}}]}`, { parts: etags(2, 1) }, { parts: etags(1, 1) }],
  ['complete', { timeline: [] }, timeline([]), timeline(gap('x'.repeat(201)))],
  ['complete', timeline(...upTo(1001).map(() => gap('x')))],
  ['playback link', { reason: 7 }, { reason: '' }, { reason: 'x'.repeat(201) }],
  ['restrict', '', {}, { reason: 7 }, { reason: '' }, { reason: 'x'.repeat(201) }],
  ['assess', '', {}, { completedAt: '2026-01-02T10:00:00' }, { completedAt: '2026-02-30T10:00:00Z' }],
  ['assess', { completedAt: 1_793_000_000 }, { completedAt: null }],
];
const MEMBERS = MISTAKES.flatMap(([call, ...bodies]) => {
  const texts = bodies.map((body) => (typeof body === 'string' ? body : JSON.stringify(body)));
  return refused('invalid-request', named(call), each(texts, asBody, 'the body '));
});

const FILE = formWith(Buffer.from('no recording')).body;
const LARGE = formWith(Buffer.concat([Buffer.from('1a45dfa39f4282847765626d', 'hex'), Buffer.alloc(200_000)])).body;
const withHead = (from: string, to: string) => ({ body: Buffer.from(String(FILE).replace(from, to)) });
const FORMS = [
  ...refused('malformed-form', takesFile, {
    'a form that ends early': { body: FILE.subarray(0, -20) },
    'a form without its boundary': { body: Buffer.from('nothing') },
    'a form that is empty': { body: Buffer.alloc(0) },
  }),
  ...refused('recording-too-large', takesFile, {
    'a file above the limit': { body: LARGE },
    'a file above the limit of unknown length': { body: LARGE, ...CHUNKED },
  }),
  ...refused('unsupported-media-type', takesFile, {
    'a file that is encoded': withHead('"blob"', '"blob"\r\nContent-Transfer-Encoding: base64'),
  }),
  ...refused('file-missing', takesFile, { 'a form without a file': withHead('"file"; filename="blob"', '"note"') }),
  ...refused('invalid-request', takesFile, {
    'a file in another field': withHead('"file"', '"video"'),
    'a file in a field that nests': withHead('"file"', '"file[a][b]"'),
  }),
];

const PART_TYPES = [
  'video/webm',
  'application/json',
  'multipart/form-data; boundary=edge',
  'application/octet-streams',
];
const inPart = (partNumber: string) => ({ partNumber, tells: { path: 'partNumber' } });
const PARTS = [
  ...refused('unsupported-media-type', takesBytes, {
    ...each(PART_TYPES, ofType),
    'a compressed part': { headers: { 'content-encoding': 'gzip' } },
  }),
  ...refused('length-required', takesBytes, { 'a part of unknown length': CHUNKED }),
  ...refused('part-too-large', takesPart, { 'a part above its size': { body: Buffer.alloc(5 * MIB + 1) } }),
  ...refused('part-number-too-large', takesPart, { 'a part behind the last': { partNumber: '2' } }),
  ...refused('invalid-request', takesPart, {
    ...each(['0', '01', '-1', '1.5', '1e3', '10001', 'one', '%31%00', '__proto__'], inPart, 'the part '),
  }),
  ...refused('invalid-request', takesBytes, { 'an empty body': { body: Buffer.alloc(0), tells: { path: 'body' } } }),
  ...refused('overview-too-large', takesOverview, {
    'an overview above 2 MiB': { body: Buffer.alloc(MAX_OVERVIEW_BYTES + 1) },
  }),
  ...refused('invalid-request', takesOverview, {
    'an overview whose header is longer than it': { body: Buffer.from('no overview'), tells: { path: 'body' } },
    'an overview without pictures and activity': {
      body: overviewWith({ version: 1 }),
      tells: { path: 'header.pictures', message: /^Is missing$/ },
    },
    'an overview with a member that means nothing': {
      body: overviewWith({ version: 1, pictures: null, activity: null, score: 1 }),
      tells: { path: 'header.score', message: /^Is not known here$/ },
    },
    'an overview whose picture is none': {
      body: overviewOf(Buffer.from('no picture')),
      tells: { path: 'header.pictures.sizeBytes.1' },
    },
  }),
];

const FILTERS = ['limit=1e1', 'limit[]=1', 'assessed=TRUE', 'duebefore=2026-11-02T10:00:00Z', 'cursor='];
const QUERIES = [
  ...refused('invalid-request', ofAll, {
    'a parameter that means nothing': ({ query = '' }) => ({
      query: `${query || '?'}&force=true`,
      tells: { path: 'force', message: /^Is not known here$/ },
    }),
  }),
  ...refused(
    'invalid-request',
    named('list of attempt', 'list of exam'),
    each(FILTERS, (query) => ({ query: `?${query}` })),
  ),
];

const UPLOADING = ['create', 'presign parts', 'put a part', 'put an overview', 'upload content'];
const HANDING_OUT = [...UPLOADING, 'playback link', 'export'];

const REFUSALS = [TOKENS, NOT_FOUND, BAD_IDS, BODIES, MEMBERS, FORMS, PARTS, QUERIES].flat();

describe.each(CALLS)('$name refuses', (call) => {
  it.each(REFUSALS.filter(({ isOf }) => isOf(call)))('$name: $code', async ({ ask, code }) => {
    const { tells, ...asked } = typeof ask === 'function' ? await ask(call) : ask;
    const answer = await send(call, asked);
    const { status, headers, body } = answer;
    expectProblem(answer, PROBLEMS[code].status, code);
    if (status === 401) expect(headers['www-authenticate']).toMatch(/^Bearer /);
    if (code === 'scope-missing') {
      expect(headers['www-authenticate']).toContain('insufficient_scope');
      expect(body.detail).toContain(call.scopes.join(' or '));
    }
    if (tells && status === 422) {
      const { path, message = /./ } = tells;
      expect(body.errors).toContainEqual({ path, message: expect.stringMatching(message) });
    }
    await expectNothingChanged();
  });

  it('while the store is not proven, if it hands something out: store-not-proven', async () => {
    const before = await closed.service.keys();
    const answer = await send(call, { recording: UNKNOWN_RECORDING }, closed);
    const handsOut = HANDING_OUT.includes(call.name);
    if (!handsOut) {
      expect(answer.body.code).not.toBe('store-not-proven');
      return;
    }
    expectProblem(answer, 503, 'store-not-proven');
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.body.detail).toBe('Nothing is handed out: self-test running.');
    const refused = await send(call, { recording: UNKNOWN_RECORDING, as: null }, closed);
    expectProblem(refused, 401, 'token-missing');
    expect(await closed.service.keys()).toEqual(before);
  });

  it('more than a caller may ask: rate-limited', async () => {
    const asked = { as: { sub: call.name }, recording: UNKNOWN_RECORDING };
    let answer = await send(call, asked, strict);
    expect(answer.status).not.toBe(429);
    // A minute that ends meanwhile lets one more through.
    for (let tries = 0; answer.status !== 429 && tries < 5; tries += 1) answer = await send(call, asked, strict);
    expectProblem(answer, 429, 'rate-limited');
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
const NOWHERE = ['/v1', '/v2', '/V1/exams/math/recordings', '/v1/Exams/math/recordings', '/v1/exams/math'];
it.each([...NOWHERE, `${RECORDINGS}/`, `${RECORDINGS}/r/parts/1/2`, '/v1/__proto__', '/.env'])(
  'there is nothing at %s: not-found',
  async (path) => expectProblem(await api.raw('GET', path), 404, 'not-found'),
);

describe('another tenant, who names the same exam, attempt and participant,', () => {
  it('changes and sees nothing, whatever it calls', async () => {
    const own = await everythingStored('acme');
    for (const call of [...CALLS, ...CALLS.toReversed()]) {
      for (const recording of ids) {
        const answer = await send(call, { as: { tenant: 'other' }, recording });
        expect(answer.status).toBeLessThan(500);
        const text = JSON.stringify(answer.body);
        expect(ids.filter((id) => text.includes(id))).toEqual([]);
      }
    }
    expect(await everythingStored('acme')).toEqual(own);
  });

  it('is led nowhere by a cursor of the tenant', async () => {
    for (const path of ['/v1/exams/math/recordings', RECORDINGS]) {
      const { nextCursor } = (await api.call('get', `${path}?limit=1`)).body;
      expect(nextCursor).toEqual(expect.any(String));
      const answer = await api.call('get', `${path}?cursor=${String(nextCursor)}`, { as: { tenant: 'third' } });
      expect(answer.body).toEqual({ items: [], nextCursor: null });
    }
  });
});

it('while the store is not proven a participant can be exported as an archive, which has no links', async () => {
  const headers = { authorization: await closed.authorization({ scope: 'privacy:manage' }) };
  const answer = await fetch(`${closed.url}/v1/participants/p-1/export?format=zip`, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
  await answer.arrayBuffer();
});
