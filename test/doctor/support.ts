// A doctor on a test store, what a bucket holds, and a store with the holes that the attacks look for.
import { randomBytes } from 'node:crypto';
import type { CheckResult } from '../../src/doctor/check.ts';
import type { DoctorDependencies, DoctorSettings } from '../../src/doctor/context.ts';
import { DAY_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { listItemVersions } from '../../src/storage/attempt-state.ts';
import { listAllMultipartUploads } from '../../src/storage/object-store.ts';
import { inspectBucket } from '../../src/storage/s3/bucket-inspection.ts';
import { createS3Client, type S3Settings } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner } from '../../src/storage/s3/presigner.ts';
import { pass, startFaultProxy } from '../faults/proxy.ts';
import type { RealStore } from '../storage/stores.ts';

export interface DoctorOptions {
  /** Over those of the store: another endpoint, other keys. */
  readonly s3?: Partial<S3Settings>;
  readonly settings?: Partial<DoctorSettings>;
  readonly unsafeWithoutSignedLength?: boolean;
}

/** `done` closes the clients. */
export function doctorFor(testStore: RealStore, options: DoctorOptions = {}): DoctorDependencies & { done(): void } {
  const settings: S3Settings = { ...testStore.settings, ...options.s3 };
  const client = createS3Client(settings);
  const { uploadCredentials } = settings;
  const uploadClient = uploadCredentials && createS3Client({ ...settings, credentials: uploadCredentials });
  const { unsafeWithoutSignedLength = false } = options;
  const signerAt = (now: () => number) => createS3Presigner({ client, settings, now, unsafeWithoutSignedLength });
  const [inTime, tooLate] = [signerAt(Date.now), signerAt(() => Date.now() - 5 * SECOND_MS)];
  // What is signed for a second has expired already: nothing waits here until it has.
  const signerFor = (seconds: number) => (seconds > 1 ? inTime : tooLate);
  return {
    store: new S3ObjectStore(client, settings),
    presigner: {
      presignPart: (key, part, seconds) => signerFor(seconds).presignPart(key, part, seconds),
      presignPlayback: (key, media, seconds) => signerFor(seconds).presignPlayback(key, media, seconds),
    },
    place: settings,
    now: Date.now,
    wait: () => Promise.reject(new Error('nothing has to wait')),
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
    done() {
      client.destroy();
      uploadClient?.destroy();
    },
  };
}

/** Everything that the doctor must leave as it was. */
export async function bucketContents({ client, bucket }: RealStore) {
  const whole = new S3ObjectStore(client, { bucket, keyPrefix: '' });
  const inspection = inspectBucket(client, { bucket, keyPrefix: '' });
  const uploads = await Array.fromAsync(listAllMultipartUploads(whole, ''));
  const versions = await listItemVersions(whole, '');
  return {
    versions: versions.map(({ key, versionId, sizeBytes }) => ({ key, versionId, sizeBytes })),
    uploads: uploads.map(({ key, uploadId }) => ({ key, uploadId })),
    cors: await inspection.corsRules(),
    lifecycle: await inspection.lifecycleRules(),
  };
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
export async function startHoledStore({ endpoint, bucket, store }: RealStore, holes: Holes): Promise<HoledStore> {
  const isPublic = new Set<string>();
  const tagged = new Set<string>();
  const proxy = await startFaultProxy(endpoint);
  const holed: HoledStore = { endpoint: proxy.endpoint, holes, close: () => proxy.close() };
  proxy.spoil(() => async (response, ask) => {
    const { method, headers, url: path = '' } = response.req;
    const url = new URL(path, proxy.endpoint);
    const key = decodeURIComponent(url.pathname).slice(`/${bucket}/`.length);
    const { copiesUnsigned, publishesUnsigned, tagsUnsigned, locks, status } = holed.holes;
    if (status !== undefined) return void response.writeHead(status).end();
    if (locks && url.searchParams.has('object-lock')) return void response.end(OBJECT_LOCK);
    if (method === 'GET' && url.search === '' && isPublic.has(key)) return void response.end(await store.get(key));
    const source = headers['x-amz-copy-source'];
    if (copiesUnsigned && typeof source === 'string') {
      const victim = await store.get(source.replace(/^\//, '').slice(bucket.length + 1));
      await store.uploadPart(key, url.searchParams.get('uploadId') ?? '', 1, victim ?? new Uint8Array());
      return void response.end();
    }
    const honoured = [publishesUnsigned ? 'x-amz-acl' : '', tagsUnsigned ? 'x-amz-tagging' : ''];
    if (publishesUnsigned && 'x-amz-acl' in headers) isPublic.add(key);
    if (tagsUnsigned && 'x-amz-tagging' in headers) tagged.add(key);
    const reply = await ask(honoured);
    // The tags are there before the client hears that its upload is complete.
    if (method === 'POST' && tagged.has(key)) await store.tag(key, { doctor: 'x' });
    pass(response, reply);
  });
  return holed;
}

const OBJECT_LOCK =
  '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>' +
  '<Mode>COMPLIANCE</Mode><Days>90</Days></DefaultRetention></Rule></ObjectLockConfiguration>';

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
