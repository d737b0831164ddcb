import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, concat, readUint, uintBytes } from '../src/bytes.ts';
import { HEAD_BYTES } from '../src/container.ts';
import type { IndexState } from '../src/index-state.ts';
import { MediaIndex } from '../src/media-index.ts';
import { element, ID, readHeader, sizeBytes, uintElement } from '../src/webm/ebml.ts';
import type { WebmHead } from '../src/webm/head.ts';
import { expectReadTheSame, expectSame, pieces, record as recordBytes } from './recorded.ts';
import { SYNTHETIC_HEAD, SYNTHETIC_TRACKS, type SyntheticOptions, syntheticWebm } from './synthetic-webm.ts';

const MINUTE: SyntheticOptions = { seconds: 60, bytesPerSecond: 2_000 };

function record(chunks: Iterable<Bytes>) {
  const recorded = recordBytes(chunks);
  return { ...recorded, found: elements(recorded.head ?? new Uint8Array()) };
}

/** The elements of a head by their ids, nested ones too. */
function elements(bytes: Uint8Array, found = new Map<number, Uint8Array[]>()): Map<number, Uint8Array[]> {
  const masters: number[] = [ID.segment, ID.info, ID.cues, ID.cuePoint, ID.cueTrackPositions, ID.seekHead, ID.seek];
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    if (typeof header === 'string') throw new Error(`${header} at ${at}`);
    const end = Math.min(bytes.length, header.payload + (header.sizeBytes ?? bytes.length));
    const payload = bytes.subarray(header.payload, end);
    found.set(header.id, [...(found.get(header.id) ?? []), payload]);
    if (masters.includes(header.id)) elements(payload, found);
    at = end;
  }
  return found;
}

const uint = (bytes: Uint8Array) => readUint(bytes, 0, bytes.length);

const durationIn = (found: ReturnType<typeof elements>) =>
  Buffer.from(found.get(ID.duration)?.[0] ?? []).readDoubleBE();

/** The payload of an element, and its offset. */
function payloadAt(bytes: Uint8Array, at: number): [number, Uint8Array] {
  const header = readHeader(bytes, at);
  if (typeof header === 'string') throw new Error(header);
  return [header.payload, bytes.subarray(header.payload, header.payload + (header.sizeBytes ?? 0))];
}

const cluster = (ticks: number, ...blocks: Bytes[]) =>
  element(ID.cluster, concat([uintElement(ID.timestamp, ticks), ...blocks]));
const block = (ticks: number) => element(ID.simpleBlock, Uint8Array.of(0x81, 0, ticks, 0x80, 9, 9, 9));
/** Of another track than the picture's. */
const sound = (ticks: number) => element(ID.simpleBlock, Uint8Array.of(0x82, 0, ticks, 0x80, 9));

