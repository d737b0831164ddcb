// The S3 adapter on stores that lack something, fail, or are reached in other ways than the tests' real ones.
// Faults on the way to a store, such as replies that break off, are in test/faults.
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/storage/object-store.ts';
import { type BucketInspection, inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client, type S3Settings } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner, type S3PresignerOptions } from '../../src/storage/s3/presigner.ts';
import { isStoreError } from '../../src/storage/store-error.ts';
import { type FakeReply, listing, type Script, s3Error, startFakeS3, xml } from './fake-s3.ts';
import { send } from './http.ts';
import { bytes, expectStoreError, partsOf, text } from './object-store-contract.ts';
import { openTestStore } from './stores.ts';

const MEDIA = { contentType: 'video/webm' };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function adapterOn(script: Script, changes: Partial<S3Settings> = {}) {
  const fake = await startFakeS3(script);
  cleanups.push(() => fake.close());
  return { ...adapterFor({ endpoint: fake.endpoint, ...changes }), fake };
}

function adapterFor(changes: Partial<S3Settings> = {}) {
  const credentials = { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' };
  const place = { region: 'eu-central-1', bucket: 'recordings', keyPrefix: '', forcePathStyle: true };
  const settings: S3Settings = { ...place, credentials, ...changes };
  const attempts: string[] = [];
  const notices: string[] = [];
  const client = createS3Client(settings, (operation, outcome) => attempts.push(`${operation} ${outcome}`));
  retryAtOnce(client);
  cleanups.push(() => client.destroy());
  const store = new S3ObjectStore(client, settings, (notice) => notices.push(notice));
  const presigner = (options: Partial<S3PresignerOptions> = {}) =>
    createS3Presigner({ client, settings, now: Date.now, ...options });
  return { client, settings, store, attempts, notices, presigner };
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
  const before = process.env;
  cleanups.push(() => {
    process.env = before;
  });
  const others = Object.entries(before).filter(([name]) => !name.startsWith('AWS_'));
  const nowhere = { AWS_CONFIG_FILE: '/nonexistent', AWS_SHARED_CREDENTIALS_FILE: '/nonexistent' };
  process.env = { ...Object.fromEntries(others), ...nowhere, AWS_EC2_METADATA_DISABLED: 'true', ...variables };
}

/** What the call gives, or the code of its StoreError and the store's own word. */
async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    if (!isStoreError(error)) throw error;
    return `${error.code} ${error.storeCode}`;
  });
}

function numbered(count: number): { key: string }[] {
  return Array.from({ length: count }, (_, index) => ({ key: `key-${index}` }));
}

const CALLS = {
  put: (store: S3ObjectStore) => store.put('a', bytes('x')),
  get: (store: S3ObjectStore) => store.get('a'),
  getRange: (store: S3ObjectStore) => store.getRange('a', 0, 9),
  list: (store: S3ObjectStore) => store.list('a'),
  listVersions: (store: S3ObjectStore) => store.listVersions('a'),
  isVersioned: (store: S3ObjectStore) => store.isVersioned(),
  delete: (store: S3ObjectStore) => store.delete([{ key: 'a' }]),
  tag: (store: S3ObjectStore) => store.tag('a', { b: 'c' }),
  tags: (store: S3ObjectStore) => store.tags('a'),
  create: (store: S3ObjectStore) => store.createMultipartUpload('a', MEDIA),
  uploadPart: (store: S3ObjectStore) => store.uploadPart('a', 'id', 1, bytes('x')),
  listParts: (store: S3ObjectStore) => store.listParts('a', 'id'),
  complete: (store: S3ObjectStore) => store.completeMultipartUpload('a', 'id', []),
  abort: (store: S3ObjectStore) => store.abortMultipartUpload('a', 'id'),
  listUploads: (store: S3ObjectStore) => store.listMultipartUploads('a'),
};
type Call = keyof typeof CALLS;
const EVERY_CALL = Object.keys(CALLS) as Call[];
/** Those of which no answer means that the store does without. */
const NEEDED = EVERY_CALL.filter((call) => !['isVersioned', 'delete', 'tag', 'tags'].includes(call));

function each(calls: readonly Call[], outcome: unknown): Partial<Record<Call, unknown>> {
  return Object.fromEntries(calls.map((call) => [call, outcome]));
}

