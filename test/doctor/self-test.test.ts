// The self-test of `serve`, with attacks and a timer of the test's own.
import { once } from 'node:events';
import { expect, jest, test } from '@jest/globals';
import type { AttackOutcome, CheckResult } from '../../src/doctor/check.ts';
import { RETRY_MS, type SelfTestDependencies, startSelfTest } from '../../src/runtime/self-test.ts';
import { createVirtualClock } from '../kit/clock.ts';
import { until } from '../kit/until.ts';

function results(outcomes: Record<string, AttackOutcome>): CheckResult[] {
  return Object.entries(outcomes).map(([id, outcome]) => {
    const status = outcome === 'refused' ? 'ok' : 'failed';
    return { id, name: id, status, reason: `${id} ${outcome}`, remedy: null, outcome };
  });
}

const FIT = {
  findObjectLock: async () => undefined,
  runTrials: async () => [],
  runAttacks: async () => results({ acl: 'refused', expired: 'refused' }),
};

/** Each wait lasts until the test lets it go. */
function start(overrides: Partial<SelfTestDependencies>) {
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const clock = createVirtualClock();
  const waits: number[] = [];
  const deps: SelfTestDependencies = {
    ...FIT,
    logger: { error: log, warn: log, info: log, debug: log, audit: log },
    wait(milliseconds, signal) {
      waits.push(milliseconds);
      return clock.sleep(milliseconds, signal);
    },
    ...overrides,
  };
  const selfTest = startSelfTest(deps);
  return {
    ...selfTest,
    lines,
    nextWait: async () => {
      await until(() => waits.length > 0);
      return waits.shift() ?? 0;
    },
    advance: clock.advance,
    becomesReady: async () => {
      await until(() => selfTest.reason() === undefined);
      await selfTest.stop();
    },
    restore: () => Object.assign(deps, FIT),
  };
}

test('is not ready before the attacks have run, and ready when all have failed, or when none is needed', async () => {
  const { promise, resolve } = Promise.withResolvers<CheckResult[]>();
  const { reason, becomesReady } = start({ runAttacks: () => promise });
  expect(reason()).toBe('self-test running');
  resolve(await FIT.runAttacks());
  await becomesReady();
  await start({ runAttacks: async () => [] }).becomesReady();
});

const NO_ABORT: CheckResult = {
  id: 'abort',
  name: 'abort',
  status: 'failed',
  reason: 'It does not.',
  remedy: null,
  fault: 'AbortMultipartUpload (NotImplemented)',
};
const NEEDS = 'the store lacks a required feature: AbortMultipartUpload (NotImplemented)';
const SUCCEED = results({ acl: 'succeeded', tagging: 'unproven', 'another-length': 'succeeded' });
const OF_PLAYBACK = results({ 'another-length': 'succeeded', 'playback-expired': 'succeeded' });
test.each<[string, Partial<SelfTestDependencies>, string, number]>([
  ['is down', { findObjectLock: () => Promise.reject(new Error()) }, 'the store does not respond', RETRY_MS],
  ['proves nothing', { runAttacks: async () => results({ a: 'unproven' }) }, 'no result from a', RETRY_MS],
  ['breaks', { runAttacks: () => Promise.reject(new Error()) }, 'the store does not respond', RETRY_MS],
  ['is not asked', { runTrials: async () => results({ delete: 'unproven' }) }, 'no result from delete', RETRY_MS],
  ['cannot delete', { runTrials: async () => [NO_ABORT] }, NEEDS, 60_000],
  ['can be abused', { runAttacks: async () => SUCCEED }, 'abused: acl, another-length; set UPLOADS=proxy', 60_000],
  [
    'plays to anybody',
    { runAttacks: async () => OF_PLAYBACK },
    'another-length, playback-expired; use another store',
    60_000,
  ],
])('is not ready while the store %s, says so once, and looks again until repaired', async (_, trouble, why, ms) => {
  const { reason, nextWait, advance, lines, restore, becomesReady } = start(trouble);
  for (let round = 0; round < 3; round += 1) {
    expect(await nextWait()).toBe(ms);
    expect(reason()).toContain(why);
    expect(lines).toHaveLength(1);
    if (round === 2) restore();
    advance(ms);
  }
  await becomesReady();
});

test('attacks no store that lacks something, also where uploads pass through the service; says what stays in the bucket', async () => {
  const runAttacks = jest.fn(FIT.runAttacks);
  const left = { ...NO_ABORT, id: 'trials-clean-up', status: 'warning' as const };
  const unfit = start({ runTrials: async () => [NO_ABORT, left], runAttacks });
  await unfit.nextWait();
  expect(unfit.lines).toContain('temporary objects of the self-test could not be removed');
  const proxied = start({ runTrials: async () => [NO_ABORT], runAttacks: async () => [] });
  await proxied.nextWait();
  expect(proxied.reason()).toBe(NEEDS);
  expect(runAttacks).not.toHaveBeenCalled();
  for (const { stop } of [unfit, proxied]) await stop();
});

test('refuses a bucket that locks objects, and runs no attack on it', async () => {
  const locked = 'The bucket locks every object.';
  const runAttacks = jest.fn(FIT.runAttacks);
  const { refused, reason, stop } = start({ findObjectLock: async () => locked, runAttacks });
  expect(await refused).toBe(locked);
  expect(reason()).toBe(locked);
  await stop();
  expect(runAttacks).not.toHaveBeenCalled();
});

test('stops in the middle of a run, twice if asked, and of a wait', async () => {
  const running = start({
    runAttacks: async (signal) => {
      if (!signal.aborted) await once(signal, 'abort');
      return results({ acl: 'unproven' });
    },
  });
  await running.stop();
  await running.stop();
  expect(running.reason()).toBeDefined();
  const waiting = start({ findObjectLock: () => Promise.reject(new Error('down')) });
  await waiting.nextWait();
  await waiting.stop();
});
