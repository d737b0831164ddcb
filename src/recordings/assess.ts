// An attempt was assessed: from then on its recordings have the deadline that counts (policy 8.4).
import pMap from 'p-map';
import { type Attempt, isKept } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { AttemptRef, RecordingRef } from '../model/ids.ts';
import { deletableFromMs, MAX_RETENTION_MS } from '../model/retention.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';
import { requireRightClock } from './read.ts';

export interface Assessment {
  readonly completedAt: string;
  readonly deleteBy: string;
  readonly deletableFrom: string;
  /** How many recordings of the attempt it applies to. */
  readonly recordings: number;
}

export interface AssessmentReport {
  readonly completedAtMs: number;
  /** Ids of recordings of which the caller knows that the assessment ends them early. */
  readonly confirm?: readonly string[] | undefined;
}

/**
 * Writes the queue entry at the deadline, the audit event, the assessment record, then the tags (ARCHITECTURE, "assess").
 * Safe to repeat: a report of the time that counts already writes the tags alone. An earlier time counts from then on; a
 * deadline never moves later. Recordings that are past their deadline are deleted first. A recording that the assessment
 * would end early is ended only where the caller has confirmed it (ADR 19).
 * @throws ServiceError `assessment-later`, `assessment-in-future`, `assessment-before-recording`, `assessment-too-old`,
 * `assessment-ends-recordings`, `clock-skew`.
 */
export async function assessAttempt(
  context: RecordingsContext,
  caller: Caller,
  ref: AttemptRef,
  { completedAtMs, confirm = [] }: AssessmentReport,
): Promise<Assessment> {
  const confirmed = new Set(confirm);
  const bucket = new Bucket(context);
  const before = await bucket.attempt(ref);
  requireRightClock(context, before);
  const isKnown = completedAtMs === before.assessedAtMs;
  if (!isKnown) {
    requirePlausible(context, before, completedAtMs);
    requireConfirmed(context, before, completedAtMs, confirmed);
  }
  await deleteOverdue(context, before);
  const isAtOnce = isOver(context, before, completedAtMs);
  if (isAtOnce && !hasLive(context, before)) {
    return toAssessment(context, await bucket.attempt(ref), completedAtMs);
  }
  if (!isKnown) {
    await bucket.queue.enqueue(ref, before.assessedDeadlineMs(completedAtMs));
    const write = async (attempt: Attempt) => {
      requireConfirmed(context, attempt, completedAtMs, confirmed);
      await writeAssessment(context, caller, attempt, completedAtMs, confirmed.size);
    };
    // Of a time that has just passed, no recording that begins now is ended earlier by more than a request lasts.
    if (isAtOnce || isBefore(completedAtMs, context.now())) await whileNoneBegins(bucket, ref, write);
    else await write(before);
  }
  const attempt = await tagRecordings(bucket, await bucket.attempt(ref));
  return toAssessment(context, attempt, Math.min(completedAtMs, attempt.assessedAtMs ?? completedAtMs));
}

/** In the audit trail before it counts. */
async function writeAssessment(
  context: RecordingsContext,
  { actor, requestId }: Caller,
  attempt: Attempt,
  completedAtMs: number,
  confirmed: number,
): Promise<void> {
  const { tenant, exam, attempt: attemptId } = attempt.ref;
  const ref = { tenant, exam, attempt: attemptId };
  const deadline = toIso(attempt.assessedDeadlineMs(completedAtMs));
  const early = confirmed === 0 ? '' : `, ${confirmed} confirmed to end early`;
  const detail = `completed ${toIso(completedAtMs)}, deadline ${deadline}${early}`;
  await context.audit.record({ event: 'assessed', ref, actor, requestId, detail });
  await new Bucket(context).putAssessment(ref, completedAtMs);
}

/**
 * `act` gets a listing with every recording that callers know of. An assessment writes its marker and then lists; a creation
 * writes its manifest and then lists: of the two at least one sees the other. A creation that sees the marker gives way.
 */
