// The format of an overview: what is written is read again, and nothing else is.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concat, uintBytes } from '../src/bytes.ts';
import { MAX_OVERVIEW_BYTES, type Overview, readOverview, writeOverview } from '../src/overview.ts';

const bytesOf = (...values: number[]) => Uint8Array.from(values);
const OVERVIEW: Overview = {
  pictures: {
    type: 'image/webp',
    width: 96,
    height: 54,
    items: [
      { atSeconds: 0, bytes: bytesOf(1, 2, 3) },
      { atSeconds: 10.02, bytes: bytesOf(4) },
    ],
  },
  activity: bytesOf(0, 180, 255),
};

/** The header as another writer may have it, and what follows. */
function written(header: unknown, ...pictures: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  return concat([uintBytes(json.length, 4), json, ...pictures]);
}

const PICTURES = { type: 'image/jpeg', width: 96, height: 54, atSeconds: [0, 9.5], sizeBytes: [1, 2] };
const header = (pictures: object | null, activity: object | null = null) => ({ version: 1, pictures, activity });

test('is a length, a header in JSON, and the pictures', () => {
  const bytes = writeOverview(OVERVIEW);
  const json =
    '{"version":1,"pictures":{"type":"image/webp","width":96,"height":54,"atSeconds":[0,10.02],"sizeBytes":[3,1]},' +
    '"activity":{"everySeconds":1,"values":"ALT/"}}';
  expect(Buffer.from(bytes)).toEqual(
    Buffer.concat([bytesOf(0, 0, 0, json.length), Buffer.from(json), bytesOf(1, 2, 3, 4)]),
  );
});

test('is read as it was written, with pictures that are parts of it', () => {
  const bytes = writeOverview(OVERVIEW);
  const overview = readOverview(bytes);
  expect(overview).toEqual(OVERVIEW);
  expect(overview.pictures?.items.every((picture) => picture.bytes.buffer === bytes.buffer)).toBe(true);
});

test.each<Overview>([
  { pictures: null, activity: bytesOf(7) },
  { pictures: OVERVIEW.pictures, activity: null },
  { pictures: null, activity: new Uint8Array(100_000).fill(200) },
])('may lack one of both', (overview) => {
  expect(readOverview(writeOverview(overview))).toEqual(overview);
});

test.each<[string, Uint8Array<ArrayBuffer>]>([
  ['nothing', bytesOf()],
  ['no header', bytesOf(0, 0, 1, 0)],
  ['a header that is no JSON', written('{')],
  ['a header that is not UTF-8', concat([bytesOf(0, 0, 0, 3), bytesOf(0x22, 0xff, 0x22)])],
  ['a header that is null', written('null')],
  ['another version', written({ version: 2, pictures: null, activity: null })],
  ['no pictures, and no word of it', written({ version: 1, activity: null })],
  ['bytes without a picture', written(header(null), bytesOf(1))],
  ['another type', written(header({ ...PICTURES, type: 'image/svg+xml' }), bytesOf(1, 2, 3))],
  ['a large picture', written(header({ ...PICTURES, width: 321 }), bytesOf(1, 2, 3))],
  ['a picture without height', written(header({ ...PICTURES, height: 0 }), bytesOf(1, 2, 3))],
  ['a picture before the beginning', written(header({ ...PICTURES, atSeconds: [-1, 2] }), bytesOf(1, 2, 3))],
  ['pictures at one position', written(header({ ...PICTURES, atSeconds: [2, 2] }), bytesOf(1, 2, 3))],
  ['a position of microseconds', written(header({ ...PICTURES, atSeconds: [0, 1.0005] }), bytesOf(1, 2, 3))],
  ['a position that is no number', written(header({ ...PICTURES, atSeconds: [0, '1'] }), bytesOf(1, 2, 3))],
  ['a position without a size', written(header({ ...PICTURES, sizeBytes: [3] }), bytesOf(1, 2, 3))],
  ['an empty picture', written(header({ ...PICTURES, sizeBytes: [0, 3] }), bytesOf(1, 2, 3))],
  ['a picture that is cut off', written(header(PICTURES), bytesOf(1, 2))],
  ['bytes after the last picture', written(header(PICTURES), bytesOf(1, 2, 3, 4))],
  [
    'too many pictures',
    written(
      header({ ...PICTURES, atSeconds: Array.from({ length: 5_001 }, (_, at) => at), sizeBytes: Array(5_001).fill(1) }),
      new Uint8Array(5_001),
    ),
  ],
  ['activity of other lengths', written(header(null, { everySeconds: 2, values: '' }))],
  ['activity that is not base64', written(header(null, { everySeconds: 1, values: 'é' }))],
  ['too much activity', written(header(null, { everySeconds: 1, values: Buffer.alloc(100_001).toString('base64') }))],
  [
    'more than 2 MiB',
    written(header({ ...PICTURES, sizeBytes: [1, MAX_OVERVIEW_BYTES] }), new Uint8Array(MAX_OVERVIEW_BYTES + 1)),
  ],
])('is refused with %s', (_, bytes) => {
  expect(() => readOverview(bytes)).toThrow(TypeError);
});

test('that is damaged anywhere is refused or read, and nothing else happens', () => {
  const bytes = writeOverview(OVERVIEW);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
      const damaged = bytes.slice(0, length);
      if (at < length) damaged[at] = value;
      try {
        readOverview(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
    }),
  );
});
