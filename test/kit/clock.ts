// The one clock of a test: the service's, its timers' and its store's. Only the test moves it.
import { createClock } from '@sinonjs/fake-timers';

export const START_MS = Date.UTC(2026, 2, 2, 9);

/** What Jest leaves alone where it gives a library that reads `Date` by itself another time. */
export const ALL_BUT_DATE = [
  ...(['clearImmediate', 'clearInterval', 'clearTimeout', 'hrtime', 'nextTick', 'performance'] as const),
  ...(['queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout'] as const),
];

export type TestClock = ReturnType<typeof createVirtualClock>;

/** Stands still until it is advanced. */
export function createVirtualClock() {
  const clock = createClock(START_MS);
  return {
    /** Milliseconds since the epoch. */
    now: () => clock.now,
    /** Fires the timers that are due meanwhile, in order. */
    advance: (ms: number): void => {
      clock.tick(ms);
    },
    /** Sets the time forwards or backwards, as an operator or NTP does: no timer fires for it. */
    step: (ms: number): void => {
      clock.setSystemTime(clock.Date.now() + ms);
    },
    /** Calls `tick` every `ms` until the returned function is called. */
    every: (ms: number, tick: () => void) => {
      const timer = clock.setInterval(tick, ms);
      return () => clock.clearInterval(timer);
    },
    /** Resolves early, and does not reject, when the signal is aborted. */
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        clock.setTimeout(() => resolve(), ms);
        signal?.addEventListener('abort', () => resolve());
        if (signal?.aborted) resolve();
      }),
  };
}
