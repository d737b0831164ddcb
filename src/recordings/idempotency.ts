// Idempotency-Key on create: a repeated request finds what its first try made by the id itself, so nothing else is kept.
import { createHash } from 'node:crypto';
import type { Manifest } from '../domain/documents.ts';
import { MINUTE_MS, SECOND_MS } from '../domain/durations.ts';
import { ServiceError } from '../domain/errors.ts';
import { type AttemptRef, createdAtOf, newRecordingId, type RandomBytes, type RecordingRef } from '../domain/ids.ts';
import { participantKey } from '../domain/keys.ts';
import { type AttemptState, type RecordingState, readAttempt } from '../storage/attempt-state.ts';
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

/** From the writing of its manifest on, a try that takes longer neither answers nor gives way. */
const DECIDES_WITHIN_MS = 20 * SECOND_MS;
/** By the store's clock: a try whose manifest is older has decided, died or given up, whatever it still had on its way. */
const DECIDED_AFTER_MS = MINUTE_MS;

interface Try {
  readonly state: RecordingState;
  readonly manifest: Manifest;
}

/**
 * What an earlier try with the same key began, and nobody deleted since.
 * @throws ServiceError `idempotency-key-reused` when that one was about something else; `recording-being-created` when
 * it has not come far enough to be answered, or may still give way to another.
 */
export async function findEarlierTry(
  context: RecordingsContext,
  attempt: AttemptState,
  random: RandomBytes,
  input: CreateInput,
): Promise<Try | undefined> {
  const states = madeUnder(random, attempt);
  const [first] = states;
  if (!first) return undefined;
  if (states.some(({ objects }) => !objects.manifest)) throw stillBeingCreated();
  for (const state of states) {
    const found = { state, manifest: await readManifest(context, state.ref) };
    if (await isDecided(context, found)) return asAsked(found, input);
  }
  const found = asAsked({ state: first, manifest: await readManifest(context, first.ref) }, input);
  const writtenAtMs = Math.max(...states.map(({ objects }) => objects.manifest?.lastModifiedMs ?? Number.NaN));
  if (!(attempt.storeTimeMs - writtenAtMs > DECIDED_AFTER_MS)) throw stillBeingCreated();
  // Of tries that all died before their last write, the oldest is finished: whoever comes here takes the same one.
  await finish(context, found.state.ref, found.manifest.participantId);
  return found;
}

function asAsked(found: Try, input: CreateInput): Try {
  const { participantId, kind, contentType, consent } = found.manifest;
  const asked = [input.participantId, input.kind, input.contentType, input.consent];
  if (JSON.stringify(asked) === JSON.stringify([participantId, kind, contentType, consent])) return found;
  throw new ServiceError('idempotency-key-reused', 'This Idempotency-Key was used for another recording.');
}

/** The participant's marker is what a try writes when it has found itself alone; an old one may have lost it since. */
async function isDecided({ store, now }: RecordingsContext, { state, manifest }: Try): Promise<boolean> {
  if (now() - createdAtOf(state.ref.recording) > CREATION_MS) return true;
  const { objects } = await store.list(participantKey(manifest.participantId, state.ref), { limit: 1 });
  return objects.length > 0;
}

function finish({ store }: RecordingsContext, ref: RecordingRef, participantId: string): Promise<void> {
  return store.put(participantKey(participantId, ref), new Uint8Array());
}

/**
 * Two tries at once do not see each other at their beginning. Of two that both look again once their manifest is written
 * at least one sees the other: whoever does gives way. Until it has looked, nobody is told of a recording.
 * @throws ServiceError `recording-being-created` when it took too long: whoever asks next finishes what it began.
 */
export async function isAlone(
  context: RecordingsContext,
  ref: RecordingRef,
  random: RandomBytes,
  writtenAtMs: number,
): Promise<boolean> {
  const attempt = await readAttempt(context.store, ref);
  if (context.now() - writtenAtMs > DECIDES_WITHIN_MS) throw stillBeingCreated();
  return madeUnder(random, attempt).every((state) => state.ref.recording === ref.recording);
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
