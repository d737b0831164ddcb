// Completes a recording: all parts there, of the right size, and the beginning of a real recording.

import { isStored, type RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { Manifest, Timeline } from '../bucket/documents.ts';
import { NO_RECORDING } from '../model/container.ts';
import { ServiceError } from '../model/errors.ts';
import { createdAtOf, type RecordingRef, recordingId } from '../model/ids.ts';
import { checkParts, type StoredPart, sameEtag } from '../model/parts.ts';
import type { Recording } from '../model/recording.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { type Caller, noteContent, type RecordingsContext } from './context.ts';
import { deleteRecording, requireUnrestricted } from './delete.ts';
import { enqueueIfDue, type Finalized, finalizeRecording } from './finalize.ts';
import { type LiveRecording, readLive, readRecording, toRecording } from './read.ts';
import { plausibleTimeline } from './timeline.ts';

type ClaimedParts = readonly { readonly partNumber: number; readonly etag: string }[];

export interface CompleteInput {
  /** What the client uploaded, to check against what the store has. */
  readonly parts?: ClaimedParts | undefined;
  /** Kept as far as it can be true (`plausibleTimeline`). */
  readonly timeline?: Timeline | undefined;
  /** Leaves out what else the store has: parts of an earlier, longer try. Default: that is a mismatch. */
  readonly dropOthers?: boolean | undefined;
  /** Who completes it: where the content is no recording, its deletion is in the audit trail. Default: the service itself. */
  readonly by?: Pick<Caller, 'actor' | 'requestId'> | undefined;
}

/**
 * Safe to repeat, and after a lost reply: a recording that is stored already is finalized and returned again. A refused
 * call keeps nothing: the timeline of the call that succeeds is the one that is stored.
 * @throws ServiceError `parts-missing`, `parts-mismatch`, `parts-changed`, `recording-too-large`, `parts-left-over`,
 * `upload-gone`, `not-a-recording` (nothing is kept then), and as `readLive`.
 */
export async function completeRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  input: CompleteInput,
): Promise<Recording> {
  const bucket = new Bucket(context);
  const live = await readLive(context, ref);
  const { state, manifest, deadlineMs } = live;
  context.openUploadCache.delete(recordingId(ref));
  const known = { createdAtMs: createdAtOf(ref.recording), endedAtMs: context.now() };
  const timeline = input.timeline && !state.objects.timeline ? plausibleTimeline(input.timeline, known) : undefined;
  if (timeline) await enqueueIfDue(context, bucket, ref, deadlineMs);
  if (state.objects.stored && input.parts) await requireStoredSame(bucket, ref, input.parts);
  const parts = state.objects.media ? [] : await completeOpenUpload(context, bucket, live, input);
  if (timeline && input.parts && parts.length === 0) {
    // Another completion was quicker, perhaps with fewer parts: their timeline is not this one.
    const media = state.objects.media ?? (await bucket.attempt(ref)).recording(ref.recording)?.objects.media;
    if (media) requireAll(media.sizeBytes, manifest, input.parts.length);
  }
  // Before the listings of `finalizeRecording`: a purge that comes later finds the timeline.
  if (timeline) await bucket.write(ref, 'timeline', timeline);
  const finalized = await finalizeRecording(context, ref, { parts, wasStored: isStored(state) });
  const isDeleted = finalized.result === 'absent' || finalized.result === 'deleted';
  // A purge that came earlier has not seen it.
  if (timeline && isDeleted) await bucket.withdraw(ref, 'timeline');
  if (finalized.result === 'stored' && !isStored(state)) context.onEvent?.('recording-stored', 1);
  noteContent(context, ref, finalized);
  if (
    finalized.result === 'stored' &&
    state.objects.truncated &&
    isMadeOf(finalized.attempt.recording(ref.recording), parts)
  ) {
    // The sweeper marked it when it took the upload for abandoned, and did not complete it.
    await bucket.remove(ref, 'truncated');
    return readRecording(context, ref);
  }
  return respond(context, ref, manifest, finalized, input);
}

/** The parts of which the store made the media; none where the upload had been completed or aborted before. */
async function completeOpenUpload(
  context: RecordingsContext,
  bucket: Bucket,
  { state: { ref }, manifest }: LiveRecording,
  input: CompleteInput,
): Promise<readonly StoredPart[]> {
  const listed = await context.store.listParts(bucket.mediaKey(ref), manifest.uploadId);
  if (!listed) return [];
  const named = new Set(input.parts?.map(({ partNumber }) => partNumber));
  const parts = input.dropOthers ? listed.filter(({ partNumber }) => named.has(partNumber)) : listed;
  requireWhole(parts, manifest, context.uploads.maxRecordingBytes);
  if (input.parts) requireSame(parts, input.parts);
  try {
    const completed = await context.store.completeMultipartUpload(bucket.mediaKey(ref), manifest.uploadId, parts);
    return completed ? parts : [];
  } catch (error) {
    if (!isStoreError(error, 'invalid-parts')) throw error;
    if (parts.length < listed.length) {
      // Ceph RGW completes an upload with all of its parts or not at all (measured on 16.2).
      const detail = 'An earlier try sent more, and this store drops no part: abort this recording, begin a new one.';
      throw new ServiceError('parts-left-over', detail, {}, { cause: error });
    }
    throw new ServiceError(
      'parts-changed',
      'A part was replaced while the recording was completed; complete it again.',
      {},
      { cause: error },
    );
  }
}

