// Idempotency-Key on create: the recording's id holds the key, so a repeated request finds what its first try made.
import { createHash } from 'node:crypto';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Consent } from '../bucket/documents.ts';
import { MINUTE_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RandomBytes } from '../model/ids.ts';
import { formatRecordingType, readRecordingType } from '../model/media-type.ts';
import { consentAt } from './consent.ts';
import type { RecordingsContext } from './context.ts';
import { requireFirst, type Try, tryOf } from './creation.ts';
import { requireInTime, stillBeingCreated } from './creation-time.ts';
import { discardRecording } from './delete.ts';
import { requireNoOther } from './one-participant.ts';
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

/**
 * By the store's clock: a try whose manifest is older has decided, died or given up. Longer than `requireInTime` allows and the
 * one store call that may still be in flight then: five attempts of a minute each, and the pauses between them.
 */
const DECIDED_AFTER_MS = 6 * MINUTE_MS;

/** What two requests with the same key must agree in. */
interface KeyedInput {
  readonly participantId: string;
  readonly kind: string;
  readonly contentType: string;
  readonly consent: Consent;
  /** Whether no other participant may have a recording in the attempt. */
  readonly isOfOneParticipant?: boolean | undefined;
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
  if (input.isOfOneParticipant) await requireNoOther(context, attempt, input.participantId);
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
    JSON.stringify([
      participantId,
      kind,
      canonical(contentType),
      consent.policyVersion,
      // A second try may spell the same time with another offset.
      Date.parse(consent.givenAt),
    ]);
  // A time that was in the future then was stored as that of the creation.
  const consent = consentAt(Date.parse(manifest.createdAt), input.consent);
  if (compared(manifest) === compared({ ...input, consent })) return;
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
    await discardRecording(context, state.ref, { actor: 'service', isCreator: true });
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
 * Of tries at once one is left; the others give way to it. Until then, no caller learns of a recording.
 * @param after a listing after the manifest was written
 * @throws ServiceError `recording-being-created` when it gave way, or took too long: the next request finds the one that is
 * left, finishes what it began, or deletes it.
 */
export async function requireAlone(
  context: RecordingsContext,
  bucket: Bucket,
  own: Try,
  { random, after, elapsedMs }: { random: RandomBytes; after: Attempt; elapsedMs: () => number },
): Promise<void> {
  requireInTime(elapsedMs);
  const rivalsIn = async (attempt: Attempt) => {
    const others = madeUnder(random, attempt).filter(({ ref }) => ref.recording !== own.state.ref.recording);
    // A try whose manifest cannot be read counts until it is gone.
    const standing = async (state: RecordingState) =>
      (await tryOf(context, state)) ?? { state, manifest: own.manifest };
    return Promise.all(others.map(standing));
  };
  await requireFirst(context, bucket, own, { after, elapsedMs, rivalsIn, refusal: stillBeingCreated });
}

function madeUnder(random: RandomBytes, attempt: Attempt): RecordingState[] {
  const keyed = newRecordingId(0, random).slice(...KEYED_CHARACTERS);
  return attempt.recordings.filter(
    ({ ref, objects }) => !objects.deleting && ref.recording.slice(...KEYED_CHARACTERS) === keyed,
  );
}
