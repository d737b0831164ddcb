// Begins a recording: consent given, attempt not assessed yet.
import { baseMediaType } from '../domain/container.ts';
import { unassessedDeadline } from '../domain/deadlines.ts';
import { type Consent, type Manifest, type RecordingKind, toBody } from '../domain/documents.ts';
import { MINUTE_MS } from '../domain/durations.ts';
import { ServiceError } from '../domain/errors.ts';
import { type AttemptRef, newRecordingId, newUniqueName } from '../domain/ids.ts';
import { dueAttemptKey, participantKey, recordingKey } from '../domain/keys.ts';
import { MAX_PART_NUMBER, maxPartsFor } from '../domain/parts.ts';
import { toIso } from '../domain/times.ts';
import { attemptStateOf, completedAtsOf, readAttempt } from '../storage/attempt-state.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type Recording, toRecording } from './recording.ts';
import { type SignedPart, signParts } from './upload.ts';

export interface CreateInput {
  readonly participantId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly consent: Consent;
  /** How many part URLs to answer with, from part 1. */
  readonly parts: number;
}

export interface Created {
  readonly recording: Recording;
  readonly upload: { readonly partSizeBytes: number; readonly maxParts: number; readonly parts: SignedPart[] };
}

/** Clocks of the exam client and of this service may differ by this much. */
const CLOCK_TOLERANCE_MS = 5 * MINUTE_MS;
const NEVER_CACHED = 'private, no-store';

/**
 * Index first: the due entry, the upload, the manifest, the participant's marker (design.md, "create"). A crash in
 * between leaves only what the sweeper finds. Each call makes another recording.
 * @throws ServiceError `content-type-not-allowed`, `attempt-assessed`, `invalid-request` for a consent in the future.
 */
export async function createRecording(
  context: RecordingsContext,
  caller: Caller,
  attempt: AttemptRef,
  input: CreateInput,
): Promise<Created> {
  const { store, policy, uploads, randomBytes } = context;
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
  if (completedAtsOf(await readAttempt(store, attempt)).length > 0) {
    throw new ServiceError('attempt-assessed', 'This attempt was assessed; nothing can be recorded for it any more.');
  }
  const createdAtMs = context.now();
  const ref = { ...attempt, tenant: caller.tenant, recording: newRecordingId(createdAtMs, randomBytes) };
  const deadlineMs = unassessedDeadline(policy, createdAtMs);
  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(randomBytes)), new Uint8Array());
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
  await store.put(recordingKey(ref, 'manifest'), toBody(manifest));
  await store.put(participantKey(input.participantId, ref), new Uint8Array());
  context.manifests.set(recordingKey(ref, 'manifest'), manifest);

  const maxParts = Math.min(maxPartsFor(uploads.maxRecordingBytes, uploads.partSizeBytes), MAX_PART_NUMBER);
  const wanted = uploads.mode === 'proxy' ? 0 : Math.min(input.parts, maxParts);
  const parts = Array.from({ length: wanted }, (_, index) => ({
    partNumber: index + 1,
    sizeBytes: uploads.partSizeBytes,
  }));
  const state = { ref, objects: {}, items: [], uploads: [] };
  return {
    recording: toRecording(policy, attemptStateOf(ref, []), state, manifest, null),
    upload: { partSizeBytes: uploads.partSizeBytes, maxParts, parts: await signParts(context, ref, manifest, parts) },
  };
}
