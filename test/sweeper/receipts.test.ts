// Proofs of deletion: chained in one run of batches for each sweep, kept for LOG_RETENTION with the audit events, and
// checked by verify. A batch that fails must not look like a lost receipt.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Receipt, type ReceiptIndex, toBody } from '../../src/bucket/documents.ts';
import { parseKey } from '../../src/bucket/layout.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { failing, overriding, replacing } from '../kit/interventions.ts';
import { dueReceiptsKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { type RetentionService, receiptIndex, startRetention, withoutLogs } from './support.ts';

const LONG_AGO = 'due/20200101T000000000Z/receipts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

/** A service whose sweep has several batches, and signs nothing: the chain alone is the subject; `onIndex` comes between it and the store for each index of receipts. */
function startInBatches(onIndex: (write: () => Promise<unknown>, count: number) => unknown): void {
  let count = 0;
  const wrap = (store: ObjectStore) =>
    replacing(store, 'put', /^due\/[^/]+\/receipts\//, (write) => {
      count += 1;
      return onIndex(write, count);
    });
  service = startRetention({ wrap, sweep: { chunkAttempts: 2 }, signer: null });
}

async function sweepMany(count: number): Promise<void> {
  await service.recordMany(count);
  service.clock.advance(30 * DAY_MS);
  while ((await service.keys('attempts/')).length > 0) {
    await service.sweep();
    service.clock.advance(10 * MINUTE_MS);
  }
  service.clock.advance(2 * HOUR_MS);
  expect(await service.keys('receipts/')).toHaveLength(count);
}

/** The indexes of all runs, in the order of their receipts. */
async function indexes() {
  const keys = await service.due('receipts');
  const all = await Promise.all(keys.map(async (key) => ({ ...(await service.readJson<ReceiptIndex>(key)), key })));
  return all.sort((a, b) => a.first - b.first);
}

/** The places that the indexes of each run name, in order. */
async function placesByRun(): Promise<number[][]> {
  const runs = Map.groupBy(await indexes(), ({ run }) => run);
  return [...runs.values()].map((batches) =>
    batches.flatMap(({ first, keys }) => keys.map((_, place) => first + place)).sort((a, b) => a - b),
  );
}

test.each([
  { which: 1, arrives: 'never' },
  { which: 1, arrives: 'all the same' },
  { which: 2, arrives: 'never' },
  { which: 2, arrives: 'all the same' },
  { which: 2, arrives: 'after those that followed it' },
  { which: 4, arrives: 'never' },
])(
  'an index of receipts whose PUT gets no answer leaves no hole in any run (batch $which arrives $arrives)',
  async ({ which, arrives }) => {
    let late: (() => Promise<unknown>) | undefined;
    let batches = 0;
    startInBatches(async (write, count) => {
      batches = count;
      if (count !== which) return write();
      if (arrives === 'all the same') await write();
      if (arrives.startsWith('after')) late = write;
      throw new StoreError('unavailable', 'PutObject', 'SlowDown');
    });
    await sweepMany(7);
    expect(batches).toBeGreaterThanOrEqual(which);
    for (const places of await placesByRun()) expect(places).toEqual(places.map((_, index) => index + 1));
    expect(late !== undefined).toBe(arrives.startsWith('after'));
    await late?.();
    expect(await service.after(2 * HOUR_MS).verify()).toMatchObject({ wrong: 0 });
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
  },
);

test.each([
  ['20 minutes', 20 * MINUTE_MS],
  ['three days', 3 * DAY_MS],
])('a sweep with %s between its batches is not reported when its first receipts expire', async (_, betweenMs) => {
  startInBatches(async (write, batch) => {
    await write();
    // Where that is longer than a listing counts, the receipts of the batch are left to the next sweep.
    if (batch <= 3) service.clock.advance(betweenMs);
  });
  await sweepMany(11);
  const batches = (await service.due('receipts')).map((key) => parseKey(key));
  expect(batches.length).toBeGreaterThan(1);
  const expiries = batches.map((parsed) => (parsed?.type === 'due-receipts' ? parsed.timeMs : Number.NaN));
  // Every moment at which one batch is out and the next one is not, before the sweep that deletes the first and after.
  for (const atMs of [...expiries.map((timeMs) => timeMs - DAY_MS), ...expiries].sort((a, b) => a - b)) {
    service.clock.advance(Math.max(0, atMs + MINUTE_MS - service.clock.now()));
    expect(await service.verify()).toMatchObject({ kinds: [] });
    if (expiries.includes(atMs)) await service.sweep();
  }
});

