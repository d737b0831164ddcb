// Which position of a recording's media was recorded when: a line of straight pieces through the anchors of its timeline.
import { CUT_OUT, type Timeline } from '@proctoring-recordings/exam-client';

interface Knot {
  readonly atMs: number;
  readonly seconds: number;
}

/**
 * Translates between moments, in milliseconds since the epoch, and positions in the media, in seconds. Between two anchors
 * the media run evenly; after the last one they keep pace with the clock, except in the pauses that are not in the file.
 */
export class MediaClock {
  readonly #knots: readonly Knot[];

  constructor({ startedAt, gaps, anchors = [] }: Timeline) {
    const knots = anchors.map(({ at, mediaSeconds }): Knot => ({ atMs: Date.parse(at), seconds: mediaSeconds }));
    if (knots.length === 0) knots.push({ atMs: Date.parse(startedAt), seconds: 0 });
    const pauses = gaps
      .filter(({ reason }) => CUT_OUT.has(reason))
      .map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }))
      .sort((a, b) => a.fromMs - b.fromMs);
    for (const { fromMs, toMs } of pauses) {
      const last = knots.at(-1);
      if (!last || fromMs < last.atMs) continue;
      const seconds = last.seconds + (fromMs - last.atMs) / 1000;
      knots.push({ atMs: fromMs, seconds }, { atMs: toMs, seconds });
    }
    this.#knots = knots;
  }

  /** Negative before the media begin. In a pause: the position at which the media go on after it. */
  secondsAt(atMs: number): number {
    const [before, after] = around(this.#knots, (knot) => knot.atMs <= atMs);
    const pace = after ? (after.seconds - before.seconds) / (after.atMs - before.atMs) : 1 / 1000;
    return before.seconds + (atMs - before.atMs) * (atMs < before.atMs ? 1 / 1000 : pace);
  }

  /** At the position of a pause: the moment at its end. */
  momentMsAt(seconds: number): number {
    const [before, after] = around(this.#knots, (knot) => knot.seconds <= seconds);
    const pace = after ? (after.atMs - before.atMs) / (after.seconds - before.seconds) : 1000;
    return before.atMs + (seconds - before.seconds) * (seconds < before.seconds ? 1000 : pace);
  }

  /** Whether nothing is in the file then, although the recording went on. */
  isPausedAt(atMs: number): boolean {
    const [before, after] = around(this.#knots, (knot) => knot.atMs <= atMs);
    return after !== undefined && before.seconds === after.seconds;
  }
}

/** The last knot for which it holds, or else the first; and the one after it. */
function around(knots: readonly Knot[], holds: (knot: Knot) => boolean): readonly [Knot, Knot | undefined] {
  const last = knots.findLastIndex(holds);
  return [knots[Math.max(0, last)] ?? { atMs: 0, seconds: 0 }, last < 0 ? undefined : knots[last + 1]];
}
