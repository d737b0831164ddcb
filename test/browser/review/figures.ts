// What the samples of a review say: how far its lanes are apart, how long one stood still, and where one jumped.

import type { Film } from './film.ts';
import { ATTEMPT_AT_MS, hasPictureAt } from './media-time.ts';
import type { Sample } from './sample.ts';

/** Milliseconds of the attempt's time. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Step {
  readonly samples: number;
  /** How many of them were compared: those in which every film that should be seen could be read. */
  readonly compared: number;
  /** The latest of the clocks less the earliest. */
  readonly apart: Spread;
  /** The clock that is furthest from the position that the review tells. */
  readonly offPosition: Spread;
}

export interface Moves {
  /** Of one lane, in milliseconds of real time. */
  readonly longestPauseMs: number;
  /** Of one lane, from one sample to the next. */
  readonly largestStepBackMs: number;
  /** Of one lane, beyond the time that elapsed. */
  readonly largestStepAheadMs: number;
  /** How much faster than real time the position moved. */
  readonly pace: number;
}

/** Near to where a film begins, ends or has nothing, its lane may be empty or not. Of real time. */
const NEAR_MS = 1_000;

/** How far the lanes were apart while the review was to play at `speed`. */
export function stepOf(samples: readonly Sample[], films: readonly Film[], speed: number): Step {
  const apart: number[] = [];
  const offPosition: number[] = [];
  for (const sample of samples) {
    const clocks = films.filter((film) => isSeen(film, sample, speed)).map((film) => clockOf(film, sample));
    const known = clocks.filter((ms) => ms !== undefined);
    if (known.length === 0 || known.length < clocks.length) continue;
    apart.push(Math.max(...known) - Math.min(...known));
    offPosition.push(Math.max(...known.map((ms) => Math.abs(ms - positionOf(sample)))));
  }
  return {
    samples: samples.length,
    compared: apart.length,
    apart: spreadOf(apart),
    offPosition: spreadOf(offPosition),
  };
}

/** How each lane moved, in samples that were taken one after another while the review was to play at `speed`. */
export function movesOf(samples: readonly Sample[], films: readonly Film[], speed: number): Moves {
  const [first, last] = [samples[0], samples.at(-1)];
  const moves = films.map((film) => movesOfLane(samples, film, speed));
  return {
    longestPauseMs: Math.max(...moves.map(({ pauseMs }) => pauseMs)),
    largestStepBackMs: Math.max(...moves.map(({ backMs }) => backMs)),
    largestStepAheadMs: Math.max(...moves.map(({ aheadMs }) => aheadMs)),
    pace: first && last ? (last.positionMs - first.positionMs) / (last.atMs - first.atMs) : Number.NaN,
  };
}

/** Infinite without values: nothing was measured. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.POSITIVE_INFINITY;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** A picture that cannot be read stands still. */
function movesOfLane(samples: readonly Sample[], film: Film, speed: number) {
  const moves = { pauseMs: 0, backMs: 0, aheadMs: 0 };
  let before: { readonly atMs: number; readonly ms: number } | undefined;
  let movedAtMs: number | undefined;
  for (const sample of samples) {
    if (!isSeen(film, sample, speed) || !sample.isPlaying) {
      before = undefined;
      movedAtMs = undefined;
      continue;
    }
    const { atMs } = sample;
    const ms = clockOf(film, sample);
    if (ms !== undefined && before) {
      moves.backMs = Math.max(moves.backMs, before.ms - ms);
      moves.aheadMs = Math.max(moves.aheadMs, ms - before.ms - speed * (atMs - before.atMs));
    }
    moves.pauseMs = Math.max(moves.pauseMs, atMs - (movedAtMs ?? atMs));
    if (movedAtMs === undefined || (ms !== undefined && ms !== before?.ms)) movedAtMs = atMs;
    if (ms !== undefined) before = { atMs, ms };
  }
  return moves;
}

function isSeen(film: Film, sample: Sample, speed: number): boolean {
  return hasPictureAt(film, positionOf(sample), NEAR_MS * speed);
}

function clockOf({ stream }: Film, { clocks }: Sample): number | undefined {
  return clocks.find((shown) => shown?.stream === stream)?.ms;
}

const positionOf = ({ positionMs }: Sample) => positionMs - ATTEMPT_AT_MS;
