// Reads the whole bucket and proves or disproves the promise: nothing is kept past its deadline, and nothing is lost.

import {
  endScratchUpload,
  isScratch,
  keysIn,
  listsUploads,
  openUploads,
  openUploadsAt,
  otherKeys,
  storedAmong,
} from '../bucket/inventory.ts';
import { hasObject, inBatches } from '../bucket/listing.ts';
import { UNDELIVERED_MS } from '../bucket/outbox.ts';
import { inSeconds } from '../bucket/receipts.ts';
import { DAY_MS } from '../model/durations.ts';
import { type RecordingRef, recordingId } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { endUpload } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from '../sweeper/run.ts';
import { guardClock, sweep } from '../sweeper/sweep.ts';
import { verifyAttempts } from './attempts.ts';
import { compare, type Findings, NOT_SHOWN, type VerifyReport, VerifyRun } from './findings.ts';
import { verifyReceiptIndexes, verifyReceipts } from './receipts.ts';

/**
 * Reads every key; each manifest, receipt and set of tags. Memory is bounded, whatever the bucket holds.
 *
 * With `fix`: adds queue and index entries, writes tags again, ends stray uploads; then sweeps, which deletes what is due
 * and nothing else; then reads again, and reports what is left. What cannot be read, and keys of others, are kept.
 * @throws StoreError when the bucket cannot be listed; SweepRefused when the clock is wrong
 */
export async function verify(context: SweepContext, { fix = false }: { fix?: boolean } = {}): Promise<VerifyReport> {
  const startedAtMs = context.now();
  const requestsBefore = context.requestCount();
  const before = await readAll(context, fix);
  let after = before;
  if (fix && before.kinds.length > 0) {
    await sweep(context);
    // A recording that the sweep deletes can leave an index entry that no manifest named: a second reading finds it.
    await readAll(context, true);
    after = await readAll(context, false);
  }
  return {
    startedAt: toIso(startedAtMs),
    finishedAt: toIso(context.now()),
    ...after.counts,
    greatestLatenessSeconds: inSeconds(after.greatestLatenessMs),
    uploadsUnlisted: after.uploadsUnlisted ?? null,
    requests: context.requestCount() - requestsBefore,
    ...compare(before, after),
  };
}

async function readAll(context: SweepContext, repair: boolean): Promise<Findings> {
  const run = new VerifyRun(context, repair);
  // Before anything is judged by this clock, or repaired.
  guardClock(context.now(), (await run.bucket.queue.page({ limit: 1 })).storeTimeMs);
  await verifyAttempts(run);
  await verifyUploads(run);
  await verifyParticipants(run);
  await verifyReceiptIndexes(run);
  await verifyReceipts(run);
  await verifyAuditEvents(run);
  await verifyOutbox(run);
  await reportOtherKeys(run);
  return run.findings;
}

/** On a store that lists no uploads those are found that a deletion left behind, beside its receipt. */
async function verifyUploads(run: VerifyRun): Promise<void> {
  try {
    if ((await verifyListedUploads(run)) > 0 || (await listsUploads(run.context))) return;
    run.findings.uploadsUnlisted = NOT_SHOWN;
    await verifyUploadsOfReceipts(run);
  } catch (error) {
    // Credentials that may only read cannot try whether the store lists an upload.
    const mayNotTry = isStoreError(error, 'access-denied') && error.operation === 'CreateMultipartUpload';
    if (!isStoreError(error) || !(mayNotTry || isDispensable(error))) throw error;
    run.findings.uploadsUnlisted = error.storeCode;
  }
}

/** MinIO lists the uploads of an exact key: one request a receipt. */
async function verifyUploadsOfReceipts(run: VerifyRun): Promise<void> {
  const { bucket } = run;
  for await (const { parsed } of keysIn(bucket.store, 'receipts')) {
    if (parsed?.type !== 'receipt') continue;
    const { ref } = parsed;
    for (const { key, uploadId, initiatedMs } of await openUploadsAt(bucket.store, bucket.mediaKey(ref))) {
      if (run.isYoung(initiatedMs)) continue;
      await run.report('stray-upload', key, 'its recording has a receipt', () =>
        endUpload(bucket.store, key, uploadId),
      );
    }
  }
}

