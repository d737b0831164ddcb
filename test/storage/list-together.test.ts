import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listTogether } from '../../src/storage/list-together.ts';
import type { ListOptions, ListPage, ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';

/** A store that can only list, and counts how often it is asked. */
function listOnly(
  keys: readonly string[],
  failAt = Number.POSITIVE_INFINITY,
): { store: ObjectStore; requests: () => number } {
  const sorted = keys.toSorted();
  let requests = 0;
  const list = (prefix: string, { startAfter = '', limit = 1000 }: ListOptions = {}): Promise<ListPage> => {
    requests += 1;
    if (requests >= failAt) return Promise.reject(new StoreError('unavailable', 'ListObjectsV2', 'SlowDown'));
    const matching = sorted.filter((key) => key.startsWith(prefix) && key > startAfter);
    const objects = matching.slice(0, limit).map((key) => ({ key, sizeBytes: 0, lastModifiedMs: 0 }));
    return Promise.resolve({ objects, truncated: matching.length > limit, storeTimeMs: 0 });
  };
  return { store: { list } as unknown as ObjectStore, requests: () => requests };
}

const folders = fc.uniqueArray(fc.stringMatching(/^[a-c-]{1,3}$/), { maxLength: 30 });

describe('listing many folders together', () => {
  test('law: tells of each folder what a listing of its own would, in no more requests', async () => {
    await fc.assert(
      fc.asyncProperty(folders, folders, fc.integer({ min: 0, max: 40 }), async (stored, asked, size) => {
        const keys = stored.flatMap((folder, index) =>
          Array.from({ length: (size * (index + 1)) % 37 }, (_, file) => `root/${folder}/${file}`),
        );
        const prefixes = asked.map((folder) => `root/${folder}/`);
        const { store, requests } = listOnly(['other/x', ...keys, 'rooz']);
        const listed = await listTogether(store, 'root/', prefixes);
        for (const prefix of prefixes) {
          const expected = keys.filter((key) => key.startsWith(prefix)).sort();
          expect(listed.get(prefix)?.map(({ key }) => key)).toEqual(expected);
        }
        const pages = prefixes.reduce(
          (sum, prefix) => sum + Math.ceil((keys.filter((key) => key.startsWith(prefix)).length + 1) / 16),
          0,
        );
        expect(requests()).toBeLessThanOrEqual(pages);
      }),
      { numRuns: 300 },
    );
  });

  test('neighbours share pages', async () => {
    const prefixes = Array.from({ length: 400 }, (_, index) => `root/${String(index).padStart(4, '0')}/`);
    const { store, requests } = listOnly(prefixes.flatMap((prefix) => [`${prefix}a`, `${prefix}b`]));
    expect((await listTogether(store, 'root/', prefixes)).size).toBe(400);
    expect(requests()).toBeLessThan(40);
  });

  test('folders that lie far apart cost one request each', async () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `root/${String(index).padStart(4, '0')}/a`);
    const prefixes = Array.from({ length: 50 }, (_, index) => `root/${String(index * 100).padStart(4, '0')}/`);
    const { store, requests } = listOnly(keys);
    expect((await listTogether(store, 'root/', prefixes)).size).toBe(50);
    expect(requests()).toBeLessThanOrEqual(50);
  });

  test('a failure leaves out what was not told in full', async () => {
    const prefixes = Array.from({ length: 100 }, (_, index) => `root/${String(index).padStart(4, '0')}/`);
    const { store } = listOnly(
      prefixes.map((prefix) => `${prefix}a`),
      3,
    );
    const listed = await listTogether(store, 'root/', prefixes);
    expect(listed.size).toBeLessThan(100);
    for (const [prefix, objects] of listed) expect(objects.map(({ key }) => key)).toEqual([`${prefix}a`]);
  });
});
