// The keyframes of files that real browsers recorded: where they are, and how they are decoded.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Bytes } from '../src/bytes.ts';
import type { Keyframe } from '../src/container.ts';
import { MediaIndex } from '../src/media-index.ts';
import { mp4Decoding } from '../src/mp4/head.ts';
import { webmDecoding } from '../src/webm/head.ts';
import { pieces } from './recorded.ts';

/** RFC 6386, 9.1: three bytes, then a start code. */
const isVp8 = (data: Bytes) => Buffer.from(data.subarray(3, 6)).toString('hex') === '9d012a';
/** VP9 bitstream specification, 7.2: after the first byte. */
const isVp9 = (data: Bytes) => Buffer.from(data.subarray(1, 4)).toString('hex') === '498342';

test.each([
  ['../../../demo/fixtures/webcam.webm', { codec: 'vp8' }, isVp8],
  ['fixtures/firefox-camera.webm', { codec: 'vp8' }, isVp8],
  ['fixtures/firefox-screen.webm', { codec: 'vp8' }, isVp8],
  ['fixtures/chromium-camera.mp4', { codec: 'vp09.00.10.08' }, isVp9],
])('are found, with their decoder: %s', async (path, wanted, isKeyframe) => {
  const file = new Uint8Array(await readFile(new URL(path, import.meta.url)));
  const found: Keyframe[] = [];
  const decodings: unknown[] = [];
  const index = new MediaIndex(undefined, {
    found(keyframe, head) {
      found.push(keyframe);
      decodings.push('moov' in head ? mp4Decoding(head) : webmDecoding(head));
    },
    read() {},
  });
  for (const piece of pieces(file, [1_000, 1_001, 7_000])) index.push(piece);
  expect(found.length).toBeGreaterThan(0);
  for (const { offset, sizeBytes } of found) expect(isKeyframe(file.slice(offset, offset + sizeBytes))).toBe(true);
  expect(decodings).toEqual(found.map(() => wanted));
});

test.each(['fixtures/firefox-audio.webm', 'fixtures/chromium-audio.mp4'])(
  'there are none of sound: %s',
  async (path) => {
    const found: Keyframe[] = [];
    const index = new MediaIndex(undefined, { found: (keyframe) => void found.push(keyframe), read() {} });
    index.push(new Uint8Array(await readFile(new URL(path, import.meta.url))));
    expect(index.lastMs).toBeGreaterThan(1_000);
    expect(found).toEqual([]);
  },
);
