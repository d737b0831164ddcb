// Which failures are retried, how often, and at whose cost: on real HTTP, without pauses unless they are the subject.
import { expect, test } from '@jest/globals';
import { Gate } from '../../src/objectstore/gate.ts';
import { createS3Client } from '../../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../../src/objectstore/s3/object-store.ts';
import { MAX_REFUSALS } from '../../src/objectstore/window.ts';
import { onBehalfOf } from '../../src/objectstore/work.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { outcomeOf, text } from './object-store-contract.ts';
import { type Answer, adapterOn, document } from './scripted-store.ts';

const THERE = { body: 'there' };
const times = <T>(count: number, what: T): T[] => Array.from({ length: count }, () => what);

function adapterThatGets(answers: readonly Answer[]) {
  return adapterOn((_, index) => answers[index] ?? THERE);
}

test.each<[string, Answer]>([
  ['SlowDown', '503 SlowDown'],
  ['a word for it of its own', '503 SlowDownRead'],
  ['a status that says it', '429 Whatever'],
  ['a page with that status', { status: 429, body: '<html>' }],
])('a store that throttles with %s is asked up to 13 times', async (_, refusal) => {
  const throttled = await adapterThatGets(times(MAX_REFUSALS, refusal));
  expect(text(await throttled.store.get('a'))).toBe('there');
  expect(throttled.requests).toHaveLength(MAX_REFUSALS + 1);
  const refusing = await adapterThatGets(times(MAX_REFUSALS + 1, refusal));
  expect(await outcomeOf(refusing.store.get('a'))).toBe('unavailable');
  expect(refusing.requests).toHaveLength(MAX_REFUSALS + 1);
});

test.each<[string, Answer]>([
  ['ServiceUnavailable', '503 ServiceUnavailable'],
  ['the page of a gateway', { status: 503, body: '<html>' }],
  ['InternalError', '500 InternalError'],
])('a store that fails with %s is asked five times', async (_, failure) => {
  const { store, requests } = await adapterThatGets(times(20, failure));
  expect(await outcomeOf(store.get('a'))).toBe('unavailable');
  expect(requests).toHaveLength(5);
});

test('retries after throttling and after a failure have counts of their own', async () => {
  const answers = [...times(6, '503 SlowDown'), ...times(4, '500 InternalError'), ...times(6, '503 SlowDown')];
  const { store, requests } = await adapterThatGets(answers);
  await store.put('a', Buffer.from('x'));
  expect(requests).toHaveLength(17);
});

test('a write that may take effect once only is sent again after a refusal, and after nothing else', async () => {
  const once = { once: true };
  const refused = await adapterThatGets(times(6, '503 SlowDown'));
  await refused.store.put('a', Buffer.from('x'), once);
  expect(refused.requests).toHaveLength(7);
  for (const failure of ['500 InternalError', '503 ServiceUnavailable'] as const) {
    const { store, requests } = await adapterThatGets([failure]);
    expect(await outcomeOf(store.put('a', Buffer.from('x'), once))).toBe('unavailable');
    expect(requests).toHaveLength(1);
    await store.put('a', Buffer.from('x'));
    expect(requests).toHaveLength(2);
  }
});

test('a retry after throttling is not charged to the budget of retries', async () => {
  // 35 retries would use it up.
  const refusals = times(20, [...times(10, '503 SlowDown'), THERE]).flat();
  const { store, requests } = await adapterThatGets([...refusals, ...times(4, '500 InternalError')]);
  for (let call = 0; call < 20; call += 1) await store.get('a');
  expect(text(await store.get('a'))).toBe('there');
  expect(requests).toHaveLength(20 * 11 + 5);
});

test('a store that says for how long it throttles is left alone for so long', async () => {
  const refusal = { status: 503, ...document('<Code>SlowDown</Code>', 'Error') };
  const answers = [{ ...refusal, headers: { ...refusal.headers, 'retry-after': '7' } }, THERE];
  const { settings } = await adapterOn((_, index) => answers[index] ?? THERE);
  let nowMs = 0;
  const gate = new Gate(undefined, {
    now: () => nowMs,
    after(milliseconds, act) {
      // The longest one watches for a response.
      const timer = setImmediate(() => {
        if (milliseconds === 5_000) return;
        nowMs += milliseconds;
        act();
      });
      return () => clearImmediate(timer);
    },
    random: () => 1,
  });
  const client = createS3Client(settings, undefined, { gate });
  afterThisTest(() => client.destroy());
  const store = new S3ObjectStore(client, { ...settings, scratchPrefix: 'doctor/' });
  expect(text(await store.get('a'))).toBe('there');
  expect(nowMs).toBeGreaterThan(6_000);
});

test('a store with a limit is used as far as it goes: no call fails, and few requests are refused', async () => {
  const PER_SECOND = 50;
  const BURST = 20;
  let tokens = BURST;
  let filledAtMs = performance.now();
  let refused = 0;
  const { settings } = await adapterOn(() => {
    const nowMs = performance.now();
    tokens = Math.min(BURST, tokens + ((nowMs - filledAtMs) * PER_SECOND) / 1000);
    filledAtMs = nowMs;
    if (tokens < 1) {
      refused += 1;
      return '503 SlowDown';
    }
    tokens -= 1;
    return THERE;
  });
  const client = createS3Client(settings);
  afterThisTest(() => client.destroy());
  const store = new S3ObjectStore(client, { ...settings, scratchPrefix: 'doctor/' });
  const CALLS = 150;
  const calls = times(CALLS, { urgency: 'upload', tenant: 'acme' } as const);
  const read = await Promise.all(calls.map((work) => onBehalfOf(work, () => store.get('a'))));
  expect(read.map(text)).toEqual(times(CALLS, 'there'));
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(CALLS * (2 / 3));
});
