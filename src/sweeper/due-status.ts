// What the deletion queue tells at a glance: how old its oldest entry is, and how much a sweep would find; for alarms.
import { DUE_PREFIX, parseKey } from '../bucket/layout.ts';
import { StoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from './sweep-run.ts';

/**
 * Of entries that are settled. A younger one may well lie in the past, because an assessment was reported late or a
 * recording erased: its media go with the next sweep, the entry itself with the first one after it is settled. An alarm
 * on what is overdue therefore waits for longer than sweeps are apart.
 */
export interface DueStatus {
  /** Milliseconds since the epoch; undefined when there is no entry. */
  readonly oldestDueMs: number | undefined;
  /** Entries that a sweep would take up now; at most a thousand are counted. */
  readonly sweepable: number;
}

export type DueStatusContext = Pick<SweepContext, 'store' | 'now' | 'leadMs' | 'settleMs'>;

/** Costs one LIST of at most a thousand keys. @throws StoreError */
export async function readDueStatus({ store, now, leadMs, settleMs }: DueStatusContext): Promise<DueStatus> {
  const { objects, storeTimeMs } = await store.list(DUE_PREFIX);
  // Without the store's clock nothing would look settled, and all would look well.
  if (Number.isNaN(storeTimeMs)) throw new StoreError('unexpected', 'ListObjectsV2', 'NoDate');
  const timesMs = objects.flatMap(({ key, lastModifiedMs }) => {
    const parsed = parseKey(key);
    return parsed?.type === 'due-attempt' && storeTimeMs - lastModifiedMs > settleMs ? [parsed.timeMs] : [];
  });
  const untilMs = now() + leadMs;
  return { oldestDueMs: timesMs[0], sweepable: timesMs.filter((timeMs) => timeMs <= untilMs).length };
}
