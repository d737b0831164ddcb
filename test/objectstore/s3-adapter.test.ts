// The S3 adapter on stores that lack something, fail, or are reached in other ways than the tests' real ones.
// Faults on the way to a store, such as replies that break off, are in test/faults.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReadableStream } from 'node:stream/web';
import { describe, expect, jest, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/model/durations.ts';
import { MAX_SMALL_OBJECT_BYTES, STORE_CONCURRENCY } from '../../src/objectstore/object-store.ts';
import type { S3Settings } from '../../src/objectstore/s3/client.ts';
import { createS3Presigner } from '../../src/objectstore/s3/presigner.ts';
import { MAX_ATTEMPTS } from '../../src/objectstore/s3/retries.ts';
import { settled } from '../http/settled.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { bytes, MEDIA, outcomeOf, partsOf, text } from './object-store-contract.ts';
import { send } from './presigner-contract.ts';
import { type Answer, adapterFor, adapterOn, document, keepsTags, type Script } from './scripted-store.ts';
import { openTestStore } from './stores.ts';

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
  streamPart: ({ store }) => store.streamPart('a', 'id', 1, ReadableStream.from([bytes('x')]), 1),
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
const NEEDED =
  'put get getRange list listVersions create uploadPart streamPart listParts complete abort listUploads'.split(' ');

const each = (calls: readonly string[], outcome: unknown): Outcomes =>
  Object.fromEntries(calls.map((call) => [call, outcome]));

const NO_TAGGING = { tag: false, tags: undefined };
const refusedToDelete = (code: string) => ({ delete: [{ key: 'a', code }] });
/** What is answered with a document: without one there is no answer. */
const QUESTIONS = (
  'list listVersions isVersioned uploadPart streamPart listParts complete listUploads objectLock versioning policy isPolicyPublic ' +
  'publicGrants encryption corsRules lifecycleRules'
).split(' ');
const UPLOAD_GONE = {
  listParts: undefined,
  complete: false,
  abort: undefined,
  uploadPart: 'no-such-upload',
  streamPart: 'no-such-upload',
};
const TIME = '<LastModified>2026-01-01T00:00:00Z</LastModified>';
const ITEM = { key: 'a', sizeBytes: 5, lastModifiedMs: Date.UTC(2026, 0, 1) };
const VERSION = { ...ITEM, versionId: undefined, isLatest: true, isDeleteMarker: false };
const pages = (storeTimeMs: number, objects: unknown[], versions: unknown[], uploads: unknown[]) => ({
  list: { objects, truncated: false, storeTimeMs },
  listVersions: { versions, storeTimeMs },
  listUploads: { uploads, storeTimeMs },
});

/** The whole of a listing, as every store says of its last page. */
const WHOLE = '<IsTruncated>false</IsTruncated>';
/** All that an item must have: its times, for one, may be missing. */
const ITEMS =
  `<Contents><Key>a</Key><Size>5</Size>${TIME}</Contents>` +
  `<Version><Key>a</Key><Size>5</Size><IsLatest>true</IsLatest>${TIME}</Version>` +
  '<Upload><Key>a</Key><UploadId>id</UploadId></Upload>' +
  '<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>"e"</ETag></Part>';

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
    ['403 AccessDenied', { ...each(EVERY_CALL, 'access-denied'), ...NO_TAGGING, ...refusedToDelete('AccessDenied') }],
    ['403 OfItsOwn', { ...each(EVERY_CALL, 'access-denied'), ...NO_TAGGING, ...refusedToDelete('OfItsOwn') }],
    ['403 InvalidAccessKeyId', { list: 'access-denied' }],
    ['401 Unauthorized', { list: 'access-denied' }],
    ['404 NoSuchBucket', { ...each(EVERY_CALL, 'no-such-bucket'), ...NO_TAGGING }],
    [{ status: 400, body: '<html>' }, each(NEEDED, 'unexpected')],
    ['400 Whatever', { ...each(NEEDED, 'unexpected'), isVersioned: 'unexpected', ...NO_TAGGING }],
    ['429 Whatever', { list: 'unavailable' }],
    ['500 Whatever', { list: 'unavailable' }],
    ['405 Whatever', { ...each(NEEDED, 'not-implemented'), isVersioned: false }],
    ['501', { ...NO_TAGGING, isVersioned: false, objectLock: undefined }],
    ['404 None', { objectLock: undefined, policy: undefined, isPolicyPublic: false, ...NO_LISTS }],
    ['412 PreconditionFailed', { putIfAbsent: false }],
    // Not in the store's words, and its listings are not there either.
    ['404', { ...each(EVERY_CALL, 'unavailable'), tag: false }],
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
    [{ body: '' }, each(QUESTIONS, 'unavailable')],
    [
      { content: WHOLE, headers: { date: 'Mon, 23 Nov 2026 02:03:17 GMT' } },
      { ...pages(Date.UTC(2026, 10, 23, 2, 3, 17), [], [], []), listParts: [] },
    ],
    [
      { content: WHOLE + ITEMS, withoutDate: true },
      {
        ...pages(Number.NaN, [ITEM], [VERSION], [{ key: 'a', uploadId: 'id', initiatedMs: Number.NaN }]),
        listParts: [{ partNumber: 1, sizeBytes: 5, etag: '"e"', lastModifiedMs: Number.NaN }],
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
        const time = `<LastModified>2026-11-23T02:03:0${second}.000Z</LastModified><IsLatest>${latest}</IsLatest><Size>1</Size>`;
        return `<${element}><Key>${key}</Key><VersionId>${key}${second}</VersionId>${time}</${element}>`;
      },
    );
    const { store } = await adapterOn(() => WHOLE + answer.join(''));
    const listed = (await store.listVersions('')).versions.map((item) => `${item.versionId} ${item.isDeleteMarker}`);
    expect(listed).toEqual(['a3 true', 'a3 false', 'a2 true', 'a1 false', 'b4 false']);
  });

  test('that has parts is read over as many pages as there are', async () => {
    const part = (number: number) =>
      `<Part><PartNumber>${number}</PartNumber><Size>1</Size><ETag>"${number}"</ETag></Part>`;
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
    error('pre/0', '<Code>AccessDenied</Code>') +
    error('pre/1', '<Code>NoSuchKey</Code>') +
    error('pre/2', '<VersionId>v1</VersionId><Code>InternalError</Code>') +
    error('pre/3 &amp; 4', '<Message>no code</Message>');
  const REFUSED = [
    { key: '0', versionId: undefined, code: 'AccessDenied' },
    { key: '2', versionId: 'v1', code: 'InternalError' },
    { key: '3 & 4', versionId: undefined, code: 'Unknown' },
  ];
  const refused = (key: string, code: string) => [{ key, versionId: 'v 1', code }];
  const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ key: String(index) }));

  /** How DeleteObjects (P) is answered, and DeleteObject (D) key by key; then the requests of two deletions. */
  test.each<[string, string, string[], unknown, string]>([
    ['in a batch', '', [], [], 'PP'],
    ['in a batch that refuses keys', REFUSED_IN_A_BATCH, [], REFUSED, 'PP'],
    ['on a store without DeleteObjects', '501 NotImplemented', [], [], 'PDDDDDDDD'],
    ['one by one', '405', ['403 No', '404 NoSuchKey', '404 NoSuchVersion'], refused('0', 'No'), 'PDDDDDDDD'],
    ['that the store lets be done only one by one', '403 AccessDenied', [], [], 'PDDDDPDDDD'],
    ['that does not say which key it refused', '<Error><Code>No</Code></Error>', [], [], 'PDDDDPDDDD'],
    ['on whose way a proxy knows no such place', '501', ['404'], 'unavailable', 'PDDDDDDDD'],
    ['with an odd key that fails the batch', '400 MalformedXML', ['', '400 Odd'], refused('1', 'Odd'), 'PDDDDPDDDD'],
  ])('%s', async (_, batch, singles, outcome, methods) => {
    const script: Script = ({ method, path }) => (method === 'POST' ? batch : (singles[Number(path.at(-1))] ?? ''));
    const { store, requests, notices } = await adapterOn(script, { keyPrefix: 'pre/' });
    const targets = ['0', '1', '2', '3 & 4'].map((key) => ({ key, versionId: 'v 1' }));
    for (let twice = 0; twice < 2; twice += 1) expect(await outcomeOf(store.delete(targets))).toEqual(outcome);
    expect(requests.map(({ method }) => method[0]).join('')).toBe(methods);
    const singly = requests.filter(({ method }) => method === 'DELETE');
    expect(singly.every(({ query }) => query.get('versionId') === 'v 1')).toBe(true);
    // A store that has no batches is asked for one only once.
    expect(notices).toEqual(/P.*P/.test(methods) ? [] : ['store-has-no-batch-delete']);
  });

  test.each([
    // Each deletion tries its key five times.
    ['is down', '503 ServiceUnavailable', 5 + 5],
    // The second one finds that the store refuses everything.
    ['throttles', '503 SlowDown', 13 + 1],
  ])('one by one, on a store that %s, fails', async (_, answer, singles) => {
    const { store, requests } = await adapterOn(({ method }) => (method === 'POST' ? '501' : answer));
    for (let twice = 0; twice < 2; twice += 1)
      expect(await outcomeOf(store.delete([{ key: '0' }]))).toBe('unavailable');
    expect(requests.map(({ method }) => method[0]).join('')).toBe(`P${'D'.repeat(singles)}`);
  });

  test('one by one sends several at once', async () => {
    const waiting: ServerResponse[] = [];
    const server = createServer(({ method }, response) => {
      if (method === 'POST') response.writeHead(501).end();
      // None is answered before all have arrived.
      else if (waiting.push(response) === STORE_CONCURRENCY) for (const each of waiting) each.writeHead(204).end();
    }).listen(0, '127.0.0.1');
    afterThisTest(() => void server.close());
    await once(server, 'listening');
    const { store } = adapterFor({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(await store.delete(numbered(STORE_CONCURRENCY))).toEqual([]);
  });

  test('one by one sends no more once the store has failed', async () => {
    const { store, requests } = await adapterOn(({ method }) => (method === 'POST' ? '501' : '503 ServiceUnavailable'));
    expect(await outcomeOf(store.delete(numbered(1000)))).toBe('unavailable');
    expect(requests.length).toBeLessThanOrEqual(1 + STORE_CONCURRENCY * MAX_ATTEMPTS);
  });

  test('sends a thousand keys at most, and collects what failed in each batch', async () => {
    const { store, requests } = await adapterOn((_, index) => error(String(index * 1000), ''));
    expect((await store.delete(numbered(2500))).map(({ key }) => key)).toEqual(['0', '1000', '2000']);
    expect(requests.map((request) => request.body.split('<Object>').length - 1)).toEqual([1000, 1000, 500]);
  });
});

