// A real store for tests: the embedded one in a temporary folder, or a fresh bucket on the store that TEST_S3_ENDPOINT names.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { DOCTOR_PREFIX } from '../../src/bucket/layout.ts';
import { eachItem } from '../../src/bucket/listing.ts';
import { listAllMultipartUploads } from '../../src/objectstore/object-store.ts';
import { createS3Client, type S3Credentials, type S3Settings } from '../../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../../src/objectstore/s3/object-store.ts';
import { createS3Presigner } from '../../src/objectstore/s3/presigner.ts';
import { isStoreError } from '../../src/objectstore/store-error.ts';
import type { CountedRequest, TestStore } from '../kit/memory-bucket.ts';

export interface TestStoreOptions {
  /** Keeps versions; the embedded store cannot, see `hasExternalStore`. Default: false. */
  readonly versioned?: boolean;
  /** Put before every key. Default: ''. */
  readonly keyPrefix?: string;
  /** A store that the test has started, with its bucket; it is left as it is. */
  readonly started?: S3Settings;
  /** What stands between the service and the store: is given the store's endpoint, and gives its own. */
  readonly through?: (endpoint: string) => Promise<string>;
}

export type RealStore = ReturnType<typeof testStore>;

/** Whether the tests run against a store that is not the embedded one. */
export const hasExternalStore = Boolean(process.env.TEST_S3_ENDPOINT);

/** Opens a store of its own; two of them never see each other's objects. */
export async function openTestStore(options: TestStoreOptions = {}): Promise<RealStore> {
  if (options.started) return testStore(options.started, async () => {});
  const endpoint = process.env.TEST_S3_ENDPOINT;
  return endpoint ? openBucket(endpoint, options) : openEmbedded(options);
}

async function openEmbedded(options: TestStoreOptions): Promise<RealStore> {
  if (options.versioned) throw new Error('The embedded store keeps no versions: ask hasExternalStore first.');
  const keys = {
    credentials: { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' },
    uploadCredentials: { accessKeyId: 'UPLOADKEY', secretAccessKey: 'upload-secret' },
  };
  const credentials = [keys.credentials, { ...keys.uploadCredentials, uploadOnly: true }];
  const dataDir = await mkdtemp(join(tmpdir(), 'test-store-'));
  const server = await startEmbeddedS3({ dataDir, bucket: 'recordings', credentials });
  return testStore(await settingsOf(server.endpoint, 'recordings', keys, options), async () => {
    await server.close();
    await rm(dataDir, { recursive: true, force: true });
  });
}

async function openBucket(endpoint: string, options: TestStoreOptions): Promise<RealStore> {
  const bucket = `test-${randomBytes(10).toString('hex')}`;
  const credentials = credentialsOf('TEST_S3_ACCESS_KEY_ID', 'TEST_S3_SECRET_ACCESS_KEY');
  if (!credentials) throw new Error('TEST_S3_ENDPOINT needs TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY.');
  const uploadCredentials = credentialsOf('TEST_S3_UPLOAD_ACCESS_KEY_ID', 'TEST_S3_UPLOAD_SECRET_ACCESS_KEY');
  const settings = await settingsOf(endpoint, bucket, { credentials, uploadCredentials }, options);
  const opened = testStore(settings, (hasPolicy) => removeBucket(opened, hasPolicy));
  await opened.client.send(new CreateBucketCommand({ Bucket: bucket }));
  if (uploadCredentials) await allowUploads(opened);
  if (options.versioned) await keepVersions(opened);
  opened.requests.length = 0;
  return opened;
}

async function settingsOf(endpoint: string, bucket: string, keys: Partial<S3Settings>, options: TestStoreOptions) {
  const { keyPrefix = '', through = async () => endpoint } = options;
  const isOutside = endpoint === process.env.TEST_S3_ENDPOINT;
  const region = (isOutside && process.env.TEST_S3_REGION) || 'us-east-1';
  return { endpoint: await through(endpoint), region, bucket, keyPrefix, forcePathStyle: true, ...keys };
}

/** Its presigner signs by the real clock, and part URLs with the upload key; `close` removes the bucket, or the folder. */
function testStore(settings: S3Settings, remove: (hasPolicy: boolean) => Promise<void>) {
  const requests: CountedRequest[] = [];
  let hasPolicy = false;
  const client = createS3Client(settings, (operation, outcome) => {
    requests.push({ operation });
    if (operation === 'PutBucketPolicy' && outcome === 'ok') hasPolicy = true;
  });
  let closing: Promise<void> | undefined;
  const presignerAt = (nowMs?: number) => createS3Presigner({ client, settings, now: () => nowMs ?? Date.now() });
  return {
    store: new S3ObjectStore(client, { ...settings, scratchPrefix: DOCTOR_PREFIX }),
    client,
    settings,
    presigner: presignerAt(),
    presignerAt,
    endpoint: settings.endpoint ?? '',
    bucket: settings.bucket,
    requests,
    fetch: (url, { method = 'GET', body, headers = {} } = {}) =>
      fetch(url, { method, headers, ...(body ? { body: Buffer.from(body) } : {}) }),
    close() {
      closing ??= remove(hasPolicy).finally(() => client.destroy());
      return closing;
    },
  } satisfies TestStore & Record<string, unknown>;
}

function credentialsOf(idName: string, secretName: string): S3Credentials | undefined {
  const accessKeyId = process.env[idName];
  const secretAccessKey = process.env[secretName];
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
}

/** The upload key may put, and nothing else. Its user is `uploader`, as `ci/ceph-rgw` makes it. */
async function allowUploads({ client, bucket }: RealStore): Promise<void> {
  const AWS = [process.env.TEST_S3_UPLOAD_PRINCIPAL ?? 'arn:aws:iam:::user/uploader'];
  const Resource = [`arn:aws:s3:::${bucket}/*`];
  const Statement = [{ Effect: 'Allow', Principal: { AWS }, Action: ['s3:PutObject'], Resource }];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
}

/** On a store without versions each test fails by its own name. */
async function keepVersions({ client, bucket }: RealStore): Promise<void> {
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  const enabling = client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  await enabling.catch((error: unknown) => {
    if (!isStoreError(error, 'not-implemented')) throw error;
  });
}

/** Sends no request that a store without policies or versions does not know. */
async function removeBucket({ client, bucket }: RealStore, hasPolicy: boolean): Promise<void> {
  const whole = new S3ObjectStore(client, { bucket, keyPrefix: '', scratchPrefix: DOCTOR_PREFIX });
  if (hasPolicy) await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  for await (const upload of listAllMultipartUploads(whole, '')) {
    await whole.abortMultipartUpload(upload.key, upload.uploadId);
  }
  const items = await Array.fromAsync(eachItem(whole, '', await whole.isVersioned()));
  const failures = await whole.delete(items);
  if (failures.length > 0) throw new Error(`${failures.length} objects of ${bucket} could not be deleted`);
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
