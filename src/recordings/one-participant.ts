// An attempt is of one participant, for callers whose token names the attempt and not the participant.
import { type Attempt, isKept } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingsContext } from './context.ts';
import { type Beginning, mayBeAnswered, requireFirst, type Seen } from './creation.ts';
import { hasNoPart } from './delete.ts';
import { readManifest } from './read.ts';

/**
 * The oldest recording that is held says whose the attempt is. One that was deleted says nothing any more, nor does one
 * whose manifest cannot be read: damage must not end an exam.
 * @throws ServiceError `attempt-of-another-participant`
 */
export async function requireOwnAttempt(
  context: RecordingsContext,
  attempt: Attempt,
  participantId: string,
): Promise<void> {
  for (const state of attempt.recordings.filter(isKept)) {
    const manifest = await readManifest(context, state.ref).catch((error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
    });
    if (!manifest) continue;
    if (!mayBeAnswered(state, manifest) && (await hasNoPart(context, state.ref, manifest))) continue;
    if (manifest.participantId === participantId) return;
    throw ofAnother();
  }
}

/**
 * Of creations at the same time for several participants one is left.
 * @throws ServiceError `attempt-of-another-participant`, `recording-being-created`
 */
export async function requireOnlyParticipant(bucket: Bucket, own: Beginning, seen: Seen): Promise<void> {
  await requireFirst(bucket, own, seen, ({ participant }) => participant !== own.participantId, ofAnother);
}

function ofAnother(): ServiceError {
  const detail = 'This attempt has a recording of another participant; an attempt is of one participant.';
  return new ServiceError('attempt-of-another-participant', detail);
}
