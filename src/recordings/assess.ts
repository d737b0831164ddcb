// An attempt was assessed: from then on its recordings have the deadline that counts (policy 8.4).
import pMap from 'p-map';
import { type Attempt, isKept } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { AttemptRef, RecordingRef } from '../model/ids.ts';
import { deletableFromMs, MAX_RETENTION_MS } from '../model/retention.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { mayDecide, stillBeingCreated } from './creation-time.ts';
import { deleteRecording } from './delete.ts';
import { requireRightClock } from './right-clock.ts';

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
 * Writes the queue entry at the deadline while it lists the attempt; then the audit event; then the assessment record; then
 * the tags; then it lists again (ARCHITECTURE, "assess"). Safe to repeat: a report of the time that counts already
 * writes the tags alone. An earlier time counts from then on; a deadline never moves later. Recordings that are past their
 * deadline are deleted first. A recording that the assessment would end early is ended only where the caller has confirmed it
 * (ADR 19).
 * @throws ServiceError `assessment-later`, `assessment-in-future`, `assessment-before-recording`, `assessment-too-old`,
 * `assessment-ends-recordings`, `recording-being-created`, `clock-skew`.
 */
export async function assessAttempt(
  context: RecordingsContext,
  caller: Caller,
  ref: AttemptRef,
  { completedAtMs, confirm = [] }: AssessmentReport,
): Promise<Assessment> {
  const confirmed = new Set(confirm);
  const bucket = new Bucket(context);
  const { queue } = bucket;
  const deadlineMs = bucket.unlisted(ref).assessedDeadlineMs(completedAtMs);
  // Of a time that has just passed, no recording that begins now is ended earlier by more than a request lasts.
  const mayEndEarly = deadlineMs <= context.now() || isBefore(completedAtMs, context.now());
  const entry = queue.newEntry(ref, deadlineMs);
  const claim = queue.newAssessmentClaim(ref);
  const written = new Set(isPossible(context, completedAtMs) ? [entry, ...(mayEndEarly ? [claim] : [])] : []);
  try {
    const [before] = await together(
      bucket.attempt(ref),
      pMap(written, (key) => queue.add(key)),
    );
    requireRightClock(context, before);
    const isKnown = completedAtMs === before.assessedAtMs;
    if (!isKnown) {
      requirePlausible(context, before, completedAtMs);
      requireConfirmed(context, before, completedAtMs, confirmed);
    }
    await deleteOverdue(context, before);
    if (deadlineMs <= context.now() && !hasLive(context, before)) {
      return toAssessment(context, await bucket.attempt(ref), completedAtMs);
    }
    if (isKnown) return toAssessment(context, await tagRecordings(bucket, before), completedAtMs);
    const attempt = mayEndEarly ? await listDecided(bucket, ref) : before;
    requireConfirmed(context, attempt, completedAtMs, confirmed);
    await announce(context, caller, attempt, completedAtMs, confirmed.size);
    // The claim stays until the grace period is over: a creation whose own claim is on its way must see one of the two.
    written.clear();
    const later = await writeAssessment(bucket, attempt, completedAtMs);
    return toAssessment(context, later, Math.min(completedAtMs, later.assessedAtMs ?? completedAtMs));
  } finally {
    await bucket.takeBackEntries([...written]);
  }
}

/** In the audit trail before it counts. */
async function announce(
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
}

/**
 * The record, then the tags of what was listed as stored, then a listing, which shows what came meanwhile. Of assessments at
 * once, the one whose tags are written last lists after that, and sees the records of the others.
 */
async function writeAssessment(bucket: Bucket, attempt: Attempt, completedAtMs: number): Promise<Attempt> {
  const { ref, assessedAtMs = Number.POSITIVE_INFINITY } = attempt;
  await bucket.putAssessment(ref, completedAtMs);
  const firstMs = Math.min(completedAtMs, assessedAtMs);
  const stored = storedIn(attempt);
  await pMap(stored, (each) => bucket.store.tag(bucket.mediaKey(each), attempt.tagsOf(each, firstMs)), {
    concurrency: STORE_CONCURRENCY,
  });
  const later = await bucket.attempt(ref);
  const tagged = new Set(stored.map(({ recording }) => recording));
  const areTagged = storedIn(later).every(({ recording }) => tagged.has(recording));
  return areTagged && later.assessedAtMs === firstMs ? later : tagRecordings(bucket, later);
}

function storedIn(attempt: Attempt): RecordingRef[] {
  return attempt.recordings.filter((state) => state.objects.media && isKept(state)).map(({ ref }) => ref);
}

/** How often a listing is repeated while a creation is being decided: a few store calls away. */
const MAX_LOOKS = 10;

/**
 * A listing with every recording that callers know of, or will. An assessment writes its claim and then reads the claims; a
 * creation does the same: of the two at least one sees the other, and a creation that sees an assessment gives way.
 * @throws ServiceError `recording-being-created`
 */
async function listDecided(bucket: Bucket, ref: AttemptRef): Promise<Attempt> {
  for (let look = 1; look <= MAX_LOOKS; look += 1) {
    const [attempt, { creations, storeTimeMs }] = await together(bucket.attempt(ref), bucket.queue.claims(ref));
    const isOpen = creations.some(
      ({ recording, claimedMs }) =>
        !attempt.recording(recording)?.objects.manifest && mayDecide(storeTimeMs - claimedMs),
    );
    if (!isOpen) return attempt;
  }
  throw stillBeingCreated();
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
  const stored = storedIn(attempt).filter(isWanted);
  await pMap(stored, (ref) => bucket.store.tag(bucket.mediaKey(ref), attempt.tagsOf(ref)), {
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
  if (
    !isPossible(context, completedAtMs) ||
    (isOver(context, attempt, completedAtMs) && !attempt.recordings.some(isKept))
  ) {
    const detail =
      `Its recordings had to be deleted by ${toIso(attempt.assessedDeadlineMs(completedAtMs))}: none is held, and there is ` +
      'nothing to assess.';
    throw new ServiceError('assessment-too-old', detail);
  }
}

/** Whether a recording can have been assessed then, and be there now. */
function isPossible({ now }: RecordingsContext, completedAtMs: number): boolean {
  return completedAtMs <= now() + MAX_CLOCK_SKEW_MS && completedAtMs >= now() - MAX_RETENTION_MS - MAX_CLOCK_SKEW_MS;
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