const STORE_TIME = Date.UTC(2026, 10, 23, 2, 3, 17);
const TIMED = { cursor: undefined, storeTimeMs: STORE_TIME };
const UPLOAD_GONE = { listParts: undefined, complete: false, abort: undefined };
const NOTHING = { key: '', sizeBytes: 0, lastModifiedMs: Number.NaN };
const VERSION = { ...NOTHING, versionId: undefined, isLatest: false };
const UNTIMED = { cursor: undefined, storeTimeMs: Number.NaN };
const LEFT_OUT =
  '<Contents></Contents><Version></Version><DeleteMarker></DeleteMarker><Upload></Upload><Part></Part>' +
  '<TagSet><Tag></Tag></TagSet>';

describe('an answer of the store', () => {
  test.each<[string, FakeReply, Partial<Record<Call, unknown>>]>([
    ['a refusal', s3Error(403, 'AccessDenied'), each(EVERY_CALL, 'access-denied AccessDenied')],
    ['a refusal in words of its own', s3Error(403, 'Quota'), each(EVERY_CALL, 'access-denied Quota')],
    ['a wrong key', s3Error(403, 'InvalidAccessKeyId'), { list: 'access-denied InvalidAccessKeyId' }],
    ['401', s3Error(401, 'Unauthorized'), { list: 'access-denied Unauthorized' }],
    ['a missing bucket', s3Error(404, 'NoSuchBucket'), each(EVERY_CALL, 'no-such-bucket NoSuchBucket')],
    ['a broken page of a proxy', { status: 400, body: '<html>' }, each(NEEDED, expect.stringMatching(/^unexpected/))],
    ['an unknown code', s3Error(400, 'Whatever'), each(NEEDED, 'unexpected Whatever')],
    ['an unknown code of an outage', s3Error(500, 'Whatever'), { list: 'unavailable Whatever' }],
    ['too many requests', s3Error(429, 'Whatever'), { list: 'unavailable Whatever' }],
    [
      'an unknown method',
      s3Error(405, 'Whatever'),
      { ...each(NEEDED, 'not-implemented Whatever'), isVersioned: false },
    ],
    ['no such feature', { status: 501 }, { tag: false, tags: undefined, isVersioned: false }],
    ['404 without a document', { status: 404 }, { get: undefined, getRange: undefined, tags: undefined, delete: [] }],
    ['versions kept', xml('A', '<Status>Enabled</Status>'), { isVersioned: true }],
    ['versions kept before', xml('A', '<Status>Suspended</Status>'), { isVersioned: true }],
    [
      'an upload that is gone',
      s3Error(404, 'NoSuchUpload'),
      { ...UPLOAD_GONE, uploadPart: 'no-such-upload NoSuchUpload' },
    ],
    ['the same on Ceph', s3Error(404, 'NoSuchKey'), { ...UPLOAD_GONE, uploadPart: 'no-such-upload NoSuchKey' }],
    ['a wrong part', s3Error(400, 'InvalidPart'), { complete: 'invalid-parts InvalidPart' }],
    ['parts in disorder', s3Error(400, 'InvalidPartOrder'), { complete: 'invalid-parts InvalidPartOrder' }],
    ['a small part', s3Error(400, 'EntityTooSmall'), { complete: 'invalid-parts EntityTooSmall' }],
    ['an upload without an id', xml('A', '<Key>a</Key>'), { create: 'unavailable NoUploadId' }],
    ['a part without an ETag', {}, { uploadPart: '' }],
    [
      'an empty body: no listing says so little',
      { body: '' },
      each(['list', 'listVersions', 'listParts', 'listUploads'], 'unavailable CutShort'),
    ],
    [
      'lists of nothing, at its own time',
      { ...listing('A'), headers: { date: 'Mon, 23 Nov 2026 02:03:17 GMT' }, withoutDate: true },
      {
        list: { objects: [], truncated: false, storeTimeMs: STORE_TIME },
        listVersions: { versions: [], ...TIMED },
        listUploads: { uploads: [], ...TIMED },
        listParts: [],
        tags: {},
      },
    ],
    [
      'lists of items that say nothing, at no time',
      { ...listing('A', LEFT_OUT), withoutDate: true },
      {
        list: { objects: [NOTHING], truncated: false, storeTimeMs: Number.NaN },
        listVersions: { versions: [false, true].map((isDeleteMarker) => ({ ...VERSION, isDeleteMarker })), ...UNTIMED },
        listUploads: { uploads: [{ key: '', uploadId: '', initiatedMs: Number.NaN }], ...UNTIMED },
        listParts: [{ partNumber: 0, sizeBytes: 0, etag: '', lastModifiedMs: Number.NaN }],
        tags: { '': '' },
      },
    ],
  ])('%s', async (_, reply, expected) => {
    const outcomes: Partial<Record<Call, unknown>> = {};
    const { store } = await adapterOn(() => reply);
    for (const call of EVERY_CALL.filter((name) => name in expected)) {
      outcomes[call] = await outcomeOf(CALLS[call](store));
    }
    expect(outcomes).toEqual(expected);
  });

  test('is asked for again, and each attempt is counted with its outcome', async () => {
    const busy = s3Error(503, 'ServiceUnavailable');
    const { store, attempts, fake } = await adapterOn((_, index) => (index < 2 ? busy : { body: 'there' }));
    expect(text(await store.get('a'))).toBe('there');
    expect(attempts).toEqual(['GetObject ServiceUnavailable', 'GetObject ServiceUnavailable', 'GetObject ok']);
    await fake.close();
    await expectStoreError(store.list('a'), 'unavailable');
    expect(attempts).toContain('ListObjectsV2 ECONNREFUSED');
  });

  test.each([true, false])('that is too large is refused, its length announced: %s', async (announced) => {
    const body = 'x'.repeat(MAX_SMALL_OBJECT_BYTES + 1);
    const headers: Record<string, string> = announced ? { 'content-length': String(body.length) } : {};
    const { store, attempts } = await adapterOn(() => ({ headers, body }));
    await expectStoreError(store.get('a'), 'too-large');
    expect(attempts).toHaveLength(1);
  });

  test('that names versions is put in order: by key, the latest first, then by time', async () => {
    const version = (element: string, key: string, latest: boolean, second: number) =>
      `<${element}><Key>${key}</Key><VersionId>${key}${second}</VersionId><IsLatest>${latest}</IsLatest>` +
      `<LastModified>2026-11-23T02:03:0${second}.000Z</LastModified></${element}>`;
    const [a3, a1, b4] = [
      version('Version', 'a', false, 3),
      version('Version', 'a', false, 1),
      version('Version', 'b', true, 4),
    ];
    const markers = version('DeleteMarker', 'a', true, 3) + version('DeleteMarker', 'a', false, 2);
    const { store } = await adapterOn(() => listing('ListVersionsResult', a3 + a1 + b4 + markers));
    const listed = (await store.listVersions('')).versions.map((item) => `${item.versionId} ${item.isDeleteMarker}`);
    expect(listed).toEqual(['a3 true', 'a3 false', 'a2 true', 'a1 false', 'b4 false']);
  });

  test('that has parts goes on over as many pages as there are', async () => {
    const part = (number: number) => `<Part><PartNumber>${number}</PartNumber><ETag>"${number}"</ETag></Part>`;
    const truncated = '<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>';
    const pages = [xml('ListPartsResult', truncated + part(7)), listing('ListPartsResult', part(8))];
    const { store, fake } = await adapterOn((_, index) => pages[index] ?? {});
    expect((await store.listParts('a', 'id'))?.map((item) => item.partNumber)).toEqual([7, 8]);
    expect(fake.requests.map((request) => request.query.get('part-number-marker'))).toEqual([null, '7']);
  });

  test('that is an error of the store to a completion means gone only when its parts are', async () => {
    let parts = s3Error(404, 'NoSuchUpload');
    const { store } = await adapterOn(({ method }) => (method === 'POST' ? s3Error(500, 'InternalError') : parts));
    expect(await store.completeMultipartUpload('a', 'id', [])).toBe(false);
    parts = listing('ListPartsResult');
    await expectStoreError(store.completeMultipartUpload('a', 'id', []), 'unavailable');
  });
});

