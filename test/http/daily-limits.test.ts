// Counts of one UTC day, by a clock that may be set.
import { expect, test } from '@jest/globals';
import { DailyLimits } from '../../src/http/daily-limits.ts';
import { DAY_MS } from '../../src/model/durations.ts';

const TWICE = { name: 'links', of: 'recording', max: 2, refusals: [] } as const;

function startCounting() {
  const clock = { nowMs: 20_000 * DAY_MS + 1 };
  const limits = new DailyLimits(() => clock.nowMs);
  const count = (times: number, id = 'one') => Array.from({ length: times }, () => limits.count(TWICE, id));
  return { clock, limits, count };
}

test('each id has its own count, and each name', () => {
  const { limits, count } = startCounting();
  expect(count(3)).toEqual([true, true, false]);
  expect(count(1, 'two')).toEqual([true]);
  expect(limits.count({ ...TWICE, name: 'exports' }, 'one')).toBe(true);
});

test.each([
  ['the next day', DAY_MS - 1],
  ['a year later', 365 * DAY_MS],
  ['a clock that was set back by a day', -DAY_MS],
])('begins anew on %s, and nobody is told to wait for longer than a day', (_, ms) => {
  const { clock, limits, count } = startCounting();
  expect(count(3)).toEqual([true, true, false]);
  expect(limits.secondsLeft()).toBe(DAY_MS / 1000);
  clock.nowMs += ms;
  expect(limits.secondsLeft()).toBeLessThanOrEqual(DAY_MS / 1000);
  expect(count(1)).toEqual([true]);
});

test('what wrote nothing is taken back, also on the day after', () => {
  const { clock, limits, count } = startCounting();
  count(2);
  limits.takeBack(TWICE, 'one');
  expect(count(2)).toEqual([true, false]);
  clock.nowMs += DAY_MS;
  limits.takeBack(TWICE, 'two');
  expect(count(3, 'two')).toEqual([true, true, false]);
});
