// Completes a recording: all parts there, of the right size, and the beginning of a real recording.

import type { RecordingState } from '../bucket/attempt.ts';
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
import { type Finalized, type FinalizeInput, finalizeRecording } from './finalize.ts';
import { describeStored, type LiveRecording, readLive, readRecording, toRecording } from './read.ts';
import { plausibleTimeline } from './timeline.ts';
import { knownOpenUpload } from './upload.ts';

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
 * call keeps nothing: the timeline of the call that succeeds is the one that is stored. Of a recording that this process
 * has seen open, the parts are asked for at once; without that, or where there are none any more, it is listed first.
 * @throws ServiceError `parts-missing`, `parts-mismatch`, `parts-changed`, `recording-too-large`, `parts-left-over`,
 * `upload-gone`, `not-a-recording` (nothing is kept then), and as `readLive`.
 */
export async function completeRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  input: CompleteInput,
): Promise<Recording> {
  const bucket = new Bucket(context);
  const known = await knownOpenUpload(context, ref);
  context.openUploadCache.delete(recordingId(ref));
  const timeline = input.timeline && plausibleTimeline(input.timeline, lifeOf(context, ref));
  const parts = known ? await completeOpenUpload(context, bucket, ref, known.manifest, input) : [];
  if (known && parts.length > 0) {
    const { manifest, deadlineMs } = known;
    return finish(context, ref, manifest, { ...input, timeline }, { parts, deadlineMs });
  }

  const live = await readLive(context, ref);
  const { state, manifest } = live;
  if (state.objects.media) return completeAgain(context, bucket, live, { ...input, timeline });
  const own = await completeOpenUpload(context, bucket, ref, manifest, input);
  if (own.length > 0)
    return finish(context, ref, manifest, { ...input, timeline }, { parts: own, known: live.attempt });
  // Another completion was quicker, or the upload is gone.
  return completeAgain(context, bucket, await readLive(context, ref), { ...input, timeline });
}

/** The media are there, or will never be: an earlier completion made them, and perhaps did not come to its end. */
async function completeAgain(
  context: RecordingsContext,
  bucket: Bucket,
  { attempt, state, manifest }: LiveRecording,
  input: CompleteInput,
): Promise<Recording> {
  const { ref, objects } = state;
  if (objects.stored && input.parts) await requireStoredSame(bucket, ref, input.parts);
  if (objects.media && input.parts) requireAll(objects.media.sizeBytes, manifest, input.parts.length);
  const timeline = objects.timeline ? undefined : input.timeline;
  return finish(context, ref, manifest, { ...input, timeline }, { known: attempt });
}

async function finish(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  input: CompleteInput,
  made: Pick<FinalizeInput, 'parts' | 'known' | 'deadlineMs'>,
): Promise<Recording> {
  const finalized = await finalizeRecording(context, ref, { ...made, timeline: input.timeline });
  noteContent(context, ref, finalized);
  if (finalized.result === 'stored' && finalized.marker) context.onEvent?.('recording-stored', 1);
  const state = finalized.result === 'stored' ? finalized.attempt.recording(ref.recording) : undefined;
  if (state?.objects.truncated && isMadeOf(state, made.parts ?? [])) {
    // The sweeper marked it when it took the upload for abandoned, and did not complete it.
    await new Bucket(context).remove(ref, 'truncated');
    return readRecording(context, ref);
  }
  return respond(context, ref, manifest, finalized, input);
}

/** The times between which a recording was made. */
function lifeOf({ now }: RecordingsContext, { recording }: RecordingRef) {
  return { createdAtMs: createdAtOf(recording), endedAtMs: now() };
}

/** The parts of which the store made the media; none where the upload had been completed or aborted before. */
async function completeOpenUpload(
  context: RecordingsContext,
  bucket: Bucket,
  ref: RecordingRef,
  manifest: Manifest,
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
  { parts: claimed, timeline, by }: CompleteInput,
): Promise<Recording> {
  if (finalized.result === 'not-a-recording') {
    const { why } = finalized;
    const reason = 'not-a-recording';
    const announce = async () => {
      if (!by) return;
      const { actor, requestId } = by;
      await context.audit.record({ event: 'content-refused', ref, actor, requestId, detail: why });
    };
    const requireStill = async (state: RecordingState) => {
      if (by) await requireUnrestricted(context, by, state, reason);
    };
    await deleteRecording(context, ref, { reason, actor: 'service', announce, requireStill });
    const detail = `The file ${NO_RECORDING[why]}; nothing was kept.`;
    throw new ServiceError('not-a-recording', detail);
  }
  if (finalized.result === 'stored') {
    const { attempt, marker } = finalized;
    const state = attempt.recording(ref.recording);
    if (state?.objects.media) {
      if (claimed) requireAll(state.objects.media.sizeBytes, manifest, claimed.length);
      if (!marker) return toRecording(context, { attempt, state, manifest });
      return describeStored(context, { attempt, state, manifest }, marker, timeline);
    }
  }
  await readLive(context, ref);
  throw new ServiceError('upload-gone', 'The upload of this recording was aborted; begin a new recording.');
}
