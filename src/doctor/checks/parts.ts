// The rules for parts, which differ between stores: how small, how equal, how many.
import { MIN_PART_SIZE_BYTES, type StoredPart } from '../../domain/parts.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { isStoreError } from '../../storage/store-error.ts';
import { failed, info, ok } from '../check.ts';
import type { DoctorCheck } from './doctor-check.ts';

const MEDIA = { contentType: 'video/webm' };
const TAIL_BYTES = 64;

export const PART_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'parts',
    name: 'upload in parts',
    writes: true,
    async run({ store, workspace }) {
      const key = workspace.key('parts');
      const sizes = [MIN_PART_SIZE_BYTES, TAIL_BYTES];
      if (!(await uploadInParts(store, key, sizes))) {
        return failed(
          'An upload of 5 MiB and a rest was refused.',
          'Do not use this store: every recording is uploaded so.',
        );
      }
      const [object] = (await store.list(key)).objects;
      return object?.sizeBytes === MIN_PART_SIZE_BYTES + TAIL_BYTES
        ? ok('5 MiB and a rest became one object.')
        : failed('The object has not the size of its parts.', 'Do not use this store: it loses bytes.');
    },
  },
  {
    id: 'small-parts',
    name: 'small parts',
    writes: true,
    async run({ store, workspace }) {
      return (await uploadInParts(store, workspace.key('small'), [TAIL_BYTES, TAIL_BYTES]))
        ? info('A first part under 5 MiB is accepted; the service never sends one.')
        : ok('A first part under 5 MiB is refused, as S3 does.');
    },
  },
  {
    id: 'unequal-parts',
    name: 'unequal parts',
    writes: true,
    async run({ store, workspace }) {
      const sizes = [MIN_PART_SIZE_BYTES + 1, MIN_PART_SIZE_BYTES, TAIL_BYTES];
      return (await uploadInParts(store, workspace.key('unequal'), sizes))
        ? info('Parts of different sizes are accepted; the service sends equal ones.')
        : info('Parts must be of equal size; the service sends them so.');
    },
  },
  {
    id: 'part-numbers',
    name: 'number of parts',
    writes: true,
    async run({ store, workspace, settings }) {
      const key = workspace.key('numbers');
      const uploadId = await store.createMultipartUpload(key, MEDIA);
      try {
        await store.uploadPart(key, uploadId, settings.maxPartNumber, Buffer.alloc(TAIL_BYTES));
        return ok(`Part ${settings.maxPartNumber}, the last that a recording may need, is accepted.`);
      } catch (error) {
        if (!isStoreError(error) || ['unavailable', 'access-denied'].includes(error.code)) throw error;
        return failed(
          `Part ${settings.maxPartNumber}, which a long recording needs, is refused (${error.storeCode}).`,
          "Set S3_MAX_PARTS to the store's limit, and PART_SIZE_BYTES so that MAX_RECORDING_BYTES fits.",
        );
      }
    },
  },
];

/** False when the store refuses these sizes. */
async function uploadInParts(store: ObjectStore, key: string, sizes: readonly number[]): Promise<boolean> {
  const uploadId = await store.createMultipartUpload(key, MEDIA);
  const parts: StoredPart[] = [];
  try {
    for (const [index, sizeBytes] of sizes.entries()) {
      const etag = await store.uploadPart(key, uploadId, index + 1, Buffer.alloc(sizeBytes, index));
      parts.push({ partNumber: index + 1, sizeBytes, etag });
    }
    return await store.completeMultipartUpload(key, uploadId, parts);
  } catch (error) {
    if (isStoreError(error) && ['invalid-parts', 'unexpected'].includes(error.code)) return false;
    throw error;
  }
}
