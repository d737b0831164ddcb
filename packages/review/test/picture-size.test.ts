// What pictures say of their size: those that browsers and others write, and those that are made to mislead.
import { expect, test } from '@jest/globals';
import { pictureSize } from '../../../src/model/picture-size.ts';
import { jpegOf, webpOf } from '../../../test/kit/overview.ts';
import { pictureSize as inThePlayer } from '../src/picture-size.ts';

const webp = (chunk: string, hex: string) =>
  Buffer.concat([Buffer.from(`RIFF\0\0\0\0WEBP${chunk}\0\0\0\0`, 'latin1'), Buffer.from(hex, 'hex')]);
/** The beginnings of files that FFmpeg wrote, of 96 × 54. */
const LOSSLESS = webp('VP8L', '2f5f400d00990b2c443ff0');
const EXTENDED = webp('VP8X', '000000005f0000350000');
const WITH_TABLES = Buffer.from(
  'ffd8ffe000104a46494600010200000100010000fffe00044c61ffdb0004abcdffc40004abcdffc2001108003600600301220002',
  'hex',
);

test.each([
  ['a baseline JPEG', 'image/jpeg', jpegOf(96, 54), [96, 54]],
  ['a progressive JPEG with tables before', 'image/jpeg', WITH_TABLES, [96, 54]],
  ['a large JPEG', 'image/jpeg', jpegOf(65_535, 65_535), [65_535, 65_535]],
  ['a lossy WebP', 'image/webp', webpOf(96, 54), [96, 54]],
  ['a scaled lossy WebP', 'image/webp', webpOf(0xc000 | 96, 0x4000 | 54), [96, 54]],
  ['a lossless WebP', 'image/webp', LOSSLESS, [96, 54]],
  ['an extended WebP', 'image/webp', EXTENDED, [96, 54]],
  ['the largest extended WebP', 'image/webp', webp('VP8X', '00000000ffffffffffff'), [1 << 24, 1 << 24]],
] as const)('%s', (_, type, bytes, [width, height]) => {
  expect(pictureSize(type, bytes)).toEqual({ width, height });
  expect(inThePlayer(type, bytes)).toEqual({ width, height });
  // In the middle of others, as in an overview.
  expect(pictureSize(type, Buffer.concat([Buffer.alloc(7), bytes]).subarray(7))).toEqual({ width, height });
});

test.each([
  ['nothing', 'image/jpeg', Buffer.alloc(0)],
  ['a JPEG that is called a WebP', 'image/webp', jpegOf(96, 54)],
  ['a WebP that is called a JPEG', 'image/jpeg', webpOf(96, 54)],
  ['a JPEG that ends before its size', 'image/jpeg', jpegOf(96, 54).subarray(0, 15)],
  ['a JPEG whose scan comes before its size', 'image/jpeg', Buffer.from('ffd8ffda000cffc0001108003600600301', 'hex')],
  ['a JPEG with bytes between its segments', 'image/jpeg', Buffer.from('ffd8ffe0000200ffc0001108003600600301', 'hex')],
  ['a WebP that ends before its size', 'image/webp', webpOf(96, 54).subarray(0, 29)],
  ['a WebP of another chunk', 'image/webp', webp('ALPH', '0000000000000000000000')],
  ['a WAV', 'image/webp', Buffer.from(`RIFF\0\0\0\0WAVEfmt ${'\0'.repeat(20)}`, 'latin1')],
] as const)('of %s there is none', (_, type, bytes) => {
  expect(pictureSize(type, bytes)).toBeUndefined();
  expect(inThePlayer(type, bytes)).toBeUndefined();
});
