// Sizes and ETags of what is there against what was stored, in the forms that stores and earlier versions leave.
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Manifest, StoredMark } from '../../src/bucket/documents.ts';
import type { ListedObject } from '../../src/objectstore/object-store.ts';
import { compareDocument, compareEtags, compareSizes } from '../../src/verifier/media.ts';
import { promiseIn } from '../../src/verifier/promises.ts';

const md5 = (content: string) => createHash('md5').update(content).digest('hex');
const [first, second] = [md5('first'), md5('second')];
const ofParts = `${createHash('md5').update(first, 'hex').update(second, 'hex').digest('hex')}-2`;

const listed = (object: Partial<ListedObject>): ListedObject => ({
  key: 'k',
  sizeBytes: 10,
  lastModifiedMs: 0,
  etag: ofParts,
  ...object,
});
const mark = (etags: readonly string[], media?: StoredMark['media']) =>
  ({
    version: 1,
    parts: etags.map((etag, at) => ({ partNumber: at + 1, etag })),
    ...(media && { media }),
  }) as StoredMark;
const manifest = { partSizeBytes: 6 } as Manifest;

describe('sizes', () => {
  test.each([
    [{ sizeBytes: 10 }, mark([first, second], { sizeBytes: 10 }), undefined],
    [{ sizeBytes: 9 }, mark([first, second], { sizeBytes: 10 }), '9 bytes, 10 were stored'],
    [{ sizeBytes: 0 }, mark([]), 'they are empty'],
    // Of an earlier version: two parts of at most six bytes, of which only the last may be shorter.
    [{ sizeBytes: 10 }, mark([first, second]), 'incomparable'],
    [{ sizeBytes: 13 }, mark([first, second]), '13 bytes are not 2 parts'],
    [{ sizeBytes: 5 }, mark([first, second]), '5 bytes are not 2 parts'],
    [{ sizeBytes: 99 }, mark([]), 'incomparable'],
  ] as const)('%j are %#', (media, stored, expected) => {
    const found = compareSizes(listed(media), stored, manifest);
    expect(typeof found === 'object' ? found.changed : found).toBe(expected);
  });

  test('without a manifest only the size that was kept can be compared', () => {
    expect(compareSizes(listed({ sizeBytes: 99 }), mark([first]), undefined)).toBe('incomparable');
  });
});

describe('ETags of media', () => {
  test.each([
    ['the one that was listed', ofParts, mark([first, second], { sizeBytes: 10, etag: `"${ofParts}"` }), undefined],
    ['the one that the parts make', ofParts, mark([first, second]), undefined],
    ['that of the only part, after a copy', first, mark([first]), undefined],
    ['another than was listed', md5('x'), mark([first], { sizeBytes: 10, etag: first }), /^their ETag is .*, it was /],
    ['of another number of parts', `${first}-3`, mark([first, second]), 'they have 3 parts, 2 were stored'],
    ['another than the parts make', `${first}-2`, mark([first, second]), /their parts make another$/],
    ['of a form that no MD5 makes', 'opaque', mark(['opaque-part']), 'incomparable'],
    ['none', undefined, mark([first]), 'incomparable'],
  ])('%s', (_, etag, stored, expected) => {
    const found = compareEtags(listed({ etag }), stored);
    const said = typeof found === 'object' ? found.changed : found;
    if (expected instanceof RegExp) expect(said).toMatch(expected);
    else expect(said).toBe(expected);
  });
});

describe('ETags of documents', () => {
  const body = Buffer.from('now');
  test.each([
    [md5('now'), md5('now'), undefined],
    [md5('now'), md5('then'), `its ETag is ${md5('now')}, it was ${md5('then')}`],
    // The store's form, or the one that was kept, is no MD5.
    ['opaque', md5('then'), 'incomparable'],
    [md5('now'), 'opaque', 'incomparable'],
    [md5('now'), undefined, 'incomparable'],
    [undefined, md5('now'), 'incomparable'],
  ])('%s, and it was %s', (etag, known, expected) => {
    const found = compareDocument(listed({ etag }), body, known);
    expect(typeof found === 'object' ? found.changed : found).toBe(expected);
  });
});

test.each(['', 'completed soon, deadline later', 'completed 2026-01-01T00:00:00.000Z'])(
  'an event that promises nothing readable promises nothing: %j',
  (detail) => expect(promiseIn(detail)).toBeUndefined(),
);
