// The cron schedule of the sweep inside `serve`.
import { expect, jest, test } from '@jest/globals';
import { startSchedule } from '../../src/runtime/sweep.ts';

test('a schedule never runs two sweeps at once, runs again after one is over, and stopping waits for the one in progress', async () => {
  // node-cron reads the clock and sets timers by itself.
  jest.useFakeTimers();
  const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1000);
  const runs: { readonly signal: AbortSignal; readonly end: () => void }[] = [];
  const scheduler = startSchedule('* * * * * *', (signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    runs.push({ signal, end: resolve });
    return promise;
  });
  await seconds(3);
  expect(runs).toHaveLength(1);
  runs[0]?.end();
  await seconds(3);
  expect(runs).toHaveLength(2);

  const onStop = jest.fn();
  const stopping = scheduler.stop().then(onStop);
  await seconds(3);
  expect(runs[1]?.signal.aborted).toBe(true);
  expect(onStop).not.toHaveBeenCalled();
  runs[1]?.end();
  await stopping;
  await scheduler.stop();
  await seconds(3);
  expect(runs).toHaveLength(2);
});
