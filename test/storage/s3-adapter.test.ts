// The S3 adapter on stores that lack something, fail, or are reached in other ways than the tests' real ones.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from '@jest/globals';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/storage/object-store.ts';
import type { Presigner } from '../../src/storage/presigner.ts';
import { createS3Client, type S3Settings } from '../../src/storage/s3/client.ts';
import { httpStatusOf, storeCodeOf, toStoreError } from '../../src/storage/s3/errors.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner } from '../../src/storage/s3/presigner.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { type FakeReply, type FakeS3, listing, type Script, s3Error, startFakeS3, xml } from './fake-s3.ts';
import { send } from './http.ts';
import { bytes, expectStoreError, text } from './object-store-contract.ts';
import { type AnsweredRequest, openTestStore } from './stores.ts';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Adapter {
  readonly store: S3ObjectStore;
  readonly fake: FakeS3;
  readonly settings: S3Settings;
  readonly attempts: AnsweredRequest[];
  readonly notices: string[];
  readonly client: S3Client;
  readonly presigner: Presigner;
}

async function adapterOn(script: Script, changes: Partial<S3Settings> = {}): Promise<Adapter> {
  const fake = await startFakeS3(script);
  cleanups.push(() => fake.close());
  return { ...adapterFor({ endpoint: fake.endpoint, ...changes }), fake };
}

