// Reads the whole bucket and proves or disproves the promise: nothing is kept past its deadline, and nothing is lost sight of.

import { targetsOf } from '../bucket/attempt.ts';
import { parseManifest } from '../bucket/documents.ts';
import {
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  DOCTOR_PREFIX,
  DUE_PREFIX,
  OUTBOX_PREFIX,
  PARTICIPANTS_PREFIX,
  parseKey,
  RECEIPTS_PREFIX,
  recordingKey,
  recordingPrefix,
} from '../bucket/layout.ts';
import { UNDELIVERED_MS } from '../bucket/outbox.ts';
import { DAY_MS } from '../model/durations.ts';
import { toIso } from '../model/times.ts';
import { endUpload } from '../objectstore/end-upload.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { listAll, listAllMultipartUploads } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { listsUploadsByFolder } from '../objectstore/upload-listing.ts';
import { askInOrder } from '../sweeper/ask-in-order.ts';
import { inBatches } from '../sweeper/in-batches.ts';
import { guardClock, sweep } from '../sweeper/sweep.ts';
import type { SweepContext } from '../sweeper/sweep-run.ts';
import { verifyAttempts } from './verify-attempts.ts';
import { verifyReceiptIndexes, verifyReceipts } from './verify-receipts.ts';
import { compare, Findings, NOT_SHOWN, type VerifyReport } from './verify-report.ts';
import { report, type VerifyRun } from './verify-run.ts';

const WINDOW = 50_000;
/** Sorts after every key of a folder. */
const LAST_CHARACTER = '\u{10ffff}';

/**
 * Reads every key; each manifest, receipt and set of tags. Memory is bounded, whatever the bucket holds.
 *
 * With `fix`: adds due entries and markers, writes tags again, ends stray uploads; then sweeps, which deletes what is
 * due and nothing else; then reads again, and tells what stands. What cannot be read, and keys of others, are kept.
 * @throws StoreError when the bucket cannot be listed; SweepRefused when the clock is wrong
 */
export async function verify(context: SweepContext, { fix = false }: { fix?: boolean } = {}): Promise<VerifyReport> {
  const startedAtMs = context.now();
  const requestsBefore = context.requestCount();
  const before = await readAll(context, fix);
  let after = before;
  if (fix && before.kinds.length > 0) {
    await sweep(context);
    // What the sweep deletes can leave a marker behind that no manifest named: a second round finds that.
    await readAll(context, true);
    after = await readAll(context, false);
  }
  return {
    startedAt: toIso(startedAtMs),
    finishedAt: toIso(context.now()),
    ...after.counts,
    uploadsUnlisted: after.uploadsUnlisted ?? null,
    requests: context.requestCount() - requestsBefore,
    ...compare(before, after),
  };
}

async function readAll(context: SweepContext, repair: boolean): Promise<Findings> {
  const findings = new Findings();
  // What has no time may have been written just now.
  const isYoung = (timeMs: number) => !(context.now() - timeMs > context.settleMs);
  const run: VerifyRun = { context, findings, repair, isYoung, windowKeys: context.windowKeys ?? WINDOW };
  // Before anything is judged by this clock, or repaired.
  guardClock(context.now(), (await context.store.list(DUE_PREFIX, { limit: 1 })).storeTimeMs);
  await verifyAttempts(run);
  await verifyUploads(run);
  await verifyMarkers(run);
  await verifyReceiptIndexes(run);
  await verifyReceipts(run);
  await verifyAuditEvents(run);
  await verifyOutbox(run);
  await reportUnknownRoots(run);
  return findings;
}

/** Of a store that lists no uploads those are found that a deletion left behind, beside its receipt. */
async function verifyUploads(run: VerifyRun): Promise<void> {
  try {
    if ((await verifyListedUploads(run)) > 0 || (await listsUploadsByFolder(run.context))) return;
    run.findings.uploadsUnlisted = NOT_SHOWN;
    await verifyUploadsOfReceipts(run);
  } catch (error) {
    // A key that may only read cannot try whether the store lists an upload.
    const mayNotTry = isStoreError(error, 'access-denied') && error.operation === 'CreateMultipartUpload';
    if (!isStoreError(error) || !(mayNotTry || isDispensable(error))) throw error;
    run.findings.uploadsUnlisted = error.storeCode;
  }
}

/** MinIO lists the uploads of an exact key: one request a receipt. */
async function verifyUploadsOfReceipts(run: VerifyRun): Promise<void> {
  const { store } = run.context;
  for await (const { key } of listAll(store, RECEIPTS_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type !== 'receipt') continue;
    for await (const upload of listAllMultipartUploads(store, recordingKey(parsed.ref, 'media'))) {
      if (run.isYoung(upload.initiatedMs)) continue;
      await report(run, 'stray-upload', upload.key, 'its recording has a receipt', () =>
        endUpload(store, upload.key, upload.uploadId),
      );
    }
  }
}

