// Claims: entries at the head of the queue that say that a creation or an assessment is at work, or was shortly before.
import pMap from 'p-map';
import type { Attempt } from '../bucket/attempt.ts';
import type { AttemptEntry, Creation } from '../bucket/deletion-queue.ts';
import { openUploadsAt } from '../bucket/inventory.ts';
import { type AttemptRef, attemptId, createdAtOf, type RecordingRef } from '../model/ids.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import { endUpload, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import type { SweepRun } from './run.ts';

/**
 * Whether an entry is a claim of which nothing is due: what it begins is younger than the grace period, or its deadline is to
 * come. One of a time to come is inspected at once.
 */
export function leadsNowhereYet(run: SweepRun, entry: AttemptEntry): boolean {
  if (entry.claim === undefined) return false;
  if (!entry.creation) return true;
  const { context, startedAtMs } = run;
  return !isAhead(run, entry) && deadlineOf(run, entry.ref, entry.creation) > startedAtMs + context.leadMs;
}

/** Whether an entry is the claim of a creation that calls itself one of a time to come. */
export function isAhead({ startedAtMs }: SweepRun, { claim, creation }: AttemptEntry): boolean {
  if (!claim || !creation) return false;
  return createdAtOf(creation.recording) > startedAtMs + CLOCKS_AGREE_WITHIN_MS;
}

function deadlineOf({ bucket }: SweepRun, ref: AttemptRef, { recording }: Creation): number {
  return bucket.unlisted(ref).deadlineMs({ recording });
}

/**
 * After the grace period, moves the claim of a creation to the deadline of its recording, as if nobody will assess it. Of one
 * that died before its manifest, deletes what is left; of an assessment, which has an entry of its own, deletes the claim.
 * Costs a PUT for each recording, and listings that many attempts share. A crash in between leaves two entries. A dry run
 * moves nothing.
 */
export async function moveClaims(run: SweepRun, claims: readonly AttemptEntry[]): Promise<void> {
  const { bucket, options, tally } = run;
  const past = options.dryRun ? [] : claims.filter(({ ageMs }) => !run.isYoung(ageMs));
  if (past.length === 0) return;
  const attempts = new Map(past.filter(({ creation }) => creation).map(({ ref }) => [attemptId(ref), ref]));
  const listed = await bucket.listTogether([...attempts.values()]);
  const over: { readonly claim: string; readonly left: readonly string[] }[] = [];
  await pMap(
    past,
    async ({ key, ref, creation }) => {
      try {
        const left = creation ? await move(run, { ...ref, recording: creation.recording }, creation, listed(ref)) : [];
        over.push({ claim: key, left });
      } catch (error) {
        tally.problem(failureOf(error), bucket.attemptName(ref));
      }
    },
    { concurrency: STORE_CONCURRENCY },
  );
  // A claim is deleted after everything that it leads to.
  const kept = await run.remove(over.flatMap(({ left }) => left));
  await run.remove(over.filter(({ left }) => !left.some((key) => kept.has(key))).map(({ claim }) => claim));
}

/** The keys that are left of a creation without a recording. */
async function move(
  run: SweepRun,
  ref: RecordingRef,
  creation: Creation,
  shared: Attempt | undefined,
): Promise<string[]> {
  const { bucket } = run;
  const isThere =
    shared?.recording(ref.recording) ?? (await bucket.attempt(ref, { everything: true })).recording(ref.recording);
  if (isThere) {
    await bucket.queue.enqueueCreation(ref, creation.participant, deadlineOf(run, ref, creation));
    run.haveClaimsMoved = true;
    return [];
  }
  return leftByCreation(run, ref, creation);
}

/**
 * The participant index entry of a creation that wrote no manifest: nothing but its queue entry leads there, and to its
 * upload, which is ended. @throws StoreError
 */
export async function leftByCreation(
  { bucket }: SweepRun,
  ref: RecordingRef,
  { participant }: Creation,
): Promise<string[]> {
  const key = bucket.mediaKey(ref);
  for (const { uploadId } of await openUploadsAt(bucket.store, key)) await endUpload(bucket.store, key, uploadId);
  return [bucket.participantName(participant, ref)];
}
