// An attempt was assessed: from here its recordings have the deadline that counts (policy 8.4).
import pMap from 'p-map';
import { type AttemptState, completedAtsOf, readAttempt } from '../bucket/attempt.ts';
import { assessedKey, dueAttemptKey } from '../bucket/layout.ts';
import { MINUTE_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, createdAtOf, newUniqueName, type RecordingRef } from '../model/ids.ts';
import { assessedDeadline, firstAssessment, recordingDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';
import { tagMedia } from './finalize.ts';
import { requireRightClock } from './read.ts';

/** Clocks of the assessment system and of this service may differ by this much. */
const TOLERANCE_MS = 5 * MINUTE_MS;

export interface Assessment {
  readonly completedAt: string;
  readonly deleteBy: string;
  /** How many recordings of the attempt it applies to. */
  readonly recordings: number;
}

/**
 * due(completedAt + retention), the fact, a listing, the tags, a second look (ARCHITECTURE, "assess"). Safe to repeat. An
 * earlier time than the known one counts from then on; a deadline never moves later, and one that has passed is not
 * undone: what should be gone by now is deleted first.
 * @throws ServiceError `assessment-later`, `assessment-in-future`, `assessment-before-recording`, `clock-skew`.
 */
export async function assessAttempt(
  context: RecordingsContext,
  ref: AttemptRef,
  completedAtMs: number,
): Promise<Assessment> {
  const { store, policy } = context;
  const before = await readAttempt(store, ref);
  requireRightClock(context, before);
  requirePlausible(context, before, completedAtMs);
  await deleteOverdue(context, before);
  const deadlineMs = assessedDeadline(policy, ref.tenant, completedAtMs);
  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());
  await store.put(assessedKey(ref, completedAtMs), new Uint8Array());

  let attempt = await readAttempt(store, ref);
  for (;;) {
    await tagStored(context, attempt);
    const later = await readAttempt(store, ref);
    if (firstAssessment(completedAtsOf(later)) === firstAssessment(completedAtsOf(attempt))) break;
    // An earlier assessment came meanwhile, and its tags may have been overwritten with these.
    attempt = later;
  }
  return toAssessment(context, attempt, completedAtMs);
}

/** The sweeper has not come in time, and an assessment must not give such a recording a new deadline. */
async function deleteOverdue(context: RecordingsContext, attempt: AttemptState): Promise<void> {
  const completedAtsMs = completedAtsOf(attempt);
  for (const { ref, objects } of attempt.recordings) {
    const deadlineMs = recordingDeadline(context.policy, ref.tenant, ref.recording, completedAtsMs);
    const isOverdue = deadlineMs <= context.now() && objects.manifest && !objects.deleting;
    if (isOverdue) await deleteDue(context, ref);
  }
}

/** Of one whose manifest cannot be read the media go all the same; that is for the operator, not for who assesses. */
async function deleteDue(context: RecordingsContext, ref: RecordingRef): Promise<void> {
  try {
    await deleteRecording(context, ref, { reason: 'retention', actor: 'service' });
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'recording-unreadable')) throw error;
  }
}

async function tagStored(context: RecordingsContext, attempt: AttemptState): Promise<void> {
  const stored = attempt.recordings.filter(({ objects }) => objects.media && objects.manifest && !objects.deleting);
  await pMap(stored, (recording) => tagMedia(context, recording.ref, attempt), { concurrency: STORE_CONCURRENCY });
}

/** The assessment that counts. @throws ServiceError `assessment-not-found`. */
export async function readAssessment(context: RecordingsContext, ref: AttemptRef): Promise<Assessment> {
  const attempt = await readAttempt(context.store, ref);
  const completedAtMs = firstAssessment(completedAtsOf(attempt));
  if (completedAtMs !== undefined) return toAssessment(context, attempt, completedAtMs);
  throw new ServiceError('assessment-not-found', 'No assessment of this attempt is known.');
}

function requirePlausible(context: RecordingsContext, attempt: AttemptState, completedAtMs: number): void {
  if (completedAtMs > context.now() + TOLERANCE_MS) {
    throw new ServiceError('assessment-in-future', 'An assessment cannot have been completed in the future.');
  }
  const known = firstAssessment(completedAtsOf(attempt));
  if (known !== undefined && completedAtMs > known) {
    const detail = `This attempt was assessed at ${toIso(known)}; a deadline never moves later.`;
    throw new ServiceError('assessment-later', detail, { completedAt: toIso(known) });
  }
  const first = attempt.recordings[0];
  if (first && completedAtMs < createdAtOf(first.ref.recording) - TOLERANCE_MS) {
    throw new ServiceError('assessment-before-recording', 'An attempt cannot be assessed before its first recording.');
  }
}

function toAssessment(context: RecordingsContext, attempt: AttemptState, completedAtMs: number): Assessment {
  const counting = Math.min(completedAtMs, firstAssessment(completedAtsOf(attempt)) ?? completedAtMs);
  return {
    completedAt: toIso(counting),
    deleteBy: toIso(assessedDeadline(context.policy, attempt.ref.tenant, counting)),
    recordings: attempt.recordings.filter(({ objects }) => objects.manifest && !objects.deleting).length,
  };
}
