// An attempt was assessed: from then on its recordings have the deadline that counts (policy 8.4).
import pMap from 'p-map';
import { type Attempt, isKept } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, createdAtOf, type RecordingRef } from '../model/ids.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';
import { requireRightClock } from './read.ts';

export interface Assessment {
  readonly completedAt: string;
  readonly deleteBy: string;
  /** How many recordings of the attempt it applies to. */
  readonly recordings: number;
}

/**
 * Enqueues the deadline, writes the assessment record, then the tags (ARCHITECTURE, "assess"). Safe to repeat. An earlier
 * time than the known one counts from then on; a deadline never moves later, and one that has passed is not undone: what
 * should be deleted by now is deleted first.
 * @throws ServiceError `assessment-later`, `assessment-in-future`, `assessment-before-recording`, `clock-skew`.
 */
export async function assessAttempt(
  context: RecordingsContext,
  ref: AttemptRef,
  completedAtMs: number,
): Promise<Assessment> {
  const bucket = new Bucket(context);
  const before = await bucket.attempt(ref);
  requireRightClock(context, before);
  requirePlausible(context, before, completedAtMs);
  await deleteOverdue(context, before);
  await bucket.queue.enqueue(ref, before.assessedDeadlineMs(completedAtMs));
  await bucket.putAssessment(ref, completedAtMs);
  const attempt = await tagRecordings(bucket, await bucket.attempt(ref));
  return toAssessment(attempt, Math.min(completedAtMs, attempt.assessedAtMs ?? completedAtMs));
}

/** The sweeper has not come in time, and an assessment must not give such a recording a new deadline. */
async function deleteOverdue(context: RecordingsContext, attempt: Attempt): Promise<void> {
  for (const state of attempt.recordings) {
    if (isKept(state) && !attempt.isLive(state, context.now())) await deleteDue(context, state.ref);
  }
}

/** The media are deleted even when the manifest cannot be read; that is for the operator, not for the assessment system. */
async function deleteDue(context: RecordingsContext, ref: RecordingRef): Promise<void> {
  try {
    await deleteRecording(context, ref, { reason: 'retention', actor: 'service' });
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'recording-unreadable')) throw error;
  }
}

/** Repeats while an earlier assessment arrives, whose tags these may have overwritten; the attempt as it was listed last. */
export async function tagRecordings(
  bucket: Bucket,
  attempt: Attempt,
  isWanted: (ref: RecordingRef) => boolean = () => true,
): Promise<Attempt> {
  const stored = attempt.recordings.filter((state) => state.objects.media && isKept(state) && isWanted(state.ref));
  await pMap(stored, ({ ref }) => bucket.store.tag(bucket.mediaKey(ref), attempt.tagsOf(ref)), {
    concurrency: STORE_CONCURRENCY,
  });
  const later = await bucket.attempt(attempt.ref);
  return later.assessedAtMs === attempt.assessedAtMs ? attempt : tagRecordings(bucket, later, isWanted);
}

/** The assessment that counts. @throws ServiceError `assessment-not-found`. */
export async function readAssessment(context: RecordingsContext, ref: AttemptRef): Promise<Assessment> {
  const attempt = await new Bucket(context).attempt(ref);
  if (attempt.assessedAtMs !== undefined) return toAssessment(attempt, attempt.assessedAtMs);
  throw new ServiceError('assessment-not-found', 'No assessment of this attempt is known.');
}

function requirePlausible(context: RecordingsContext, attempt: Attempt, completedAtMs: number): void {
  if (completedAtMs > context.now() + MAX_CLOCK_SKEW_MS) {
    throw new ServiceError('assessment-in-future', 'An assessment cannot have been completed in the future.');
  }
  const known = attempt.assessedAtMs;
  if (known !== undefined && completedAtMs > known) {
    const detail = `This attempt was assessed at ${toIso(known)}; a deadline never moves later.`;
    throw new ServiceError('assessment-later', detail, { completedAt: toIso(known) });
  }
  const first = attempt.recordings[0];
  if (first && completedAtMs < createdAtOf(first.ref.recording) - MAX_CLOCK_SKEW_MS) {
    throw new ServiceError('assessment-before-recording', 'An attempt cannot be assessed before its first recording.');
  }
}

function toAssessment(attempt: Attempt, completedAtMs: number): Assessment {
  return {
    completedAt: toIso(completedAtMs),
    deleteBy: toIso(attempt.assessedDeadlineMs(completedAtMs)),
    recordings: attempt.recordings.filter(isKept).length,
  };
}
