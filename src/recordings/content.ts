// Uploads through the service, for clients that cannot reach the bucket: streamed into parts, one part in memory.
import { ServiceError } from '../domain/errors.ts';
import type { RecordingRef } from '../domain/ids.ts';
import { recordingKey } from '../domain/keys.ts';
import { isStoreError } from '../storage/store-error.ts';
import { completeRecording } from './complete.ts';
import type { RecordingsContext } from './context.ts';
import type { Recording } from './recording.ts';
import { requireUploading } from './upload.ts';

export interface ContentUpload {
  /** Streams a file into parts; resolves when the store has the last one. @throws `recording-too-large`, `upload-gone`. */
  write(stream: AsyncIterable<Uint8Array>): Promise<void>;
  /** Completes with exactly the parts that were written. */
  complete(): Promise<Recording>;
}

/** Everything is checked before a byte is read. @throws ServiceError as `requireUploading`. */
export async function openContent(context: RecordingsContext, ref: RecordingRef): Promise<ContentUpload> {
  const { partSizeBytes, uploadId } = await requireUploading(context, ref);
  const { maxRecordingBytes } = context.uploads;
  const key = recordingKey(ref, 'media');
  const parts: { partNumber: number; etag: string }[] = [];

  async function uploadPart(body: Uint8Array): Promise<void> {
    const partNumber = parts.length + 1;
    try {
      parts.push({ partNumber, etag: await context.store.uploadPart(key, uploadId, partNumber, body) });
    } catch (error) {
      if (!isStoreError(error, 'no-such-upload')) throw error;
      throw new ServiceError('upload-gone', 'The upload of this recording was ended meanwhile.', {}, { cause: error });
    }
  }

  return {
    async write(stream) {
      let sizeBytes = 0;
      const part = Buffer.allocUnsafe(partSizeBytes);
      let filled = 0;
      for await (const chunk of stream) {
        sizeBytes += chunk.length;
        if (sizeBytes > maxRecordingBytes) {
          throw new ServiceError('recording-too-large', `A recording has at most ${maxRecordingBytes} bytes.`, {
            maxRecordingBytes,
          });
        }
        for (let from = 0; from < chunk.length; ) {
          const taken = Math.min(partSizeBytes - filled, chunk.length - from);
          part.set(chunk.subarray(from, from + taken), filled);
          filled += taken;
          from += taken;
          if (filled === partSizeBytes) {
            await uploadPart(part);
            filled = 0;
          }
        }
      }
      if (filled > 0) await uploadPart(part.subarray(0, filled));
    },
    complete() {
      if (parts.length === 0) throw new ServiceError('file-missing', 'The file is empty.');
      return completeRecording(context, ref, { parts });
    },
  };
}
