// How many requests may be in flight: one more while the store takes them, a third less after it throttled.

/** How a process treats the store that it shares with others. Times are in milliseconds. */
export interface Manner {
  /** Requests in flight, before anything is known of the store. */
  readonly start: number;
  /** The window after the store throttled. */
  readonly shrink: (size: number) => number;
  /** The window grows by one, and at most once in this time: a round trip to a store nearby is too short to tell. */
  readonly growEveryMs: number;
  /** No request is sent for this time after the store throttled; twice as long each time that it does so again. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  /** The next pause is a first one when the store has taken requests for so long since the last. */
  readonly calmMs: number;
}

/** Of a process that responds to calls. */
export const SERVING: Manner = {
  start: 32,
  shrink: (size) => Math.floor(size * 0.7),
  growEveryMs: 100,
  pauseMs: 50,
  longestPauseMs: 3_000,
  calmMs: 20,
};

/** Of a process whose whole work is background: it leaves a busy store to the calls of a process that it cannot see. */
export const YIELDING: Manner = {
  start: 16,
  shrink: () => 1,
  growEveryMs: 1_000,
  pauseMs: 1_000,
  longestPauseMs: 30_000,
  calmMs: 1_000,
};

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
  #changedAtMs: number;
  #closedUntilMs = Number.NEGATIVE_INFINITY;
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
    this.#changedAtMs = now();
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
    return Math.max(0, this.#closedUntilMs - this.#now());
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

  /** @param isFull whether another request would have had to wait */
  succeeded(era: number, isFull: boolean): void {
    if (era !== this.#era) return;
    this.#fruitlessPauses = 0;
    this.#hasSucceeded = true;
    if (this.#now() - this.#closedUntilMs >= this.#manner.calmMs) this.#pauses = 0;
    if (isFull) this.#grow();
  }

  #grow(): void {
    if (this.#open < this.#size) {
      this.#open += 1;
      return;
    }
    this.#successes += 1;
    if (this.#successes < this.#size || this.#now() - this.#changedAtMs < this.#manner.growEveryMs) return;
    this.#resize(this.#size + 1);
    this.#open = this.#size;
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
    if (this.#fruitlessPauses === 0) this.#resize(this.#manner.shrink(this.#open));
    this.#open = 1;
    this.#fruitlessPauses += 1;
    this.#closedUntilMs = this.#now() + this.pauseMs(this.#pauses);
  }

  #resize(size: number): void {
    this.#size = Math.max(1, Math.min(size, this.#max));
    this.#successes = 0;
    this.#changedAtMs = this.#now();
  }
}
