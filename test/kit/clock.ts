// The one clock of a test: the service's, its timers' and its store's. Only the test moves it.
import { createClock } from '@sinonjs/fake-timers';

export interface TestClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Fires the timers that are due meanwhile, in order. */
  advance(ms: number): void;
  /** Resolves early, and does not reject, when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const START_MS = Date.UTC(2026, 2, 2, 9);

/** Stands still until it is advanced. */
export function createVirtualClock(startMs: number = START_MS): TestClock {
  const clock = createClock(startMs);
  return {
    now: () => clock.now,
    advance: (ms) => void clock.tick(ms),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = clock.setTimeout(() => resolve(), ms);
        signal?.addEventListener('abort', () => {
          clock.clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
