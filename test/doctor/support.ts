// A doctor on a test store, what a bucket holds, and a store with the holes that the attacks look for.
import { randomBytes } from 'node:crypto';
import { DOCTOR_PREFIX } from '../../src/bucket/layout.ts';
import { eachItem } from '../../src/bucket/listing.ts';
import type { CheckResult } from '../../src/doctor/check.ts';
import type { DoctorDependencies, DoctorSettings } from '../../src/doctor/context.ts';
import { DAY_MS, SECOND_MS } from '../../src/model/durations.ts';
import { listAllMultipartUploads } from '../../src/objectstore/object-store.ts';
import { inspectBucket } from '../../src/objectstore/s3/bucket-inspection.ts';
import { createS3Client, type S3Settings } from '../../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../../src/objectstore/s3/object-store.ts';
import { createS3Presigner, type S3PresignerOptions } from '../../src/objectstore/s3/presigner.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { pass, startFaultProxy } from '../kit/fault-proxy.ts';
import type { RealStore } from '../objectstore/stores.ts';

export const RETENTION = {
  policy: { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() },
  logRetentionMs: 365 * DAY_MS,
};

/** `s3` overrides the settings of the store: another endpoint, other keys. */
export interface DoctorOptions extends Partial<Pick<S3PresignerOptions, 'unsafeWithoutSignedLength'>> {
  readonly s3?: Partial<S3Settings>;
  readonly settings?: Partial<DoctorSettings>;
}

export function doctorFor(testStore: RealStore, options: DoctorOptions = {}): DoctorDependencies {
  const settings: S3Settings = { ...testStore.settings, ...options.s3 };
  const open = (credentials = settings.credentials) => {
    const client = createS3Client({ ...settings, credentials });
    afterThisTest(() => client.destroy());
    return client;
  };
  const client = open();
  const { unsafeWithoutSignedLength = false } = options;
  const signerAt = (now: () => number) => createS3Presigner({ client, settings, now, unsafeWithoutSignedLength });
  const [inTime, tooLate] = [signerAt(Date.now), signerAt(() => Date.now() - 5 * SECOND_MS)];
  // A URL signed for one second has already expired, so that no test waits for it.
  const signerFor = (seconds: number) => (seconds > 1 ? inTime : tooLate);
  return {
    store: new S3ObjectStore(client, { ...settings, scratchPrefix: DOCTOR_PREFIX }),
    presigner: {
      presignPart: (key, part, seconds) => signerFor(seconds).presignPart(key, part, seconds),
      presignPlayback: (key, media, seconds) => signerFor(seconds).presignPlayback(key, media, seconds),
    },
    place: settings,
    now: Date.now,
    wait: () => Promise.reject(new Error('nothing has to wait')),
    randomBytes,
    inspection: inspectBucket(client, settings),
    uploadKeyStore:
      settings.uploadCredentials &&
      new S3ObjectStore(open(settings.uploadCredentials), { ...settings, scratchPrefix: DOCTOR_PREFIX }),
    hasBatchDelete: () => true,
    settings: {
      isEmbedded: false,
      corsOrigins: [],
      uploads: 'direct',
      maxPartNumber: 2048,
      unchecked: [],
      isSigning: true,
      ...RETENTION,
      ...options.settings,
    },
  };
}

/** Everything that the doctor must leave as it was. */
export async function bucketContents({ client, bucket }: RealStore) {
  const place = { bucket, keyPrefix: '', scratchPrefix: DOCTOR_PREFIX };
  const [whole, inspection] = [new S3ObjectStore(client, place), inspectBucket(client, place)];
  return {
    versions: await Array.fromAsync(eachItem(whole, '', true)),
    uploads: await Array.fromAsync(listAllMultipartUploads(whole, '')),
    cors: await inspection.corsRules(),
    lifecycle: await inspection.lifecycleRules(),
  };
}

export function find(checks: readonly CheckResult[], id: string): CheckResult {
  const found = checks.find((check) => check.id === id);
  if (!found) throw new Error(`there is no line ${id}`);
  return found;
}

export interface Holes {
  /** Unsigned headers that it honours on a part URL, as stores with CVE-2026-54330 do. */
  readonly honours?: readonly ('x-amz-copy-source' | 'x-amz-acl' | 'x-amz-tagging')[];
  /** Answers GetObjectLockConfiguration with a default retention. */
  readonly locks?: boolean;
  /** Does not know AbortMultipartUpload. */
  readonly cannotAbort?: boolean;
  /** Answers nothing but this status. */
  readonly status?: number;
}

/** Until the test ends, passes everything on to the store behind it, except where `holes` says otherwise. */
export async function startHoledStore({ endpoint, bucket, store }: RealStore, holes: Holes) {
  const isPublic = new Set<string>();
  const tagged = new Set<string>();
  const proxy = await startFaultProxy(endpoint);
  afterThisTest(() => proxy.close());
  /** Its holes may be changed while it runs. */
  const holed = { endpoint: proxy.endpoint, holes };
  proxy.spoil(() => async (response, ask) => {
    const { method, headers, url: path = '' } = response.req;
    const url = new URL(path, proxy.endpoint);
    const key = decodeURIComponent(url.pathname).slice(`/${bucket}/`.length);
    const { honours = [], locks, cannotAbort, status } = holed.holes;
    if (status !== undefined) return void response.writeHead(status).end();
    if (locks && url.searchParams.has('object-lock')) return void response.end(OBJECT_LOCK);
    if (cannotAbort && method === 'DELETE' && url.searchParams.has('uploadId')) {
      return void response.writeHead(501).end('<Error><Code>NotImplemented</Code></Error>');
    }
    if (method === 'GET' && url.search === '' && isPublic.has(key)) return void response.end(await store.get(key));
    const honoured = honours.filter((name) => name in headers);
    if (honoured.includes('x-amz-copy-source')) {
      const source = String(headers['x-amz-copy-source']).replace(/^\//, '');
      const victim = await store.get(source.slice(bucket.length + 1));
      await store.uploadPart(key, url.searchParams.get('uploadId') ?? '', 1, victim ?? new Uint8Array());
      return void response.end();
    }
    if (honoured.includes('x-amz-acl')) isPublic.add(key);
    if (honoured.includes('x-amz-tagging')) tagged.add(key);
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
