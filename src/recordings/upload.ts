// Part URLs, and what the store has already: an exam client uploads and resumes with these.
import { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { type RecordingRef, recordingId } from '../model/ids.ts';
import { maxPartsFor } from '../model/parts.ts';
import { toIso } from '../model/times.ts';
import { forget, type OpenRecording, type RecordingsContext } from './context.ts';
import { readLive, readManifest } from './read.ts';

export interface PresignedPart {
  readonly partNumber: number;
  readonly method: 'PUT';
  readonly url: string;
  /** Must be sent as they are; a browser sets the length from the Blob's size by itself. */
  readonly headers: Record<string, string>;
  readonly expiresAt: string;
}

export interface PartToUpload {
  readonly partNumber: number;
  readonly sizeBytes: number;
}

/** A part that the store has. */
export interface UploadedPart extends PartToUpload {
  readonly etag: string;
}

/**
 * Presigns part URLs of a recording that accepts parts, or did when this process saw it last, an hour ago at most: the
 * store refuses the URLs of an upload that was ended elsewhere since, and `listUploadedParts` says why. Costs a LIST and a
 * GET where the process has not seen the recording. Safe to repeat: a part that is uploaded again replaces the first.
 * @throws ServiceError `uploads-proxied`, `part-too-large`, `part-number-too-large`, and as `readLive`.
 */
export async function presignParts(
  context: RecordingsContext,
  ref: RecordingRef,
  parts: readonly PartToUpload[],
): Promise<PresignedPart[]> {
  if (context.uploads.mode === 'proxy') {
    throw new ServiceError(
      'uploads-proxied',
      'Uploads pass through this service: PUT each part to …/parts/{partNumber}.',
    );
  }
  return presignPartsOf(context, ref, await readOpenUpload(context, ref), parts);
}

/** The manifest of a recording that accepted parts when this process saw it last. @throws ServiceError as `requireUploading` */
export async function readOpenUpload(context: RecordingsContext, ref: RecordingRef): Promise<Manifest> {
  const known = await knownOpenUpload(context, ref);
  if (known) return known.manifest;
  const { openUploadCache } = context;
  const key = recordingId(ref);
  const reading = requireUploading(context, ref);
  openUploadCache.set(key, reading);
  reading.catch(() => {
    if (openUploadCache.peek(key) === reading) openUploadCache.delete(key);
  });
  return (await reading).manifest;
}

/** From memory alone. Requests at once share a listing. Undefined also past the deadline, and where the listing fails. */
export async function knownOpenUpload(
  { openUploadCache, now }: RecordingsContext,
  ref: RecordingRef,
): Promise<OpenRecording | undefined> {
  const known = await openUploadCache.get(recordingId(ref))?.catch(() => {});
  return known && known.deadlineMs > now() ? known : undefined;
}

/** A recording that still accepts parts. @throws ServiceError `recording-stored`, and as `readLive` */
export async function requireUploading(context: RecordingsContext, ref: RecordingRef): Promise<OpenRecording> {
  const { state, manifest, deadlineMs } = await readLive(context, ref);
  if (!state.objects.media) return { manifest, deadlineMs };
  throw new ServiceError('recording-stored', 'This recording is complete; it takes no more parts.');
}

export async function presignPartsOf(
  context: RecordingsContext,
  ref: RecordingRef,
  manifest: Manifest,
  parts: readonly PartToUpload[],
): Promise<PresignedPart[]> {
  const { partUrlTtlMs } = context.uploads;
  requireAllowed(context, manifest, parts);
  const expiresInSeconds = Math.floor(partUrlTtlMs / SECOND_MS);
  const signedAtMs = Math.floor(context.now() / SECOND_MS) * SECOND_MS;
  const expiresAt = toIso(signedAtMs + expiresInSeconds * SECOND_MS);
  const key = new Bucket(context).mediaKey(ref);
  const presigned = await Promise.all(
    parts.map(async ({ partNumber, sizeBytes }): Promise<PresignedPart> => {
      const part = { uploadId: manifest.uploadId, partNumber, sizeBytes };
      const url = await context.presigner.presignPart(key, part, expiresInSeconds);
      return { partNumber, method: 'PUT', url, headers: { 'content-length': String(sizeBytes) }, expiresAt };
    }),
  );
  context.onEvent?.('part-url', presigned.length);
  return presigned;
}

/** @throws ServiceError `part-too-large`, `part-number-too-large` */
export function requireAllowed(
  { uploads: { maxRecordingBytes } }: RecordingsContext,
  { partSizeBytes }: Manifest,
  parts: readonly PartToUpload[],
): void {
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
}

/** What the store has: where an upload goes on after a crash. @throws ServiceError `upload-gone`, as `requireUploading` */
export async function listUploadedParts(context: RecordingsContext, ref: RecordingRef): Promise<UploadedPart[]> {
  const { uploadId } = await readManifest(context, ref);
  const parts = await context.store.listParts(new Bucket(context).mediaKey(ref), uploadId);
  if (parts) return parts.map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
  forget(context, ref);
  await requireUploading(context, ref);
  throw new ServiceError(
    'upload-gone',
    'The upload of this recording was dropped by the store; begin a new recording.',
  );
}
