// Parses a WebM while it is recorded, and collects what makes it seekable: its length and its clusters with keyframes.
import { type Bytes, concat, ID, readHeader, readUint, vintLength } from './ebml.ts';
import { type Cue, finalHead, HEAD_BYTES, type Head, readHead } from './head.ts';

/** As many as fit into the head. When there are more, every second one is dropped and the minimal distance doubles. */
const MAX_CUES = 2_800;
/** A block's track, time and flags have at most this length. */
const BLOCK_HEAD_BYTES = 11;
/** Firefox does not set it on audio, where every frame is a keyframe. */
const KEYFRAME_FLAG = 0x80;
/** The last frame is assumed to last as long as the one before it, and at most this. */
const MAX_FRAME_MS = 100;

/** Plain data of a bounded size: it is kept in IndexedDB, so that a reload needs only the bytes after `offset`. */
export interface IndexState {
  /** The file was parsed up to here. */
  offset: number;
  /** Bytes before `offset` that are the beginning of an incomplete header. */
  pending: Bytes;
  /** How much is left of the payload that is being skipped. */
  skipBytes: number;
  head: Head | undefined;
  /** Not a WebM that can be made seekable. */
  isUnsupported: boolean;
  cluster: { offset: number; timeMs: number; isCued: boolean } | undefined;
  /** A BlockGroup is a keyframe unless a reference follows its block. */
  group: { end: number; timeMs: number; isKeyframe: boolean } | undefined;
  cues: Cue[];
  minMsApart: number;
  /** The time of the last block of each track, and its distance from the block before. */
  tracks: Record<number, { lastMs: number; deltaMs: number }>;
}

export class ClusterIndex {
  readonly #state: IndexState;

