// A doctor on a test store, what a bucket holds, and a store with the holes that the attacks look for.
import { randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetBucketCorsCommand, GetBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import type { CheckResult } from '../../src/doctor/check.ts';
import type { DoctorDependencies, DoctorSettings } from '../../src/doctor/context.ts';
import { DAY_MS } from '../../src/domain/durations.ts';
import { listItemVersions } from '../../src/storage/attempt-state.ts';
import { listAllMultipartUploads } from '../../src/storage/object-store.ts';
import { inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client, type S3Settings } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner } from '../../src/storage/s3/presigner.ts';
import type { RealStore } from '../storage/stores.ts';

export interface DoctorOptions {
  /** Over those of the store: another endpoint, other keys. */
  readonly s3?: Partial<S3Settings>;
  readonly settings?: Partial<DoctorSettings>;
  readonly deps?: Partial<DoctorDependencies>;
  readonly unsafeWithoutSignedLength?: boolean;
}

/** `done` closes the clients. */
export function doctorFor(testStore: RealStore, options: DoctorOptions = {}): DoctorDependencies & { done(): void } {
  const settings: S3Settings = { ...testStore.settings, ...options.s3 };
  const client = createS3Client(settings);
  const { uploadCredentials } = settings;
  const uploadClient = uploadCredentials && createS3Client({ ...settings, credentials: uploadCredentials });
  return {
    store: new S3ObjectStore(client, settings),
    presigner: createS3Presigner({
      client,
      settings,
      now: Date.now,
      unsafeWithoutSignedLength: options.unsafeWithoutSignedLength === true,
    }),
    place: settings,
    now: Date.now,
    wait: (milliseconds) => sleep(milliseconds),
    randomBytes,
    inspection: inspectBucket(client, settings),
    uploadKeyStore: uploadClient && new S3ObjectStore(uploadClient, settings),
    hasBatchDelete: () => true,
    settings: {
      corsOrigins: [],
      uploads: 'direct',
      maxPartNumber: 2048,
      policy: { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() },
      logRetentionMs: 365 * DAY_MS,
      ...options.settings,
    },
    ...options.deps,
    done() {
      client.destroy();
      uploadClient?.destroy();
    },
  };
}

/** Everything that the doctor must leave as it was. */
export async function bucketContents({ client, bucket }: RealStore) {
  const whole = new S3ObjectStore(client, { bucket, keyPrefix: '' });
  const uploads = [];
  for await (const { key, uploadId } of listAllMultipartUploads(whole, '')) uploads.push({ key, uploadId });
  return {
    versions: (await listItemVersions(whole, '')).map(({ key, versionId, sizeBytes }) => ({
      key,
      versionId,
      sizeBytes,
    })),
    uploads,
    cors: await orNone(async () => (await client.send(new GetBucketCorsCommand({ Bucket: bucket }))).CORSRules),
    lifecycle: await orNone(
      async () => (await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))).Rules,
    ),
  };
}

async function orNone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return undefined;
    throw error;
  }
}

export function find(checks: readonly CheckResult[], id: string): CheckResult {
  const found = checks.find((check) => check.id === id);
  if (!found) throw new Error(`there is no line ${id}`);
  return found;
}

export function idsWith(checks: readonly CheckResult[], outcome: CheckResult['outcome']): string[] {
  return checks.filter((check) => check.outcome === outcome).map(({ id }) => id);
}

export interface Holes {
  /** Honours these unsigned headers on a part URL, as stores with CVE-2026-54330 do. */
  readonly copiesUnsigned?: boolean;
  readonly publishesUnsigned?: boolean;
  readonly tagsUnsigned?: boolean;
  /** Answers GetObjectLockConfiguration with a default retention. */
  readonly locks?: boolean;
  /** Answers nothing but this status. */
  readonly status?: number;
}

