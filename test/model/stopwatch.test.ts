// How long ago something was, and whether the clock was set back.
import { describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/model/durations.ts';
import { createSetBackDetector } from '../../src/model/set-back.ts';
import { startStopwatch } from '../../src/model/stopwatch.ts';

const START_MS = Date.UTC(2026, 2, 2, 9);

describe('a stopwatch', () => {
  test.each([
    ['both clocks go on', HOUR_MS, HOUR_MS, HOUR_MS],
    ['the machine was suspended', DAY_MS, SECOND_MS, DAY_MS],
    ['the wall clock was set back', -DAY_MS, HOUR_MS, HOUR_MS],
  ])('counts the longer time when %s', (_, wallMs, monotonicMs, expected) => {
    const clocks = { wallMs: START_MS, monotonicMs: 7 };
    const elapsedMs = startStopwatch(
      () => clocks.wallMs,
      () => clocks.monotonicMs,
    );
    expect(elapsedMs()).toBe(0);
    clocks.wallMs += wallMs;
    clocks.monotonicMs += monotonicMs;
    expect(elapsedMs()).toBe(expected);
  });
});

test('a clock that was set back by more than a second is noticed once, whatever it did before', () => {
  let nowMs = START_MS;
  const wasSetBack = createSetBackDetector(() => nowMs);
  const steps = [HOUR_MS, -SECOND_MS, 500, -DAY_MS, 0, SECOND_MS, -2 * SECOND_MS];
  const noticed = steps.map((ms) => {
    nowMs += ms;
    return wasSetBack();
  });
  expect(noticed).toEqual([false, false, false, true, false, false, true]);
});
