// The contract of the ObjectStore port, guarantee by guarantee: every implementation runs this one suite.
// ci/known-differences lists some of these tests by name: change a name in both places.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pMap from 'p-map';
import { MIN_PART_SIZE_BYTES, type StoredPart } from '../../src/model/parts.ts';
import {
  endUpload,
  listAll,
  listAllMultipartUploads,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
} from '../../src/objectstore/object-store.ts';
import { isStoreError } from '../../src/objectstore/store-error.ts';

interface OpenStore {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** How far a store's clock and this one's may be apart, and a write and its answer. */
const CLOCK_TOLERANCE_MS = 60_000;
/** As many calls as a store answers without queueing. */
const AT_ONCE = { concurrency: 32 };
export const MEDIA = { contentType: 'video/webm' };
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

/**
 * Runs the suite on a store that `open` opens and `close` removes; its tests share the store, not their keys.
 * `longListings`: whether to make as many objects and requests as take a while. `pageKeys`: the most on one page.
 */
export function describeObjectStore(
  name: string,
  open: () => Promise<OpenStore>,
  { longListings = true, pageKeys = 1000 }: { readonly longListings?: boolean; readonly pageKeys?: number } = {},
): void {
  const testLong = longListings ? test : undefined;
  const severalPages = pageKeys + 20;
  describe(name, () => {
    let store: ObjectStore;
    let tests = 0;
    openBeforeAll(open, (opened) => {
      ({ store } = opened);
    });

    /** A prefix that no other test uses. */
    const newPrefix = () => `test-${++tests}/`;

    const keysUnder = async (prefix: string, startAfter?: string) =>
      (await Array.fromAsync(listAll(store, prefix, startAfter))).map((object) => object.key);

    const put = (key: string, body = 'x') => store.put(key, bytes(body));
    const read = async (key: string) => text(await store.get(key));

    test('small objects are read back as they were written, and replaced by later writes, whole', async () => {
      const key = `${newPrefix()}bytes`;
      const body = randomBytes(70_000);
      await store.put(key, body, { contentType: 'application/octet-stream', cacheControl: 'no-store' });
      expect(Buffer.from((await store.get(key)) ?? [])).toEqual(body);
      await put(key, 'second');
      expect(await read(key)).toBe('second');
      expect((await store.list(key)).objects).toMatchObject([{ key, sizeBytes: 6 }]);
      await put(key, '');
      expect(await read(key)).toBe('');
      expect(await keysUnder(key)).toEqual([key]);
      const bodies = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(50_000));
      await Promise.all(bodies.map((body) => put(key, body)));
      expect(bodies).toContain(await read(key));
    });

    test('small objects that are missing are undefined, and are not made by a tag', async () => {
      const key = `${newPrefix()}missing`;
      expect(await store.tag(key, { a: 'b' })).toBe(false);
      expect(await store.tags(key)).toBeUndefined();
      expect(await store.get(key)).toBeUndefined();
      expect(await store.getStart(key, 10)).toBeUndefined();
      expect(await store.getRange(key, 0, 4)).toBeUndefined();
      expect(await keysUnder(key)).toEqual([]);
    });

    test('small objects are read whole up to the limit, above it only by their beginning, and by any range', async () => {
      const prefix = newPrefix();
      const [fits, large, ten, empty] = [`${prefix}1`, `${prefix}2`, `${prefix}3`, `${prefix}4`];
      await store.put(fits, new Uint8Array(MAX_SMALL_OBJECT_BYTES));
      await store.put(large, new Uint8Array(MAX_SMALL_OBJECT_BYTES + 1).fill(7));
      expect(await store.get(fits)).toHaveLength(MAX_SMALL_OBJECT_BYTES);
      expect(await outcomeOf(store.get(large))).toBe('too-large');
      expect(await store.getStart(large, 100)).toEqual(new Uint8Array(100).fill(7));
      await put(ten, '0123456789');
      await put(empty, '');
      const starts = [1, 10, 4096].map(async (length) => text(await store.getStart(ten, length)));
      expect(await Promise.all(starts)).toEqual(['0', '0123456789', '0123456789']);
      expect(await store.getStart(empty, 4096)).toHaveLength(0);
      const ranges = [0, 3, 8, 10].map(async (offset) =>
        Buffer.concat(await Array.fromAsync((await store.getRange(ten, offset, 4)) ?? [])).toString(),
      );
      expect(await Promise.all(ranges)).toEqual(['0123', '3456', '89', '']);
    });

    testLong?.('small objects are left in the middle of a range, as often as a reader likes', async () => {
      const key = `${newPrefix()}left`;
      await store.put(key, new Uint8Array(MAX_SMALL_OBJECT_BYTES).fill(7));
      for (let round = 0; round < 300; round += 1) {
        for await (const chunk of (await store.getRange(key, 0, MAX_SMALL_OBJECT_BYTES)) ?? []) {
          expect(chunk[0]).toBe(7);
          break;
        }
      }
      expect.assertions(300);
    });

    test('small objects are told apart by every character of their keys', async () => {
      const prefix = newPrefix();
      for (const odd of ODD_NAMES) await put(prefix + odd, odd);
      for (const odd of ODD_NAMES) expect(await read(prefix + odd)).toBe(odd);
      expect(await keysUnder(prefix)).toEqual(inByteOrder(ODD_NAMES.map((odd) => prefix + odd)));
      for (const odd of ODD_NAMES) expect(await keysUnder(prefix + odd)).toEqual([prefix + odd]);
      expect(await store.delete(ODD_NAMES.map((odd) => ({ key: prefix + odd })))).toEqual([]);
      expect(await keysUnder(prefix)).toEqual([]);
    });

    const ODD = ['\u0001', '\r', '\n', '\t', '\uffff', '&amp;', '&#x41;'];
    test.each(ODD)('keys with characters that XML cannot carry are listed and deleted: %j', async (odd) => {
      const keys = ['a', `b${odd}c`, 'd'].map((item) => newPrefix() + item);
      const key = keys[1] ?? '';
      for (const item of keys) await put(item);
      expect(await keysUnder(key)).toEqual([key]);
      expect((await allVersions(store, key)).map((version) => version.key)).toEqual([key]);
      await store.createMultipartUpload(key, MEDIA);
      expect((await store.listMultipartUploads(key)).uploads.map((open) => open.key)).toEqual([key]);
      expect(await store.delete(keys.map((item) => ({ key: item })))).toEqual([]);
      for (const item of keys) expect(await keysUnder(item)).toEqual([]);
    });

    const NAMES = ['', '0', 'A', 'a', 'a-b', 'a/b', 'a/b/c', 'a0', 'b', 'z\uffee', 'z\u{1f600}', 'é'];

    async function fill(): Promise<{ prefix: string; keys: string[] }> {
      const prefix = newPrefix();
      const keys = NAMES.map((item) => `${prefix}k${item}`);
      await Promise.all(keys.toReversed().map((key) => put(key, key)));
      return { prefix, keys: inByteOrder(keys) };
    }

    test('listings are in the order of UTF-8 bytes, begin after any key, and stop at a limit', async () => {
      const { prefix, keys } = await fill();
      expect(await keysUnder(prefix)).toEqual(keys);
      for (const [index, key] of keys.entries()) expect(await keysUnder(prefix, key)).toEqual(keys.slice(index + 1));
      expect((await keysUnder(prefix, `${prefix}ka!`))[0]).toBe(`${prefix}ka-b`);
      for (const before of ['', '!before', prefix]) expect(await keysUnder(prefix, before)).toEqual(keys);
      for (const behind of [`${prefix}~`, 'zzz-after']) expect(await keysUnder(prefix, behind)).toEqual([]);
      for (const limit of [undefined, 1, 2, 5, keys.length - 1, keys.length, keys.length + 1]) {
        const page = await store.list(prefix, limit === undefined ? {} : { limit });
        const most = Math.min(limit ?? pageKeys, pageKeys);
        expect(page.objects.map((object) => object.key)).toEqual(keys.slice(0, most));
        expect(page.truncated).toBe(most < keys.length);
      }
      const rest = await store.list(prefix, { startAfter: keys.at(-2), limit: 1 });
      expect(rest).toMatchObject({ truncated: false, objects: [{ key: keys.at(-1) }] });
    });

    test('listings have only what begins with the prefix', async () => {
      const { prefix } = await fill();
      expect(await keysUnder(`${prefix}ka/`)).toEqual([`${prefix}ka/b`, `${prefix}ka/b/c`]);
      expect(await keysUnder(`${prefix}ka/b`)).toEqual([`${prefix}ka/b`, `${prefix}ka/b/c`]);
      expect(await keysUnder(`${prefix}nothing`)).toEqual([]);
    });

    test('listings tell an ETag of each object that changes with its content, and with nothing else', async () => {
      const key = `${newPrefix()}object`;
      const etagOf = async () => (await store.list(key)).objects[0]?.etag;
      await store.put(key, Buffer.from('one'));
      const first = await etagOf();
      await store.tag(key, { a: 'b' });
      expect(await etagOf()).toBe(first);
      await store.put(key, Buffer.from('two'));
      expect(await etagOf()).not.toBe(first);
      await store.put(key, Buffer.from('one'));
      expect(await etagOf()).toBe(first);
      const uploadId = await store.createMultipartUpload(key, { contentType: 'video/webm' });
      const etag = await store.uploadPart(key, uploadId, 1, Buffer.from('two'));
      await store.completeMultipartUpload(key, uploadId, [{ partNumber: 1, etag, sizeBytes: 3 }]);
      expect(await etagOf()).not.toBe(first);
      expect((await allVersions(store, key))[0]?.etag).toBe(await etagOf());
      await store.delete([{ key }]);
    });

    test('listings tell the size and the time of each object, by its only version too, and the clock of the store', async () => {
      const prefix = newPrefix();
      expect(await store.isVersioned()).toBe(false);
      for (const item of ['b', 'a']) await store.put(prefix + item, new Uint8Array(12_345));
      const { storeTimeMs } = await store.list(prefix);
      const objects = await Array.fromAsync(listAll(store, prefix));
      const versions = await allVersions(store, prefix);
      const told = ['a', 'b'].map((item) => ({ key: prefix + item, sizeBytes: 12_345 }));
      expect(objects).toMatchObject(told);
      expect(versions).toMatchObject(told.map((item) => ({ ...item, isLatest: true, isDeleteMarker: false })));
      for (const { lastModifiedMs } of [...objects, ...versions]) expectNear(lastModifiedMs, storeTimeMs);
      const pages = [store.list(`${prefix}nothing`), store.listVersions(prefix), store.listMultipartUploads(prefix)];
      for (const page of await Promise.all(pages)) expectNear(page.storeTimeMs, Date.now());
      expect(await store.delete(versions)).toEqual([]);
      expect(await keysUnder(prefix)).toEqual([]);
    });

    test('listings show every write and every deletion that was answered, of what it names and no more', async () => {
      const prefix = newPrefix();
      for (let round = 0; round < 9; round += 1) {
        const key = `${prefix}${round % 3}`;
        await put(key, String(round));
        expect(await keysUnder(prefix)).toEqual([key]);
        expect(await read(key)).toBe(String(round));
        expect(await store.delete([{ key }])).toEqual([]);
        expect(await keysUnder(prefix)).toEqual([]);
        expect(await store.get(key)).toBeUndefined();
      }
      for (const kept of ['b', 'c']) await put(prefix + kept);
      const uploadId = await store.createMultipartUpload(`${prefix}b`, MEDIA);
      const targets = ['a', 'b', 'd'].map((letter) => ({ key: prefix + letter }));
      for (const named of [[], targets, targets]) expect(await store.delete(named)).toEqual([]);
      expect(await keysUnder(prefix)).toEqual([`${prefix}c`]);
      expect(await store.listParts(`${prefix}b`, uploadId)).toEqual([]);
    });

    testLong?.('listings go on over as many pages as there are, and so do deletions', async () => {
      const prefix = newPrefix();
      const keys = Array.from({ length: severalPages }, (_, index) => prefix + numbered(index));
      await pMap(keys, (key) => put(key), AT_ONCE);
      expect(await keysUnder(prefix)).toEqual(keys);
      expect((await store.list(prefix)).objects).toHaveLength(pageKeys);
      expect(await keysUnder(prefix, keys.at(-11))).toHaveLength(10);
      expect((await store.listVersions(prefix)).versions.length).toBeLessThanOrEqual(pageKeys);
      expect((await allVersions(store, prefix)).map((version) => version.key)).toEqual(keys);
      expect(await store.delete(keys.slice(0, -10).map((key) => ({ key })))).toEqual([]);
      expect(await keysUnder(prefix)).toEqual(keys.slice(-10));
    });

    test('tags are replaced as a whole, and go with their object', async () => {
      const key = `${newPrefix()}media`;
      await put(key);
      expect(await store.tags(key)).toEqual({});
      const both = { 'delete-by': '2026-11-23T02:03:17.123Z', other: 'a b+c/d=e_f-g:h@i' };
      for (const tags of [both, { 'delete-by': 'never' }]) {
        expect(await store.tag(key, tags)).toBe(true);
        expect(await store.tags(key)).toEqual(tags);
      }
      await store.delete([{ key }]);
      expect(await store.tags(key)).toBeUndefined();
    });

    const FIRST = new Uint8Array(MIN_PART_SIZE_BYTES).fill(1);

    async function upload(...bodies: Uint8Array[]) {
      const key = `${newPrefix()}media`;
      const uploadId = await store.createMultipartUpload(key, MEDIA);
      for (const [index, body] of bodies.entries()) await store.uploadPart(key, uploadId, index + 1, body);
      return { key, uploadId, parts: await partsOf(store, key, uploadId) };
    }

    const complete = (upload: { key: string; uploadId: string; parts: readonly StoredPart[] }) =>
      store.completeMultipartUpload(upload.key, upload.uploadId, upload.parts);

    test('multipart uploads are nothing to a reader before they are completed with parts that are large enough', async () => {
      const small = await upload(FIRST.subarray(1), bytes('the rest'));
      expect(await outcomeOf(complete(small))).toBe('invalid-parts');
      expect(await store.get(small.key)).toBeUndefined();
      expect(await store.listParts(small.key, small.uploadId)).toEqual(small.parts);
      const { key, uploadId, parts } = await upload(FIRST, bytes('the rest'));
      expect(await keysUnder(key)).toEqual([]);
      expect(await store.get(key)).toBeUndefined();
      expect(await complete({ key, uploadId, parts })).toBe(true);
      expect((await store.list(key)).objects).toMatchObject([{ key, sizeBytes: MIN_PART_SIZE_BYTES + 8 }]);
      expect(await store.getStart(key, 2)).toEqual(new Uint8Array([1, 1]));
      expect(await store.listParts(key, uploadId)).toBeUndefined();
      expect((await store.listMultipartUploads(key)).uploads).toEqual([]);
    });

    test('multipart uploads list their parts by number, with size, ETag and time', async () => {
      const { key, uploadId } = await upload();
      const sent: object[] = [];
      for (const number of [10, 2, 9999, 1]) {
        const etag = await store.uploadPart(key, uploadId, number, new Uint8Array(number));
        sent.push({ partNumber: number, sizeBytes: number, etag });
      }
      const parts = await partsOf(store, key, uploadId);
      expect(parts).toMatchObject([3, 1, 0, 2].map((index) => sent[index] ?? {}));
      for (const part of parts) expectNear(part.lastModifiedMs, Date.now());
    });

    test('multipart uploads keep the last part of a number, and are refused with another or a missing one', async () => {
      const { key, uploadId, parts: before } = await upload(bytes('first'));
      const etag = await store.uploadPart(key, uploadId, 1, bytes('second one'));
      const now = await partsOf(store, key, uploadId);
      expect(now).toMatchObject([{ partNumber: 1, sizeBytes: 10, etag }]);
      expect(etag).not.toBe(before[0]?.etag);
      for (const wrong of [before, [...now, { partNumber: 2, sizeBytes: 1, etag }]]) {
        expect(await outcomeOf(complete({ key, uploadId, parts: wrong }))).toBe('invalid-parts');
      }
      expect(await store.get(key)).toBeUndefined();
      expect(await complete({ key, uploadId, parts: now })).toBe(true);
      expect(await read(key)).toBe('second one');
    });

    /** Bytes that come one piece at a time; `before` runs before the last of them. */
    async function* arriving(pieces: readonly Uint8Array[], before: () => unknown = () => {}) {
      for (const [index, piece] of pieces.entries()) {
        if (index === pieces.length - 1) await before();
        yield piece;
      }
    }

    test('a part can be streamed: it is stored as it was sent, in the place of one that was there', async () => {
      const { key, uploadId } = await upload(bytes('before'));
      const body = new Uint8Array(randomBytes(MIN_PART_SIZE_BYTES));
      const pieces = Array.from({ length: 80 }, (_, index) => body.subarray(index * 65_536, (index + 1) * 65_536));
      const etag = await store.streamPart(key, uploadId, 1, arriving(pieces), body.length);
      expect(await store.streamPart(key, uploadId, 2, arriving([bytes('the '), bytes('rest')]), 8)).toMatch(/./);
      const parts = await partsOf(store, key, uploadId);
      expect(parts).toMatchObject([
        { partNumber: 1, sizeBytes: body.length, etag },
        { partNumber: 2, sizeBytes: 8 },
      ]);
      expect(await complete({ key, uploadId, parts })).toBe(true);
      const stored = await Array.fromAsync((await store.getRange(key, 0, body.length)) ?? []);
      expect(Buffer.concat(stored).equals(body)).toBe(true);
      expect((await store.list(key)).objects).toMatchObject([{ sizeBytes: body.length + 8 }]);
    });

    test.each([
      ['fails', 4_000_000, () => Promise.reject(new RangeError('cut'))],
      ['is shorter than announced', 3_000_001, undefined],
      ['is longer than announced', 2_999_999, undefined],
    ])('a streamed part whose body %s is not stored, and the one before it stays', async (_, sizeBytes, before) => {
      const { key, uploadId, parts } = await upload(bytes('before'));
      const pieces = [new Uint8Array(1_000_000), new Uint8Array(1_000_000), new Uint8Array(1_000_000)];
      const sent = store.streamPart(key, uploadId, 1, arriving(pieces, before), sizeBytes);
      await expect(sent).rejects.toMatchObject(before ? { message: 'cut' } : { code: 'incomplete-body' });
      expect(await partsOf(store, key, uploadId)).toEqual(parts);
    });

    test('a streamed part that is under way when its upload is aborted is refused, and leaves nothing', async () => {
      const { key, uploadId } = await upload();
      const pieces = [new Uint8Array(3_000_000), bytes('late')];
      const end = async () => void (await endUpload(store, key, uploadId));
      expect(await outcomeOf(store.streamPart(key, uploadId, 1, arriving(pieces, end), 3_000_004))).toBe(
        'no-such-upload',
      );
      expect(await store.listParts(key, uploadId)).toBeUndefined();
      expect((await store.listMultipartUploads(key)).uploads).toEqual([]);
      expect(await outcomeOf(store.streamPart(key, uploadId, 2, arriving([bytes('late')]), 4))).toBe('no-such-upload');
    });

    const ENDS = ['completed', 'aborted'];
    test.each(ENDS)('multipart uploads that were %s are over, and bring nothing back', async (end) => {
      const whole = await upload(bytes('whole'));
      const { key, uploadId } = whole;
      const sendLate = (number: number) => outcomeOf(store.uploadPart(key, uploadId, number, bytes('late')));
      if (end === 'completed') {
        expect(await complete(whole)).toBe(true);
        // False, or true from a store that remembers the completion while its object is there (Ceph RGW).
        await complete(whole);
      }
      for (let twice = 0; twice < 2; twice += 1) await store.abortMultipartUpload(key, uploadId);
      expect(await sendLate(2)).toBe('no-such-upload');
      expect(await read(key)).toBe(end === 'completed' ? 'whole' : undefined);
      await store.delete([{ key }]);
      expect(await complete(whole)).toBe(false);
      expect(await sendLate(1)).toBe('no-such-upload');
      expect(await store.listParts(key, uploadId)).toBeUndefined();
      expect((await store.listMultipartUploads(key)).uploads).toEqual([]);
      expect(await keysUnder(key)).toEqual([]);
    });

    test('multipart uploads belong to their key, and each of one key is an upload of its own', async () => {
      const { key, uploadId, parts } = await upload(bytes('mine'));
      const other = `${newPrefix()}media`;
      expect(await store.listParts(other, uploadId)).toBeUndefined();
      expect(await complete({ key: other, uploadId, parts })).toBe(false);
      expect(await outcomeOf(store.uploadPart(other, uploadId, 1, bytes('x')))).toBe('no-such-upload');
      await store.abortMultipartUpload(other, uploadId);
      expect(await store.listParts(key, uploadId)).toEqual(parts);
      const another = await store.createMultipartUpload(key, MEDIA);
      expect(another).not.toBe(uploadId);
      await store.uploadPart(key, another, 1, bytes('another'));
      await store.abortMultipartUpload(key, uploadId);
      expect(await store.completeMultipartUpload(key, another, await partsOf(store, key, another))).toBe(true);
      expect(await read(key)).toBe('another');
    });

    test('multipart uploads are listed under their prefix while they are open', async () => {
      const prefix = newPrefix();
      const listed = () => Array.fromAsync(listAllMultipartUploads(store, `${prefix}in/`));
      const names = [...ODD_NAMES.filter((item) => !item.includes('//')), 'twice', 'twice'];
      const ids: string[] = [];
      for (const item of names) ids.push(await store.createMultipartUpload(`${prefix}in/${item}`, MEDIA));
      await store.createMultipartUpload(`${prefix}out/a`, MEDIA);
      const uploads = await listed();
      expect(uploads.map((open) => open.key)).toEqual(inByteOrder(names.map((item) => `${prefix}in/${item}`)));
      expect(uploads.map((open) => open.uploadId).sort()).toEqual(ids.toSorted());
      for (const open of uploads) expectNear(open.initiatedMs, Date.now());
      const aborted = ids.at(-2) ?? '';
      await store.abortMultipartUpload(`${prefix}in/twice`, aborted);
      expect(await listed()).toEqual(uploads.filter((open) => open.uploadId !== aborted));
    });

    testLong?.('multipart uploads are listed over as many pages as there are', async () => {
      const prefix = newPrefix();
      const keys = Array.from({ length: severalPages }, (_, index) => prefix + numbered(Math.floor(index / 3)));
      await pMap(keys, (key) => store.createMultipartUpload(key, MEDIA), AT_ONCE);
      const first = await store.listMultipartUploads(prefix);
      expect(first.uploads).toHaveLength(pageKeys);
      expect(first.cursor).toBeDefined();
      const all = await Array.fromAsync(listAllMultipartUploads(store, prefix));
      expect(all.map((open) => open.key)).toEqual(keys);
      expect(new Set(all.map((open) => open.uploadId)).size).toBe(keys.length);
    });
  });
}

