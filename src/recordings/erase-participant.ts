// The right to erasure (policy 9.1): everything that is held of a participant, with a receipt for each recording.
import pMap from 'p-map';
import { Bucket } from '../bucket/bucket.ts';
import type { Receipt } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import type { ParticipantRef, RecordingRef } from '../model/ids.ts';
import type { ErasureReason } from '../model/recording.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { mayBeRunning } from './creation-time.ts';
import { eraseRecording } from './delete.ts';
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
  const failures = new Map<string, { readonly ref: RecordingRef; readonly code: string }>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // A recording whose manifest the store kept is not listed any more: its index entry is deleted before the manifest.
    await eraseAll([...failures.values()].map(({ ref }) => ref));
    let erased = 0;
    for await (const refs of bucket.recordingsOf(participant)) erased += await eraseAll(refs);
    if (erased === 0) break;
  }
  if (failures.size === 0) return { receipts: [...receipts.values()] };
  const failed = [...failures.values()].map(({ ref: { exam, attempt, recording }, code }): Failure => {
    return { examId: exam, attemptId: attempt, recordingId: recording, code };
  });
  const detail = `${failed.length} recordings could not be deleted yet; ${receipts.size} are. Repeat the call.`;
  throw new ServiceError('erasure-incomplete', detail, { failed, receipts: [...receipts.values()] });

  /** How many are erased now. */
  async function eraseAll(refs: readonly RecordingRef[]): Promise<number> {
    const results = await pMap(refs, eraseOne, { concurrency: ERASE_CONCURRENCY });
    return results.filter((isErased) => isErased).length;
  }

  async function eraseOne(ref: RecordingRef): Promise<boolean> {
    try {
      if (!receipts.has(ref.recording)) receipts.set(ref.recording, await eraseRecording(context, caller, ref, reason));
      // Its deletion took the index entry away: one that exists now was left by another.
      else await bucket.removeParticipant(participant.participant, ref);
    } catch (error) {
      const code = await removeStray(ref, error);
      if (code !== undefined) {
        failures.set(ref.recording, { ref, code });
        return false;
      }
    }
    failures.delete(ref.recording);
    return true;
  }

  /**
   * Why it failed; undefined of an index entry that led nowhere. A creation writes it before the manifest: while one may
   * still be running, nobody can say that nothing is held.
   */
  async function removeStray(ref: RecordingRef, error: unknown): Promise<string | undefined> {
    if (!(error instanceof ServiceError)) return failureOf(error).code;
    if (error.code !== 'recording-not-found') return error.code;
    try {
      const ageMs = await bucket.participantEntryAgeMs(participant.participant, ref);
      if (ageMs !== undefined && mayBeRunning(ageMs)) return 'recording-being-created';
      await bucket.removeParticipant(participant.participant, ref);
      return undefined;
    } catch (refused) {
      return failureOf(refused).code;
    }
  }
}