function adapterFor(changes: Partial<S3Settings>): Omit<Adapter, 'fake'> {
  const settings: S3Settings = {
    region: 'eu-central-1',
    bucket: 'recordings',
    keyPrefix: '',
    forcePathStyle: true,
    credentials: { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' },
    ...changes,
  };
  const attempts: AnsweredRequest[] = [];
  const notices: string[] = [];
  const client = createS3Client(settings, (operation, outcome, durationMs) => {
    expect(durationMs).toBeGreaterThanOrEqual(0);
    attempts.push({ operation, outcome });
  });
  retryAtOnce(client);
  cleanups.push(() => client.destroy());
  return {
    store: new S3ObjectStore(client, settings, (notice) => notices.push(notice)),
    settings,
    attempts,
    notices,
    client,
    presigner: createS3Presigner({ client, settings, now: Date.now }),
  };
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

/** Sets variables of the environment until the end of the test; undefined unsets. */
function setEnvironment(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    cleanups.push(() => setVariable(name, before));
    setVariable(name, value);
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** No credentials anywhere but where the test puts them. */
function withoutCredentials(variables: Record<string, string | undefined> = {}): void {
  setEnvironment({
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
    AWS_WEB_IDENTITY_TOKEN_FILE: undefined,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
    AWS_CONFIG_FILE: '/nonexistent/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...variables,
  });
}

/** Prints one key that is about to end, for which the SDK soon asks again, and then one that lasts. */
const ISSUE_CREDENTIALS = `
  import { existsSync, writeFileSync } from 'node:fs';
  const marker = new URL('issued', import.meta.url);
  const [id, lifetimeMs] = existsSync(marker) ? ['SECOND', 3_600_000] : ['FIRST', 240_000];
  writeFileSync(marker, '');
  const Expiration = new Date(Date.now() + lifetimeMs).toISOString();
  const keys = { AccessKeyId: id, SecretAccessKey: 'secret', SessionToken: 'token-' + id };
  console.log(JSON.stringify({ Version: 1, ...keys, Expiration }));
`;

function numbered(count: number): { key: string }[] {
  return Array.from({ length: count }, (_, index) => ({ key: `key-${index}` }));
}

describe('a store without DeleteObjects', () => {
  test('is asked to delete one by one, and reported once', async () => {
    const { store, fake, notices } = await adapterOn(({ method }) =>
      method === 'POST' ? s3Error(501, 'NotImplemented') : { status: 204 },
    );
    expect(await store.delete(numbered(3))).toEqual([]);
    expect(await store.delete([{ key: 'versioned', versionId: 'v 1' }])).toEqual([]);
    expect(fake.requests.map((request) => request.method)).toEqual(['POST', 'DELETE', 'DELETE', 'DELETE', 'DELETE']);
    expect(fake.requests.at(-1)?.query.get('versionId')).toBe('v 1');
    expect(notices).toEqual(['store-has-no-batch-delete']);
  });

  test('has its refusals reported key by key, and what is missing counts as deleted', async () => {
    const answers: FakeReply[] = [
      s3Error(405, 'MethodNotAllowed'),
      s3Error(403, 'AccessDenied'),
      s3Error(404, 'NoSuchKey'),
      s3Error(404, 'NoSuchVersion'),
      { status: 404 },
      { status: 204 },
    ];
    const { store } = await adapterOn((_, index) => answers[index] ?? s3Error(400, 'Unscripted'));
    expect(await store.delete(numbered(5))).toEqual([{ key: 'key-0', code: 'AccessDenied' }]);
  });

  test('that is down is unavailable, and not a refusal of every key', async () => {
    const { store } = await adapterOn(({ method }) =>
      method === 'POST' ? s3Error(501, 'NotImplemented') : s3Error(503, 'ServiceUnavailable'),
    );
    await expectStoreError(store.delete(numbered(2)), 'unavailable');
  });
});

describe('a store without tagging', () => {
  test('is asked once, reported once, and everything else works', async () => {
    const { store, fake, notices } = await adapterOn(({ query, method }) => {
      if (query.has('tagging')) return s3Error(501, 'NotImplemented');
      return method === 'GET' ? { body: 'stored' } : {};
    });
    expect(await store.tag('a', { b: 'c' })).toBe(false);
    expect(await store.tag('a', { b: 'c' })).toBe(false);
    expect(await store.tags('a')).toBeUndefined();
    expect(notices).toEqual(['store-has-no-tagging']);
    expect(fake.requests).toHaveLength(1);
    await store.put('a', bytes('stored'));
    expect(text(await store.get('a'))).toBe('stored');
  });

  test('needs nobody to listen', async () => {
    const { settings } = await adapterOn(() => s3Error(501, 'NotImplemented'));
    const client = createS3Client(settings);
    cleanups.push(() => client.destroy());
    expect(await new S3ObjectStore(client, settings).tag('a', { b: 'c' })).toBe(false);
  });

  test('may say so with the status alone', async () => {
    const { store, notices } = await adapterOn(() => ({ status: 501 }));
    expect(await store.tags('a')).toBeUndefined();
    expect(notices).toEqual(['store-has-no-tagging']);
  });

  test('is not what a refusal to tag means', async () => {
    const { store, notices } = await adapterOn(() => s3Error(403, 'AccessDenied'));
    await expectStoreError(store.tag('a', { b: 'c' }), 'access-denied');
    await expectStoreError(store.tags('a'), 'access-denied');
    expect(notices).toEqual([]);
  });
});

describe('versioning', () => {
  const status = (text: string) => xml('VersioningConfiguration', `<Status>${text}</Status>`);
  test.each<[string, FakeReply, boolean]>([
    ['unknown: 501', s3Error(501, 'NotImplemented'), false],
    ['unknown: 405', s3Error(405, 'NotImplemented'), false],
    ['enabled', status('Enabled'), true],
    ['suspended', status('Suspended'), true],
  ])('that is %s', async (_, reply, expected) => {
    const { store } = await adapterOn(() => reply);
    expect(await store.isVersioned()).toBe(expected);
  });

  test('that may not be asked about is not taken for none', async () => {
    const { store } = await adapterOn(() => s3Error(403, 'AccessDenied'));
    await expectStoreError(store.isVersioned(), 'access-denied');
  });
});

describe('DeleteObjects', () => {
  test('reports the errors of single keys without the prefix, and those that are gone as deleted', async () => {
    const error = (key: string, rest: string) => `<Error><Key>pre/${key}</Key>${rest}</Error>`;
    const { store } = await adapterOn(
      () =>
        xml(
          'DeleteResult',
          error('a', '<Code>AccessDenied</Code>') +
            error('b', '<Code>NoSuchKey</Code>') +
            error('c', '<VersionId>v1</VersionId><Code>InternalError</Code>') +
            error('d', '<VersionId>v2</VersionId><Code>NoSuchVersion</Code>') +
            error('e &amp; f', '<Message>no code</Message>'),
        ),
      { keyPrefix: 'pre/' },
    );
    expect(await store.delete(numbered(5))).toEqual([
      { key: 'a', versionId: undefined, code: 'AccessDenied' },
      { key: 'c', versionId: 'v1', code: 'InternalError' },
      { key: 'e & f', versionId: undefined, code: 'Unknown' },
    ]);
  });

  test('sends a thousand keys at most, and collects what failed in each batch', async () => {
    const { store, fake } = await adapterOn((_, index) =>
      xml('DeleteResult', `<Error><Key>of-${index}</Key><Code>AccessDenied</Code></Error>`),
    );
    const failures = await store.delete(numbered(2500));
    expect(failures.map((failure) => failure.key)).toEqual(['of-0', 'of-1', 'of-2']);
    expect(fake.requests.map((request) => request.body.split('<Object>').length - 1)).toEqual([1000, 1000, 500]);
  });

  test('that is refused as a whole for one odd key is done key by key, this once', async () => {
    const { store, fake, notices } = await adapterOn(({ method, path }, index) => {
      if (method === 'POST') return index === 0 ? s3Error(400, 'MalformedXML') : xml('DeleteResult');
      return path.endsWith('key-1') ? s3Error(400, 'InvalidURI') : { status: 204 };
    });
    expect(await store.delete(numbered(3))).toEqual([{ key: 'key-1', code: 'InvalidURI' }]);
    expect(await store.delete(numbered(3))).toEqual([]);
    expect(fake.requests.map((request) => request.method)).toEqual(['POST', 'DELETE', 'DELETE', 'DELETE', 'POST']);
    expect(notices).toEqual([]);
  });

  test('that fails as a whole throws', async () => {
    const { store, notices } = await adapterOn(() => s3Error(403, 'AccessDenied'));
    await expectStoreError(store.delete(numbered(1)), 'access-denied');
    expect(notices).toEqual([]);
  });
});

describe('a request with a checksum', () => {
  test.each<[string, (store: S3ObjectStore) => Promise<unknown>]>([
    ['DeleteObjects', (store) => store.delete([{ key: 'ü' }])],
    ['PutObjectTagging', (store) => store.tag('ü', { a: 'ü' })],
  ])('has its MD5 and no other: %s', async (_, call) => {
    const { store, fake } = await adapterOn(() => xml('DeleteResult'));
    await call(store);
    const { headers = {}, body = '' } = fake.requests[0] ?? {};
    expect(headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'));
    expect(Object.keys(headers).filter((name) => /checksum/.test(name))).toEqual([]);
  });

  test('is not what a body is sent with', async () => {
    const { store, fake } = await adapterOn(() => ({ headers: { etag: '"e"' } }));
    await store.put('a', bytes('body'), { contentType: 'text/plain', cacheControl: 'no-store' });
    expect(await store.uploadPart('a', 'id', 1, bytes('body'))).toBe('"e"');
    for (const { headers, body } of fake.requests) {
      expect(Object.keys(headers).filter((name) => /checksum|md5|trailer|content-encoding/.test(name))).toEqual([]);
      expect(headers['content-length']).toBe('4');
      expect(body).toBe('body');
    }
    expect(fake.requests[0]?.headers).toMatchObject({ 'content-type': 'text/plain', 'cache-control': 'no-store' });
  });
});

describe('a store in trouble', () => {
  test('is asked again, and each attempt is counted', async () => {
    const { store, attempts } = await adapterOn((_, index) =>
      index < 2 ? s3Error(503, 'ServiceUnavailable') : { body: 'there' },
    );
    expect(text(await store.get('a'))).toBe('there');
    expect(attempts).toEqual([
      { operation: 'GetObject', outcome: 'ServiceUnavailable' },
      { operation: 'GetObject', outcome: 'ServiceUnavailable' },
      { operation: 'GetObject', outcome: 'ok' },
    ]);
  });

  test('is given up on after five attempts', async () => {
    const { store, attempts } = await adapterOn(() => s3Error(503, 'ServiceUnavailable'));
    const error: unknown = await store.get('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: 'unavailable', operation: 'GetObject', storeCode: 'ServiceUnavailable' });
    expect(attempts).toHaveLength(5);
  });

  test('that cannot be reached is unavailable', async () => {
    const { store, fake, attempts } = await adapterOn(() => ({}));
    await fake.close();
    await expectStoreError(store.list('a'), 'unavailable');
    expect(attempts).toContainEqual({ operation: 'ListObjectsV2', outcome: 'ECONNREFUSED' });
  });

  test.each<[string, FakeReply, object]>([
    ['a refusal', s3Error(403, 'AccessDenied'), { code: 'access-denied', storeCode: 'AccessDenied' }],
    ['a refusal in words of its own', s3Error(403, 'Quota'), { code: 'access-denied', storeCode: 'Quota' }],
    ['a wrong key', s3Error(403, 'InvalidAccessKeyId'), { code: 'access-denied' }],
    ['401', s3Error(401, 'Unauthorized'), { code: 'access-denied' }],
    ['a missing bucket', s3Error(404, 'NoSuchBucket'), { code: 'no-such-bucket' }],
    ['a broken page of a proxy', { status: 400, body: '<html>' }, { code: 'unexpected' }],
    ['an unknown code', s3Error(400, 'Whatever'), { code: 'unexpected', storeCode: 'Whatever' }],
    ['an unknown method', s3Error(405, 'Whatever'), { code: 'not-implemented' }],
  ])('has its answer translated: %s', async (_, reply, expected) => {
    const { store } = await adapterOn(() => reply);
    await expect(store.list('a')).rejects.toMatchObject({ name: 'StoreError', operation: 'ListObjectsV2' });
    const outcomes = await Promise.allSettled([
      store.list('a'),
      store.listVersions('a'),
      store.listMultipartUploads('a'),
      store.put('a', bytes('x')),
      store.get('a'),
      store.createMultipartUpload('a', { contentType: 'video/webm' }),
      store.listParts('a', 'id'),
      store.completeMultipartUpload('a', 'id', []),
      store.abortMultipartUpload('a', 'id'),
    ]);
    expect(outcomes).toMatchObject(outcomes.map(() => ({ status: 'rejected', reason: expected })));
  });

  test.each([429, 500, 503, undefined])('is unavailable with status %s, whatever it says', (httpStatusCode) => {
    const error = { name: 'Whatever', $metadata: { httpStatusCode } };
    expect(toStoreError('PutObject', error)).toMatchObject({ code: 'unavailable', storeCode: 'Whatever' });
  });

  test('whose error is no error object has an unknown code', () => {
    expect(storeCodeOf(undefined)).toBe('Unknown');
    expect(storeCodeOf({ name: 'Error', code: 'EPIPE' })).toBe('EPIPE');
    expect(storeCodeOf({ name: 'AggregateError' })).toBe('AggregateError');
    expect(httpStatusOf(undefined)).toBeUndefined();
  });
});

describe('an object', () => {
  test('of whose beginning less comes than the store says is there is not read at all', async () => {
    const answers = [{}, { body: 'be' }, { body: 'begin' }];
    const { store } = await adapterOn((_, index) => ({
      status: 206,
      headers: { 'content-range': 'bytes 0-4/5' },
      ...answers[index],
    }));
    await expectStoreError(store.getStart('a', 64), 'unavailable');
    await expectStoreError(store.getStart('a', 64), 'unavailable');
    expect(text(await store.getStart('a', 64))).toBe('begin');
  });

  test('that answers 404 without a document is missing', async () => {
    const { store } = await adapterOn(() => ({ status: 404 }));
    expect(await store.get('a')).toBeUndefined();
  });

  test.each([true, false])('that is too large is refused, its length announced: %s', async (announced) => {
    const body = 'x'.repeat(MAX_SMALL_OBJECT_BYTES + 1);
    const headers: Record<string, string> = announced ? { 'content-length': String(body.length) } : {};
    const { store, attempts } = await adapterOn(() => ({ headers, body }));
    await expectStoreError(store.get('a'), 'too-large');
    expect(attempts).toHaveLength(1);
  });
});

describe('a listing', () => {
  test('from a store that tells no time has none', async () => {
    const { store } = await adapterOn(() => ({ ...listing('ListBucketResult'), withoutDate: true }));
    expect(await store.list('a')).toEqual({ objects: [], truncated: false, storeTimeMs: Number.NaN });
  });

  test('takes the time of the store, not its own', async () => {
    const { store } = await adapterOn(() => ({
      ...listing('ListBucketResult'),
      headers: { date: 'Mon, 23 Nov 2026 02:03:17 GMT' },
      withoutDate: true,
    }));
    expect((await store.list('a')).storeTimeMs).toBe(Date.UTC(2026, 10, 23, 2, 3, 17));
  });

  test('reads what is left out as nothing', async () => {
    const { store } = await adapterOn(({ query }) => {
      if (query.has('versions'))
        return listing('ListVersionsResult', '<Version></Version><DeleteMarker></DeleteMarker>');
      if (query.has('uploads')) return listing('ListMultipartUploadsResult', '<Upload></Upload>');
      if (query.has('uploadId')) return listing('ListPartsResult', '<Part></Part>');
      if (query.has('tagging')) return xml('Tagging', '<TagSet><Tag></Tag></TagSet>');
      return listing('ListBucketResult', '<Contents></Contents>');
    });
    const nothing = { key: '', sizeBytes: 0, lastModifiedMs: Number.NaN };
    expect((await store.list('')).objects).toEqual([nothing]);
    expect((await store.listVersions('')).versions).toEqual([
      { ...nothing, versionId: undefined, isLatest: false, isDeleteMarker: false },
      { ...nothing, versionId: undefined, isLatest: false, isDeleteMarker: true },
    ]);
    expect((await store.listMultipartUploads('')).uploads).toEqual([
      { key: '', uploadId: '', initiatedMs: Number.NaN },
    ]);
    expect(await store.listParts('a', 'id')).toEqual([
      { partNumber: 0, sizeBytes: 0, etag: '', lastModifiedMs: Number.NaN },
    ]);
    expect(await store.tags('a')).toEqual({ '': '' });
  });

  test('of no tags, parts, or versions is empty', async () => {
    const { store } = await adapterOn(({ query }) => {
      if (query.has('versions')) return listing('ListVersionsResult');
      if (query.has('uploads')) return listing('ListMultipartUploadsResult');
      return query.has('tagging') ? xml('Tagging') : listing('ListPartsResult');
    });
    expect((await store.listVersions('')).versions).toEqual([]);
    expect((await store.listMultipartUploads('')).uploads).toEqual([]);
    expect(await store.listParts('a', 'id')).toEqual([]);
    expect(await store.tags('a')).toEqual({});
  });

  test('puts the versions of a key before the next key, the latest first, then by time', async () => {
    const version = (element: string, key: string, latest: boolean, second: number) =>
      `<${element}><Key>${key}</Key><VersionId>${key}${second}</VersionId><IsLatest>${latest}</IsLatest>` +
      `<LastModified>2026-11-23T02:03:0${second}.000Z</LastModified></${element}>`;
    const { store } = await adapterOn(() =>
      listing(
        'ListVersionsResult',
        version('Version', 'a', false, 3) +
          version('Version', 'a', false, 1) +
          version('Version', 'b', true, 4) +
          version('DeleteMarker', 'a', true, 3) +
          version('DeleteMarker', 'a', false, 2),
      ),
    );
    const { versions } = await store.listVersions('');
    expect(versions.map((item) => `${item.versionId} ${item.isDeleteMarker}`)).toEqual([
      'a3 true',
      'a3 false',
      'a2 true',
      'a1 false',
      'b4 false',
    ]);
  });

  test('that does not say whether it goes on was cut short on its way, and is never taken for an empty one', async () => {
    const { store } = await adapterOn(() => ({ body: '' }));
    await expectStoreError(store.list(''), 'unavailable');
    await expectStoreError(store.listVersions(''), 'unavailable');
    await expectStoreError(store.listMultipartUploads(''), 'unavailable');
    await expectStoreError(store.listParts('a', 'id'), 'unavailable');
  });

  test('that breaks off in the middle of a word is unavailable, and not a refusal', async () => {
    const { body = '' } = listing('ListBucketResult', '<Contents><Key>a</Key></Contents>');
    const { store } = await adapterOn((_, index) => ({ body: body.slice(0, 60 + 30 * index) }));
    for (let at = 60; at < body.length; at += 30) await expectStoreError(store.list(''), 'unavailable');
  });

  test('of parts goes on over as many pages as there are', async () => {
    const part = (number: number) => `<Part><PartNumber>${number}</PartNumber><ETag>"${number}"</ETag></Part>`;
    const { store, fake } = await adapterOn((_, index) =>
      index === 0
        ? xml(
            'ListPartsResult',
            `<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>${part(7)}`,
          )
        : listing('ListPartsResult', part(8)),
    );
    expect((await store.listParts('a', 'id'))?.map((item) => item.partNumber)).toEqual([7, 8]);
    expect(fake.requests.map((request) => request.query.get('part-number-marker'))).toEqual([null, '7']);
  });
});

describe('an upload', () => {
  test.each(['NoSuchUpload', 'NoSuchKey'])('that is gone may be called %s', async (code) => {
    const { store } = await adapterOn(() => s3Error(404, code));
    expect(await store.listParts('a', 'id')).toBeUndefined();
    expect(await store.completeMultipartUpload('a', 'id', [])).toBe(false);
    expect(await store.abortMultipartUpload('a', 'id')).toBeUndefined();
    await expectStoreError(store.uploadPart('a', 'id', 1, bytes('x')), 'no-such-upload');
  });

  test('that answers 200 and an error inside was not completed', async () => {
    const { store } = await adapterOn(() => ({ ...s3Error(200, 'AccessDenied') }));
    await expect(store.completeMultipartUpload('a', 'id', [])).rejects.toMatchObject({
      name: 'StoreError',
      storeCode: 'AccessDenied',
    });
  });

  test('that cannot be completed for an error of the store is gone only when its parts are', async () => {
    const gone = s3Error(404, 'NoSuchUpload');
    const answers = { POST: s3Error(500, 'InternalError'), GET: gone };
    const { store } = await adapterOn(({ method }) => (method === 'POST' ? answers.POST : answers.GET));
    expect(await store.completeMultipartUpload('a', 'id', [])).toBe(false);
    answers.GET = listing('ListPartsResult');
    await expectStoreError(store.completeMultipartUpload('a', 'id', []), 'unavailable');
  });

  test.each(['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'])('with wrong parts: %s', async (code) => {
    const { store } = await adapterOn(() => s3Error(400, code));
    await expectStoreError(store.completeMultipartUpload('a', 'id', []), 'invalid-parts');
  });

  test('without an id is none', async () => {
    const { store } = await adapterOn(() => xml('InitiateMultipartUploadResult', '<Key>a</Key>'));
    await expect(store.createMultipartUpload('a', { contentType: 'video/webm' })).rejects.toMatchObject({
      code: 'unavailable',
      storeCode: 'NoUploadId',
    });
  });

  test('without an ETag has an empty one', async () => {
    const { store } = await adapterOn(() => ({}));
    expect(await store.uploadPart('a', 'id', 1, bytes('x'))).toBe('');
  });
});

describe('a URL', () => {
  const PART = { uploadId: 'id', partNumber: 7, sizeBytes: 5 };
  const KEY = "a b/ü+'(1)*.webm";
  const ESCAPED = 'a%20b/%C3%BC%2B%27%281%29%2A.webm';
  const AT = Date.UTC(2026, 10, 23, 2, 3, 17, 999);

  test('is of the path style or of the virtual host', async () => {
    for (const [changes, expected] of [
      [{ endpoint: 'http://store:9000' }, `http://store:9000/recordings/${ESCAPED}`],
      [{ endpoint: 'http://store:9000/deep/' }, `http://store:9000/deep/recordings/${ESCAPED}`],
      [{ endpoint: 'https://store', forcePathStyle: false }, `https://recordings.store/${ESCAPED}`],
      [{ endpoint: 'http://127.0.0.1:1', forcePathStyle: false }, `http://127.0.0.1:1/recordings/${ESCAPED}`],
      [{ forcePathStyle: false }, `https://recordings.s3.eu-central-1.amazonaws.com/${ESCAPED}`],
      [{}, `https://s3.eu-central-1.amazonaws.com/recordings/${ESCAPED}`],
      [{ endpoint: 'http://store', keyPrefix: 'p q/' }, `http://store/recordings/p%20q/${ESCAPED}`],
      [
        { endpoint: 'http://inside', publicEndpoint: 'https://outside:8443' },
        `https://outside:8443/recordings/${ESCAPED}`,
      ],
    ] as const) {
      const { presigner } = adapterFor(changes);
      expect((await presigner.presignPart(KEY, PART, 60)).replace(/\?.*/, '')).toBe(expected);
      const playback = await presigner.presignPlayback(KEY, { contentType: 'video/webm' }, 60);
      expect(playback.replace(/\?.*/, '')).toBe(expected);
    }
  });

  test('carries its part, its lifetime, and the length that is signed', async () => {
    const { client, settings } = adapterFor({});
    const presigner = createS3Presigner({ client, settings, now: () => AT });
    const { searchParams } = new URL(await presigner.presignPart(KEY, PART, 900));
    expect(Object.fromEntries(searchParams)).toMatchObject({
      partNumber: '7',
      uploadId: 'id',
      'X-Amz-Date': '20261123T020317Z',
      'X-Amz-Expires': '900',
      'X-Amz-SignedHeaders': 'content-length;host',
      'X-Amz-Credential': 'SERVICEKEY/20261123/eu-central-1/s3/aws4_request',
    });
    expect(searchParams.has('X-Amz-Security-Token')).toBe(false);
    expect([...searchParams.keys()].filter((name) => /checksum/i.test(name))).toEqual([]);
  });

  test('of a part is signed with the upload key, and of a playback never', async () => {
    const uploadCredentials = { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret' };
    const { presigner } = adapterFor({ uploadCredentials });
    expect(await presigner.presignPart(KEY, PART, 60)).toContain('X-Amz-Credential=UPLOADKEY%2F');
    expect(await presigner.presignPlayback(KEY, { contentType: 'a' }, 60)).toContain('X-Amz-Credential=SERVICEKEY%2F');
  });

  test('without a signed length is made for the self-test alone', async () => {
    const { client, settings } = adapterFor({});
    const presigner = createS3Presigner({ client, settings, now: Date.now, unsafeWithoutSignedLength: true });
    const url = new URL(await presigner.presignPart(KEY, PART, 60));
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host');
  });

  test.each([true, false])('for a public host works on a real store: path style %s', async (forcePathStyle) => {
    const opened = await openTestStore();
    cleanups.push(() => opened.close());
    const publicEndpoint = `http://localhost:${new URL(opened.endpoint).port}`;
    const settings = { ...opened.settings, publicEndpoint, forcePathStyle };
    const presigner = createS3Presigner({ client: opened.client, settings, now: Date.now });
    const uploadId = await opened.store.createMultipartUpload(KEY, { contentType: 'video/webm' });
    const put = await presigner.presignPart(KEY, { uploadId, partNumber: 1, sizeBytes: 5 }, 60);
    expect(new URL(put).hostname).toBe(forcePathStyle ? 'localhost' : `${opened.bucket}.localhost`);
    const connectTo = opened.endpoint;
    expect((await send(put, { method: 'PUT', body: 'bytes', connectTo })).status).toBe(200);
    const parts = (await opened.store.listParts(KEY, uploadId)) ?? [];
    expect(await opened.store.completeMultipartUpload(KEY, uploadId, parts)).toBe(true);
    const get = await presigner.presignPlayback(KEY, { contentType: 'video/webm' }, 60);
    expect((await send(get, { connectTo })).body.toString()).toBe('bytes');
  });
});

describe('requests', () => {
  test('go to the endpoint inside, whatever the public one is, with the key prefix', async () => {
    const { store, fake } = await adapterOn(() => listing('ListBucketResult'), {
      publicEndpoint: 'https://outside',
      keyPrefix: 'p q/',
    });
    await store.put('a+b', bytes('x'));
    await store.list('a', { startAfter: 'b', limit: 3 });
    expect(fake.requests.map((request) => request.path)).toEqual(['/recordings/p%20q/a%2Bb', '/recordings/']);
    expect(Object.fromEntries(fake.requests[1]?.query ?? [])).toMatchObject({
      prefix: 'p q/a',
      'start-after': 'p q/b',
      'max-keys': '3',
    });
  });
});

describe('credentials', () => {
  test('come from the SDK’s own chain when none are set', async () => {
    withoutCredentials({ AWS_ACCESS_KEY_ID: 'CHAINKEY', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 'to/ken' });
    const { store, fake, presigner } = await adapterOn(() => ({}), { credentials: undefined });
    await store.put('a', bytes('x'));
    expect(fake.requests[0]?.headers.authorization).toContain('Credential=CHAINKEY/');
    expect(fake.requests[0]?.headers['x-amz-security-token']).toBe('to/ken');
    const url = await presigner.presignPart('a', { uploadId: 'id', partNumber: 1, sizeBytes: 1 }, 60);
    expect(new URL(url).searchParams.get('X-Amz-Credential')).toMatch(/^CHAINKEY\//);
    expect(new URL(url).searchParams.get('X-Amz-Security-Token')).toBe('to/ken');
  });

  test('that rotate are followed, by requests and by URLs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'credentials-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'issue.mjs'), ISSUE_CREDENTIALS);
    const config = `[default]\ncredential_process = ${process.execPath} ${join(folder, 'issue.mjs')}\n`;
    await writeFile(join(folder, 'config'), config);
    withoutCredentials({ AWS_CONFIG_FILE: join(folder, 'config') });
    const { client, settings, store, fake } = await adapterOn(() => ({}), { credentials: undefined });
    const presigner = createS3Presigner({ client, settings, now: Date.now });
    const seen = new Set<string>();
    while (!seen.has('SECOND')) {
      await store.put('a', bytes('x'));
      const headers = fake.requests.at(-1)?.headers;
      const url = new URL(await presigner.presignPlayback('a', { contentType: 'a' }, 60));
      const key = url.searchParams.get('X-Amz-Credential')?.split('/')[0] ?? '';
      expect(url.searchParams.get('X-Amz-Security-Token')).toBe(`token-${key}`);
      expect(headers?.['x-amz-security-token']).toMatch(/^token-(FIRST|SECOND)$/);
      seen.add(key);
    }
    expect([...seen]).toEqual(['FIRST', 'SECOND']);
    await store.put('a', bytes('x'));
    expect(fake.requests.at(-1)?.headers.authorization).toContain('Credential=SECOND/');
  });

  test('that nobody has are a refusal, not an outage', async () => {
    withoutCredentials();
    const { store } = await adapterOn(() => ({}), { credentials: undefined });
    await expectStoreError(store.get('a'), 'access-denied');
  });
});
