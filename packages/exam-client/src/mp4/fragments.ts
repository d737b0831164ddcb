// The part of an MP4 from the first fragment on: the times of its frames, and its fragments that begin with a keyframe.

import type { MeasuredFrame } from '../activity.ts';
import { type Bytes, readUint } from '../bytes.ts';
import { JUMP_BACK_MS, type Keyframe, type Restart } from '../container.ts';
import { addCue, addFrames, type IndexState, measureFrame } from '../index-state.ts';
import { type Box, boxes, readBox } from './boxes.ts';
import { MAX_FRAGMENT_HEADER_BYTES, type Mp4Head } from './head.ts';

/** Flags of `tfhd` and `trun`: a field of four bytes for each, in this order. */
const TFHD = { duration: 0x8, size: 0x10, flags: 0x20 };
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, ofFrame: 0xf00 };
/** Of a frame: it is no keyframe. */
const IS_DEPENDENT = 0x10000;

/** Of frames that have no fields of their own: a fragment lasts seconds. */
const MAX_EQUAL_FRAMES = 100_000;

/** The frames of one track in one fragment. */
interface Frames {
  readonly track: number;
  readonly startMs: number;
  readonly lastMs: number;
  readonly deltaMs: number;
  readonly isKeyframe: boolean;
  readonly each: readonly MeasuredFrame[];
  /** Where the data of the first frame are, from the beginning of the fragment; undefined when it does not say. */
  readonly dataAt: number | undefined;
}

/** How many of `bytes`, which end at `state.offset`, were read; more than there are when a payload continues. */
export function readFragments(
  state: IndexState,
  head: Mp4Head,
  bytes: Bytes,
  from: number,
  onKeyframe: (keyframe: Keyframe) => void,
): number | Restart | 'invalid' {
  let at = from;
  while (at < bytes.length) {
    const found = readBox(bytes, at);
    if (typeof found === 'string') return found === 'invalid' ? found : at;
    const { type, payload, end } = found;
    if (type === 'ftyp') return { at, head: new Uint8Array() };
    if (type === 'moov') return { at, head: head.own.slice(0, head.moov.at) };
    if (type === 'moof') {
      if (end > at + MAX_FRAGMENT_HEADER_BYTES) return 'invalid';
      if (end > bytes.length) return at;
      const fragment = boxes(bytes, 'traf', payload, end).flatMap((box) => readFrames(state, head, bytes, box));
      const isEarlier = ({ track, startMs }: Frames) => startMs < (state.tracks[track]?.lastMs ?? 0) - JUMP_BACK_MS;
      if (fragment.some(isEarlier)) return { at, head: head.own };
      for (const { track, startMs, lastMs, deltaMs, isKeyframe, each, dataAt } of fragment) {
        addFrames(state, track, startMs, lastMs, deltaMs);
        if (track !== head.cueTrack) continue;
        for (const frame of each) measureFrame(state, { ...frame, isKeyframe: frame.isKeyframe && head.isVideo });
        if (!isKeyframe) continue;
        const offset = state.offset - bytes.length + at;
        addCue(state, { timeMs: startMs, offset });
        if (!head.isVideo || dataAt === undefined) continue;
        onKeyframe({ timeMs: startMs, offset: offset + dataAt, sizeBytes: each[0]?.sizeBytes ?? 0 });
      }
    }
    at = end;
  }
  return at;
}

/** Of one `traf`; nothing when it has no frames. */
function readFrames(state: IndexState, head: Mp4Head, bytes: Bytes, { payload: from, end }: Box): Frames[] {
  const uint = (at: number, length = 4) => readUint(bytes, at, at + length);
  const [header] = boxes(bytes, 'tfhd', from, end);
  const [decodeTime] = boxes(bytes, 'tfdt', from, end);
  const track = header ? uint(header.payload + 4) : 0;
  const defaults = head.tracks[track];
  if (!header || !defaults) return [];
  const ms = (ticks: number) => (ticks * 1000) / defaults.ticksPerSecond;
  const given = uint(header.payload);
  const field = (flag: number) => (given & flag ? uint(header.payload + 8 + lengthBefore(flag, given)) : undefined);
  const defaultTicks = field(TFHD.duration) ?? defaults.durationTicks;
  // Earlier versions of the client noted no size.
  const defaultBytes = field(TFHD.size) ?? defaults.sizeBytes ?? 0;
  const defaultFlags = field(TFHD.flags) ?? defaults.flags;
  const { lastMs: beforeMs = 0, deltaMs: lastedMs = 0 } = state.tracks[track] ?? {};
  const startMs = decodeTime
    ? ms(uint(decodeTime.payload + 4, bytes[decodeTime.payload] === 1 ? 8 : 4))
    : beforeMs + lastedMs;
  let ticks = 0;
  let lastTicks = 0;
  let dataAt: number | undefined;
  const each: MeasuredFrame[] = [];
  for (const { payload, end: runEnd } of boxes(bytes, 'trun', from, end)) {
    const runs = uint(payload);
    const at = payload + 8;
    const framesAt = at + lengthBefore(TRUN.duration, runs);
    const frameLength = lengthBefore(0x1000, runs & TRUN.ofFrame);
    // A count may be damaged.
    const most = frameLength > 0 ? Math.floor((runEnd - framesAt) / frameLength) : MAX_EQUAL_FRAMES;
    const frames = Math.min(uint(payload + 4), most);
    if (each.length === 0 && runs & TRUN.dataOffset) dataAt = uint(at);
    for (let index = 0; index < frames; index += 1) {
      const frameAt = framesAt + index * frameLength;
      const own = (flag: number) => (runs & flag ? uint(frameAt + lengthBefore(flag, runs & TRUN.ofFrame)) : undefined);
      const first = index === 0 && runs & TRUN.firstFlags ? uint(at + lengthBefore(TRUN.firstFlags, runs)) : undefined;
      const isKeyframe = ((first ?? own(TRUN.flags) ?? defaultFlags) & IS_DEPENDENT) === 0;
      each.push({ timeMs: startMs + ms(ticks), sizeBytes: own(TRUN.size) ?? defaultBytes, isKeyframe });
      lastTicks = own(TRUN.duration) ?? defaultTicks;
      ticks += lastTicks;
    }
  }
  const [first] = each;
  if (!first) return [];
  const lastMs = startMs + ms(ticks - lastTicks);
  return [
    { track, startMs, lastMs, deltaMs: ms(lastTicks), isKeyframe: !head.isVideo || first.isKeyframe, each, dataAt },
  ];
}

/** The length of the fields before that of `flag`. */
function lengthBefore(flag: number, given: number): number {
  let length = 0;
  for (let rest = given & (flag - 1); rest > 0; rest &= rest - 1) length += 4;
  return length;
}
