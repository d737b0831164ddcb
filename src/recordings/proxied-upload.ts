// Uploads through the service, for clients that cannot reach the bucket: a part fills while the one before it is sent.

import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { Recording } from '../model/recording.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { type CompleteInput, completeRecording } from './complete.ts';
import type { RecordingsContext } from './context.ts';
import { type FilledPart, partsOf } from './part-buffers.ts';
import type { Holder } from './places.ts';
import { requireUploading } from './upload.ts';

export interface ProxiedUpload {
  readonly partSizeBytes: number;
  /** Streams a file into parts; resolves when the store has the last one. @throws `recording-too-large`, `upload-gone`. */
  write(stream: AsyncIterable<Uint8Array>): Promise<void>;
  /** Completes with exactly the parts that were written. @throws ServiceError as `completeRecording`. */
  complete(): Promise<Recording>;
}

/** Everything is checked before a byte is read. @throws ServiceError as `requireUploading`. */
export async function openProxiedUpload(
  context: RecordingsContext,
  ref: RecordingRef,
  holder: Holder,
  by?: CompleteInput['by'],
): Promise<ProxiedUpload> {
  const { partSizeBytes, uploadId } = (await requireUploading(context, ref)).manifest;
  const { maxRecordingBytes, maxContentBytes } = context.uploads;
  // One request brings no more: then there is one part, and a larger buffer would not be filled.
  const bufferBytes = Math.min(partSizeBytes, maxContentBytes);
  const key = new Bucket(context).mediaKey(ref);
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

  async function sendAfter(previous: Promise<void>, part: FilledPart): Promise<void> {
    try {
      await previous;
      await uploadPart(part.bytes);
    } finally {
      part.release();
    }
  }

  return {
    partSizeBytes,
    async write(stream) {
      const { buffers } = context.proxiedUploads;
      let sending = Promise.resolve();
      try {
        for await (const part of partsOf(bounded(stream, maxRecordingBytes), bufferBytes, buffers, holder)) {
          const previous = sending;
          sending = sendAfter(previous, part);
          // Thrown when the next part is full, or at the end.
          sending.catch(() => {});
          await previous;
        }
        await sending;
      } finally {
        // A client that sends the file again must not be overtaken by parts of this try.
        await sending.catch(() => {});
      }
    },
    complete() {
      if (parts.length === 0) throw new ServiceError('file-missing', 'The file is empty.');
      return completeRecording(context, ref, { parts, dropOthers: true, by });
    },
  };
}

async function* bounded(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      throw new ServiceError('recording-too-large', `A recording has at most ${maxBytes} bytes.`, {
        maxRecordingBytes: maxBytes,
      });
    }
    yield chunk;
  }
}
