// The service as tests run it: the real use cases on a store in memory, by a clock that only the test moves.
import { Readable } from 'node:stream';
import type { AuditRecord } from '../../src/bucket/audit-trail.ts';
import type { Manifest } from '../../src/bucket/documents.ts';
import type { EventType } from '../../src/bucket/outbox.ts';
import type { Signer } from '../../src/bucket/signer.ts';
import { readSettings } from '../../src/config.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { listAll, type ObjectStore } from '../../src/objectstore/object-store.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import type { Caller, CountedEvent, RecordingsContext, UploadSettings } from '../../src/recordings/context.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { storeOverview } from '../../src/recordings/overview.ts';
import type { Holder } from '../../src/recordings/places.ts';
import type { PresignedPart } from '../../src/recordings/upload.ts';
import {
  type ContextSettings,
  sweepContext as createSweepContext,
  processMemory,
  recordingsContext,
} from '../../src/runtime/contexts.ts';
import type { SweepContext, SweepOptions } from '../../src/sweeper/run.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { verify } from '../../src/verifier/verify.ts';
import { createVirtualClock, type TestClock } from './clock.ts';
import { MIB, webm } from './fixtures.ts';
import { recordingKey } from './keys.ts';
import { openMemoryBucket, type TestStore } from './memory-bucket.ts';
import type { MemoryStoreOptions } from './memory-store.ts';
import { overviewOf } from './overview.ts';
import { testSigner } from './signer.ts';

export const CALLER: Caller = { tenant: 'acme', actor: 'tester', requestId: 'test' };
export const HOLDER: Holder = { tenant: 'acme', caller: 'tester' };

export const mediaKey = (ref: RecordingRef) => recordingKey(ref, 'media');

export type TestService = ReturnType<typeof startTestService>;

export interface TestServiceOptions {
  readonly uploads?: Partial<UploadSettings>;
  /** Uploads through the service at once. Default: 32. */
  readonly maxContentUploads?: number | undefined;
  readonly sweep?: Partial<SweepContext>;
  readonly policy?: Partial<RecordingsContext['policy']>;
  readonly memory?: Omit<MemoryStoreOptions, 'now'>;
  /** A store of the test's own, by a clock that goes with its times. Default: one in memory, by a clock that stands still. */
  readonly on?: { readonly testStore: TestStore; readonly clock: TestClock };
  readonly wrap?: (store: ObjectStore) => ObjectStore;
  /** Signs the receipts; null: nothing is signed. Default: `testSigner`. */
  readonly signer?: Signer | null;
  /** Which events are wanted, by tenant. Default: none, and no outbox. */
  readonly events?: ReadonlyMap<string, ReadonlySet<EventType>>;
}

export function startTestService(options: TestServiceOptions = {}) {
  const clock = options.on?.clock ?? createVirtualClock();
  const { now } = clock;
  const testStore = options.on?.testStore ?? openMemoryBucket({ ...options.memory, now });
  const store = options.wrap ? options.wrap(testStore.store) : testStore.store;
  const audited: AuditRecord[] = [];
  const { events = new Map<string, ReadonlySet<EventType>>() } = options;
  const defaults = readSettings({});
  const ownUploads = { maxRecordingBytes: 100 * MIB, contentTypes: new Set(['video/webm', 'audio/webm', 'video/mp4']) };
  const settings: ContextSettings = {
    ...defaults,
    policy: { ...defaults.policy, ...options.policy },
    uploads: { ...defaults.uploads, ...ownUploads, ...options.uploads },
    webhooks: new Map([...events].map(([tenant, wanted]) => [tenant, { events: wanted }])),
  };
  const signer = options.signer === null ? undefined : (options.signer ?? testSigner);
  const memory = processMemory({ maxContentUploads: options.maxContentUploads ?? 32 }, clock);
  const counted: CountedEvent[] = [];
  const onEvent = (event: CountedEvent) => void counted.push(event);
  const onAudited = (record: AuditRecord) => void audited.push(record);
  const context = recordingsContext(settings, {
    store,
    presigner: testStore.presigner,
    memory,
    now,
    onAudited,
    onEvent,
    signer,
  });
  const requestCount = () => testStore.requests.length;
  const sweepContext: SweepContext = {
    ...createSweepContext(settings, { store, now, requestCount, signer }),
    ...options.sweep,
  };

  /** A recording that is only begun. */
  async function begin(where: Partial<RecordingRef> = {}, participantId = 'p1'): Promise<RecordingRef> {
    const { tenant = 'acme', exam = 'math', attempt = 'a1' } = where;
    const ref = { tenant, exam, attempt };
    // Ids sort by the time of their creation.
    clock.advance(1);
    const { recording } = await createRecording(context, { ...CALLER, tenant }, ref, {
      participantId,
      kind: 'webcam',
      contentType: 'video/webm;codecs=vp8,opus',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '7' },
      parts: 0,
    });
    return { ...ref, recording: recording.recordingId };
  }

  return {
    clock,
    store,
    testStore,
    context,
    sweepContext,
    audited,
    counted,
    sweep: (sweepOptions?: SweepOptions) => sweep(sweepContext, sweepOptions),
    verify: (verifyOptions?: { fix?: boolean }) => verify(sweepContext, verifyOptions),
    /** All keys under a prefix. */
    keys: async (prefix = '') => (await Array.fromAsync(listAll(store, prefix))).map(({ key }) => key),
    begin,
    /** A recording that is stored: a small WebM in one part. */
    async record(where?: Partial<RecordingRef>, participantId?: string): Promise<RecordingRef> {
      const ref = await begin(where, participantId);
      await uploadParts(context, ref, [webm]);
      await completeRecording(context, ref, {});
      return ref;
    },
    /** A browser's PUT. */
    putPart: ({ url, method }: Pick<PresignedPart, 'url' | 'method'>, body: Uint8Array) =>
      testStore.fetch(url, { method, body }),
    close: () => testStore.close(),
  };
}

/** Sends an overview, as a client's request brings it. */
export function sendOverview(context: RecordingsContext, ref: RecordingRef, overview: Uint8Array = overviewOf()) {
  const bytes = Readable.from([overview]);
  return storeOverview(context, ref, { bytes, sizeBytes: overview.length, holder: HOLDER });
}

/** Uploads parts as the service itself would, past the presigned URLs. */
export async function uploadParts({ store }: RecordingsContext, ref: RecordingRef, parts: readonly Uint8Array[]) {
  const manifest = Buffer.from((await store.get(recordingKey(ref, 'manifest'))) ?? []).toString();
  const { uploadId } = JSON.parse(manifest) as Manifest;
  for (const [at, part] of parts.entries()) await store.uploadPart(mediaKey(ref), uploadId, at + 1, part);
}
