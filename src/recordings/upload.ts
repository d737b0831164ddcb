// Part URLs, and what the store has already: an exam client uploads and resumes with these.

import type { Manifest } from '../bucket/documents.ts';
import { recordingKey } from '../bucket/layout.ts';
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { maxPartsFor } from '../model/parts.ts';
import { toIso } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { readLive, readManifest } from './read.ts';

export interface SignedPart {
  readonly partNumber: number;
  readonly method: 'PUT';
  readonly url: string;
  /** Must be sent as they are; a browser sets the length from the Blob's size by itself. */
  readonly headers: Record<string, string>;
  readonly expiresAt: string;
}

/**
 * Signs part URLs for a recording that takes parts now, or did a moment ago (`takingParts`): after a deletion elsewhere no
 * replica signs for longer than that, and what was signed is refused by the store. Costs at most one LIST a moment for
 * each recording, however many parts are asked for; and a GET when the manifest is not in memory. Safe to repeat: a part that is uploaded
 * again replaces the first.
 * @throws ServiceError `uploads-proxied`, `part-too-large`, `part-number-too-large`, and as `readManifest`.
 */
export async function presignParts(
  context: RecordingsContext,
  ref: RecordingRef,
  parts: readonly { partNumber: number; sizeBytes: number }[],
): Promise<SignedPart[]> {
  if (context.uploads.mode === 'proxy') {
    throw new ServiceError('uploads-proxied', 'Uploads pass through this service: POST the file to …/content.');
  }
  return signParts(context, ref, await takingParts(context, ref), parts);
}

/** One look for all who ask within a moment from its beginning; one that fails is forgotten. */
function takingParts(context: RecordingsContext, ref: RecordingRef): Promise<Manifest> {
  const key = recordingKey(ref, 'manifest');
  const known = context.takingParts.get(key);
  if (known) return known;
  const look = requireUploading(context, ref);
  context.takingParts.set(key, look);
  look.catch(() => {
    if (context.takingParts.peek(key) === look) context.takingParts.delete(key);
  });
  return look;
}

/** The manifest of a recording that still takes parts. */
export async function requireUploading(context: RecordingsContext, ref: RecordingRef): Promise<Manifest> {
  const { state, manifest } = await readLive(context, ref);
  if (state.objects.media)
    throw new ServiceError('recording-stored', 'This recording is complete; it takes no more parts.');
  return manifest;
}

export async function signParts(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  parts: readonly { partNumber: number; sizeBytes: number }[],
): Promise<SignedPart[]> {
  const { partUrlTtlMs, maxRecordingBytes } = context.uploads;
  const { partSizeBytes, uploadId } = manifest;
  const maxParts = maxPartsFor(maxRecordingBytes, partSizeBytes);
  const tooLarge = parts.filter(({ sizeBytes }) => sizeBytes > partSizeBytes).map(({ partNumber }) => partNumber);
  if (tooLarge.length > 0) {
    throw new ServiceError('part-too-large', `A part of this recording has at most ${partSizeBytes} bytes.`, {
      partNumbers: tooLarge,
      partSizeBytes,
    });
  }
  const tooHigh = parts.filter(({ partNumber }) => partNumber > maxParts).map(({ partNumber }) => partNumber);
  if (tooHigh.length > 0) {
    throw new ServiceError('part-number-too-large', `This recording has at most ${maxParts} parts.`, {
      partNumbers: tooHigh,
      maxParts,
    });
  }
  const expiresInSeconds = Math.floor(partUrlTtlMs / SECOND_MS);
  const signedAtMs = Math.floor(context.now() / SECOND_MS) * SECOND_MS;
  const expiresAt = toIso(signedAtMs + expiresInSeconds * SECOND_MS);
  const key = recordingKey(ref, 'media');
  const signed = await Promise.all(
    parts.map(async ({ partNumber, sizeBytes }) => ({
      partNumber,
      method: 'PUT' as const,
      url: await context.presigner.presignPart(key, { uploadId, partNumber, sizeBytes }, expiresInSeconds),
      headers: { 'content-length': String(sizeBytes) },
      expiresAt,
    })),
  );
  context.onEvent?.('part-url', signed.length);
  return signed;
}

/** What the store has: where an upload goes on after a crash. @throws ServiceError as `requireUploading`. */
export async function listUploadedParts(
  context: RecordingsContext,
  ref: RecordingRef,
): Promise<{ partNumber: number; sizeBytes: number; etag: string }[]> {
  const manifest = await readManifest(context, ref);
  const parts = await context.store.listParts(recordingKey(ref, 'media'), manifest.uploadId);
  if (parts) return parts.map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
  context.manifests.delete(recordingKey(ref, 'manifest'));
  await requireUploading(context, ref);
  throw new ServiceError(
    'upload-gone',
    'The upload of this recording was dropped by the store; begin a new recording.',
  );
}
