// Storms of 503: what sweeps and uploads ask of a store that is in trouble, counted at the store's door.
import { afterEach, describe, expect, test } from '@jest/globals';
import pMap from 'p-map';
import { seedRecordings } from '../../bench/seed.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { isStoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { type TestService, uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { hasExternalStore, openTestStore } from '../storage/stores.ts';
import { patiently } from './patience.ts';
import { type Fault, type FaultProxy, type Rule, startFaultProxy } from './proxy.ts';

const RECORDINGS = 100;
const UPLOADS = 40;
/** How many retries a client's bucket of 500 tokens allows: SlowDown takes 5, any other trouble 14 (docs/adr/0008). */
const RETRY_BUDGET = { SlowDown: 100, InternalError: 35 } as const;
type Code = keyof typeof RETRY_BUDGET;

let proxy: FaultProxy;
let service: TestService;
afterEach(stop);

async function start(): Promise<void> {
  service = startServiceOn(
    await openTestStore({
      async through(endpoint) {
        proxy = await startFaultProxy(endpoint);
        return proxy.endpoint;
      },
    }),
  );
}

async function stop(): Promise<void> {
  proxy.follow(undefined);
  await service.close();
  await proxy.close();
}

async function startWithDueRecordings(): Promise<void> {
  await start();
  const { store, clock } = service;
  await seedRecordings(store, RECORDINGS, { createdAtMs: clock.now(), retentionMs: 30 * DAY_MS, name: 'math' });
  clock.advance(30 * DAY_MS);
  proxy.follow(undefined);
}

let quiet: number | undefined;
/** How many requests a sweep of as many due recordings takes on a quiet store. */
async function quietSweep(): Promise<number> {
  if (quiet !== undefined) return quiet;
  await startWithDueRecordings();
  expect(await service.sweep()).toMatchObject({ deleted: { recordings: RECORDINGS }, failed: 0 });
  quiet = proxy.requests.length;
  await stop();
  return quiet;
}

/** Spoils each request with this chance; the same seed spoils the same requests. */
function sometimes(chance: number, fault: Fault, seed: number): Rule {
  const random = seeded(seed);
  return () => (random() < chance ? fault : undefined);
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function expectAllDeletedOnce(): Promise<void> {
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('receipts/')).toHaveLength(RECORDINGS);
  service.clock.advance(2 * HOUR_MS);
  expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
  expect(await service.verify()).toMatchObject({ wrong: 0 });
}

describe('while one request in five is answered 503', () => {
  const storm = (seed = 7) => sometimes(0.2, { kind: 'refused', code: 'SlowDown' }, seed);

  test.each(hasExternalStore ? [7] : [7, 8])(
    'sweeps ask less than 1.4 times what one asks of a quiet store, until all is gone (seed %i)',
    async (seed) => {
      const onQuiet = await quietSweep();
      await startWithDueRecordings();
      proxy.follow(storm(seed));
      const { deleted } = await service.sweep();
      if (deleted.recordings < RECORDINGS) await service.sweep();
      expect(proxy.spoilt).toBeGreaterThan(proxy.requests.length / 8);
      expect(proxy.requests.length).toBeLessThan(1.4 * onQuiet);
      proxy.follow(undefined);
      await expectAllDeletedOnce();
    },
  );

  test('every upload succeeds, with less than 1.4 times the requests that it takes on a quiet store', async () => {
    await start();
    const upload = async (attempt: string) => {
      const ref = await patiently(() => service.begin({ attempt }));
      await patiently(() => uploadParts(service.context, ref, [webm]));
      expect(await patiently(() => completeRecording(service.context, ref, {}))).toMatchObject({ state: 'stored' });
    };
    const attempts = Array.from({ length: UPLOADS }, (_, index) => `a-${index}`);
    proxy.follow(undefined);
    await pMap(attempts, upload, { concurrency: 8 });
    const onQuiet = proxy.requests.length;
    proxy.follow(storm());
    await pMap(attempts, upload, { concurrency: 8 });
    expect(proxy.spoilt).toBeGreaterThan(proxy.requests.length / 8);
    expect(proxy.requests.length).toBeLessThan(1.4 * onQuiet);
  });
});

describe('while every request is answered 503', () => {
  test.each(Object.keys(RETRY_BUDGET) as Code[])(
    '(%s) a sweep asks no more than on a quiet store and the retries of one budget, wherever the storm begins',
    async (code) => {
      const onQuiet = await quietSweep();
      await startWithDueRecordings();
      for (const from of [1, 10, onQuiet / 2]) {
        proxy.follow(({ index }) => (index >= from ? { kind: 'refused', code } : undefined));
        await service.sweep().catch((error: unknown) => expect(isStoreError(error, 'unavailable')).toBe(true));
        expect(proxy.requests.length).toBeLessThan(onQuiet + RETRY_BUDGET[code]);
      }
      proxy.follow(undefined);
      await service.sweep();
      await expectAllDeletedOnce();
    },
  );

  test('for a while: what one sweep cannot do in it is done by the next', async () => {
    await startWithDueRecordings();
    proxy.follow(({ index }) => (index > 20 && index < 120 ? { kind: 'refused', code: 'InternalError' } : undefined));
    await service.sweep();
    expect(proxy.spoilt).toBe(99);
    proxy.follow(undefined);
    await service.sweep();
    await expectAllDeletedOnce();
  });
});
