// A creation before its manifest: it has claimed its recording, and gives way to another one, or takes everything back.
import { type Attempt, emptyState, isKept, type RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { type Claims, type Creation, creationClaim } from '../bucket/deletion-queue.ts';
import type { Manifest } from '../bucket/documents.ts';
import { openUploadsAt } from '../bucket/inventory.ts';
import type { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { together } from '../model/together.ts';
import { endUpload } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { isLate, mayDecide, stillBeingCreated } from './creation-time.ts';

/** A recording that is claimed, and has no manifest yet. */
export interface Beginning {
  readonly ref: RecordingRef;
  readonly participantId: string;
}

/** What a creation knows of the others in its attempt. */
export interface Seen {
  /** Listed while its claim was written. */
  readonly before: Attempt;
  /** Read after its claim was written. */
  readonly claims: Claims;
}

/** How often a creation looks whether a later one has given way, or an earlier one has. */
const MAX_LOOKS = 10;
const MAX_LOOKS_AT_OLDER = 3;

/**
 * Each creation claims its recording and then reads the claims: of two that do both at least one sees the other. It writes
 * no manifest while it sees one that may still write its own; the older one waits longer. So at most one is left, as a rule
 * the oldest, or none where one died.
 * @param isRival whether a creation may not stand beside its own
 * @throws ServiceError `refusal` when another one has its manifest, `recording-being-created`
 */
export async function requireFirst(
  bucket: Bucket,
  { ref }: Beginning,
  { before, claims: first }: Seen,
  isRival: (claim: Creation) => boolean,
  refusal: () => ServiceError,
): Promise<void> {
  for (let look = 1, claims = first; ; look += 1) {
    // One that had decided by then is in the listing, and was accepted. One that cannot decide any more is not.
    const rivals = claims.creations.filter(
      (claim) =>
        claim.recording !== ref.recording &&
        isRival(claim) &&
        !before.recording(claim.recording)?.objects.manifest &&
        mayDecide(before.storeTimeMs - claim.claimedMs),
    );
    if (rivals.length === 0) return;
    const attempt = await bucket.attempt(ref);
    const rivalStates = rivals.map(
      ({ recording }) => attempt.recording(recording) ?? emptyState({ ...ref, recording }),
    );
    if (rivalStates.some(isKept)) throw refusal();
    // One that is being deleted had decided.
    const undecided = rivalStates.filter(({ objects }) => !objects.manifest);
    if (undecided.length === 0) return;
    const isOlderThere = undecided.some((state) => state.ref.recording < ref.recording);
    if (look >= (isOlderThere ? MAX_LOOKS_AT_OLDER : MAX_LOOKS)) throw stillBeingCreated();
    claims = await bucket.queue.claims(ref);
  }
}

/** Whether a creation may have been answered with this recording. */
export function mayBeAnswered({ objects }: RecordingState, { claimedAt }: Manifest): boolean {
  if (claimedAt === undefined || objects.media) return true;
  return !isLate(Date.parse(claimedAt), objects.manifest?.lastModifiedMs ?? Number.NaN);
}

/**
 * Takes back what a creation wrote that ends without a manifest. Where that fails, an entry of the deletion queue leads a
 * sweep to what is left.
 * @param isAnswered whether the store answered every write of it: otherwise one may still take effect
 */
export async function takeBack(
  bucket: Bucket,
  { ref, participantId }: Beginning,
  isAnswered: boolean,
  nowMs: number,
): Promise<void> {
  try {
    const isGone = isAnswered && (await isTakenBack(bucket, { ref, participantId }));
    if (!isGone) await bucket.queue.enqueueCreation(ref, participantId, nowMs);
  } catch (error) {
    // Its claim stays, which is an entry of the queue itself.
    if (isStoreError(error)) return;
    throw error;
  }
  await bucket.takeBackEntries([creationClaim(ref, participantId)]);
}

async function isTakenBack(bucket: Bucket, { ref, participantId }: Beginning): Promise<boolean> {
  const key = bucket.mediaKey(ref);
  const endUploads = async () => {
    // A store call that was repeated may have opened two.
    for (const { uploadId } of await openUploadsAt(bucket.store, key)) await endUpload(bucket.store, key, uploadId);
  };
  try {
    await together(endUploads(), bucket.removeParticipant(participantId, ref));
    return true;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return false;
  }
}
