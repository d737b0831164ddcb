// What is an overview, and what the answer names where something is none.
import { describe, expect, test } from '@jest/globals';
import { MAX_OVERVIEW_BYTES, mistakesInOverview } from '../../src/model/overview.ts';
import { headerOf, JPEG, jpegOf, overviewOf, overviewWith, WEBP, webpOf } from '../kit/overview.ts';

const valid = headerOf([JPEG, JPEG]);
const { pictures, activity } = valid;
const withPictures = (changed: object) =>
  overviewWith({ ...valid, pictures: { ...pictures, ...changed } }, [JPEG, JPEG]);
const withActivity = (changed: object) =>
  overviewWith({ ...valid, activity: { ...activity, ...changed } }, [JPEG, JPEG]);
const ofSides = (width: number, height: number) => {
  const picture = jpegOf(width, height);
  const { pictures: described, ...rest } = headerOf([picture]);
  return overviewWith({ ...rest, pictures: { ...described, width, height } }, [picture]);
};
const many = (count: number) => overviewWith(headerOf(Array(count).fill(JPEG)), Array(count).fill(JPEG));
/** With so many bytes in all. */
const ofSize = (bytes: number) => {
  const sized = (last: number) => overviewOf(Buffer.concat([JPEG, Buffer.alloc(last)]));
  const first = sized(bytes);
  return sized(2 * bytes - first.length);
};

describe('is an overview', () => {
  test.each([
    ['pictures in JPEG', overviewOf()],
    ['pictures in WebP', overviewWith(headerOf([WEBP, WEBP], 'image/webp'), [WEBP, WEBP])],
    ['no pictures', overviewWith({ ...valid, pictures: null })],
    ['an empty list of pictures', many(0)],
    ['no activity', overviewWith({ ...valid, activity: null }, [JPEG, JPEG])],
    ['neither', overviewWith({ version: 1, pictures: null, activity: null })],
    ['activity of no second', withActivity({ values: '' })],
    ['5,000 pictures', many(5000)],
    ['100,000 values', withActivity({ values: Buffer.alloc(100_000).toString('base64') })],
    ['2 MiB', ofSize(MAX_OVERVIEW_BYTES)],
    ['the largest and the smallest pictures', ofSides(320, 1)],
    ['bytes in the middle of others', Buffer.concat([JPEG, overviewOf()]).subarray(JPEG.length)],
  ])('%s', (_, body) => {
    expect(mistakesInOverview(body)).toEqual([]);
  });
});

describe('is none, and the first mistake is at', () => {
  const torn = overviewOf();
  torn.writeUInt32BE(torn.length - 3);
  test.each([
    ['body', 'three bytes', Buffer.alloc(3)],
    ['body', 'nothing', Buffer.alloc(0)],
    ['body', 'a header that is longer than the body', torn],
    ['body', 'a byte behind the pictures', Buffer.concat([overviewOf(), Buffer.alloc(1)])],
    ['body', 'a byte less', overviewOf().subarray(0, -1)],
    ['body', 'pictures that the header does not name', overviewWith({ ...valid, pictures: null }, [JPEG])],
    ['body', 'a byte above 2 MiB', ofSize(MAX_OVERVIEW_BYTES + 1)],
    ['header', 'no header', Buffer.alloc(4)],
    ['header', 'no JSON', overviewWith('{')],
    ['header', 'no UTF-8', Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('22ff22', 'hex')])],
    ['header', 'a list', overviewWith([])],
    ['header', 'null', overviewWith(null)],
    ['header.version', 'another version', overviewWith({ ...valid, version: 2 }, [JPEG, JPEG])],
    ['header.pictures', 'pictures left out', overviewWith({ version: 1, activity: null })],
    ['header.activity', 'activity left out', overviewWith({ version: 1, pictures: null })],
    ['header.score', 'a member that has no meaning', overviewWith({ ...valid, score: 1 }, [JPEG, JPEG])],
    ['header.pictures.type', 'another type', withPictures({ type: 'image/png' })],
    ['header.pictures.width', 'no width', withPictures({ width: 0 })],
    ['header.pictures.width', 'too wide', withPictures({ width: 321 })],
    ['header.pictures.height', 'half a line', withPictures({ height: 53.5 })],
    ['header.pictures.atSeconds.0', 'a time before the beginning', withPictures({ atSeconds: [-1, 0] })],
    ['header.pictures.atSeconds.1', 'a part of a millisecond', withPictures({ atSeconds: [0, 1.0001] })],
    ['header.pictures.atSeconds', 'the same time twice', withPictures({ atSeconds: [1, 1] })],
    ['header.pictures.atSeconds', 'times that fall', withPictures({ atSeconds: [2, 1] })],
    ['header.pictures.atSeconds', '5,001 pictures', many(5001)],
    ['header.pictures.sizeBytes', 'a size without a time', withPictures({ atSeconds: [0] })],
    ['header.pictures.sizeBytes.1', 'a picture of no byte', withPictures({ sizeBytes: [2 * JPEG.length, 0] })],
    ['header.pictures.sizeBytes.1', 'a JPEG that is none', overviewOf(Buffer.from('not a JPEG'))],
    ['header.pictures.sizeBytes.0', 'a WebP that is none', withPictures({ type: 'image/webp' })],
    [
      'header.pictures.sizeBytes.1',
      'a JPEG that takes a gigabyte when it is decoded',
      overviewOf(jpegOf(16_383, 16_383)),
    ],
    ['header.pictures.sizeBytes.1', 'a JPEG that is turned', overviewOf(jpegOf(54, 96))],
    [
      'header.pictures.sizeBytes.0',
      'a larger WebP',
      overviewWith(headerOf([webpOf(97, 54)], 'image/webp'), [webpOf(97, 54)]),
    ],
    ['header.activity.everySeconds', 'another distance', withActivity({ everySeconds: 2 })],
    ['header.activity.values', 'no base64', withActivity({ values: 'AB=C' })],
    ['header.activity.values', '100,001 values', withActivity({ values: Buffer.alloc(100_001).toString('base64') })],
  ])('%s: %s', (path, _, body) => {
    const [mistake] = mistakesInOverview(body);
    expect(mistake?.path).toBe(path);
    expect(mistake?.message).toMatch(/^[A-Z]/);
    expect(mistake?.message).not.toMatch(/invalid|expected/i);
  });

  test('at most twenty mistakes are told', () => {
    const bytes = Array.from({ length: 50 }, () => Buffer.from('no picture'));
    expect(mistakesInOverview(overviewWith(headerOf(bytes), bytes))).toHaveLength(20);
    expect(mistakesInOverview(withPictures({ atSeconds: Array(50).fill(-1) }))).toHaveLength(20);
  });
});