describe('a deletion', () => {
  const error = (key: string, inner: string) => `<Error><Key>${key}</Key>${inner}</Error>`;
  const REFUSED_IN_A_BATCH =
    error('a', '<Code>AccessDenied</Code>') +
    error('b', '<Code>NoSuchKey</Code>') +
    error('c', '<VersionId>v1</VersionId><Code>InternalError</Code>') +
    error('d', '<VersionId>v2</VersionId><Code>NoSuchVersion</Code>') +
    error('e &amp; f', '<Message>no code</Message>');
  const ONE_BY_ONE = {
    'key-0': s3Error(403, 'AccessDenied'),
    'key-1': s3Error(404, 'NoSuchKey'),
    'key-2': s3Error(404, 'NoSuchVersion'),
    'key-3': { status: 404 },
  };
  const NO_BATCHES = ['store-has-no-batch-delete'];

  test.each<[string, FakeReply, Record<string, FakeReply>, unknown, string, string[]]>([
    ['done in a batch', xml('A'), {}, [], 'PP', []],
    [
      'refused key by key in a batch',
      xml('A', REFUSED_IN_A_BATCH.replaceAll('<Key>', '<Key>pre/')),
      {},
      [
        { key: 'a', versionId: undefined, code: 'AccessDenied' },
        { key: 'c', versionId: 'v1', code: 'InternalError' },
        { key: 'e & f', versionId: undefined, code: 'Unknown' },
      ],
      'PP',
      [],
    ],
    ['without DeleteObjects: 501', s3Error(501, 'NotImplemented'), {}, [], 'PDDDDDDDDDD', NO_BATCHES],
    [
      'refused one by one; what is missing is deleted',
      s3Error(405, 'MethodNotAllowed'),
      ONE_BY_ONE,
      [{ key: 'key-0', versionId: 'v 1', code: 'AccessDenied' }],
      'PDDDDDDDDDD',
      NO_BATCHES,
    ],
    [
      'one by one while the store is down',
      { status: 501 },
      { 'key-0': s3Error(503, 'SlowDown') },
      'unavailable SlowDown',
      'PDDDDDDDDDD',
      NO_BATCHES,
    ],
    [
      'refused as a batch for one odd key',
      s3Error(400, 'MalformedXML'),
      { 'key-1': s3Error(400, 'InvalidURI') },
      [{ key: 'key-1', versionId: 'v 1', code: 'InvalidURI' }],
      'PDDDDDPDDDDD',
      [],
    ],
  ])('%s', async (_, batch, singles, outcome, methods, noticed) => {
    const script: Script = ({ method, path }) =>
      method === 'POST' ? batch : (singles[path.split('/').at(-1) ?? ''] ?? { status: 204 });
    const { store, fake, notices } = await adapterOn(script, { keyPrefix: 'pre/' });
    const targets = numbered(5).map((target) => ({ ...target, versionId: 'v 1' }));
    for (let twice = 0; twice < 2; twice += 1) expect(await outcomeOf(store.delete(targets))).toEqual(outcome);
    expect(fake.requests.map((request) => request.method[0]).join('')).toBe(methods);
    for (const { method, query } of fake.requests)
      expect(query.get('versionId')).toBe(method === 'POST' ? null : 'v 1');
    expect(notices).toEqual(noticed);
  });

  test('sends a thousand keys at most, and collects what failed in each batch', async () => {
    const { store, fake } = await adapterOn((_, index) => xml('DeleteResult', error(`of-${index}`, '')));
    expect((await store.delete(numbered(2500))).map((failure) => failure.key)).toEqual(['of-0', 'of-1', 'of-2']);
    expect(fake.requests.map((request) => request.body.split('<Object>').length - 1)).toEqual([1000, 1000, 500]);
  });
});