describe('in the batches of a sweep, which are one run, verify finds', () => {
  beforeEach(async () => {
    startInBatches((write) => write());
    await sweepMany(7);
    expect(await placesByRun()).toEqual([[1, 2, 3, 4, 5, 6, 7]]);
  });

  test('a receipt that is missing, changed or torn, wherever it is, and one of a run of its own', async () => {
    const alone = await service.record({ attempt: 'b1' });
    await service.erase(alone);
    const receipts = await service.after(2 * HOUR_MS).keys('receipts/');
    expect(receipts).toHaveLength(8);
    for (const [place, key] of receipts.entries()) {
      const receipt = await service.readJson<Receipt>(key);
      await service.remove(key);
      // Even --fix keeps the trace of a manipulation.
      const missing = { kind: 'receipt-missing', key, fixed: false };
      expect((await service.verify({ fix: true })).findings).toMatchObject([missing]);
      await service.put(key, toBody({ ...receipt, bytes: receipt.bytes + 1 }));
      const changed = { kind: 'receipt-changed', fixed: false };
      const { findings } = await service.verify({ fix: true });
      expect(findings).toMatchObject([changed]);
      expect([key, receipts[place + 1]]).toContain(findings[0]?.key);
      await service.put(key, '{');
      expect(await service.kinds()).toContain('unreadable');
      await service.put(key, toBody(receipt));
    }
    expect(await service.kinds()).toEqual([]);
  });

  test('that an index is missing, the first or one between two others, with its receipts too', async () => {
    const [first, second] = await indexes();
    for (const { key, ...index } of [first, second].flatMap((batch) => batch ?? [])) {
      await service.remove(key);
      expect(new Set(await service.kinds())).toEqual(new Set(['receipt-missing', 'receipt-without-expiry']));
      await service.put(key, toBody(index));
      service.clock.advance(2 * HOUR_MS);
    }
    await service.remove(second?.key ?? '', ...(second?.keys ?? []));
    expect(await service.kinds()).toEqual(['receipt-missing']);
  });

  test('that the last of a batch was changed, by the batch after it where its index is of an earlier version', async () => {
    const all = await indexes();
    for (const { key, ...index } of all) await service.put(key, toBody({ ...index, last: undefined }));
    expect(await service.after(2 * HOUR_MS).kinds()).toEqual([]);
    const last = all[0]?.keys.at(-1) ?? '';
    await service.put(last, toBody({ ...(await service.readJson<Receipt>(last)), actor: 'someone' }));
    expect(await service.kinds()).toEqual(['receipt-changed']);
  });
});

