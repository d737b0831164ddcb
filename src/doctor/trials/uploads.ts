// Uploads: parts become one object, an upload that is given up leaves nothing, and a folder tells what is open in it.

import { targetsOf } from '../../bucket/listing.ts';
import { MIN_PART_SIZE_BYTES, type StoredPart } from '../../model/parts.ts';
import { endUpload } from '../../objectstore/end-upload.ts';
import { CAPABILITIES, isDispensable } from '../../objectstore/needs.ts';
import { listAllMultipartUploads, type ObjectStore } from '../../objectstore/object-store.ts';
import { info, lacking, ok } from '../check.ts';
import { BYTES, trial } from './trial.ts';

const SIZES = [MIN_PART_SIZE_BYTES, 64];

export const parts = trial('parts', async ({ store, workspace }) => {
  const key = workspace.key('parts');
  const uploadId = await workspace.openUpload(key);
  const sent: StoredPart[] = [];
  for (const [index, sizeBytes] of SIZES.entries()) {
    const etag = await store.uploadPart(key, uploadId, index + 1, Buffer.alloc(sizeBytes, index));
    sent.push({ partNumber: index + 1, sizeBytes, etag });
  }
  const listed = (await store.listParts(key, uploadId)) ?? [];
  const isTold = listed.map(({ partNumber, sizeBytes }) => `${partNumber}:${sizeBytes}`).join();
  if (isTold !== sent.map(({ partNumber, sizeBytes }) => `${partNumber}:${sizeBytes}`).join()) {
    return notWhole('ListParts (not the parts that were sent)');
  }
  // The store's own ETags, as a completion takes them.
  if (!(await store.completeMultipartUpload(key, uploadId, listed))) {
    return notWhole('CompleteMultipartUpload (it knows no such upload)');
  }
  const [object] = (await store.list(key)).objects;
  if (object?.sizeBytes !== SIZES.reduce((sum, size) => sum + size)) {
    return notWhole('CompleteMultipartUpload (not the size of its parts)');
  }
  // As a purge deletes a recording that was stored.
  await endUpload(store, key, uploadId);
  const [failure] = await store.delete(await targetsOf(store, key, await store.isVersioned()));
  if (failure || (await store.list(key)).objects.length > 0) {
    return notWhole(`DeleteObject (${failure?.code ?? 'what was made of parts stays'})`);
  }
  return ok('5 MiB and a rest became one object, and it was deleted.');
});

const notWhole = (fault: string) => lacking(fault, `An upload is not whole: ${fault}.`, CAPABILITIES.parts);

/** As a purge ends one: ListParts has to say that there is no such upload. */
export const abort = trial('abort', async ({ store, workspace }) => {
  const key = workspace.key('given-up');
  const uploadId = await workspace.openUpload(key);
  await store.uploadPart(key, uploadId, 1, BYTES);
  // A purge asks for the others of its key, and goes on without an answer where the store has none to give.
  await isListed(store, key, uploadId).catch((error: unknown) => {
    if (!isDispensable(error)) throw error;
  });
  await endUpload(store, key, uploadId);
  return ok('An upload with a part was ended, and ListParts knows it no more.');
});

/** By the folder, as the sweep lists them; MinIO shows an upload by its exact key alone. */
export const uploadListing = trial('upload-listing', async ({ store, workspace }) => {
  const folder = `${workspace.key('folder')}/`;
  const key = `${folder}a/media`;
  const uploadId = await workspace.openUpload(key);
  if (await isListed(store, folder, uploadId)) return ok('A folder shows the uploads that are open in it.', 'yes');
  const value = (await isListed(store, key, uploadId)) ? 'no (by exact key only)' : 'no';
  const { without } = CAPABILITIES['upload-listing'];
  return info(`A folder does not show the uploads that are open in it: ${without}.`, null, value);
});

async function isListed(store: ObjectStore, prefix: string, uploadId: string): Promise<boolean> {
  for await (const upload of listAllMultipartUploads(store, prefix)) if (upload.uploadId === uploadId) return true;
  return false;
}
