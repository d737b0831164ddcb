// Checks every attempt: its deadlines, its entry in the deletion queue, its manifests, tags and participant index entries,
// and that no receipt says that what is stored is deleted.
import pMap from 'p-map';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import { type Manifest, refOf } from '../bucket/documents.ts';
import { keysIn } from '../bucket/inventory.ts';
import { inBatches } from '../bucket/listing.ts';
import { type AttemptRef, attemptId, type RecordingRef, recordingId } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { tagRecordings } from '../recordings/assess.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import { boundClaims, isFromFuture } from '../sweeper/from-future.ts';
import type { VerifyRun } from './findings.ts';

/** What the attempts of a window must have elsewhere: a queue entry in time, and an index entry for each recording. */
interface Expected {
  readonly deadlines: Map<string, { readonly ref: AttemptRef; readonly deadlineMs: number }>;
  readonly participants: Map<string, Manifest>;
}

/**
 * Reads `attempts/` once, each manifest and set of tags, and looks for a receipt of each recording. The deletion queue and
 * the participant index are read once for every `windowKeys` attempts, after them: whatever an attempt needs there was
 * written before it.
 */
export async function verifyAttempts(run: VerifyRun): Promise<void> {
  const attempts = run.bucket.attemptsIn(
    {},
    {
      versions: await run.bucket.isVersioned(),
      onUnknownKey: (key) => run.report('unknown-key', key, 'in the folder of recordings'),
    },
  );
  let expected: Expected = { deadlines: new Map(), participants: new Map() };
  for await (const batch of inBatches(attempts, STORE_CONCURRENCY)) {
    await pMap(batch, (attempt) => checkAttempt(run, attempt, expected), { concurrency: STORE_CONCURRENCY });
    if (expected.deadlines.size + expected.participants.size < run.windowKeys) continue;
    await reconcile(run, expected);
    expected = { deadlines: new Map(), participants: new Map() };
  }
  await reconcile(run, expected);
}

async function checkAttempt(run: VerifyRun, attempt: Attempt, expected: Expected): Promise<void> {
  const { counts } = run.findings;
  counts.attempts += 1;
  counts.recordings += attempt.recordings.length;
  const { ref } = attempt;
  const nowMs = run.context.now();
  if (isFromFuture(attempt, nowMs)) {
    await run.report('from-future', run.bucket.attemptName(ref), 'a recording or its assessment', () =>
      boundClaims(run.bucket, attempt, nowMs),
    );
  }
  const deadlineMs = attempt.nextDeadlineMs();
  if (deadlineMs !== undefined) expected.deadlines.set(attemptId(ref), { ref, deadlineMs });
  for (const state of attempt.recordings) {
    counts.bytes += state.objects.media?.sizeBytes ?? 0;
    try {
      await checkRecording(run, attempt, state, expected);
    } catch (error) {
      await run.report('unreadable', run.bucket.recordingName(state.ref), describeFailure(failureOf(error)));
    }
  }
}

async function checkRecording(
  run: VerifyRun,
  attempt: Attempt,
  state: RecordingState,
  expected: Expected,
): Promise<void> {
  const { bucket, context } = run;
  const { ref, objects } = state;
  const name = bucket.recordingName(ref);
  const deadlineMs = attempt.deadlineMs(ref);
  if (deadlineMs <= context.now()) {
    await run.report('overdue', name, `its deadline was ${toIso(deadlineMs)}`, () => run.enqueue(ref, deadlineMs));
  }
  if (run.isYoung(attempt.createdAtMs(state))) return;
  await checkReceipt(run, ref);
  if (objects.deleting) return;
  if (!objects.manifest) {
    const names = Object.keys(objects).join(', ') || 'older versions only';
    await run.report('media-without-manifest', name, names, () => run.enqueue(ref, context.now()));
    return;
  }
  const manifest = await bucket.read(ref, 'manifest');
  if (!manifest) return;
  if (manifest === 'unreadable') {
    await run.report('manifest-unreadable', objects.manifest.key, 'kept: an operator has to look');
  } else expected.participants.set(recordingId(ref), manifest);
  if (objects.media) await checkTags(run, attempt, ref);
}

