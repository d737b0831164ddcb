import { expect, jest, test } from '@jest/globals';
import { startScheduler } from '../../src/retention/scheduler.ts';

test('a schedule never runs two sweeps at once, runs again after one is over, and stopping waits for the one in hand', async () => {
  // node-cron reads the clock and sets timers by itself.
  jest.useFakeTimers();
  const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1000);
  const runs: { readonly signal: AbortSignal; readonly end: () => void }[] = [];
  const scheduler = startScheduler('* * * * * *', (signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    runs.push({ signal, end: resolve });
    return promise;
  });
  await seconds(3);
  expect(runs).toHaveLength(1);
  runs[0]?.end();
  await seconds(3);
  expect(runs).toHaveLength(2);

  let isStopped = false;
  const stopping = scheduler.stop().then(() => {
    isStopped = true;
  });
  await seconds(3);
  expect({ isStopped, isAborted: runs[1]?.signal.aborted }).toEqual({ isStopped: false, isAborted: true });
  runs[1]?.end();
  await stopping;
  await scheduler.stop();
  await seconds(3);
  expect(runs).toHaveLength(2);
});
