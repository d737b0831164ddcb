// How the bucket is set up: versions, encryption, and the key for uploads.

import { DOCTOR_PREFIX } from '../../bucket/layout.ts';
import { HOUR_MS } from '../../model/durations.ts';
import { CAPABILITIES, isDispensable } from '../../objectstore/needs.ts';
import { listAll, listAllMultipartUploads, type ObjectStore, type OpenUpload } from '../../objectstore/object-store.ts';
import { isStoreError } from '../../objectstore/store-error.ts';
import { info, ok, warning } from '../check.ts';
import type { DoctorCheck } from './doctor-check.ts';

/** No run of the doctor lasts that long. */
const LEFTOVER_AGE_MS = HOUR_MS;
const UPLOAD_KEY_REMEDY = 'Allow this key s3:PutObject on the keys of the service, and nothing else.';

async function isAllowed(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (isStoreError(error) && error.code !== 'unavailable') return false;
    throw error;
  }
}

export const SETUP_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'versioning',
    name: CAPABILITIES.versioning.name,
    async run({ inspection }) {
      const versioning = await inspection.versioning();
      if (versioning === 'off') return ok('Off: what is deleted is gone.', versioning);
      const verdict = warning(
        `It is ${versioning}: the service deletes every version, which costs a listing for each deletion.`,
        'Where the store allows it, use a bucket that was never versioned.',
      );
      return { ...verdict, value: versioning };
    },
  },
  {
    id: 'encryption',
    name: 'encryption at rest',
    async run({ inspection }) {
      const algorithms = await inspection.encryption();
      return algorithms.length > 0
        ? ok(`The store encrypts by default (${algorithms.join(', ')}).`)
        : info(
            "The bucket has no default encryption: bytes are encrypted only if the store's disks are.",
            "Encrypt the store's disks, or set default encryption on the bucket.",
          );
    },
  },
  {
    id: 'upload-key',
    name: 'upload key',
    writes: true,
    async run({ uploadKeyStore, store, workspace }) {
      if (!uploadKeyStore) {
        return warning(
          "Part URLs are signed with the service's own key: nothing but the signed length stands against a copy.",
          'Set S3_UPLOAD_ACCESS_KEY_ID to a key that may only s3:PutObject: a second wall.',
        );
      }
      const key = workspace.key('upload-key');
      await store.put(key, Buffer.from('not for the upload key'));
      const allowed = [];
      if (await isAllowed(() => uploadKeyStore.list(workspace.prefix, { limit: 1 }))) allowed.push('list');
      if (await isAllowed(() => uploadKeyStore.getStart(key, 1))) allowed.push('read');
      await isAllowed(() => uploadKeyStore.delete([{ key }]));
      if ((await store.getStart(key, 1)) === undefined) allowed.push('delete');
      return allowed.length === 0
        ? ok('It may neither list, read nor delete.')
        : warning(`It may ${allowed.join(', ')}, which nobody needs who uploads.`, UPLOAD_KEY_REMEDY);
    },
  },
  {
    id: 'leftovers',
    name: 'earlier runs removed',
    async run({ store, workspace }) {
      const { storeTimeMs } = await store.list(DOCTOR_PREFIX, { limit: 1 });
      const isLeft = (key: string, sinceMs: number) =>
        !key.startsWith(workspace.prefix) && sinceMs < storeTimeMs - LEFTOVER_AGE_MS;
      let left = 0;
      for await (const { key, lastModifiedMs } of listAll(store, DOCTOR_PREFIX)) {
        if (isLeft(key, lastModifiedMs)) left += 1;
      }
      for (const { key, initiatedMs } of await openUploads(store)) if (isLeft(key, initiatedMs)) left += 1;
      return left === 0
        ? ok('No earlier run left anything behind that is listed.')
        : warning(`${left} objects or uploads under ${DOCTOR_PREFIX} are left of an earlier run.`, 'Delete them.');
    },
  },
];

/** None where the store does not list them. */
async function openUploads(store: ObjectStore): Promise<OpenUpload[]> {
  try {
    return await Array.fromAsync(listAllMultipartUploads(store, DOCTOR_PREFIX));
  } catch (error) {
    if (isDispensable(error)) return [];
    throw error;
  }
}
