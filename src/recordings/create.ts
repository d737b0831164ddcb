// Begins a recording: consent given, attempt not assessed yet.

import { type Attempt, emptyState, isKept, type RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { type Consent, idsOf, type Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, type RecordingRef, recordingId } from '../model/ids.ts';
import { formatRecordingType, namesOf, readRecordingType } from '../model/media-type.ts';
import { MAX_PART_NUMBER, maxPartsFor } from '../model/parts.ts';
import type { Recording, RecordingKind } from '../model/recording.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { toIso } from '../model/times.ts';
import { consentAt } from './consent.ts';
import type { Caller, RecordingsContext, UploadSettings } from './context.ts';
import { giveWay } from './creation.ts';
import { mayBeRunning, requireInTime } from './creation-time.ts';
import { findEarlierTry, keyedRandom, requireAlone } from './idempotency.ts';
import { requireOnlyParticipant, requireOwnAttempt } from './one-participant.ts';
import { describe, readContent, requireRightClock } from './read.ts';
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
 * Enqueues, writes the participant index entry, opens the upload, and writes the manifest. Then it lists again: a deletion,
 * an assessment or another creation at the same time may not have seen it. At the end the index entry says that it is whole
 * (ARCHITECTURE, "create"). A crash in between leaves only what the sweeper finds. Without a key each call makes another
 * recording.
 * @throws ServiceError `content-type-not-allowed`, `attempt-assessed`, `attempt-full`, `clock-skew`, `recording-deleted`,
 * `attempt-of-another-participant`, and as `findEarlierTry`.
 */
export async function createRecording(
  context: RecordingsContext,
  caller: Caller,
  attemptRef: AttemptRef,
  given: CreateInput,
): Promise<Created> {
  const input = { ...given, contentType: requireAllowedType(context, given.contentType) };
  const bucket = new Bucket(context);
  const before = await bucket.attempt(attemptRef);
  requireRightClock(context, before);
  requireUnassessed(before);
  if (isBeingAssessed(before)) throw beingAssessed();
  const { idempotencyKey } = input;
  const keyed = idempotencyKey === undefined ? undefined : keyedRandom(context.randomBytes, attemptRef, idempotencyKey);
  const earlier = keyed && (await findEarlierTry(context, bucket, before, keyed, input));
  if (earlier) return respond(context, before, earlier.state, earlier.manifest, input.parts);
  if (input.isOfOneParticipant) await requireOwnAttempt(context, before, input.participantId);
  if (before.recordings.length >= MAX_RECORDINGS_AN_ATTEMPT) {
    const detail = `An attempt has at most ${MAX_RECORDINGS_AN_ATTEMPT} recordings, deleted ones not counted.`;
    throw new ServiceError('attempt-full', detail);
  }

  const createdAtMs = context.now();
  const id = newRecordingId(createdAtMs, keyed ?? context.randomBytes);
  const ref = { ...attemptRef, tenant: caller.tenant, recording: id };
  const { contentType, participantId } = input;
  await bucket.queue.enqueueCreation(ref, participantId, before.deadlineMs(ref));
  await bucket.putParticipant(participantId, ref, { isBegun: true });
  const uploadOptions = { contentType, cacheControl: NEVER_CACHED };
  const uploadId = await context.store.createMultipartUpload(bucket.mediaKey(ref), uploadOptions);
  const manifest: Manifest = {
    version: 1,
    ...idsOf(ref),
    participantId,
    kind: input.kind,
    contentType,
    consent: consentAt(createdAtMs, input.consent),
    createdAt: toIso(createdAtMs),
    partSizeBytes: context.uploads.partSizeBytes,
    uploadId,
  };
  const elapsedMs = startStopwatch(context.now);
  await bucket.write(ref, 'manifest', manifest);
  const own = { state: emptyState(ref), manifest };
  const after = await bucket.attempt(ref);
  requireNotDeleted(after, ref);
  const since = keyed && elapsedMs;
  if (after.assessedAtMs !== undefined || isBeingAssessed(after)) {
    await giveWay(context, bucket, own, since);
    requireUnassessed(after);
    throw beingAssessed();
  }
  if (keyed) await requireAlone(context, bucket, own, { random: keyed, after, elapsedMs });
  if (input.isOfOneParticipant) {
    await requireOnlyParticipant(context, bucket, own, { before, after, elapsedMs: since });
  }
  // From now on it does not give way any more.
  await bucket.putParticipant(participantId, ref);
  // Otherwise another request may have taken this try for dead, and finished an older one.
  if (keyed) requireInTime(elapsedMs);
  context.manifestCache.set(recordingId(ref), manifest);
  context.openUploadCache.set(recordingId(ref), Promise.resolve(manifest));
  context.onEvent?.('recording-created', 1);
  return respond(context, before, own.state, manifest, input.parts);
}

function requireUnassessed({ assessedAtMs }: Attempt): void {
  if (assessedAtMs === undefined) return;
  throw new ServiceError('attempt-assessed', 'This attempt was assessed; nothing can be recorded for it any more.');
}

/** Whether an assessment is being decided: its marker is there, and no older than a request lasts. */
function isBeingAssessed({ assessing, storeTimeMs }: Attempt): boolean {
  return assessing.some(({ lastModifiedMs }) => mayBeRunning(storeTimeMs - lastModifiedMs));
}

function beingAssessed(): ServiceError {
  return new ServiceError('recording-being-created', 'This attempt is being assessed; send the request again.');
}

/** An erasure of its participant may have deleted it since its manifest was written. */
function requireNotDeleted(attempt: Attempt, { recording }: RecordingRef): void {
  const state = attempt.recording(recording);
  if (state && isKept(state)) return;
  throw new ServiceError('recording-deleted', 'This recording was deleted while it was being created.');
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
