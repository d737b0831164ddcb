// The part of a WebM from the first cluster on: the times of its frames, and its clusters with keyframes.
import { type Bytes, concat, readUint } from '../bytes.ts';
import { JUMP_BACK_MS, type Keyframe, type Restart } from '../container.ts';
import { addCue, addFrames, type IndexState, lastMsOf, measureFrame } from '../index-state.ts';
import { ID, readHeader, vintLength } from './ebml.ts';
import { ownWebmHead, VP8, type WebmHead, webmDecoding } from './head.ts';

/** A block's track, time and flags have at most this length. */
const BLOCK_HEAD_BYTES = 11;
/** Firefox does not set it on audio, where every frame is a keyframe. */
const KEYFRAME_FLAG = 0x80;
/** The last frame is assumed to last as long as the one before it, and at most this. */
const MAX_FRAME_MS = 100;
/** Of a block, after its track: its time and its flags. */
const TIME_AND_FLAGS_BYTES = 3;

/** How many of `bytes`, which end at `state.offset`, were read; more than there are when a payload continues. */
export function readClusters(
  state: IndexState,
  head: WebmHead,
  bytes: Bytes,
  from: number,
  onKeyframe: (keyframe: Keyframe) => void,
): number | Restart | 'invalid' {
  const base = state.offset - bytes.length;
  let at = from;
  while (at < bytes.length) {
    const header = readHeader(bytes, at);
    if (typeof header === 'string') return header === 'invalid' ? header : at;
    const end = header.payload + (header.sizeBytes ?? 0);
    endGroup(state, base + at);
    switch (header.id) {
      case ID.ebml:
        return { at, head: new Uint8Array() };
      case ID.segment:
        return { at, head: head.ebml };
      case ID.tracks:
        return { at, head: concat(ownWebmHead(head).slice(0, -1)) };
      case ID.cluster: {
        // Its time comes first. It is read together with it, because only the time tells whether the source began anew.
        const first = readHeader(bytes, header.payload);
        if (first === 'incomplete') return at;
        if (first !== 'invalid' && first.id === ID.timestamp) {
          const timeEnd = first.payload + (first.sizeBytes ?? 0);
          if (timeEnd > bytes.length) return at;
          const timeMs = readUint(bytes, first.payload, timeEnd) * msPerTick(head);
          if (timeMs < (lastMsOf(state) ?? 0) - JUMP_BACK_MS) return { at, head: concat(ownWebmHead(head)) };
        }
        state.cluster = { offset: base + at, timeMs: 0, isCued: false };
        at = header.payload;
        continue;
      }
      case ID.blockGroup:
        state.group = { end: base + end, timeMs: 0, isKeyframe: false };
        at = header.payload;
        continue;
      case ID.timestamp:
        if (end > bytes.length) return at;
        if (state.cluster) state.cluster.timeMs = readUint(bytes, header.payload, end) * msPerTick(head);
        break;
      case ID.simpleBlock:
      case ID.block:
        if (Math.min(end, header.payload + BLOCK_HEAD_BYTES) > bytes.length) return at;
        readBlock(state, head, bytes, {
          at: header.payload,
          end,
          isSimple: header.id === ID.simpleBlock,
          onKeyframe: ({ offset, ...keyframe }) => onKeyframe({ ...keyframe, offset: base + offset }),
        });
        break;
      case ID.referenceBlock:
        if (state.group) state.group.isKeyframe = false;
        break;
    }
    at = end;
  }
  return at;
}

/** The last group is over when the file is. */
export function endGroup(state: IndexState, offset: number): void {
  const { group } = state;
  if (!group || offset < group.end) return;
  state.group = undefined;
  const { timeMs, sizeBytes, isKeyframe } = group;
  if (sizeBytes !== undefined) measureFrame(state, { timeMs, sizeBytes, isKeyframe });
  if (group.isKeyframe) addClusterCue(state, group.timeMs);
}

/** Earlier versions of the client noted no scale: they read milliseconds only. */
function msPerTick(head: WebmHead): number {
  return head.msPerTick ?? 1;
}

interface Block {
  /** Where its payload begins and ends, in the bytes that are read. */
  readonly at: number;
  readonly end: number;
  readonly isSimple: boolean;
  /** `offset` is a position in the bytes that are read. */
  readonly onKeyframe: (keyframe: Keyframe) => void;
}

function readBlock(state: IndexState, head: WebmHead, bytes: Bytes, { at, end, isSimple, onKeyframe }: Block): void {
  const { cluster, group, tracks } = state;
  const length = vintLength(bytes, at);
  if (!cluster || length === undefined) return;
  const track = readUint(bytes, at, at + length) - 2 ** (7 * length);
  const relative = (readUint(bytes, at + length, at + length + 2) << 16) >> 16;
  const timeMs = cluster.timeMs + relative * msPerTick(head);
  const before = tracks[track]?.lastMs ?? timeMs;
  addFrames(state, track, timeMs, Math.max(before, timeMs), Math.min(Math.max(0, timeMs - before), MAX_FRAME_MS));
  if (track !== head.cueTrack) return;
  const offset = at + length + TIME_AND_FLAGS_BYTES;
  const sizeBytes = Math.max(0, end - offset);
  if (group && !isSimple) {
    // Whether a frame of the picture is a keyframe is known only at the end of the group.
    if (!head.isVideo) measureFrame(state, { timeMs, sizeBytes, isKeyframe: false });
    state.group = { ...group, timeMs, isKeyframe: true, ...(head.isVideo && { sizeBytes }) };
    const isKeyframe = head.isVideo && isVp8Keyframe(bytes[offset]) && webmDecoding(head)?.codec === VP8;
    if (isKeyframe) onKeyframe({ timeMs, offset, sizeBytes });
    return;
  }
  const isKeyframe = !head.isVideo || ((bytes[at + length + 2] ?? 0) & KEYFRAME_FLAG) !== 0;
  measureFrame(state, { timeMs, sizeBytes, isKeyframe: isKeyframe && head.isVideo });
  if (!isKeyframe) return;
  addClusterCue(state, timeMs);
  if (head.isVideo) onKeyframe({ timeMs, offset, sizeBytes });
}

/** By its first byte (RFC 6386, 9.1). */
function isVp8Keyframe(first = 1): boolean {
  return (first & 1) === 0;
}

/** One cue for each cluster: a player reads on from its beginning. */
function addClusterCue(state: IndexState, timeMs: number): void {
  const { cluster } = state;
  if (!cluster || cluster.isCued) return;
  cluster.isCued = true;
  addCue(state, { timeMs, offset: cluster.offset });
}
