// Checks the proofs: each receipt is there, fits the one before it, and will expire.
import pMap from 'p-map';
import type { QueueEntry } from '../bucket/deletion-queue.ts';
import type { Receipt, ReceiptIndex } from '../bucket/documents.ts';
import { keysIn, readStoredReceipt, receiptRef, type StoredReceipt } from '../bucket/inventory.ts';
import { hasObject, inBatches } from '../bucket/listing.ts';
import { beganAtOf, isSweepRun, latenessOf } from '../bucket/receipts.ts';
import { DAY_MS } from '../model/durations.ts';
import type { RecordingRef } from '../model/ids.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import type { VerifyRun } from './findings.ts';

/** Entries of the queue whose indexes are read together. */
const PAGE = 1000;
/** Longer than two sweeps ever work on one recording. */
const OVERLAP_MS = 7 * DAY_MS;
/** Of a receipt that cannot be read. */
const UNKNOWN_PLACE: Receipt['chain'] = { run: 'unknown', sequence: 1, previous: null };

/** The receipts of one index: a link of a sweep's chain. */
interface Batch {
  readonly key: string;
  readonly first: number;
  readonly next: number;
  readonly previous: string | null;
  /** The hash of its last receipt; undefined when that is not known. */
  readonly last: string | null | undefined;
}

/**
 * Reads the indexes of receipts and each receipt in them: one GET a receipt. Holds a few words in memory for each batch
 * of a sweep, to find out whether one is missing between two others.
 */
export async function verifyReceiptIndexes(run: VerifyRun): Promise<void> {
  const nowMs = run.context.now();
  const batches = new Map<string, Batch[]>();
  // Batches that are being written, or are about to expire, have neighbours that do not exist yet or no longer.
  const partial = new Set<string>();
  for await (const entry of run.bucket.queue.entries()) {
    const { key, timeMs } = entry;
    if (entry.type === 'unknown') await run.report('unknown-key', key, 'in the deletion queue');
    if (entry.type === 'attempt' && run.isFromFuture(timeMs - MAX_RETENTION_MS)) {
      await run.report('from-future', key, 'an entry of the deletion queue');
    }
    if (entry.type !== 'receipts') continue;
    try {
      const index = await run.bucket.queue.readReceiptIndex(key);
      if (index === 'unreadable') await run.report('unreadable', key, 'an index of receipts');
      else if (index) {
        if (run.isFromFuture(beganAtOf(index.run) ?? 0)) await run.report('from-future', key, 'an index of receipts');
        const isYoung = !(entry.ageMs > run.context.settleMs);
        // Two sweeps that overlapped may both name a receipt: it expires with the one that wrote it last.
        const isJudged = !isYoung && timeMs > nowMs + OVERLAP_MS;
        const batch = await checkBatch(run, key, index, isJudged);
        if (isSweepRun(index.run)) batches.set(index.run, [...(batches.get(index.run) ?? []), batch]);
        if (isYoung || timeMs <= nowMs + DAY_MS || isExpiring(run, index.run)) partial.add(index.run);
      }
    } catch (error) {
      await run.report('unreadable', key, describeFailure(failureOf(error)));
    }
    if (timeMs + DAY_MS <= nowMs) await run.report('log-overdue', key, 'an index of receipts');
  }
  for (const [name, chain] of batches) if (!partial.has(name)) await checkChain(run, name, chain);
}

/** The first batches of a sweep that lasted for days may have expired long before the last. */
function isExpiring({ context: { now, logRetentionMs } }: VerifyRun, name: string): boolean {
  return (beganAtOf(name) ?? now()) + logRetentionMs <= now() + DAY_MS;
}

async function checkBatch(run: VerifyRun, key: string, index: ReceiptIndex, isJudged: boolean): Promise<Batch> {
  const { first, previous } = index;
  const receipts = await pMap(index.keys, (key) => readReceipt(run, key), { concurrency: STORE_CONCURRENCY });
  let before: string | null | undefined = previous;
  for (const [place, receiptKey] of index.keys.entries()) {
    const found = receipts[place];
    const inChain = found?.receipt.chain.run === index.run && found.receipt.chain.sequence === first + place;
    // Others may name it too; it has one place in one chain.
    if (inChain) countLateness(run, found.receipt);
    if (found && inChain && before !== undefined && found.receipt.chain.previous !== before) {
      await run.report('receipt-changed', receiptKey, `it, or the one before it in run ${index.run}`);
    }
    const ref = receiptRef(receiptKey);
    if (!found && !ref) await run.report('unknown-key', receiptKey, 'named by an index of receipts');
    if (!found && ref && isJudged) await reportMissing(run, receiptKey, ref);
    // Of a receipt that was written or signed again, or that was never written, the hash in this chain is not known.
    const isAgain = (found?.receipt.supersedes ?? []).length > 0;
    before = found && inChain && !isAgain ? found.hash : undefined;
  }
  if (index.last !== undefined && before !== undefined && before !== index.last) {
    await run.report('receipt-changed', index.keys.at(-1) ?? key, `the last of its index in run ${index.run}`);
    before = undefined;
  }
  return { key, first, next: first + index.keys.length, previous, last: before };
}