/** What a store that keeps versions adds; `open` opens a bucket in which they are enabled. */
export function describeVersionedStore(name: string, open: () => Promise<OpenStore>): void {
  describe(name, () => {
    let store: ObjectStore;
    openBeforeAll(open, (opened) => {
      ({ store } = opened);
    });

    test('is versioned, and completes an upload into a version', async () => {
      expect(await store.isVersioned()).toBe(true);
      for (const body of ['first', 'second']) {
        const uploadId = await store.createMultipartUpload('upload/media', MEDIA);
        await store.uploadPart('upload/media', uploadId, 1, bytes(body));
        const parts = await partsOf(store, 'upload/media', uploadId);
        expect(await store.completeMultipartUpload('upload/media', uploadId, parts)).toBe(true);
      }
      expect((await allVersions(store, 'upload/')).map((version) => version.sizeBytes)).toEqual([6, 5]);
      expect(await store.tag('upload/media', { a: 'b' })).toBe(true);
      expect(await store.tags('upload/media')).toEqual({ a: 'b' });
    });

    test('lists versions and delete markers by key, the latest first', async () => {
      for (const body of ['one', 'two', 'three!']) await store.put('order/a', bytes(body));
      await store.delete([{ key: 'order/a' }]);
      await store.put('order/b', bytes('b'));
      await store.delete([{ key: 'order/b' }]);
      await store.put('order/b', bytes('back'));
      const versions = await allVersions(store, 'order/');
      const told = versions.map((item) => [item.key, item.sizeBytes, item.isLatest, item.isDeleteMarker]);
      expect(told).toEqual([
        ['order/a', 0, true, true],
        ['order/a', 6, false, false],
        ['order/a', 3, false, false],
        ['order/a', 3, false, false],
        ['order/b', 4, true, false],
        ['order/b', 0, false, true],
        ['order/b', 1, false, false],
      ]);
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
      for (let twice = 0; twice < 2; twice += 1) expect(await store.delete(versions)).toEqual([]);
      expect(await store.get('kept/a')).toBeUndefined();
      expect((await store.listVersions('kept/')).versions).toEqual([]);
    });

    test('is empty once all its versions are deleted, over as many pages as there are', async () => {
      const writes = Array.from({ length: 1020 }, (_, index) => `many/${index % 60}`);
      await pMap(writes, (key) => store.put(key, bytes('x')), AT_ONCE);
      await store.delete(writes.slice(0, 60).map((key) => ({ key })));
      const seen: string[] = [];
      while ((await store.listVersions('')).versions.length > 0) {
        for await (const versions of versionPages(store, '')) {
          seen.push(...versions.map(({ key, versionId }) => `${key} ${versionId}`));
          expect(await store.delete(versions)).toEqual([]);
        }
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((version) => version.startsWith('many/'))).toHaveLength(1080);
      expect((await store.list('')).objects).toEqual([]);
    });
  });
}

