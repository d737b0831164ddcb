// Idempotency-Key on create: a repeated request finds what its first try made by the id itself, so nothing else is kept.
import { createHash } from 'node:crypto';
import type { Manifest } from '../domain/documents.ts';
import { ServiceError } from '../domain/errors.ts';
import { type AttemptRef, createdAtOf, newRecordingId, type RandomBytes, type RecordingRef } from '../domain/ids.ts';
import { participantKey } from '../domain/keys.ts';
import { type AttemptState, findRecording, type RecordingState, readAttempt } from '../storage/attempt-state.ts';
import type { RecordingsContext } from './context.ts';
import type { CreateInput } from './create.ts';
import { CREATION_MS } from './delete.ts';
import { readManifest } from './read.ts';

/** 96 bits say which key it was; 32 stay random, so that two tries in one millisecond never get one id. */
const KEYED_BYTES = 12;
/** The characters of an id that come from the key alone: after the time, five bits each. */
const KEYED_CHARACTERS = [10, 29] as const;

/** Randomness for the id of a recording that is made under this key: the same key in the same attempt shows. */
export function keyedRandom(randomBytes: RandomBytes, attempt: AttemptRef, key: string): RandomBytes {
  const { tenant, exam, attempt: sitting } = attempt;
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, exam, sitting, key]))
    .digest();
  return (length) => Buffer.concat([digest.subarray(0, KEYED_BYTES), randomBytes(length - KEYED_BYTES)]);
}

/**
 * What an earlier try with the same key began, and nobody deleted since.
 * @throws ServiceError `idempotency-key-reused` when that one was about something else; `recording-being-created` when
 * it has not come far enough to be answered.
 */
export async function findEarlierTry(
  context: RecordingsContext,
  attempt: AttemptState,
  random: RandomBytes,
  input: CreateInput,
): Promise<{ state: RecordingState; manifest: Manifest } | undefined> {
  const [state] = madeUnder(random, attempt);
  if (!state) return undefined;
  if (!state.objects.manifest) throw stillBeingCreated();
  const manifest = await readManifest(context, state.ref);
  const asked = [input.participantId, input.kind, input.contentType, input.consent];
  const made = [manifest.participantId, manifest.kind, manifest.contentType, manifest.consent];
  if (JSON.stringify(asked) !== JSON.stringify(made)) {
    throw new ServiceError('idempotency-key-reused', 'This Idempotency-Key was used for another recording.');
  }
  await finishCreation(context, state.ref, manifest);
  return { state, manifest };
}

/** A first try may have died before its last write. While that is missing and may come, nobody deletes the recording. */
async function finishCreation(context: RecordingsContext, ref: RecordingRef, manifest: Manifest): Promise<void> {
  if (context.now() - createdAtOf(ref.recording) > CREATION_MS) return;
  const key = participantKey(manifest.participantId, ref);
  const { objects } = await context.store.list(key, { limit: 1 });
  if (objects.length === 0) await context.store.put(key, new Uint8Array());
}

/**
 * Two tries at once do not see each other at their beginning. Of two that both look again at their end at least one
 * sees the other: whoever does gives way, and the client's next try finds the one that stayed.
 */
export async function isAlone(context: RecordingsContext, mine: RecordingState, random: RandomBytes): Promise<boolean> {
  const attempt = await readAttempt(context.store, mine.ref);
  const mineStill = findRecording(attempt, mine.ref.recording);
  return madeUnder(random, attempt).every((state) => state === mineStill);
}

export function stillBeingCreated(): ServiceError {
  return new ServiceError(
    'recording-being-created',
    'Another request with this Idempotency-Key is running; ask again.',
  );
}

function madeUnder(random: RandomBytes, attempt: AttemptState): RecordingState[] {
  const keyed = newRecordingId(0, random).slice(...KEYED_CHARACTERS);
  return attempt.recordings.filter(
    ({ ref, objects }) => !objects.deleting && ref.recording.slice(...KEYED_CHARACTERS) === keyed,
  );
}
