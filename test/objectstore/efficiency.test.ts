// How much of a store's allowance the gate uses, and what a rush of candidates, and a sweep beside it, come to.
import { expect, test } from '@jest/globals';
import { SECOND_MS } from '../../src/model/durations.ts';
import { Gate } from '../../src/objectstore/gate.ts';
import { SERVING, YIELDING } from '../../src/objectstore/window.ts';
import { onBehalfOf } from '../../src/objectstore/work.ts';
import { newRandom } from '../simulation/random.ts';
import { eachSecond, startLimitedStore, tokenBucket } from './limited-store.ts';
import { startVirtualTimers } from './virtual-gate.ts';

const PER_SECOND = 150;
const STORES = [
  ['a token bucket', 2, tokenBucket],
  ['a token bucket', 40, tokenBucket],
  ['so many each second', 2, eachSecond],
  ['so many each second', 40, eachSecond],
] as const;

function start(limitOf: typeof tokenBucket, latencyMs: number, perSecond = PER_SECOND) {
  const { between } = newRandom(1);
  const random = () => between(0, 1_000_000) / 1_000_000;
  const { timers, now, advance } = startVirtualTimers(random);
  const store = startLimitedStore(limitOf(perSecond), { latencyMs, clock: timers });
  return { timers, now, advance, random, ...store };
}

/** Each lane makes one request after another. Returns the failures, as they come. */
function requestWithoutEnd(request: () => Promise<void>, lanes: number): unknown[] {
  const failed: unknown[] = [];
  async function repeat(): Promise<void> {
    for (;;) await request();
  }
  for (let lane = 0; lane < lanes; lane += 1) void repeat().catch((error: unknown) => failed.push(error));
  return failed;
}

test.each(STORES)('of %s, with %d ms a request, more than nine tenths are used', async (_, latencyMs, limitOf) => {
  const SECONDS = 20;
  const { timers, advance, counted, request } = start(limitOf, latencyMs);
  const gate = new Gate(SERVING, timers);
  const failed = onBehalfOf({ urgency: 'upload', tenant: 'acme' }, () => requestWithoutEnd(() => request(gate), 400));
  await advance(SECONDS * SECOND_MS);
  expect(failed).toEqual([]);
  expect(counted.taken / (PER_SECOND * SECONDS)).toBeGreaterThan(0.9);
  expect(counted.refused / counted.taken).toBeLessThan(0.15);
});

test.each([PER_SECOND, 20, 5].flatMap((perSecond) => STORES.map((store) => [perSecond, ...store] as const)))(
  'of %d a second, by %s, with %d ms a request, a sweep that is alone uses half',
  async (perSecond, _, latencyMs, limitOf) => {
    const SECONDS = 300;
    const { timers, advance, counted, request } = start(limitOf, latencyMs, perSecond);
    const gate = new Gate(YIELDING, timers);
    const failed = requestWithoutEnd(() => request(gate), 32);
    await advance(SECONDS * SECOND_MS);
    expect(failed).toEqual([]);
    expect(counted.taken / (perSecond * SECONDS)).toBeGreaterThan(1 / 2);
  },
);

test.each([
  ['one request after another', 1],
  ['32 at once', 32],
])('a sweep with %s is as fast as before when a store no longer throttles', async (_, lanes) => {
  const { timers, now, advance } = startVirtualTimers();
  const { counted, request } = startLimitedStore(() => now() > 500, { latencyMs: 20, clock: timers });
  const gate = new Gate(YIELDING, timers);
  const failed = requestWithoutEnd(() => request(gate), lanes);
  await advance(120 * SECOND_MS);
  const before = counted.taken;
  await advance(10 * SECOND_MS);
  expect(failed).toEqual([]);
  expect((counted.taken - before) / 10 / (lanes * 50)).toBeGreaterThan(0.9);
});

test.each([0, 20])(
  'a sweep that finds %d requests of a limit left uses half of it within two minutes',
  async (tokens) => {
    const { timers, advance } = startVirtualTimers();
    const limit = tokenBucket(PER_SECOND);
    while (limit(0));
    await advance((tokens * SECOND_MS) / PER_SECOND);
    const { counted, request } = startLimitedStore(limit, { latencyMs: 20, clock: timers });
    const gate = new Gate(YIELDING, timers);
    const failed = requestWithoutEnd(() => request(gate), 32);
    await advance(60 * SECOND_MS);
    const before = counted.taken;
    await advance(60 * SECOND_MS);
    expect(failed).toEqual([]);
    expect((counted.taken - before) / (60 * PER_SECOND)).toBeGreaterThan(0.5);
  },
);

/** 2,000 candidates come within a minute, after 20 s. How long each of them waited, from the shortest. */
async function rush(
  limitOf: typeof tokenBucket,
  latencyMs: number,
  { sweepLanes, requestsALane }: { sweepLanes: number; requestsALane: number },
) {
  const { timers, now, advance, random, counted, request } = start(limitOf, latencyMs);
  const serving = new Gate(SERVING, timers);
  const sweeping = new Gate(YIELDING, timers);
  const lastedMs: number[] = [];
  const failed: unknown[] = [];
  /** Three rounds of two requests. */
  async function call(): Promise<void> {
    const startedMs = now();
    for (let round = 0; round < 3; round += 1) await Promise.all([request(serving), request(serving)]);
    lastedMs.push(now() - startedMs);
  }
  for (let candidate = 0; candidate < 2_000; candidate += 1) {
    timers.after((20 + random() * 60) * SECOND_MS, () =>
      onBehalfOf({ urgency: 'upload', tenant: 'acme' }, () => void call().catch((error) => failed.push(error))),
    );
  }
  let swept = 0;
  async function sweep(): Promise<void> {
    for (let count = 0; count < requestsALane; count += 1) {
      await request(sweeping);
      swept += 1;
    }
  }
  for (let lane = 0; lane < sweepLanes; lane += 1) void sweep().catch((error) => failed.push(error));
  await advance(600 * SECOND_MS);
  expect(failed).toEqual([]);
  expect(lastedMs).toHaveLength(2_000);
  lastedMs.sort((a, b) => a - b);
  const quantile = (share: number) => lastedMs[Math.floor(lastedMs.length * share)] ?? Number.NaN;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99), swept, counted };
}

test.each(STORES)(
  'on %s, with %d ms a request, 2,000 candidates in a minute wait for at most 20 s, and little longer beside a sweep',
  async (_, latencyMs, limitOf) => {
    const alone = await rush(limitOf, latencyMs, { sweepLanes: 0, requestsALane: 0 });
    const beside = await rush(limitOf, latencyMs, { sweepLanes: 32, requestsALane: 1000 });
    expect(alone.p99Ms).toBeLessThan(20 * SECOND_MS);
    expect(beside.p50Ms / alone.p50Ms).toBeLessThan(1.2);
    expect(beside.p99Ms / alone.p99Ms).toBeLessThan(1.2);
    expect(alone.counted.refused).toBeLessThan(alone.counted.taken / 5);
    // After the rush it goes on.
    expect(beside.swept).toBe(32_000);
  },
);
