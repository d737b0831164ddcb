// Ends an upload and proves that it is gone.
import type { ObjectStore } from './object-store.ts';
import { StoreError } from './store-error.ts';

/** Parts in flight may survive an abort (S3 API, AbortMultipartUpload), so one may not be enough. */
const MAX_ROUNDS = 5;

/**
 * Aborts an upload until ListParts says that there is no such upload: a listing of uploads proves nothing, because
 * some stores leave uploads out of it. Resolves with the bytes of the parts that went. Safe to repeat, and twice at once.
 * @throws StoreError; `UploadStaysOpen` when the store goes on listing its parts
 */
export async function endUpload(store: ObjectStore, key: string, uploadId: string): Promise<number> {
  const dropped = new Map<string, number>();
  for (let round = 0; round <= MAX_ROUNDS; round += 1) {
    const parts = await store.listParts(key, uploadId);
    if (!parts) return [...dropped.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    for (const { partNumber, etag, sizeBytes } of parts) dropped.set(`${partNumber} ${etag}`, sizeBytes);
    if (round < MAX_ROUNDS) await store.abortMultipartUpload(key, uploadId);
  }
  throw new StoreError('unexpected', 'AbortMultipartUpload', 'UploadStaysOpen');
}
