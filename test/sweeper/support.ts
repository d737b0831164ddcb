// The service as the tests of retention use it: its calls on any store, and looks into the bucket.
import { seedRecordings } from '../../bench/seed.ts';
import { toBody } from '../../src/bucket/documents.ts';
import { readEvents } from '../../src/bucket/outbox.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readRecording } from '../../src/recordings/read.ts';
import type { SweepOptions } from '../../src/sweeper/run.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { verify } from '../../src/verifier/verify.ts';
import { readReceipt } from '../kit/bucket.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/interventions.ts';
import { dueAttemptKey, recordingPrefix } from '../kit/keys.ts';
import { startTestService, type TestServiceOptions, uploadParts } from '../kit/service.ts';

const BY = { actor: 'assessor', requestId: 'r1' } as const;
export const ERASURE = { reason: 'erasure', actor: 'desk' } as const;

/** The body of an index of receipts. */
export const receiptIndex = (keys: string[] = [], run = 'request-x') =>
  toBody({ version: 1, run, first: 1, previous: null, keys });

/** Logs of receipts outlive everything that they are about. */
export const withoutLogs = (keys: readonly string[]) => keys.filter((key) => !/^log(-queue)?\//.test(key));

export type RetentionService = ReturnType<typeof startRetention>;
type Attempt = Omit<RecordingRef, 'recording'>;

export function startRetention(options: TestServiceOptions = {}) {
  const service = startTestService(options);
  const { store, clock, context, sweepContext } = service;
  const retention = {
    ...service,
    sweepOn: (on: ObjectStore, how?: SweepOptions) => sweep({ ...sweepContext, store: on }, how),
    verifyOn: (on: ObjectStore, how?: { fix: boolean }) => verify({ ...sweepContext, store: on }, how),
    /** What `verify` finds, sorted. */
    kinds: async (how?: { fix: boolean }) => (await service.verify(how)).findings.map(({ kind }) => kind).sort(),
    complete: (ref: RecordingRef, on = store, what: Parameters<typeof completeRecording>[2] = {}) =>
      completeRecording({ ...context, store: on }, ref, what),
    assess: (ref: Attempt, completedAtMs = clock.now(), confirm?: string[]) =>
      assessAttempt(context, { tenant: ref.tenant, ...BY }, ref, { completedAtMs, confirm }),
    erase: (ref: RecordingRef, on = store) => deleteRecording({ ...context, store: on }, ref, ERASURE),
    stateOf: async (ref: RecordingRef) => (await readRecording(context, ref)).state,
    receiptOf: (ref: RecordingRef) => readReceipt(store, ref),
    objectsOf: (ref: RecordingRef) => service.keys(recordingPrefix(ref)),
    openUploads: async () => (await store.listMultipartUploads('')).uploads,
    put: (key: string, body: string | Uint8Array = '') => store.put(key, Buffer.from(body)),
    remove: (...keys: string[]) => store.delete(keys.map((key) => ({ key }))),
    readJson: async <T>(key: string) => JSON.parse(Buffer.from((await store.get(key)) ?? []).toString()) as T,
    /** What waits in the outbox, oldest first. */
    async events() {
      const events = (await service.keys('outbox/')).map(async (key) => {
        const events = await readEvents(store, { tenant: key.split('/')[1] ?? '', key, writtenMs: 0 });
        return events === undefined || events === 'unreadable' ? [] : events;
      });
      return (await Promise.all(events)).flat();
    },
    /** Index entries of one sort; those of an attempt, or all. */
    async due(sort: 'attempt' | 'receipts' | 'orders', of?: Attempt): Promise<string[]> {
      const place = of ? `${of.tenant}/${of.exam}/${of.attempt}/` : '';
      return (await service.keys('due/')).filter((key) => key.includes(`/${sort}/${place}`));
    },
    /** Writes an entry that makes the next sweep look at the attempt. */
    makeDue: (ref: Attempt) => store.put(dueAttemptKey(clock.now(), ref, 'x'), new Uint8Array()),
    /** A recording whose parts have arrived, and that nobody completed. */
    async uploaded(parts: readonly Uint8Array[] = [webm], where: Partial<Attempt> = {}): Promise<RecordingRef> {
      const ref = await service.begin(where);
      await uploadParts(context, ref, parts);
      return ref;
    },
    /** Recordings stored that long ago, in an exam of their own. */
    seed(count: number, name: string, ageMs: number, assessed = false) {
      const createdAtMs = clock.now() - ageMs;
      return seedRecordings(store, count, { createdAtMs, retentionMs: 30 * DAY_MS, name, assessed, tagged: true });
    },
    /** One recording for each attempt: a0, a1 and so on. */
    async recordMany(count: number): Promise<RecordingRef[]> {
      const refs: RecordingRef[] = [];
      for (let index = 0; index < count; index += 1) refs.push(await service.record({ attempt: `a${index}` }));
      return refs;
    },
  };
  return {
    ...retention,
    /** The same service, that much later. */
    after(ms: number) {
      clock.advance(ms);
      return retention;
    },
  };
}

/** A store whose answers have no `Date`. */
export function timeless(store: ObjectStore): ObjectStore {
  const undated = <T>(page: T) => ({ ...page, storeTimeMs: Number.NaN });
  return overriding(store, {
    list: async (...args) => undated(await store.list(...args)),
    listMultipartUploads: async (...args) => undated(await store.listMultipartUploads(...args)),
  });
}
