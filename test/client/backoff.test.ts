import { describe, expect, test } from '@jest/globals';
import { pauseMs, retryAfterMs } from '../../src/client/backoff.ts';

describe('the pause before the next attempt', () => {
  test('doubles from one second to half a minute', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 1_000].map((attempt) => pauseMs(attempt, 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('lies anywhere below that, so that many clients spread', () => {
    expect([0, 0.25, 0.5].map((random) => pauseMs(3, random))).toEqual([0, 2_000, 4_000]);
  });
});

test.each([
  ['3', 3_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', 0],
  ['-1', 0],
  [null, 0],
  ['86400', 120_000],
])('a service that asks for %s is left alone for so long', (header, ms) => {
  expect(retryAfterMs(header, Date.parse('2026-01-01T00:00:00Z'))).toBe(ms);
});