/** Opens a store before the tests of a block, and closes it after them. */
export function openBeforeAll<T extends OpenStore>(open: () => Promise<T>, use: (opened: T) => void): void {
  let opened: T | undefined;
  beforeAll(async () => {
    opened = await open();
    use(opened);
  });
  afterAll(() => opened?.close());
}

/** The parts of an upload that is there. */
export async function partsOf(store: ObjectStore, key: string, uploadId: string) {
  const parts = await store.listParts(key, uploadId);
  if (!parts) throw new Error(`there is no upload ${uploadId} of ${key}`);
  return parts;
}

async function* versionPages(store: ObjectStore, prefix: string) {
  let cursor: string | undefined;
  do {
    const page = await store.listVersions(prefix, { cursor });
    yield page.versions;
    ({ cursor } = page);
  } while (cursor !== undefined);
}

const allVersions = async (store: ObjectStore, prefix: string) =>
  (await Array.fromAsync(versionPages(store, prefix))).flat();

/** What a call gives, or the code of its StoreError. */
export async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    if (!isStoreError(error)) throw error;
    return error.code;
  });
}

export const bytes = (content: string): Uint8Array => Buffer.from(content);

export const text = (content: Uint8Array | undefined) => content && Buffer.from(content).toString('utf8');

const numbered = (index: number) => String(index).padStart(5, '0');

function inByteOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function expectNear(timeMs: number | undefined, expectedMs: number): void {
  expect(Math.abs((timeMs ?? Number.NaN) - expectedMs)).toBeLessThan(CLOCK_TOLERANCE_MS);
}
