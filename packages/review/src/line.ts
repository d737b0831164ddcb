// All recordings of an attempt on one line of time: a lane for each kind, and what each lane does not have.
import type { Timeline } from '@proctoring-recordings/exam-client';
import { MediaClock } from './media-clock.ts';
import type { RecordingKind, ReviewRecording } from './service.ts';

/** One recording in its lane. Times are milliseconds since the epoch. */
export interface Piece {
  readonly recording: ReviewRecording;
  readonly fromMs: number;
  readonly toMs: number;
  /** From when to when its pictures are shown: its first and its last one too where nothing that anybody would miss is missing. */
  readonly shownFromMs: number;
  readonly shownToMs: number;
  /** Which position of its media was recorded when. */
  readonly clock: MediaClock;
  readonly gaps: Timeline['gaps'];
  /**
   * Its client reported no timeline, or one by a clock that was wrong: it begins when it was created, as far as is known.
   */
  readonly isEstimated: boolean;
}

/** Recordings of one kind, one after another. Where two of a kind ran at once there are two lanes. */
export interface Lane {
  /** `webcam`, or `webcam-2` for the second lane of the kind. */
  readonly id: string;
  readonly kind: RecordingKind;
  /** 1 for the first lane of its kind. */
  readonly number: number;
  readonly pieces: readonly Piece[];
}

/**
 * `gap`: the recording went on, and nothing or not everything was recorded. `not-recorded`: between two recordings, before the
 * first one of a lane, or after its last one. `truncated`: at its end, because its client did not complete it.
 */
export type MarkKind = 'gap' | 'not-recorded' | 'truncated';

/** What a lane does not have. */
export interface Mark {
  readonly kind: MarkKind;
  readonly lane: Lane;
  readonly fromMs: number;
  /** Equal to `fromMs` where nobody knows until when. */
  readonly toMs: number;
  /** Of a gap, as its client reported it. */
  readonly reason: string | undefined;
}

export interface Line {
  readonly fromMs: number;
  readonly toMs: number;
  /** Where one begins to watch: what begins about when the line begins has begun by then. */
  readonly startMs: number;
  /** Cameras first, then screens, then sound. */
  readonly lanes: readonly Lane[];
  /** In order of time. */
  readonly marks: readonly Mark[];
  /** Cannot be played yet. */
  readonly uploading: readonly ReviewRecording[];
  /** Content that no player knows: it can be downloaded only. */
  readonly unplayable: readonly ReviewRecording[];
  /** In further lanes than a browser can play at once. */
  readonly beside: readonly ReviewRecording[];
}

interface Whole {
  readonly fromMs: number;
  readonly toMs: number;
}

/** In its lane. */
interface Neighbours {
  readonly isFirst: boolean;
  readonly next: Piece | undefined;
}

const MAX_LANES_OF_A_KIND = 4;
const KINDS: readonly RecordingKind[] = ['webcam', 'screen', 'audio'];
/** Two recordings of which one continues the other share their last moments. */
const OVERLAP_MS = 2_000;
/** Recordings of one attempt never begin or end at the same moment. */
const UNEQUAL_ENDS_MS = 3_000;
/** A client without a connection records on, and creates the recording when its page is open again: days later, perhaps. */
const MAX_BEFORE_CREATION_MS = 30 * 86_400_000;
const MAX_CLOCK_SKEW_MS = 300_000;
const NO_TIME = { fromMs: 0, toMs: 0, startMs: 0 };
/** Between two recordings: shorter than anybody would notice. */
const SHORT_MS = 500;
/** Of a recording whose length is not known yet. */
const SHORTEST_MS = 1_000;

/** @param durations in seconds by the id of a recording, where its media have told */
export function lineOf(recordings: readonly ReviewRecording[], durations: ReadonlyMap<string, number>): Line {
  const stored = recordings.filter(({ state }) => state === 'stored');
  const playable = stored.filter(({ container }) => container !== 'unrecognized');
  const pieces = playable
    .map((recording) => pieceOf(recording, durations.get(recording.recordingId)))
    .sort((a, b) => a.fromMs - b.fromMs);
  const fromMs = Math.min(...pieces.map((piece) => piece.fromMs));
  const toMs = Math.max(...pieces.map((piece) => piece.toMs));
  const all = KINDS.flatMap((kind) => lanesOf(kind, pieces, { fromMs, toMs }));
  const lanes = all.filter(({ number }) => number <= MAX_LANES_OF_A_KIND);
  const beside = all.filter((lane) => !lanes.includes(lane));
  const first = pieces.filter((piece) => piece.fromMs - fromMs <= UNEQUAL_ENDS_MS);
  return {
    ...(pieces.length > 0 ? { fromMs, toMs, startMs: Math.max(...first.map((piece) => piece.fromMs)) } : NO_TIME),
    lanes,
    marks: lanes.flatMap((lane) => marksOf(lane, { fromMs, toMs })).sort((a, b) => a.fromMs - b.fromMs),
    uploading: recordings.filter(({ state }) => state === 'uploading'),
    unplayable: stored.filter(({ container }) => container === 'unrecognized'),
    beside: beside.flatMap((lane) => lane.pieces.map(({ recording }) => recording)),
  };
}

/** Undefined where the lane has nothing to show. */
export function pieceAt({ pieces }: Lane, atMs: number): Piece | undefined {
  const isShown = ({ shownFromMs, shownToMs }: Piece) => shownFromMs <= atMs && atMs < shownToMs;
  return pieces.findLast((piece) => isShown(piece) && !piece.clock.isPausedAt(atMs));
}

