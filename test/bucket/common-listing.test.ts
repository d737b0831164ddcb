// Many prefixes listed by their common beginnings: each as if it were listed alone, whatever the order of the store.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listByCommonPrefix } from '../../src/bucket/common-listing.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { START_MS } from '../kit/clock.ts';
import { failing, intercepting } from '../kit/interventions.ts';
import { MemoryStore, type MemoryStoreOptions } from '../kit/memory-store.ts';

/** A store that counts how often it is asked. */
function holding(keys: readonly string[], options: Partial<MemoryStoreOptions> = {}) {
  const memory = new MemoryStore({ now: () => START_MS, ...options });
  for (const key of keys) void memory.put(key, new Uint8Array());
  const counted = { requests: 0 };
  const store = intercepting(memory, (_call, _args, go) => {
    counted.requests += 1;
    return go();
  });
  return { memory, store, counted };
}

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `root/a${String(at).padStart(6, '0')}/`);
const namesAlike = fc.uniqueArray(fc.stringMatching(/^[ab-]{1,5}$/), { maxLength: 60 });

test('law: what is shown of a prefix is all that is under it, in any order of keys and with any size of pages', async () => {
  await fc.assert(
    fc.asyncProperty(
      namesAlike,
      namesAlike,
      fc.constantFrom('bytes', 'tree'),
      fc.constantFrom(1, 7, 40, 1000),
      async (stored, asked, order, pageKeys) => {
        const keys = stored.flatMap((name, at) => Array.from({ length: at % 9 }, (_, file) => `root/${name}/${file}`));
        const { memory, store, counted } = holding([...keys, 'rooz', 'other/x'], { order, pageKeys });
        const prefixes = asked.map((name) => `root/${name}/`);
        const listed = await listByCommonPrefix(store, prefixes);
        for (const prefix of prefixes) {
          const shown = listed.objectsOf(prefix)?.map(({ key }) => key);
          if (shown) expect(shown.sort()).toEqual(memory.keysUnder(prefix).sort());
        }
        expect(counted.requests).toBeLessThanOrEqual(prefixes.length);
      },
    ),
    { numRuns: 500 },
  );
});

test('neighbours that are empty, or nearly so, take a handful of requests', async () => {
  const prefixes = numbered(200);
  const later = numbered(4000).slice(200);
  const { store, counted } = holding([...prefixes, ...later].flatMap((prefix) => [`${prefix}x`]));
  const listed = await listByCommonPrefix(store, [...prefixes.slice(50), ...prefixes.slice(0, 50)]);
  expect(prefixes.map((prefix) => listed.objectsOf(prefix)?.length)).toEqual(prefixes.map(() => 1));
  expect(counted.requests).toBeLessThan(6);
});

test('names without order share requests where there is little else', async () => {
  const prefixes = Array.from({ length: 200 }, (_, at) => `root/${((at * 2654435761) % 4294967296).toString(16)}/`);
  const { store, counted } = holding([]);
  const listed = await listByCommonPrefix(store, prefixes);
  expect(prefixes.map((prefix) => listed.objectsOf(prefix))).toEqual(prefixes.map(() => []));
  expect(counted.requests).toBeLessThan(6);
});

test('prefixes far from each other waste few requests, whatever their names', async () => {
  const exams = { numbered: (at: number) => `exam-${at}`, longer: (at: number) => 'x'.repeat(at + 1) };
  for (const exam of Object.values(exams)) {
    const prefixes = Array.from({ length: 200 }, (_, at) => `root/${exam(at)}/a1/`);
    const others = prefixes.flatMap((prefix) =>
      Array.from({ length: 40 }, (_, at) => `${prefix.slice(0, -3)}a2/${at}`),
    );
    const { store, counted } = holding(others);
    const listed = await listByCommonPrefix(store, prefixes);
    expect(prefixes.filter((prefix) => listed.objectsOf(prefix) === undefined).length).toBeGreaterThan(190);
    expect(counted.requests).toBeLessThan(20);
  }
});

test('the same prefix twice is listed once, and does no harm', async () => {
  const { store } = holding(['root/a/1'], { pageKeys: 1 });
  const listed = await listByCommonPrefix(
    store,
    Array.from({ length: 9 }, () => 'root/a/'),
  );
  expect(listed.objectsOf('root/a/')).toBeUndefined();
});

test('a store that throttles is not asked for each alone; a response that cannot be read leaves them out', async () => {
  const prefixes = numbered(100);
  const { memory } = holding([]);
  const busy = await listByCommonPrefix(failing(memory, 'list', '', 'SlowDown'), prefixes);
  for (const prefix of prefixes) expect(() => busy.objectsOf(prefix)).toThrow(StoreError);
  const unreadable = await listByCommonPrefix(failing(memory, 'list', '', 'UnreadableAnswer'), prefixes);
  for (const prefix of prefixes) expect(unreadable.objectsOf(prefix)).toBeUndefined();
});
