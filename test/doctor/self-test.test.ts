// The self-test of `serve`, with attacks and a timer of the test's own.
import { expect, test } from '@jest/globals';
import { REPEAT_MS, RETRY_MS, type SelfTestDependencies, startSelfTest } from '../../src/commands/self-test.ts';
import type { AttackOutcome, CheckResult } from '../../src/doctor/check.ts';
import { createVirtualClock } from '../kit/clock.ts';

function results(outcomes: Record<string, AttackOutcome>): CheckResult[] {
  return Object.entries(outcomes).map(([id, outcome]) => ({
    id,
    name: id,
    status: outcome === 'refused' ? 'ok' : 'failed',
    reason: `${id} ${outcome}`,
    remedy: null,
    outcome,
  }));
}

const GOOD = results({ acl: 'refused', expired: 'refused' });

/** Each wait lasts until the test lets it go. */
function start(overrides: Partial<SelfTestDependencies>) {
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const clock = createVirtualClock();
  const waits: number[] = [];
  const selfTest = startSelfTest({
    findObjectLock: async () => undefined,
    runAttacks: async () => GOOD,
    logger: { error: log, warn: log, info: log, debug: log, audit: log },
    wait(milliseconds, signal) {
      waits.push(milliseconds);
      return clock.sleep(milliseconds, signal);
    },
    ...overrides,
  });
  async function nextWait() {
    while (waits.length === 0) await new Promise(setImmediate);
    const milliseconds = waits.shift() ?? 0;
    return { milliseconds, go: () => clock.advance(milliseconds) };
  }
  return { selfTest, nextWait, lines };
}

async function untilReady(selfTest: ReturnType<typeof startSelfTest>): Promise<void> {
  while (!selfTest.readiness().ready) await new Promise(setImmediate);
}

test('is not ready before the attacks have run, and ready when all have failed', async () => {
  const { promise, resolve } = Promise.withResolvers<CheckResult[]>();
  const { selfTest } = start({ runAttacks: () => promise });
  expect(selfTest.readiness()).toEqual({ ready: false, reason: 'self-test running' });
  resolve(GOOD);
  await untilReady(selfTest);
  expect(selfTest.readiness()).toEqual({ ready: true });
  await selfTest.stop();
});

test('is not ready while an attack succeeds, names it, and looks again every minute until it is closed', async () => {
  let found = results({ acl: 'succeeded', tagging: 'unproven', expired: 'succeeded' });
  const { selfTest, nextWait, lines } = start({ runAttacks: async () => found });
  const wait = await nextWait();
  expect(selfTest.readiness()).toEqual({
    ready: false,
    reason: 'a presigned URL can be abused: acl, expired; set UPLOADS=proxy',
  });
  expect(wait.milliseconds).toBe(REPEAT_MS);
  expect(REPEAT_MS).toBe(60_000);
  expect(lines).toContain('a presigned URL can be abused');

  wait.go();
  const again = await nextWait();
  expect(again.milliseconds).toBe(REPEAT_MS);
  found = GOOD;
  again.go();
  await untilReady(selfTest);
  await selfTest.stop();
});

test.each([
  ['cannot be asked', { findObjectLock: () => Promise.reject(new Error('down')) }, 'the store does not answer'],
  ['proves nothing', { runAttacks: async () => results({ 'part-url': 'unproven' }) }, 'nothing is proven by part-url'],
  ['breaks', { runAttacks: () => Promise.reject(new Error('broken')) }, 'the store does not answer'],
])('keeps trying while the store %s', async (_name, overrides, words) => {
  const { selfTest, nextWait, lines } = start(overrides);
  const wait = await nextWait();
  expect(selfTest.readiness()).toMatchObject({ ready: false, reason: expect.stringContaining(words) });
  expect(wait.milliseconds).toBe(RETRY_MS);
  expect(lines).toHaveLength(1);
  wait.go();
  await nextWait();
  await selfTest.stop();
});

test('refuses a bucket that locks objects, and runs no attack on it', async () => {
  let attacks = 0;
  const { selfTest } = start({
    findObjectLock: async () => 'The bucket locks every object.',
    runAttacks: async () => {
      attacks += 1;
      return GOOD;
    },
  });
  expect(await selfTest.refused).toBe('The bucket locks every object.');
  expect(selfTest.readiness()).toEqual({ ready: false, reason: 'The bucket locks every object.' });
  expect(attacks).toBe(0);
  await selfTest.stop();
});

test('runs no attack while uploads pass through the service', async () => {
  const { selfTest } = start({ runAttacks: undefined });
  await untilReady(selfTest);
  await selfTest.stop();
});

test('stops in the middle of a run, and of a wait', async () => {
  const running = start({
    runAttacks: async (signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve());
      if (!signal.aborted) await promise;
      return results({ acl: 'unproven' });
    },
  });
  await running.selfTest.stop();
  await running.selfTest.stop();
  expect(running.selfTest.readiness().ready).toBe(false);
  const waiting = start({ findObjectLock: () => Promise.reject(new Error('down')) });
  await waiting.nextWait();
  await waiting.selfTest.stop();
});

test('a store that stays down is said once, and so is what cannot be proven, until it is ready', async () => {
  let isDown = true;
  let isFit = false;
  const { selfTest, nextWait, lines } = start({
    findObjectLock: () => (isDown ? Promise.reject(new Error('down')) : Promise.resolve(undefined)),
    runAttacks: async () => (isFit ? GOOD : results({ acl: 'unproven' })),
  });
  const waiting = () => lines.filter((line) => line === 'the self-test waits for the store').length;
  for (let round = 0; round < 5; round += 1) (await nextWait()).go();
  expect(waiting()).toBe(1);
  isDown = false;
  for (let round = 0; round < 5; round += 1) (await nextWait()).go();
  expect(lines.filter((line) => line.includes('proved nothing'))).toHaveLength(1);
  expect(waiting()).toBe(1);
  isFit = true;
  await untilReady(selfTest);
  await selfTest.stop();
});