/**
 * A client erases its own copy when its parts are stored. An upload that was completed without some of them, as an
 * abandoned one is, must therefore not be confirmed.
 */
async function requireStoredSame(bucket: Bucket, ref: RecordingRef, claimed: ClaimedParts): Promise<void> {
  const marker = await bucket.read(ref, 'stored');
  if (!marker || marker === 'unreadable' || marker.parts.length === 0) return;
  requireSame(marker.parts, claimed);
}

/** A store that remembers completions confirms a second one, whatever its parts. */
function isMadeOf(state: RecordingState | undefined, parts: readonly StoredPart[]): boolean {
  return state?.objects.media?.sizeBytes === parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function requireWhole(parts: readonly StoredPart[], manifest: Manifest, maxRecordingBytes: number): void {
  const check = checkParts(parts, manifest.partSizeBytes);
  if (!check.ok && check.problem === 'missing') {
    throw new ServiceError('parts-missing', 'Parts of this recording are missing.', { partNumbers: check.partNumbers });
  }
  if (!check.ok) {
    const detail = `Each part but the last has exactly ${manifest.partSizeBytes} bytes.`;
    throw new ServiceError('parts-mismatch', detail, { partNumbers: check.partNumbers });
  }
  if (check.sizeBytes > maxRecordingBytes) {
    throw new ServiceError('recording-too-large', `A recording has at most ${maxRecordingBytes} bytes.`, {
      maxRecordingBytes,
    });
  }
}

function requireSame(stored: ClaimedParts, claimed: ClaimedParts): void {
  const byNumber = new Map(stored.map((part) => [part.partNumber, part]));
  const missing = claimed.filter(({ partNumber }) => !byNumber.has(partNumber)).map(({ partNumber }) => partNumber);
  if (missing.length > 0) {
    throw new ServiceError('parts-missing', 'The store does not have these parts.', { partNumbers: missing });
  }
  const claims = new Map(claimed.map((part) => [part.partNumber, part.etag]));
  const different = stored.filter(({ partNumber, etag }) => !sameEtag(claims.get(partNumber) ?? '', etag));
  if (different.length > 0) {
    throw new ServiceError('parts-mismatch', 'The store has other parts than the client says.', {
      partNumbers: different.map(({ partNumber }) => partNumber),
    });
  }
}

/** Another completion may have been quicker, with fewer parts: that of an abandoned upload by the sweeper. */
function requireAll(sizeBytes: number, manifest: Manifest, claimed: number): void {
  const stored = Math.ceil(sizeBytes / manifest.partSizeBytes);
  if (stored === claimed) return;
  const first = Math.min(stored, claimed) + 1;
  throw new ServiceError('parts-mismatch', 'The recording was completed with other parts than the client says.', {
    partNumbers: Array.from({ length: Math.abs(claimed - stored) }, (_, index) => first + index),
  });
}

async function respond(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  finalized: Finalized,
  { parts: claimed, by }: Pick<CompleteInput, 'parts' | 'by'>,
): Promise<Recording> {
  if (finalized.result === 'not-a-recording') {
    const { why } = finalized;
    const reason = 'not-a-recording';
    const announce = async () => {
      if (!by) return;
      const { actor, requestId } = by;
      await context.audit.record({ event: 'content-refused', ref, actor, requestId, detail: why });
    };
    const requireStill = async () => {
      if (by) await requireUnrestricted(context, by, ref, reason);
    };
    await deleteRecording(context, ref, { reason, actor: 'service', announce, requireStill });
    const detail = `The file ${NO_RECORDING[why]}; nothing was kept.`;
    throw new ServiceError('not-a-recording', detail);
  }
  if (finalized.result === 'stored') {
    const { attempt } = finalized;
    const state = attempt.recording(ref.recording);
    if (state?.objects.media) {
      if (claimed) requireAll(state.objects.media.sizeBytes, manifest, claimed.length);
      return toRecording(context, { attempt, state, manifest });
    }
  }
  await readLive(context, ref);
  throw new ServiceError('upload-gone', 'The upload of this recording was aborted; begin a new recording.');
}
