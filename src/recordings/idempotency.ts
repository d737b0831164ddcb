// Idempotency-Key on create: a repeated request finds what its first try made by the id itself, so nothing else is kept.
import { createHash } from 'node:crypto';
import { type AttemptState, type RecordingState, readAttempt, targetsOf } from '../bucket/attempt.ts';
import type { Manifest } from '../bucket/documents.ts';
import { participantKey } from '../bucket/layout.ts';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RandomBytes } from '../model/ids.ts';
import type { RecordingsContext } from './context.ts';
import type { CreateInput } from './create.ts';
import { deleteRecording } from './delete.ts';
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

/** From the writing of its manifest on: a try that takes longer neither answers nor begins to give way. */
const DECIDES_WITHIN_MS = 30 * SECOND_MS;
/**
 * By the store's clock: a try whose manifest is older has decided, died or given up. Longer than `DECIDES_WITHIN_MS` and the
 * one call to the store that may still be on its way then: five times a minute without an answer, and the waits between.
 */
const DECIDED_AFTER_MS = 6 * MINUTE_MS;

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
  if (states.length === 0) return undefined;
  const tries = await readable(context, states);
  const decided = await firstDecided(context, tries);
  if (decided) {
    await removeLosers(context, attempt, tries, decided);
    return asAsked(decided, input);
  }
  const [oldest] = tries;
  // What is damaged is told as such: no request is running that would ever end.
  if (tries.length < states.length) throw await whyUnreadable(context, states);
  if (!oldest) throw stillBeingCreated();
  asAsked(oldest, input);
  if (!tries.every(({ state }) => isOver(attempt, state))) throw stillBeingCreated();
  await finish(context, oldest, random);
  return oldest;
}

function asAsked(found: Try, input: CreateInput): Try {
  const { participantId, kind, contentType, consent } = found.manifest;
  const asked = [input.participantId, input.kind, input.contentType, input.consent];
  if (JSON.stringify(asked) === JSON.stringify([participantId, kind, contentType, consent])) return found;
  throw new ServiceError('idempotency-key-reused', 'This Idempotency-Key was used for another recording.');
}

/** Oldest first, without those of which the manifest is gone by now, is not there yet, or cannot be read. */
async function readable(context: RecordingsContext, states: readonly RecordingState[]): Promise<Try[]> {
  const tries: Try[] = [];
  for (const state of states) {
    try {
      if (state.objects.manifest) tries.push({ state, manifest: await readManifest(context, state.ref) });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
    }
  }
  return tries;
}

async function whyUnreadable(context: RecordingsContext, states: readonly RecordingState[]): Promise<Error> {
  for (const { ref, objects } of states) {
    if (!objects.manifest) continue;
    const failure = await readManifest(context, ref).then(
      () => undefined,
      (error: Error) => error,
    );
    if (failure instanceof ServiceError && failure.code !== 'recording-unreadable') continue;
    if (failure) return failure;
  }
  return stillBeingCreated();
}

/**
 * The participant's marker is what a try writes when it has found itself alone, so there is one such try. A second marker
 * can only be a later one, which `verify --fix` gave to what a try had left.
 */
async function firstDecided({ store }: RecordingsContext, tries: readonly Try[]): Promise<Try | undefined> {
  let first: { readonly found: Try; readonly sinceMs: number } | undefined;
  for (const found of tries) {
    const [marker] = (await store.list(markerOf(found), { limit: 1 })).objects;
    if (marker && !(first && first.sinceMs <= marker.lastModifiedMs)) first = { found, sinceMs: marker.lastModifiedMs };
  }
  return first?.found;
}

function markerOf({ state, manifest }: Try): string {
  return participantKey(manifest.participantId, state.ref);
}

function isOver(attempt: AttemptState, { objects }: RecordingState): boolean {
  return attempt.storeTimeMs - (objects.manifest?.lastModifiedMs ?? Number.NaN) > DECIDED_AFTER_MS;
}

/** Of those that died, or failed, before they had given way nobody was told: they have no marker. */
async function removeLosers(
  context: RecordingsContext,
  attempt: AttemptState,
  tries: readonly Try[],
  decided: Try,
): Promise<void> {
  for (const found of tries) {
    if (found === decided || found.state.objects.media || !isOver(attempt, found.state)) continue;
    if ((await context.store.list(markerOf(found), { limit: 1 })).objects.length > 0) continue;
    await deleteRecording(context, found.state.ref, { reason: 'aborted', actor: 'service', isCreator: true });
  }
}

/** Of tries that all died before their last write, the oldest is finished: whoever comes here takes the same one. */
async function finish(context: RecordingsContext, found: Try, random: RandomBytes): Promise<void> {
  await context.store.put(markerOf(found), new Uint8Array());
  const later = madeUnder(random, await readAttempt(context.store, found.state.ref));
  if (later.some(({ ref }) => ref.recording === found.state.ref.recording)) return;
  // A deletion that came meanwhile may have deleted its marker before this one was written.
  const { store } = context;
  await store.delete(await targetsOf(store, markerOf(found), await store.isVersioned()));
  throw stillBeingCreated();
}

/**
 * Two tries at once do not see each other at their beginning. Of two that both look again once their manifest is written
 * at least one sees the other: whoever does gives way. Until it has looked, nobody is told of a recording.
 * @throws ServiceError `recording-being-created` when it gave way, or took too long: whoever asks next finishes what it
 * began, or is rid of it.
 */
export async function requireAlone(
  context: RecordingsContext,
  mine: Try,
  random: RandomBytes,
  writtenAtMs: number,
): Promise<void> {
  const { ref } = mine.state;
  const requireTime = () => {
    if (context.now() - writtenAtMs > DECIDES_WITHIN_MS) throw stillBeingCreated();
  };
  const seen = madeUnder(random, await readAttempt(context.store, ref));
  requireTime();
  if (seen.every(({ ref: { recording } }) => recording === ref.recording)) return;
  const requireUndecided = async () => {
    const { objects } = await context.store.list(markerOf(mine), { limit: 1 });
    requireTime();
    if (objects.length > 0) throw stillBeingCreated();
  };
  await deleteRecording(context, ref, {
    reason: 'aborted',
    actor: 'service',
    isCreator: true,
    requireStill: requireUndecided,
  });
  throw stillBeingCreated();
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
