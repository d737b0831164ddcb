// The right to erasure (policy 9.1): everything that is held of a participant, at once, with a receipt for each recording.
import pMap from 'p-map';
import { targetsOf } from '../bucket/attempt.ts';
import type { Receipt } from '../bucket/documents.ts';
import { participantKey } from '../bucket/layout.ts';
import { ServiceError } from '../model/errors.ts';
import type { ParticipantRef, RecordingRef } from '../model/ids.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type ErasureReason, eraseRecording } from './delete.ts';
import { failureOf } from './failure.ts';
import { markersOf } from './participants.ts';

/** Recordings erased at once; each has a few store calls of its own under way. */
const ERASE_CONCURRENCY = 16;
/** Looked over again for what was begun meanwhile, and for what failed; somebody who goes on recording ends it. */
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
 * Erases every recording that has a marker, each in the order of writes of a single erasure; one that fails stops no
 * other. Safe to repeat, and while uploads run: what is being uploaded is stopped, and what begins after the last look is
 * a recording of its own. Holds its receipts in memory, and nothing else of a recording that is done.
 * @throws ServiceError `erasure-incomplete` with what `failed` and the `receipts` of the rest: repeat it.
 */
export async function eraseParticipant(
  context: RecordingsContext,
  caller: Caller,
  who: ParticipantRef,
  reason: ErasureReason,
): Promise<ParticipantErasure> {
  const receipts = new Map<string, Receipt>();
  let failed: Failure[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let seen = 0;
    failed = [];
    for await (const refs of markersOf(context.store, who)) {
      seen += refs.length;
      await pMap(refs, eraseOne, { concurrency: ERASE_CONCURRENCY });
    }
    if (seen === failed.length) break;
  }
  if (failed.length === 0) return { receipts: [...receipts.values()] };
  const detail = `${failed.length} recordings could not be deleted yet; ${receipts.size} are. Repeat the call.`;
  throw new ServiceError('erasure-incomplete', detail, { failed, receipts: [...receipts.values()] });

  async function eraseOne(ref: RecordingRef): Promise<void> {
    // Its deletion took the marker away: one that is still there was left by another.
    if (receipts.has(ref.recording)) return dropMarker(ref);
    try {
      receipts.set(ref.recording, await eraseRecording(context, caller, ref, reason));
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'recording-not-found') return dropMarker(ref);
      const code = error instanceof ServiceError ? error.code : failureOf(error).code;
      failed.push({ examId: ref.exam, attemptId: ref.attempt, recordingId: ref.recording, code });
    }
  }

  /** The marker is the last thing that a creation writes: one that leads nowhere never will. */
  async function dropMarker(ref: RecordingRef): Promise<void> {
    const { store } = context;
    await store.delete(await targetsOf(store, participantKey(who.participant, ref), await store.isVersioned()));
  }
}
