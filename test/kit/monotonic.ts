// The monotonic clock of the process, moved by the test. While it goes on and the wall clock stands still, that one was set
// back by as much.
import { jest } from '@jest/globals';
import { afterThisTest } from './cleanup.ts';

/** From now on it stands still until it is advanced, until the end of the test. */
export function holdMonotonicClock(): { advance(ms: number): void } {
  let nowMs = Math.round(performance.now());
  const spy = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  afterThisTest(() => spy.mockRestore());
  return {
    advance(ms) {
      nowMs += ms;
    },
  };
}
