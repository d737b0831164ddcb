// The S3 adapter on stores that lack something, fail, or are reached in other ways than the tests' real ones.
// Faults on the way to a store, such as replies that break off, are in test/faults.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, jest, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/storage/object-store.ts';
import { inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client, type S3Settings } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner } from '../../src/storage/s3/presigner.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { startFaultProxy } from '../kit/fault-proxy.ts';
import { bytes, MEDIA, outcomeOf, partsOf, text } from './object-store-contract.ts';
import { send } from './presigner-contract.ts';
import { openTestStore } from './stores.ts';

/** The path is as it was sent, still escaped. */
type FakeRequest = { method: string; path: string; query: URLSearchParams; headers: IncomingHttpHeaders; body: string };
/** For short: `403 AccessDenied` or `501` is an error, and any other string the content of a document. */
type Answer = string | { status?: number; headers?: Record<string, string>; body?: string; withoutDate?: boolean };
type Script = (request: FakeRequest, index: number) => Answer;

/** The adapter on a store whose n-th answer, from 0, is what the script gives. */
async function adapterOn(script: Script, changes: Partial<S3Settings> = {}) {
  const requests: FakeRequest[] = [];
  const proxy = await startFaultProxy('http://nothing-behind-it');
  afterThisTest(() => proxy.close());
  proxy.spoil(() => (response, _ask, sent) => {
    const { method = '', url = '', headers } = response.req;
    const { pathname: path, searchParams: query } = new URL(url, proxy.endpoint);
    const request = { method, path, query, headers, body: sent.toString() };
    const reply = replyOf(script(request, requests.push(request) - 1));
    response.sendDate = reply.withoutDate !== true;
    response.writeHead(reply.status ?? 200, reply.headers).end(reply.body);
  });
  return { ...adapterFor({ endpoint: proxy.endpoint, ...changes }), requests, close: () => proxy.close() };
}

function replyOf(answer: Answer): Exclude<Answer, string> {
  if (typeof answer !== 'string') return answer;
  const [, status, code] = /^(\d{3})(?: (\w+))?$/.exec(answer) ?? [];
  if (status === undefined) return document(answer);
  const error = code === undefined ? {} : document(`<Code>${code}</Code><Message>as scripted</Message>`, 'Error');
  return { ...error, status: Number(status) };
}

