// Repeats a call until it succeeds: after a pause, or soon after the browser is online again.
import { pauseMs } from './backoff.ts';
import { Unavailable, type WaitingReason } from './errors.ts';

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** Called with the reason when a call has to wait, and with null when it continues. */
  onWaiting(reason: WaitingReason | null): void;
}

/** Repeats `task` while it throws `Unavailable`. @throws whatever else it throws, and the signal's reason */
export async function untilAvailable<Result>(task: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    options.signal.throwIfAborted();
    try {
      const result = await orAborted(task(), options.signal);
      options.onWaiting(null);
      return result;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof Unavailable)) throw error;
      options.onWaiting(navigator.onLine === false ? 'offline' : error.reason);
      await pauseOrOnline(Math.max(error.afterMs, pauseMs(attempt, Math.random())), options.signal);
    }
  }
}

/** Rejects on an abort at once: the task may take a minute. */
function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** All clients of an exam room may be online again at the same moment: each continues at a random time within this. */
const SPREAD_MS = 1_000;

/** Ends early when the browser is online again, or the signal aborts. */
async function pauseOrOnline(milliseconds: number, signal: AbortSignal): Promise<void> {
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
