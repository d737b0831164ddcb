// Whether a store lists open uploads by a folder, tried with an upload of one's own.

import { DOCTOR_PREFIX } from '../bucket/layout.ts';
import type { RandomBytes } from '../model/ids.ts';
import { endUpload } from './end-upload.ts';
import { listAllMultipartUploads, type ObjectStore } from './object-store.ts';

const FOLDER = `${DOCTOR_PREFIX}upload-listing/`;

export interface UploadListingTrial {
  readonly store: ObjectStore;
  readonly randomBytes: RandomBytes;
  readonly now: () => number;
  /** No trial lasts that long: an upload that is older was left behind by one that died, and is ended. */
  readonly settleMs: number;
}

/** Opens an upload, looks for it in a listing of its folder, and aborts it: three requests. @throws StoreError */
export async function listsUploadsByFolder(trial: UploadListingTrial): Promise<boolean> {
  const { store, randomBytes, now, settleMs } = trial;
  const key = `${FOLDER}${Buffer.from(randomBytes(16)).toString('hex')}/media`;
  const uploadId = await store.createMultipartUpload(key, { contentType: 'application/octet-stream' });
  try {
    const listed = await Array.fromAsync(listAllMultipartUploads(store, FOLDER));
    for (const upload of listed) {
      if (now() - upload.initiatedMs > settleMs) await endUpload(store, upload.key, upload.uploadId);
    }
    return listed.some((upload) => upload.uploadId === uploadId);
  } finally {
    await store.abortMultipartUpload(key, uploadId);
  }
}
