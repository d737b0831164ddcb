// The timeline that a client reports, as far as it can be true. It decides nothing, and never refuses a recording.
import type { Timeline } from '../bucket/documents.ts';
import { DAY_MS } from '../model/durations.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../model/times.ts';

/** A client without a connection records on, and creates the recording when it has one again. */
const MAX_BEFORE_CREATION_MS = DAY_MS;

/** 115 days: no recording is longer. */
const MAX_MEDIA_SECONDS = 1e7;

/** The times of a recording by the clock of the service, in milliseconds since the epoch. */
interface Known {
  readonly createdAtMs: number;
  /** When it was completed. */
  readonly endedAtMs: number;
}

/**
 * The timeline with what cannot be true corrected or left out, and marked as doubtful then:
 *
 * - An end of it that is not within the time in which the recording can have been made is that of the recording instead:
 *   its creation, its completion.
 * - One that is as a whole at another time is kept as it is: its clock was wrong, which `createdAt` of the recording shows,
 *   but its length and its gaps may be right, and so may its distance to the other recordings of that client.
 * - Gaps are cut to the timeline; what is outside of it, or ends before it begins, is left out.
 * - Of the anchors, those are kept that are within it, and later than the one before both in time and in the media.
 */
export function plausibleTimeline(given: Timeline, known: Known): Timeline {
  const { startedAt, endedAt } = limitsOf(given, known);
  const gaps = given.gaps.flatMap((gap) => gapWithin(gap, startedAt, endedAt) ?? []);
  const anchors = given.anchors && risingAnchors(given.anchors, startedAt, endedAt);
  const isSame =
    anchors?.length === given.anchors?.length &&
    startedAt === given.startedAt &&
    endedAt === given.endedAt &&
    gaps.length === given.gaps.length &&
    gaps.every(({ from, to }, index) => from === given.gaps[index]?.from && to === given.gaps[index]?.to);
  return { startedAt, endedAt, gaps, ...(anchors && { anchors }), ...(!isSame && { doubtful: true }) };
}

function limitsOf({ startedAt, endedAt }: Timeline, known: Known): Pick<Timeline, 'startedAt' | 'endedAt'> {
  const lengthMs = Date.parse(endedAt) - Date.parse(startedAt);
  const longestMs = known.endedAtMs - known.createdAtMs + MAX_BEFORE_CREATION_MS + MAX_CLOCK_SKEW_MS;
  if (lengthMs >= 0 && lengthMs <= longestMs) return { startedAt, endedAt };
  const from = isPossible(startedAt, known) ? startedAt : toIso(known.createdAtMs);
  const to = isPossible(endedAt, known) ? endedAt : toIso(known.endedAtMs);
  // The clock was set back while it ran: neither end is known.
  if (Date.parse(from) > Date.parse(to))
    return { startedAt: toIso(known.createdAtMs), endedAt: toIso(known.endedAtMs) };
  return { startedAt: from, endedAt: to };
}

function isPossible(time: string, { createdAtMs, endedAtMs }: Known): boolean {
  const timeMs = Date.parse(time);
  return timeMs >= createdAtMs - MAX_BEFORE_CREATION_MS && timeMs <= endedAtMs + MAX_CLOCK_SKEW_MS;
}

type Anchors = NonNullable<Timeline['anchors']>;

function risingAnchors(given: Anchors, startedAt: string, endedAt: string): Anchors {
  const kept: Anchors = [];
  for (const anchor of given) {
    const atMs = Date.parse(anchor.at);
    const before = kept.at(-1);
    const isWithin = atMs >= Date.parse(startedAt) && atMs <= Date.parse(endedAt);
    const isLater = !before || (atMs > Date.parse(before.at) && anchor.mediaSeconds > before.mediaSeconds);
    if (isWithin && isLater && anchor.mediaSeconds <= MAX_MEDIA_SECONDS) kept.push(anchor);
  }
  return kept;
}

type Gap = Timeline['gaps'][number];

/** Undefined: nothing of it is within. */
function gapWithin({ from, to, reason }: Gap, startedAt: string, endedAt: string): Gap | undefined {
  const first = Date.parse(from) < Date.parse(startedAt) ? startedAt : from;
  const last = Date.parse(to) > Date.parse(endedAt) ? endedAt : to;
  return Date.parse(first) <= Date.parse(last) ? { from: first, to: last, reason } : undefined;
}
