// The right to erasure (policy 9.1): everything that is held of a participant, with a receipt for each recording.
import pMap from 'p-map';
import { Bucket } from '../bucket/bucket.ts';
import type { Receipt } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import type { ParticipantRef, RecordingRef } from '../model/ids.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type ErasureReason, eraseRecording } from './delete.ts';
import { failureOf } from './failure.ts';

/** Recordings erased at once; each has a few store calls of its own under way. */
const ERASE_CONCURRENCY = 16;
/** Listed again for what was begun meanwhile, and for what failed; bounded, because a participant may go on recording. */
const MAX_ROUNDS = 3;

export interface ParticipantErasure {
  readonly receipts: Receipt[];
}

interface Failure {
  readonly examId: string;
  readonly attemptId: string;
  readonly recordingId: string;
  readonly code: string;
}

/**
 * Erases every recording of the participant index, each by the write protocol of a single erasure; one that fails stops
 * no other. Safe to repeat, and while uploads run: an open upload is stopped, and what begins after the last listing is a
 * recording of its own. Holds the receipts in memory, and nothing else of a recording that is done.
 * @throws ServiceError `erasure-incomplete` with what `failed` and the `receipts` of the rest: repeat it.
 */
export async function eraseParticipant(
  context: RecordingsContext,
  caller: Caller,
  participant: ParticipantRef,
  reason: ErasureReason,
): Promise<ParticipantErasure> {
  const bucket = new Bucket(context);
  const receipts = new Map<string, Receipt>();
  let failed: Failure[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let seen = 0;
    failed = [];
    for await (const refs of bucket.recordingsOf(participant)) {
      seen += refs.length;
      await pMap(refs, eraseOne, { concurrency: ERASE_CONCURRENCY });
    }
    if (seen === failed.length) break;
  }
  if (failed.length === 0) return { receipts: [...receipts.values()] };
  const detail = `${failed.length} recordings could not be deleted yet; ${receipts.size} are. Repeat the call.`;
  throw new ServiceError('erasure-incomplete', detail, { failed, receipts: [...receipts.values()] });

  async function eraseOne(ref: RecordingRef): Promise<void> {
    try {
      if (!receipts.has(ref.recording)) receipts.set(ref.recording, await eraseRecording(context, caller, ref, reason));
      // Its deletion took the index entry away: one that exists now was left by another.
      else await bucket.removeParticipant(participant.participant, ref);
    } catch (error) {
      await report(ref, error);
    }
  }

  async function report(ref: RecordingRef, error: unknown): Promise<void> {
    let cause = error;
    if (error instanceof ServiceError && error.code === 'recording-not-found') {
      // The index entry is the last object that a creation writes: one that leads nowhere never will.
      try {
        return await bucket.removeParticipant(participant.participant, ref);
      } catch (refused) {
        cause = refused;
      }
    }
    const code = cause instanceof ServiceError ? cause.code : failureOf(cause).code;
    failed.push({ examId: ref.exam, attemptId: ref.attempt, recordingId: ref.recording, code });
  }
}
