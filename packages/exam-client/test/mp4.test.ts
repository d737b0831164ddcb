// An MP4 as browsers record it, in fragments: it gets durations and an index of its fragments.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, concat, readUint, uintBytes } from '../src/bytes.ts';
import { HEAD_BYTES } from '../src/container.ts';
import { MediaIndex } from '../src/media-index.ts';
import { type Box, box, boxes } from '../src/mp4/boxes.ts';
import { expectReadTheSame, expectSame, pieces, record } from './recorded.ts';

const uints = (...values: number[]) => concat(values.map((value) => uintBytes(value, 4)));
const zeros = (length: number) => new Uint8Array(length);
const ascii = (text: string) => new TextEncoder().encode(text);

/** With times of four bytes, as ffmpeg writes them. */
const track = (id: number, handler: string, scale: number) =>
  box(
    'trak',
    box('tkhd', zeros(12), uints(id), zeros(68)),
    box('mdia', box('mdhd', zeros(12), uints(scale, 0, 0)), box('hdlr', zeros(8), ascii(handler), zeros(13))),
  );
const HEAD = concat([
  box('ftyp', ascii('isom'), uints(512), ascii('isom')),
  box(
    'moov',
    box('mvhd', zeros(12), uints(1_000, 0), zeros(80)),
    track(1, 'soun', 48_000),
    track(2, 'vide', 90_000),
    box('mvex', box('trex', zeros(4), uints(1, 1, 960, 0, 0)), box('trex', zeros(4), uints(2, 1, 9_000, 0, 0x10000))),
  ),
]);

interface Fragment {
  readonly at: number;
  readonly frames: number;
  readonly isKeyframe?: boolean;
  /** Of `tfhd`. */
  readonly flags?: number;
}

/** Of ten frames a second, each with as much sound. */
function fragment({ at, frames, isKeyframe = true, flags = 0x20000 }: Fragment): Bytes {
  const tfhd = (id: number) => box('tfhd', uints(flags, id), zeros(flags & 1 ? 8 : 0));
  const tfdt = (scale: number) => box('tfdt', zeros(4), uints(at * scale));
  const sound = box('traf', tfhd(1), tfdt(48_000), box('trun', uints(1, frames * 5, 0)));
  const first = isKeyframe ? 0x2000000 : 0x10000;
  const video = box('traf', tfhd(2), tfdt(90_000), box('trun', uints(0x5, frames, 0, first)));
  return concat([box('moof', box('mfhd', zeros(8)), sound, video), box('mdat', zeros(frames * 30))]);
}

/** A keyframe every five seconds, a fragment every second. */
const film = (seconds: number, from = 0) =>
  Array.from({ length: seconds }, (_, at) => fragment({ at: from + at, frames: 10, isKeyframe: at % 5 === 0 }));

test('a damaged count of frames is read as far as there are frames', () => {
  const damaged = (flags: number, ofEach: number) => {
    const run = box('trun', uints(flags, 4_000_000_000, ...Array.from({ length: ofEach * 3 }, () => 3_000)));
    return box('moof', box('traf', box('tfhd', uints(0, 2)), box('tfdt', zeros(4), uints(0)), run));
  };
  for (const bytes of [damaged(0x100, 1), damaged(0x300, 2), damaged(0, 0)]) {
    const index = new MediaIndex();
    expect(index.push(concat([HEAD, bytes, box('mdat', zeros(90))]))).toBeUndefined();
    expect(index.state.tracks[2]?.lastMs).toBeLessThan(1e7);
  }
});

function headOf(head: Bytes | undefined) {
  const bytes = head ?? new Uint8Array();
  const find = (path: string) => boxes(bytes, path, 0, bytes.length);
  const durations = (path: string) =>
    find(path).map((found) => {
      const isLong = bytes[found.payload] === 1;
      const at = found.payload + (isLong ? 24 : 16) + (path.endsWith('tkhd') ? 4 : 0);
      return readUint(bytes, at, at + (isLong ? 8 : 4));
    });
  const [index] = find('sidx');
  return { find, durations, references: index ? references(bytes, index) : [], index };
}

function references(bytes: Bytes, { payload, end }: Box): { sizeBytes: number; ticks: number }[] {
  expect(readUint(bytes, payload + 28, payload + 32) * 12).toBe(end - payload - 32);
  return Array.from({ length: (end - payload - 32) / 12 }, (_, index) => {
    const at = payload + 32 + index * 12;
    return { sizeBytes: readUint(bytes, at, at + 4), ticks: readUint(bytes, at + 4, at + 8) };
  });
}

