// Ids, assessments and queue entries of a time to come: a clock that was ahead wrote them, or a stranger. Their recordings
// are kept for 30 days from now at most.
import pMap from 'p-map';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { AttemptEntry, QueuePage } from '../bucket/deletion-queue.ts';
import { inBatches } from '../bucket/listing.ts';
import { recordingId } from '../model/ids.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { tagRecordings } from '../recordings/assess.ts';
import type { Foresee, SweepRun } from './run.ts';

/** Brought back together. */
const BATCH_ENTRIES = 1000;

/**
 * Replaces each queue entry that is later than any deadline by one of now, so that the sweep inspects its attempt; each is
 * reported. The new entry is written first, and protects a writer that may still be running as the old one did. Safe to
 * repeat. Costs nothing while the queue fits into one page; else a LIST for every 1000 entries that are more than 30 days
 * away, which are those of receipts. Resolves with whether there were any. A dry run replaces none, and has them inspected
 * by `foresee`. @throws StoreError
 */
export async function bringEntriesBack(run: SweepRun, head: QueuePage, foresee: Foresee): Promise<boolean> {
  const { bucket, context, options, tally } = run;
  // The run may have begun an hour ago: entries were added since.
  const nowMs = context.now();
  const latestMs = nowMs + MAX_RETENTION_MS + CLOCKS_AGREE_WITHIN_MS;
  let isAny = false;
  for await (const entries of inBatches(entriesBeyond(bucket, latestMs, head), BATCH_ENTRIES)) {
    for (const { key } of entries) tally.problem({ code: 'from-future' }, key);
    if (options.dryRun) {
      await foresee(entries);
      continue;
    }
    await pMap(entries, (entry) => bucket.queue.enqueueInstead(entry, nowMs), { concurrency: STORE_CONCURRENCY });
    await run.remove(entries.map(({ key }) => key));
    isAny = true;
    if (run.isStopped) break;
  }
  return isAny;
}

async function* entriesBeyond(
  bucket: Bucket,
  latestMs: number,
  head: QueuePage,
): AsyncGenerator<AttemptEntry, void, undefined> {
  for await (const entry of head.next === undefined ? head.entries : bucket.queue.entries({ fromMs: latestMs })) {
    if (entry.type === 'attempt' && entry.timeMs > latestMs) yield entry;
  }
}

/** Whether a recording's id, or the assessment that counts, is of a time to come. */
export function isFromFuture(attempt: Attempt, nowMs: number): boolean {
  return isAhead(attempt.assessedAtMs, nowMs) || recordingsAhead(attempt, nowMs).length > 0;
}

/**
 * Marks recordings whose ids are ahead of the clock: they then count as created now. Where the assessment is ahead, it adds
 * an assessment record of now, which is the earlier one. Both were there before now, so no deadline becomes too early.
 * Enqueues first. The tags of those recordings are written again; where the assessment is ahead, they stay as they are, and
 * tell what was promised before it. Safe to repeat. @throws StoreError
 */
export async function boundClaims(bucket: Bucket, attempt: Attempt, nowMs: number): Promise<void> {
  await bucket.queue.enqueue(attempt.ref, nowMs);
  const ahead = new Set(recordingsAhead(attempt, nowMs).map(({ ref }) => recordingId(ref)));
  for (const { ref } of recordingsAhead(attempt, nowMs)) await bucket.mark(ref, 'ahead');
  if (isAhead(attempt.assessedAtMs, nowMs)) await bucket.putAssessment(attempt.ref, nowMs);
  await tagRecordings(bucket, await bucket.attempt(attempt.ref), (ref) => ahead.has(recordingId(ref)));
}

function recordingsAhead(attempt: Attempt, nowMs: number): RecordingState[] {
  return attempt.recordings.filter((state) => isAhead(attempt.createdAtMs(state), nowMs));
}

function isAhead(timeMs: number | undefined, nowMs: number): boolean {
  return timeMs !== undefined && timeMs > nowMs + CLOCKS_AGREE_WITHIN_MS;
}
