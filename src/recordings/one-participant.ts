// An attempt is of one participant, for callers whose token names the attempt and not the participant.
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingsContext } from './context.ts';
import { requireFirst, type Try, tryOf } from './creation.ts';

/**
 * The oldest recording that is held says whose the attempt is. One that was deleted says nothing any more.
 * @throws ServiceError `attempt-of-another-participant`
 */
export async function requireOwnAttempt(
  context: RecordingsContext,
  attempt: Attempt,
  participantId: string,
): Promise<void> {
  for (const state of attempt.recordings.filter(isKept)) {
    const found = await tryOf(context, state);
    if (found?.manifest.participantId === participantId) return;
    if (found) throw ofAnother();
  }
}

/** @throws ServiceError `attempt-of-another-participant` where any recording that is held is of another one */
export async function requireNoOther(
  context: RecordingsContext,
  attempt: Attempt,
  participantId: string,
): Promise<void> {
  if ((await othersIn(context, attempt.recordings, participantId)).length > 0) throw ofAnother();
}

/**
 * @param before the listing at the beginning, whose recordings were accepted
 * @param after a listing after the manifest was written
 * @param elapsedMs since it was written; undefined: no other request can finish this creation
 * @throws ServiceError `attempt-of-another-participant`, `recording-being-created`; its recording is deleted then
 */
export async function requireOnlyParticipant(
  context: RecordingsContext,
  bucket: Bucket,
  own: Try,
  { before, after, elapsedMs }: { before: Attempt; after: Attempt; elapsedMs: (() => number) | undefined },
): Promise<void> {
  const accepted = new Set(before.recordings.filter(isKept).map((state) => state.ref.recording));
  accepted.add(own.state.ref.recording);
  const rivalsIn = (attempt: Attempt) => {
    const since = attempt.recordings.filter((state) => !accepted.has(state.ref.recording));
    return othersIn(context, since, own.manifest.participantId);
  };
  await requireFirst(context, bucket, own, { after, elapsedMs, rivalsIn, refusal: ofAnother });
}

/** Those of other participants that are held, oldest first. */
async function othersIn(
  context: RecordingsContext,
  states: readonly RecordingState[],
  participantId: string,
): Promise<Try[]> {
  const others: Try[] = [];
  for (const state of states.filter(isKept)) {
    const found = await tryOf(context, state);
    if (found && found.manifest.participantId !== participantId) others.push(found);
  }
  return others;
}

function ofAnother(): ServiceError {
  const detail = 'This attempt has a recording of another participant; an attempt is of one participant.';
  return new ServiceError('attempt-of-another-participant', detail);
}
