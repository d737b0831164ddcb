// Reads a WebM or an MP4 while it is recorded, and collects what makes it seekable: its length and its keyframes.

import { activityOf } from './activity.ts';
import { type Bytes, concat } from './bytes.ts';
import { type Cue, HEAD_BYTES, type Keyframe, type Restart } from './container.ts';
import { EMPTY_STATE, type IndexState, lastMsOf } from './index-state.ts';
import { readFragments } from './mp4/fragments.ts';
import { finalMp4Head, type Mp4Head, readMp4Head } from './mp4/head.ts';
import { endGroup, readClusters } from './webm/clusters.ts';
import { finalWebmHead, readWebmHead, type WebmHead } from './webm/head.ts';

/** The first bytes of EBML, and of an `ftyp` box of less than 16 MiB. */
const READERS: Record<number, (bytes: Bytes) => WebmHead | Mp4Head | 'incomplete' | 'unsupported'> = {
  26: readWebmHead,
  0: readMp4Head,
};

/** Firefox may stop before the first picture, when it is stopped at once. */
const MOMENT_MS = 1_000;

/** What was recorded after the head and is not in the file. */
export interface Skipped {
  readonly bytes: number;
  readonly ms: number;
}

/** When the media of a file begin, by the times of their frames, and how long they last. */
export interface MediaSpan {
  readonly fromMs: number;
  readonly durationMs: number;
  /** How long each track lasts from then on, by its id. */
  readonly endsMs: Readonly<Record<string, number>>;
}

/** Gets the bytes as they are read, and is told before where a keyframe of the picture is in them or after them. */
export interface KeyframeReader {
  found(keyframe: Keyframe, head: WebmHead | Mp4Head): void;
  /** `bytes` end at `endOffset` of the file; some may be given twice. */
  read(bytes: Bytes, endOffset: number): void;
}

const NOTHING: Skipped = { bytes: 0, ms: 0 };

export class MediaIndex {
  readonly #state: IndexState;
  readonly #keyframes: KeyframeReader | undefined;

  constructor(state?: IndexState, keyframes?: KeyframeReader) {
    this.#keyframes = keyframes;
    // Earlier versions of the client noted no `startMs`.
    this.#state = state ? { ...state, startMs: state.startMs ?? 0 } : { ...EMPTY_STATE, cues: [], tracks: {} };
  }

  get state(): IndexState {
    return this.#state;
  }

  /** The time of the last frame; undefined before the first. */
  get lastMs(): number | undefined {
    return lastMsOf(this.#state);
  }

  /**
   * Whether there is anything to play. Where the header names a picture, a moment of sound without it does not count: no
   * browser plays that. Of a file that is neither WebM nor MP4 any byte counts.
   */
  get hasFrames(): boolean {
    const { head, isUnsupported, tracks } = this.#state;
    return isUnsupported || (head !== undefined && head.cueTrack in tracks) || (this.lastMs ?? 0) > MOMENT_MS;
  }

  /** The last keyframe whose cluster or fragment begins at `offset` or before it. */
  lastCue(offset: number): Cue | undefined {
    return this.#cues.findLast((cue) => cue.offset <= offset);
  }

  /** The first keyframe whose cluster or fragment begins at `offset` or after it. */
  firstCue(offset: number): Cue | undefined {
    return this.#cues.find((cue) => cue.offset >= offset);
  }

  /** The next bytes of the file. Where another file begins in it, that is returned, and nothing after it is read. */
  push(bytes: Bytes): Restart | undefined {
    const state = this.#state;
    state.offset += bytes.length;
    if (state.isUnsupported) return undefined;
    const skipped = Math.min(state.skipBytes, bytes.length);
    state.skipBytes -= skipped;
    if (state.skipBytes > 0) {
      this.#keyframes?.read(bytes, state.offset);
      return undefined;
    }
    const rest = bytes.subarray(skipped);
    const all = state.pending.length > 0 ? concat([state.pending, rest]) : rest;
    const read = this.#read(all);
    this.#keyframes?.read(skipped > 0 ? bytes : all, state.offset);
    if (typeof read === 'number') {
      state.skipBytes = Math.max(0, read - all.length);
      state.pending = all.slice(Math.min(read, all.length));
      return undefined;
    }
    state.isUnsupported = true;
    state.pending = new Uint8Array();
    return read === 'invalid' ? undefined : { ...read, at: state.offset - all.length + read.at };
  }

  /** The bytes up to `offset` are not here: the file is whole in the store, but nothing after this can be indexed. */
  skipTo(offset: number): void {
    Object.assign(this.#state, { offset, isUnsupported: true, pending: new Uint8Array(), skipBytes: 0 });
  }

  /**
   * The first `HEAD_BYTES` of the finished file, with the duration of its media; undefined when this file has no room for
   * them, or no frames. The media keep their times: players count from the first one.
   */
  finalHead(skipped: Skipped = NOTHING): Bytes | undefined {
    const { head, isUnsupported } = this.#state;
    const span = this.span(skipped);
    if (!head || isUnsupported || !span || head.sizeBytes !== HEAD_BYTES) return undefined;
    endGroup(this.#state, this.#state.offset);
    const { fromMs, durationMs, endsMs } = span;
    const cues = this.#state.cues
      .map(({ timeMs, offset }) => ({ timeMs, offset: offset - skipped.bytes }))
      .filter(({ offset }) => offset >= HEAD_BYTES);
    if (!('moov' in head)) return finalWebmHead(head, durationMs, cues);
    const sizeBytes = this.#state.offset - skipped.bytes;
    return finalMp4Head(head, { fromMs, durationMs, endsMs, cues, sizeBytes });
  }

  /** Undefined before the first frame. */
  span(skipped: Skipped = NOTHING): MediaSpan | undefined {
    const { startMs, tracks } = this.#state;
    if (this.lastMs === undefined) return undefined;
    const fromMs = skipped.bytes > 0 ? skipped.ms : startMs;
    const ends = Object.entries(tracks).map(([id, { lastMs, deltaMs }]) => [id, lastMs + deltaMs - fromMs] as const);
    return { fromMs, durationMs: Math.max(...ends.map(([, ms]) => ms)), endsMs: Object.fromEntries(ends) };
  }

  /** As the overview has it; null when it was not measured from the beginning to the end. */
  activity({ fromMs, durationMs }: MediaSpan): Uint8Array | null {
    const { activity, isUnsupported } = this.#state;
    return activity && !isUnsupported ? activityOf(activity, fromMs, durationMs) : null;
  }

  /** Another file can begin at a keyframe only behind a head of `HEAD_BYTES`. */
  get #cues(): readonly Cue[] {
    return this.#state.head?.sizeBytes === HEAD_BYTES ? this.#state.cues : [];
  }

  #read(bytes: Bytes): number | Restart | 'invalid' {
    const state = this.#state;
    let from = 0;
    if (!state.head) {
      const [first] = bytes;
      if (first === undefined) return 0;
      const head = READERS[first]?.(bytes) ?? 'unsupported';
      if (head === 'incomplete') return 0;
      if (head === 'unsupported') return 'invalid';
      state.head = head;
      from = head.sizeBytes;
    }
    const { head } = state;
    const onKeyframe = (keyframe: Keyframe) => this.#keyframes?.found(keyframe, head);
    return 'moov' in head
      ? readFragments(state, head, bytes, from, onKeyframe)
      : readClusters(state, head, bytes, from, onKeyframe);
  }
}
