import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listTogether } from '../../src/storage/list-together.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { overriding } from '../kit/interventions.ts';
import { MemoryStore } from '../kit/memory-store.ts';

/** A store that counts how often it is asked to list. */
function holding(
  keys: readonly string[],
  failAt = Number.POSITIVE_INFINITY,
): { store: ObjectStore; requests: () => number } {
  const memory = new MemoryStore({ now: () => 0 });
  for (const key of keys) void memory.put(key, new Uint8Array());
  let requests = 0;
  const store = overriding(memory, {
    list(prefix, options) {
      requests += 1;
      if (requests >= failAt) return Promise.reject(new StoreError('unavailable', 'ListObjectsV2', 'SlowDown'));
      return memory.list(prefix, options);
    },
  });
  return { store, requests: () => requests };
}

const numbered = (count: number, step = 1) =>
  Array.from({ length: count }, (_, index) => `root/${String(index * step).padStart(4, '0')}/`);
const folders = fc.uniqueArray(fc.stringMatching(/^[a-c-]{1,3}$/), { maxLength: 30 });

describe('listing many folders together', () => {
  test('law: tells of each folder what a listing of its own would, in no more requests', async () => {
    await fc.assert(
      fc.asyncProperty(folders, folders, fc.integer({ min: 0, max: 40 }), async (stored, asked, size) => {
        const keys = stored.flatMap((folder, index) =>
          Array.from({ length: (size * (index + 1)) % 37 }, (_, file) => `root/${folder}/${file}`),
        );
        const prefixes = asked.map((folder) => `root/${folder}/`);
        const { store, requests } = holding(['other/x', ...keys, 'rooz']);
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
    const prefixes = numbered(400);
    const { store, requests } = holding(prefixes.flatMap((prefix) => [`${prefix}a`, `${prefix}b`]));
    expect((await listTogether(store, 'root/', prefixes)).size).toBe(400);
    expect(requests()).toBeLessThan(40);
  });

  test('folders that lie far apart cost one request each', async () => {
    const keys = numbered(5000).map((prefix) => `${prefix}a`);
    const prefixes = numbered(50, 100);
    const { store, requests } = holding(keys);
    expect((await listTogether(store, 'root/', prefixes)).size).toBe(50);
    expect(requests()).toBeLessThanOrEqual(50);
  });

  test('a failure leaves out what was not told in full', async () => {
    const prefixes = numbered(100);
    const { store } = holding(
      prefixes.map((prefix) => `${prefix}a`),
      3,
    );
    const listed = await listTogether(store, 'root/', prefixes);
    expect(listed.size).toBeLessThan(100);
    for (const [prefix, objects] of listed) expect(objects.map(({ key }) => key)).toEqual([`${prefix}a`]);
  });
});
