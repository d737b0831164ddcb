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
/** Of jumps that wait for a response; more of them are not told apart. */
const MAX_JUDGED = 8;

interface Bounds {
  readonly from: number;
  readonly to: number;
}

export interface ClockEvents {
  onHole(hole: Hole): void;
  /** Only the next response of the service tells whether the computer slept. */
  onDoubt(): void;
  /** The state is another one. */
  onChange(): void;
}

export class SessionClock {
  #state: ClockState;
  /** Between these the offset of this moment lies, as far as the responses since the last sleep tell. */
  #bounds: Bounds | undefined;
  #tick = { pageMs: now(), wallMs: Date.now(), isHidden: isHidden() };
  readonly #events: ClockEvents;

  constructor(events: ClockEvents = { onHole() {}, onDoubt() {}, onChange() {} }) {
    this.#state = { sleeps: [], jumps: [] };
    this.#events = events;
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
    if (passedMs > limitMs) this.#events.onHole({ ...interval, reason: 'stalled' });
    const byMs = tick.wallMs - last.wallMs - passedMs;
    if (byMs < TOLERANCE_MS) return;
    this.#change({ jumps: [...this.#state.jumps, { ...interval, byMs }] });
    this.#events.onDoubt();
  }

  /** The header `Date` of a response to a request that was sent and received at these times of the page's clock. */
  learn(date: string | null, sentMs: number, receivedMs: number): void {
    const dateMs = Date.parse(date ?? '');
    if (Number.isNaN(dateMs)) return;
    this.tick();
    const { offsetMs, jumps, sleeps } = this.#state;
    // Between sending and receiving the page's clock may have stood still.
    if (jumps.some(({ toMs }) => toMs > sentMs)) return;
    const seen = { from: dateMs - receivedMs, to: dateMs + DATE_RESOLUTION_MS - sentMs };
    if (offsetMs === undefined) {
      this.#bounds = seen;
      // By just as much the wall clock is now ahead of the service's: it was right, and was set wrong.
      const aheadMs = Date.now() - dateMs;
      const asleep = jumps.filter(({ byMs }) => Math.abs(aheadMs - byMs) > TOLERANCE_MS);
      this.#change({ offsetMs: (seen.from + seen.to) / 2 - sleptMs(sleeps) - sleptMs(asleep), jumps: [] });
      this.#sleep(asleep);
      return;
    }
    const current = offsetMs + sleptMs(sleeps);
    if (jumps.length > 0) this.#judge(current, seen);
    else this.#narrow(current, seen);
  }

  /** Which of the jumps were sleep? Those whose lengths together lead to what the service shows; the others were a set clock. */
  #judge(current: number, seen: Bounds): void {
    const middle = (seen.from + seen.to) / 2;
    const isSlow = seen.to - seen.from > TOLERANCE_MS;
    const byDistance = subsets(this.#state.jumps.slice(0, MAX_JUDGED))
      .map((asleep) => ({ asleep, awayMs: Math.abs(current + sleptMs(asleep) - middle) }))
      .sort((a, b) => a.awayMs - b.awayMs);
    const possible = byDistance.filter(({ awayMs }) => awayMs < (seen.to - seen.from) / 2 + TOLERANCE_MS);
    if (isSlow && possible.length > 1) {
      // The next response decides.
      this.#events.onDoubt();
      return;
    }
    const [first, ...others] = byDistance[0]?.asleep ?? [];
    this.#change({ jumps: [] });
    this.#bounds = seen;
    if (first) {
      // The clock may have been set as well: then the service's alone shows for how long the computer slept.
      const offMs = middle - current - sleptMs([first, ...others]);
      const byMs = Math.abs(offMs) < DATE_RESOLUTION_MS ? first.byMs : first.byMs + offMs;
      this.#sleep([{ ...first, byMs }, ...others]);
    }
  }

  #narrow(current: number, seen: Bounds): void {
    const bounds = this.#bounds ?? seen;
    const common = { from: Math.max(bounds.from, seen.from), to: Math.min(bounds.to, seen.to) };
    if (common.from > common.to) return;
    this.#bounds = common;
    const movedMs = Math.min(Math.max(current, common.from), common.to) - current;
    // Recordings that end one after the other share one offset: it is corrected only when it was far from right.
    if (Math.abs(movedMs) > DATE_RESOLUTION_MS / 2) {
      this.#change({ offsetMs: (this.#state.offsetMs ?? 0) + movedMs });
    }
  }

  #sleep(asleep: readonly Jump[]): void {
    if (asleep.length === 0) return;
    this.#change({ sleeps: [...this.#state.sleeps, ...asleep].slice(0, MAX_SLEEPS) });
    for (const hole of asleep.map(holeOf)) this.#events.onHole(hole);
  }

  #change(changed: Partial<ClockState>): void {
    this.#state = { ...this.#state, ...changed };
    this.#events.onChange();
  }
}

/** By the page's clock it has a millisecond. */
export function holeOf({ toMs }: Jump): Hole {
  return { fromMs: toMs - 1, toMs, reason: ASLEEP };
}

function subsets(jumps: readonly Jump[]): (readonly Jump[])[] {
  return jumps.reduce<(readonly Jump[])[]>((sets, jump) => sets.flatMap((set) => [set, [...set, jump]]), [[]]);
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