test('requests have the prefix, bodies as they are, their headers, and an MD5 where a checksum is needed; none other', async () => {
  const changes = { publicEndpoint: 'https://outside', keyPrefix: 'p q/' };
  const { store, requests } = await adapterOn(keepsTags({ content: WHOLE, headers: { etag: '"e"' } }), changes);
  await store.put('a+b', bytes('body'), { contentType: 'text/plain', cacheControl: 'no-store' });
  expect(await store.uploadPart('a', 'id', 1, bytes('body'))).toBe('"e"');
  await store.list('a', { startAfter: 'b', limit: 3 });
  await store.delete([{ key: 'ü' }]);
  expect(await store.tag('ü', { a: 'ü' })).toBe(true);
  for (const { headers, body, query } of requests.filter(({ method }) => method !== 'GET')) {
    const md5 = createHash('md5').update(body).digest('base64');
    expect(headers['content-md5']).toBe(query.has('delete') || query.has('tagging') ? md5 : undefined);
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
    await expect(presigner.presignPart(KEY, { ...PART, sizeBytes: 0 }, 60)).rejects.toThrow(RangeError);
  });

  test('is signed at the time of the call in whole seconds, so that it expires no later than its deadline', async () => {
    let nowMs = Date.UTC(2026, 10, 29, 23, 59, 59, 999);
    const { client, settings } = adapterFor({ endpoint: 'http://store:9000' });
    const presigner = createS3Presigner({ client, settings, now: () => nowMs });
    const signing = [presigner.presignPart(KEY, PART, 60), presigner.presignPlayback(KEY, MEDIA, 60)];
    nowMs += MINUTE_MS;
    for (const url of await Promise.all(signing)) {
      const { searchParams } = new URL(url);
      expect(searchParams.get('X-Amz-Date')).toBe('20261129T235959Z');
      expect(searchParams.get('X-Amz-Expires')).toBe('60');
    }
  });

  test('of a recording signs its type, that no cache may keep it, and nothing that the holder would have to send', async () => {
    const { presigner } = adapterFor({ endpoint: 'http://store:9000' });
    const { searchParams } = new URL(
      await presigner.presignPlayback(KEY, { contentType: 'video/webm;codecs=vp8' }, 60),
    );
    for (const name of ['X-Amz-Date', 'X-Amz-Credential', 'X-Amz-Signature']) searchParams.delete(name);
    expect(Object.fromEntries(searchParams)).toEqual({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-Expires': '60',
      'X-Amz-SignedHeaders': 'host',
      'response-cache-control': 'private, no-store',
      'response-content-type': 'video/webm;codecs=vp8',
      'x-id': 'GetObject',
    });
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

test('a streamed part is read as fast as its store takes it', async () => {
  const PIECE = new Uint8Array(64 * 1024);
  const PIECES = 1024;
  // It takes the head of a request and nothing more.
  const server = createServer((request) => request.pause());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { store } = adapterFor({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  let taken = 0;
  async function* pieces() {
    for (; taken < PIECES; taken += 1) yield PIECE;
  }
  const arrived = once(server, 'request');
  const sent = outcomeOf(store.streamPart('a', 'id', 1, pieces(), PIECE.length * PIECES));
  await arrived;
  // What the sockets of the machine hold.
  expect(await settled(() => taken)).toBeLessThan(PIECES / 2);
  server.closeAllConnections();
  expect(await sent).toBe('unavailable');
  await new Promise((resolve) => server.close(resolve));
});