test('a store without tagging is asked once, reported once, and everything else works', async () => {
  const { store, fake, notices, client, settings } = await adapterOn(({ query }) =>
    query.has('tagging') ? s3Error(501, 'NotImplemented') : { body: 'stored' },
  );
  for (let twice = 0; twice < 2; twice += 1) expect(await store.tag('a', { b: 'c' })).toBe(false);
  expect(await store.tags('a')).toBeUndefined();
  expect(notices).toEqual(['store-has-no-tagging']);
  expect(fake.requests).toHaveLength(1);
  expect(text(await store.get('a'))).toBe('stored');
  expect(await new S3ObjectStore(client, settings).tag('a', { b: 'c' })).toBe(false);
});

test('a tag that the store puts off for another one is tried again', async () => {
  const { store, fake } = await adapterOn((_, index) => (index === 0 ? s3Error(409, 'OperationAborted') : {}));
  expect(await store.tag('a', { b: 'c' })).toBe(true);
  expect(fake.requests).toHaveLength(2);
});

test('only what needs a checksum has one, and that is an MD5; bodies are sent as they are, with their headers', async () => {
  const { store, fake } = await adapterOn(({ method }) =>
    method === 'POST' ? xml('A') : { headers: { etag: '"e"' } },
  );
  await store.put('a', bytes('body'), { contentType: 'text/plain', cacheControl: 'no-store' });
  expect(await store.uploadPart('a', 'id', 1, bytes('body'))).toBe('"e"');
  await store.delete([{ key: 'ü' }]);
  await store.tag('ü', { a: 'ü' });
  const md5Of = (body: string) => createHash('md5').update(body).digest('base64');
  expect(fake.requests.map(({ headers }) => headers['content-md5'])).toEqual([
    undefined,
    undefined,
    ...fake.requests.slice(2).map(({ body }) => md5Of(body)),
  ]);
  const others = fake.requests.flatMap(({ headers }) => Object.keys(headers));
  expect(others.filter((name) => /checksum|trailer|content-encoding/.test(name))).toEqual([]);
  const [put, part] = fake.requests;
  const length = { 'content-length': '4' };
  expect(put).toMatchObject({
    body: 'body',
    headers: { ...length, 'content-type': 'text/plain', 'cache-control': 'no-store' },
  });
  expect(part).toMatchObject({ body: 'body', headers: length });
});

