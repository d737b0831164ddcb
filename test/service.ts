// The service as tests run it: real use cases on a real store, with a clock that can be turned.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { Manifest } from '../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../src/domain/durations.ts';
import type { EventType } from '../src/domain/events.ts';
import type { RecordingRef } from '../src/domain/ids.ts';
import { completeRecording } from '../src/recordings/complete.ts';
import { type ContentLimits, ContentUploads } from '../src/recordings/content-uploads.ts';
import type { Caller, RecordingsContext, UploadSettings } from '../src/recordings/context.ts';
import { createRecording } from '../src/recordings/create.ts';
import { sweep } from '../src/retention/sweep.ts';
import type { SweepReport } from '../src/retention/sweep-report.ts';
import type { SweepContext, SweepOptions } from '../src/retention/sweep-run.ts';
import { verify } from '../src/retention/verify.ts';
import type { VerifyReport } from '../src/retention/verify-report.ts';
import { type AuditRecord, createAuditTrail } from '../src/storage/audit-trail.ts';
import { listAll, type ObjectStore } from '../src/storage/object-store.ts';
import { createOutbox } from '../src/storage/outbox.ts';
import { createTestClock, seenThrough, type TestClock } from './clock.ts';
import { openTestStore, type TestStore, type TestStoreOptions } from './storage/stores.ts';

export const MIB = 1024 * 1024;
export const CALLER: Caller = { tenant: 'acme', actor: 'tester', requestId: 'test' };

export interface TestService {
  readonly clock: TestClock;
  readonly store: ObjectStore;
  readonly testStore: TestStore;
  readonly context: RecordingsContext;
  readonly sweepContext: SweepContext;
  readonly audited: AuditRecord[];
  sweep(options?: SweepOptions): Promise<SweepReport>;
  verify(options?: { fix?: boolean }): Promise<VerifyReport>;
  /** All keys under a prefix. */
  keys(prefix?: string): Promise<string[]>;
  /** A recording that is stored: a small WebM in one part. */
  record(where?: Partial<RecordingRef>, participantId?: string): Promise<RecordingRef>;
  /** A recording that is only begun. */
  begin(where?: Partial<RecordingRef>, participantId?: string): Promise<RecordingRef>;
  close(): Promise<void>;
}

export interface TestServiceOptions {
  readonly uploads?: Partial<UploadSettings>;
  readonly content?: Partial<ContentLimits>;
  readonly sweep?: Partial<SweepContext>;
  readonly policy?: Partial<RecordingsContext['policy']>;
  readonly store?: TestStoreOptions;
  readonly versioned?: boolean;
  readonly wrap?: (store: ObjectStore) => ObjectStore;
  /** Which events are wanted, by tenant. Default: none, and no outbox. */
  readonly events?: ReadonlyMap<string, ReadonlySet<EventType>>;
}

export const webm: Uint8Array = await readFile(new URL('../demo/fixtures/webcam.webm', import.meta.url));

export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const testStore = await openTestStore({ ...options.store, ...(options.versioned ? { versioned: true } : {}) });
  const clock = createTestClock();
  const shifted = seenThrough(clock, testStore.store);
  const store = options.wrap ? options.wrap(shifted) : shifted;
  const audited: AuditRecord[] = [];
  const policy = {
    afterAssessmentMs: 30 * DAY_MS,
    unassessedMs: 30 * DAY_MS,
    byTenantMs: new Map<string, number>(),
    ...options.policy,
  };
  const outbox = options.events && createOutbox(store, clock.now, randomBytes, options.events);
  const context: RecordingsContext = {
    store,
    outbox,
    presigner: testStore.presigner,
    audit: createAuditTrail(store, clock.now, randomBytes, (record) => audited.push(record)),
    policy,
    leadMs: DAY_MS,
    uploads: {
      mode: 'direct',
      partSizeBytes: 5 * MIB,
      maxRecordingBytes: 100 * MIB,
      partUrlTtlMs: HOUR_MS,
      playbackUrlTtlMs: 10 * MINUTE_MS,
      contentTypes: new Set(['video/webm', 'audio/webm', 'video/mp4']),
      ...options.uploads,
    },
    contentUploads: new ContentUploads({ max: 32, idleMs: MINUTE_MS, ...options.content }),
    manifests: new LRUCache<string, Manifest>({ max: 100, ttl: 60_000 }),
    takingParts: new LRUCache<string, Promise<Manifest>>({ max: 100, ttl: SECOND_MS, perf: clock }),
    now: clock.now,
    randomBytes,
    logRetentionMs: 365 * DAY_MS,
  };
  const sweepContext: SweepContext = {
    store,
    outbox,
    policy,
    now: clock.now,
    randomBytes,
    logRetentionMs: 365 * DAY_MS,
    leadMs: DAY_MS,
    settleMs: HOUR_MS,
    uploadIdleLimitMs: 2 * HOUR_MS,
    requestCount: () => testStore.requests.length,
    ...options.sweep,
  };

  async function begin(where: Partial<RecordingRef> = {}, participantId = 'p1'): Promise<RecordingRef> {
    const attempt = { tenant: 'acme', exam: 'math', attempt: 'a1', ...where };
    const { recording } = await createRecording(context, { ...CALLER, tenant: attempt.tenant }, attempt, {
      participantId,
      kind: 'webcam',
      contentType: 'video/webm;codecs=vp8,opus',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '7' },
      parts: 0,
    });
    return { tenant: attempt.tenant, exam: attempt.exam, attempt: attempt.attempt, recording: recording.recordingId };
  }

  return {
    clock,
    store,
    testStore,
    context,
    sweepContext,
    audited,
    sweep: (sweepOptions) => sweep(sweepContext, sweepOptions),
    verify: (verifyOptions) => verify(sweepContext, verifyOptions),
    async keys(prefix = '') {
      const objects = await Array.fromAsync(listAll(store, prefix));
      return objects.map(({ key }) => key);
    },
    begin,
    async record(where, participantId) {
      const ref = await begin(where, participantId);
      await uploadParts(context, ref, [webm]);
      await completeRecording(context, ref, {});
      return ref;
    },
    close: () => testStore.close(),
  };
}

/** Uploads parts as the service itself would, past the presigned URLs. */
export async function uploadParts(
  context: RecordingsContext,
  ref: RecordingRef,
  parts: readonly Uint8Array[],
): Promise<void> {
  const { store } = context;
  const key = `attempts/${ref.tenant}/${ref.exam}/${ref.attempt}/${ref.recording}/`;
  const manifest = JSON.parse(Buffer.from((await store.get(`${key}recording.json`)) ?? []).toString()) as Manifest;
  for (const [index, part] of parts.entries())
    await store.uploadPart(`${key}media`, manifest.uploadId, index + 1, part);
}