  constructor(state?: IndexState) {
    this.#state = state ?? {
      offset: 0,
      pending: new Uint8Array(),
      skipBytes: 0,
      head: undefined,
      isUnsupported: false,
      cluster: undefined,
      group: undefined,
      cues: [],
      minMsApart: 0,
      tracks: {},
    };
  }

  get state(): IndexState {
    return this.#state;
  }

  /** The time of the last block; undefined before the first. */
  get lastMs(): number | undefined {
    const last = Object.values(this.#state.tracks).map(({ lastMs }) => lastMs);
    return last.length > 0 ? Math.max(...last) : undefined;
  }

  /** The last cluster with a keyframe that begins at `offset` or before it. */
  lastCue(offset: number): Cue | undefined {
    return this.#state.cues.findLast((cue) => cue.offset <= offset);
  }

  /** The first cluster with a keyframe that begins at `offset` or after it. */
  firstCue(offset: number): Cue | undefined {
    return this.#state.cues.find((cue) => cue.offset >= offset);
  }

  /** The next bytes of the file. */
  push(bytes: Bytes): void {
    const state = this.#state;
    state.offset += bytes.length;
    if (state.isUnsupported) return;
    const skipped = Math.min(state.skipBytes, bytes.length);
    state.skipBytes -= skipped;
    if (state.skipBytes > 0) return;
    const rest = bytes.subarray(skipped);
    const all = state.pending.length > 0 ? concat([state.pending, rest]) : rest;
    const read = state.head ? this.#readElements(all) : this.#readHead(all);
    state.skipBytes = Math.max(0, read - all.length);
    state.pending = all.slice(Math.min(read, all.length));
  }

  /**
   * The first `HEAD_BYTES` of the finished file; undefined when this file has no room for them. `recordedMs` is needed
   * because the last frame of a still screen may be shown for long. `skipped`: what was recorded after the head and is
   * not in the file. Clusters keep their times: players count from the first one.
   */
  finalHead(recordedMs: number, skipped: { bytes: number; ms: number } = { bytes: 0, ms: 0 }): Bytes | undefined {
    const { head, isUnsupported, offset } = this.#state;
    if (!head || isUnsupported || head.sizeBytes !== HEAD_BYTES) return undefined;
    this.#endGroup(offset);
    const ends = Object.values(this.#state.tracks).map(
      ({ lastMs, deltaMs }) => lastMs + Math.min(deltaMs, MAX_FRAME_MS),
    );
    const cues = this.#state.cues
      .map(({ timeMs, offset }) => ({ timeMs, offset: offset - skipped.bytes }))
      .filter(({ offset }) => offset >= HEAD_BYTES);
    return finalHead(head, Math.max(recordedMs, ...ends.map((end) => end - skipped.ms)), cues);
  }

  /** How many of these bytes were read; more than there are when a payload continues in the next ones. */
  #readHead(bytes: Bytes): number {
    const head = readHead(bytes);
    if (head === 'incomplete') return 0;
    if (head === 'unsupported') {
      this.#state.isUnsupported = true;
      return bytes.length;
    }
    this.#state.head = head;
    return this.#readElements(bytes, head.sizeBytes);
  }

  #readElements(bytes: Bytes, from = 0): number {
    const base = this.#state.offset - bytes.length;
    let at = from;
    while (at < bytes.length) {
      const header = readHeader(bytes, at);
      if (header === 'incomplete') return at;
      if (header === 'invalid') {
        this.#state.isUnsupported = true;
        return bytes.length;
      }
      const end = header.payload + (header.sizeBytes ?? 0);
      this.#endGroup(base + at);
      switch (header.id) {
        case ID.cluster:
          this.#state.cluster = { offset: base + at, timeMs: 0, isCued: false };
          at = header.payload;
          continue;
        case ID.blockGroup:
          this.#state.group = { end: base + end, timeMs: 0, isKeyframe: false };
          at = header.payload;
          continue;
        case ID.timestamp:
          if (end > bytes.length) return at;
          if (this.#state.cluster) this.#state.cluster.timeMs = readUint(bytes, header.payload, end);
          break;
        case ID.simpleBlock:
        case ID.block:
          if (Math.min(end, header.payload + BLOCK_HEAD_BYTES) > bytes.length) return at;
          this.#readBlock(bytes, header.payload, header.id === ID.simpleBlock);
          break;
        case ID.referenceBlock:
          if (this.#state.group) this.#state.group.isKeyframe = false;
          break;
      }
      at = end;
    }
    return at;
  }

  #readBlock(bytes: Bytes, at: number, isSimple: boolean): void {
    const { cluster, group, head, tracks } = this.#state;
    const length = vintLength(bytes, at);
    if (!cluster || !head || length === undefined) return;
    const track = readUint(bytes, at, at + length) - 2 ** (7 * length);
    const timeMs = cluster.timeMs + ((readUint(bytes, at + length, at + length + 2) << 16) >> 16);
    const before = tracks[track]?.lastMs ?? timeMs;
    tracks[track] = { lastMs: Math.max(before, timeMs), deltaMs: Math.max(0, timeMs - before) };
    if (track !== head.cueTrack) return;
    if (group && !isSimple) this.#state.group = { ...group, timeMs, isKeyframe: true };
    else if (!head.isVideo || ((bytes[at + length + 2] ?? 0) & KEYFRAME_FLAG) !== 0) this.#addCue(timeMs);
  }

  #endGroup(offset: number): void {
    const { group } = this.#state;
    if (!group || offset < group.end) return;
    this.#state.group = undefined;
    if (group.isKeyframe) this.#addCue(group.timeMs);
  }

  /** One cue for each cluster: a player reads on from its beginning. */
  #addCue(timeMs: number): void {
    const { cluster, cues } = this.#state;
    if (!cluster || cluster.isCued) return;
    cluster.isCued = true;
    const last = cues.at(-1);
    if (last && timeMs - last.timeMs < this.#state.minMsApart) return;
    cues.push({ timeMs, offset: cluster.offset });
    if (cues.length <= MAX_CUES) return;
    this.#state.cues = cues.filter((_, index) => index % 2 === 0);
    this.#state.minMsApart = (timeMs - (cues[0]?.timeMs ?? 0)) / this.#state.cues.length;
  }
}
