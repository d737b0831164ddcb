// What is kept of the timeline that a client reports: all that can be true.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Timeline } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { toIso } from '../../src/model/times.ts';
import { plausibleTimeline } from '../../src/recordings/timeline.ts';

const CREATED_MS = Date.UTC(2026, 2, 2, 9);
const ENDED_MS = CREATED_MS + 2 * HOUR_MS;
const KNOWN = { createdAtMs: CREATED_MS, endedAtMs: ENDED_MS };
const [CREATED, ENDED] = [toIso(CREATED_MS), toIso(ENDED_MS)];
const at = (hours: number) => toIso(CREATED_MS + hours * HOUR_MS);
const [ANCIENT, FAR] = ['1800-01-01T00:00:00Z', '3000-01-01T00:00:00Z'];
const gap = (from: string, to: string) => ({ from, to, reason: 'lid' });
const kept = (startedAt: string, endedAt: string, gaps: Timeline['gaps'] = []) =>
  plausibleTimeline({ startedAt, endedAt, gaps }, KNOWN);

describe('a timeline is kept as it was reported', () => {
  test.each([
    ['that of the recording', CREATED, ENDED],
    ['as text, with its offset', '2026-03-02T10:30:00.5+01:00', '2026-03-02T10:40:00+01:00'],
    ['of a client that was without a connection for hours before', at(-20), ENDED],
    ['by a clock that is minutes ahead', CREATED, toIso(ENDED_MS + 5 * MINUTE_MS)],
  ])('%s', (_, startedAt, endedAt) => {
    const gaps = [gap(startedAt, startedAt), gap(startedAt, endedAt)];
    expect(kept(startedAt, endedAt, gaps)).toEqual({ startedAt, endedAt, gaps });
  });

  test.each([
    ['1970-01-01T00:00:00Z', '1970-01-01T02:00:00Z'],
    ['2026-02-27T09:00:00Z', '2026-02-27T11:00:00Z'],
    ['2031-01-01T09:00:00Z', '2031-01-01T11:00:00Z'],
  ])('by a clock that was wrong as a whole: %s to %s', (startedAt, endedAt) => {
    const gaps = [gap(startedAt, endedAt)];
    expect(kept(startedAt, endedAt, gaps)).toEqual({ startedAt, endedAt, gaps });
  });
});

describe('what cannot be true is corrected, and marked', () => {
  test.each([
    ['1970-01-01T00:00:00Z', '2999-01-01T00:00:00Z', CREATED, ENDED],
    ['0001-01-01T00:00:00Z', at(1), CREATED, at(1)],
    [at(0.5), FAR, at(0.5), ENDED],
    [at(-30), ENDED, CREATED, ENDED],
    [at(1.5), at(0.5), CREATED, ENDED],
    ['2026-02-01T00:00:00Z', '2026-03-02T08:00:00Z', CREATED, ENDED],
  ])('%s to %s', (startedAt, endedAt, from, to) => {
    expect(kept(startedAt, endedAt)).toEqual({ startedAt: from, endedAt: to, gaps: [], doubtful: true });
  });

  test('gaps are cut to it, and left out where nothing of them is within', () => {
    const gaps = [gap(ANCIENT, FAR), gap(ANCIENT, at(0.5)), gap(at(1), FAR), gap(at(3), FAR), gap(at(1.5), at(0.5))];
    const cut = [gap(CREATED, ENDED), gap(CREATED, at(0.5)), gap(at(1), ENDED)];
    expect(kept(CREATED, ENDED, gaps)).toEqual({ startedAt: CREATED, endedAt: ENDED, gaps: cut, doubtful: true });
  });
});

describe('anchors', () => {
  const anchor = (hours: number, mediaSeconds: number) => ({ at: at(hours), mediaSeconds });
  const anchorsOf = (anchors: NonNullable<Timeline['anchors']>) => {
    const { anchors: result, doubtful } = plausibleTimeline(
      { startedAt: CREATED, endedAt: ENDED, gaps: [], anchors },
      KNOWN,
    );
    return { anchors: result, doubtful };
  };

  test('that rise in time and in the media are kept', () => {
    const anchors = [anchor(0, 0), anchor(0.5, 1799.5), anchor(2, 7199)];
    expect(anchorsOf(anchors)).toEqual({ anchors, doubtful: undefined });
    expect(anchorsOf([])).toEqual({ anchors: [], doubtful: undefined });
  });

  test.each([
    ['out of order', [anchor(1, 3600), anchor(0.5, 1800), anchor(1.5, 5400)], [0, 2]],
    ['at equal times', [anchor(1, 3600), anchor(1, 3601)], [0]],
    [
      'at equal times that are spelled differently',
      [anchor(1, 1), { at: '2026-03-02T11:00:00+01:00', mediaSeconds: 2 }],
      [0],
    ],
    ['at one position', [anchor(0.5, 1800), anchor(1, 1800), anchor(1.5, 5400)], [0, 2]],
    ['back in the media', [anchor(0.5, 1800), anchor(1, 900)], [0]],
    ['beyond any length', [anchor(0.5, 1e7 + 1), anchor(1, 3600)], [1]],
    ['outside of the timeline', [anchor(-1, 0), anchor(1, 3600), anchor(3, 7200)], [1]],
  ])('%s are left out', (_, given, left) => {
    expect(anchorsOf(given)).toEqual({ anchors: left.map((index) => given[index]), doubtful: true });
  });
});

test('law: it never ends before it begins, is not a day longer than the recording, and all its gaps are within', () => {
  const time = fc.oneof(
    fc
      .date({ min: new Date(0), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
      .map((date) => date.toISOString()),
    fc.integer({ min: -40, max: 40 }).map(at),
  );
  const gaps = fc.array(fc.record({ from: time, to: time, reason: fc.constant('x') }), { maxLength: 5 });
  fc.assert(
    fc.property(time, time, gaps, (startedAt, endedAt, given) => {
      const result = kept(startedAt, endedAt, given);
      const [from, to] = [Date.parse(result.startedAt), Date.parse(result.endedAt)];
      expect(to).toBeGreaterThanOrEqual(from);
      expect(to - from).toBeLessThanOrEqual(ENDED_MS - CREATED_MS + DAY_MS + 5 * MINUTE_MS);
      for (const each of result.gaps) {
        expect(Date.parse(each.from)).toBeGreaterThanOrEqual(from);
        expect(Date.parse(each.to)).toBeGreaterThanOrEqual(Date.parse(each.from));
        expect(Date.parse(each.to)).toBeLessThanOrEqual(to);
      }
      // Whatever it is, it is kept the second time as it was the first.
      const { doubtful: _, ...again } = plausibleTimeline(result, KNOWN);
      expect({ ...again }).toEqual({ startedAt: result.startedAt, endedAt: result.endedAt, gaps: result.gaps });
    }),
  );
});