export interface HoledStore {
  readonly endpoint: string;
  /** What may be changed while it runs. */
  holes: Holes;
  close(): Promise<void>;
}

/** Passes everything on to the store behind it, except where `holes` says otherwise. */
export async function startHoledStore(testStore: RealStore, holes: Holes, port = 0): Promise<HoledStore> {
  const isPublic = new Set<string>();
  const tagged = new Set<string>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const url = new URL(request.url ?? '/', 'http://store');
    const key = decodeURIComponent(url.pathname).slice(`/${testStore.bucket}/`.length);
    const { holes: open } = holed;
    if (open.status !== undefined) return void response.writeHead(open.status).end();
    if (open.locks && url.searchParams.has('object-lock')) return void response.end(OBJECT_LOCK);
    if (request.method === 'GET' && url.search === '' && isPublic.has(key)) {
      return void response.end(await testStore.store.get(key));
    }
    const uploadId = url.searchParams.get('uploadId') ?? '';
    const source = request.headers['x-amz-copy-source'];
    if (open.copiesUnsigned && typeof source === 'string') {
      const victim = await testStore.store.get(source.replace(/^\//, '').slice(testStore.bucket.length + 1));
      await testStore.store.uploadPart(key, uploadId, 1, victim ?? new Uint8Array());
      return void response.end();
    }
    const headers = { ...request.headers };
    if (open.publishesUnsigned && take(headers, 'x-amz-acl')) isPublic.add(key);
    if (open.tagsUnsigned && take(headers, 'x-amz-tagging')) tagged.add(key);
    await passOn(request, response, headers, body);
  }

  function passOn(
    request: IncomingMessage,
    response: ServerResponse,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { hostname, port: storePort } = new URL(testStore.endpoint);
    const options = { hostname, port: storePort, method: request.method, path: request.url, headers, agent: false };
    const passed = httpRequest(options, (answered) => {
      answered.toArray().then(async (chunks: Buffer[]) => {
        // The tags are there before the client hears that its upload is complete.
        const url = new URL(request.url ?? '/', 'http://store');
        const key = decodeURIComponent(url.pathname).slice(`/${testStore.bucket}/`.length);
        if (request.method === 'POST' && tagged.has(key)) await testStore.store.tag(key, { doctor: 'x' });
        const { 'transfer-encoding': _encoding, connection: _connection, ...rest } = answered.headers;
        response.writeHead(answered.statusCode ?? 500, rest).end(Buffer.concat(chunks));
        resolve();
      }, reject);
    });
    passed.on('error', reject);
    passed.end(body);
    return promise;
  }

  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(port, '127.0.0.1', resolve);
  await listening;
  const holed: HoledStore = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    holes,
    async close() {
      const { promise: closed, resolve: close } = Promise.withResolvers<void>();
      server.close(() => close());
      server.closeAllConnections();
      await closed;
    },
  };
  return holed;
}

function take(headers: Record<string, unknown>, name: string): boolean {
  const isThere = name in headers;
  delete headers[name];
  return isThere;
}

const OBJECT_LOCK =
  '<?xml version="1.0" encoding="UTF-8"?><ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
  '<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>90</Days>' +
  '</DefaultRetention></Rule></ObjectLockConfiguration>';

/** The environment of a service on this store, at another endpoint where one is given. */
export function storeSettings({ settings }: RealStore, endpoint = settings.endpoint ?? ''): Record<string, string> {
  const { region, bucket, credentials, uploadCredentials } = settings;
  return {
    S3_ENDPOINT: endpoint,
    S3_REGION: region,
    S3_BUCKET: bucket,
    S3_FORCE_PATH_STYLE: 'true',
    S3_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
    S3_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
    ...(uploadCredentials && {
      S3_UPLOAD_ACCESS_KEY_ID: uploadCredentials.accessKeyId,
      S3_UPLOAD_SECRET_ACCESS_KEY: uploadCredentials.secretAccessKey,
    }),
  };
}
