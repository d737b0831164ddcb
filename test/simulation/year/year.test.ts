// The simulated year in its short form: two weeks of short retention and fewer sweeps, and that they catch what they are for.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../../src/model/durations.ts';
import { START_MS } from './calendar.ts';
import { MISTAKES } from './mistakes.ts';
import { simulateYear } from './year.ts';

const WEEKS = {
  seed: 10,
  days: 15,
  recordings: 500,
  env: {
    RETENTION_AFTER_ASSESSMENT: '5d',
    RETENTION_UNASSESSED: '6d',
    RETENTION_BY_TENANT: 'isle=2d,hill=4d',
    SWEEP_SCHEDULE: '0 */3 * * *',
  },
};

test('with outages, suspensions and clocks that are set, nothing is deleted late, and nothing early unasked', async () => {
  const { broken, remarks, figures } = await simulateYear(WEEKS);
  expect({ broken, remarks }).toEqual({ broken: [], remarks: [] });
  // It is about something.
  const some = expect.any(Number);
  expect(figures.counts).toMatchObject({ outage: some, suspend: some, step: some });
  expect(figures.deleted).toBeGreaterThan(0.98 * WEEKS.recordings);
  expect(figures.onRequest).toBeGreaterThan(0);
  expect(figures.swept.refused).toBeGreaterThan(0);
  expect(figures.swept.failed).toBeGreaterThan(0);
});

test('an outage that is longer than the deletion margin is told in seconds, alike by sweeps, receipts and verify', async () => {
  const fromMs = START_MS + 9 * DAY_MS + 6 * HOUR_MS;
  const year = await simulateYear({ ...WEEKS, troubles: [{ kind: 'outage', fromMs, untilMs: fromMs + 40 * HOUR_MS }] });
  const { broken, figures, worstLatenessSeconds, verifiedAfterwards } = year;
  expect(broken).toEqual([
    'everything is deleted by its deadline',
    'the receipts tell no lateness',
    'the sweeps report no lateness',
  ]);
  // What was due when it began is deleted right after its end, and the margin is a day.
  expect(worstLatenessSeconds).toBeGreaterThan(HOUR_MS / 1000);
  expect(worstLatenessSeconds).toBeLessThan((17.5 * HOUR_MS) / 1000);
  const { late, greatestLatenessSeconds } = verifiedAfterwards;
  expect(Math.abs(greatestLatenessSeconds - worstLatenessSeconds)).toBeLessThan(600);
  expect(figures.swept.greatestLatenessSeconds).toBe(greatestLatenessSeconds);
  expect(late).toBe(figures.late);
});

/** Every second one; all of them where TEST_ALL is set, as it is in ci/full. */
const TRIED = MISTAKES.filter((_, place) => process.env.TEST_ALL || place % 2 === 0);

test.each(TRIED)('it is caught that $name', async (mistake) => {
  const { broken } = await simulateYear({ ...WEEKS, days: 10, recordings: 200, mistake, troubles: mistake.troubles });
  expect(broken).toContain(mistake.breaks);
});
