// What the order of writes needs of a store, tried on throw-away keys.
import { listAllMultipartUploads } from '../../storage/object-store.ts';
import { failed, info, ok } from '../check.ts';
import type { DoctorCheck } from './doctor-check.ts';

const LISTING_ROUNDS = 5;
const BYTES = Buffer.from('doctor');
const STALE_REMEDY =
  'Do not use this store: the order of writes needs listings that are right at once, as S3 gives them.';

export const FEATURE_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'listings',
    name: 'listings show writes at once',
    writes: true,
    async run({ store, workspace }) {
      for (let round = 0; round < LISTING_ROUNDS; round += 1) {
        const key = workspace.key('listed');
        await store.put(key, BYTES);
        if ((await store.list(key)).objects.length !== 1)
          return failed('A listing did not show a write.', STALE_REMEDY);
        await store.delete([{ key }]);
        if ((await store.list(key)).objects.length !== 0)
          return failed('A listing still showed a deleted key.', STALE_REMEDY);
      }
      const key = workspace.key('upload-listed');
      const uploadId = await store.createMultipartUpload(key, { contentType: 'video/webm' });
      const open = [];
      for await (const upload of listAllMultipartUploads(store, key)) open.push(upload.uploadId);
      if (!open.includes(uploadId)) return failed('A listing did not show an open upload.', STALE_REMEDY);
      return ok(`${LISTING_ROUNDS} writes, ${LISTING_ROUNDS} deletes and an upload were seen at once.`);
    },
  },
  {
    id: 'batch-delete',
    name: 'batch delete',
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
        ? ok('Three keys were deleted by one request.')
        : info('The store has none: the service deletes key by key, more slowly.');
    },
  },
  {
    id: 'object-tagging',
    name: 'tagging',
    writes: true,
    async run({ store, workspace }) {
      const key = workspace.key('tagged');
      await store.put(key, BYTES);
      const isTagged = await store.tag(key, { 'delete-by': '2026-01-01T00:00:00Z' });
      const tags = await store.tags(key);
      return isTagged && tags?.['delete-by'] === '2026-01-01T00:00:00Z'
        ? ok('Tags are kept as they are set.')
        : info('The store keeps no tags; they are derived, so nothing depends on them.');
    },
  },
  {
    id: 'conditional-writes',
    name: 'conditional writes',
    writes: true,
    async run({ inspection, workspace }) {
      const key = workspace.key('conditional');
      await inspection.putIfAbsent(key, BYTES);
      return (await inspection.putIfAbsent(key, BYTES))
        ? info('If-None-Match is ignored; the service never leans on it.')
        : info('If-None-Match is honoured; the service does not need it.');
    },
  },
];
