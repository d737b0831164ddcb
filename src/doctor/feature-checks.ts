// Optional features that differ between stores: batch delete, conditional writes, and the rules for parts.
import { MIN_PART_SIZE_BYTES } from '../model/parts.ts';
import { CAPABILITIES } from '../objectstore/needs.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { failed, info, ok } from './check.ts';
import { type CheckContext, type DoctorCheck, trying, writingCheck } from './context.ts';

const BYTES = Buffer.from('doctor');
const TAIL_BYTES = 64;

export const FEATURE_CHECKS: readonly DoctorCheck[] = [
  trying('batch-delete', async ({ store, scratch, hasBatchDelete }) => {
    const keys = [1, 2, 3].map((number) => scratch.key(`batch-${number}`));
    for (const key of keys) await store.put(key, BYTES);
    const failures = await store.delete(keys.map((key) => ({ key })));
    const left = await Promise.all(keys.map((key) => store.getStart(key, 1)));
    if (failures.length > 0 || left.some((body) => body !== undefined)) {
      const codes = failures.map(({ code }) => code).join(', ') || 'they still exist';
      return failed(`Keys were not deleted: ${codes}.`, 'Allow s3:DeleteObject and s3:DeleteObjectVersion to the key.');
    }
    return hasBatchDelete()
      ? ok('Three keys were deleted by one request.', 'yes')
      : info(`The store has none: ${CAPABILITIES['batch-delete'].without}.`, null, 'no');
  }),
  trying('conditional-writes', async ({ inspection, scratch }) => {
    const key = scratch.key('conditional');
    await inspection.putIfAbsent(key, BYTES);
    return (await inspection.putIfAbsent(key, BYTES))
      ? info('If-None-Match is ignored; the service does not use it.', null, 'no')
      : info('If-None-Match is honoured; the service does not need it.', null, 'yes');
  }),
  trying('small-parts', async (context) =>
    (await takesParts(context, 'small', [TAIL_BYTES, TAIL_BYTES]))
      ? info('A first part under 5 MiB is accepted; the service never sends one.', null, 'less than 5 MiB')
      : ok('A first part under 5 MiB is refused, as S3 does.', '5 MiB'),
  ),
  trying('unequal-parts', async (context) =>
    (await takesParts(context, 'unequal', [MIN_PART_SIZE_BYTES + 1, MIN_PART_SIZE_BYTES, TAIL_BYTES]))
      ? info('Parts of different sizes are accepted; the service sends equal parts.', null, 'not asked for')
      : info('Parts must be of equal size; the service sends them so.', null, 'asked for'),
  ),
  writingCheck('part-numbers', 'number of parts', async ({ store, scratch, settings: { maxPartNumber } }) => {
    const key = scratch.key('numbers');
    const uploadId = await scratch.openUpload(key);
    try {
      await store.uploadPart(key, uploadId, maxPartNumber, Buffer.alloc(TAIL_BYTES));
      return ok(`Part ${maxPartNumber}, the last that a recording may need, is accepted.`, `${maxPartNumber}`);
    } catch (error) {
      if (!isStoreError(error) || ['unavailable', 'access-denied'].includes(error.code)) throw error;
      return failed(
        `Part ${maxPartNumber}, which a long recording needs, is refused (${error.storeCode}).`,
        "Set S3_MAX_PARTS to the store's limit, and PART_SIZE_BYTES so that MAX_RECORDING_BYTES fits.",
        `${maxPartNumber}, refused`,
      );
    }
  }),
];

/** False when the store refuses these sizes. */
async function takesParts({ store, scratch }: CheckContext, name: string, sizes: readonly number[]): Promise<boolean> {
  const key = scratch.key(name);
  const uploadId = await scratch.openUpload(key);
  try {
    const parts = await scratch.uploadParts(key, uploadId, sizes);
    return await store.completeMultipartUpload(key, uploadId, parts);
  } catch (error) {
    if (isStoreError(error) && ['invalid-parts', 'unexpected'].includes(error.code)) return false;
    throw error;
  }
}
