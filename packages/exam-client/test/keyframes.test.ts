// The keyframes of files that real browsers recorded: where they are, and how they are decoded.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { type Bytes, concat, uintBytes } from '../src/bytes.ts';
import type { Keyframe } from '../src/container.ts';
import { MediaIndex } from '../src/media-index.ts';
import { mp4Decoding } from '../src/mp4/head.ts';
import { element, ID, sizeBytes, uintElement } from '../src/webm/ebml.ts';
import { webmDecoding } from '../src/webm/head.ts';
import { pieces } from './recorded.ts';
import { SYNTHETIC_HEAD, SYNTHETIC_TRACKS } from './synthetic-webm.ts';

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

test('of VP8 in groups are found by the frame itself: with transparency, Chromium writes groups', () => {
  const trackEntry = concat([
    uintElement(ID.trackNumber, 1),
    uintElement(ID.trackType, 1),
    element(ID.codecId, new TextEncoder().encode('V_VP8')),
  ]);
  const start = SYNTHETIC_HEAD.subarray(0, SYNTHETIC_HEAD.length - SYNTHETIC_TRACKS.length);
  const group = (ms: number, firstByte: number) =>
    element(ID.blockGroup, element(ID.block, Uint8Array.of(0x81, 0, ms, 0, firstByte, 1, 2, 3, 4, 5, 6, 7, 8, 9)));
  const cluster = [uintBytes(ID.cluster), sizeBytes(undefined, 8), uintElement(ID.timestamp, 0)];
  const file = concat([
    start,
    element(ID.tracks, element(ID.trackEntry, trackEntry)),
    ...cluster,
    group(0, 0x10),
    group(40, 0x11),
    group(80, 0x31),
    group(120, 0x50),
  ]);
  for (const cuts of [[], Array.from(file, (_, at) => at)]) {
    const found: Keyframe[] = [];
    const index = new MediaIndex(undefined, { found: (keyframe) => void found.push(keyframe), read() {} });
    for (const piece of pieces(file, cuts)) index.push(piece);
    expect(found.map(({ timeMs, sizeBytes: size }) => [timeMs, size])).toEqual([
      [0, 10],
      [120, 10],
    ]);
    for (const { offset } of found) expect(file[offset] ?? 1).toBe(found[0]?.offset === offset ? 0x10 : 0x50);
  }
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
