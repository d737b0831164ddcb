// Checks the proofs: each receipt is there, fits the one before it, says the truth, and will expire.
import pMap from 'p-map';
import { parseReceipt, parseReceiptIndex, type Receipt, type ReceiptIndex, toBody } from '../bucket/documents.ts';
import { DUE_PREFIX, dueReceiptsKey, parseKey, RECEIPTS_PREFIX, recordingPrefix } from '../bucket/layout.ts';
import { DAY_MS } from '../model/durations.ts';
import { newUniqueName, type RecordingRef } from '../model/ids.ts';
import { listAll, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import { beganAtOf, hashOf, isSweepRun } from '../recordings/receipt-chain.ts';
import { askInOrder } from '../sweeper/ask-in-order.ts';
import { inBatches } from '../sweeper/in-batches.ts';
import { addDueEntry, report, type VerifyRun } from './verify-run.ts';

/** Keys of the queue whose indexes are read together. */
const PAGE = 1000;
/** Longer than two sweeps are ever at work on one recording. */
const OVERLAP_MS = 7 * DAY_MS;
/** Of a receipt that cannot be read. */
const UNKNOWN_PLACE: Receipt['chain'] = { run: 'unknown', sequence: 1, previous: null };

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
  // Batches that are being written, or are about to expire, have neighbours that are not there yet or no more.
  const partial = new Set<string>();
  for await (const { key, lastModifiedMs } of listAll(store, DUE_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type === 'due-attempt' || parsed?.type === 'due-orders') continue;
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
      // Two sweeps that overlapped may both name a receipt: it goes with the one that wrote it last.
      const isJudged = !isYoung && parsed.timeMs > now() + OVERLAP_MS;
      const batch = await checkBatch(run, key, index, isJudged);
      if (isSweepRun(index.run)) batches.set(index.run, [...(batches.get(index.run) ?? []), batch]);
      if (isYoung || parsed.timeMs <= now() + DAY_MS || isExpiring(run, index.run)) partial.add(index.run);
    } catch (error) {
      await report(run, 'unreadable', key, describeFailure(failureOf(error)));
    }
    if (parsed.timeMs + DAY_MS <= now()) await report(run, 'log-overdue', key, 'an index of receipts');
  }
  for (const [name, chain] of batches) if (!partial.has(name)) await checkChain(run, name, chain);
}

/** The first batches of a sweep that lasted for days may have expired long before the last. */
function isExpiring({ context: { now, logRetentionMs } }: VerifyRun, name: string): boolean {
  return (beganAtOf(name) ?? now()) + logRetentionMs <= now() + DAY_MS;
}

async function checkBatch(run: VerifyRun, key: string, index: ReceiptIndex, isJudged: boolean): Promise<Batch> {
  const { first, previous } = index;
  const receipts = await pMap(index.keys, (receipt) => readReceipt(run, receipt), { concurrency: STORE_CONCURRENCY });
  let before: string | null | undefined = previous;
  for (const [place, receiptKey] of index.keys.entries()) {
    const found = receipts[place];
    const inChain = found?.receipt.chain.run === index.run && found.receipt.chain.sequence === first + place;
    if (found && inChain && before !== undefined && found.receipt.chain.previous !== before) {
      await report(run, 'receipt-changed', receiptKey, `it, or the one before it in run ${index.run}`);
    }
    const isReceipt = parseKey(receiptKey)?.type === 'receipt';
    if (!found && (isJudged || !isReceipt)) await reportMissing(run, receiptKey);
    // Of a receipt that a later run wrote again, or that was never written, the hash in this chain is not known.
    before = found && inChain ? found.hash : undefined;
  }
  if (index.last !== undefined && before !== undefined && before !== index.last) {
    await report(run, 'receipt-changed', index.keys.at(-1) ?? key, `the last of its index in run ${index.run}`);
    before = undefined;
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

/**
 * Lists the receipts, and the recordings beside them: what each says is gone must be gone, and an index must name it. The
 * indexes are read once for every `windowKeys` receipts.
 */
export async function verifyReceipts(run: VerifyRun): Promise<void> {
  const { store } = run.context;
  const hasObjects = askInOrder(store);
  for await (const window of inBatches(listAll(store, RECEIPTS_PREFIX), run.windowKeys)) {
    const unnamed = new Set<string>();
    for (const { key, lastModifiedMs } of window) {
      const parsed = parseKey(key);
      if (parsed?.type !== 'receipt') {
        await report(run, 'unknown-key', key, 'in the folder of receipts');
        continue;
      }
      run.findings.counts.receipts += 1;
      unnamed.add(key);
      if ((await hasObjects(recordingPrefix(parsed.ref))) && !run.isYoung(lastModifiedMs))
        await reportObjects(run, parsed.ref);
    }
    for await (const keys of namedKeys(run)) for (const key of keys) unnamed.delete(key);
    for (const key of unnamed) {
      // A sweep may have expired it with its index since it was listed.
      if ((await store.list(key, { limit: 1 })).objects.length === 0) continue;
      await report(run, 'receipt-without-expiry', key, 'no index names it', () => addToIndex(run, key));
    }
  }
}

/** The page that told may be older than the purge. */
async function reportObjects(run: VerifyRun, ref: RecordingRef): Promise<void> {
  const prefix = recordingPrefix(ref);
  if ((await run.context.store.list(prefix, { limit: 1 })).objects.length === 0) return;
  await report(run, 'receipt-but-objects', prefix, 'its receipt is there', () =>
    addDueEntry(run, ref, run.context.now()),
  );
}

/** What each index of receipts names. */
async function* namedKeys({ context: { store } }: VerifyRun): AsyncGenerator<readonly string[], void, undefined> {
  for await (const page of inBatches(listAll(store, DUE_PREFIX), PAGE)) {
    const indexes = page.filter(({ key }) => parseKey(key)?.type === 'due-receipts');
    yield* await pMap(
      indexes,
      async ({ key }) => {
        const body = await store.get(key);
        return (body && parseReceiptIndex(body)?.keys) ?? [];
      },
      { concurrency: STORE_CONCURRENCY },
    );
  }
}

/** It expires when it would have: counted from the deletion, not from the repair; and it keeps its place in its run. */
async function addToIndex(verifyRun: VerifyRun, key: string): Promise<void> {
  const { context } = verifyRun;
  const found = await readReceipt(verifyRun, key);
  const deletedAtMs = found ? Date.parse(found.receipt.deletedAt) : context.now();
  const { run, sequence: first, previous } = found?.receipt.chain ?? UNKNOWN_PLACE;
  const last = found?.hash;
  const index = toBody({ version: 1, run, first, previous, last, keys: [key] });
  return context.store.put(
    dueReceiptsKey(deletedAtMs + context.logRetentionMs, newUniqueName(context.randomBytes)),
    index,
  );
}