test('requests go to the endpoint inside, whatever the public one is, with the key prefix', async () => {
  const changes = { publicEndpoint: 'https://outside', keyPrefix: 'p q/' };
  const { store, fake } = await adapterOn(() => listing('ListBucketResult'), changes);
  await store.put('a+b', bytes('x'));
  await store.list('a', { startAfter: 'b', limit: 3 });
  expect(fake.requests.map((request) => request.path)).toEqual(['/recordings/p%20q/a%2Bb', '/recordings/']);
  const query = { prefix: 'p q/a', 'start-after': 'p q/b', 'max-keys': '3' };
  expect(Object.fromEntries(fake.requests[1]?.query ?? [])).toMatchObject(query);
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
    [{ endpoint: 'http://store', keyPrefix: 'p q/' }, 'http://store/recordings/p%20q/'],
    [{ endpoint: 'http://in', publicEndpoint: 'https://out:8443' }, 'https://out:8443/recordings/'],
  ])('by %j begins with %s', async (changes, expected) => {
    const presigner = adapterFor(changes).presigner();
    for (const url of [presigner.presignPart(KEY, PART, 60), presigner.presignPlayback(KEY, MEDIA, 60)]) {
      expect((await url).replace(/\?.*/, '')).toBe(expected + ESCAPED);
    }
  });

  test('carries its part, its lifetime, and the length that is signed but for the self-test', async () => {
    const { presigner } = adapterFor();
    const now = () => STORE_TIME + 999;
    const signed = presigner({ now });
    const { searchParams } = new URL(await signed.presignPart(KEY, PART, 900));
    expect(Object.fromEntries(searchParams)).toEqual({
      partNumber: '7',
      uploadId: 'id',
      'x-id': 'UploadPart',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-Credential': 'SERVICEKEY/20261123/eu-central-1/s3/aws4_request',
      'X-Amz-Date': '20261123T020317Z',
      'X-Amz-Expires': '900',
      'X-Amz-Signature': expect.any(String),
      'X-Amz-SignedHeaders': 'content-length;host',
    });
    const unsafe = await presigner({ now, unsafeWithoutSignedLength: true }).presignPart(KEY, PART, 60);
    expect(new URL(unsafe).searchParams.get('X-Amz-SignedHeaders')).toBe('host');
    expect(() => signed.presignPart(KEY, { ...PART, sizeBytes: 0 }, 60)).toThrow(RangeError);
  });

  test('of a part is signed with the upload key, and of a playback never', async () => {
    const uploadCredentials = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret' };
    const presigner = adapterFor({ uploadCredentials }).presigner();
    expect(await presigner.presignPart(KEY, PART, 60)).toContain('X-Amz-Credential=UPLOADKEY%2F');
    expect(await presigner.presignPlayback(KEY, MEDIA, 60)).toContain('X-Amz-Credential=SERVICEKEY%2F');
  });

  test.each([true, false])('for a public host works on a real store: path style %s', async (forcePathStyle) => {
    const { store, client, settings, bucket, endpoint: connectTo, close } = await openTestStore();
    cleanups.push(close);
    const publicEndpoint = `http://localhost:${new URL(connectTo).port}`;
    const place = { ...settings, publicEndpoint, forcePathStyle };
    const presigner = createS3Presigner({ client, settings: place, now: Date.now });
    const uploadId = await store.createMultipartUpload(KEY, MEDIA);
    const put = await presigner.presignPart(KEY, { uploadId, partNumber: 1, sizeBytes: 5 }, 60);
    expect(new URL(put).hostname).toBe(forcePathStyle ? 'localhost' : `${bucket}.localhost`);
    expect((await send(put, { method: 'PUT', body: 'bytes', connectTo })).status).toBe(200);
    await store.completeMultipartUpload(KEY, uploadId, await partsOf(store, KEY, uploadId));
    const get = await presigner.presignPlayback(KEY, MEDIA, 60);
    expect((await send(get, { connectTo })).body.toString()).toBe('bytes');
  });
});

