// Limits how long something may take, and ends it when the caller aborts.

/** The time is over. */
export class Expired extends Error {
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`nothing arrived within ${limitMs} ms`);
    this.limitMs = limitMs;
  }
}

/** Listens to the signals until `end`. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #onAbort = ({ target }: Event) => this.abort((target as AbortSignal).reason);

  constructor(signals: readonly AbortSignal[]) {
    this.#signals = signals;
    for (const signal of signals) {
      if (signal.aborted) this.abort(signal.reason);
      else signal.addEventListener('abort', this.#onAbort);
    }
  }

  /** For `fetch`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** @throws the reason of the abort, also when `work` takes no notice of it */
  async untilAborted<Result>(work: Promise<Result>): Promise<Result> {
    const { signal } = this;
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      // A promise for each call: one that lives as long as the signal would keep every earlier call in memory.
      else signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** @throws Expired after `limitMs`, and as `untilAborted` */
  async within<Result>(limitMs: number, work: Promise<Result>): Promise<Result> {
    // A longer timer would fire at once.
    const timer = setTimeout(() => this.abort(new Expired(limitMs)), Math.min(limitMs, LONGEST_TIMER_MS));
    try {
      return await this.untilAborted(work);
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort);
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