describe('receipts and audit events', () => {
  test('go after the whole of LOG_RETENTION, which has no lead, at a cost of what expires, once the store lets them', async () => {
    service.clock.advance(DAY_MS - (service.clock.now() % DAY_MS) - MINUTE_MS);
    const ref = await service.record();
    await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
    await service.after(30 * DAY_MS).sweep();
    expect((await service.after(335 * DAY_MS).sweep()).auditEventsExpired).toBe(0);
    expect((await service.after(2 * MINUTE_MS).sweep()).auditEventsExpired).toBe(1);
    expect(await service.after(30 * DAY_MS - 3 * MINUTE_MS).sweep()).toMatchObject({ receiptsExpired: 0, failed: 0 });
    expect((await service.after(2 * MINUTE_MS).sweepOn(failing(service.store, 'delete', 'receipts/'))).failed).toBe(1);
    expect(await service.keys('due/')).toHaveLength(1);
    expect(await service.sweep()).toMatchObject({ receiptsExpired: 1, failed: 0 });
    expect(withoutLogs(await service.keys())).toEqual([]);
  });

  test('that no index names, or that are kept past their time, verify finds, and --fix has them deleted in time', async () => {
    const ref = await service.record();
    await service.erase(ref);
    await service.remove(...(await service.due('receipts')));
    expect(await service.after(2 * HOUR_MS).kinds()).toEqual(['receipt-without-expiry']);
    expect((await service.after(100 * DAY_MS).verify({ fix: true })).wrong).toBe(0);
    expect((await service.after(266 * DAY_MS).sweep()).receiptsExpired).toBe(1);

    const late = await service.record();
    await service.erase(late);
    await service.context.audit.record({ event: 'erased', ref: late, actor: 'a', requestId: 'q' });
    const waiting = 'log-submission-waiting';
    expect(new Set(await service.after(398 * DAY_MS).kinds())).toEqual(new Set(['log-overdue', waiting]));
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    expect(withoutLogs(await service.keys()).filter((key) => !key.includes('/attempt/'))).toEqual([]);
  });

  test('are not deleted by an index that is torn, young, or names anything else', async () => {
    const ref = await service.record();
    await service.put(`${LONG_AGO}/evil`, receiptIndex([recordingKey(ref, 'media')]));
    await service.put(`${LONG_AGO}/torn`, '["rec');
    await service.after(2 * HOUR_MS).put(`${LONG_AGO}/young`, receiptIndex());
    await service.put('audit/0000');
    const unread = { code: 'receipt-index-unreadable', operation: null, count: 2, keys: expect.any(Array) };
    const unknown = { code: 'unknown-key', operation: null, count: 1, keys: ['audit/0000'] };
    expect((await service.sweep()).problems).toEqual([unread, unknown]);
    expect(await service.keys(recordingKey(ref, 'media'))).toHaveLength(1);
    expect(await service.after(2 * HOUR_MS).due('receipts')).toHaveLength(3);
    const gone = overriding(service.store, { get: async () => undefined });
    expect((await service.sweepOn(gone)).problems).toEqual([unknown]);
    const denied = await service.sweepOn(failing(service.store, 'get', '', 'AccessDenied'));
    expect(denied.problems).toContainEqual(expect.objectContaining({ code: 'AccessDenied', count: 3 }));
    await service.sweep();
    expect(await service.due('receipts')).toHaveLength(2);
    expect(await service.keys('audit/')).toEqual(['audit/0000']);
  });

  test('are not deleted by an index of the same run behind which another purge of it wrote them', async () => {
    const ref = await service.record();
    await service.erase(ref);
    const { chain } = (await service.receiptOf(ref)) ?? {};
    const index = { version: 1, run: chain?.run, first: 2, previous: null, keys: [receiptKey(ref)] };
    await service.put(`${LONG_AGO}/overtaken`, JSON.stringify(index));
    expect((await service.after(2 * HOUR_MS).sweep()).receiptsExpired).toBe(0);
    expect(await service.keys('receipts/')).toEqual([receiptKey(ref)]);
    expect(await service.due('receipts')).toHaveLength(1);
  });

  test('are not reported missing while a purge is unfinished, nor a week before their index expires', async () => {
    const missing = await service.begin({ attempt: 'a2' });
    await service.erase(missing);
    await service.remove(...(await service.keys('receipts/')), ...(await service.due('receipts')));
    const purging = await service.record();
    const putIndex = (days: number, index: Uint8Array) =>
      service.put(dueReceiptsKey(service.clock.now() + days * DAY_MS, 'x'), index);
    await putIndex(365, receiptIndex([receiptKey(purging)]));
    await putIndex(6, receiptIndex([receiptKey(missing)], 'sweep-1'));
    expect(await service.after(2 * HOUR_MS).kinds()).toEqual([]);
    await putIndex(30, receiptIndex([receiptKey(missing), 'due/']));
    expect(await service.after(2 * HOUR_MS).kinds()).toEqual(['receipt-missing', 'unknown-key']);
  });
});
