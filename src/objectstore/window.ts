// How many requests may be in flight: one more while the store takes them, fewer after it throttled.
import { SECOND_MS } from '../model/durations.ts';
import { Rate } from './rate.ts';

/** How a process treats the store that it shares with others. Times are in milliseconds. */
export interface Manner {
  /** Requests in flight, before anything is known of the store. */
  readonly start: number;
  /** The window after the store throttled. */
  readonly shrink: (size: number) => number;
  /** The window grows by one, and at most once in this time: a round trip to a store nearby is too short to show anything. */
  readonly growEveryMs: number;
  /** No request is sent for this time after the store throttled; twice as long each time that it does so again. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  /** The next pause is a first one when the store has taken requests for so long since the last. */
  readonly calmMs: number;
  /**
   * After the store throttled, requests are sent at intervals, of at most this length: one in flight may be too much for a store
   * nearby that takes few a second. Zero: without intervals.
   */
  readonly longestSpacingMs: number;
  /** Where this process leaves a busy store to others. Default: it does not. */
  readonly leaves?: Leaving;
}

/** The shares are shares of the requests a second at which the store throttled. */
interface Leaving {
  /** The process grows no further than to this share, so that others find something left. */
  readonly growsTo: number;
  /** It grows further so long after it was throttled for its own requests: the store may take more by now. */
  readonly triesMoreAfterMs: number;
  /** The same, where it had sent requests for less than a second, so that hardly anything is known. */
  readonly triesMoreSoonMs: number;
  /** Where the store throttles below this share, another must be using it: the pause is the longest. */
  readonly yieldsBelow: number;
}

/** Of a process that responds to calls. */
export const SERVING: Manner = {
  start: 32,
  shrink: (size) => Math.floor(size * 0.7),
  growEveryMs: 100,
  pauseMs: 50,
  longestPauseMs: 3_000,
  calmMs: 20,
  longestSpacingMs: 0,
};

/** Of a process whose whole work is background: it leaves a busy store to the calls of a process that it cannot see. */
export const YIELDING: Manner = {
  start: 16,
  shrink: (size) => Math.floor(size / 2),
  growEveryMs: 1_000,
  pauseMs: 1_000,
  longestPauseMs: 30_000,
  calmMs: 1_000,
  longestSpacingMs: 1_000,
  leaves: { growsTo: 0.8, triesMoreAfterMs: 60_000, triesMoreSoonMs: 10_000, yieldsBelow: 0.85 },
};

/** The store may take less than before: the remembered limit falls to this share each time that the store throttles. */
const FALLS_TO = 0.9;
/** The same, where another seems to be using the store. */
const FALLS_TO_BESIDE_OTHERS = 0.7;

/** How often the store may refuse before nothing waits for it any longer: one request, or all without a success between. */
export const MAX_REFUSALS = 12;

/** What has been refused more often, while others succeeded, is refused for a reason of its own. */
const MAX_TELLING_REFUSALS = 3;

export class Window {
  readonly #manner: Manner;
  readonly #max: number;
  readonly #now: () => number;
  readonly #random: () => number;
  #size: number;
  #open: number;
  /** Counts the pauses. The responses to what was sent before the last of them say nothing new. */
  #era = 0;
  #successes = 0;
  #growsFromMs: number;
  #pausedUntilMs: number;
  /** Least time from one request to the next. */
  #spacingMs = 0;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  readonly #taken = new Rate();
  /** At how many requests a second the store throttles; 0: not known. */
  #limitPerSecond = 0;
  #triesMoreFromMs = 0;
  /** Since the store last took requests for `calmMs`; how long the next one is depends on it. */
  #pauses = 0;
  /** Since the last success. */
  #fruitlessPauses = 0;
  /** Since the last pause. */
  #hasSucceeded = true;

  /** @param now milliseconds that only grow */
  constructor(manner: Manner, max: number, now: () => number, random: () => number) {
    this.#manner = manner;
    this.#max = max;
    this.#now = now;
    this.#random = random;
    this.#size = manner.start;
    this.#open = manner.start;
    this.#pausedUntilMs = now();
    this.#growsFromMs = now() + manner.growEveryMs;
  }

  get size(): number {
    return this.#size;
  }

  /** How many may be in flight now. After a pause one goes ahead; each success lets two follow, until there are `size`. */
  get open(): number {
    return this.#open;
  }

  get era(): number {
    return this.#era;
  }