function countLateness({ findings }: VerifyRun, receipt: Receipt): void {
  const latenessMs = latenessOf(receipt);
  if (latenessMs > 0) findings.counts.late += 1;
  findings.greatestLatenessMs = Math.max(findings.greatestLatenessMs, latenessMs);
}

async function checkChain(run: VerifyRun, name: string, batches: readonly Batch[]): Promise<void> {
  let next = 1;
  let last: string | null | undefined = null;
  for (const batch of batches.toSorted((a, b) => a.first - b.first)) {
    if (batch.first !== next) {
      await run.report('receipt-missing', batch.key, `receipts ${next} to ${batch.first - 1} of run ${name}`);
    } else if (last !== undefined && batch.previous !== last) {
      await run.report('receipt-changed', batch.key, `the last receipt before it in run ${name}`);
    }
    ({ next, last } = batch);
  }
}

async function readReceipt(run: VerifyRun, key: string): Promise<StoredReceipt | undefined> {
  const ref = receiptRef(key);
  const stored = ref && (await readStoredReceipt(run.bucket.store, ref));
  if (stored !== 'unreadable') return stored;
  await run.report('unreadable', key, 'a receipt');
  return undefined;
}

/** A purge that died between the index and the receipt left its manifest: it will be finished. */
async function reportMissing(run: VerifyRun, key: string, ref: RecordingRef): Promise<void> {
  const [isLeft, isStored] = await Promise.all([run.bucket.hasRecording(ref), hasObject(run.bucket.store, key)]);
  if (!isLeft && !isStored) await run.report('receipt-missing', key, 'its index names it');
}

/** Lists the receipts: an index must name each. The indexes are read once for every `windowKeys` receipts. */
export async function verifyReceipts(run: VerifyRun): Promise<void> {
  const { bucket } = run;
  for await (const window of inBatches(keysIn(bucket.store, 'receipts'), run.windowKeys)) {
    const unnamed = new Set<string>();
    for (const { key, parsed } of window) {
      if (parsed?.type !== 'receipt') {
        await run.report('unknown-key', key, 'in the folder of receipts');
        continue;
      }
      run.findings.counts.receipts += 1;
      unnamed.add(key);
    }
    for await (const keys of namedKeys(run)) for (const key of keys) unnamed.delete(key);
    for (const key of unnamed) {
      // A sweep may have expired it with its index since it was listed.
      if (!(await hasObject(bucket.store, key))) continue;
      await run.report('receipt-without-expiry', key, 'no index names it', () => addToIndex(run, key));
    }
  }
}

/** What each index of receipts names. */
async function* namedKeys({ bucket }: VerifyRun): AsyncGenerator<readonly string[], void, undefined> {
  const read = async ({ key }: QueueEntry) => {
    const index = await bucket.queue.readReceiptIndex(key);
    return index && index !== 'unreadable' ? index.keys : [];
  };
  for await (const page of inBatches(bucket.queue.entries(), PAGE)) {
    const indexes = page.filter(({ type }) => type === 'receipts');
    yield* await pMap(indexes, read, { concurrency: STORE_CONCURRENCY });
  }
}

/** It expires when it would have: counted from the deletion, not from the repair; and it keeps its place in its run. */
async function addToIndex(verifyRun: VerifyRun, key: string): Promise<void> {
  const { bucket, context } = verifyRun;
  const found = await readReceipt(verifyRun, key);
  const deletedAtMs = found ? Date.parse(found.receipt.deletedAt) : context.now();
  const { run, sequence: first, previous } = found?.receipt.chain ?? UNKNOWN_PLACE;
  const index: ReceiptIndex = { version: 1, run, first, previous, last: found?.hash, keys: [key] };
  await bucket.queue.enqueueReceipts(index, deletedAtMs + context.logRetentionMs);
}
