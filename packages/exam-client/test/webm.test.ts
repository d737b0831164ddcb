import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClusterIndex } from '../src/webm/cluster-index.ts';
import { type Bytes, concat, element, ID, readHeader, readUint, uintElement } from '../src/webm/ebml.ts';
import { HEAD_BYTES } from '../src/webm/head.ts';
import { HeadRoom } from '../src/webm/head-room.ts';
import { SYNTHETIC_HEAD, type SyntheticOptions, syntheticWebm } from './synthetic-webm.ts';

const MINUTE: SyntheticOptions = { seconds: 60, bytesPerSecond: 2_000 };

/** What the client writes: the file with its first head, and the final head that replaces it. */
function record(chunks: Iterable<Bytes>, recordedMs = 0) {
  const room = new HeadRoom();
  const index = new ClusterIndex();
  const written = [...chunks].map((chunk) => room.push(chunk));
  written.push(room.end());
  for (const bytes of written) index.push(bytes);
  const head = index.finalHead(recordedMs);
  return { file: concat(written), head, index, found: elements(head ?? new Uint8Array()) };
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

const uint = (bytes: Uint8Array) => readUint(bytes, 0, bytes.length);

const durationIn = (found: ReturnType<typeof elements>) =>
  Buffer.from(found.get(ID.duration)?.[0] ?? []).readDoubleBE();

/** The payload of an element, and its offset. */
function payloadAt(bytes: Uint8Array, at: number): [number, Uint8Array] {
  const header = readHeader(bytes, at);
  if (typeof header === 'string') throw new Error(header);
  return [header.payload, bytes.subarray(header.payload, header.payload + (header.sizeBytes ?? 0))];
}

function expectSame(bytes: Uint8Array | undefined, others: Uint8Array | undefined): void {
  expect(Buffer.compare(bytes ?? Buffer.from('none'), others ?? Buffer.alloc(0))).toBe(0);
}

describe('a recorded WebM', () => {
  test('gets room behind its header, and ends with a head of that size: its duration, a cue for each keyframe', () => {
    const raw = concat([...syntheticWebm(MINUTE)]);
    const { file, head = new Uint8Array(), found } = record([raw]);
    expectSame(file.subarray(HEAD_BYTES), raw.subarray(SYNTHETIC_HEAD.length));
    expect(elements(file.subarray(0, HEAD_BYTES)).has(ID.duration)).toBe(false);
    expect(head).toHaveLength(HEAD_BYTES);
    expect(durationIn(found)).toBe(60_000);
    // Its last frame may be shown for longer.
    expect(durationIn(record([raw], 75_500).found)).toBe(75_500);
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
        const cut = record(pieces(raw, cuts));
        expectSame(cut.file, whole.file);
        expectSame(cut.head, whole.head);
        let index = new ClusterIndex();
        for (const piece of pieces(whole.file, cuts)) {
          index = new ClusterIndex(structuredClone(index.state));
          index.push(piece);
        }
        expectSame(index.finalHead(0), whole.head);
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
    const cluster = (ticks: number, ...blocks: Bytes[]) =>
      element(ID.cluster, concat([uintElement(ID.timestamp, ticks), ...blocks]));
    const { found } = record([
      SYNTHETIC_HEAD,
      cluster(0, group(0, true), group(50, false)),
      cluster(100, group(0, false), group(50, false)),
      cluster(200, group(0, false), group(50, true)),
    ]);
    expect(found.get(ID.cueTime)?.map(uint)).toEqual([0, 250]);
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
