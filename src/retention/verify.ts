// Reads the whole bucket and proves or disproves the promise: nothing is kept past its deadline, and nothing is lost sight of.
import pMap from 'p-map';
import { type RetentionPolicy, recordingDeadline } from '../domain/deadlines.ts';
import { parseManifest } from '../domain/documents.ts';
import { type AttemptRef, createdAtOf, newUniqueName, type RandomBytes, type RecordingRef } from '../domain/ids.ts';
import {
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  attemptPrefix,
  DUE_PREFIX,
  dueAttemptKey,
  PARTICIPANTS_PREFIX,
  parseKey,
  RECEIPTS_PREFIX,
  recordingKey,
  recordingPrefix,
} from '../domain/keys.ts';
import { toIso } from '../domain/times.ts';
import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  type RecordingState,
  readAttempt,
  type StoredItem,
} from '../storage/attempt-state.ts';
import { mediaTags, tagMedia } from '../storage/completion.ts';
import { listAll, listAllMultipartUploads, type ObjectStore } from '../storage/object-store.ts';
import { failureOf, STORE_CONCURRENCY } from './purge.ts';

export interface VerifyContext {
  readonly store: ObjectStore;
  readonly policy: RetentionPolicy;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** Younger things may belong to a request that is still running, and are not judged. */
  readonly settleMs: number;
}

export type FindingKind =
  | 'overdue'
  | 'no-due-entry'
  | 'media-without-manifest'
  | 'manifest-unreadable'
  | 'wrong-tags'
  | 'stray-upload'
  | 'receipt-but-objects'
  | 'unknown-key'
  | 'unreadable';

export interface Finding {
  readonly kind: FindingKind;
  readonly key: string;
  readonly detail: string;
  /** Whether `--fix` mended it. */
  readonly fixed: boolean;
}

export interface VerifyReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly attempts: number;
  readonly recordings: number;
  readonly bytes: number;
  readonly receipts: number;
  /** How many of each kind are left unmended. */
  readonly wrong: number;
  readonly findings: readonly Finding[];
}

/** Sorts after every key of a folder. */
const LAST_CHARACTER = '\u{10ffff}';

type Report = (kind: FindingKind, key: string, detail: string, fix?: () => Promise<unknown>) => Promise<void>;

/**
 * Reads every key once and each manifest and tag set. With `fix` it adds missing due entries, writes tags again and
 * aborts stray uploads; it deletes no recording: that is the sweep's, which finds each by the due entry.
 * @throws StoreError when the bucket cannot be listed.
 */
export async function verify(context: VerifyContext, { fix = false }: { fix?: boolean } = {}): Promise<VerifyReport> {
  const startedAtMs = context.now();
  const findings: Finding[] = [];
  const report: Report = async (kind, key, detail, mend) => {
    let fixed = false;
    if (fix && mend) {
      await mend();
      fixed = true;
    }
    findings.push({ kind, key, detail, fixed });
  };
  const earliestDue = await readDueIndex(context, report);
  const counts = { attempts: 0, recordings: 0, bytes: 0 };
  for await (const batch of inBatches(listAttempts(context, report), STORE_CONCURRENCY)) {
    await pMap(batch, async (attempt) => {
      counts.attempts += 1;
      counts.recordings += attempt.recordings.length;
      for (const { objects } of attempt.recordings) counts.bytes += objects.media?.sizeBytes ?? 0;
      await checkAttempt(context, attempt, earliestDue.get(attemptPrefix(attempt.ref)), report);
    });
  }
  await checkUploads(context, report);
  const receipts = await checkReceipts(context, report);
  await reportUnknownRoots(context, report);
  return {
    startedAt: toIso(startedAtMs),
    finishedAt: toIso(context.now()),
    ...counts,
    receipts,
    wrong: findings.filter((finding) => !finding.fixed).length,
    findings,
  };
}

/** The earliest due entry of each attempt: the one thing that is held in memory for all of them. */
async function readDueIndex(context: VerifyContext, report: Report): Promise<Map<string, number>> {
  const earliest = new Map<string, number>();
  for await (const { key } of listAll(context.store, DUE_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type === 'due-attempt') {
      const prefix = attemptPrefix(parsed.ref);
      if (!earliest.has(prefix)) earliest.set(prefix, parsed.timeMs);
    } else if (parsed?.type !== 'due-receipts') await report('unknown-key', key, 'no due entry of this service');
  }
  return earliest;
}

async function* listAttempts(context: VerifyContext, report: Report): AsyncGenerator<AttemptState, void, undefined> {
  let ref: AttemptRef | undefined;
  let items: StoredItem[] = [];
  for await (const object of listAll(context.store, ATTEMPTS_PREFIX)) {
    const parsed = parseKey(object.key);
    if (parsed?.type !== 'recording' && parsed?.type !== 'assessed') {
      await report('unknown-key', object.key, 'no object of this service');
      continue;
    }
    if (ref && attemptPrefix(ref) !== attemptPrefix(parsed.ref)) {
      yield attemptStateOf(ref, items);
      items = [];
    }
    ref = parsed.ref;
    items.push({ ...object, isCurrent: true });
  }
  if (ref) yield attemptStateOf(ref, items);
}

