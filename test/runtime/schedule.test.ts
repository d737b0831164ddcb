// The cron schedule of the sweep inside `serve`, by clocks that are set, that stand still and that nobody looks at.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createClock } from '@sinonjs/fake-timers';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import { isCron, startSchedule } from '../../src/runtime/schedule.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { ALL_BUT_DATE } from '../kit/clock.ts';

const START_MS = Date.UTC(2026, 2, 2, 9, 5);

/** The wall clock is `Date`, all that node-cron reads; the monotonic one has the timers. */
function startClocks() {
  jest.useFakeTimers({ now: START_MS, doNotFake: ALL_BUT_DATE });
  const monotonic = createClock(0);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    timers: {
      monotonicMs: () => monotonic.now,
      wait: (ms: number, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          monotonic.setTimeout(() => resolve(), ms);
          signal.addEventListener('abort', () => resolve());
        }),
    },
    /** Both clocks go on, in steps that are shorter than the schedule waits. */
    async goOn(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= SECOND_MS) {
        jest.setSystemTime(Date.now() + Math.min(left, SECOND_MS));
        monotonic.tick(Math.min(left, SECOND_MS));
        await turn();
      }
    },
    /** Both clocks go on, and no timer fires meanwhile. */
    async block(ms: number): Promise<void> {
      jest.setSystemTime(Date.now() + ms);
      monotonic.jump(ms);
      await turn();
    },
    /** The wall clock is set, or goes on alone while the machine is suspended. */
    stepWall: (ms: number) => jest.setSystemTime(Date.now() + ms),
  };
}

