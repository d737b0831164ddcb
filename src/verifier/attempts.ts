// Checks every attempt: its deadlines, its entry in the deletion queue, its recordings and their participant index entries,
// and that no receipt says that what is stored is deleted.
import type { AssessmentRecord, Attempt, RecordingState } from '../bucket/attempt.ts';
import { type Manifest, refOf } from '../bucket/documents.ts';
import { keysIn } from '../bucket/inventory.ts';
import { actOnEach, type StoredItem } from '../bucket/listing.ts';
import { type AttemptRef, attemptId, type RecordingRef, recordingId } from '../model/ids.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import { isBusy } from '../objectstore/store-error.ts';
import { describeFailure, failureOf } from '../recordings/failure.ts';
import { boundClaims, isFromFuture } from '../sweeper/from-future.ts';
import { Claims } from './claims.ts';
import type { FindingKind } from './findings.ts';
import { checkRecording, uploadName } from './recording.ts';
import { isAfter, type VerifyRun } from './run.ts';

/** That an attempt needs a queue entry by some time, and what is wrong without. */
interface NeededEntry {
  readonly ref: AttemptRef;
  readonly kind: FindingKind;
  readonly byMs: number;
}

/** What the attempts of a window must have elsewhere, or must not. */
class Expected {
  readonly entries = new Map<string, NeededEntry>();
  /** Each must have an index entry, and none of another participant. */
  readonly participants = new Map<string, Manifest>();
  /** None may have a receipt. */
  readonly recordings = new Map<string, RecordingRef>();
  /** No two may have the same. */
  readonly uploads = new Map<string, string>();

  get size(): number {
    return this.entries.size + this.participants.size + this.recordings.size;
  }
}

/**
 * Reads `attempts/` once, each manifest, mark and set of tags. The deletion queue, the participant index and the receipts
 * are listed once for every `windowKeys` attempts, after them: whatever an attempt needs there was written before it.
 */
export async function verifyAttempts(run: VerifyRun): Promise<void> {
  const attempts = run.bucket.attemptsIn(
    {},
    {
      versions: await run.bucket.isVersioned(),
      onUnknownKey: (key) => run.report('unknown-key', key, 'in the folder of recordings'),
    },
  );
  const claims = new Claims(run);
  for (let isMore = true; isMore; ) {
    const expected = new Expected();
    const isFull = () => expected.size >= run.windowKeys;
    await actOnEach(untilFull(attempts, isFull), async (attempt) => {
      await checkAttempt(run, attempt, expected, claims);
      run.progress();
    });
    isMore = isFull();
    await reconcile(run, expected);
  }
  await claims.flush();
}

/** The attempts of one window; the next one goes on where it ends. */
async function* untilFull(
  attempts: AsyncGenerator<Attempt, void, undefined>,
  isFull: () => boolean,
): AsyncGenerator<Attempt, void, undefined> {
  while (!isFull()) {
    const { done, value } = await attempts.next();
    if (done) return;
    yield value;
  }
}

async function checkAttempt(run: VerifyRun, attempt: Attempt, expected: Expected, claims: Claims): Promise<void> {
  const { counts } = run.findings;
  counts.attempts += 1;
  counts.recordings += attempt.recordings.length;
  const { ref } = attempt;
  const nowMs = run.context.now();
  const isAhead = isFromFuture(attempt, nowMs);
  if (isAhead) {
    await run.report('from-future', run.bucket.attemptName(ref), 'a recording or its assessment', {
      of: ref,
      act: () => boundClaims(run.bucket, attempt, nowMs),
    });
  }
  await checkAssessments(run, attempt, claims, isAhead);
  const byMs = attempt.nextDeadlineMs();
  const need = (kind: FindingKind, timeMs: number) => expected.entries.set(attemptId(ref), { ref, kind, byMs: timeMs });
  if (byMs !== undefined) need('no-due-entry', byMs);
  // The sweeper removes it with the entry of its assessment.
  else if (attempt.assessing.some(({ lastModifiedMs }) => !run.isYoung(lastModifiedMs))) {
    need('assessing-left', nowMs + 2 * MAX_RETENTION_MS);
  }
  for (const state of attempt.recordings) {
    counts.bytes += state.objects.media?.sizeBytes ?? 0;
    try {
      const isBeingDeleted = await checkState(run, attempt, state, expected, claims);
      if (isBeingDeleted) need('deletion-stuck', nowMs + run.context.leadMs);
    } catch (error) {
      // It says nothing about this recording, and would be said of each.
      if (isBusy(error)) throw error;
      await run.report('unreadable', run.bucket.recordingName(state.ref), describeFailure(failureOf(error)));
    }
  }
}