describe('credentials', () => {
  const issued = (id: string, lifetimeMs: number) => ({
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: `to/ken-${id}`,
    AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + lifetimeMs).toISOString(),
  });

  /** The key and token that a request and a URL have. */
  async function used({ store, fake, presigner }: Awaited<ReturnType<typeof adapterOn>>) {
    await store.put('a', bytes('x'));
    const { authorization = '', 'x-amz-security-token': token } = fake.requests.at(-1)?.headers ?? {};
    const { searchParams } = new URL(await presigner().presignPlayback('a', MEDIA, 60));
    return {
      request: `${/Credential=(\w+)/.exec(authorization)?.[1]} ${token}`,
      url: `${searchParams.get('X-Amz-Credential')?.split('/')[0]} ${searchParams.get('X-Amz-Security-Token')}`,
    };
  }

  test('come from the SDK’s own chain when none are set, and are followed by requests and URLs when they rotate', async () => {
    // The SDK asks again for what ends within five minutes.
    withCredentials(issued('FIRST', 4 * MINUTE_MS));
    const adapter = await adapterOn(() => ({}), { credentials: undefined });
    const first = 'FIRST to/ken-FIRST';
    expect(await used(adapter)).toEqual({ request: first, url: first });
    withCredentials(issued('SECOND', 60 * MINUTE_MS));
    const second = 'SECOND to/ken-SECOND';
    let found = await used(adapter);
    while (found.request === first || found.url === first) found = await used(adapter);
    expect(found).toEqual({ request: second, url: second });
  });

  test('that nobody has are a refusal, not an outage', async () => {
    withCredentials({});
    const { store } = await adapterOn(() => ({}), { credentials: undefined });
    await expectStoreError(store.get('a'), 'access-denied');
  });
});

