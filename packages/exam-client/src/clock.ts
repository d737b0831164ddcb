// The one clock of a session. A page measures time by its own monotonic clock, and the service says what time that is: the
// computer's wall clock, which anybody can set, decides nothing.

import { ASLEEP } from './timeline.ts';

/** The milliseconds of the page's clock: it never jumps when the wall clock is set, and stands still while Linux and macOS sleep. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Between two ticks, by the page's clock. */
interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The wall clock went ahead of the page's by `byMs`: the computer slept, or its clock was set. */
interface Jump extends Interval {
  readonly byMs: number;
}

/** Plain data, kept with each recording: a later visit needs it to read that recording's times. */
export interface ClockState {
  /** What is added to the page's time for the service's; undefined until the service has responded. */
  readonly offsetMs?: number | undefined;
  /** How long the computer slept while the page's clock stood still. */
  readonly sleeps: readonly Jump[];
  /** Not yet told apart. */
  readonly jumps: readonly Jump[];
}

/**
 * The page's clock stood still (`asleep`): by it the hole has a millisecond, by the service's the length of the sleep. Or it
 * went on without the page (`stalled`).
 */
export interface Hole extends Interval {
  readonly reason: typeof ASLEEP | 'stalled';
}

export const TICK_MS = 1_000;
/** Without a tick for this long the page was suspended. A hidden page may get a timer only once a minute. */
const STALLED_AFTER_MS = 10_000;
const HIDDEN_STALLED_AFTER_MS = 90_000;
/** Shorter differences come from timers, from slow responses and from the clocks of replicas. */
const TOLERANCE_MS = 5_000;
/** The resolution of the header `Date` (RFC 9110, 5.6.7). */
const DATE_RESOLUTION_MS = 1_000;
const MAX_SLEEPS = 200;

export class SessionClock {
  #state: ClockState;
  /** Between these the offset of this moment lies, as far as the responses since the last sleep tell. */
  #bounds: { from: number; to: number } | undefined;
  #tick = { pageMs: now(), wallMs: Date.now(), isHidden: isHidden() };
  readonly #onHole: (hole: Hole) => void;
  readonly #onDoubt: () => void;

  /** `onDoubt`: only the next response of the service tells whether the computer slept. */
  constructor(onHole: (hole: Hole) => void = () => {}, onDoubt: () => void = () => {}) {
    this.#state = { sleeps: [], jumps: [] };
    this.#onHole = onHole;
    this.#onDoubt = onDoubt;
  }

  get state(): ClockState {
    return this.#state;
  }

  /** Compares the two clocks. Call it every `TICK_MS`, and whenever something else shows that the page runs. */
  tick(): void {
    const last = this.#tick;
    const tick = { pageMs: now(), wallMs: Date.now(), isHidden: isHidden() };
    this.#tick = tick;
    const interval = { fromMs: last.pageMs, toMs: tick.pageMs };
    const passedMs = tick.pageMs - last.pageMs;
    const limitMs = last.isHidden || tick.isHidden ? HIDDEN_STALLED_AFTER_MS : STALLED_AFTER_MS;
    if (passedMs > limitMs) this.#onHole({ ...interval, reason: 'stalled' });
    const byMs = tick.wallMs - last.wallMs - passedMs;
    if (byMs < TOLERANCE_MS) return;
    this.#state = { ...this.#state, jumps: [...this.#state.jumps, { ...interval, byMs }] };
    this.#onDoubt();
  }

  /** The header `Date` of a response to a request that was sent and received at these times of the page's clock. */
  learn(date: string | null, sentMs: number, receivedMs: number): void {
    const dateMs = Date.parse(date ?? '');
    if (Number.isNaN(dateMs)) return;
    this.tick();
    const seen = { from: dateMs - receivedMs, to: dateMs + DATE_RESOLUTION_MS - sentMs };
    const { offsetMs, jumps } = this.#state;
    if (offsetMs === undefined) {
      this.#sleep(jumps, Number.POSITIVE_INFINITY);
      this.#state = { ...this.#state, offsetMs: (seen.from + seen.to) / 2 - sleptMs(this.#state.sleeps) };
      this.#bounds = seen;
      return;
    }
    const current = offsetMs + sleptMs(this.#state.sleeps);
    const bounds = this.#bounds ?? seen;
    const common = { from: Math.max(bounds.from, seen.from), to: Math.min(bounds.to, seen.to) };
    const aheadMs = seen.from - current;
    if (jumps.length > 0 && aheadMs > TOLERANCE_MS) {
      this.#sleep(jumps, (seen.from + seen.to) / 2 - current);
      this.#bounds = seen;
    } else if (common.from <= common.to) {
      this.#bounds = common;
      const movedMs = Math.min(Math.max(current, common.from), common.to) - current;
      // Recordings that end one after the other share one offset: it is corrected only when it was far from right.
      if (Math.abs(movedMs) > DATE_RESOLUTION_MS / 2) this.#state = { ...this.#state, offsetMs: offsetMs + movedMs };
    }
    // What happened after the request was sent is judged by a later response.
    this.#state = { ...this.#state, jumps: this.#state.jumps.filter(({ toMs }) => toMs > sentMs) };
  }

  /** Of `jumps`, as many were sleep as it takes to have slept for `totalMs`; the others were a clock that was set. */
  #sleep(jumps: readonly Jump[], totalMs: number): void {
    let leftMs = totalMs;
    for (const jump of jumps) {
      const byMs = Math.min(jump.byMs, leftMs);
      if (byMs < TOLERANCE_MS) continue;
      leftMs -= byMs;
      this.#state = { ...this.#state, sleeps: [...this.#state.sleeps, { ...jump, byMs }].slice(0, MAX_SLEEPS) };
      this.#onHole({ fromMs: jump.toMs - 1, toMs: jump.toMs, reason: ASLEEP });
    }
    this.#state = { ...this.#state, jumps: this.#state.jumps.filter((jump) => !jumps.includes(jump)) };
  }
}

/**
 * The service's time at a moment of the page's clock. A jump that was never told apart counts as sleep, which is by far the
 * more frequent. `fallbackMs`: the offset where this clock never learned its own.
 */
export function serviceTime(pageMs: number, { offsetMs, sleeps, jumps }: ClockState, fallbackMs = 0): number {
  const slept = [...sleeps, ...jumps].filter(({ toMs }) => toMs <= pageMs);
  return pageMs + (offsetMs ?? fallbackMs) + sleptMs(slept);
}

function sleptMs(sleeps: readonly Jump[]): number {
  return sleeps.reduce((sum, { byMs }) => sum + byMs, 0);
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden';
}