describe('a recorded WebM', () => {
  test('gets room behind its header, and ends with a head of that size: its duration, a cue for each keyframe', () => {
    const raw = concat([...syntheticWebm(MINUTE)]);
    const { file, head = new Uint8Array(), found } = record([raw]);
    expectSame(file.subarray(HEAD_BYTES), raw.subarray(SYNTHETIC_HEAD.length));
    expect(elements(file.subarray(0, HEAD_BYTES)).has(ID.duration)).toBe(false);
    expect(head).toHaveLength(HEAD_BYTES);
    expect(durationIn(found)).toBe(60_000);
    const times = Array.from({ length: 12 }, (_, index) => index * 5_000);
    expect(found.get(ID.cueTime)?.map(uint)).toEqual(times);
    const [segment] = payloadAt(head, 12);
    const clusters = (found.get(ID.cueClusterPosition) ?? []).map((position) => segment + uint(position));
    expect(clusters.map((at) => readUint(file, at, at + 4))).toEqual(times.map(() => ID.cluster));
    expect(clusters.map((at) => uint(payloadAt(file, at + 12)[1]))).toEqual(times);
    const sought = (found.get(ID.seekPosition) ?? []).map((position) => segment + uint(position));
    expect(sought.map((at) => readUint(head, at, at + 4))).toEqual([ID.info, ID.tracks, ID.cues]);
  });

  test('is read the same however it is cut, and with the index put down and taken up at every cut', () => {
    const raw = concat([...syntheticWebm({ seconds: 12, bytesPerSecond: 500 })]);
    const whole = record([raw]);
    fc.assert(
      fc.property(fc.array(fc.nat(raw.length), { maxLength: 40 }), (cuts) => {
        expectReadTheSame(raw, whole, cuts);
      }),
      { numRuns: 50 },
    );
  });

  test('of frames in groups has cues for those without a reference', () => {
    const group = (time: number, isKeyframe: boolean) => {
      const block = element(ID.block, Uint8Array.of(0x81, 0, time, 0, 9, 9, 9));
      const reference = element(ID.referenceBlock, Uint8Array.of(1));
      return element(ID.blockGroup, concat(isKeyframe ? [block] : [block, reference]));
    };
    const { found } = record([
      SYNTHETIC_HEAD,
      cluster(0, group(0, true), group(50, false)),
      cluster(100, group(0, false), group(50, false)),
      cluster(200, group(0, false), group(50, true)),
    ]);
    expect(found.get(ID.cueTime)?.map(uint)).toEqual([0, 250]);
  });

  test('counts its duration from its first frame, and a still last frame at most 100 ms', () => {
    const { found } = record([SYNTHETIC_HEAD, cluster(5_000, block(0)), cluster(65_000, block(0))]);
    expect(durationIn(found)).toBe(60_100);
  });

  test('of which the beginning is left out lasts as long as what is left', () => {
    const { index } = record([...syntheticWebm(MINUTE)]);
    const cue = index.firstCue(HEAD_BYTES + 60_000);
    if (!cue) throw new Error('no cue');
    const skipped = { bytes: cue.offset - HEAD_BYTES, ms: cue.timeMs };
    const found = elements(index.finalHead(skipped) ?? new Uint8Array());
    expect(durationIn(found)).toBe(60_000 - cue.timeMs);
    expect(found.get(ID.cueTime)?.map(uint)[0]).toBe(cue.timeMs);
  });

  test.each([
    [100_000, 10],
    [1_000_000_000, 0.001],
    [333_333, 3],
  ])('with ticks of %d ns has duration and cues in them', (scale, ticksPerMs) => {
    const info = element(ID.info, uintElement(ID.timestampScale, scale));
    const segment = [element(ID.ebml, new Uint8Array()), uintBytes(ID.segment), sizeBytes(undefined, 8)];
    const seconds = [0, 7, 14].map((second) => cluster(second * 1000 * ticksPerMs, block(0)));
    const { found, index } = record([...segment, info, SYNTHETIC_TRACKS, ...seconds]);
    expect(Math.round(durationIn(found))).toBe(Math.round(14_100 * ticksPerMs));
    expect(found.get(ID.cueTime)?.map(uint)).toEqual([0, 7_000 * ticksPerMs, 14_000 * ticksPerMs]);
    expect(Math.round(index.lastMs ?? 0)).toBe(14_000);
  });

  test('has no codec delay, with which Chromium could not seek back to the beginning', () => {
    const delayed = element(ID.codecDelay, Uint8Array.of(0, 0x63, 0x2e, 0xa0));
    const entry = element(
      ID.trackEntry,
      concat([uintElement(ID.trackNumber, 1), uintElement(ID.trackType, 2), delayed]),
    );
    const start = SYNTHETIC_HEAD.subarray(0, SYNTHETIC_HEAD.length - SYNTHETIC_TRACKS.length);
    const { file, head } = record([start, element(ID.tracks, entry), cluster(0, block(0))]);
    const zero = Buffer.from(element(ID.codecDelay, new Uint8Array(4)));
    for (const written of [file, head]) {
      expect(Buffer.from(written ?? []).includes(zero)).toBe(true);
      expect(Buffer.from(written ?? []).includes(Buffer.from(delayed))).toBe(false);
    }
  });

  test.each([
    ['a header only', [SYNTHETIC_HEAD], false],
    [
      'an empty cluster',
      [SYNTHETIC_HEAD, uintBytes(ID.cluster), sizeBytes(undefined, 8), uintElement(ID.timestamp, 0)],
      false,
    ],
    ['one frame', [SYNTHETIC_HEAD, cluster(0, block(0))], true],
    ['a moment of sound and no picture', [SYNTHETIC_HEAD, cluster(0, sound(9))], false],
    ['sound and no picture', [SYNTHETIC_HEAD, cluster(0, sound(0)), cluster(2_000, sound(0))], true],
    ['nothing', [], false],
    ['another container', [new TextEncoder().encode('OggS')], true],
  ])('with %s has frames, or not', (_, chunks, hasFrames) => {
    const { index, head } = record(chunks);
    expect(index.hasFrames).toBe(hasFrames);
    expect(head !== undefined).toBe(index.lastMs !== undefined);
  });

  test('of which an earlier version of the client noted the index is read on', () => {
    const { file, index, head } = record([...syntheticWebm(MINUTE)]);
    const { startMs: _, head: noted, ...state } = structuredClone(index.state);
    const { msPerTick: __, ...webm } = noted as WebmHead;
    expectSame(new MediaIndex({ ...state, head: webm } as IndexState).finalHead(), head);
    expect(file).toHaveLength(index.state.offset);
  });

  test.each([
    ['../../../demo/fixtures/webcam.webm', 1, 4_000],
    ['fixtures/firefox-screen.webm', 2, 14_000],
    ['fixtures/firefox-audio.webm', 5, 4_000],
  ])('made by a real browser is understood: %s', async (path, cues, ms) => {
    const raw = new Uint8Array(await readFile(new URL(path, import.meta.url)));
    const { head, index, file, found } = record(pieces(raw, [100, 5_000, 9_001]));
    expect(head).toHaveLength(HEAD_BYTES);
    expect(found.get(ID.cuePoint)).toHaveLength(cues);
    expect(Math.abs((index.lastMs ?? 0) - ms)).toBeLessThan(500);
    const body = file.subarray(HEAD_BYTES);
    expectSame(body, raw.subarray(raw.length - body.length));
    expect(readHeader(body, 0)).toMatchObject({ id: ID.cluster });
  });

  test('of four hours keeps the index small, and its cues fit into the head', () => {
    const options = { seconds: 4 * 3600, bytesPerSecond: 40, framesPerSecond: 4, keyframeEverySeconds: 1 };
    const { head, index, found } = record(syntheticWebm(options));
    const times = found.get(ID.cueTime)?.map(uint) ?? [];
    expect(head).toHaveLength(HEAD_BYTES);
    expect(times.length).toBeGreaterThan(1_000);
    expect(Math.max(...times.slice(1).map((time, at) => time - (times[at] ?? 0)))).toBeLessThanOrEqual(16_000);
    expect(times.at(-1)).toBeGreaterThan((4 * 3600 - 16) * 1000);
    expect(JSON.stringify(index.state).length).toBeLessThan(200_000);
  });
});

describe('what is no WebM of a browser', () => {
  test.each([
    ['MP4', Buffer.from('\0\0\0\u0018ftypisom and so on', 'latin1')],
    ['nothing', Buffer.alloc(0)],
    ['a header that never ends', Buffer.concat([SYNTHETIC_HEAD, Buffer.alloc(10)])],
    ['zeros', Buffer.alloc(100_000)],
  ])('%s passes unchanged, without a head of ours', (_, input) => {
    const { file, head } = record(pieces(new Uint8Array(input), [3, 9]));
    expectSame(file, input);
    expect(head).toBeUndefined();
  });

  test('a file that turns into something else keeps its first head', () => {
    const { head, file } = record([...syntheticWebm({ ...MINUTE, seconds: 3 }), new Uint8Array(20)]);
    expect(head).toBeUndefined();
    expect(elements(file.subarray(0, HEAD_BYTES)).has(ID.tracks)).toBe(true);
  });
});
