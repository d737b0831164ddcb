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
    const head = second === 0 ? [SYNTHETIC_HEAD] : [];
    const cluster = syntheticCluster({
      timeMs: second * 1000,
      lengthMs: 1000,
      frames: framesPerSecond,
      sizeBytes: bytesPerSecond,
      isKeyframe: second % keyframeEverySeconds === 0,
      seed: second * framesPerSecond,
    });
    yield concat([...head, cluster]);
  }
}

export interface ClusterOptions {
  /** Where it begins in the film, and how long it is. */
  readonly timeMs: number;
  readonly lengthMs: number;
  readonly frames: number;
  /** Of all frames together, about. */
  readonly sizeBytes: number;
  /** Whether the first frame is one. */
  readonly isKeyframe: boolean;
  /** Of its first frame: each frame has bytes of its own. */
  readonly seed: number;
}

/** One cluster of unknown size. */
export function syntheticCluster(options: ClusterOptions): Bytes {
  const { timeMs, lengthMs, frames, sizeBytes: totalBytes, isKeyframe, seed } = options;
  const blocks = Array.from({ length: frames }, (_, frame) => {
    const flags = frame === 0 && isKeyframe ? 0x80 : 0;
    const time = Math.round((frame * lengthMs) / frames);
    const data = noise(seed + frame, Math.floor(totalBytes / frames));
    return element(ID.simpleBlock, concat([Uint8Array.of(0x81, time >> 8, time & 0xff, flags), data]));
  });
  return concat([uintBytes(ID.cluster), sizeBytes(undefined, 8), uintElement(ID.timestamp, timeMs), ...blocks]);
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
