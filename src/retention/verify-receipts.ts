// Checks the proofs: each receipt is there, fits the one before it, says the truth, and will expire.
import pMap from 'p-map';
import { parseReceipt, parseReceiptIndex, type Receipt, type ReceiptIndex, toBody } from '../domain/documents.ts';
import { DAY_MS } from '../domain/durations.ts';
import { newUniqueName } from '../domain/ids.ts';
import { DUE_PREFIX, dueReceiptsKey, parseKey, RECEIPTS_PREFIX, recordingPrefix } from '../domain/keys.ts';
import { listAll } from '../storage/object-store.ts';
import { failureOf, STORE_CONCURRENCY } from './purge.ts';
import { hashOf, isSweepRun, newReceiptChain } from './receipt-chain.ts';
import { addDueEntry, inBatches, report, type VerifyRun, WINDOW } from './verify-run.ts';

/** The receipts of one index object: a piece of a sweep's chain. */
interface Batch {
  readonly key: string;
  readonly first: number;
  readonly next: number;
  readonly previous: string | null;
  /** The hash of its last receipt; undefined when that is not known. */
  readonly last: string | null | undefined;
}

/**
 * Reads the index of receipts and each receipt in it: one GET a receipt. Holds a few words in memory for each batch of
 * a sweep, to find out whether one is missing between two others.
 */
export async function verifyReceiptIndexes(run: VerifyRun): Promise<void> {
  const { store, now } = run.context;
  const batches = new Map<string, Batch[]>();
  for await (const { key, lastModifiedMs } of listAll(store, DUE_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type === 'due-attempt') continue;
    if (parsed?.type !== 'due-receipts') {
      await report(run, 'unknown-key', key, 'in the index of deadlines');
      continue;
    }
    try {
      const body = await store.get(key);
      const index = body && parseReceiptIndex(body);
      if (body && !index) await report(run, 'unreadable', key, 'an index of receipts');
      if (!index) continue;
      const isYoung = run.isYoung(lastModifiedMs);
      const batch = await checkBatch(run, key, index, isYoung);
      // Batches that are being written, or are about to expire, have neighbours that are not there yet or no more.
      const isWhole = !isYoung && parsed.timeMs > now() + DAY_MS;
      if (isWhole && isSweepRun(index.run)) batches.set(index.run, [...(batches.get(index.run) ?? []), batch]);
    } catch (error) {
      await report(run, 'unreadable', key, failureOf(error));
    }
    if (parsed.timeMs + DAY_MS <= now()) await report(run, 'log-overdue', key, 'an index of receipts');
  }
  for (const [name, chain] of batches) await checkChain(run, name, chain);
}

async function checkBatch(run: VerifyRun, key: string, index: ReceiptIndex, isYoung: boolean): Promise<Batch> {
  const { first, previous } = index;
  const receipts = await pMap(index.keys, (receipt) => readReceipt(run, receipt), { concurrency: STORE_CONCURRENCY });
  let before: string | null | undefined = previous;
  for (const [place, receiptKey] of index.keys.entries()) {
    const found = receipts[place];
    const inChain = found?.receipt.chain.run === index.run && found.receipt.chain.sequence === first + place;
    if (found && inChain && before !== undefined && found.receipt.chain.previous !== before) {
      await report(run, 'receipt-changed', receiptKey, `it, or the one before it in run ${index.run}`);
    }
    if (!found && !isYoung) await reportMissing(run, receiptKey);
    // Of a receipt that a later run wrote again, or that was never written, the hash in this chain is not known.
    before = found && inChain ? found.hash : undefined;
  }
  return { key, first, next: first + index.keys.length, previous, last: before };
}

async function checkChain(run: VerifyRun, name: string, batches: readonly Batch[]): Promise<void> {
  let next = 1;
  let last: string | null | undefined = null;
  for (const batch of batches.toSorted((a, b) => a.first - b.first)) {
    if (batch.first !== next) {
      await report(run, 'receipt-missing', batch.key, `receipts ${next} to ${batch.first - 1} of run ${name}`);
    } else if (last !== undefined && batch.previous !== last) {
      await report(run, 'receipt-changed', batch.key, `the last receipt before it in run ${name}`);
    }
    ({ next, last } = batch);
  }
}

async function readReceipt(run: VerifyRun, key: string): Promise<{ receipt: Receipt; hash: string } | undefined> {
  const parsed = parseKey(key);
  const body = parsed?.type === 'receipt' ? await run.context.store.get(key) : undefined;
  if (!body || parsed?.type !== 'receipt') return undefined;
  const receipt = parseReceipt(body, parsed.ref);
  if (!receipt) await report(run, 'unreadable', key, 'a receipt');
  return receipt && { receipt, hash: hashOf(body) };
}

/** A purge that died between the index and the receipt left its manifest: it will be finished. */
async function reportMissing(run: VerifyRun, key: string): Promise<void> {
  const parsed = parseKey(key);
  if (parsed?.type !== 'receipt') return report(run, 'unknown-key', key, 'named by an index of receipts');
  const { store } = run.context;
  const [left, there] = await Promise.all([
    store.list(recordingPrefix(parsed.ref), { limit: 1 }),
    store.list(key, { limit: 1 }),
  ]);
  if (left.objects.length > 0 || there.objects.length > 0) return;
  await report(run, 'receipt-missing', key, 'its index names it');
}

/** Lists the receipts: what each says is gone must be gone, and an index must name it. */
export async function verifyReceipts(run: VerifyRun): Promise<void> {
  const { store } = run.context;
  for await (const window of inBatches(listAll(store, RECEIPTS_PREFIX), WINDOW)) {
    const unnamed = new Set<string>();
    await pMap(
      window,
      async ({ key, lastModifiedMs }) => {
        const parsed = parseKey(key);
        if (parsed?.type !== 'receipt') return report(run, 'unknown-key', key, 'in the folder of receipts');
        run.findings.counts.receipts += 1;
        unnamed.add(key);
        const { objects } = await store.list(recordingPrefix(parsed.ref), { limit: 1 });
        if (objects.length === 0 || run.isYoung(lastModifiedMs)) return;
        await report(run, 'receipt-but-objects', recordingPrefix(parsed.ref), 'its receipt is there', () =>
          addDueEntry(run, parsed.ref, run.context.now()),
        );
      },
      { concurrency: STORE_CONCURRENCY },
    );
    for await (const { key } of listAll(store, DUE_PREFIX)) {
      if (parseKey(key)?.type !== 'due-receipts') continue;
      const body = await store.get(key);
      for (const name of (body && parseReceiptIndex(body)?.keys) ?? []) unnamed.delete(name);
    }
    for (const key of unnamed) {
      await report(run, 'receipt-without-expiry', key, 'no index names it', () => addToIndex(run, key));
    }
  }
}

/** It expires when it would have: counted from the deletion, not from the repair. */
async function addToIndex(verifyRun: VerifyRun, key: string): Promise<void> {
  const { context } = verifyRun;
  const found = await readReceipt(verifyRun, key);
  const deletedAtMs = found ? Date.parse(found.receipt.deletedAt) : context.now();
  const { run, next: first, previous } = newReceiptChain(context, 'request');
  const index = toBody({ version: 1, run, first, previous, keys: [key] });
  return context.store.put(
    dueReceiptsKey(deletedAtMs + context.logRetentionMs, newUniqueName(context.randomBytes)),
    index,
  );
}
