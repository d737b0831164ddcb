// An attempt is of one participant, for callers whose token names the attempt and not the participant.
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingsContext } from './context.ts';
import { giveWay, type Try } from './creation.ts';
import { stillBeingCreated } from './creation-time.ts';
import { readManifest } from './read.ts';

/** How often a creation looks whether a later one of another participant has given way: a few store calls away. */
const MAX_LOOKS = 10;

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
    const manifest = await manifestOf(context, state);
    if (manifest?.participantId === participantId) return;
    if (manifest) throw ofAnother();
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
 * Two creations at once do not see each other at their beginning. Of two that both list again once their manifest is
 * written at least one sees the other. It gives way to an older one, and to one that is whole; a younger one that is still
 * being created gives way itself, and is waited for. So none is left, or one, as a rule the older.
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
  const { ref } = own.state;
  const accepted = new Set(before.recordings.filter(isKept).map((state) => state.ref.recording)).add(ref.recording);
  for (let look = 1, attempt = after; ; look += 1) {
    const since = attempt.recordings.filter((state) => !accepted.has(state.ref.recording));
    const [oldest, ...younger] = await othersIn(context, since, own.manifest.participantId);
    if (!oldest) return;
    const isLost = oldest.state.ref.recording < ref.recording || (await isAnyWhole(bucket, [oldest, ...younger]));
    if (isLost || look === MAX_LOOKS) {
      await giveWay(context, bucket, own, elapsedMs);
      throw isLost ? ofAnother() : stillBeingCreated();
    }
    attempt = await bucket.attempt(ref);
  }
}

/** Whether one of them has its participant index entry, the last object that a creation writes. */
async function isAnyWhole(bucket: Bucket, tries: readonly Try[]): Promise<boolean> {
  for (const { state, manifest } of tries) {
    if (await bucket.participantEntry(manifest, state.ref)) return true;
  }
  return false;
}

/** Those of other participants that are held, oldest first. */
async function othersIn(
  context: RecordingsContext,
  states: readonly RecordingState[],
  participantId: string,
): Promise<Try[]> {
  const others: Try[] = [];
  for (const state of states.filter(isKept)) {
    const manifest = await manifestOf(context, state);
    if (manifest && manifest.participantId !== participantId) others.push({ state, manifest });
  }
  return others;
}

/** Undefined where it was deleted since the listing, or cannot be read: a damaged manifest must not end an exam. */
async function manifestOf(context: RecordingsContext, { ref }: RecordingState): Promise<Manifest | undefined> {
  try {
    return await readManifest(context, ref);
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

function ofAnother(): ServiceError {
  const detail = 'This attempt has a recording of another participant; an attempt is of one participant.';
  return new ServiceError('attempt-of-another-participant', detail);
}
