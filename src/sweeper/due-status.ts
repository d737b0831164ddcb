// The state of the deletion queue at a glance: how old its oldest entry is, and how much a sweep would find; for alarms.
import { DeletionQueue } from '../bucket/deletion-queue.ts';
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
  /** Entries that a sweep would process now; at most a thousand are counted. */
  readonly sweepable: number;
}

/** Costs one LIST of at most a thousand keys. @throws StoreError */
export async function readDueStatus(context: SweepContext): Promise<DueStatus> {
  const { entries, storeTimeMs } = await new DeletionQueue(context.store, context.randomBytes).page();
  // Without the store's clock every entry would look young, and all would look well.
  if (Number.isNaN(storeTimeMs)) throw new StoreError('unexpected', 'ListObjectsV2', 'NoDate');
  const past = entries.filter(({ type, ageMs }) => type === 'attempt' && ageMs > context.settleMs);
  const untilMs = context.now() + context.leadMs;
  return { oldestDueMs: past[0]?.timeMs, sweepable: past.filter(({ timeMs }) => timeMs <= untilMs).length };
}
