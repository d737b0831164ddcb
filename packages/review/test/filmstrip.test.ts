// Which pictures of an overview are decoded: those that are as small as they should be.
import { afterEach, expect, test } from '@jest/globals';
import { jpegOf } from '../../../test/kit/overview.ts';
import { drawPicture, placesOf } from '../src/filmstrip.ts';
import { lineOf } from '../src/line.ts';
import type { LaneView } from '../src/review.ts';
import { at, recordingOf } from './recordings.ts';

const before = { createImageBitmap: globalThis.createImageBitmap, document: undefined };
afterEach(() => void Object.assign(globalThis, before));

/** Resolves with how many pictures were decoded. */
async function decodedOf(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  let decoded = 0;
  Object.assign(globalThis, {
    createImageBitmap: async () => {
      decoded += 1;
      return { width: 96, height: 54 };
    },
    document: {
      createElement: () => ({
        getAttribute: () => null,
        setAttribute() {},
        append() {},
        getContext: () => ({ drawImage() {} }),
      }),
    },
  });
  const [lane] = lineOf([recordingOf('w', 'webcam')], new Map()).lanes;
  const pictures = { type: 'image/jpeg', width: 96, height: 54, items: [{ atSeconds: 0, bytes }] } as const;
  const view = { lane, overviewOf: () => ({ pictures, activity: null }) } as unknown as LaneView;
  const canvas = await drawPicture(view, at(3));
  expect(canvas !== undefined).toBe(decoded === 1);
  return decoded;
}

test('a picture of the size that its overview gives is decoded', async () => {
  expect(await decodedOf(new Uint8Array(jpegOf(96, 54)))).toBe(1);
});

test.each([
  ['takes a gigabyte', jpegOf(16_383, 16_383)],
  ['is a line wider', jpegOf(97, 54)],
  ['is no picture', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
])('one that %s is not', async (_, bytes) => {
  expect(await decodedOf(new Uint8Array(bytes))).toBe(0);
});

/** Which picture is drawn where, in pixels of a line of 600 for a minute. */
function placed(apartSeconds: number): (readonly [index: number, x: number])[] {
  const line = lineOf([recordingOf('w', 'webcam')], new Map());
  const [lane] = line.lanes;
  if (!lane) throw new Error('There is no lane.');
  const items = Array.from({ length: 60 / apartSeconds }, (_, index) => ({
    atSeconds: index * apartSeconds,
    bytes: new Uint8Array(),
  }));
  const overview = { pictures: { type: 'image/jpeg', width: 90, height: 60, items }, activity: null } as const;
  return placesOf(600, 40, { line, lane, overviewOf: () => overview }).map(({ index, x }) => [index, x]);
}

test('few pictures are drawn once each, near their time', () => {
  expect(placed(20)).toEqual([
    [0, 0],
    [1, 180],
    [2, 360],
  ]);
});

test('of many pictures as many are drawn as there is place for', () => {
  expect(placed(1).map(([, x]) => x)).toEqual([0, 60, 120, 180, 240, 300, 360, 420, 480, 540]);
});
