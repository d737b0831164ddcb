// Begins a recording: consent given, attempt not assessed yet.

import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  type RecordingState,
  readAttempt,
} from '../bucket/attempt.ts';
import { type Consent, type Manifest, type RecordingKind, toBody } from '../bucket/documents.ts';
import { dueAttemptKey, participantKey, recordingKey } from '../bucket/layout.ts';
import { baseMediaType } from '../model/container.ts';
import { MINUTE_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, newRecordingId, newUniqueName } from '../model/ids.ts';
import { MAX_PART_NUMBER, maxPartsFor } from '../model/parts.ts';
import { unassessedDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { findEarlierTry, keyedRandom, requireAlone } from './idempotency.ts';
import { requireRightClock } from './read.ts';
import { type Recording, toRecording } from './recording.ts';
import { type SignedPart, signParts } from './upload.ts';

export interface CreateInput {
  readonly participantId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly consent: Consent;
  /** How many part URLs to answer with, from part 1. */
  readonly parts: number;
  /** A repeated call with the same key answers with the recording of the first. */
  readonly idempotencyKey?: string | undefined;
}

export interface Created {
  readonly recording: Recording;
  readonly upload: { readonly partSizeBytes: number; readonly maxParts: number; readonly parts: SignedPart[] };
}

/** Clocks of the exam client and of this service may differ by this much. */
const CLOCK_TOLERANCE_MS = 5 * MINUTE_MS;
/**
 * What one attempt may hold: an exam of hours has a few recordings, and some more for every reload of its page. Bounds what
 * a client that begins one after the other can make each listing of its attempt cost, and a sweep's memory.
 */
export const MAX_RECORDINGS_AN_ATTEMPT = 1000;
const NEVER_CACHED = 'private, no-store';

/**
 * Index first: the due entry, the upload, the manifest, the participant's marker (ARCHITECTURE, "create"). A crash in
 * between leaves only what the sweeper finds. Without a key each call makes another recording.
 * @throws ServiceError `content-type-not-allowed`, `attempt-assessed`, `attempt-full`, `clock-skew`, `invalid-request` for a
 * consent in the future, and what `findEarlierTry` throws.
 */
export async function createRecording(
  context: RecordingsContext,
  caller: Caller,
  attempt: AttemptRef,
  input: CreateInput,
): Promise<Created> {
  const { store, policy, uploads } = context;
  const base = baseMediaType(input.contentType);
  if (!base || !uploads.contentTypes.has(base)) {
    throw new ServiceError('content-type-not-allowed', 'This content type is not allowed.', {
      allowed: [...uploads.contentTypes],
    });
  }
  if (Date.parse(input.consent.givenAt) > context.now() + CLOCK_TOLERANCE_MS) {
    const message = 'is in the future';
    throw new ServiceError('invalid-request', 'Consent cannot have been given in the future.', {
      errors: [{ path: 'consent.givenAt', message }],
    });
  }
  const before = await readAttempt(store, attempt);
  requireRightClock(context, before);
  if (completedAtsOf(before).length > 0) {
    throw new ServiceError('attempt-assessed', 'This attempt was assessed; nothing can be recorded for it any more.');
  }
  const { idempotencyKey } = input;
  const keyed = idempotencyKey === undefined ? undefined : keyedRandom(context.randomBytes, attempt, idempotencyKey);
  const earlier = keyed && (await findEarlierTry(context, before, keyed, input));
  if (earlier) return answer(context, before, earlier.state, earlier.manifest, input.parts);

  if (before.recordings.length >= MAX_RECORDINGS_AN_ATTEMPT) {
    const detail = `An attempt has at most ${MAX_RECORDINGS_AN_ATTEMPT} recordings, deleted ones not counted.`;
    throw new ServiceError('attempt-full', detail);
  }

  const randomBytes = keyed ?? context.randomBytes;
  const createdAtMs = context.now();
  const ref = { ...attempt, tenant: caller.tenant, recording: newRecordingId(createdAtMs, randomBytes) };
  const deadlineMs = unassessedDeadline(policy, ref.tenant, createdAtMs);
  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());
  const uploadId = await store.createMultipartUpload(recordingKey(ref, 'media'), {
    contentType: input.contentType,
    cacheControl: NEVER_CACHED,
  });
  const manifest: Manifest = {
    version: 1,
    tenantId: ref.tenant,
    examId: ref.exam,
    attemptId: ref.attempt,
    recordingId: ref.recording,
    participantId: input.participantId,
    kind: input.kind,
    contentType: input.contentType,
    consent: input.consent,
    createdAt: toIso(createdAtMs),
    partSizeBytes: uploads.partSizeBytes,
    uploadId,
  };
  const writtenAtMs = context.now();
  await store.put(recordingKey(ref, 'manifest'), toBody(manifest));
  const state: RecordingState = { ref, objects: {}, items: [], uploads: [] };
  if (keyed) await requireAlone(context, { state, manifest }, keyed, writtenAtMs);
  await store.put(participantKey(input.participantId, ref), new Uint8Array());
  context.manifests.set(recordingKey(ref, 'manifest'), manifest);
  context.onEvent?.('recording-created', 1);
  context.takingParts.set(recordingKey(ref, 'manifest'), Promise.resolve(manifest));

  return answer(context, attemptStateOf(ref, []), state, manifest, input.parts);
}

async function answer(
  context: RecordingsContext,
  attempt: AttemptState,
  state: RecordingState,
  manifest: Manifest,
  wantedParts: number,
): Promise<Created> {
  const { policy, uploads } = context;
  const { partSizeBytes } = manifest;
  const maxParts = Math.min(maxPartsFor(uploads.maxRecordingBytes, partSizeBytes), MAX_PART_NUMBER);
  const takesParts = uploads.mode === 'direct' && !state.objects.media;
  const parts = Array.from({ length: takesParts ? Math.min(wantedParts, maxParts) : 0 }, (_, index) => ({
    partNumber: index + 1,
    sizeBytes: partSizeBytes,
  }));
  return {
    recording: toRecording(policy, attempt, state, manifest, null),
    upload: { partSizeBytes, maxParts, parts: await signParts(context, state.ref, manifest, parts) },
  };
}
