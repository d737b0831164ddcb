// Repeats a call until it succeeds: after a pause, or soon after the browser is online again.
import { pauseMs } from './backoff.ts';
import { type Refusal, Unavailable, type Waiting, type WaitingReason } from './errors.ts';

/** A call that has not responded for this long is reported as waiting. */
export const SLOW_MS = 10_000;

/** What is waited for now. Several calls run at once: one that succeeds does not end the waiting of another. */
export class Waits {
  readonly #calls = new Map<object, Waiting>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * `offline` while the browser has no network, whether or not a call runs; otherwise why the call that has waited for the
   * longest waits. Null when none does.
   */
  get current(): Waiting | null {
    if (navigator.onLine === false) return { reason: 'offline' };
    // A call that failed offline is repeated as soon as the network is back.
    return [...this.#calls.values()].find(({ reason }) => reason !== 'offline') ?? null;
  }

  set(call: object, reason: WaitingReason, refusal?: Refusal): void {
    const before = this.#calls.get(call);
    if (before?.reason === reason && before.refusal === refusal) return;
    this.#calls.set(call, { reason, refusal });
    this.#onChange();
  }

  end(call: object): void {
    if (this.#calls.delete(call)) this.#onChange();
  }

  /** Reports `work` while it takes longer than `SLOW_MS`. */
  async notice<Result>(work: Promise<Result>, reason: WaitingReason): Promise<Result> {
    const timer = setTimeout(() => this.set(work, reason), SLOW_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      this.end(work);
    }
  }
}

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly waits: Waits;
}

/** Repeats `task` while it throws `Unavailable`. @throws whatever else it throws, and the signal's reason */
export async function untilAvailable<Result>(
  task: () => Promise<Result>,
  { signal, waits }: RetryOptions,
): Promise<Result> {
  const call = {};
  try {
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await orAborted(task(), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Unavailable)) throw error;
        waits.set(call, navigator.onLine === false ? 'offline' : error.reason, error.refusal);
        await pauseOrOnline(pauseMs(attempt, Math.random(), error.afterMs), signal);
      }
    }
  } finally {
    waits.end(call);
  }
}

/** Rejects on an abort at once: the task may take a minute. */
export function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** All clients of an exam room may be online again at the same moment: each continues at a random time within this. */
const SPREAD_MS = 5_000;

/** Ends early when the browser is online again, or the signal aborts. */
export async function pauseOrOnline(milliseconds: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    over.signal.addEventListener('abort', () => clearTimeout(timer));
    globalThis.addEventListener('online', () => setTimeout(resolve, Math.random() * SPREAD_MS), {
      signal: over.signal,
    });
    signal.addEventListener('abort', () => resolve(), { signal: over.signal });
  });
  over.abort();
}
