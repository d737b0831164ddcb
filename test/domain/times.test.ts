import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDuration } from '../../src/domain/durations.ts';
import { fromDay, fromKeyTime, toDay, toIso, toKeyTime } from '../../src/domain/times.ts';

const timesMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });

describe('times in keys', () => {
  test('are UTC, to the millisecond', () => {
    expect(toKeyTime(Date.UTC(2026, 10, 23, 2, 3, 17, 4))).toBe('20261123T020317004Z');
    expect(toIso(0)).toBe('1970-01-01T00:00:00.000Z');
  });

  test('law: key order is time order', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (a, b) => {
        expect(toKeyTime(a) < toKeyTime(b)).toBe(a < b);
        expect(toKeyTime(a)).toHaveLength(19);
      }),
    );
  });

  test('law: a time is read back as it was written', () => {
    fc.assert(fc.property(timesMs, (timeMs) => expect(fromKeyTime(toKeyTime(timeMs))).toBe(timeMs)));
  });

  test('clamps what no year from 1970 to 9999 can hold, so that it still sorts first or last', () => {
    expect(toKeyTime(-5)).toBe('19700101T000000000Z');
    expect(toKeyTime(Number.MAX_SAFE_INTEGER)).toBe('99991231T235959999Z');
    expect(toDay(-5)).toBe('1970-01-01');
  });

  test.each([
    '',
    '20261123',
    '20261123T020317Z',
    '20261323T020317004Z',
    '20260230T000000000Z',
    '20261123T250317004Z',
    'x20261123T020317004Z',
  ])('does not read %j', (text) => expect(fromKeyTime(text)).toBeUndefined());

  test('days are read back, and nothing else is', () => {
    expect(fromDay('2026-11-23')).toBe(Date.UTC(2026, 10, 23));
    expect(toDay(Date.UTC(2026, 10, 23, 23, 59))).toBe('2026-11-23');
    for (const text of ['2026-11-31', '2026-1-1', 'today', '2026-13-01', '']) expect(fromDay(text)).toBeUndefined();
  });
});

describe('durations', () => {
  test.each([
    ['5s', 5_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['0s', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '5', 's', '-5s', '1.5h', '5 s', '5w', '5S', '9999999999s', 'Infinity', '1e3s'])('refuses %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});