  /** How long no request may be sent, in milliseconds. */
  get closedForMs(): number {
    return Math.max(0, Math.max(this.#pausedUntilMs, this.#nextAtMs) - this.#now());
  }

  /** Whether nothing has succeeded since the last pause: then one request goes ahead. */
  get isProbing(): boolean {
    return !this.#hasSucceeded;
  }

  get refusesEverything(): boolean {
    return this.#fruitlessPauses > MAX_REFUSALS;
  }

  /** The pause of what the store has refused so often. */
  pauseMs(times: number): number {
    const { pauseMs, longestPauseMs } = this.#manner;
    return Math.min(longestPauseMs, pauseMs * 2 ** (times - 1)) * (1 / 2 + this.#random() / 2);
  }

  /** Another request is sent. */
  admitted(): void {
    this.#nextAtMs = this.#now() + this.#spacingMs;
  }

  /** @param isFull whether another request would have had to wait */
  succeeded(era: number, isFull: boolean): void {
    if (era !== this.#era) return;
    this.#fruitlessPauses = 0;
    this.#hasSucceeded = true;
    this.#taken.add(this.#now());
    if (this.#now() - this.#pausedUntilMs >= this.#manner.calmMs) this.#pauses = 0;
    if (isFull) this.#grow();
  }

  #grow(): void {
    if (this.#open < this.#size) {
      this.#open += 1;
      return;
    }
    this.#successes += 1;
    if (this.#successes < this.#size || this.#now() < this.#growsFromMs) return;
    if (this.#spacingMs > 0) this.#space(this.#spacingMs / Math.min(2, this.#room));
    else if (this.#room >= 1 + 1 / this.#size) this.#resize(this.#size + 1);
    this.#open = this.#size;
  }

  /** How many times as many requests a second may be sent; at least 1. */
  get #room(): number {
    const { leaves } = this.#manner;
    if (!leaves || this.#now() >= this.#triesMoreFromMs) return Number.POSITIVE_INFINITY;
    return Math.max(1, (leaves.growsTo * this.#limitPerSecond) / this.#taken.perSecond(this.#now()));
  }

  /**
   * One pause for all that was in flight. A request that is refused again and again while others succeed says nothing about the
   * store: its own key may be the reason, or its operation.
   * @param times how often this request has been refused
   */
  refused(era: number, times: number): void {
    if (era !== this.#era || (times > MAX_TELLING_REFUSALS && this.#hasSucceeded)) return;
    this.#hasSucceeded = false;
    this.#era += 1;
    this.#pauses += 1;
    // One that went ahead says no more than those that were refused before it.
    const isShared = this.#fruitlessPauses === 0 && this.#shrink();
    this.#open = 1;
    this.#fruitlessPauses += 1;
    const pauseMs = this.pauseMs(isShared ? Number.POSITIVE_INFINITY : this.#pauses);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#now() + pauseMs);
    this.#growsFromMs = this.#pausedUntilMs + this.#manner.growEveryMs;
  }

  /** Returns whether another seems to be using the store. */
  #shrink(): boolean {
    const { shrink, leaves } = this.#manner;
    const perSecond = this.#taken.perSecond(this.#now());
    this.#resize(shrink(this.#open));
    this.#space(2 * Math.max(this.#spacingMs, SECOND_MS / perSecond));
    if (!leaves) return false;
    const isSteady = this.#now() - this.#pausedUntilMs >= SECOND_MS && this.#taken.isSteady(this.#now());
    const isShared = isSteady && perSecond < this.#limitPerSecond * leaves.yieldsBelow;
    if (isShared) this.#limitPerSecond *= FALLS_TO_BESIDE_OTHERS;
    else this.#limitPerSecond = Math.max(this.#limitPerSecond * FALLS_TO, perSecond);
    if (!isShared) this.#triesMoreFromMs = this.#now() + (isSteady ? leaves.triesMoreAfterMs : leaves.triesMoreSoonMs);
    return isShared;
  }

  #resize(size: number): void {
    this.#size = Math.max(1, Math.min(size, this.#max));
    this.#changed();
  }

  /** Timers know nothing shorter than a millisecond. */
  #space(milliseconds: number): void {
    this.#spacingMs = milliseconds < 1 ? 0 : Math.min(milliseconds, this.#manner.longestSpacingMs);
    this.#changed();
  }

  #changed(): void {
    this.#successes = 0;
    this.#growsFromMs = this.#now() + this.#manner.growEveryMs;
  }
}