async function checkAttempt(
  context: VerifyContext,
  listed: AttemptState,
  earliestDueMs: number | undefined,
  report: Report,
): Promise<void> {
  const { store, policy } = context;
  const deadlines = listed.recordings.map(({ ref }) => deadlineOf(policy, listed, ref));
  const nextMs = deadlines.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  if (Number.isFinite(nextMs) && !(earliestDueMs !== undefined && earliestDueMs <= nextMs)) {
    const due = await findDueEntry(context, listed.ref, nextMs);
    if (!due) {
      await report('no-due-entry', attemptPrefix(listed.ref), `nothing would delete it by ${toIso(nextMs)}`, () =>
        store.put(dueAttemptKey(nextMs, listed.ref, newUniqueName(context.randomBytes)), new Uint8Array()),
      );
    }
  }
  for (const recording of listed.recordings) {
    try {
      await checkRecording(context, listed, recording, report);
    } catch (error) {
      await report('unreadable', recordingPrefix(recording.ref), failureOf(error));
    }
  }
}

/** An entry that was written after the index was read. */
async function findDueEntry(context: VerifyContext, ref: AttemptRef, deadlineMs: number): Promise<boolean> {
  const state = await readAttempt(context.store, ref);
  if (state.recordings.length === 0) return true;
  const prefix = dueAttemptKey(deadlineMs, ref, '');
  return (await context.store.list(prefix, { limit: 1 })).objects.length > 0;
}

async function checkRecording(
  context: VerifyContext,
  attempt: AttemptState,
  { ref, objects }: RecordingState,
  report: Report,
): Promise<void> {
  const { store, policy, now, settleMs } = context;
  const deadlineMs = deadlineOf(policy, attempt, ref);
  const prefix = recordingPrefix(ref);
  if (deadlineMs <= now()) await report('overdue', prefix, `its deadline was ${toIso(deadlineMs)}`);
  if (now() - createdAtOf(ref.recording) <= settleMs || objects.deleting) return;
  if (!objects.manifest) {
    await report('media-without-manifest', prefix, Object.keys(objects).join(', '), () =>
      store.put(dueAttemptKey(now(), ref, newUniqueName(context.randomBytes)), new Uint8Array()),
    );
    return;
  }
  const body = await store.get(recordingKey(ref, 'manifest'));
  if (body && !parseManifest(body, ref)) await report('manifest-unreadable', recordingKey(ref, 'manifest'), 'kept');
  if (!objects.media) return;
  const key = recordingKey(ref, 'media');
  const tags = await store.tags(key);
  const wanted = mediaTags(policy, ref, completedAtsOf(attempt));
  if (tags && Object.entries(wanted).some(([name, value]) => tags[name] !== value)) {
    await report('wrong-tags', key, `delete-by should be ${wanted['delete-by']}`, () =>
      tagMedia(context, ref, attempt),
    );
  }
}

async function checkUploads(context: VerifyContext, report: Report): Promise<void> {
  const { store, now, settleMs } = context;
  for await (const { key, uploadId, initiatedMs } of listAllMultipartUploads(store, '')) {
    if (now() - initiatedMs <= settleMs) continue;
    const parsed = parseKey(key);
    if (parsed?.type !== 'recording' || parsed.object !== 'media') {
      await report('stray-upload', key, 'no upload of this service');
      continue;
    }
    const body = await store.get(recordingKey(parsed.ref, 'manifest'));
    const manifest = body && parseManifest(body, parsed.ref);
    if (body && manifest?.uploadId === uploadId) continue;
    if (body && !manifest) continue;
    await report('stray-upload', key, `opened ${toIso(initiatedMs)}, no manifest names it`, () =>
      store.abortMultipartUpload(key, uploadId),
    );
  }
}

async function checkReceipts(context: VerifyContext, report: Report): Promise<number> {
  const { store } = context;
  let receipts = 0;
  for await (const batch of inBatches(listAll(store, RECEIPTS_PREFIX), 100)) {
    receipts += batch.length;
    await pMap(
      batch,
      async ({ key }) => {
        const parsed = parseKey(key);
        if (parsed?.type !== 'receipt') return report('unknown-key', key, 'no receipt of this service');
        const { objects } = await store.list(recordingPrefix(parsed.ref), { limit: 1 });
        if (objects.length === 0) return;
        await report('receipt-but-objects', recordingPrefix(parsed.ref), 'a receipt says that this is deleted', () =>
          store.put(dueAttemptKey(context.now(), parsed.ref, newUniqueName(context.randomBytes)), new Uint8Array()),
        );
      },
      { concurrency: STORE_CONCURRENCY },
    );
  }
  return receipts;
}

/** Keys outside of every known folder, found by jumping over the known ones. */
async function reportUnknownRoots({ store }: VerifyContext, report: Report): Promise<void> {
  const roots = [ATTEMPTS_PREFIX, AUDIT_PREFIX, DUE_PREFIX, PARTICIPANTS_PREFIX, RECEIPTS_PREFIX];
  let after: string | undefined;
  for (;;) {
    const { objects } = await store.list('', { startAfter: after });
    if (objects.length === 0) return;
    for (const { key } of objects) {
      const root = roots.find((prefix) => key.startsWith(prefix));
      after = root ? `${root}${LAST_CHARACTER}` : key;
      if (root) break;
      await report('unknown-key', key, 'no object of this service');
    }
  }
}

function deadlineOf(policy: RetentionPolicy, attempt: AttemptState, ref: RecordingRef): number {
  return recordingDeadline(policy, ref.tenant, ref.recording, completedAtsOf(attempt));
}

async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[], void, undefined> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
