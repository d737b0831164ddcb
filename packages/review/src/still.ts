// Stretches in which nothing changed in any lane, by the activity that the exam client measured: facts, which judge nobody.
import type { Overview } from '@proctoring-recordings/exam-client';
import type { Lane, Line, Piece } from './line.ts';

export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A quarter of a kilobyte a second. Chromium writes more about a screen on which a single point flickers, and nothing about one that stands still. */
const STILL_AT_MOST = 128;
/** Shorter ones are not worth a jump. */
const STILL_FOR_MS = 10_000;

/** The stretches of one recording in which it changed no more than `STILL_AT_MOST`. A gap is none: nobody knows what was there. */
export function stillOf({ clock, fromMs, toMs, gaps }: Piece, { activity }: Overview): Stretch[] {
  if (!activity) return [];
  const missing = gaps.map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }));
  const found: Stretch[] = [];
  let first: number | undefined;
  for (let index = 0; index <= activity.length; index++) {
    const isStill = index < activity.length && (activity[index] ?? 0) <= STILL_AT_MOST;
    if (isStill) first ??= index;
    if (isStill || first === undefined) continue;
    const from = Math.max(fromMs, clock.momentMsAt(first));
    const to = Math.min(toMs, clock.momentMsAt(index));
    if (from < to) found.push(...without({ fromMs: from, toMs: to }, missing));
    first = undefined;
  }
  return found.filter(isLong);
}

/** Where every lane that has something at all is still. One whose activity is unknown may have changed. */
export function stillOfAll({ lanes }: Pick<Line, 'lanes'>, of: (lane: Lane) => readonly Stretch[]): Stretch[] {
  const moving = lanes.flatMap((lane) => lane.pieces.flatMap((piece) => without(piece, of(lane))));
  const [from, to] = [
    Math.min(...lanes.flatMap(({ pieces }) => pieces.map(({ fromMs }) => fromMs))),
    Math.max(...lanes.flatMap(({ pieces }) => pieces.map(({ toMs }) => toMs))),
  ];
  if (!(from < to)) return [];
  const whole = { fromMs: from, toMs: to };
  const missing = without(
    whole,
    lanes.flatMap(({ pieces }) => pieces),
  );
  return without(whole, [...moving, ...missing]).filter(isLong);
}

function isLong({ fromMs, toMs }: Stretch): boolean {
  return toMs - fromMs >= STILL_FOR_MS;
}

/** Stretches in the order in which they begin, where those that are less than `apartMs` apart are one. */
export function joined(stretches: readonly Stretch[], apartMs: number): Stretch[] {
  const all: Stretch[] = [];
  for (const { fromMs, toMs } of stretches) {
    const last = all.at(-1);
    if (last && fromMs - last.toMs < apartMs) all[all.length - 1] = { ...last, toMs: Math.max(last.toMs, toMs) };
    else all.push({ fromMs, toMs });
  }
  return all;
}

/** What is left of a stretch without those. */
function without(whole: Stretch, others: readonly Stretch[]): Stretch[] {
  const left: Stretch[] = [];
  let { fromMs } = whole;
  for (const other of [...others].sort((a, b) => a.fromMs - b.fromMs)) {
    if (other.toMs <= fromMs || other.fromMs >= whole.toMs) continue;
    if (other.fromMs > fromMs) left.push({ fromMs, toMs: other.fromMs });
    fromMs = Math.max(fromMs, other.toMs);
  }
  if (fromMs < whole.toMs) left.push({ fromMs, toMs: whole.toMs });
  return left;
}
