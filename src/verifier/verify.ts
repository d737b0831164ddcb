// Reads the whole bucket and proves or disproves the promise: nothing is kept past its deadline, and nothing is lost.

import { createAuditTrail } from '../bucket/audit-trail.ts';
import { isIndexBody } from '../bucket/bucket.ts';
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
import { actOnEach, hasObject, inBatches } from '../bucket/listing.ts';
import { inSeconds } from '../bucket/receipts.ts';
import { DAY_MS, SECOND_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef, recordingId } from '../model/ids.ts';
import { toIso, toKeyTime } from '../model/times.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { endUpload } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from '../sweeper/run.ts';
import { guardClock, sweep } from '../sweeper/sweep.ts';
import { verifyAttempts } from './attempts.ts';
import { compare, type FindingKind, type Findings, NOT_SHOWN, type VerifyReport } from './findings.ts';
import { LogCheck } from './logs.ts';
import { verifyOutbox } from './outbox.ts';
import { verifyReceiptIndexes, verifyReceipts } from './receipts.ts';
import { type OnProgress, type Repairs, VerifyRun } from './run.ts';
import { verifyAuditTrail } from './trail.ts';

export interface VerifyOptions {
  /** Repairs what can be repaired, and sweeps. Default: false. */
  readonly fix?: boolean;
  readonly onProgress?: OnProgress;
  /** Gets what was repaired, when it was. */
  readonly onRepaired?: (kind: FindingKind, key: string) => void;
}

/**
 * Reads every key, and each document. Memory is bounded, whatever the bucket holds.
 *
 * With `fix`: adds queue and index entries, writes tags again, ends stray uploads; then sweeps, which deletes what is due
 * and nothing else; then reads again, and reports what is left. Each repair is an audit event first. What cannot be read,
 * keys of others, and whatever may be the trace of a manipulation are kept; nothing moves towards a later deadline.
 * @throws StoreError when the bucket cannot be listed; SweepRefused when the clock is wrong
 */
export async function verify(context: SweepContext, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { fix = false, onProgress, onRepaired = () => {} } = options;
  const startedAtMs = context.now();
  const requestsBefore = context.requestCount();
  const audit = createAuditTrail(context.store, context.now, context.randomBytes);
  const repairs: Repairs = { audit, requestId: `verify-${toKeyTime(startedAtMs)}`, onRepaired };
  const readAll = (isRepairing: boolean) =>
    readBucket(new VerifyRun(context, { repairs: isRepairing ? repairs : undefined, onProgress }));
  const before = await readAll(fix);
  let after = before;
  if (fix && before.kinds.length > 0) {
    await sweep(context);
    // A recording that the sweep deletes can leave an index entry that no manifest named: a second reading finds it.
    await readAll(true);
    after = await readAll(false);
  }
  return {
    startedAt: toIso(startedAtMs),
    finishedAt: toIso(context.now()),
    ...after.counts,
    settleSeconds: context.settleMs / SECOND_MS,
    greatestLatenessSeconds: inSeconds(after.greatestLatenessMs),
    notChecked: after.notChecked,
    uploadsUnlisted: after.uploadsUnlisted ?? null,
    requests: context.requestCount() - requestsBefore,
    ...compare(before, after),
  };
}

async function readBucket(run: VerifyRun): Promise<Findings> {
  const { bucket, context } = run;
  // Before anything is judged by this clock, or repaired.
  guardClock(context.now(), (await bucket.queue.page({ limit: 1 })).storeTimeMs);
  await verifyAttempts(run);
  await verifyUploads(run);
  await verifyParticipants(run);
  const logs = new LogCheck(run);
  await logs.readLogs();
  await verifyReceiptIndexes(run, logs);
  await verifyReceipts(run, logs);
  await logs.finish();
  await verifyAuditTrail(run);
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
  await actOnEach(keysIn(bucket.store, 'receipts'), async ({ parsed }) => {
    if (parsed?.type !== 'receipt') return;
    const { ref } = parsed;
    for (const { key, uploadId, initiatedMs } of await openUploadsAt(bucket.store, bucket.mediaKey(ref))) {
      if (run.isYoung(initiatedMs)) continue;
      await run.report('stray-upload', key, 'its recording has a receipt', {
        of: ref,
        act: () => endUpload(bucket.store, key, uploadId),
      });
    }
  });
}

