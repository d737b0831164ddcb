// EBML as far as WebM needs it: reading element headers, writing small elements (RFC 8794; ids of RFC 9559).
import { type Bytes, concat, readUint, uintBytes } from '../bytes.ts';

export const ID = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codecId: 0x86,
  codecDelay: 0x56aa,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
  void: 0xec,
} as const;

export interface ElementHeader {
  readonly id: number;
  /** The size of the payload; undefined when it is unknown. */
  readonly sizeBytes: number | undefined;
  /** Where the payload begins. */
  readonly payload: number;
}

/** The header at `offset`; `incomplete` when `bytes` end within it, `invalid` when it is no EBML header. */
export function readHeader(bytes: Uint8Array, offset: number): ElementHeader | 'incomplete' | 'invalid' {
  const idLength = vintLength(bytes, offset);
  if (idLength === undefined) return 'incomplete';
  if (idLength > 4) return 'invalid';
  const sizeAt = offset + idLength;
  const sizeLength = vintLength(bytes, sizeAt);
  if (sizeLength === undefined) return 'incomplete';
  if (sizeLength > 8) return 'invalid';
  const payload = sizeAt + sizeLength;
  if (payload > bytes.length) return 'incomplete';
  // The marker bit is removed first: a number does not hold eight bytes exactly.
  const size =
    ((bytes[sizeAt] ?? 0) & (0xff >> sizeLength)) * 256 ** (sizeLength - 1) + readUint(bytes, sizeAt + 1, payload);
  const isUnknown = size >= Math.min(2 ** (7 * sizeLength) - 1, Number.MAX_SAFE_INTEGER);
  return { id: readUint(bytes, offset, sizeAt), sizeBytes: isUnknown ? undefined : size, payload };
}

/** One more than the leading zeros of the first byte; 9 is not valid EBML. Undefined when `bytes` are too short. */
export function vintLength(bytes: Uint8Array, offset: number): number | undefined {
  const first = bytes[offset];
  if (first === undefined) return undefined;
  const length = Math.clz32(first) - 23;
  return length <= 8 && offset + length > bytes.length ? undefined : length;
}

/** An element whose size field has `sizeLength` bytes, or as few as possible. */
export function element(id: number, payload: Uint8Array, sizeLength: number = shortestSize(payload.length)): Bytes {
  return concat([uintBytes(id), sizeBytes(payload.length, sizeLength), payload]);
}

export function uintElement(id: number, value: number): Bytes {
  return element(id, uintBytes(value));
}

export function floatElement(id: number, value: number): Bytes {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setFloat64(0, value);
  return element(id, payload);
}

/** A Void element of exactly `totalBytes`, at least two. */
export function voidElement(totalBytes: number): Bytes {
  const sizeLength = totalBytes < 10 ? 1 : 8;
  return element(ID.void, new Uint8Array(totalBytes - 1 - sizeLength), sizeLength);
}

/** A size field; undefined means an unknown size. */
export function sizeBytes(size: number | undefined, length: number): Bytes {
  const bytes = size === undefined ? new Uint8Array(length).fill(0xff) : uintBytes(size, length);
  const marker = 0x100 >> length;
  bytes[0] = marker | ((bytes[0] ?? 0) & (marker - 1));
  return bytes;
}

/** A size field of all ones means "unknown". */
function shortestSize(size: number): number {
  let length = 1;
  while (size >= 2 ** (7 * length) - 1) length += 1;
  return length;
}