/** Before anything is ended or deleted: by a wrong clock a request that is still running looks long over. */
async function verifyListedUploads(run: VerifyRun): Promise<number> {
  let listed = 0;
  const { store, now } = run.context;
  const guard = ({ storeTimeMs }: { storeTimeMs: number }) => guardClock(now(), storeTimeMs);
  for await (const { key, uploadId, initiatedMs } of listAllMultipartUploads(store, '', guard)) {
    listed += 1;
    if (run.isYoung(initiatedMs)) continue;
    const parsed = parseKey(key);
    if (parsed?.type !== 'recording' || parsed.object !== 'media') {
      const isTrial = key.startsWith(DOCTOR_PREFIX);
      const repair = isTrial ? () => endUpload(store, key, uploadId) : undefined;
      await report(run, 'stray-upload', key, isTrial ? 'left by a trial' : 'at no place of this service', repair);
      continue;
    }
    const body = await store.get(recordingKey(parsed.ref, 'manifest'));
    const manifest = body && parseManifest(body, parsed.ref);
    if (body && (!manifest || manifest.uploadId === uploadId)) continue;
    await report(run, 'stray-upload', key, `opened ${toIso(initiatedMs)}, no manifest names it`, () =>
      endUpload(store, key, uploadId),
    );
  }
  return listed;
}

/** `attempts/` is listed once for every `windowKeys` markers, beside them. */
async function verifyMarkers(run: VerifyRun): Promise<void> {
  const { store } = run.context;
  for await (const window of inBatches(listAll(store, PARTICIPANTS_PREFIX), run.windowKeys)) {
    const markers: { key: string; prefix: string }[] = [];
    for (const { key, lastModifiedMs } of window) {
      const parsed = parseKey(key);
      if (parsed?.type !== 'participant') await report(run, 'unknown-key', key, 'in the folder of participants');
      else if (!run.isYoung(lastModifiedMs)) markers.push({ key, prefix: recordingPrefix(parsed.ref) });
    }
    const isThere = askInOrder(store);
    for (const { key, prefix } of markers.sort((a, b) => (a.prefix < b.prefix ? -1 : 1))) {
      if (!(await isThere(prefix))) await reportMarker(run, key, prefix);
    }
  }
}

/** A purge deletes the marker before the manifest: one that outlives its recording was left behind. */
async function reportMarker(run: VerifyRun, key: string, prefix: string): Promise<void> {
  const { store } = run.context;
  const isThere = async (start: string) => (await store.list(start, { limit: 1 })).objects.length > 0;
  if ((await isThere(prefix)) || !(await isThere(key))) return;
  await report(run, 'stray-marker', key, 'its recording is gone', async () =>
    store.delete(await targetsOf(store, key, await store.isVersioned())),
  );
}

async function verifyAuditEvents(run: VerifyRun): Promise<void> {
  const { store, now, logRetentionMs } = run.context;
  for await (const { key } of listAll(store, AUDIT_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type !== 'audit') {
      await report(run, 'unknown-key', key, 'in the audit trail');
      continue;
    }
    run.findings.counts.auditEvents += 1;
    if (parsed.dayMs + 2 * DAY_MS + logRetentionMs <= now()) await report(run, 'log-overdue', key, 'an audit event');
  }
}

/** Events that nobody took, and nobody gave up either: the servers that would have know no webhooks any more. */
async function verifyOutbox(run: VerifyRun): Promise<void> {
  const { store, now } = run.context;
  for await (const { key } of listAll(store, OUTBOX_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type !== 'outbox') {
      await report(run, 'unknown-key', key, 'in the outbox');
    } else if (parsed.timeMs + UNDELIVERED_MS + DAY_MS <= now()) {
      await report(run, 'event-overdue', key, 'never delivered', async () =>
        store.delete(await targetsOf(store, key, await store.isVersioned())),
      );
    }
  }
}

/** Keys outside of every known folder, found by jumping over the known ones. */
async function reportUnknownRoots(run: VerifyRun): Promise<void> {
  const roots = [ATTEMPTS_PREFIX, AUDIT_PREFIX, DUE_PREFIX, OUTBOX_PREFIX, PARTICIPANTS_PREFIX, RECEIPTS_PREFIX];
  let after: string | undefined;
  for (;;) {
    const { objects } = await run.context.store.list('', { startAfter: after });
    if (objects.length === 0) return;
    for (const { key, lastModifiedMs } of objects) {
      const root = roots.find((prefix) => key.startsWith(prefix));
      after = root ? `${root}${LAST_CHARACTER}` : key;
      if (root) break;
      const isTrial = key.startsWith(DOCTOR_PREFIX);
      if (isTrial && run.isYoung(lastModifiedMs)) continue;
      const { store } = run.context;
      const repair = async () => store.delete(await targetsOf(store, key, await store.isVersioned()));
      if (isTrial) await report(run, 'unknown-key', key, 'left by a trial', repair);
      else await report(run, 'unknown-key', key, 'in no folder of this service');
    }
  }
}
