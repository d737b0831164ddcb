// Completes a recording: all parts there, of the right size, and the beginning of a real recording.

import { findRecording, targetsOf } from '../bucket/attempt.ts';
import { type Manifest, parseStoredMark, type Timeline, toBody } from '../bucket/documents.ts';
import { recordingKey } from '../bucket/layout.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { checkParts, type StoredPart, sameEtag } from '../model/parts.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';
import { type Completion, completeUpload, leadSweepTo, settleMedia } from './finalize.ts';
import { readLive, viewOf } from './read.ts';
import type { Recording } from './recording.ts';

export interface CompleteInput {
  /** What the client uploaded, to check against what the store has. */
  readonly parts?: readonly { partNumber: number; etag: string }[] | undefined;
  readonly timeline?: Timeline | undefined;
  /** Leaves out what else the store has: parts of an earlier, longer try. Default: that is a mismatch. */
  readonly dropOthers?: boolean | undefined;
}

/**
 * Safe to repeat, and after a lost reply: a recording that is stored already is settled and answered again.
 * @throws ServiceError `parts-missing`, `parts-mismatch`, `parts-changed`, `recording-too-large`, `parts-left-over`,
 * `upload-gone`, `not-a-recording` (nothing is kept then), and as `readLive`.
 */
export async function completeRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  input: CompleteInput,
): Promise<Recording> {
  const { state, manifest, deadlineMs } = await readLive(context, ref);
  context.takingParts.delete(recordingKey(ref, 'manifest'));
  const timeline = state.objects.timeline ? undefined : input.timeline;
  if (timeline) await leadSweepTo(context, ref, deadlineMs);
  if (state.objects.stored && input.parts) await requireStoredSame(context, ref, input.parts);
  const completion = state.objects.media
    ? await settleStored(context, ref, manifest, timeline)
    : await completeOpenUpload(context, ref, manifest, { ...input, timeline });
  const isGone = completion.result === 'gone' || completion.result === 'deleted';
  if (timeline && isGone) await dropTimeline(context, ref);
  if (completion.result === 'stored' && !state.objects.stored) context.onEvent?.('recording-stored', 1);
  return answer(context, ref, manifest, completion, input.parts);
}

/** Before the second look of `settleMedia`: a purge that comes later finds the timeline. */
async function keepTimeline(context: RecordingsContext, ref: RecordingRef, timeline?: Timeline): Promise<void> {
  if (timeline) await context.store.put(recordingKey(ref, 'timeline'), toBody(timeline));
}

/** A purge that came earlier has not seen it. */
async function dropTimeline({ store }: RecordingsContext, ref: RecordingRef): Promise<void> {
  await store.delete(await targetsOf(store, recordingKey(ref, 'timeline'), await store.isVersioned()));
}

async function settleStored(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  timeline: Timeline | undefined,
): Promise<Completion> {
  await keepTimeline(context, ref, timeline);
  return settleMedia(context, ref, manifest);
}

async function completeOpenUpload(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  input: CompleteInput,
): Promise<Completion> {
  const listed = await context.store.listParts(recordingKey(ref, 'media'), manifest.uploadId);
  if (!listed) return settleStored(context, ref, manifest, input.timeline);
  const named = new Set(input.parts?.map(({ partNumber }) => partNumber));
  const parts = input.dropOthers ? listed.filter(({ partNumber }) => named.has(partNumber)) : listed;
  requireWhole(parts, manifest, context.uploads.maxRecordingBytes);
  if (input.parts) requireSame(parts, input.parts);
  // Not before: a refused call keeps nothing, and the timeline of the one that succeeds is the one that is kept.
  await keepTimeline(context, ref, input.timeline);
  try {
    return await completeUpload(context, ref, manifest, parts);
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
 * A client drops its own copy when its parts are stored: it must not be told so of an upload that was completed without
 * some of them, as an abandoned one is.
 */
async function requireStoredSame(
  context: RecordingsContext,
  ref: RecordingRef,
  claimed: readonly { partNumber: number; etag: string }[],
): Promise<void> {
  const body = await context.store.get(recordingKey(ref, 'stored'));
  const parts = (body && parseStoredMark(body)?.parts) ?? [];
  if (parts.length > 0) requireSame(parts, claimed);
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

function requireSame(
  stored: readonly Pick<StoredPart, 'partNumber' | 'etag'>[],
  claimed: readonly { partNumber: number; etag: string }[],
): void {
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

async function answer(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  completion: Completion,
  claimed: CompleteInput['parts'],
): Promise<Recording> {
  switch (completion.result) {
    case 'stored': {
      const state = findRecording(completion.attempt, ref.recording);
      if (!state?.objects.media) break;
      if (claimed) requireAll(state.objects.media.sizeBytes, manifest, claimed.length);
      return viewOf(context, completion.attempt, state, manifest);
    }
    case 'not-a-recording':
      await deleteRecording(context, ref, { reason: 'not-a-recording', actor: 'service' });
      throw new ServiceError(
        'not-a-recording',
        `The file does not begin as ${manifest.contentType} does; nothing was kept.`,
      );
    case 'deleted':
    case 'gone':
      break;
  }
  await readLive(context, ref);
  throw new ServiceError('upload-gone', 'The upload of this recording was aborted; begin a new recording.');
}
