import { describe, expect, test } from '@jest/globals';
import { startScheduler } from '../../src/retention/scheduler.ts';

const EVERY_SECOND = '* * * * * *';

describe('the schedule', () => {
  test('never runs two sweeps at once, and stopping waits for the one in hand', async () => {
    let atOnce = 0;
    let most = 0;
    let runs = 0;
    let finish: (() => void) | undefined;
    const started = Promise.withResolvers<void>();
    const scheduler = startScheduler(EVERY_SECOND, async (signal) => {
      runs += 1;
      atOnce += 1;
      most = Math.max(most, atOnce);
      started.resolve();
      await new Promise<void>((resolve) => {
        finish = resolve;
        signal.addEventListener('abort', () => resolve());
      });
      atOnce -= 1;
    });
    await started.promise;
    const twoTimesLater = Date.now() + 2100;
    while (Date.now() < twoTimesLater) await new Promise((resolve) => setTimeout(resolve, 50));
    expect({ runs, most }).toEqual({ runs: 1, most: 1 });
    finish?.();
    await scheduler.stop();
    expect(atOnce).toBe(0);
    await scheduler.stop();
  });

  test('runs again after a run is over', async () => {
    let runs = 0;
    const twice = Promise.withResolvers<void>();
    const scheduler = startScheduler(EVERY_SECOND, () => {
      runs += 1;
      if (runs === 2) twice.resolve();
      return Promise.resolve();
    });
    await twice.promise;
    await scheduler.stop();
    const after = runs;
    expect(after).toBeGreaterThanOrEqual(2);
  });
});
