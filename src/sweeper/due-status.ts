// The state of the deletion queue at a glance: how old its oldest entry is, and how much a sweep would find; for alarms.
import { Bucket } from '../bucket/bucket.ts';
import { AFTER_CLAIMS_MS, type QueueEntry } from '../bucket/deletion-queue.ts';
import { together } from '../model/together.ts';
import { StoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from './run.ts';

/**
 * Of entries past the grace period. A younger one may well be in the past, because an assessment was reported late or a
 * recording erased: its media are deleted by the next sweep, the entry itself by the first one after its grace period. An
 * alarm on what is overdue therefore waits for longer than sweeps are apart.
 */
export interface DueStatus {
  /** Milliseconds since the epoch; undefined when there is no entry. */
  readonly oldestDueMs: number | undefined;
  /** Entries that a sweep would process now; at most some two thousand are counted. */
  readonly sweepable: number;
}

/**
 * Costs two LISTs of at most a thousand keys: of claims, which a sweep that works moves to their deadlines, and of what
 * follows them. @throws StoreError
 */
export async function readDueStatus(context: SweepContext): Promise<DueStatus> {
  const bucket = new Bucket(context);
  const [claims, others] = await together(bucket.queue.page(), bucket.queue.page({ fromMs: AFTER_CLAIMS_MS }));
  // Without the store's clock every entry would look young, and all would look well.
  if (Number.isNaN(others.storeTimeMs)) throw new StoreError('unexpected', 'ListObjectsV2', 'NoDate');
  const pastMs = [...claims.entries.filter(isClaim), ...others.entries]
    .filter(({ type, ageMs }) => type === 'attempt' && ageMs > context.settleMs)
    .flatMap((entry) => dueMs(bucket, entry));
  const untilMs = context.now() + context.leadMs;
  return {
    oldestDueMs: pastMs.length === 0 ? undefined : Math.min(...pastMs),
    sweepable: pastMs.filter((timeMs) => timeMs <= untilMs).length,
  };
}

function isClaim(entry: QueueEntry): boolean {
  return entry.type === 'attempt' && entry.claim !== undefined;
}

/** None of an assessment's claim, which leads to nothing. */
function dueMs(bucket: Bucket, entry: QueueEntry): number[] {
  if (entry.type !== 'attempt' || !entry.claim) return [entry.timeMs];
  return entry.creation ? [bucket.unlisted(entry.ref).deadlineMs(entry.creation)] : [];
}
