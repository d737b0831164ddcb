// The rules for parts, which differ between stores: how small, how equal, how many.
import { MIN_PART_SIZE_BYTES, type StoredPart } from '../../model/parts.ts';
import { CAPABILITIES } from '../../objectstore/needs.ts';
import { isStoreError } from '../../objectstore/store-error.ts';
import { failed, info, ok } from '../check.ts';
import type { CheckContext } from '../context.ts';
import type { DoctorCheck } from './doctor-check.ts';

const TAIL_BYTES = 64;

export const PART_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'small-parts',
    name: CAPABILITIES['small-parts'].name,
    writes: true,
    async run(context) {
      return (await takesParts(context, 'small', [TAIL_BYTES, TAIL_BYTES]))
        ? info('A first part under 5 MiB is accepted; the service never sends one.', null, 'less than 5 MiB')
        : ok('A first part under 5 MiB is refused, as S3 does.', '5 MiB');
    },
  },
  {
    id: 'unequal-parts',
    name: CAPABILITIES['unequal-parts'].name,
    writes: true,
    async run(context) {
      const sizes = [MIN_PART_SIZE_BYTES + 1, MIN_PART_SIZE_BYTES, TAIL_BYTES];
      return (await takesParts(context, 'unequal', sizes))
        ? info('Parts of different sizes are accepted; the service sends equal ones.', null, 'not asked for')
        : info('Parts must be of equal size; the service sends them so.', null, 'asked for');
    },
  },
  {
    id: 'part-numbers',
    name: 'number of parts',
    writes: true,
    async run({ store, workspace, settings }) {
      const key = workspace.key('numbers');
      const uploadId = await workspace.openUpload(key);
      try {
        await store.uploadPart(key, uploadId, settings.maxPartNumber, Buffer.alloc(TAIL_BYTES));
        return ok(
          `Part ${settings.maxPartNumber}, the last that a recording may need, is accepted.`,
          `${settings.maxPartNumber}`,
        );
      } catch (error) {
        if (!isStoreError(error) || ['unavailable', 'access-denied'].includes(error.code)) throw error;
        const verdict = failed(
          `Part ${settings.maxPartNumber}, which a long recording needs, is refused (${error.storeCode}).`,
          "Set S3_MAX_PARTS to the store's limit, and PART_SIZE_BYTES so that MAX_RECORDING_BYTES fits.",
        );
        return { ...verdict, value: `${settings.maxPartNumber}, refused` };
      }
    },
  },
];

/** False when the store refuses these sizes. */
async function takesParts(
  { store, workspace }: CheckContext,
  name: string,
  sizes: readonly number[],
): Promise<boolean> {
  const key = workspace.key(name);
  const uploadId = await workspace.openUpload(key);
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