async function checkAssessments(run: VerifyRun, attempt: Attempt, claims: Claims, isAhead: boolean): Promise<void> {
  const { bucket } = run;
  const { ref, assessments, assessing } = attempt;
  const current = (items: readonly StoredItem[]) => items.filter(({ isNoncurrent }) => !isNoncurrent);
  for (const { key, sizeBytes } of [...current(assessments), ...current(assessing)]) {
    if (sizeBytes > 0) await run.report('wrong-body', key, `${sizeBytes} bytes`);
  }
  const first = current(assessments).length > 0 ? firstOf(assessments) : undefined;
  if (!first || run.isYoung(first.lastModifiedMs)) return;
  if (!isAhead) await run.reportIfAhead(first.key, 'its time', first.completedAtMs, first.lastModifiedMs);
  // The sweeper adds one beside an assessment of a time to come.
  if (assessments.some((other) => isAfter(other.completedAtMs, other.lastModifiedMs))) return;
  const isStill = async () => (await bucket.attempt(ref)).assessments.some(({ key }) => key === first.key);
  await claims.add({
    kind: 'assessment-unproven',
    key: first.key,
    ref,
    events: ['assessed'],
    atMs: first.lastModifiedMs,
    eventFromMs: first.completedAtMs,
    isStill,
  });
}

/** The assessment that counts. */
function firstOf(assessments: readonly AssessmentRecord[]): AssessmentRecord | undefined {
  return assessments
    .filter(({ isNoncurrent }) => !isNoncurrent)
    .reduce<AssessmentRecord | undefined>((a, b) => (a && a.completedAtMs <= b.completedAtMs ? a : b), undefined);
}

/** Resolves with whether the sweeper must come now. */
async function checkState(
  run: VerifyRun,
  attempt: Attempt,
  state: RecordingState,
  expected: Expected,
  claims: Claims,
): Promise<boolean> {
  const { bucket, context, findings } = run;
  const { ref } = state;
  const deadlineMs = await bucket.deadlineMs(attempt, state);
  if (deadlineMs <= context.now()) {
    const detail = `its deadline was ${toIso(deadlineMs)}`;
    await run.report('overdue', bucket.recordingName(ref), detail, run.enqueue(ref, deadlineMs));
  }
  if (run.isYoung(attempt.createdAtMs(state))) {
    findings.counts.tooYoung += 1;
    return false;
  }
  expected.recordings.set(recordingId(ref), ref);
  const { manifest, isBeingDeleted } = await checkRecording(run, attempt, state, claims);
  if (manifest) {
    expected.participants.set(recordingId(ref), manifest);
    const name = uploadName(manifest.uploadId);
    const other = expected.uploads.get(name);
    if (other === undefined) expected.uploads.set(name, bucket.recordingName(ref));
    else await run.report('manifest-changed', bucket.recordingName(ref), `it names the upload of ${other}`);
  }
  return isBeingDeleted;
}

/** Removes what the queue and the index have, and looks a second time for what is left. */
async function reconcile(run: VerifyRun, expected: Expected): Promise<void> {
  if (expected.size === 0) return;
  const foreign = await reconcileQueue(run, expected);
  await reconcileParticipants(run, expected.participants, foreign);
  await reconcileReceipts(run, expected.recordings);
}

/** Resolves with the recordings whose manifest names another participant than their creation did. */
async function reconcileQueue(run: VerifyRun, { entries, participants }: Expected): Promise<Set<string>> {
  const { bucket } = run;
  const foreign = new Set<string>();
  for await (const entry of bucket.queue.entries()) {
    if (entry.type !== 'attempt') continue;
    const id = attemptId(entry.ref);
    if (entry.timeMs <= (entries.get(id)?.byMs ?? Number.NEGATIVE_INFINITY)) entries.delete(id);
    const manifest =
      entry.creation && participants.get(recordingId({ ...entry.ref, recording: entry.creation.recording }));
    if (
      !manifest ||
      manifest.participantId === entry.creation?.participant ||
      foreign.has(recordingId(refOf(manifest)))
    )
      continue;
    foreign.add(recordingId(refOf(manifest)));
    const detail = `it was created for another participant, as ${entry.key} says`;
    await run.report('manifest-changed', bucket.recordingName(refOf(manifest)), detail);
  }
  await actOnEach(entries.values(), (needed) => reportUnled(run, needed));
  return foreign;
}

