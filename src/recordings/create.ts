// Begins a recording: consent given, attempt not assessed yet.

import { type Attempt, emptyState, type RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { creationClaim } from '../bucket/deletion-queue.ts';
import { type Consent, idsOf, type Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RecordingRef } from '../model/ids.ts';
import { formatRecordingType, namesOf, readRecordingType } from '../model/media-type.ts';
import { MAX_PART_NUMBER, maxPartsFor } from '../model/parts.ts';
import type { Recording, RecordingKind } from '../model/recording.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { isStoreError, isThrottling } from '../objectstore/store-error.ts';
import { consentAt } from './consent.ts';
import { type Caller, type RecordingsContext, rememberOpenUpload, type UploadSettings } from './context.ts';
import { type Beginning, mayBeAnswered, type Seen, takeBack } from './creation.ts';
import { isTooLate, mayBeRunning, stillBeingCreated, tellToRepeat } from './creation-time.ts';
import { discardRecording, mayBeDiscarded } from './delete.ts';
import { findEarlierTry, keyedRandom, requireAlone } from './idempotency.ts';
import { requireOnlyParticipant, requireOwnAttempt } from './one-participant.ts';
import { describe, readContent } from './read.ts';
import { requireRightClock } from './right-clock.ts';
import { type PresignedPart, presignPartsOf } from './upload.ts';

export interface CreateInput {
  readonly participantId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly consent: Consent;
  /** How many part URLs to return, from part 1. */
  readonly parts: number;
  /** Refused where the attempt has a recording of another participant. Default: an attempt may have several. */
  readonly isOfOneParticipant?: boolean | undefined;
  /** A repeated call with the same key returns the recording of the first. */
  readonly idempotencyKey?: string | undefined;
}

export interface Created {
  readonly recording: Recording;
  readonly upload: {
    /** Which way parts go: to part URLs, or through the service. In both modes the service takes parts too. */
    readonly mode: UploadSettings['mode'];
    readonly partSizeBytes: number;
    readonly maxParts: number;
    readonly parts: PresignedPart[];
  };
}

/**
 * An exam of hours has a few recordings, and some more for every reload of its page. Bounds the cost of each listing of an
 * attempt whose client begins one recording after the other, and a sweep's memory.
 */
export const MAX_RECORDINGS_AN_ATTEMPT = 1000;
const NEVER_CACHED = 'private, no-store';

/**
 * Claims the recording in the deletion queue while it lists the attempt; opens the upload and writes the participant index
 * entry while it reads the claims of others; then writes the manifest, which decides. It writes none if it must give way, to
 * an assessment or to another creation (ARCHITECTURE, "create"). A crash in between leaves only what the sweeper finds.
 * Without a key each call makes another recording.
 * @throws ServiceError `content-type-not-allowed`, `attempt-assessed`, `attempt-full`, `clock-skew`,
 * `attempt-of-another-participant`, `recording-being-created`, and as `findEarlierTry`.
 */
export async function createRecording(
  context: RecordingsContext,
  caller: Caller,
  attemptRef: AttemptRef,
  given: CreateInput,
): Promise<Created> {
  const input = { ...given, contentType: requireAllowedType(context, given.contentType) };
  const { participantId, idempotencyKey } = input;
  const bucket = new Bucket(context);
  const keyed = idempotencyKey === undefined ? undefined : keyedRandom(context.randomBytes, attemptRef, idempotencyKey);
  const createdAtMs = context.now();
  const sinceBegunMs = startStopwatch(context.now);
  const recording = newRecordingId(createdAtMs, keyed ?? context.randomBytes);
  const own = { ref: { ...attemptRef, tenant: caller.tenant, recording }, participantId };

  const begun = await begin(bucket, own, async (before) => {
    requireRightClock(context, before);
    requireUnassessed(before);
    const earlier = keyed && (await findEarlierTry(context, before, keyed, input));
    if (!earlier) requireRoom(before);
    return earlier;
  });
  const { before, earlier } = begun;
  if (earlier) return respond(context, before, earlier.state, earlier.manifest, input.parts);

  const { uploadId, claimedMs, ageMs } = await prepare(
    context,
    bucket,
    own,
    input,
    { before, sinceBegunMs },
    async (seen) => {
      if (isBeingAssessed(seen)) throw beingAssessed();
      if (keyed) await requireAlone(bucket, own, keyed, seen);
      if (input.isOfOneParticipant) await requireOnlyParticipant(bucket, own, seen);
    },
  );
  const manifest: Manifest = {
    version: 1,
    ...idsOf(own.ref),
    participantId,
    kind: input.kind,
    contentType: input.contentType,
    consent: consentAt(createdAtMs, input.consent),
    createdAt: toIso(createdAtMs),
    claimedAt: toIso(claimedMs),
    partSizeBytes: context.uploads.partSizeBytes,
    uploadId,
  };
  await bucket.putManifest(own.ref, manifest);
  if (isTooLate(ageMs)) {
    await discardIfLate(context, bucket, own.ref, manifest).catch(tellToRepeat);
    throw stillBeingCreated();
  }
  rememberOpenUpload(context, own.ref, { manifest, deadlineMs: before.deadlineMs(own.ref) });
  context.onEvent?.('recording-created', 1);
  return respond(context, before, emptyState(own.ref), manifest, input.parts);
}

/** The claim, and the first listing. Where the creation ends here, the claim is taken back: nothing else was written. */
async function begin<T>(
  bucket: Bucket,
  own: Beginning,
  admit: (before: Attempt) => Promise<T | undefined>,
): Promise<{ readonly before: Attempt; readonly earlier: T | undefined }> {
  let isAdmitted = false;
  try {
    const claiming = bucket.queue.claimCreation(own.ref, own.participantId);
    const [before] = await together(bucket.attempt(own.ref), claiming);
    const earlier = await admit(before);
    isAdmitted = earlier === undefined;
    return { before, earlier };
  } finally {
    if (!isAdmitted) await bucket.takeBackEntries([creationClaim(own.ref, own.participantId)]);
  }
}

interface Prepared {
  readonly uploadId: string;
  readonly claimedMs: number;
  /** How old the claim is at most, in milliseconds. */
  readonly ageMs: () => number;
}

/**
 * What the manifest names or needs, beside the claims of others, which decide whether it may be written. Where the creation
 * ends here, all of it is taken back.
 */
async function prepare(
  context: RecordingsContext,
  bucket: Bucket,
  own: Beginning,
  { contentType, isOfOneParticipant = false }: CreateInput,
  { before, sinceBegunMs }: { readonly before: Attempt; readonly sinceBegunMs: () => number },
  decide: (seen: Seen) => Promise<void>,
): Promise<Prepared> {
  let isAnswered = false;
  const elapsedMs = startStopwatch(context.now);
  try {
    const [claims, uploadId, , refusal] = await together(
      bucket.queue.claims(own.ref),
      context.store.createMultipartUpload(bucket.mediaKey(own.ref), { contentType, cacheControl: NEVER_CACHED }),
      indexParticipant(context, bucket, own),
      isOfOneParticipant && refusalOf(requireOwnAttempt(context, before, own.participantId)),
    );
    isAnswered = true;
    if (refusal) throw refusal;
    const claim = claims.creations.find(({ recording }) => recording === own.ref.recording);
    if (!claim) throw stillBeingCreated();
    await decide({ before, claims });
    // The time before the claim does not count: on a busy store the claim itself waits for its turn.
    const claimAgeMs = claims.storeTimeMs - claim.claimedMs;
    const ageMs = Number.isNaN(claimAgeMs) ? sinceBegunMs : () => claimAgeMs + elapsedMs();
    if (isTooLate(ageMs)) throw stillBeingCreated();
    return { uploadId, claimedMs: claim.claimedMs, ageMs };
  } catch (error) {
    await takeBack(bucket, own, isAnswered, context.now());
    throw error;
  }
}

/**
 * Writes the index entry, once more where the reply was lost. The first write may then still take effect, even after the
 * recording was deleted again; an entry of the deletion queue leads a sweep to it.
 */
async function indexParticipant(
  { now }: RecordingsContext,
  bucket: Bucket,
  { ref, participantId }: Beginning,
): Promise<void> {
  try {
    await bucket.putParticipant(participantId, ref, { once: true });
  } catch (error) {
    if (!isStoreError(error) || isThrottling(error.storeCode)) throw error;
    await bucket.queue.enqueueCreation(ref, participantId, now());
    await bucket.putParticipant(participantId, ref);
  }
}

/** The refusal as a value: what else is under way then has been answered too. */
async function refusalOf(check: Promise<void>): Promise<ServiceError | undefined> {
  try {
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

/**
 * The reply to its manifest came late. Whether the manifest did too is told by the store's dates, as to every other request:
 * if it came in time, another one may have been answered with this recording.
 */
async function discardIfLate(
  context: RecordingsContext,
  bucket: Bucket,
  ref: RecordingRef,
  manifest: Manifest,
): Promise<void> {
  const attempt = await bucket.attempt(ref);
  const state = attempt.recording(ref.recording);
  if (!state || mayBeAnswered(state, manifest)) return;
  if (await mayBeDiscarded(context, attempt, ref, manifest)) await discardRecording(context, ref, { actor: 'service' });
}

function requireRoom({ recordings }: Attempt): void {
  if (recordings.length < MAX_RECORDINGS_AN_ATTEMPT) return;
  const detail = `An attempt has at most ${MAX_RECORDINGS_AN_ATTEMPT} recordings, deleted ones not counted.`;
  throw new ServiceError('attempt-full', detail);
}

function requireUnassessed({ assessedAtMs }: Attempt): void {
  if (assessedAtMs === undefined) return;
  throw new ServiceError('attempt-assessed', 'This attempt was assessed; nothing can be recorded for it any more.');
}

/** Whether an assessment is being decided: its claim is there, and no older than a request lasts. */
function isBeingAssessed({ before, claims: { assessmentsMs, storeTimeMs } }: Seen): boolean {
  const isRunning = (claimedMs: number) => mayBeRunning(storeTimeMs - claimedMs);
  // Earlier versions wrote a marker into the attempt.
  return assessmentsMs.some(isRunning) || before.assessing.some(({ lastModifiedMs }) => isRunning(lastModifiedMs));
}

function beingAssessed(): ServiceError {
  return new ServiceError('recording-being-created', 'This attempt is being assessed; send the request again.');
}

/** In its canonical form. */
function requireAllowedType({ uploads: { contentTypes } }: RecordingsContext, contentType: string): string {
  const type = readRecordingType(contentType);
  if (type && namesOf(type).some((name) => contentTypes.has(name))) return formatRecordingType(type);
  throw new ServiceError('content-type-not-allowed', 'This content type is not allowed.', {
    allowed: [...contentTypes],
  });
}

async function respond(
  context: RecordingsContext,
  attempt: Attempt,
  state: RecordingState,
  manifest: Manifest,
  wantedParts: number,
): Promise<Created> {
  const { uploads } = context;
  const { partSizeBytes } = manifest;
  const maxParts = Math.min(maxPartsFor(uploads.maxRecordingBytes, partSizeBytes), MAX_PART_NUMBER);
  const acceptsParts = uploads.mode === 'direct' && !state.objects.media;
  const parts = Array.from({ length: acceptsParts ? Math.min(wantedParts, maxParts) : 0 }, (_, index) => ({
    partNumber: index + 1,
    sizeBytes: partSizeBytes,
  }));
  return {
    recording: describe(context, { attempt, state, manifest }, await readContent(context, { state, manifest }), null),
    upload: {
      mode: uploads.mode,
      partSizeBytes,
      maxParts,
      parts: await presignPartsOf(context, state.ref, manifest, parts),
    },
  };
}
