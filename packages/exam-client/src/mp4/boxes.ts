// The boxes of an MP4 (ISO/IEC 14496-12), as far as a recording needs them.
import { type Bytes, concat, readUint, uintBytes } from '../bytes.ts';

export interface Box {
  readonly type: string;
  readonly at: number;
  /** Where the payload begins. */
  readonly payload: number;
  /** Infinity when the box lasts until the end of the file. */
  readonly end: number;
}

const TYPE = /^[ -~]{4}$/;

/** The header at `at`; `incomplete` when `bytes` end within it, `invalid` when it is none. */
export function readBox(bytes: Uint8Array, at: number): Box | 'incomplete' | 'invalid' {
  if (at + 8 > bytes.length) return 'incomplete';
  const size = readUint(bytes, at, at + 4);
  const payload = at + (size === 1 ? 16 : 8);
  if (payload > bytes.length) return 'incomplete';
  const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  const end = size === 0 ? Number.POSITIVE_INFINITY : at + (size === 1 ? readUint(bytes, at + 8, payload) : size);
  return TYPE.test(type) && end >= payload ? { type, at, payload, end } : 'invalid';
}

/** The boxes of a path such as `trak/mdia/mdhd` that begin in [from, to). */
export function boxes(bytes: Uint8Array, path: string, from: number, to: number): Box[] {
  const [type, ...deeper] = path.split('/');
  const found: Box[] = [];
  for (let at = from; at < to; ) {
    const box = readBox(bytes, at);
    if (typeof box === 'string' || box.end > to) break;
    if (box.type === type) {
      found.push(...(deeper.length > 0 ? boxes(bytes, deeper.join('/'), box.payload, box.end) : [box]));
    }
    at = box.end;
  }
  return found;
}

export function box(type: string, ...pieces: readonly Uint8Array[]): Bytes {
  const payload = concat(pieces);
  return concat([uintBytes(payload.length + 8, 4), new TextEncoder().encode(type), payload]);
}
