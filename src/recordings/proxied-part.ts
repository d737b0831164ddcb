// One part of an upload through the service, for a client that cannot reach the bucket: it passes as it arrives.
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { forget, type RecordingsContext } from './context.ts';
import { type PartToUpload, readOpenUpload, requireAllowed, requireUploading, type UploadedPart } from './upload.ts';

export interface ProxiedPart {
  /**
   * Streams the bytes into the store, which has all of them or none. A part of that number is replaced.
   * @throws ServiceError `upload-gone`, and as `requireUploading`; StoreError; what `bytes` throws
   */
  write(bytes: AsyncIterable<Uint8Array>): Promise<UploadedPart>;
}

/**
 * Everything is checked before a byte is read, as for a part URL. A deletion that comes later ends the upload, and the store
 * then refuses the part.
 * @throws ServiceError `part-too-large`, `part-number-too-large`, and as `requireUploading`
 */
export async function openProxiedPart(
  context: RecordingsContext,
  ref: RecordingRef,
  part: PartToUpload,
): Promise<ProxiedPart> {
  const { store } = context;
  const manifest = await readOpenUpload(context, ref);
  requireAllowed(context, manifest, [part]);
  const { partNumber, sizeBytes } = part;

  return {
    async write(bytes) {
      const key = new Bucket(context).mediaKey(ref);
      try {
        const etag = await store.streamPart(key, manifest.uploadId, partNumber, bytes, sizeBytes);
        return { partNumber, sizeBytes, etag };
      } catch (error) {
        if (!isStoreError(error, 'no-such-upload')) throw error;
        forget(context, ref);
        await requireUploading(context, ref);
        const detail = 'The upload of this recording was ended meanwhile; begin a new recording.';
        throw new ServiceError('upload-gone', detail, {}, { cause: error });
      }
    },
  };
}