/** The SDK takes a root element of any name. */
function document(content: string, root = 'Answer') {
  const body = `<?xml version="1.0"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
  return { headers: { 'content-type': 'application/xml' }, body };
}

function adapterFor(changes: Partial<S3Settings> = {}) {
  const credentials = { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' };
  const place = { region: 'eu-central-1', bucket: 'recordings', keyPrefix: '', forcePathStyle: true };
  const settings: S3Settings = { ...place, credentials, ...changes };
  const attempts: string[] = [];
  const notices: string[] = [];
  const client = createS3Client(settings, (operation, outcome) => attempts.push(`${operation} ${outcome}`));
  retryAtOnce(client);
  afterThisTest(() => client.destroy());
  const store = new S3ObjectStore(client, settings, (notice) => notices.push(notice));
  const inspection = inspectBucket(client, settings);
  const presigner = createS3Presigner({ client, settings, now: Date.now });
  return { client, settings, store, inspection, attempts, notices, presigner };
}

/** Retries what the service retries, and as often, without waiting in between. */
function retryAtOnce({ config }: S3Client): void {
  const provide = config.retryStrategy;
  config.retryStrategy = async () => {
    const strategy = await provide();
    // The SDK waits in the strategy itself, and for how long only this part of it knows.
    const backoff: unknown = Reflect.get(strategy, 'retryBackoffStrategy');
    if (!(backoff instanceof Object)) throw new Error('the SDK no longer keeps its back-off there');
    Object.assign(backoff, { computeNextBackoffDelay: () => 0 });
    return strategy;
  };
}

/** No credentials anywhere but in these variables, until the end of the test. */
function withCredentials(variables: Record<string, string>): void {
  afterThisTest(() => jest.restoreAllMocks());
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const nowhere = { AWS_CONFIG_FILE: '/nonexistent', AWS_SHARED_CREDENTIALS_FILE: '/nonexistent' };
  const env = { ...Object.fromEntries(others), ...nowhere, AWS_EC2_METADATA_DISABLED: 'true', ...variables };
  jest.replaceProperty(process, 'env', env);
}

const CALLS = {
  put: ({ store }) => store.put('a', bytes('x')),
  get: ({ store }) => store.get('a'),
  getRange: ({ store }) => store.getRange('a', 0, 9),
  list: ({ store }) => store.list('a'),
  listVersions: ({ store }) => store.listVersions('a'),
  isVersioned: ({ store }) => store.isVersioned(),
  delete: ({ store }) => store.delete([{ key: 'a' }]),
  tag: ({ store }) => store.tag('a', { b: 'c' }),
  tags: ({ store }) => store.tags('a'),
  create: ({ store }) => store.createMultipartUpload('a', MEDIA),
  uploadPart: ({ store }) => store.uploadPart('a', 'id', 1, bytes('x')),
  listParts: ({ store }) => store.listParts('a', 'id'),
  complete: ({ store }) => store.completeMultipartUpload('a', 'id', []),
  abort: ({ store }) => store.abortMultipartUpload('a', 'id'),
  listUploads: ({ store }) => store.listMultipartUploads('a'),
  objectLock: ({ inspection }) => inspection.objectLock(),
  versioning: ({ inspection }) => inspection.versioning(),
  policy: ({ inspection }) => inspection.policy(),
  isPolicyPublic: ({ inspection }) => inspection.isPolicyPublic(),
  publicGrants: ({ inspection }) => inspection.publicGrants(),
  encryption: ({ inspection }) => inspection.encryption(),
  corsRules: ({ inspection }) => inspection.corsRules(),
  lifecycleRules: ({ inspection }) => inspection.lifecycleRules(),
  putIfAbsent: ({ inspection }) => inspection.putIfAbsent('key', bytes('x')),
} as const satisfies Record<string, (on: ReturnType<typeof adapterFor>) => Promise<unknown>>;
type Call = keyof typeof CALLS;
type Outcomes = Partial<Record<Call, unknown>>;
const EVERY_CALL = Object.keys(CALLS) as Call[];
/** The calls that the service cannot do without: when the store refuses one, it is an error. */
const NEEDED = 'put get getRange list listVersions create uploadPart listParts complete abort listUploads'.split(' ');

const each = (calls: readonly string[], outcome: unknown): Outcomes =>
  Object.fromEntries(calls.map((call) => [call, outcome]));

const UPLOAD_GONE = { listParts: undefined, complete: false, abort: undefined, uploadPart: 'no-such-upload' };
const NOTHING = { key: '', sizeBytes: 0, lastModifiedMs: Number.NaN };
const VERSION = { ...NOTHING, versionId: undefined, isLatest: false, isDeleteMarker: false };
const pages = (storeTimeMs: number, objects: unknown[], versions: unknown[], uploads: unknown[]) => ({
  list: { objects, truncated: false, storeTimeMs },
  listVersions: { versions, storeTimeMs },
  listUploads: { uploads, storeTimeMs },
});

/** The whole of a listing, as every store says of its last page. */
const WHOLE = '<IsTruncated>false</IsTruncated>';
const ITEMS = '<Contents></Contents><Version></Version><Upload></Upload><Part></Part><TagSet><Tag></Tag></TagSet>';

const LOCKED = '<ObjectLockEnabled>Enabled</ObjectLockEnabled>';
const locked = (term: string) => `${LOCKED}<Rule><DefaultRetention>${term}</DefaultRetention></Rule>`;
const GRANTEE = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">';
const grant = (group: string) =>
  `<Grant>${GRANTEE}<URI>http://acs/groups/${group}</URI></Grantee><Permission>READ</Permission></Grant>`;
const GROUPS = ['global/AllUsers', 'global/AuthenticatedUsers', 's3/LogDelivery'];
const GRANTS = `<AccessControlList>${GROUPS.map(grant).join('')}</AccessControlList>`;
const ENCRYPTED =
  '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>' +
  '</ApplyServerSideEncryptionByDefault></Rule><Rule></Rule>';
const days = (element: string, unit: string) => `<${element}><${unit}>9</${unit}></${element}>`;
const ABORTS = days('AbortIncompleteMultipartUpload', 'DaysAfterInitiation');
const LARGE = '<And><Prefix>and/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And>';
/** Rules with their prefix in each possible place, with and without further filters. */
const RULES: readonly [xml: string, summary: object][] = [
  [`<ID>a</ID><Prefix>old/</Prefix>${days('Expiration', 'Days')}`, { id: 'a', prefix: 'old/', expirationDays: 9 }],
  [`<Filter><Prefix>new/</Prefix></Filter>${ABORTS}`, { prefix: 'new/', abortUploadsDays: 9 }],
  [`<Filter>${LARGE}</Filter>`, { prefix: 'and/', isNarrowed: true }],
  ['<Expiration><Date>2027-01-01T00:00:00.000Z</Date></Expiration>', { expiresAtDate: true }],
  ['<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>', { isNarrowed: true }],
];
const RULE = { id: '(no id)', prefix: '', isNarrowed: false, expiresAtDate: false };
const LIFECYCLE =
  RULES.map(([xml]) => `<Rule><Status>Enabled</Status>${xml}</Rule>`).join('') +
  '<Rule><ID>off</ID><Status>Disabled</Status></Rule>';
const NO_LISTS = each(['publicGrants', 'encryption', 'corsRules', 'lifecycleRules'], []);

describe('an answer of the store', () => {
  test.each<[Answer, Outcomes]>([
    ['403 AccessDenied', each(EVERY_CALL, 'access-denied')],
    ['403 WordsOfItsOwn', each(EVERY_CALL, 'access-denied')],
    ['403 InvalidAccessKeyId', { list: 'access-denied' }],
    ['401 Unauthorized', { list: 'access-denied' }],
    ['404 NoSuchBucket', each(EVERY_CALL, 'no-such-bucket')],
    [{ status: 400, body: '<html>' }, each(NEEDED, 'unexpected')],
    ['400 Whatever', each(NEEDED, 'unexpected')],
    ['429 Whatever', { list: 'unavailable' }],
    ['500 Whatever', { list: 'unavailable' }],
    ['405 Whatever', { ...each(NEEDED, 'not-implemented'), isVersioned: false }],
    ['501', { tag: false, tags: undefined, isVersioned: false, objectLock: undefined }],
    ['404 None', { objectLock: undefined, policy: undefined, isPolicyPublic: false, ...NO_LISTS }],
    ['412 PreconditionFailed', { putIfAbsent: false }],
    ['404', { get: undefined, getRange: undefined, tag: false, tags: undefined, delete: [] }],
    ['404 NoSuchUpload', UPLOAD_GONE],
    ['404 NoSuchKey', UPLOAD_GONE],
    ['400 InvalidPart', { complete: 'invalid-parts' }],
    ['400 InvalidPartOrder', { complete: 'invalid-parts' }],
    ['400 EntityTooSmall', { complete: 'invalid-parts' }],
    ['<Status>Enabled</Status>', { isVersioned: true, versioning: 'enabled' }],
    ['<Status>Suspended</Status>', { isVersioned: true, versioning: 'suspended' }],
    ['', { versioning: 'off', objectLock: undefined }],
    [LOCKED, { objectLock: { defaultRetention: undefined } }],
    [locked('<Mode>M</Mode><Days>40</Days>'), { objectLock: { defaultRetention: 'M, 40 days' } }],
    [locked('<Mode>M</Mode><Years>7</Years>'), { objectLock: { defaultRetention: 'M, 7 years' } }],
    ['<IsPublic>true</IsPublic>', { isPolicyPublic: true }],
    [GRANTS, { publicGrants: ['READ to AllUsers', 'READ to AuthenticatedUsers'] }],
    [ENCRYPTED, { encryption: ['AES256'] }],
    [LIFECYCLE, { lifecycleRules: RULES.map(([, summary]) => ({ ...RULE, ...summary })) }],
    ['<Key>of an upload without an id</Key>', { create: 'unavailable' }],
    // Without an ETag, and as a listing cut short: an empty one says that it goes no further.
    [{ body: '' }, { uploadPart: '', ...each(['list', 'listVersions', 'listParts', 'listUploads'], 'unavailable') }],
    [
      { ...document(WHOLE), headers: { date: 'Mon, 23 Nov 2026 02:03:17 GMT' } },
      { ...pages(Date.UTC(2026, 10, 23, 2, 3, 17), [], [], []), listParts: [], tags: {} },
    ],
    [
      { ...document(WHOLE + ITEMS), withoutDate: true },
      {
        ...pages(Number.NaN, [NOTHING], [VERSION], [{ key: '', uploadId: '', initiatedMs: Number.NaN }]),
        listParts: [{ partNumber: 0, sizeBytes: 0, etag: '', lastModifiedMs: Number.NaN }],
        tags: { '': '' },
      },
    ],
  ])('%j', async (answer, expected) => {
    const adapter = await adapterOn(() => answer);
    for (const call of EVERY_CALL.filter((name) => name in expected)) {
      expect([call, await outcomeOf(CALLS[call](adapter))]).toEqual([call, expected[call]]);
    }
  });

  test('is asked for again; each attempt is counted with its outcome, and what is thrown names the call', async () => {
    const answers = ['503 SlowDown', '503 SlowDown', { body: 'there' }];
    const { store, attempts, close } = await adapterOn((_, index) => answers[index] ?? '403 AccessDenied');
    expect(text(await store.get('a'))).toBe('there');
    expect(attempts).toEqual(['GetObject SlowDown', 'GetObject SlowDown', 'GetObject ok']);
    await expect(store.list('a')).rejects.toMatchObject({ operation: 'ListObjectsV2', storeCode: 'AccessDenied' });
    await close();
    expect(await outcomeOf(store.list('a'))).toBe('unavailable');
    expect(attempts).toContain('ListObjectsV2 ECONNREFUSED');
    const putOff = await adapterOn((_, index) => (index === 0 ? '409 OperationAborted' : ''));
    expect(await putOff.store.tag('a', { b: 'c' })).toBe(true);
  });

  test('that is too large is refused, even if its length was not announced', async () => {
    const { store, attempts } = await adapterOn(() => ({ body: 'x'.repeat(MAX_SMALL_OBJECT_BYTES + 1) }));
    expect(await outcomeOf(store.get('a'))).toBe('too-large');
    expect(attempts).toHaveLength(1);
  });

  test('that names versions is put in order: by key, the latest first, then by time', async () => {
    const answer = ['Version a 3', 'Version a 1', 'Version b 4 true', 'DeleteMarker a 3 true', 'DeleteMarker a 2'].map(
      (line) => {
        const [element, key, second, latest = false] = line.split(' ');
        const time = `<LastModified>2026-11-23T02:03:0${second}.000Z</LastModified><IsLatest>${latest}</IsLatest>`;
        return `<${element}><Key>${key}</Key><VersionId>${key}${second}</VersionId>${time}</${element}>`;
      },
    );
    const { store } = await adapterOn(() => WHOLE + answer.join(''));
    const listed = (await store.listVersions('')).versions.map((item) => `${item.versionId} ${item.isDeleteMarker}`);
    expect(listed).toEqual(['a3 true', 'a3 false', 'a2 true', 'a1 false', 'b4 false']);
  });

  test('that has parts is read over as many pages as there are', async () => {
    const part = (number: number) => `<Part><PartNumber>${number}</PartNumber><ETag>"${number}"</ETag></Part>`;
    const truncated = '<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>';
    const { store, requests } = await adapterOn((_, index) => (index === 0 ? truncated + part(7) : WHOLE + part(8)));
    expect((await store.listParts('a', 'id'))?.map((item) => item.partNumber)).toEqual([7, 8]);
    expect(requests.map((request) => request.query.get('part-number-marker'))).toEqual([null, '7']);
  });

  const ERRORS: Answer[] = ['500 InternalError', document('<Code>InternalError</Code>', 'Error')];
  test.each(ERRORS)('%j to a completion is asked for again, and means gone only if the parts are', async (error) => {
    let parts = '404 NoSuchUpload';
    const { store, attempts } = await adapterOn(({ method }) => (method === 'POST' ? error : parts));
    expect(await store.completeMultipartUpload('a', 'id', [])).toBe(false);
    expect(attempts.filter((attempt) => attempt === 'CompleteMultipartUpload InternalError')).toHaveLength(5);
    parts = WHOLE;
    expect(await outcomeOf(store.completeMultipartUpload('a', 'id', []))).toBe('unavailable');
  });
});

describe('a deletion', () => {
  const error = (key: string, inner: string) => `<Error><Key>${key}</Key>${inner}</Error>`;
  const REFUSED_IN_A_BATCH =
    error('pre/a', '<Code>AccessDenied</Code>') +
    error('pre/b', '<Code>NoSuchKey</Code>') +
    error('pre/c', '<VersionId>v1</VersionId><Code>InternalError</Code>') +
    error('pre/d', '<VersionId>v2</VersionId><Code>NoSuchVersion</Code>') +
    error('pre/e &amp; f', '<Message>no code</Message>');
  const REFUSED = [
    { key: 'a', versionId: undefined, code: 'AccessDenied' },
    { key: 'c', versionId: 'v1', code: 'InternalError' },
    { key: 'e & f', versionId: undefined, code: 'Unknown' },
  ];
  const refused = (key: string, code: string) => [{ key, versionId: 'v 1', code }];

  /** How DeleteObjects (P) is answered, and DeleteObject (D) key by key; then the requests of two deletions. */
  test.each<[string, string, string[], unknown, string]>([
    ['in a batch', '', [], [], 'PP'],
    ['in a batch that refuses keys', REFUSED_IN_A_BATCH, [], REFUSED, 'PP'],
    ['on a store without DeleteObjects', '501 NotImplemented', [], [], 'PDDDDDDDD'],
    ['one by one', '405', ['403 No', '404 NoSuchKey', '404 NoSuchVersion', '404'], refused('0', 'No'), 'PDDDDDDDD'],
    ['that finds the store down', '501', ['503 SlowDown'], 'unavailable', 'PDDDDDDDDDD'],
    ['with an odd key that fails the batch', '400 MalformedXML', ['', '400 Odd'], refused('1', 'Odd'), 'PDDDDPDDDD'],
  ])('%s', async (_, batch, singles, outcome, methods) => {
    const script: Script = ({ method, path }) => (method === 'POST' ? batch : (singles[Number(path.at(-1))] ?? ''));
    const { store, requests, notices } = await adapterOn(script, { keyPrefix: 'pre/' });
    const targets = ['0', '1', '2', '3'].map((key) => ({ key, versionId: 'v 1' }));
    for (let twice = 0; twice < 2; twice += 1) expect(await outcomeOf(store.delete(targets))).toEqual(outcome);
    expect(requests.map(({ method }) => method[0]).join('')).toBe(methods);
    const singly = requests.filter(({ method }) => method === 'DELETE');
    expect(singly.every(({ query }) => query.get('versionId') === 'v 1')).toBe(true);
    // A store that has no batches is asked for one only once.
    expect(notices).toEqual(/P.*P/.test(methods) ? [] : ['store-has-no-batch-delete']);
  });

  test('sends a thousand keys at most, and collects what failed in each batch', async () => {
    const keys = Array.from({ length: 2500 }, (_, index) => ({ key: String(index) }));
    const { store, requests } = await adapterOn((_, index) => error(`of-${index}`, ''));
    expect((await store.delete(keys)).map(({ key }) => key)).toEqual(['of-0', 'of-1', 'of-2']);
    expect(requests.map((request) => request.body.split('<Object>').length - 1)).toEqual([1000, 1000, 500]);
  });
});

test('a store without tagging is asked once, reported once, and everything else works', async () => {
  const script: Script = ({ query }) => (query.has('tagging') ? '501 NotImplemented' : { body: 'stored' });
  const { store, requests, notices, client, settings } = await adapterOn(script);
  for (let twice = 0; twice < 2; twice += 1) expect(await store.tag('a', { b: 'c' })).toBe(false);
  expect(await store.tags('a')).toBeUndefined();
  expect(notices).toEqual(['store-has-no-tagging']);
  expect(requests).toHaveLength(1);
  expect(text(await store.get('a'))).toBe('stored');
  expect(await new S3ObjectStore(client, settings).tag('a', { b: 'c' })).toBe(false);
});

test('requests have the prefix, bodies as they are, their headers, and an MD5 where a checksum is needed; none other', async () => {
  const changes = { publicEndpoint: 'https://outside', keyPrefix: 'p q/' };
  const { store, requests } = await adapterOn(() => ({ ...document(WHOLE), headers: { etag: '"e"' } }), changes);
  await store.put('a+b', bytes('body'), { contentType: 'text/plain', cacheControl: 'no-store' });
  expect(await store.uploadPart('a', 'id', 1, bytes('body'))).toBe('"e"');
  await store.list('a', { startAfter: 'b', limit: 3 });
  await store.delete([{ key: 'ü' }]);
  await store.tag('ü', { a: 'ü' });
  for (const [index, { headers, body }] of requests.entries()) {
    const md5 = createHash('md5').update(body).digest('base64');
    expect(headers['content-md5']).toBe(index < 3 ? undefined : md5);
    expect(Object.keys(headers).join()).not.toMatch(/checksum|trailer|(content|transfer)-encoding/);
  }
  const headers = { 'content-length': '4', 'content-type': 'text/plain', 'cache-control': 'no-store' };
  const [put, part, list] = requests;
  expect(put).toMatchObject({ path: '/recordings/p%20q/a%2Bb', body: 'body', headers });
  expect(part).toMatchObject({ path: '/recordings/p%20q/a', body: 'body' });
  const query = { prefix: 'p q/a', 'start-after': 'p q/b', 'max-keys': '3' };
  expect(Object.fromEntries(list?.query ?? [])).toMatchObject(query);
});

describe('a URL', () => {
  const PART = { uploadId: 'id', partNumber: 7, sizeBytes: 5 };
  const KEY = "a b/ü+'(1)*.webm";
  const ESCAPED = 'a%20b/%C3%BC%2B%27%281%29%2A.webm';

  test.each<[Partial<S3Settings>, string]>([
    [{ endpoint: 'http://store:9000' }, 'http://store:9000/recordings/'],
    [{ endpoint: 'http://store:9000/deep/' }, 'http://store:9000/deep/recordings/'],
    [{ endpoint: 'https://store', forcePathStyle: false }, 'https://recordings.store/'],
    [{ endpoint: 'http://127.0.0.1:1', forcePathStyle: false }, 'http://127.0.0.1:1/recordings/'],
    [{ forcePathStyle: false }, 'https://recordings.s3.eu-central-1.amazonaws.com/'],
    [{}, 'https://s3.eu-central-1.amazonaws.com/recordings/'],
    [{ endpoint: 'http://in', publicEndpoint: 'https://out', keyPrefix: 'p q/' }, 'https://out/recordings/p%20q/'],
  ])('by %j begins with %s, and a part of it is for the upload key', async (changes, expected) => {
    const uploadCredentials = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret' };
    const presigner = adapterFor({ ...changes, uploadCredentials }).presigner;
    const [part, playback] = [presigner.presignPart(KEY, PART, 60), presigner.presignPlayback(KEY, MEDIA, 60)];
    for (const url of [await part, await playback]) expect(url.replace(/\?.*/, '')).toBe(expected + ESCAPED);
    expect(await part).toContain('X-Amz-Credential=UPLOADKEY%2F');
    expect(await playback).toContain('X-Amz-Credential=SERVICEKEY%2F');
    const withoutUploadKey = adapterFor(changes).presigner;
    expect(await withoutUploadKey.presignPart(KEY, PART, 60)).toContain('X-Amz-Credential=SERVICEKEY%2F');
    expect(() => presigner.presignPart(KEY, { ...PART, sizeBytes: 0 }, 60)).toThrow(RangeError);
  });

  // By the path style it does in test/doctor.
  test('for a public host works on a real store, with the bucket in the host name', async () => {
    const opened = await openTestStore();
    afterThisTest(() => opened.close());
    const { store, client, settings, bucket, endpoint } = opened;
    const publicEndpoint = `http://localhost:${new URL(endpoint).port}`;
    const place = { ...settings, publicEndpoint, forcePathStyle: false };
    const presigner = createS3Presigner({ client, settings: place, now: Date.now });
    const uploadId = await store.createMultipartUpload(KEY, MEDIA);
    const put = await presigner.presignPart(KEY, { uploadId, partNumber: 1, sizeBytes: 5 }, 60);
    expect(new URL(put).hostname).toBe(`${bucket}.localhost`);
    expect((await send(put, { method: 'PUT', body: 'bytes' }, endpoint)).status).toBe(200);
    await store.completeMultipartUpload(KEY, uploadId, await partsOf(store, KEY, uploadId));
    const get = await presigner.presignPlayback(KEY, MEDIA, 60);
    expect((await send(get, {}, endpoint)).body.toString()).toBe('bytes');
  });
});

describe('credentials', () => {
  const issued = (id: string, lifetimeMs: number) => ({
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: `to/ken-${id}`,
    AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + lifetimeMs).toISOString(),
  });

  test('come from the SDK’s own chain when none are set, and when they rotate, requests and URLs follow; where there are none the store refuses, and is not unavailable', async () => {
    // The SDK asks again for what ends within five minutes.
    withCredentials(issued('first', 4 * MINUTE_MS));
    const { store, requests, presigner } = await adapterOn(() => '', { credentials: undefined });
    async function tokens() {
      await store.put('a', bytes('x'));
      const url = new URL(await presigner.presignPlayback('a', MEDIA, 60));
      return [requests.at(-1)?.headers['x-amz-security-token'], url.searchParams.get('X-Amz-Security-Token')];
    }
    expect(await tokens()).toEqual(['to/ken-first', 'to/ken-first']);
    withCredentials(issued('second', 60 * MINUTE_MS));
    let found = await tokens();
    while (found.includes('to/ken-first')) found = await tokens();
    expect(found).toEqual(['to/ken-second', 'to/ken-second']);
    withCredentials({});
    const without = await adapterOn(() => '', { credentials: undefined });
    expect(await outcomeOf(without.store.get('a'))).toBe('access-denied');
  });
});
