import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClusterIndex } from '../../src/client/webm/cluster-index.ts';
import { type Bytes, concat, element, ID, readHeader, readUint, uintElement } from '../../src/client/webm/ebml.ts';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import { HeadRoom } from '../../src/client/webm/head-room.ts';
import { webm as realWebm } from '../kit/fixtures.ts';
import { SYNTHETIC_HEAD, type SyntheticOptions, syntheticWebm } from './synthetic-webm.ts';

const MINUTE: SyntheticOptions = { seconds: 60, bytesPerSecond: 2_000 };

/** What the client writes: the file with its first head, and with its last. */
function record(
  chunks: Iterable<Bytes>,
  recordedMs = 0,
): { file: Bytes; head: Bytes | undefined; index: ClusterIndex } {
  const room = new HeadRoom();
  const index = new ClusterIndex();
  const written: Bytes[] = [];
  for (const chunk of chunks) {
    const bytes = room.push(chunk);
    index.push(bytes);
    written.push(bytes);
  }
  written.push(room.end());
  return { file: concat(written), head: index.finalHead(recordedMs), index };
}

function pieces(file: Bytes, cuts: readonly number[]): Bytes[] {
  const at = [0, ...cuts.map((cut) => cut % file.length).sort((a, b) => a - b), file.length];
  return at.slice(1).map((end, index) => file.slice(at[index], end));
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

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

const uint = (bytes: Uint8Array) => readUint(bytes, 0, bytes.length);

describe('a recorded WebM', () => {
  test('gets room behind its header, and is otherwise left as it is', () => {
    const raw = concat([...syntheticWebm(MINUTE)]);
    const { file } = record([raw]);
    expect(file.length).toBe(HEAD_BYTES + raw.length - SYNTHETIC_HEAD.length);
    expect(Buffer.compare(file.subarray(HEAD_BYTES), raw.subarray(SYNTHETIC_HEAD.length))).toBe(0);
    expect(elements(file.subarray(0, HEAD_BYTES)).has(ID.duration)).toBe(false);
  });

  test('ends with a head of the same size that has its duration and a cue for each keyframe', () => {
    const { file, head } = record(syntheticWebm(MINUTE));
    const found = elements(head ?? new Uint8Array());
    expect(head).toHaveLength(HEAD_BYTES);
    expect(Buffer.from(found.get(ID.duration)?.[0] ?? []).readDoubleBE()).toBe(60_000);
    expect(found.get(ID.cueTime)?.map(uint)).toEqual(Array.from({ length: 12 }, (_, index) => index * 5_000));
    const segment = readHeader(head ?? new Uint8Array(), 12);
    if (typeof segment === 'string') throw new Error(segment);
    for (const [index, position] of (found.get(ID.cueClusterPosition) ?? []).entries()) {
      const at = segment.payload + uint(position);
      expect(readUint(file, at, at + 4)).toBe(ID.cluster);
      const time = readHeader(file, at + 12);
      if (typeof time === 'string') throw new Error(time);
      expect(readUint(file, time.payload, time.payload + (time.sizeBytes ?? 0))).toBe(index * 5_000);
    }
    const sought = (found.get(ID.seekPosition) ?? []).map((position) => segment.payload + uint(position));
    expect(sought.map((at) => readUint(head ?? new Uint8Array(), at, at + 4))).toEqual([ID.info, ID.tracks, ID.cues]);
  });

  test('lasts as long as was recorded when its last frame stands still', () => {
    const { head } = record(syntheticWebm(MINUTE), 75_500);
    expect(Buffer.from(elements(head ?? new Uint8Array()).get(ID.duration)?.[0] ?? []).readDoubleBE()).toBe(75_500);
  });

  test('is read the same however it is cut, and with the index put down and taken up at every cut', () => {
    const raw = concat([...syntheticWebm({ seconds: 12, bytesPerSecond: 500 })]);
    const whole = record([raw]);
    fc.assert(
      fc.property(fc.array(fc.nat(raw.length), { maxLength: 40 }), (cuts) => {
        const cut = record(pieces(raw, cuts));
        expect(Buffer.compare(cut.file, whole.file)).toBe(0);
        expect(isSame(cut.head, whole.head)).toBe(true);
        let index = new ClusterIndex();
        for (const piece of pieces(whole.file, cuts)) {
          index = new ClusterIndex(structuredClone(index.state));
          index.push(piece);
        }
        expect(isSame(index.finalHead(0), whole.head)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('of frames in groups has cues for those without a reference', () => {
    const group = (time: number, isKeyframe: boolean) =>
      element(
        ID.blockGroup,
        concat([
          element(ID.block, Uint8Array.of(0x81, 0, time, 0, 9, 9, 9)),
          isKeyframe ? new Uint8Array() : element(ID.referenceBlock, Uint8Array.of(1)),
        ]),
      );
    const cluster = (ticks: number, ...blocks: Bytes[]) =>
      element(ID.cluster, concat([uintElement(ID.timestamp, ticks), ...blocks]));
    const { head } = record([
      SYNTHETIC_HEAD,
      cluster(0, group(0, true), group(50, false)),
      cluster(100, group(0, false), group(50, false)),
      cluster(200, group(0, false), group(50, true)),
    ]);
    expect(
      elements(head ?? new Uint8Array())
        .get(ID.cueTime)
        ?.map(uint),
    ).toEqual([0, 250]);
  });

  test('made by a real browser is understood', () => {
    const { head, index } = record([new Uint8Array(realWebm)]);
    expect(head).toHaveLength(HEAD_BYTES);
    expect(index.lastMs).toBeGreaterThan(500);
    expect(index.state.cues.length).toBeGreaterThan(0);
  });

  test.each([
    ['screen', 2, 14_000],
    ['audio', 5, 4_000],
  ])('made by Firefox is understood: %s', async (name, cues, ms) => {
    const raw = new Uint8Array(await readFile(new URL(`fixtures/firefox-${name}.webm`, import.meta.url)));
    const { head, index, file } = record(pieces(raw, [100, 5_000, 9_001]));
    expect(elements(head ?? new Uint8Array()).get(ID.cuePoint)).toHaveLength(cues);
    expect(Math.abs((index.lastMs ?? 0) - ms)).toBeLessThan(500);
    const body = file.subarray(HEAD_BYTES);
    expect(isSame(body, raw.subarray(raw.length - body.length))).toBe(true);
    expect(readHeader(body, 0)).toMatchObject({ id: ID.cluster });
  });

  test('of four hours keeps the index small, and its cues fit into the head', () => {
    const options = { seconds: 4 * 3600, bytesPerSecond: 40, framesPerSecond: 4, keyframeEverySeconds: 1 };
    const { head, index } = record(syntheticWebm(options));
    const times =
      elements(head ?? new Uint8Array())
        .get(ID.cueTime)
        ?.map(uint) ?? [];
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
    expect(Buffer.compare(file, input)).toBe(0);
    expect(head).toBeUndefined();
  });

  test('a file that turns into something else keeps its first head', () => {
    const { head, file } = record([...syntheticWebm({ ...MINUTE, seconds: 3 }), new Uint8Array(20)]);
    expect(head).toBeUndefined();
    expect(elements(file.subarray(0, HEAD_BYTES)).has(ID.tracks)).toBe(true);
  });
});