describe('a recorded MP4', () => {
  test('gets room behind its header, and ends with a head of that size: durations, a reference for each keyframe', () => {
    const media = concat(film(12));
    const { file, head, index } = record([HEAD, media]);
    expectSame(file.subarray(0, HEAD.length), HEAD);
    expectSame(file.subarray(HEAD_BYTES), media);
    expect(head).toHaveLength(HEAD_BYTES);
    const { durations, references, index: sidx } = headOf(head);
    expect(['moov/mvhd', 'moov/trak/tkhd', 'moov/trak/mdia/mdhd'].map(durations)).toEqual([
      [12_000],
      [12_000, 12_000],
      [12 * 48_000, 12 * 90_000],
    ]);
    // Chromium uses an index only when it ends where the fragments begin, and names all bytes of the file.
    expect(sidx?.end).toBe(HEAD_BYTES);
    expect(references.map(({ ticks }) => ticks / 90_000)).toEqual([5, 5, 2]);
    expect(references.reduce((sum, { sizeBytes }) => sum + sizeBytes, HEAD_BYTES)).toBe(file.length);
    const second = HEAD_BYTES + (references[0]?.sizeBytes ?? 0);
    expect(Buffer.from(file.subarray(second + 4, second + 8)).toString()).toBe('moof');
    expect(index.firstCue(HEAD_BYTES + 1)).toEqual({ timeMs: 5_000, offset: second });
    expect(index.lastMs).toBe(11_980);
  });

  test('is read the same however it is cut, and with the index put down and taken up at every cut', () => {
    const raw = concat([HEAD, ...film(7)]);
    const whole = record([raw]);
    fc.assert(
      fc.property(fc.array(fc.nat(raw.length), { maxLength: 40 }), (cuts) => expectReadTheSame(raw, whole, cuts)),
      { numRuns: 50 },
    );
  });

  test('of which the beginning is left out lasts as long as what is left', () => {
    const { index } = record([HEAD, ...film(12, 100)]);
    const cue = index.firstCue(HEAD_BYTES + 1);
    if (!cue) throw new Error('no cue');
    const { durations, references } = headOf(index.finalHead({ bytes: cue.offset - HEAD_BYTES, ms: cue.timeMs }));
    expect([cue.timeMs, durations('moov/mvhd')]).toEqual([105_000, [7_000]]);
    expect(references.map(({ ticks }) => ticks / 90_000)).toEqual([5, 2]);
    expect(headOf(index.finalHead()).durations('moov/mvhd')).toEqual([12_000]);
  });

  test.each([
    ['chromium-camera.mp4', 6_990, 2],
    ['chromium-audio.mp4', 6_960, 7],
  ])('made by a real browser is understood: %s', async (name, ms, fragments) => {
    const raw = new Uint8Array(await readFile(new URL(`fixtures/${name}`, import.meta.url)));
    const { head, file, index } = record(pieces(raw, [100, 1_300, 5_001]));
    const { durations, references } = headOf(head);
    expect(Math.abs((durations('moov/mvhd')[0] ?? 0) - ms)).toBeLessThan(100);
    expect(references.length).toBeGreaterThanOrEqual(fragments);
    expect(references.reduce((sum, { sizeBytes }) => sum + sizeBytes, HEAD_BYTES)).toBe(file.length);
    const body = file.subarray(HEAD_BYTES);
    expectSame(body, raw.subarray(raw.length - body.length));
    expect(index.hasFrames).toBe(true);
  });

  test('of hours keeps the index small, and it fits into the head', () => {
    const SECONDS = 6_000;
    const { head, index } = record([HEAD, ...Array.from({ length: SECONDS }, (_, at) => fragment({ at, frames: 2 }))]);
    const { references } = headOf(head);
    expect(references.length).toBeGreaterThan(1_000);
    expect(references.reduce((sum, { ticks }) => sum + ticks / 90_000, 0)).toBeCloseTo(SECONDS - 0.8);
    expect(JSON.stringify(index.state).length).toBeLessThan(200_000);
  });

  test.each([
    ['a header only', [HEAD], false],
    ['an empty fragment', [HEAD, fragment({ at: 0, frames: 0 })], false],
    ['one frame', [HEAD, fragment({ at: 0, frames: 1 })], true],
  ])('with %s has frames, or not', (_, chunks, hasFrames) => {
    expect(record(chunks).index.hasFrames).toBe(hasFrames);
  });
});

describe('an MP4 that cannot be made seekable', () => {
  test.each([
    ['with positions from the beginning of the file', concat([HEAD, fragment({ at: 0, frames: 5, flags: 1 })])],
    ['with frames before the first fragment', concat([HEAD, box('mdat', zeros(50)), ...film(1)])],
    ['without fragments', concat([HEAD, box('mdat', zeros(50))])],
    ['without tracks', concat([box('ftyp', zeros(8)), box('moov', zeros(0)), ...film(1)])],
    ['whose header is too large for the room', concat([HEAD, box('meta', zeros(HEAD_BYTES / 2)), ...film(1)])],
  ])('passes unchanged: %s', (_, raw) => {
    const { file, head, index } = record(pieces(raw, [3, 900]));
    expectSame(file, raw);
    expect([head, index.hasFrames]).toEqual([undefined, true]);
  });

  test('keeps its first head when it turns into something else', () => {
    expect(record([HEAD, ...film(3), zeros(20).fill(255)]).head).toBeUndefined();
  });

  test('has no place where another file could begin, when an earlier version of the client left it without room', () => {
    const index = new MediaIndex();
    index.push(concat([HEAD, ...film(12)]));
    expect([index.firstCue(0), index.lastCue(Number.POSITIVE_INFINITY), index.finalHead()]).toEqual(
      Array(3).fill(undefined),
    );
  });
});
