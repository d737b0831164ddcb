// Receipts and audit events are deleted after LOG_RETENTION (policy 8.5), at a cost of what expires.
import pMap from 'p-map';
import { listAuditTrail } from '../bucket/audit-trail.ts';
import type { QueueEntry } from '../bucket/deletion-queue.ts';
import type { ReceiptIndex } from '../bucket/documents.ts';
import { receiptRef } from '../bucket/inventory.ts';
import { actOnEach } from '../bucket/listing.ts';
import { DAY_MS } from '../model/durations.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { SweepRun } from './run.ts';

/** Indexes of receipts, and pages of the audit trail, whose keys are deleted at once. */
const BATCHES_AT_ONCE = 8;

/** Deletes the receipts that an index names, then the index. A key that is no receipt's is never deleted. */
export async function expireReceipts(run: SweepRun, entries: readonly QueueEntry[]): Promise<void> {
  await actOnEach(entries, ({ key }) => run.guard(key, () => expireIndex(run, key)), { concurrency: BATCHES_AT_ONCE });
}

async function expireIndex(run: SweepRun, key: string): Promise<void> {
  const { bucket, options, tally } = run;
  const index = await bucket.queue.readReceiptIndex(key);
  if (!index) return;
  if (index === 'unreadable' || !index.keys.every((name) => receiptRef(name))) {
    return tally.problem({ code: 'receipt-index-unreadable' }, key);
  }
  const keys = await namedByThisAlone(run, index);
  tally.count('receiptsExpired', keys.length);
  if (options.dryRun) return;
  const left = await run.remove(keys);
  if (left.size === 0) await run.remove([key]);
}

/**
 * After a purge that ended behind its index, a later one wrote the receipt: it expires with that one's own index. A receipt
 * that cannot be read has no other index.
 */
async function namedByThisAlone(run: SweepRun, index: ReceiptIndex): Promise<string[]> {
  const areOthers = await pMap(index.keys, (key) => isOfAnother(run, key, index), {
    concurrency: STORE_CONCURRENCY,
  });
  return index.keys.filter((_, place) => !areOthers[place]);
}

async function isOfAnother({ bucket }: SweepRun, key: string, { run, first, keys }: ReceiptIndex): Promise<boolean> {
  const ref = receiptRef(key);
  if (!ref) return false;
  const isWrittenByAnother = async () => {
    const receipt = await bucket.readReceipt(ref);
    if (!receipt) return undefined;
    if (receipt === 'unreadable') return false;
    const place = receipt.chain.sequence - first;
    return receipt.chain.run !== run || place < 0 || place >= keys.length;
  };
  const isOther = await isWrittenByAnother();
  if (isOther !== undefined) return isOther;
  // It is missing: a later run may be about to write it, as long as the recording's manifest exists.
  return (await bucket.hasRecording(ref)) || (await isWrittenByAnother()) === true;
}

/** Deletes the oldest days of the audit trail; a run in which nothing expires costs one request. */
export async function expireAuditEvents(run: SweepRun): Promise<void> {
  await actOnEach(expiredEvents(run), (keys) => run.remove(keys), { concurrency: BATCHES_AT_ONCE });
}

/** The keys of expired events, page by page. A dry run counts them, and gives none. */
async function* expiredEvents(run: SweepRun): AsyncGenerator<readonly string[], void, undefined> {
  const { context, options, tally, startedAtMs } = run;
  const keepFromMs = startedAtMs - context.logRetentionMs;
  let after: string | undefined;
  let limit = 1;
  do {
    const page = await listAuditTrail(context.store, { after, limit });
    const expired: string[] = [];
    let isPast = true;
    for (const { key, dayMs } of page.events) {
      if (dayMs === undefined) tally.problem({ code: 'unknown-key' }, key);
      else if (dayMs + DAY_MS <= keepFromMs) expired.push(key);
      else isPast = false;
      if (!isPast) break;
    }
    tally.count('auditEventsExpired', expired.length);
    if (!options.dryRun) yield expired;
    after = isPast ? page.next : undefined;
    limit = 1000;
  } while (after !== undefined && !run.isStopped);
}