/** How many uploads the store lists. By a wrong clock a request that is still running looks long over: each page is checked. */
async function verifyListedUploads(run: VerifyRun): Promise<number> {
  const { bucket, context } = run;
  let listed = 0;
  const uploads = openUploads(bucket.store, {
    everywhere: true,
    onPage: ({ storeTimeMs }) => guardClock(context.now(), storeTimeMs),
  });
  await actOnEach(uploads, async (upload) => {
    const { key, ref, isMedia, uploadId, initiatedMs } = upload;
    listed += 1;
    if (run.isYoung(initiatedMs)) return;
    if (ref && isMedia) {
      const manifest = await bucket.read(ref, 'manifest');
      if (manifest === 'unreadable' || manifest?.uploadId === uploadId) return;
      const detail = `opened ${toIso(initiatedMs)}, no manifest names it`;
      const end = { of: ref, act: () => endUpload(bucket.store, key, uploadId) };
      await run.report('stray-upload', key, detail, (await isNeeded(run, ref)) ? undefined : end);
    } else if (isScratch(key)) {
      await run.report('stray-upload', key, 'left by a trial', { act: () => endScratchUpload(bucket.store, upload) });
    } else await run.report('stray-upload', key, 'at no key of this service');
  });
  return listed;
}

/** Whether an upload at its key may hold its media: it has a manifest, which may have been changed, and nothing is stored. */
async function isNeeded({ bucket }: VerifyRun, ref: RecordingRef): Promise<boolean> {
  const state = await bucket.recording(ref);
  return state?.objects.manifest !== undefined && state.objects.stored === undefined;
}

interface IndexEntry {
  readonly key: string;
  /** An earlier version wrote it, and its creation had not come to its end. */
  readonly isBegun: boolean;
  readonly ref: RecordingRef;
}

/** `attempts/` is listed once for every `windowKeys` index entries, after them. */
async function verifyParticipants(run: VerifyRun): Promise<void> {
  for await (const window of inBatches(keysIn(run.bucket.store, 'participants'), run.windowKeys)) {
    const entries: IndexEntry[] = [];
    for (const { key, parsed, lastModifiedMs, sizeBytes } of window) {
      if (parsed?.type !== 'participant') {
        await run.report('unknown-key', key, 'in the folder of participants');
        continue;
      }
      if (!isIndexBody(sizeBytes)) await run.report('wrong-body', key, `${sizeBytes} bytes`);
      if (!run.isYoung(lastModifiedMs)) entries.push({ key, ref: parsed.ref, isBegun: sizeBytes > 0 });
    }
    const stored = await storedAmong(
      run.bucket.store,
      entries.map(({ ref }) => ref),
    );
    const strays = entries.filter(({ ref }) => !stored.has(recordingId(ref)));
    const expected = strays.length === 0 ? new Set() : await leftByCreations(run, strays);
    const unexpected = strays.filter(({ key }) => !expected.has(key));
    await actOnEach(unexpected, (stray) => reportParticipant(run, stray));
  }
}

/** Those of creations that died before their manifest: the queue leads to them. */
async function leftByCreations(run: VerifyRun, strays: readonly IndexEntry[]): Promise<ReadonlySet<string>> {
  const { bucket } = run;
  const byRecording = new Map(strays.map((stray) => [recordingId(stray.ref), stray]));
  const expected = new Set<string>();
  for await (const entry of bucket.queue.entries()) {
    if (entry.type !== 'attempt' || !entry.creation) continue;
    // Of a whole recording the entry stays; its claim is moved by the next sweep.
    const { recording, participant } = entry.creation;
    const ref = { ...entry.ref, recording };
    const stray = byRecording.get(recordingId(ref));
    const isLeft = stray?.isBegun || entry.claim === 'creation';
    if (stray && isLeft && stray.key === bucket.participantName(participant, ref)) expected.add(stray.key);
  }
  return expected;
}

/** A purge deletes the index entry after its receipt: one of a whole recording without either is all that is left of it. */
async function reportParticipant(run: VerifyRun, { key, ref, isBegun }: IndexEntry): Promise<void> {
  const { bucket } = run;
  if ((await bucket.hasRecording(ref)) || !(await hasObject(bucket.store, key))) return;
  const isExpired = run.isExpiring(createdAtOf(ref.recording), 2 * DAY_MS);
  if (!isBegun && !isExpired && !(await run.isDeleted(ref))) {
    // Older versions are reported with their recording.
    if ((await bucket.attempt(ref, { everything: true })).recording(ref.recording)) return;
    return run.report('recording-vanished', bucket.recordingName(ref), `${key} tells of it`);
  }
  const repair = { of: ref, act: () => bucket.removeKey(key) };
  await run.report('stray-marker', key, 'its recording is deleted', repair);
}

/** Keys outside of every known folder. */
async function reportOtherKeys(run: VerifyRun): Promise<void> {
  const { bucket } = run;
  for await (const { key, lastModifiedMs } of otherKeys(bucket.store)) {
    if (!isScratch(key)) await run.report('unknown-key', key, 'in no folder of this service');
    else if (!run.isYoung(lastModifiedMs))
      await run.report('unknown-key', key, 'left by a trial', { act: () => bucket.removeKey(key) });
  }
}
