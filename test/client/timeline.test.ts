import { describe, expect, test } from '@jest/globals';
import { mediaSeconds, offsetSeconds, type Timeline } from '../../src/client/timeline.ts';

const timeline = (startedAt: string, gaps: Timeline['gaps'] = []): Timeline => ({
  startedAt: `2026-11-02T09:00:${startedAt}Z`,
  endedAt: '2026-11-02T10:00:00Z',
  gaps,
});
const gap = (from: string, to: string, reason: string) => ({
  from: `2026-11-02T09:00:${from}Z`,
  to: `2026-11-02T09:00:${to}Z`,
  reason,
});

describe('two recordings of one attempt', () => {
  test('are as far apart as their beginnings on the common clock', () => {
    expect(offsetSeconds(timeline('00.000'), timeline('01.250'))).toBe(1.25);
    expect(offsetSeconds(timeline('01.250'), timeline('00.000'))).toBe(-1.25);
  });

  test('a moment lies in a file where it was recorded, without the pauses that are not in the file', () => {
    const gaps = [gap('10.000', '20.000', 'buffer-full'), gap('30.000', '35.000', 'muted')];
    const seconds = (at: string) => mediaSeconds(timeline('00.000', gaps), new Date(`2026-11-02T09:00:${at}Z`));
    expect(['05.000', '10.000', '15.000', '20.000', '40.000'].map(seconds)).toEqual([5, 10, 10, 10, 30]);
  });
});