async function reportUnled(run: VerifyRun, { ref, kind, byMs }: NeededEntry): Promise<void> {
  const { bucket, context } = run;
  const attempt = await bucket.attempt(ref);
  const name = bucket.attemptName(ref);
  const nowMs = context.now();
  if (kind === 'deletion-stuck') {
    const isStuck = attempt.recordings.some(
      ({ objects: { deleting } }) => deleting && !run.isYoung(deleting.lastModifiedMs),
    );
    if (isStuck)
      await run.report(kind, name, `no entry of the queue is before ${toIso(byMs)}`, run.enqueue(ref, nowMs));
    return;
  }
  const deadlineMs = attempt.nextDeadlineMs();
  if (deadlineMs !== undefined) {
    const detail = `nothing would delete it by ${toIso(deadlineMs)}`;
    await run.report('no-due-entry', name, detail, run.enqueue(ref, deadlineMs));
  } else if (kind === 'assessing-left' && attempt.assessing.length > 0) {
    await run.report(kind, name, 'no entry of the queue leads to it', run.enqueue(ref, nowMs));
  }
}

async function reconcileParticipants(
  run: VerifyRun,
  participants: Map<string, Manifest>,
  foreign: Set<string>,
): Promise<void> {
  const { bucket } = run;
  const missing = new Map(participants);
  for await (const { key, parsed, lastModifiedMs } of keysIn(bucket.store, 'participants')) {
    if (parsed?.type !== 'participant') continue;
    const id = recordingId(parsed.ref);
    const manifest = participants.get(id);
    if (!manifest) continue;
    if (manifest.participantId === parsed.participant) missing.delete(id);
    else if (!run.isYoung(lastModifiedMs) && (await isHeld(run, parsed.ref))) {
      foreign.add(id);
      await run.report('wrong-participant', key, 'its manifest names another');
    }
  }
  await actOnEach(missing, async ([id, manifest]) => {
    const ref = refOf(manifest);
    // A purge deletes the index entry after its receipt, and the manifest after that.
    if (!(await isHeld(run, ref)) || (await run.isDeleted(ref))) return;
    const name = bucket.participantName(manifest.participantId, ref);
    const act = () => putParticipant(run, manifest.participantId, ref);
    // Whose recording it is must not be decided by what may have been changed.
    await run.report('marker-missing', name, 'its manifest exists', foreign.has(id) ? undefined : { of: ref, act });
  });
}

async function isHeld({ bucket }: VerifyRun, ref: RecordingRef): Promise<boolean> {
  const { manifest, deleting } = (await bucket.recording(ref))?.objects ?? {};
  return manifest !== undefined && !deleting;
}

/** A purge that began meanwhile has written its receipt before it deleted the index entry: then it deletes no other. */
async function putParticipant(run: VerifyRun, participant: string, ref: RecordingRef): Promise<void> {
  await run.bucket.putParticipant(participant, ref);
  if (await run.isDeleted(ref)) await run.bucket.removeParticipant(participant, ref);
}

/** What a receipt proves deleted must be deleted. */
async function reconcileReceipts(run: VerifyRun, recordings: ReadonlyMap<string, RecordingRef>): Promise<void> {
  const { bucket, context } = run;
  await actOnEach(keysIn(bucket.store, 'receipts'), async ({ parsed }) => {
    const ref = parsed?.type === 'receipt' ? recordings.get(recordingId(parsed.ref)) : undefined;
    if (!ref) return;
    const receipt = await bucket.readReceipt(ref);
    // A purge deletes the manifest after its receipt.
    if (!receipt || receipt === 'unreadable' || run.isYoung(Date.parse(receipt.verifiedAt))) return;
    // The page that showed the recording may be older than the purge.
    if (!(await bucket.hasRecording(ref))) return;
    const repair = run.enqueue(ref, context.now());
    await run.report('receipt-but-objects', bucket.recordingName(ref), 'its receipt exists', repair);
  });
}
