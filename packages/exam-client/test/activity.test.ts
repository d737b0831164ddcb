// How much each second changes, by the size of its frames: of synthetic files whose every frame is known.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { type Bytes, concat, uintBytes } from '../src/bytes.ts';
import type { IndexState } from '../src/index-state.ts';
import { MediaIndex } from '../src/media-index.ts';
import { element, ID, sizeBytes, uintElement } from '../src/webm/ebml.ts';
import { pieces, record } from './recorded.ts';
import { SYNTHETIC_HEAD, SYNTHETIC_TRACKS } from './synthetic-webm.ts';

const scaled = (bytes: number) => Math.min(255, Math.round(16 * Math.log2(1 + bytes)));

interface Frame {
  readonly ms: number;
  readonly size: number;
  readonly isKeyframe?: boolean;
}

const track = (number: number, type: number) =>
  element(ID.trackEntry, concat([uintElement(ID.trackNumber, number), uintElement(ID.trackType, type)]));
const SOUND_HEAD = concat([
  SYNTHETIC_HEAD.subarray(0, SYNTHETIC_HEAD.length - SYNTHETIC_TRACKS.length),
  element(ID.tracks, track(1, 2)),
]);

const head = (ms: number, isKeyframe: boolean) => Uint8Array.of(0x81, ms >> 8, ms & 0xff, isKeyframe ? 0x80 : 0);
const simple = ({ ms, size, isKeyframe = false }: Frame) =>
  element(ID.simpleBlock, concat([head(ms, isKeyframe), new Uint8Array(size)]));
/** As some muxers write a frame with a duration: what it refers to comes after it. */
const grouped = ({ ms, size, isKeyframe = false }: Frame) => {
  const block = element(ID.block, concat([head(ms, false), new Uint8Array(size)]));
  return element(ID.blockGroup, isKeyframe ? block : concat([block, element(ID.referenceBlock, Uint8Array.of(1))]));
};
const cluster = (frames: readonly Frame[], write = simple, timeMs = 0) =>
  concat([uintBytes(ID.cluster), sizeBytes(undefined, 8), uintElement(ID.timestamp, timeMs), ...frames.map(write)]);

function activityOf(chunks: readonly Bytes[], skipped?: { bytes: number; ms: number }): number[] | null {
  const { index } = record(chunks);
  const span = index.span(skipped);
  const activity = span && index.activity(span);
  return activity ? [...activity] : null;
}

const FRAMES: readonly Frame[] = [
  { ms: 0, size: 5_000, isKeyframe: true },
  { ms: 100, size: 10 },
  { ms: 900, size: 20 },
  { ms: 1_200, size: 300 },
  // Nothing in the second that begins at 2,000.
  { ms: 3_100, size: 4_900, isKeyframe: true },
  { ms: 3_200, size: 7 },
  { ms: 4_000, size: 4_900, isKeyframe: true },
];
const VALUES = [30, 300, 0, 107, 0].map(scaled);

test.each([
  ['SimpleBlocks', simple],
  ['BlockGroups', grouped],
])('is measured in %s: a keyframe counts with what differs from the one before', (_, write) => {
  expect(activityOf([SYNTHETIC_HEAD, cluster(FRAMES, write)])).toEqual(VALUES);
});

test('begins with the first frame, and has each second up to the end', () => {
  const late = FRAMES.map((frame) => ({ ...frame, ms: frame.ms + 700 }));
  expect(activityOf([SYNTHETIC_HEAD, cluster(late)])).toEqual(VALUES);
});

test('of sound alone is the size of all of it', () => {
  const frames = [0, 500, 1_000].map((ms) => ({ ms, size: 80, isKeyframe: true }));
  expect(activityOf([SOUND_HEAD, cluster(frames)])).toEqual([160, 80].map(scaled));
});

test('of sound beside a picture does not count', () => {
  const sound = element(ID.simpleBlock, concat([Uint8Array.of(0x82, 0, 0, 0), new Uint8Array(900)]));
  expect(activityOf([SYNTHETIC_HEAD, concat([cluster(FRAMES), sound])])).toEqual(VALUES);
});

test('of a file that leaves out the beginning is that of the seconds that are in it', () => {
  const { file, index } = record([
    SYNTHETIC_HEAD,
    cluster(FRAMES),
    cluster([{ ms: 0, size: 50, isKeyframe: true }], simple, 5_000),
  ]);
  expect(file.length).toBe(index.state.offset);
  const span = index.span({ bytes: 1, ms: 3_100 });
  expect([...(span && index.activity(span) ? (index.activity(span) ?? []) : [])]).toEqual([107, 0].map(scaled));
});

test('is measured the same however the file is cut, and with the index put down and taken up at every cut', () => {
  const { file } = record([SYNTHETIC_HEAD, cluster(FRAMES)]);
  let index = new MediaIndex();
  for (const piece of pieces(
    file,
    Array.from({ length: 300 }, (_, at) => at * 211),
  )) {
    index = new MediaIndex(structuredClone(index.state));
    index.push(piece);
  }
  const span = index.span();
  expect(span && [...(index.activity(span) ?? [])]).toEqual(VALUES);
});

test('is unknown where an earlier version of the client has read the beginning, and where the file cannot be read', () => {
  const { index } = record([SYNTHETIC_HEAD, cluster(FRAMES)]);
  const { activity: _, ...earlier } = structuredClone(index.state);
  const taken = new MediaIndex(earlier as IndexState);
  taken.push(cluster(FRAMES, simple, 5_000));
  const span = taken.span();
  expect(span && taken.activity(span)).toBeNull();
  index.skipTo(1_000_000);
  const whole = index.span();
  expect(whole && index.activity(whole)).toBeNull();
});

test.each([
  ['fixtures/firefox-camera.webm', 6],
  ['fixtures/firefox-audio.webm', 4],
  ['fixtures/chromium-camera.mp4', 6],
  ['fixtures/chromium-audio.mp4', 6],
])('of what a real browser recorded has a value for each second, and most are above 0: %s', async (path, seconds) => {
  const raw = new Uint8Array(await readFile(new URL(path, import.meta.url)));
  const values = activityOf(pieces(raw, [700, 9_000])) ?? [];
  expect(values.length).toBeGreaterThanOrEqual(seconds);
  expect(values.filter((value) => value > 0).length).toBeGreaterThanOrEqual(seconds - 1);
});
