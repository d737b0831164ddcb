// Idempotency-Key on create: the recording's id holds the key, so a repeated request finds what its first try made.
import { createHash } from 'node:crypto';
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Creation } from '../bucket/deletion-queue.ts';
import type { Consent, Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RandomBytes } from '../model/ids.ts';
import { formatRecordingType, readRecordingType } from '../model/media-type.ts';
import { consentAt } from './consent.ts';
import type { RecordingsContext } from './context.ts';
import { type Beginning, mayBeAnswered, requireFirst, type Seen } from './creation.ts';
import { stillBeingCreated, tellToRepeat } from './creation-time.ts';
import { discardRecording, hasNoPart } from './delete.ts';
import { mayBeSwept } from './finalize.ts';
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

/** A recording that a request with the key made. */
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
 * What an earlier request with the same key made, and was not deleted since. Its manifest shows that it had decided. One
 * that came too late does not count, and is given up if no part of it has arrived.
 * @throws ServiceError `idempotency-key-reused` when that one was about something else; `recording-unreadable`;
 * `recording-being-created` when it is being deleted
 */
export async function findEarlierTry(
  context: RecordingsContext,
  attempt: Attempt,
  random: RandomBytes,
  input: KeyedInput,
): Promise<Try | undefined> {
  let earlier: Try | undefined;
  for (const state of madeUnder(random, attempt)) {
    const manifest = await readManifest(context, state.ref).catch(tellToRepeat);
    if (mayBeAnswered(state, manifest) || !(await hasNoPart(context, state.ref, manifest))) {
      earlier ??= { state, manifest };
    } else if (!mayBeSwept(context, attempt.deadlineMs(state.ref))) {
      await discardRecording(context, state.ref, { actor: 'service' }).catch(tellToRepeat);
    }
  }
  if (earlier) requireSameInput(earlier.manifest, input);
  return earlier;
}

/** Version 0.1 stored types as they were sent. */
function canonical(contentType: string): string {
  const type = readRecordingType(contentType);
  return type ? formatRecordingType(type) : contentType;
}

function requireSameInput(manifest: Manifest, input: KeyedInput): void {
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
 * Of requests at once with one key one is left; the others give way to it before they write a manifest.
 * @throws ServiceError `recording-being-created` when it gave way: the next request finds the one that is left
 */
export async function requireAlone(bucket: Bucket, own: Beginning, random: RandomBytes, seen: Seen): Promise<void> {
  const keyed = keyedPart(random);
  const isSameKey = ({ recording }: Creation) => recording.slice(...KEYED_CHARACTERS) === keyed;
  await requireFirst(bucket, own, seen, isSameKey, stillBeingCreated);
}

function madeUnder(random: RandomBytes, attempt: Attempt): RecordingState[] {
  const keyed = keyedPart(random);
  return attempt.recordings.filter(
    (state) => isKept(state) && state.ref.recording.slice(...KEYED_CHARACTERS) === keyed,
  );
}

function keyedPart(random: RandomBytes): string {
  return newRecordingId(0, random).slice(...KEYED_CHARACTERS);
}
