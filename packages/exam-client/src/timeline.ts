// When a recording began and ended, and its gaps, on the clock that all recordings of an attempt share.

export interface Gap {
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** Which position of the media was recorded when. */
export interface Anchor {
  /** ISO 8601. */
  readonly at: string;
  readonly mediaSeconds: number;
}

export interface Timeline {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly gaps: readonly Gap[];
  /** In order, where the media drift from the clock. Without them the media begin at `startedAt` and keep pace with it. */
  readonly anchors?: readonly Anchor[];
}

/** The recorder paused because memory was full. */
export const BUFFER_FULL = 'buffer-full';
/** The computer slept, and its clock stood still. */
export const ASLEEP = 'asleep';
/** It was recorded, and lost with the memory of an earlier visit. */
export const LOST = 'lost';
/** Only gaps with these reasons are left out of the file. */
export const CUT_OUT: ReadonlySet<string> = new Set([BUFFER_FULL, ASLEEP]);

/**
 * How many seconds after `leader` the media of `follower` begin, by what both show when the leader is at `leaderSeconds`;
 * negative when they begin earlier.
 */
export function offsetSeconds(leader: Timeline, follower: Timeline, leaderSeconds = 0): number {
  return leaderSeconds - mediaSeconds(follower, new Date(momentMs(leader, leaderSeconds)));
}

/** The position of a moment in a recording's file, in seconds. */
export function mediaSeconds(timeline: Timeline, moment: Date): number {
  const toMs = moment.getTime();
  const { before, after } = anchorsAround(timeline, ({ atMs }) => atMs <= toMs);
  const elapsedMs = toMs - before.atMs;
  if (after) return before.seconds + (elapsedMs * (after.seconds - before.seconds)) / (after.atMs - before.atMs);
  const cutOutMs = pausesSince(timeline, before.atMs)
    .map(([fromMs, endMs]) => Math.max(0, Math.min(endMs, toMs) - fromMs))
    .reduce((sum, ms) => sum + ms, 0);
  return before.seconds + (elapsedMs - cutOutMs) / 1000;
}

/** When a position in a recording's file was recorded. */
function momentMs(timeline: Timeline, position: number): number {
  const { before, after } = anchorsAround(timeline, ({ seconds }) => seconds <= position);
  const seconds = position - before.seconds;
  if (after) return before.atMs + (seconds * (after.atMs - before.atMs)) / (after.seconds - before.seconds);
  return pausesSince(timeline, before.atMs).reduce(
    (atMs, [fromMs, endMs]) => (fromMs <= atMs ? atMs + endMs - fromMs : atMs),
    before.atMs + seconds * 1000,
  );
}

/** The last anchor that is before, or the first one; and the one after it, if what is sought lies between two. */
function anchorsAround(timeline: Timeline, isBefore: (anchor: { atMs: number; seconds: number }) => boolean) {
  const anchors = timeline.anchors?.length ? timeline.anchors : [{ at: timeline.startedAt, mediaSeconds: 0 }];
  const all = anchors.map(({ at, mediaSeconds }) => ({ atMs: Date.parse(at), seconds: mediaSeconds }));
  const last = all.findLastIndex(isBefore);
  return { before: all[Math.max(0, last)] ?? { atMs: 0, seconds: 0 }, after: last < 0 ? undefined : all[last + 1] };
}

function pausesSince({ gaps }: Timeline, sinceMs: number): (readonly [number, number])[] {
  return gaps
    .filter(({ reason }) => CUT_OUT.has(reason))
    .map(({ from, to }) => [Date.parse(from), Date.parse(to)] as const)
    .filter(([fromMs]) => fromMs >= sinceMs);
}
