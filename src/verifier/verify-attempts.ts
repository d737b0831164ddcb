// Checks every attempt: its deadlines, its entry in the deletion queue, its manifests, tags and markers.
import pMap from 'p-map';
import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  eachItem,
  findRecording,
  type RecordingState,
  readAttempt,
  type StoredItem,
  targetsOf,
} from '../bucket/attempt.ts';
import { type Manifest, parseManifest } from '../bucket/documents.ts';
import {
  ATTEMPTS_PREFIX,
  attemptPrefix,
  DUE_PREFIX,
  PARTICIPANTS_PREFIX,
  parseKey,
  participantKey,
  recordingKey,
  recordingPrefix,
} from '../bucket/layout.ts';
import { readReceipt } from '../bucket/receipts.ts';
import { type AttemptRef, createdAtOf, type RecordingRef } from '../model/ids.ts';
import { firstAssessment, recordingDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import { listAll, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import { mediaTags, tagMedia } from '../recordings/finalize.ts';
import { inBatches } from '../sweeper/in-batches.ts';
import { nextDeadline } from '../sweeper/next-deadline.ts';
import { addDueEntry, report, type VerifyRun } from './verify-run.ts';

/** What the attempts of a window must have elsewhere: a due entry in time, and a marker for each recording. */
interface Expected {
  readonly deadlines: Map<string, { ref: AttemptRef; deadlineMs: number }>;
  readonly markers: Map<string, Manifest>;
}

/**
 * Reads `attempts/` once, each manifest, and each set of tags. The index of deadlines and the markers are read once
 * for every `windowKeys` attempts, after them: whatever an attempt needs there was written before it.
 */
export async function verifyAttempts(run: VerifyRun): Promise<void> {
  let expected: Expected = { deadlines: new Map(), markers: new Map() };
  for await (const batch of inBatches(listAttempts(run), STORE_CONCURRENCY)) {
    await pMap(batch, (attempt) => checkAttempt(run, attempt, expected), { concurrency: STORE_CONCURRENCY });
    if (expected.deadlines.size + expected.markers.size < run.windowKeys) continue;
    await settle(run, expected);
    expected = { deadlines: new Map(), markers: new Map() };
  }
  await settle(run, expected);
}

async function* listAttempts(run: VerifyRun): AsyncGenerator<AttemptState, void, undefined> {
  let ref: AttemptRef | undefined;
  let items: StoredItem[] = [];
  const { store } = run.context;
  for await (const item of eachItem(store, ATTEMPTS_PREFIX, await store.isVersioned())) {
    const parsed = parseKey(item.key);
    if (parsed?.type !== 'recording' && parsed?.type !== 'assessed') {
      await report(run, 'unknown-key', item.key, 'in the folder of recordings');
      continue;
    }
    if (ref && attemptPrefix(ref) !== attemptPrefix(parsed.ref)) {
      yield attemptStateOf(ref, items);
      items = [];
    }
    ref = parsed.ref;
    items.push(item);
  }
  if (ref) yield attemptStateOf(ref, items);
}

async function checkAttempt(run: VerifyRun, attempt: AttemptState, expected: Expected): Promise<void> {
  const { counts } = run.findings;
  counts.attempts += 1;
  counts.recordings += attempt.recordings.length;
  const deadlineMs = nextDeadline(run.context.policy, attempt);
  if (deadlineMs !== undefined) expected.deadlines.set(attemptPrefix(attempt.ref), { ref: attempt.ref, deadlineMs });
  for (const recording of attempt.recordings) {
    counts.bytes += recording.objects.media?.sizeBytes ?? 0;
    try {
      await checkRecording(run, attempt, recording, expected);
    } catch (error) {
      await report(run, 'unreadable', recordingPrefix(recording.ref), describeFailure(failureOf(error)));
    }
  }
}

async function checkRecording(
  run: VerifyRun,
  attempt: AttemptState,
  state: RecordingState,
  expected: Expected,
): Promise<void> {
  const { store, policy, now } = run.context;
  const { ref, objects } = state;
  const completedAtsMs = completedAtsOf(attempt);
  const deadlineMs = recordingDeadline(policy, ref.tenant, ref.recording, completedAtsMs);
  if (deadlineMs <= now()) {
    await report(run, 'overdue', recordingPrefix(ref), `its deadline was ${toIso(deadlineMs)}`, () =>
      addDueEntry(run, ref, deadlineMs),
    );
  }
  if (objects.deleting || run.isYoung(createdAtOf(ref.recording))) return;
  if (!objects.manifest) {
    const names = Object.keys(objects).join(', ') || 'older versions only';
    await report(run, 'media-without-manifest', recordingPrefix(ref), names, () => addDueEntry(run, ref, now()));
    return;
  }
  const key = recordingKey(ref, 'manifest');
  const body = await store.get(key);
  if (!body) return;
  const manifest = parseManifest(body, ref);
  if (manifest) expected.markers.set(participantKey(manifest.participantId, ref), manifest);
  else await report(run, 'manifest-unreadable', key, 'kept: a person has to look');
  if (objects.media) await checkTags(run, state, mediaTags(policy, ref, completedAtsMs));
}

async function checkTags(
  run: VerifyRun,
  { ref }: RecordingState,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const key = recordingKey(ref, 'media');
  // Nothing depends on them: a store that does not answer about tags has no wrong ones.
  const tags = await run.context.store.tags(key).catch((error: unknown) => {
    if (!isStoreError(error)) throw error;
    return undefined;
  });
  if (!tags || Object.entries(wanted).every(([name, value]) => tags[name] === value)) return;
  await report(run, 'wrong-tags', key, `delete-by should be ${wanted['delete-by']}`, () => tagLatest(run, ref));
}

/** An assessment may come at any time since the attempt was listed: its tags must not be overwritten with older ones. */
async function tagLatest({ context }: VerifyRun, ref: RecordingRef): Promise<void> {
  let attempt = await readAttempt(context.store, ref);
  for (;;) {
    await tagMedia(context, ref, attempt);
    const later = await readAttempt(context.store, ref);
    if (firstAssessment(completedAtsOf(later)) === firstAssessment(completedAtsOf(attempt))) return;
    attempt = later;
  }
}

/** Strikes out what the index and the markers have, and looks a second time at what is left. */
async function settle(run: VerifyRun, { deadlines, markers }: Expected): Promise<void> {
  const { store } = run.context;
  if (deadlines.size === 0) return;
  for await (const { key } of listAll(store, DUE_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type !== 'due-attempt') continue;
    const prefix = attemptPrefix(parsed.ref);
    if (parsed.timeMs <= (deadlines.get(prefix)?.deadlineMs ?? Number.NEGATIVE_INFINITY)) deadlines.delete(prefix);
  }
  for (const { ref } of deadlines.values()) {
    const deadlineMs = nextDeadline(run.context.policy, await readAttempt(store, ref));
    if (deadlineMs === undefined) continue;
    await report(run, 'no-due-entry', attemptPrefix(ref), `nothing would delete it by ${toIso(deadlineMs)}`, () =>
      addDueEntry(run, ref, deadlineMs),
    );
  }
  for await (const { key } of listAll(store, PARTICIPANTS_PREFIX)) markers.delete(key);
  for (const [key, manifest] of markers) {
    const { tenantId: tenant, examId: exam, attemptId: attempt, recordingId: recording } = manifest;
    const state = findRecording(await readAttempt(store, { tenant, exam, attempt }), recording);
    if (!state?.objects.manifest || state.objects.deleting) continue;
    // A purge deletes the marker after its receipt, and the manifest after that.
    if (await readReceipt(store, state.ref)) continue;
    await report(run, 'marker-missing', key, 'its manifest is there', () => putMarker(run, key, state.ref));
  }
}

/** A purge that began meanwhile has written its receipt before it deleted the marker: then it was for the last time. */
async function putMarker({ context: { store } }: VerifyRun, key: string, ref: RecordingRef): Promise<void> {
  await store.put(key, new Uint8Array());
  if (!(await readReceipt(store, ref))) return;
  await store.delete(await targetsOf(store, key, await store.isVersioned()));
}
