// The receipts of one sweep are chained in runs of several batches; a batch that fails must not look like a lost receipt.
import { describe, expect, test } from '@jest/globals';
import { parseReceiptIndex, type ReceiptIndex } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { DUE_PREFIX, parseKey } from '../../src/domain/keys.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { overriding } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';

const CHUNK_ATTEMPTS = 2;

function isIndex(key: string): boolean {
  return parseKey(key)?.type === 'due-receipts';
}

/** A service of which a sweep has several chunks; `onIndex` comes between it and the store for each index of receipts. */
function startInChunks(onIndex: (write: () => Promise<void>, count: number) => Promise<void>): TestService {
  let count = 0;
  const wrap = (store: ObjectStore) =>
    overriding(store, {
      put: async (key, body, options) => {
        const write = () => store.put(key, body, options);
        if (!isIndex(key)) return write();
        count += 1;
        return onIndex(write, count);
      },
    });
  return startTestService({ wrap, sweep: { chunkAttempts: CHUNK_ATTEMPTS } });
}

async function sweepAllOf(service: TestService, attempts: number): Promise<void> {
  for (let number = 0; number < attempts; number += 1) await service.record({ attempt: `a${number}` });
  service.clock.advance(30 * DAY_MS);
  for (let sweeps = 0; sweeps < attempts && (await service.keys('attempts/')).length > 0; sweeps += 1) {
    await service.sweep();
    service.clock.advance(10 * MINUTE_MS);
  }
  service.clock.advance(2 * HOUR_MS);
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('receipts/')).toHaveLength(attempts);
}

async function indexes(service: TestService): Promise<ReceiptIndex[]> {
  const bodies = (await service.keys(DUE_PREFIX)).filter(isIndex).map((key) => service.store.get(key));
  return (await Promise.all(bodies)).map((body) => parseReceiptIndex(body ?? new Uint8Array()) as ReceiptIndex);
}

/** The places that the indexes of each run name, in order. */
async function placesByRun(service: TestService): Promise<number[][]> {
  const runs = Map.groupBy(await indexes(service), ({ run }) => run);
  return [...runs.values()].map((batches) =>
    batches.flatMap(({ first, keys }) => keys.map((_, place) => first + place)).sort((a, b) => a - b),
  );
}

describe('an index of receipts that cannot be written', () => {
  const failure = new StoreError('unavailable', 'PutObject', 'SlowDown');

  test.each([
    { which: 1, isWritten: false },
    { which: 1, isWritten: true },
    { which: 2, isWritten: false },
    { which: 2, isWritten: true },
    { which: 4, isWritten: false },
  ])('leaves no hole and no overlap in any run (batch $which, written: $isWritten)', async ({ which, isWritten }) => {
    const service = startInChunks(async (write, count) => {
      if (count !== which || isWritten) await write();
      if (count === which) throw failure;
    });
    await sweepAllOf(service, 7);
    for (const places of await placesByRun(service)) expect(places).toEqual(places.map((_, index) => index + 1));
    expect(await service.verify()).toMatchObject({ wrong: 0 });
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0, kinds: [] });
  });

  test('may arrive after the batches that followed it', async () => {
    let late: (() => Promise<void>) | undefined;
    const service = startInChunks(async (write, count) => {
      if (count !== 2) return write();
      late = write;
      throw failure;
    });
    await sweepAllOf(service, 7);
    await late?.();
    service.clock.advance(2 * HOUR_MS);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });
});

test('the batches of a sweep are one run, and a receipt that is lost in its middle is found', async () => {
  const service = startInChunks((write) => write());
  await sweepAllOf(service, 7);
  expect(await placesByRun(service)).toEqual([[1, 2, 3, 4, 5, 6, 7]]);
  for (const key of (await service.keys(DUE_PREFIX)).filter(isIndex)) {
    const index = parseReceiptIndex((await service.store.get(key)) ?? new Uint8Array());
    if (index?.first !== 3) continue;
    await service.store.delete([key, ...index.keys].map((name) => ({ key: name })));
  }
  expect(await service.verify()).toMatchObject({ kinds: [{ kind: 'receipt-missing', found: 1 }] });
});

describe('a sweep that takes long', () => {
  test.each([
    { betweenMs: 20 * MINUTE_MS, name: '20 minutes' },
    { betweenMs: 3 * DAY_MS, name: 'three days' },
  ])('is not accused when its first receipts are about to expire ($name between batches)', async ({ betweenMs }) => {
    const service = startInChunks(async (write) => {
      await write();
      service.clock.advance(betweenMs);
    });
    await sweepAllOf(service, 11);
    const batches = (await service.keys(DUE_PREFIX)).filter(isIndex).map((key) => parseKey(key));
    const expiries = batches.map((parsed) => (parsed?.type === 'due-receipts' ? parsed.timeMs : Number.NaN));
    // Every moment at which one batch is out and the next one is not, before the sweep that deletes the first and after.
    for (const atMs of [...expiries.map((timeMs) => timeMs - DAY_MS), ...expiries].sort((a, b) => a - b)) {
      service.clock.advance(Math.max(0, atMs + MINUTE_MS - service.clock.now()));
      expect(await service.verify()).toMatchObject({ kinds: [] });
      if (expiries.includes(atMs)) await service.sweep();
    }
  });
});