async function whileNoneBegins(
  bucket: Bucket,
  ref: AttemptRef,
  act: (attempt: Attempt) => Promise<void>,
): Promise<void> {
  const marker = await bucket.markAssessing(ref);
  try {
    await act(await bucket.attempt(ref));
  } finally {
    await bucket.removeKey(marker);
  }
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
  if (attempt.assessedAtMs !== undefined) return toAssessment(context, attempt, attempt.assessedAtMs);
  throw new ServiceError('assessment-not-found', 'No assessment of this attempt is known.');
}

/** A wrong time is a mistake of the caller, whatever is confirmed. */
function requirePlausible(context: RecordingsContext, attempt: Attempt, completedAtMs: number): void {
  if (completedAtMs > context.now() + MAX_CLOCK_SKEW_MS) {
    throw new ServiceError('assessment-in-future', 'An assessment cannot have been completed in the future.');
  }
  const known = attempt.assessedAtMs;
  if (known !== undefined && completedAtMs > known) {
    const detail = `This attempt was assessed at ${toIso(known)}; a deadline never moves later.`;
    throw new ServiceError('assessment-later', detail, { completedAt: toIso(known) });
  }
  const [first] = attempt.recordings;
  if (first && isBefore(completedAtMs, attempt.createdAtMs(first))) {
    const begun = toIso(attempt.createdAtMs(first));
    throw new ServiceError('assessment-before-recording', `The first recording of the attempt began at ${begun}.`);
  }
  const isTooOld = completedAtMs < context.now() - MAX_RETENTION_MS - MAX_CLOCK_SKEW_MS;
  if (isTooOld || (isOver(context, attempt, completedAtMs) && !attempt.recordings.some(isKept))) {
    const detail =
      `Its recordings had to be deleted by ${toIso(attempt.assessedDeadlineMs(completedAtMs))}: none is held, and there is ` +
      'nothing to assess.';
    throw new ServiceError('assessment-too-old', detail);
  }
}

/** Whether it would set a deadline that has passed. */
function isOver({ now }: RecordingsContext, attempt: Attempt, completedAtMs: number): boolean {
  return attempt.assessedDeadlineMs(completedAtMs) <= now();
}

function hasLive({ now }: RecordingsContext, attempt: Attempt): boolean {
  return attempt.recordings.some((state) => attempt.isLive(state, now()));
}

const CONFIRM = 'If the time is right, name them in "confirm".';

/** @throws ServiceError `assessment-ends-recordings` with those that the caller has not named */
function requireConfirmed(
  context: RecordingsContext,
  attempt: Attempt,
  completedAtMs: number,
  confirmed: ReadonlySet<string>,
): void {
  const deadlineMs = attempt.assessedDeadlineMs(completedAtMs);
  const isAtOnce = isOver(context, attempt, completedAtMs);
  const ended = attempt.recordings.filter(
    (state) =>
      attempt.isLive(state, context.now()) &&
      deadlineMs < attempt.deadlineMs(state.ref) &&
      (isAtOnce || isBefore(completedAtMs, attempt.createdAtMs(state))) &&
      !confirmed.has(state.ref.recording),
  );
  if (ended.length === 0) return;
  const detail = isAtOnce
    ? `The deadline of this assessment was ${toIso(deadlineMs)}: it would have recordings deleted at once. ${CONFIRM}`
    : `This assessment was completed before recordings of the attempt began: it would have them deleted early. ${CONFIRM}`;
  throw new ServiceError('assessment-ends-recordings', detail, {
    deleteBy: toIso(deadlineMs),
    recordings: ended.map((state) => {
      const { recording } = state.ref;
      return {
        recordingId: recording,
        createdAt: toIso(attempt.createdAtMs(state)),
        deleteBy: toIso(attempt.deadlineMs(state.ref)),
      };
    }),
  });
}

function isBefore(completedAtMs: number, createdAtMs: number): boolean {
  return completedAtMs < createdAtMs - MAX_CLOCK_SKEW_MS;
}

function toAssessment(
  { leadMs }: Pick<RecordingsContext, 'leadMs'>,
  attempt: Attempt,
  completedAtMs: number,
): Assessment {
  const term = attempt.assessedTerm(completedAtMs);
  return {
    completedAt: toIso(completedAtMs),
    deleteBy: toIso(term.deadlineMs),
    deletableFrom: toIso(deletableFromMs(term, leadMs)),
    recordings: attempt.recordings.filter(isKept).length,
  };
}
