// A WebM as a browser's MediaRecorder writes it (unknown sizes, no duration, no cues), of any length, and known to a byte.
import { type Bytes, concat, uintBytes } from '../src/bytes.ts';
import { element, ID, sizeBytes, uintElement } from '../src/webm/ebml.ts';

export { concat } from '../src/bytes.ts';
export { HEAD_BYTES } from '../src/container.ts';
export { ID } from '../src/webm/ebml.ts';

export interface SyntheticOptions {
  readonly seconds: number;
  readonly bytesPerSecond: number;
  /** Default: every five seconds. */
  readonly keyframeEverySeconds?: number;
  /** Default: 10. */
  readonly framesPerSecond?: number;
}

/** The header with the first second, then one second each: a cluster of its own, with a keyframe first where one is due. */
export function* syntheticWebm(options: SyntheticOptions): Generator<Bytes> {
  const { seconds, bytesPerSecond, keyframeEverySeconds = 5, framesPerSecond = 10 } = options;
  for (let second = 0; second < seconds; second += 1) {
    const frames = Array.from({ length: framesPerSecond }, (_, frame) => {
      const flags = frame === 0 && second % keyframeEverySeconds === 0 ? 0x80 : 0;
      const time = Math.round((frame * 1000) / framesPerSecond);
      const data = noise(second * framesPerSecond + frame, Math.floor(bytesPerSecond / framesPerSecond));
      return element(ID.simpleBlock, concat([Uint8Array.of(0x81, time >> 8, time & 0xff, flags), data]));
    });
    const head = second === 0 ? [SYNTHETIC_HEAD] : [];
    const timestamp = uintElement(ID.timestamp, second * 1000);
    yield concat([...head, uintBytes(ID.cluster), sizeBytes(undefined, 8), timestamp, ...frames]);
  }
}

const ascii = (text: string) => new TextEncoder().encode(text);
const TRACK = concat([
  uintElement(ID.trackNumber, 1),
  uintElement(ID.trackType, 1),
  element(0x86, ascii('V_VP8')),
  element(0xe0, concat([uintElement(0xb0, 640), uintElement(0xba, 480)])),
]);

export const SYNTHETIC_TRACKS: Bytes = element(ID.tracks, element(ID.trackEntry, TRACK));

export const SYNTHETIC_HEAD: Bytes = concat([
  element(ID.ebml, element(0x4282, ascii('webm'))),
  uintBytes(ID.segment),
  sizeBytes(undefined, 8),
  element(ID.info, concat([uintElement(ID.timestampScale, 1_000_000), element(0x4d80, ascii('test'))])),
  SYNTHETIC_TRACKS,
]);

/** Marsaglia's xorshift: the same bytes for the same seed, on both sides of the wire. */
function noise(seed: number, length: number): Bytes {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed + 1) * 2_654_435_761;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
