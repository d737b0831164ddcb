// When a recording began and ended, and its gaps, on the clock that all recordings of an attempt share.

export interface Gap {
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export interface Timeline {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly gaps: readonly Gap[];
}

/** The recorder paused because memory was full. */
export const BUFFER_FULL = 'buffer-full';
/** The computer slept, and its clock stood still. */
export const ASLEEP = 'asleep';
/** Only gaps with these reasons are left out of the file. */
const CUT_OUT: ReadonlySet<string> = new Set([BUFFER_FULL, ASLEEP]);

/** How many seconds after `leader` the media of `follower` begin; negative when they begin earlier. */
export function offsetSeconds(leader: Timeline, follower: Timeline): number {
  return (Date.parse(follower.startedAt) - Date.parse(leader.startedAt)) / 1000;
}

/** The position of a moment in a recording's file, in seconds. */
export function mediaSeconds(timeline: Timeline, moment: Date): number {
  const atMs = moment.getTime();
  const cutOutMs = timeline.gaps
    .filter(({ reason }) => CUT_OUT.has(reason))
    .reduce((sum, { from, to }) => sum + Math.max(0, Math.min(Date.parse(to), atMs) - Date.parse(from)), 0);
  return (atMs - Date.parse(timeline.startedAt) - cutOutMs) / 1000;
}
