// The contract of the ObjectStore port, guarantee by guarantee: every implementation runs this one suite.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MIN_PART_SIZE_BYTES } from '../../src/domain/parts.ts';
import {
  type ListedVersion,
  listAll,
  listAllMultipartUploads,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
  type OpenUpload,
} from '../../src/storage/object-store.ts';
import type { StoreErrorCode } from '../../src/storage/store-error.ts';

export interface OpenStore {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** How far a store's clock and this one's may be apart, and a write and its answer. */
const CLOCK_TOLERANCE_MS = 60_000;
const MEDIA = { contentType: 'video/webm' };
/** Characters that URLs, XML and listings treat in ways of their own. */
const ODD_NAMES = [
  ' leading',
  'a b',
  'a%20b',
  'a%2Fb',
  'a%b',
  'a+b',
  'a&b<c>d"e\'f',
  'a!(b)*~c',
  'a:b@c=d?e#f;g,h$i',
  'a\\b|c^d`e{f}[g]',
  'double//slash',
  'e\u0301 and \u00e9',
  'ends in space ',
  'null',
  '日本語',
  '\uffee after the surrogates in UTF-8',
  '\u{1f600} before them in UTF-16',
];

export interface ContractOptions {
  /** Whether to make as many objects and requests as take a while. Default: true. */
  readonly longListings?: boolean;
  /** The most keys that the store puts on a page. Default: that of S3. */
  readonly pageKeys?: number;
}

/** Runs the suite on a store that `open` opens and `close` removes; its tests share the store, not their keys. */
export function describeObjectStore(
  name: string,
  open: () => Promise<OpenStore>,
  { longListings = true, pageKeys = 1000 }: ContractOptions = {},
): void {
  const testLong = longListings ? test : undefined;
  const severalPages = pageKeys + 20;
  describe(name, () => {
    let opened: OpenStore;
    let store: ObjectStore;
    let tests = 0;

    beforeAll(async () => {
      opened = await open();
      ({ store } = opened);
    });

    afterAll(async () => {
      await opened.close();
    });

    /** A prefix that no other test uses. */
    function newPrefix(): string {
      tests += 1;
      return `test-${tests}/`;
    }

    async function keysUnder(prefix: string): Promise<string[]> {
      return (await collect(listAll(store, prefix))).map((object) => object.key);
    }

    describe('small objects', () => {
      test('are read back as they were written', async () => {
        const key = `${newPrefix()}bytes`;
        const body = randomBytes(70_000);
        await store.put(key, body, { contentType: 'application/octet-stream', cacheControl: 'no-store' });
        expect(Buffer.from((await store.get(key)) ?? [])).toEqual(body);
      });

      test('may be empty', async () => {
        const key = `${newPrefix()}empty`;
        await store.put(key, new Uint8Array());
        expect(await store.get(key)).toHaveLength(0);
        expect(await keysUnder(key)).toEqual([key]);
      });

      test('are replaced by a later write', async () => {
        const key = `${newPrefix()}replaced`;
        await store.put(key, bytes('the first, and longer one'));
        await store.put(key, bytes('second'));
        expect(text(await store.get(key))).toBe('second');
        expect((await store.list(key)).objects).toMatchObject([{ key, sizeBytes: 6 }]);
      });

      test('are one whole body after writes at the same time', async () => {
        const key = `${newPrefix()}raced`;
        const bodies = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(50_000));
        await Promise.all(bodies.map((body) => store.put(key, bytes(body))));
        expect(bodies).toContain(text(await store.get(key)));
      });

      test('are undefined when they are missing', async () => {
        const key = `${newPrefix()}missing`;
        expect(await store.get(key)).toBeUndefined();
        expect(await store.getStart(key, 10)).toBeUndefined();
      });

      test('are read whole up to the limit, and refused above it', async () => {
        const prefix = newPrefix();
        await store.put(`${prefix}fits`, new Uint8Array(MAX_SMALL_OBJECT_BYTES));
        await store.put(`${prefix}large`, new Uint8Array(MAX_SMALL_OBJECT_BYTES + 1));
        expect(await store.get(`${prefix}fits`)).toHaveLength(MAX_SMALL_OBJECT_BYTES);
        await expectStoreError(store.get(`${prefix}large`), 'too-large');
      });

      test('show their first bytes, however long they are', async () => {
        const prefix = newPrefix();
        await store.put(`${prefix}long`, new Uint8Array(MAX_SMALL_OBJECT_BYTES + 1).fill(7));
        await store.put(`${prefix}short`, bytes('short'));
        await store.put(`${prefix}empty`, new Uint8Array());
        expect(await store.getStart(`${prefix}long`, 100)).toEqual(new Uint8Array(100).fill(7));
        expect(text(await store.getStart(`${prefix}short`, 1))).toBe('s');
        expect(text(await store.getStart(`${prefix}short`, 5))).toBe('short');
        expect(text(await store.getStart(`${prefix}short`, 4096))).toBe('short');
        expect(await store.getStart(`${prefix}empty`, 4096)).toHaveLength(0);
      });

      test('show any range, fewer bytes at their end, and none beyond it', async () => {
        const prefix = newPrefix();
        await store.put(`${prefix}ten`, bytes('0123456789'));
        const range = async (offset: number) => {
          const chunks = await store.getRange(`${prefix}ten`, offset, 4);
          return Buffer.concat(await Array.fromAsync(chunks ?? [])).toString();
        };
        expect([await range(0), await range(3), await range(8), await range(10)]).toEqual(['0123', '3456', '89', '']);
        expect(await store.getRange(`${prefix}missing`, 0, 4)).toBeUndefined();
      });

      testLong?.('are left in the middle of a range, as often as a reader likes', async () => {
        const key = `${newPrefix()}left`;
        await store.put(key, new Uint8Array(MAX_SMALL_OBJECT_BYTES).fill(7));
        for (let round = 0; round < 300; round += 1) {
          for await (const chunk of (await store.getRange(key, 0, MAX_SMALL_OBJECT_BYTES)) ?? []) {
            expect(chunk[0]).toBe(7);
            break;
          }
        }
      });

      test('are told apart by every character of their keys', async () => {
        const prefix = newPrefix();
        for (const odd of ODD_NAMES) await store.put(prefix + odd, bytes(odd));
        for (const odd of ODD_NAMES) expect(text(await store.get(prefix + odd))).toBe(odd);
        expect(await keysUnder(prefix)).toEqual(inByteOrder(ODD_NAMES.map((odd) => prefix + odd)));
        for (const odd of ODD_NAMES) expect(await keysUnder(prefix + odd)).toEqual([prefix + odd]);
        expect(await store.delete(ODD_NAMES.map((odd) => ({ key: prefix + odd })))).toEqual([]);
        expect(await keysUnder(prefix)).toEqual([]);
      });
    });

    describe('keys with characters that XML cannot carry', () => {
      test.each(['\u0001', '\r', '\n', '\t', '\uffff', '&amp;', '&#x41;'])(
        'are listed and deleted: %j',
        async (odd) => {
          const keys = ['a', `b${odd}c`, 'd'].map((item) => newPrefix() + item);
          const [before = '', key = '', after = ''] = keys;
          for (const item of keys) await store.put(item, bytes('x'));
          expect(await keysUnder(key)).toEqual([key]);
          expect((await allVersions(store, key)).map((version) => version.key)).toEqual([key]);
          await store.createMultipartUpload(key, MEDIA);
          expect((await store.listMultipartUploads(key)).uploads.map((open) => open.key)).toEqual([key]);
          expect(await store.delete([{ key: before }, { key }, { key: after }])).toEqual([]);
          for (const item of keys) expect(await keysUnder(item)).toEqual([]);
        },
      );
    });

    describe('listings', () => {
      const NAMES = ['', '0', 'A', 'a', 'a-b', 'a/b', 'a/b/c', 'a0', 'b', 'z\uffee', 'z\u{1f600}', 'é'];

      async function fill(): Promise<{ prefix: string; keys: string[] }> {
        const prefix = newPrefix();
        const keys = NAMES.map((item) => `${prefix}k${item}`);
        await Promise.all([...keys].reverse().map((key) => store.put(key, bytes(key))));
        return { prefix, keys: inByteOrder(keys) };
      }

      test('are in the order of the UTF-8 bytes of their keys', async () => {
        const { prefix, keys } = await fill();
        expect(await keysUnder(prefix)).toEqual(keys);
        const page = await store.list(prefix);
        expect(page.objects.map((object) => object.key)).toEqual(keys.slice(0, pageKeys));
        expect(page.truncated).toBe(pageKeys < keys.length);
      });

      test('have only what begins with the prefix', async () => {
        const { prefix } = await fill();
        expect(await keysUnder(`${prefix}ka/`)).toEqual([`${prefix}ka/b`, `${prefix}ka/b/c`]);
        expect(await keysUnder(`${prefix}ka/b`)).toEqual([`${prefix}ka/b`, `${prefix}ka/b/c`]);
        expect(await keysUnder(`${prefix}nothing`)).toEqual([]);
      });

      test('begin after the key that is given, whether it exists or not', async () => {
        const { prefix, keys } = await fill();
        const keysAfter = async (startAfter: string) =>
          (await collect(listAll(store, prefix, startAfter))).map((object) => object.key);
        for (const [index, key] of keys.entries()) expect(await keysAfter(key)).toEqual(keys.slice(index + 1));
        expect((await keysAfter(`${prefix}ka!`))[0]).toBe(`${prefix}ka-b`);
        for (const before of ['', '!before', prefix]) expect(await keysAfter(before)).toEqual(keys);
        for (const behind of [`${prefix}~`, 'zzz-after']) expect(await keysAfter(behind)).toEqual([]);
      });

      test('stop at the limit and say whether there is more', async () => {
        const { prefix, keys } = await fill();
        for (const limit of [1, 2, 5, keys.length - 1, keys.length, keys.length + 1]) {
          const page = await store.list(prefix, { limit });
          const most = Math.min(limit, pageKeys);
          expect(page.objects.map((object) => object.key)).toEqual(keys.slice(0, most));
          expect(page.truncated).toBe(most < keys.length);
        }
        const rest = await store.list(prefix, { startAfter: keys.at(-2), limit: 1 });
        expect(rest).toMatchObject({ truncated: false, objects: [{ key: keys.at(-1) }] });
      });

      test('tell the size and the time of each object, and the clock of the store', async () => {
        const prefix = newPrefix();
        await store.put(`${prefix}a`, new Uint8Array(12_345));
        const { objects, storeTimeMs } = await store.list(prefix);
        expect(objects).toHaveLength(1);
        expect(objects[0]).toMatchObject({ key: `${prefix}a`, sizeBytes: 12_345 });
        expectNear(objects[0]?.lastModifiedMs, storeTimeMs);
        expectNear(storeTimeMs, Date.now());
        expectNear((await store.list(`${prefix}nothing`)).storeTimeMs, Date.now());
        expectNear((await store.listVersions(prefix)).storeTimeMs, Date.now());
        expectNear((await store.listMultipartUploads(prefix)).storeTimeMs, Date.now());
      });

      test('show every write and every deletion that was answered', async () => {
        const prefix = newPrefix();
        for (let round = 0; round < 9; round += 1) {
          const key = `${prefix}${round % 3}`;
          await store.put(key, bytes(String(round)));
          expect(await keysUnder(prefix)).toEqual([key]);
          expect(text(await store.get(key))).toBe(String(round));
          expect(await store.delete([{ key }])).toEqual([]);
          expect(await keysUnder(prefix)).toEqual([]);
          expect(await store.get(key)).toBeUndefined();
        }
      });

      testLong?.('go on over as many pages as there are, and so do deletions', async () => {
        const prefix = newPrefix();
        const keys = Array.from({ length: severalPages }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
        await inParallel(keys, (key) => store.put(key, bytes('x')));
        expect(await keysUnder(prefix)).toEqual(keys);
        expect((await store.list(prefix)).objects).toHaveLength(pageKeys);
        expect(await collect(listAll(store, prefix, keys.at(-11)))).toHaveLength(10);
        expect((await store.listVersions(prefix)).versions.length).toBeLessThanOrEqual(pageKeys);
        expect((await allVersions(store, prefix)).map((version) => version.key)).toEqual(keys);
        expect(await store.delete(keys.slice(0, -10).map((key) => ({ key })))).toEqual([]);
        expect(await keysUnder(prefix)).toEqual(keys.slice(-10));
      });
    });

    describe('deletions', () => {
      test('count what is not there as deleted', async () => {
        const prefix = newPrefix();
        await store.put(`${prefix}b`, bytes('b'));
        await store.put(`${prefix}c`, bytes('c'));
        const targets = ['a', 'b', 'd'].map((letter) => ({ key: prefix + letter }));
        expect(await store.delete(targets)).toEqual([]);
        expect(await store.delete(targets)).toEqual([]);
        expect(await keysUnder(prefix)).toEqual([`${prefix}c`]);
      });

      test('of nothing do nothing', async () => {
        expect(await store.delete([])).toEqual([]);
      });

      test('of an object leave an upload of its key open', async () => {
        const key = `${newPrefix()}media`;
        const uploadId = await store.createMultipartUpload(key, MEDIA);
        await store.delete([{ key }]);
        expect(await store.listParts(key, uploadId)).toEqual([]);
      });
    });

    describe('tags', () => {
      test('are replaced as a whole', async () => {
        const key = `${newPrefix()}media`;
        await store.put(key, bytes('x'));
        expect(await store.tags(key)).toEqual({});
        const first = { 'delete-by': '2026-11-23T02:03:17.123Z', other: 'a b+c/d=e_f-g:h@i' };
        expect(await store.tag(key, first)).toBe(true);
        expect(await store.tags(key)).toEqual(first);
        expect(await store.tag(key, { 'delete-by': 'never' })).toBe(true);
        expect(await store.tags(key)).toEqual({ 'delete-by': 'never' });
      });

      test('of an object that is missing are refused, and none are made', async () => {
        const key = `${newPrefix()}missing`;
        expect(await store.tag(key, { a: 'b' })).toBe(false);
        expect(await store.tags(key)).toBeUndefined();
        expect(await keysUnder(key)).toEqual([]);
      });

      test('go with their object', async () => {
        const key = `${newPrefix()}media`;
        await store.put(key, bytes('x'));
        await store.tag(key, { a: 'b' });
        await store.delete([{ key }]);
        expect(await store.tags(key)).toBeUndefined();
      });
    });

    describe('multipart uploads', () => {
      const FIRST = new Uint8Array(MIN_PART_SIZE_BYTES).fill(1);

      async function upload(parts: readonly Uint8Array[]): Promise<{ key: string; uploadId: string }> {
        const key = `${newPrefix()}media`;
        const uploadId = await store.createMultipartUpload(key, MEDIA);
        for (const [index, body] of parts.entries()) await store.uploadPart(key, uploadId, index + 1, body);
        return { key, uploadId };
      }

      test('are nothing to a reader before they are completed, and one object after it', async () => {
        const { key, uploadId } = await upload([FIRST, bytes('the rest')]);
        expect(await keysUnder(key)).toEqual([]);
        expect(await store.get(key)).toBeUndefined();
        const parts = (await store.listParts(key, uploadId)) ?? [];
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(true);
        expect((await store.list(key)).objects).toMatchObject([{ key, sizeBytes: MIN_PART_SIZE_BYTES + 8 }]);
        expect(await store.getStart(key, 2)).toEqual(new Uint8Array([1, 1]));
        expect(await store.listParts(key, uploadId)).toBeUndefined();
        expect((await store.listMultipartUploads(key)).uploads).toEqual([]);
      });

      test('list their parts by number, with size, ETag and time', async () => {
        const { key, uploadId } = await upload([]);
        const etags = new Map<number, string>();
        for (const partNumber of [10, 2, 9999, 1]) {
          etags.set(partNumber, await store.uploadPart(key, uploadId, partNumber, new Uint8Array(partNumber)));
        }
        const parts = (await store.listParts(key, uploadId)) ?? [];
        expect(parts.map((part) => [part.partNumber, part.sizeBytes])).toEqual([
          [1, 1],
          [2, 2],
          [10, 10],
          [9999, 9999],
        ]);
        for (const part of parts) {
          expect(part.etag).toBe(etags.get(part.partNumber));
          expectNear(part.lastModifiedMs, Date.now());
        }
      });

      test('keep the last part of a number', async () => {
        const { key, uploadId } = await upload([bytes('first')]);
        const [replaced] = (await store.listParts(key, uploadId)) ?? [];
        const etag = await store.uploadPart(key, uploadId, 1, bytes('second one'));
        const parts = (await store.listParts(key, uploadId)) ?? [];
        expect(parts).toMatchObject([{ partNumber: 1, sizeBytes: 10, etag }]);
        expect(etag).not.toBe(replaced?.etag);
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(true);
        expect(text(await store.get(key))).toBe('second one');
      });

      test('are refused with a part that was replaced or is missing, and can still be completed', async () => {
        const { key, uploadId } = await upload([bytes('first')]);
        const before = (await store.listParts(key, uploadId)) ?? [];
        await store.uploadPart(key, uploadId, 1, bytes('second'));
        const now = (await store.listParts(key, uploadId)) ?? [];
        const missing = { partNumber: 2, sizeBytes: 1, etag: now[0]?.etag ?? '' };
        await expectStoreError(store.completeMultipartUpload(key, uploadId, before), 'invalid-parts');
        await expectStoreError(store.completeMultipartUpload(key, uploadId, [...now, missing]), 'invalid-parts');
        expect(await store.get(key)).toBeUndefined();
        expect(await store.completeMultipartUpload(key, uploadId, now)).toBe(true);
        expect(text(await store.get(key))).toBe('second');
      });

      test('are refused with a part that is too small and not the last', async () => {
        const { key, uploadId } = await upload([FIRST.subarray(1), bytes('last')]);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        await expectStoreError(store.completeMultipartUpload(key, uploadId, parts), 'invalid-parts');
        expect(await store.get(key)).toBeUndefined();
        expect(await store.listParts(key, uploadId)).toHaveLength(2);
      });

      test('that were completed stay as they are when they are completed or aborted again', async () => {
        const { key, uploadId } = await upload([bytes('whole')]);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(true);
        // False, or true from a store that remembers the completion while its object is there (Ceph RGW).
        await store.completeMultipartUpload(key, uploadId, parts);
        await store.abortMultipartUpload(key, uploadId);
        await store.abortMultipartUpload(key, uploadId);
        expect(text(await store.get(key))).toBe('whole');
        await expectStoreError(store.uploadPart(key, uploadId, 2, bytes('late')), 'no-such-upload');
      });

      test('bring nothing back after their object was deleted', async () => {
        const { key, uploadId } = await upload([bytes('gone')]);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        await store.completeMultipartUpload(key, uploadId, parts);
        await store.delete([{ key }]);
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(false);
        await expectStoreError(store.uploadPart(key, uploadId, 1, bytes('late')), 'no-such-upload');
        expect(await store.listParts(key, uploadId)).toBeUndefined();
        expect(await keysUnder(key)).toEqual([]);
      });

      test('that were aborted are gone with their parts, and aborting again does nothing', async () => {
        const { key, uploadId } = await upload([bytes('dropped')]);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        await store.abortMultipartUpload(key, uploadId);
        await store.abortMultipartUpload(key, uploadId);
        expect(await store.listParts(key, uploadId)).toBeUndefined();
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(false);
        await expectStoreError(store.uploadPart(key, uploadId, 1, bytes('late')), 'no-such-upload');
        expect((await store.listMultipartUploads(key)).uploads).toEqual([]);
        expect(await store.get(key)).toBeUndefined();
      });

      test('belong to their key', async () => {
        const { key, uploadId } = await upload([bytes('mine')]);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        const other = `${newPrefix()}media`;
        expect(await store.listParts(other, uploadId)).toBeUndefined();
        expect(await store.completeMultipartUpload(other, uploadId, parts)).toBe(false);
        await expectStoreError(store.uploadPart(other, uploadId, 1, bytes('x')), 'no-such-upload');
        await store.abortMultipartUpload(other, uploadId);
        expect(await store.listParts(key, uploadId)).toEqual(parts);
      });

      test('of one key are each an upload of its own', async () => {
        const { key, uploadId } = await upload([bytes('one')]);
        const another = await store.createMultipartUpload(key, MEDIA);
        expect(another).not.toBe(uploadId);
        await store.uploadPart(key, another, 1, bytes('another'));
        await store.abortMultipartUpload(key, uploadId);
        const parts = (await store.listParts(key, another)) ?? [];
        expect(await store.completeMultipartUpload(key, another, parts)).toBe(true);
        expect(text(await store.get(key))).toBe('another');
      });

      test('are listed under their prefix while they are open', async () => {
        const prefix = newPrefix();
        const odd = ODD_NAMES.filter((item) => !item.includes('//'));
        for (const item of odd) await store.createMultipartUpload(`${prefix}in/${item}`, MEDIA);
        const twice = await Promise.all([1, 2].map(() => store.createMultipartUpload(`${prefix}in/twice`, MEDIA)));
        await store.createMultipartUpload(`${prefix}out/a`, MEDIA);
        const uploads = await collect(listAllMultipartUploads(store, `${prefix}in/`));
        const expected = [...odd, 'twice', 'twice'].map((item) => `${prefix}in/${item}`);
        expect(uploads.map((open) => open.key)).toEqual(inByteOrder(expected));
        expect(idsOf(uploads, `${prefix}in/twice`)).toEqual(twice.toSorted());
        for (const open of uploads) expectNear(open.initiatedMs, Date.now());
        await store.abortMultipartUpload(`${prefix}in/twice`, twice[0] ?? '');
        const left = await collect(listAllMultipartUploads(store, `${prefix}in/`));
        expect(idsOf(left, `${prefix}in/twice`)).toEqual([twice[1]]);
      });

      testLong?.('are listed over as many pages as there are', async () => {
        const prefix = newPrefix();
        const keys = Array.from(
          { length: severalPages },
          (_, index) => `${prefix}${String(Math.floor(index / 3)).padStart(5, '0')}`,
        );
        await inParallel(keys, (key) => store.createMultipartUpload(key, MEDIA));
        const first = await store.listMultipartUploads(prefix);
        expect(first.uploads).toHaveLength(pageKeys);
        expect(first.cursor).toBeDefined();
        const all = await collect(listAllMultipartUploads(store, prefix));
        expect(all.map((open) => open.key)).toEqual(keys);
        expect(new Set(all.map((open) => open.uploadId)).size).toBe(keys.length);
      });
    });

    describe('a bucket that never kept versions', () => {
      test('is not versioned, and lists its objects as versions that can be deleted', async () => {
        const prefix = newPrefix();
        expect(await store.isVersioned()).toBe(false);
        for (const item of ['b', 'a']) await store.put(prefix + item, bytes(item));
        const versions = await allVersions(store, prefix);
        expect(versions.map((version) => version.key)).toEqual([`${prefix}a`, `${prefix}b`]);
        for (const version of versions) {
          expect(version).toMatchObject({ sizeBytes: 1, isLatest: true, isDeleteMarker: false });
          expectNear(version.lastModifiedMs, Date.now());
        }
        expect(await store.delete(versions)).toEqual([]);
        expect(await keysUnder(prefix)).toEqual([]);
      });
    });
  });
}

/** What a store that keeps versions adds; `open` opens a bucket in which they are enabled. */
export function describeVersionedStore(name: string, open: () => Promise<OpenStore>): void {
  describe(name, () => {
    let opened: OpenStore;
    let store: ObjectStore;

    beforeAll(async () => {
      opened = await open();
      ({ store } = opened);
    });

    afterAll(async () => {
      await opened.close();
    });

    test('says that it is versioned', async () => {
      expect(await store.isVersioned()).toBe(true);
    });

    test('lists versions and delete markers by key, the latest first', async () => {
      for (const body of ['one', 'two', 'three!']) await store.put('order/a', bytes(body));
      await store.delete([{ key: 'order/a' }]);
      await store.put('order/b', bytes('b'));
      await store.delete([{ key: 'order/b' }]);
      await store.put('order/b', bytes('back'));
      const versions = await allVersions(store, 'order/');
      expect(versions.map((version) => version.key)).toEqual([
        ...Array(4).fill('order/a'),
        ...Array(3).fill('order/b'),
      ]);
      expect(versions.map(({ isLatest, isDeleteMarker }) => [isLatest, isDeleteMarker])).toEqual([
        [true, true],
        [false, false],
        [false, false],
        [false, false],
        [true, false],
        [false, true],
        [false, false],
      ]);
      expect(versions.map((version) => version.sizeBytes)).toEqual([0, 6, 3, 3, 4, 0, 1]);
      expect(new Set(versions.map((version) => version.versionId)).size).toBe(7);
      expect((await store.list('order/')).objects.map((object) => object.key)).toEqual(['order/b']);
    });

    test('keeps the bytes of a deleted object until its versions are deleted', async () => {
      await store.put('kept/a', bytes('kept'));
      expect(await store.delete([{ key: 'kept/a' }])).toEqual([]);
      expect(await store.get('kept/a')).toBeUndefined();
      const versions = await allVersions(store, 'kept/');
      expect(versions).toHaveLength(2);
      expect(await store.delete(versions.filter((version) => version.isDeleteMarker))).toEqual([]);
      expect(text(await store.get('kept/a'))).toBe('kept');
      expect(await store.delete(versions)).toEqual([]);
      expect(await store.delete(versions)).toEqual([]);
      expect(await store.get('kept/a')).toBeUndefined();
      expect((await store.listVersions('kept/')).versions).toEqual([]);
    });

    test('completes an upload into a version', async () => {
      for (const body of ['first', 'second']) {
        const uploadId = await store.createMultipartUpload('upload/media', MEDIA);
        await store.uploadPart('upload/media', uploadId, 1, bytes(body));
        const parts = (await store.listParts('upload/media', uploadId)) ?? [];
        expect(await store.completeMultipartUpload('upload/media', uploadId, parts)).toBe(true);
      }
      const versions = await allVersions(store, 'upload/');
      expect(versions.map((version) => version.sizeBytes)).toEqual([6, 5]);
      expect(await store.tag('upload/media', { a: 'b' })).toBe(true);
      expect(await store.tags('upload/media')).toEqual({ a: 'b' });
    });

    test('is empty once all its versions are deleted, over as many pages as there are', async () => {
      await inParallel(
        Array.from({ length: 1020 }, (_, index) => `many/${index % 60}`),
        (key) => store.put(key, bytes('x')),
      );
      await store.delete(Array.from({ length: 60 }, (_, index) => ({ key: `many/${index}` })));
      const seen: string[] = [];
      for (;;) {
        let cursor: string | undefined;
        const before = seen.length;
        do {
          const page = await store.listVersions('', { cursor });
          seen.push(...page.versions.map(({ key, versionId }) => `${key} ${versionId}`));
          expect(await store.delete(page.versions)).toEqual([]);
          cursor = page.cursor;
        } while (cursor !== undefined);
        if (seen.length === before) break;
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((version) => version.startsWith('many/'))).toHaveLength(1080);
      expect((await store.list('')).objects).toEqual([]);
    });
  });
}

/** Over as many pages as there are; none of them goes back. */
async function allVersions(store: ObjectStore, prefix: string): Promise<ListedVersion[]> {
  const versions: ListedVersion[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listVersions(prefix, { cursor });
    versions.push(...page.versions);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return versions;
}

/** Asserts that a call ends with a StoreError of this code. */
export async function expectStoreError(call: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'StoreError', code });
}

export function bytes(content: string): Uint8Array {
  return Buffer.from(content);
}

export function text(content: Uint8Array | undefined): string | undefined {
  return content && Buffer.from(content).toString('utf8');
}

function inByteOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function idsOf(uploads: readonly OpenUpload[], key: string): string[] {
  return uploads
    .filter((open) => open.key === key)
    .map((open) => open.uploadId)
    .sort();
}

function expectNear(timeMs: number | undefined, expectedMs: number): void {
  expect(Math.abs((timeMs ?? Number.NaN) - expectedMs)).toBeLessThan(CLOCK_TOLERANCE_MS);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(items);
}

/** Calls with each item, 32 at a time: as many as a store answers without queueing. */
async function inParallel<T>(items: readonly T[], call: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await call(item);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}
