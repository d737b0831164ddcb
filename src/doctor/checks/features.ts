// What the service can do without, and does better with; tried on throw-away keys.
import { CAPABILITIES } from '../../objectstore/needs.ts';
import { failed, info, ok } from '../check.ts';
import { byteOrder } from '../trials/listings.ts';
import { uploadListing } from '../trials/uploads.ts';
import type { DoctorCheck } from './doctor-check.ts';

const BYTES = Buffer.from('doctor');

export const FEATURE_CHECKS: readonly DoctorCheck[] = [
  uploadListing,
  byteOrder,
  {
    id: 'batch-delete',
    name: CAPABILITIES['batch-delete'].name,
    writes: true,
    async run({ store, workspace, hasBatchDelete }) {
      const keys = [1, 2, 3].map((number) => workspace.key(`batch-${number}`));
      for (const key of keys) await store.put(key, BYTES);
      const failures = await store.delete(keys.map((key) => ({ key })));
      const left = await Promise.all(keys.map((key) => store.getStart(key, 1)));
      if (failures.length > 0 || left.some((body) => body !== undefined)) {
        const codes = failures.map(({ code }) => code).join(', ') || 'they are still there';
        return failed(
          `Keys were not deleted: ${codes}.`,
          'Allow s3:DeleteObject and s3:DeleteObjectVersion to the key.',
        );
      }
      return hasBatchDelete()
        ? ok('Three keys were deleted by one request.', 'yes')
        : info(`The store has none: ${CAPABILITIES['batch-delete'].without}.`, null, 'no');
    },
  },
  {
    id: 'conditional-writes',
    name: CAPABILITIES['conditional-writes'].name,
    writes: true,
    async run({ inspection, workspace }) {
      const key = workspace.key('conditional');
      await inspection.putIfAbsent(key, BYTES);
      return (await inspection.putIfAbsent(key, BYTES))
        ? info('If-None-Match is ignored; the service never leans on it.', null, 'no')
        : info('If-None-Match is honoured; the service does not need it.', null, 'yes');
    },
  },
];
