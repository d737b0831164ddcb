// The part of an MP4 from the first fragment on: the times of its frames, and its fragments that begin with a keyframe.
import { type Bytes, readUint } from '../bytes.ts';
import { JUMP_BACK_MS, type Restart } from '../container.ts';
import { addCue, addFrames, type IndexState } from '../index-state.ts';
import { type Box, boxes, readBox } from './boxes.ts';
import { MAX_FRAGMENT_HEADER_BYTES, type Mp4Head } from './head.ts';

/** Flags of `tfhd` and `trun`: a field of four bytes for each, in this order. */
const TFHD = { duration: 0x8, flags: 0x20 };
const TRUN = { firstFlags: 0x4, duration: 0x100, flags: 0x400, ofFrame: 0xf00 };
/** Of a frame: it is no keyframe. */
const IS_DEPENDENT = 0x10000;

/** The frames of one track in one fragment. */
interface Frames {
  readonly track: number;
  readonly startMs: number;
  readonly lastMs: number;
  readonly deltaMs: number;
  readonly isKeyframe: boolean;
}

/** How many of `bytes`, which end at `state.offset`, were read; more than there are when a payload continues. */
export function readFragments(
  state: IndexState,
  head: Mp4Head,
  bytes: Bytes,
  from: number,
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
      for (const { track, startMs, lastMs, deltaMs, isKeyframe } of fragment) {
        addFrames(state, track, startMs, lastMs, deltaMs);
        const offset = state.offset - bytes.length + at;
        if (track === head.cueTrack && isKeyframe) addCue(state, { timeMs: startMs, offset });
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
  const { lastMs: beforeMs = 0, deltaMs: lastedMs = 0 } = state.tracks[track] ?? {};
  const startMs = decodeTime
    ? ms(uint(decodeTime.payload + 4, bytes[decodeTime.payload] === 1 ? 8 : 4))
    : beforeMs + lastedMs;
  let ticks = 0;
  let lastTicks = 0;
  let count = 0;
  let flags: number | undefined;
  for (const { payload } of boxes(bytes, 'trun', from, end)) {
    const runs = uint(payload);
    const frames = uint(payload + 4);
    const at = payload + 8;
    const framesAt = at + lengthBefore(TRUN.duration, runs);
    if (runs & TRUN.firstFlags) flags ??= uint(at + lengthBefore(TRUN.firstFlags, runs));
    else if (runs & TRUN.flags) flags ??= uint(framesAt + lengthBefore(TRUN.flags, runs & TRUN.ofFrame));
    count += frames;
    for (let index = 0; index < frames; index += 1) {
      lastTicks =
        runs & TRUN.duration ? uint(framesAt + index * lengthBefore(0x1000, runs & TRUN.ofFrame)) : defaultTicks;
      ticks += lastTicks;
    }
  }
  if (count === 0) return [];
  const isKeyframe = !head.isVideo || ((flags ?? field(TFHD.flags) ?? defaults.flags) & IS_DEPENDENT) === 0;
  return [{ track, startMs, lastMs: startMs + ms(ticks - lastTicks), deltaMs: ms(lastTicks), isKeyframe }];
}

/** The length of the fields before that of `flag`. */
function lengthBefore(flag: number, given: number): number {
  let length = 0;
  for (let rest = given & (flag - 1); rest > 0; rest &= rest - 1) length += 4;
  return length;
}