/** How many uploads the store lists. By a wrong clock a request that is still running looks long over: each page is checked. */
async function verifyListedUploads(run: VerifyRun): Promise<number> {
  const { bucket, context } = run;
  let listed = 0;
  const uploads = openUploads(bucket.store, {
    everywhere: true,
    onPage: ({ storeTimeMs }) => guardClock(context.now(), storeTimeMs),
  });
  for await (const upload of uploads) {
    const { key, ref, isMedia, uploadId, initiatedMs } = upload;
    listed += 1;
    if (run.isYoung(initiatedMs)) continue;
    if (ref && isMedia) {
      const manifest = await bucket.read(ref, 'manifest');
      if (manifest === 'unreadable' || manifest?.uploadId === uploadId) continue;
      const detail = `opened ${toIso(initiatedMs)}, no manifest names it`;
      await run.report('stray-upload', key, detail, () => endUpload(bucket.store, key, uploadId));
    } else if (isScratch(key)) {
      await run.report('stray-upload', key, 'left by a trial', () => endScratchUpload(bucket.store, upload));
    } else await run.report('stray-upload', key, 'at no key of this service');
  }
  return listed;
}

interface IndexEntry {
  readonly key: string;
  readonly ref: RecordingRef;
}

/** `attempts/` is listed once for every `windowKeys` index entries, after them. */
async function verifyParticipants(run: VerifyRun): Promise<void> {
  for await (const window of inBatches(keysIn(run.bucket.store, 'participants'), run.windowKeys)) {
    const entries: IndexEntry[] = [];
    for (const { key, parsed, lastModifiedMs } of window) {
      if (parsed?.type !== 'participant') await run.report('unknown-key', key, 'in the folder of participants');
      else if (!run.isYoung(lastModifiedMs)) entries.push({ key, ref: parsed.ref });
    }
    const stored = await storedAmong(
      run.bucket.store,
      entries.map(({ ref }) => ref),
    );
    const strays = entries.filter(({ ref }) => !stored.has(recordingId(ref)));
    const expected = strays.length === 0 ? new Set() : await leftByCreations(run, strays);
    for (const stray of strays) if (!expected.has(stray.key)) await reportParticipant(run, stray);
  }
}

/** Those of creations that died before their manifest: the queue leads to them. What has a receipt was deleted since. */
async function leftByCreations(run: VerifyRun, strays: readonly IndexEntry[]): Promise<ReadonlySet<string>> {
  const { bucket } = run;
  const byRecording = new Map(strays.map((stray) => [recordingId(stray.ref), stray]));
  const expected = new Set<string>();
  for await (const entry of bucket.queue.entries()) {
    if (entry.type !== 'attempt' || !entry.creation) continue;
    const { recording, participant } = entry.creation;
    const ref = { ...entry.ref, recording };
    const stray = byRecording.get(recordingId(ref));
    if (stray?.key !== bucket.participantName(participant, ref)) continue;
    if ((await bucket.readReceipt(ref)) === undefined) expected.add(stray.key);
  }
  return expected;
}

/** A purge deletes the index entry before the manifest: one that outlives its recording was left behind. */
async function reportParticipant(run: VerifyRun, { key, ref }: IndexEntry): Promise<void> {
  const { bucket } = run;
  if ((await bucket.hasRecording(ref)) || !(await hasObject(bucket.store, key))) return;
  await run.report('stray-marker', key, 'its recording is deleted', () => bucket.removeKey(key));
}

async function verifyAuditEvents(run: VerifyRun): Promise<void> {
  const { context, findings } = run;
  for await (const { key, parsed } of keysIn(context.store, 'audit')) {
    if (parsed?.type !== 'audit' && parsed?.type !== 'audit-attempt') {
      await run.report('unknown-key', key, 'in the audit trail');
      continue;
    }
    findings.counts.auditEvents += 1;
    const isOverdue = parsed.dayMs + 2 * DAY_MS + context.logRetentionMs <= context.now();
    if (isOverdue) await run.report('log-overdue', key, 'an audit event');
    if (run.isFromFuture(parsed.dayMs)) await run.report('from-future', key, 'an audit event');
  }
}

/** Events that were neither delivered nor given up: the server that would give them up has no webhooks any more. */
async function verifyOutbox(run: VerifyRun): Promise<void> {
  const { bucket, context } = run;
  for await (const { key, parsed } of keysIn(context.store, 'outbox')) {
    if (parsed?.type !== 'outbox') await run.report('unknown-key', key, 'in the outbox');
    else if (parsed.timeMs + UNDELIVERED_MS + DAY_MS <= context.now()) {
      await run.report('event-overdue', key, 'never delivered', () => bucket.removeKey(key));
    } else if (run.isFromFuture(parsed.timeMs)) await run.report('from-future', key, 'an event for a webhook');
  }
}

/** Keys outside of every known folder. */
async function reportOtherKeys(run: VerifyRun): Promise<void> {
  const { bucket } = run;
  for await (const { key, lastModifiedMs } of otherKeys(bucket.store)) {
    if (!isScratch(key)) await run.report('unknown-key', key, 'in no folder of this service');
    else if (!run.isYoung(lastModifiedMs))
      await run.report('unknown-key', key, 'left by a trial', () => bucket.removeKey(key));
  }
}
