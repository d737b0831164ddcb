// Checks the proofs: each receipt is there, fits the one before it, and will expire.
import pMap, { pMapIterable } from 'p-map';
import type { QueueEntry } from '../bucket/deletion-queue.ts';
import type { Receipt, ReceiptIndex } from '../bucket/documents.ts';
import { keysIn, readStoredReceipt, receiptRef, type StoredReceipt } from '../bucket/inventory.ts';
import { actOnEach, hasObject, inBatches } from '../bucket/listing.ts';
import { beganAtOf, isSweepRun, latenessOf } from '../bucket/receipts.ts';
import { DAY_MS, HOUR_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { isOfOrder, MAX_RETENTION_MS, termOf } from '../model/retention.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { isBusy } from '../objectstore/store-error.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import { Claims } from './claims.ts';
import type { LogCheck } from './logs.ts';
import { eventsOf, isDiscard, isOfUnknown } from './recording.ts';
import { isAfter, type VerifyRun } from './run.ts';

/** Entries of the queue whose indexes are read together. */
const PAGE = 1000;
/** Indexes read at once, each with its receipts: deletions on request have one for each receipt. */
const INDEXES_AT_ONCE = 16;
/** Longer than two sweeps ever work on one recording. */
const OVERLAP_MS = 7 * DAY_MS;
/** Of a receipt that cannot be read. */
const UNKNOWN_PLACE: Receipt['chain'] = { run: 'unknown', sequence: 1, previous: null };

/** Receipts whose stated run is not the run of the index that names them, by key. */
type Elsewhere = Map<string, Receipt['chain']>;

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
export async function verifyReceiptIndexes(run: VerifyRun, logs: LogCheck): Promise<void> {
  const nowMs = run.context.now();
  const batches = new Map<string, Batch[]>();
  // Batches that are being written, or are about to expire, have neighbours that do not exist yet or no longer.
  const partial = new Set<string>();
  const elsewhere: Elsewhere = new Map();
  const claims = new Claims(run);
  let areAllRead = true;
  const read = (entry: QueueEntry) => readIndexed(run, entry);
  for await (const indexed of pMapIterable(run.bucket.queue.entries(), read, { concurrency: INDEXES_AT_ONCE })) {
    const { entry, index, receipts, failure } = indexed;
    const { key, timeMs } = entry;
    if (entry.type !== 'receipts') {
      await checkEntry(run, entry);
      continue;
    }
    try {
      if (failure) throw failure.cause;
      if (index === 'unreadable') {
        areAllRead = false;
        await run.report('unreadable', key, 'an index of receipts');
      } else if (index) {
        const beganMs = beganAtOf(index.run) ?? 0;
        if (run.isFromFuture(beganMs)) await run.report('from-future', key, 'an index of receipts');
        else await run.reportIfAhead(key, 'the time of its run', beganMs, entry.writtenMs);
        const isYoung = !(entry.ageMs > run.context.settleMs);
        // Two sweeps that overlapped may both name a receipt: it expires with the one that wrote it last.
        const isJudged = !isYoung && timeMs > nowMs + OVERLAP_MS;
        const batch = await checkBatch(run, entry, { index, receipts }, isJudged, { elsewhere, claims, logs });
        if (isSweepRun(index.run)) batches.set(index.run, [...(batches.get(index.run) ?? []), batch]);
        if (isYoung || timeMs <= nowMs + DAY_MS || isExpiring(run, index.run)) partial.add(index.run);
      }
    } catch (error) {
      // It says nothing about this index, and would be said of each.
      if (isBusy(error)) throw error;
      await run.report('unreadable', key, describeFailure(failureOf(error)));
    }
    if (timeMs + DAY_MS <= nowMs) await run.report('log-overdue', key, 'an index of receipts');
    run.progress();
  }
  await claims.flush();
  // One that cannot be read may have named them.
  if (areAllRead) await checkElsewhere(run, elsewhere);
  for (const [name, chain] of batches) if (!partial.has(name)) await checkChain(run, name, chain);
}

type StoredReceipts = readonly (StoredReceipt | undefined)[];

interface Indexed {
  readonly entry: QueueEntry;
  readonly index?: ReceiptIndex | 'unreadable' | undefined;
  /** Those that the index names, in its order. */
  readonly receipts: StoredReceipts;
  readonly failure?: { readonly cause: unknown };
}

async function readIndexed(run: VerifyRun, entry: QueueEntry): Promise<Indexed> {
  if (entry.type !== 'receipts') return { entry, receipts: [] };
  try {
    const index = await run.bucket.queue.readReceiptIndex(entry.key);
    const keys = index === undefined || index === 'unreadable' ? [] : index.keys;
    const receipts = await pMap(keys, (key) => readReceipt(run, key), { concurrency: STORE_CONCURRENCY });
    return { entry, index, receipts };
  } catch (cause) {
    return { entry, receipts: [], failure: { cause } };
  }
}

/** An entry of the queue that leads to an attempt, or is the record of retention overrides. */
async function checkEntry(run: VerifyRun, entry: QueueEntry): Promise<void> {
  const { key, timeMs, sizeBytes, writtenMs } = entry;
  if (entry.type === 'unknown') await run.report('unknown-key', key, 'in the deletion queue');
  if (entry.type === 'overrides' && (await run.bucket.queue.readOverrides(key)) === 'unreadable') {
    await run.report('unreadable', key, 'the record of retention overrides');
  }
  if (entry.type !== 'attempt') return;
  if (sizeBytes > 0) await run.report('wrong-body', key, `${sizeBytes} bytes`);
  const latestMs = timeMs - MAX_RETENTION_MS;
  if (run.isFromFuture(latestMs)) await run.report('from-future', key, 'an entry of the deletion queue');
  else if (isAfter(latestMs, writtenMs))
    await run.report('impossible-time', key, 'later than any deadline of its time');
}

/** Each must be named by an index of its run, at the place that it states. */
async function checkElsewhere(run: VerifyRun, elsewhere: Elsewhere): Promise<void> {
  if (elsewhere.size === 0) return;
  await actOnEach(run.bucket.queue.entries(), async ({ key, type }) => {
    const index = type === 'receipts' ? await run.bucket.queue.readReceiptIndex(key) : undefined;
    if (!index || index === 'unreadable') return;
    for (const [place, name] of index.keys.entries()) {
      const chain = elsewhere.get(name);
      if (chain?.run === index.run && chain.sequence === index.first + place) elsewhere.delete(name);
    }
  });
  for (const [key, { run: name, sequence }] of elsewhere) {
    const detail = `it says that it is receipt ${sequence} of run ${name}, and is not`;
    if (await hasObject(run.bucket.store, key)) await run.report('receipt-changed', key, detail);
  }
}

/** The first batches of a sweep that lasted for days may have expired long before the last. */
function isExpiring({ context: { now, logRetentionMs } }: VerifyRun, name: string): boolean {
  return (beganAtOf(name) ?? now()) + logRetentionMs <= now() + DAY_MS;
}

async function checkBatch(
  run: VerifyRun,
  { key, writtenMs }: QueueEntry,
  { index, receipts }: { readonly index: ReceiptIndex; readonly receipts: StoredReceipts },
  isJudged: boolean,
  { elsewhere, claims, logs }: { readonly elsewhere: Elsewhere; readonly claims: Claims; readonly logs: LogCheck },
): Promise<Batch> {
  const { first, previous } = index;
  let before: string | null | undefined = previous;
  for (const [place, receiptKey] of index.keys.entries()) {
    const found = receipts[place];
    const inChain = found?.receipt.chain.run === index.run && found.receipt.chain.sequence === first + place;
    if (found) await logs.see(receiptKey, found.receipt);
    // Others may name it too; it has one place in one chain.
    if (found && inChain) {
      countLateness(run, found.receipt);
      await checkTimes(run, receiptKey, found.receipt, writtenMs);
      await checkEarly(run, receiptKey, found.receipt);
      await claimEvent(run, receiptKey, found.receipt, claims);
      await claimAssessment(run, receiptKey, found.receipt, claims);
    } else if (found && elsewhere.size < run.windowKeys) elsewhere.set(receiptKey, found.receipt.chain);
    if (found && inChain && before !== undefined && found.receipt.chain.previous !== before) {
      await run.report('receipt-changed', receiptKey, `it, or the one before it in run ${index.run}`);
    }
    const ref = receiptRef(receiptKey);
    if (!found && !ref) await run.report('unknown-key', receiptKey, 'named by an index of receipts');
    if (!found && ref && isJudged) await reportMissing(run, receiptKey, ref);
    // Of a receipt that a later run wrote again, or that was never written, the hash in this chain is not known.
    before = found && inChain ? found.hash : undefined;
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

/** `indexedMs`: when its index was written, which comes after the proof of the deletion and before the receipt. */
async function checkTimes(run: VerifyRun, key: string, receipt: Receipt, indexedMs: number): Promise<void> {
  const [createdMs, deadlineMs, deletedMs, verifiedMs] = [
    createdAtOf(receipt.recordingId),
    Date.parse(receipt.deadline),
    Date.parse(receipt.deletedAt),
    Date.parse(receipt.verifiedAt),
  ];
  const wrong = [
    isAfter(deletedMs, verifiedMs) && 'it was deleted after that was verified',
    isAfter(verifiedMs, indexedMs) && 'it was verified after its index was written',
    // It may have waited for other batches: a purge gives up after an hour.
    isAfter(beganAtOf(receipt.chain.run) ?? 0, verifiedMs + HOUR_MS) && 'it was verified long before its run began',
    // An id of a time to come counts as created when a sweep found it.
    isAfter(createdMs, deletedMs) && deadlineMs >= createdMs && 'it was deleted before it was created',
    // An assessment comes before the deletion, and its deadline is at most 30 days later.
    isAfter(deadlineMs, deletedMs + MAX_RETENTION_MS) && 'its deadline is more than 30 days after its deletion',
    isAfter(createdMs - MAX_RETENTION_MS, deadlineMs) && 'its deadline is long before it was created',
  ].find((what) => what !== false);
  if (wrong) await run.report('impossible-time', key, wrong);
}

/** The media, the manifest, the mark and the intent of a stored recording. */
const OBJECTS_OF_STORED = 4;

/**
 * An intent that could not be read may be that of a deletion which was due, perhaps before an assessment, or of a creation
 * which gave way.
 */
function mayBeUnrequested({ context: { policy, leadMs } }: VerifyRun, receipt: Receipt): boolean {
  const { deletedAt, deadline, objects, tenantId, recordingId } = receipt;
  const unassessedMs = termOf(policy, tenantId, { createdAtMs: createdAtOf(recordingId) }).deadlineMs;
  const dueMs = Math.min(Date.parse(deadline), unassessedMs) - leadMs;
  return Date.parse(deletedAt) >= dueMs || objects < OBJECTS_OF_STORED;
}

/** Whoever can write to the bucket can have a recording deleted; its receipt tells. */
async function checkEarly(run: VerifyRun, key: string, receipt: Receipt): Promise<void> {
  const { reason, objects, deadline, deletedAt, recordingId } = receipt;
  if (reason !== 'retention' || isOfUnknown(receipt) || objects < OBJECTS_OF_STORED) return;
  const deletedMs = Date.parse(deletedAt);
  // A clock that was far ahead made the id; then a sweep bounded it.
  if (deletedMs >= Date.parse(deadline) - run.longestLeadMs || createdAtOf(recordingId) > deletedMs) return;
  await run.report('deleted-early', key, `deleted at ${deletedAt}, its deadline was ${deadline}`);
}

/** A deadline that is earlier than that of an unassessed recording comes from an assessment, or from a shorter retention. */
async function claimAssessment(run: VerifyRun, key: string, receipt: Receipt, claims: Claims): Promise<void> {
  const { bucket, context, findings } = run;
  const ref = receiptRef(key);
  if (!ref || receipt.reason !== 'retention') return;
  const createdAtMs = createdAtOf(ref.recording);
  const deadlineMs = Date.parse(receipt.deadline);
  // An id of a time to come counts as created when a sweep found it.
  if (createdAtMs > Date.parse(receipt.deletedAt)) return;
  if (deadlineMs >= termOf(context.policy, ref.tenant, { createdAtMs }).deadlineMs) return;
  // One that was lifted since counted from the creation.
  if (isOfOrder(deadlineMs, createdAtMs)) return findings.skip('shorter-retention');
  const { tenant, exam, attempt } = ref;
  await claims.add({
    kind: 'assessment-unproven',
    key,
    ref: { tenant, exam, attempt },
    events: ['assessed'],
    atMs: Date.parse(receipt.deletedAt),
    eventFromMs: createdAtMs,
    isStill: () => hasObject(bucket.store, key),
  });
}

/** What was deleted on request was requested. */
async function claimEvent(run: VerifyRun, key: string, receipt: Receipt, claims: Claims): Promise<void> {
  const { bucket } = run;
  const events = eventsOf(receipt);
  const ref = receiptRef(key);
  if (!ref || events.length === 0 || (isDiscard(receipt) && receipt.objects < OBJECTS_OF_STORED)) return;
  if (isOfUnknown(receipt) && mayBeUnrequested(run, receipt)) return;
  const isStill = () => hasObject(bucket.store, key);
  const times = { atMs: Date.parse(receipt.deletedAt), eventFromMs: createdAtOf(ref.recording) };
  await claims.add({ kind: 'deletion-unproven', key, ref, events, ...times, isStill });
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
  run.findings.skip('receipts-unread');
  await run.report('unreadable', key, 'a receipt');
  return undefined;
}

/** A purge that died between the index and the receipt left its manifest: it will be finished. */
async function reportMissing(run: VerifyRun, key: string, ref: RecordingRef): Promise<void> {
  const [isLeft, isStored] = await Promise.all([run.bucket.hasRecording(ref), hasObject(run.bucket.store, key)]);
  if (!isLeft && !isStored) await run.report('receipt-missing', key, 'its index names it');
}

/**
 * Lists the receipts: an index must name each. The indexes are read once for every `windowKeys` receipts. One that none
 * names was not read with its index.
 */
export async function verifyReceipts(run: VerifyRun, logs: LogCheck): Promise<void> {
  const { bucket } = run;
  for await (const window of inBatches(keysIn(bucket.store, 'receipts'), run.windowKeys)) {
    const unnamed = new Set<string>();
    for (const { key, parsed, lastModifiedMs } of window) {
      if (parsed?.type !== 'receipt') {
        await run.report('unknown-key', key, 'in the folder of receipts');
        continue;
      }
      run.findings.counts.receipts += 1;
      unnamed.add(key);
      await run.reportIfAhead(key, 'the time in its id', createdAtOf(parsed.ref.recording), lastModifiedMs);
    }
    run.progress();
    for await (const keys of namedKeys(run)) for (const key of keys) unnamed.delete(key);
    await actOnEach(unnamed, async (key) => {
      // A sweep may have expired it with its index since it was listed.
      if (!(await hasObject(bucket.store, key))) return;
      const found = await readReceipt(run, key);
      if (found) await logs.see(key, found.receipt);
      await run.report('receipt-without-expiry', key, 'no index names it', {
        of: receiptRef(key),
        act: () => addToIndex(run, key),
      });
    });
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
