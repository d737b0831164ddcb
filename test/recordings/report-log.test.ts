// A report compares its receipts with the log: bundles of 256 entries, read backwards as far as receipts are kept.
import { createHash } from 'node:crypto';
import { describe, expect, it, test } from '@jest/globals';
import { entryOfReceipt, formatEntry, TILE_WIDTH } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../../src/bucket/documents.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import { toDay, toIso } from '../../src/model/times.ts';
import { LogComparison } from '../../src/recordings/report-log.ts';

const NOW_MS = Date.parse('2026-06-01T12:00:00Z');
const KEPT_DAYS = 365;

/** A receipt of a deletion that many days ago, which was so many seconds late. */
function receiptOf(number: number, daysAgo: number, lateSeconds = -60): Receipt {
  const deletedAtMs = NOW_MS - daysAgo * DAY_MS;
  return {
    tenantId: 'acme',
    examId: 'math',
    attemptId: `a${number}`,
    recordingId: 'r',
    participantId: 'p1',
    reason: 'retention',
    deadline: toIso(deletedAtMs - lateSeconds * 1000),
    deletedAt: toIso(deletedAtMs),
    verifiedAt: toIso(deletedAtMs),
    objects: 3,
    versions: 0,
    bytes: 1,
    actor: 'sweeper',
    chain: { run: 'run-1', sequence: number, previous: null },
    keptUntil: toDay(deletedAtMs + KEPT_DAYS * DAY_MS),
    jws: createHash('sha256').update(String(number)).digest('hex'),
  };
}

const textOf = (receipt: Receipt) =>
  formatEntry(entryOfReceipt(receipt.jws ?? '', { ...receipt, keptUntil: receipt.keptUntil ?? '' }));

type Bundle = { index: number; bundle: readonly string[] | undefined };

/** A log with these receipts; `spoil` changes its whole bundles, the last one first. */
function logOf(receipts: readonly Receipt[], spoil: (bundles: Bundle[]) => Bundle[] = (bundles) => bundles) {
  const texts = receipts.map(textOf);
  const whole = Math.floor(texts.length / TILE_WIDTH);
  const bundles = Array.from({ length: whole }, (_, index) => ({
    index,
    bundle: texts.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH),
  }));
  const read: number[] = [];
  return {
    read,
    head: { size: texts.length, entries: texts.slice(whole * TILE_WIDTH) },
    async *bundlesFromEnd() {
      for (const bundle of spoil(bundles.toReversed())) {
        read.push(bundle.index);
        yield bundle;
      }
    },
  };
}

const compare = (log: ReturnType<typeof logOf>) => LogComparison.read(log, 'acme', log.head, NOW_MS);
const many = (count: number, daysAgo: number, from = 0) =>
  Array.from({ length: count }, (_, at) => receiptOf(from + at, daysAgo));

describe('a comparison of a log that fills bundles', () => {
  it('finds the entries without a receipt, the receipts without an entry, and the late deletions', async () => {
    const logged = [...many(TILE_WIDTH, 10), receiptOf(1000, 9, 30), receiptOf(1001, 9)];
    const comparison = await compare(logOf(logged));
    for (const receipt of logged.slice(2)) comparison?.see(receipt);
    comparison?.see(receiptOf(2000, 8));
    // A sweep may still be adding it.
    comparison?.see(receiptOf(2001, 1));
    expect(comparison).toMatchObject({ unlogged: 1, late: 1 });
    expect(comparison?.countMissing()).toBe(2);
  });

  it('ends at the bundle whose receipts all expired long ago', async () => {
    const log = logOf([
      ...many(TILE_WIDTH, KEPT_DAYS + 100),
      ...many(TILE_WIDTH, KEPT_DAYS + 50, 300),
      ...many(3, 5, 600),
    ]);
    const comparison = await compare(log);
    expect(log.read).toEqual([1]);
    expect(comparison?.countMissing()).toBe(3);
  });

  it('reads no bundle where all that the head has expired long ago', async () => {
    const log = logOf([...many(TILE_WIDTH, KEPT_DAYS + 100), ...many(3, KEPT_DAYS + 50, 300)]);
    const comparison = await compare(log);
    expect(log.read).toEqual([]);
    expect(comparison?.countMissing()).toBe(0);
  });

  test.each<[string, (bundles: Bundle[]) => Bundle[]]>([
    ['is missing', ([last, ...others]) => [{ index: last?.index ?? 0, bundle: undefined }, ...others]],
    ['is empty', ([last, ...others]) => [{ index: last?.index ?? 0, bundle: [] }, ...others]],
    ['has a line that is no entry', ([last, ...others]) => [{ index: last?.index ?? 0, bundle: ['2 x'] }, ...others]],
  ])('gives no result where a bundle %s', async (_, spoil) => {
    expect(await compare(logOf(many(2 * TILE_WIDTH, 10), spoil))).toBeUndefined();
  });

  it('gives no result where the head has a line that is no entry', async () => {
    const log = logOf(many(3, 10));
    expect(await compare({ ...log, head: { size: 3, entries: ['no entry'] } })).toBeUndefined();
  });
});

test('without a log every signed receipt is missing from it, and one without a signature is not', () => {
  const comparison = LogComparison.ofNone(NOW_MS);
  const { jws: _, ...unsigned } = receiptOf(2, 10);
  comparison.see(receiptOf(1, 10));
  comparison.see(unsigned);
  expect(comparison).toMatchObject({ unlogged: 1, late: 0 });
});