/** What a receipt proves deleted must be deleted. */
async function checkReceipt(run: VerifyRun, ref: RecordingRef): Promise<void> {
  const { bucket, context } = run;
  const receipt = await bucket.readReceipt(ref);
  // A purge deletes the manifest after its receipt.
  if (!receipt || receipt === 'unreadable' || run.isYoung(Date.parse(receipt.verifiedAt))) return;
  // The page that showed the recording may be older than the purge.
  if (!(await bucket.hasRecording(ref))) return;
  await run.report('receipt-but-objects', bucket.recordingName(ref), 'its receipt exists', () =>
    run.enqueue(ref, context.now()),
  );
}

async function checkTags(run: VerifyRun, attempt: Attempt, ref: RecordingRef): Promise<void> {
  const { bucket } = run;
  // Nothing depends on them: a store that fails to return tags has no wrong ones.
  const tags = await bucket.store.tags(bucket.mediaKey(ref)).catch((error: unknown) => {
    if (!isStoreError(error)) throw error;
    return undefined;
  });
  const wanted = attempt.tagsOf(ref);
  if (!tags || Object.entries(wanted).every(([name, value]) => tags[name] === value)) return;
  const isWanted = ({ recording }: RecordingRef) => recording === ref.recording;
  await run.report('wrong-tags', bucket.mediaKey(ref), `delete-by should be ${wanted['delete-by']}`, async () =>
    // An assessment may have arrived since the attempt was listed.
    tagRecordings(bucket, await bucket.attempt(ref), isWanted),
  );
}

/** Removes what the queue and the participant index have, and looks a second time for what is left. */
async function reconcile(run: VerifyRun, { deadlines, participants }: Expected): Promise<void> {
  if (deadlines.size === 0) return;
  await reconcileQueue(run, deadlines);
  await reconcileParticipants(run, participants);
}

async function reconcileQueue(run: VerifyRun, deadlines: Expected['deadlines']): Promise<void> {
  const { bucket } = run;
  for await (const entry of bucket.queue.entries()) {
    if (entry.type !== 'attempt') continue;
    const id = attemptId(entry.ref);
    if (entry.timeMs <= (deadlines.get(id)?.deadlineMs ?? Number.NEGATIVE_INFINITY)) deadlines.delete(id);
  }
  for (const { ref } of deadlines.values()) {
    const deadlineMs = (await bucket.attempt(ref)).nextDeadlineMs();
    if (deadlineMs === undefined) continue;
    const detail = `nothing would delete it by ${toIso(deadlineMs)}`;
    await run.report('no-due-entry', bucket.attemptName(ref), detail, () => run.enqueue(ref, deadlineMs));
  }
}

async function reconcileParticipants(run: VerifyRun, participants: Expected['participants']): Promise<void> {
  const { bucket } = run;
  for await (const { parsed } of keysIn(bucket.store, 'participants')) {
    if (parsed?.type !== 'participant') continue;
    const id = recordingId(parsed.ref);
    if (participants.get(id)?.participantId === parsed.participant) participants.delete(id);
  }
  for (const manifest of participants.values()) {
    const ref = refOf(manifest);
    const state = await bucket.recording(ref);
    if (!state?.objects.manifest || state.objects.deleting) continue;
    // A purge deletes the index entry after its receipt, and the manifest after that.
    if (await hasReceipt(run, ref)) continue;
    const name = bucket.participantName(manifest.participantId, ref);
    await run.report('marker-missing', name, 'its manifest exists', () =>
      putParticipant(run, manifest.participantId, ref),
    );
  }
}

/** A purge that began meanwhile has written its receipt before it deleted the index entry: then it deletes no other. */
async function putParticipant(run: VerifyRun, participant: string, ref: RecordingRef): Promise<void> {
  await run.bucket.putParticipant(participant, ref);
  if (await hasReceipt(run, ref)) await run.bucket.removeParticipant(participant, ref);
}

async function hasReceipt({ bucket }: VerifyRun, ref: RecordingRef): Promise<boolean> {
  const receipt = await bucket.readReceipt(ref);
  return receipt !== undefined && receipt !== 'unreadable';
}
