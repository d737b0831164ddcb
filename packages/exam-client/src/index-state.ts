// What is known of a recording's bytes so far, in either container.
import { type ActivityState, type MeasuredFrame, measure, newActivity } from './activity.ts';
import type { Bytes } from './bytes.ts';
import { type Cue, everySecond } from './container.ts';
import type { Mp4Head } from './mp4/head.ts';
import type { WebmHead } from './webm/head.ts';

/** As many as fit into the head. When there are more, every second one is dropped and the minimal distance doubles. */
const MAX_CUES = 2_800;

/** Plain data of a bounded size: it is kept in IndexedDB, so that a reload needs only the bytes after `offset`. */
export interface IndexState {
  /** The file was parsed up to here. */
  offset: number;
  /** Bytes before `offset` that are the beginning of what is read only as a whole. */
  pending: Bytes;
  /** How much is left of the payload that is being skipped. */
  skipBytes: number;
  head: WebmHead | Mp4Head | undefined;
  /** Not a file that can be made seekable. */
  isUnsupported: boolean;
  /** Of a WebM. */
  cluster: { offset: number; timeMs: number; isCued: boolean } | undefined;
  /** A BlockGroup is a keyframe unless a reference follows its block. */
  group: { end: number; timeMs: number; isKeyframe: boolean; sizeBytes?: number } | undefined;
  cues: Cue[];
  minMsApart: number;
  /** The time of the first frame of any track. */
  startMs: number;
  /** The time of the last frame of each track, and how long it lasts. */
  tracks: Record<number, { lastMs: number; deltaMs: number }>;
  /** Null before the first frame. Absent where an earlier version of the client has read the beginning. */
  activity?: ActivityState | null;
}

export const EMPTY_STATE: Omit<IndexState, 'cues' | 'tracks'> = {
  offset: 0,
  pending: new Uint8Array(),
  skipBytes: 0,
  head: undefined,
  isUnsupported: false,
  cluster: undefined,
  group: undefined,
  minMsApart: 0,
  startMs: Number.POSITIVE_INFINITY,
  activity: null,
};

export function addFrames(state: IndexState, track: number, startMs: number, lastMs: number, deltaMs: number): void {
  state.startMs = Math.min(state.startMs, startMs);
  state.tracks[track] = { lastMs, deltaMs };
}

/** A frame of the track to which cues refer. */
export function measureFrame(state: IndexState, frame: MeasuredFrame): void {
  if (state.activity === undefined) return;
  state.activity ??= newActivity(state.startMs);
  measure(state.activity, frame);
}

/** The time of the last frame of all tracks; undefined before the first. */
export function lastMsOf({ tracks }: IndexState): number | undefined {
  const last = Object.values(tracks).map(({ lastMs }) => lastMs);
  return last.length > 0 ? Math.max(...last) : undefined;
}

export function addCue(state: IndexState, cue: Cue): void {
  const last = state.cues.at(-1);
  if (last && cue.timeMs - last.timeMs < state.minMsApart) return;
  state.cues.push(cue);
  if (state.cues.length <= MAX_CUES) return;
  state.minMsApart = (2 * (cue.timeMs - (state.cues[0]?.timeMs ?? 0))) / state.cues.length;
  state.cues = everySecond(state.cues);
}