let clocks: ReturnType<typeof startClocks>;
beforeEach(() => {
  clocks = startClocks();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A schedule whose runs are over at once, unless `isLong`. It has made the run of its start. */
async function startRuns(cron: string, { isLong = false } = {}) {
  const runs: { readonly atMs: number; readonly signal: AbortSignal; readonly end: () => void }[] = [];
  const schedule = startSchedule(
    cron,
    (signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      runs.push({ atMs: Date.now(), signal, end: resolve });
      if (!isLong) resolve();
      return promise;
    },
    clocks.timers,
  );
  afterThisTest(async () => {
    for (const { end } of runs) end();
    await schedule.stop();
  });
  const times = () => runs.map(({ atMs }) => new Date(atMs).toISOString().slice(5, 19));
  expect(times()).toEqual(['03-02T09:05:00']);
  return { schedule, runs, times: () => times().slice(1) };
}

test('runs at the start, and then at each moment of the expression, in UTC', async () => {
  const { times } = await startRuns('*/10 * * * *');
  await clocks.goOn(25 * MINUTE_MS);
  expect(times()).toEqual(['03-02T09:10:00', '03-02T09:20:00', '03-02T09:30:00']);
});

describe('a process that is busy while a moment passes runs as soon as it is free, and once', () => {
  test.each([2, 4.5, 90, 7000])('for %d s', async (seconds) => {
    const { times } = await startRuns('*/10 * * * *');
    await clocks.goOn(5 * MINUTE_MS - SECOND_MS);
    await clocks.block(seconds * SECOND_MS);
    await clocks.goOn(SECOND_MS);
    expect(times()).toHaveLength(1);
    await clocks.goOn(10 * MINUTE_MS);
    expect(times()).toHaveLength(2);
  });

  test('a day is not lost', async () => {
    const { times } = await startRuns('0 3 * * *');
    await clocks.goOn(18 * HOUR_MS - 6 * MINUTE_MS);
    await clocks.block(HOUR_MS);
    await clocks.goOn(SECOND_MS);
    expect(times()).toEqual(['03-03T03:59:00']);
  });
});

describe('after the wall clock was set, or the machine was suspended, one run is made at once, and the next by the new time', () => {
  test.each([
    ['an hour back', -HOUR_MS, ['03-02T08:07:00', '03-02T08:10:00']],
    ['a year back', -365 * DAY_MS, ['03-02T09:07:00', '03-02T09:10:00']],
    ['two seconds back', -2 * SECOND_MS, ['03-02T09:07:00', '03-02T09:10:00']],
    ['an hour forward', HOUR_MS, ['03-02T10:07:00', '03-02T10:10:00']],
    ['three days forward', 3 * DAY_MS, ['03-05T09:07:00', '03-05T09:10:00']],
  ])('%s', async (_, stepMs, expected) => {
    const { times } = await startRuns('*/10 * * * *');
    await clocks.goOn(2 * MINUTE_MS);
    clocks.stepWall(stepMs);
    // Noticed within five seconds.
    await clocks.goOn(5 * SECOND_MS);
    expect(times()).toHaveLength(1);
    await clocks.goOn(4 * MINUTE_MS);
    const minutes = times().map((time) => time.slice(0, -2));
    expect(minutes).toEqual(expected.map((time) => time.slice(0, -2)));
    expect(times()[1]).toBe(expected[1]);
  });

  test('a step of less than a second is none: it moves the next run by as much, and no moment counts twice', async () => {
    const { times } = await startRuns('*/10 * * * *');
    await clocks.goOn(5 * MINUTE_MS);
    clocks.stepWall(-900);
    await clocks.goOn(5 * MINUTE_MS);
    expect(times()).toEqual(['03-02T09:10:00']);
    await clocks.goOn(6 * MINUTE_MS);
    expect(times()).toEqual(['03-02T09:10:00', '03-02T09:20:00']);
  });

  test('writes nothing that is not the log', async () => {
    const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const written = ['error', 'warn', 'log', 'info'] as const;
    const spies = [write, ...written.map((level) => jest.spyOn(console, level).mockReturnValue())];
    await startRuns('* * * * * *');
    clocks.stepWall(DAY_MS);
    await clocks.goOn(10 * SECOND_MS);
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});

describe('while a run is in progress there is no second one', () => {
  test('moments that pass meanwhile are made up for by one run, right after it', async () => {
    const { runs, times } = await startRuns('*/10 * * * *', { isLong: true });
    await clocks.goOn(31 * MINUTE_MS);
    expect(times()).toEqual([]);
    runs[0]?.end();
    await clocks.goOn(SECOND_MS);
    expect(times()).toEqual(['03-02T09:36:01']);
    runs[1]?.end();
    await clocks.goOn(MINUTE_MS);
    expect(times()).toHaveLength(1);
    await clocks.goOn(5 * MINUTE_MS);
    expect(times()).toEqual(['03-02T09:36:01', '03-02T09:40:00']);
  });

  test.each([
    ['a suspension', 2 * DAY_MS],
    ['a clock that was set back', -2 * DAY_MS],
  ])('%s meanwhile is followed by another run', async (_, stepMs) => {
    const { runs, times } = await startRuns('0 3 * * *', { isLong: true });
    clocks.stepWall(stepMs);
    await clocks.goOn(MINUTE_MS);
    expect(times()).toEqual([]);
    runs[0]?.end();
    await clocks.goOn(SECOND_MS);
    expect(times()).toHaveLength(1);
  });
});

test('stopping aborts the run in progress, waits for it, and makes up for nothing', async () => {
  const { schedule, runs } = await startRuns('* * * * * *', { isLong: true });
  await clocks.goOn(3 * SECOND_MS);
  const onStop = jest.fn();
  const stopping = schedule.stop().then(onStop);
  await clocks.goOn(3 * SECOND_MS);
  expect(runs[0]?.signal.aborted).toBe(true);
  expect(onStop).not.toHaveBeenCalled();
  runs[0]?.end();
  await stopping;
  await schedule.stop();
  await clocks.goOn(3 * SECOND_MS);
  expect(runs).toHaveLength(1);
});

test.each([
  ['*/10 * * * *', true],
  ['0 3 * * 7', true],
  ['30 0 3 * * *', true],
  ['0 0 29 2 *', true],
  ['0 0 30 2 *', false],
  ['61 * * * *', false],
  ['every day', false],
  ['', false],
])('%j is a schedule: %s', (expression, isOne) => {
  expect(isCron(expression)).toBe(isOne);
});