/** The earliest moment, `atMs` or later, at which one of those pieces has something to show; undefined after the last. */
export function playableFrom(pieces: readonly Piece[], atMs: number): number | undefined {
  const moments = pieces.flatMap(({ fromMs, toMs, clock }) => {
    const at = Math.max(fromMs, atMs);
    // In a pause, the position leads to the moment at its end.
    const moment = clock.isPausedAt(at) ? clock.momentMsAt(clock.secondsAt(at)) : at;
    return moment < toMs ? [moment] : [];
  });
  return moments.length > 0 ? Math.min(...moments) : undefined;
}

function pieceOf(recording: ReviewRecording, durationSeconds: number | undefined): Piece {
  const { timeline, createdAt } = recording;
  const isRight = timeline !== null && isPossible(timeline, recording);
  const known = timeline ?? estimatedTimeline(recording, durationSeconds);
  const { startedAt, endedAt, gaps, anchors } = isRight || !timeline ? known : movedTo(createdAt, timeline);
  const clock = new MediaClock({ startedAt, endedAt, gaps, ...(anchors && { anchors }) });
  const [fromMs, toMs] = [Date.parse(startedAt), Date.parse(endedAt)];
  return { recording, clock, gaps, fromMs, toMs, shownFromMs: fromMs, shownToMs: toMs, isEstimated: !isRight };
}

/** Whether its client's clock can have been right. */
function isPossible({ startedAt, endedAt }: Timeline, { createdAt, storedAt }: ReviewRecording): boolean {
  const isEarly = Date.parse(startedAt) < Date.parse(createdAt) - MAX_BEFORE_CREATION_MS;
  return !isEarly && Date.parse(endedAt) <= Date.parse(storedAt ?? endedAt) + MAX_CLOCK_SKEW_MS;
}

/** The same, beginning at another time. */
function movedTo(startedAt: string, timeline: Timeline): Timeline {
  const byMs = Date.parse(startedAt) - Date.parse(timeline.startedAt);
  const moved = (time: string) => new Date(Date.parse(time) + byMs).toISOString();
  return {
    startedAt,
    endedAt: moved(timeline.endedAt),
    gaps: timeline.gaps.map(({ from, to, reason }) => ({ from: moved(from), to: moved(to), reason })),
    ...(timeline.anchors && { anchors: timeline.anchors.map((anchor) => ({ ...anchor, at: moved(anchor.at) })) }),
  };
}

function estimatedTimeline({ createdAt, storedAt }: ReviewRecording, seconds: number | undefined): Timeline {
  const fromMs = Date.parse(createdAt);
  // It is at least so long that it is opened: then its media tell.
  const untilStoredMs = Math.max(Date.parse(storedAt ?? createdAt), fromMs + SHORTEST_MS);
  const toMs = seconds === undefined ? untilStoredMs : fromMs + Math.max(SHORT_MS, 1000 * seconds);
  return { startedAt: createdAt, endedAt: new Date(toMs).toISOString(), gaps: [] };
}

function lanesOf(kind: RecordingKind, pieces: readonly Piece[], whole: Whole): Lane[] {
  const lanes: Piece[][] = [];
  for (const piece of pieces) {
    if (piece.recording.kind !== kind) continue;
    const free = lanes.find((lane) => (lane.at(-1)?.toMs ?? 0) <= piece.fromMs + OVERLAP_MS);
    if (free) free.push(piece);
    else lanes.push([piece]);
  }
  return lanes.map((own, index) => ({
    id: index === 0 ? kind : `${kind}-${index + 1}`,
    kind,
    number: index + 1,
    pieces: own.map((piece, nth) => heldAtEnds(piece, { isFirst: nth === 0, next: own[nth + 1] }, whole)),
  }));
}

/** Where no mark says that something is missing, there is a picture. */
function heldAtEnds(piece: Piece, { isFirst, next }: Neighbours, whole: Whole): Piece {
  const { fromMs, toMs } = piece;
  const beginsTheLine = isFirst && fromMs - whole.fromMs <= UNEQUAL_ENDS_MS;
  const endsTheLine = next === undefined && whole.toMs - toMs <= UNEQUAL_ENDS_MS;
  const untilNextMs = next !== undefined && next.fromMs - toMs <= SHORT_MS ? Math.max(toMs, next.fromMs) : toMs;
  return {
    ...piece,
    shownFromMs: beginsTheLine ? Number.NEGATIVE_INFINITY : fromMs,
    shownToMs: endsTheLine ? Number.POSITIVE_INFINITY : untilNextMs,
  };
}

function marksOf(lane: Lane, whole: Whole): Mark[] {
  const marks: Mark[] = [];
  const add = (kind: MarkKind, fromMs: number, toMs: number, reason?: string) =>
    marks.push({ kind, lane, fromMs, toMs, reason });
  let before: Piece | undefined;
  for (const piece of lane.pieces) {
    const { fromMs, toMs, gaps, recording } = piece;
    const sinceMs = before ? before.toMs : whole.fromMs;
    if (fromMs - sinceMs > (before ? SHORT_MS : UNEQUAL_ENDS_MS)) add('not-recorded', sinceMs, fromMs);
    for (const { from, to, reason } of gaps) {
      add('gap', Date.parse(from), Date.parse(to), reason);
    }
    if (recording.truncated) add('truncated', toMs, toMs);
    before = piece;
  }
  if (before && whole.toMs - before.toMs > UNEQUAL_ENDS_MS) add('not-recorded', before.toMs, whole.toMs);
  return marks;
}
