// Idempotency-Key on create: the recording's id holds the key, so a repeated request finds what its first try made.
import { createHash } from 'node:crypto';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Consent, Manifest } from '../bucket/documents.ts';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RandomBytes } from '../model/ids.ts';
import { formatRecordingType, readRecordingType } from '../model/media-type.ts';
import type { RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';
import { readManifest } from './read.ts';

/** 96 bits identify the key; 32 stay random, so that two tries in one millisecond never get one id. */
const KEYED_BYTES = 12;
/** The characters of an id that come from the key alone: after the time, five bits each. */
const KEYED_CHARACTERS = [10, 29] as const;

/** Randomness for the id of a recording that is made under this key: ids of one key in one attempt share 19 characters. */
export function keyedRandom(randomBytes: RandomBytes, { tenant, exam, attempt }: AttemptRef, key: string): RandomBytes {
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, exam, attempt, key]))
    .digest();
  return (length) => Buffer.concat([digest.subarray(0, KEYED_BYTES), randomBytes(length - KEYED_BYTES)]);
}

/** From the writing of its manifest on: a try that takes longer neither responds nor begins to give way. */
const DECIDES_WITHIN_MS = 30 * SECOND_MS;
/**
 * By the store's clock: a try whose manifest is older has decided, died or given up. Longer than `DECIDES_WITHIN_MS` and the
 * one store call that may still be in flight then: five attempts of a minute each, and the pauses between them.
 */
const DECIDED_AFTER_MS = 6 * MINUTE_MS;

interface Try {
  readonly state: RecordingState;
  readonly manifest: Manifest;
}

/** What two requests with the same key must agree in. */
interface KeyedInput {
  readonly participantId: string;
  readonly kind: string;
  readonly contentType: string;
  readonly consent: Consent;
}

/**
 * What an earlier try with the same key began, and was not deleted since.
 * @throws ServiceError `idempotency-key-reused` when that one was about something else; `recording-being-created` when
 * it has not come far enough, or may still give way to another.
 */
export async function findEarlierTry(
  context: RecordingsContext,
  bucket: Bucket,
  attempt: Attempt,
  random: RandomBytes,
  input: KeyedInput,
): Promise<Try | undefined> {
  const states = madeUnder(random, attempt);
  if (states.length === 0) return undefined;
  const tries: Try[] = [];
  let unreadable: ServiceError | undefined;
  for (const state of states) {
    if (!state.objects.manifest) continue;
    try {
      tries.push({ state, manifest: await readManifest(context, state.ref) });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code === 'recording-unreadable') unreadable ??= error;
    }
  }
  const decided = await firstDecided(bucket, tries);
  if (decided) {
    requireSameInput(decided, input);
    await removeLosers(context, bucket, attempt, tries, decided);
    return decided;
  }
  const [oldest] = tries;
  // Damage is reported as such: no request is running that would ever end.
  if (unreadable) throw unreadable;
  if (!oldest || tries.length < states.length) throw stillBeingCreated();
  requireSameInput(oldest, input);
  if (!tries.every(({ state }) => isOver(attempt, state))) throw stillBeingCreated();
  await finish(bucket, oldest, random);
  return oldest;
}

/** Version 0.1 stored types as they were sent. */
function canonical(contentType: string): string {
  const type = readRecordingType(contentType);
  return type ? formatRecordingType(type) : contentType;
}

function requireSameInput({ manifest }: Try, input: KeyedInput): void {
  const compared = ({ participantId, kind, contentType, consent }: KeyedInput) =>
    JSON.stringify([participantId, kind, canonical(contentType), consent]);
  if (compared(manifest) === compared(input)) return;
  throw new ServiceError('idempotency-key-reused', 'This Idempotency-Key was used for another recording.');
}

/**
 * A try writes the participant index entry when it has found itself alone, so one try has it. A second entry can only be
 * a later one, which `verify --fix` gave to what a try had left.
 */
async function firstDecided(bucket: Bucket, tries: readonly Try[]): Promise<Try | undefined> {
  let first: { readonly found: Try; readonly sinceMs: number } | undefined;
  for (const found of tries) {
    const entry = await bucket.participantEntry(found.manifest, found.state.ref);
    if (entry && !(first && first.sinceMs <= entry.lastModifiedMs)) first = { found, sinceMs: entry.lastModifiedMs };
  }
  return first?.found;
}

function isOver(attempt: Attempt, { objects }: RecordingState): boolean {
  return attempt.storeTimeMs - (objects.manifest?.lastModifiedMs ?? Number.NaN) > DECIDED_AFTER_MS;
}

/** Tries that died, or failed, before they had given way have no participant index entry, and no caller knows them. */
async function removeLosers(
  context: RecordingsContext,
  bucket: Bucket,
  attempt: Attempt,
  tries: readonly Try[],
  decided: Try,
): Promise<void> {
  for (const found of tries) {
    const { state, manifest } = found;
    if (found === decided || state.objects.media || !isOver(attempt, state)) continue;
    if (await bucket.participantEntry(manifest, state.ref)) continue;
    await deleteRecording(context, state.ref, { reason: 'aborted', actor: 'service', isCreator: true });
  }
}

/** Of tries that all died before their last write, the oldest is finished: every later request takes the same one. */
async function finish(bucket: Bucket, { state: { ref }, manifest }: Try, random: RandomBytes): Promise<void> {
  await bucket.putParticipant(manifest.participantId, ref);
  const later = madeUnder(random, await bucket.attempt(ref));
  if (later.some((state) => state.ref.recording === ref.recording)) return;
  // A deletion that came meanwhile may have deleted the entry before this one was written.
  await bucket.removeParticipant(manifest.participantId, ref);
  throw stillBeingCreated();
}

/**
 * Two tries at once do not see each other at their beginning. Of two that both list again once their manifest is written
 * at least one sees the other, and gives way. Until it has listed, no caller learns of a recording.
 * @throws ServiceError `recording-being-created` when it gave way, or took too long: the next request finishes what it
 * began, or deletes it.
 */
export async function requireAlone(
  context: RecordingsContext,
  bucket: Bucket,
  { state: { ref }, manifest }: Try,
  random: RandomBytes,
  writtenAtMs: number,
): Promise<void> {
  const seen = madeUnder(random, await bucket.attempt(ref));
  requireInTime(context, writtenAtMs);
  if (seen.every((state) => state.ref.recording === ref.recording)) return;
  const requireStill = async () => {
    const entry = await bucket.participantEntry(manifest, ref);
    requireInTime(context, writtenAtMs);
    if (entry) throw stillBeingCreated();
  };
  await deleteRecording(context, ref, { reason: 'aborted', actor: 'service', isCreator: true, requireStill });
  throw stillBeingCreated();
}

/** @throws ServiceError `recording-being-created` when other requests may take the try for dead */
export function requireInTime({ now }: RecordingsContext, writtenAtMs: number): void {
  if (now() - writtenAtMs > DECIDES_WITHIN_MS) throw stillBeingCreated();
}

function stillBeingCreated(): ServiceError {
  return new ServiceError(
    'recording-being-created',
    'Another request with this Idempotency-Key is running; ask again.',
  );
}

function madeUnder(random: RandomBytes, attempt: Attempt): RecordingState[] {
  const keyed = newRecordingId(0, random).slice(...KEYED_CHARACTERS);
  return attempt.recordings.filter(
    ({ ref, objects }) => !objects.deleting && ref.recording.slice(...KEYED_CHARACTERS) === keyed,
  );
}