describe('what a bucket is asked', () => {
  /** By the parameter of the request. */
  const QUESTIONS = {
    'object-lock': (inspection) => inspection.objectLock(),
    versioning: (inspection) => inspection.versioning(),
    policy: (inspection) => inspection.policy(),
    policyStatus: (inspection) => inspection.isPolicyPublic(),
    acl: (inspection) => inspection.publicGrants(),
    encryption: (inspection) => inspection.encryption(),
    cors: (inspection) => inspection.corsRules(),
    lifecycle: (inspection) => inspection.lifecycleRules(),
    'x-id': (inspection) => inspection.putIfAbsent('key', Buffer.from('x')),
  } as const satisfies Record<string, (inspection: BucketInspection) => Promise<unknown>>;

  const LOCKED = '<ObjectLockEnabled>Enabled</ObjectLockEnabled>';
  const locked = (term: string) => `${LOCKED}<Rule><DefaultRetention>${term}</DefaultRetention></Rule>`;
  const GRANTEE = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">';
  const grant = (group: string) =>
    `<Grant>${GRANTEE}<URI>http://acs/groups/${group}</URI></Grantee><Permission>READ</Permission></Grant>`;
  const GRANTS = ['global/AllUsers', 'global/AuthenticatedUsers', 's3/LogDelivery'].map(grant).join('');
  const AES =
    '<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>';
  const days = (element: string, unit: string) => `<${element}><${unit}>9</${unit}></${element}>`;
  const RULES = [
    `<ID>a</ID><Prefix>old/</Prefix>${days('Expiration', 'Days')}`,
    `<Filter><Prefix>new/</Prefix></Filter>${days('AbortIncompleteMultipartUpload', 'DaysAfterInitiation')}`,
    '<Filter><And><Prefix>and/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>',
    '<Expiration><Date>2027-01-01T00:00:00.000Z</Date></Expiration>',
    '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>',
  ].map((rule) => `<Rule><Status>Enabled</Status>${rule}</Rule>`);
  const RULE = { id: '(no id)', prefix: '', isNarrowed: false, expiresAtDate: false };
  const NONE = s3Error(404, 'None');
  const answer = (content: string) => xml('Answer', content);

  test.each<[keyof typeof QUESTIONS, string, FakeReply, unknown]>([
    ['object-lock', 'none', NONE, undefined],
    ['object-lock', 'unknown', s3Error(501, 'NotImplemented'), undefined],
    ['object-lock', 'off', answer(''), undefined],
    ['object-lock', 'one by one', answer(LOCKED), { defaultRetention: undefined }],
    ['object-lock', 'days', answer(locked('<Mode>M</Mode><Days>40</Days>')), { defaultRetention: 'M, 40 days' }],
    ['object-lock', 'years', answer(locked('<Mode>M</Mode><Years>7</Years>')), { defaultRetention: 'M, 7 years' }],
    ['object-lock', 'refused', s3Error(403, 'AccessDenied'), 'access-denied AccessDenied'],
    ['versioning', 'enabled', answer('<Status>Enabled</Status>'), 'enabled'],
    ['versioning', 'suspended', answer('<Status>Suspended</Status>'), 'suspended'],
    ['versioning', 'never', answer(''), 'off'],
    ['policy', 'none', NONE, undefined],
    ['policyStatus', 'none', NONE, false],
    ['policyStatus', 'public', answer('<IsPublic>true</IsPublic>'), true],
    ['acl', 'none', NONE, []],
    [
      'acl',
      'public',
      answer(`<AccessControlList>${GRANTS}</AccessControlList>`),
      ['READ to AllUsers', 'READ to AuthenticatedUsers'],
    ],
    ['encryption', 'none', NONE, []],
    ['encryption', 'by algorithm', answer(`<Rule>${AES}</Rule><Rule></Rule>`), ['AES256']],
    ['cors', 'none', NONE, []],
    ['cors', 'no bucket', s3Error(404, 'NoSuchBucket'), 'no-such-bucket NoSuchBucket'],
    ['lifecycle', 'none', NONE, []],
    [
      'lifecycle',
      'enabled rules, wherever they name their prefix, narrowed or not',
      answer(`${RULES.join('')}<Rule><ID>off</ID><Status>Disabled</Status></Rule>`),
      [
        { ...RULE, id: 'a', prefix: 'old/', expirationDays: 9 },
        { ...RULE, prefix: 'new/', abortUploadsDays: 9 },
        { ...RULE, prefix: 'and/', isNarrowed: true },
        { ...RULE, expiresAtDate: true },
        { ...RULE, isNarrowed: true },
      ],
    ],
    ['x-id', 'there already', s3Error(412, 'PreconditionFailed'), false],
    ['x-id', 'refused', s3Error(403, 'AccessDenied'), 'access-denied AccessDenied'],
  ])('%s: %s', async (question, _, reply, expected) => {
    const { client, settings } = await adapterOn(({ query }) =>
      query.has(question) ? reply : s3Error(418, 'Another'),
    );
    expect(await outcomeOf(QUESTIONS[question](inspectBucket(client, settings)))).toEqual(expected);
  });
});
