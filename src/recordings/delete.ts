// Deletes one recording on request: erasure, withdrawal of consent, a controller's instruction, an abort.
import { isKept, type RecordingState } from '../bucket/attempt.ts';
import { Bucket, DELETION } from '../bucket/bucket.ts';
import type { DeletionReason, Receipt } from '../bucket/documents.ts';
import { latenessOf } from '../bucket/receipts.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { ErasureReason } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { StoreError } from '../objectstore/store-error.ts';
import { type Caller, forget, type RecordingsContext } from './context.ts';
import { mayBeRunning, stillBeingCreated } from './creation-time.ts';
import { ownReceiptOf, type PurgeOutcome, purgeRecordings } from './purge.ts';
import { readManifest, readReceipt, requireRightClock } from './read.ts';

/** Of an event `erased`: where nothing had arrived, and its client gives it up as well, there may be no receipt. */
export const WITHOUT_MEDIA = 'it was not stored';

/**
 * The privacy desk's erasure (policy 9.1), of a restricted recording too. Safe to repeat: it returns the same receipt.
 * @throws ServiceError `recording-not-found`, `recording-being-created`, `recording-unreadable`.
 */
export async function eraseRecording(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason: ErasureReason,
  requireStill?: () => Promise<void>,
): Promise<Receipt> {
  const { actor, requestId } = caller;
  return deleteRecording(context, ref, {
    reason,
    actor,
    ...(requireStill && { requireStill }),
    announce: (hasMedia) => {
      const detail = hasMedia ? undefined : WITHOUT_MEDIA;
      return context.audit.record({ event: 'erased', ref, reason, actor, requestId, detail });
    },
  });
}

/**
 * A participant's withdrawal of consent, by the exam client (policy 9.2). As `eraseRecording`, but a restricted recording is
 * left to the privacy desk. @throws ServiceError `recording-restricted`, and as `eraseRecording`.
 */
export async function withdrawRecording(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
): Promise<Receipt> {
  const reason = 'consent-withdrawn';
  return eraseRecording(context, caller, ref, reason, () => requireUnrestricted(context, caller, ref, reason));
}

/**
 * For deletions that are not the privacy desk's. The refusal is in the audit trail, where the desk finds it.
 * @throws ServiceError `recording-restricted`
 */
export async function requireUnrestricted(
  context: RecordingsContext,
  by: Pick<Caller, 'actor' | 'requestId'>,
  ref: RecordingRef,
  reason: DeletionReason,
): Promise<void> {
  await refuseRestricted(context, by, await new Bucket(context).recording(ref), reason);
}

async function refuseRestricted(
  { audit }: RecordingsContext,
  { actor, requestId }: Pick<Caller, 'actor' | 'requestId'>,
  state: RecordingState | undefined,
  reason: DeletionReason,
): Promise<void> {
  if (!state?.objects.restricted || state.objects.deleting) return;
  const { ref } = state;
  const detail = 'recording-restricted';
  await audit.record({ event: 'deletion-refused', ref, reason, detail, actor, requestId });
  throw new ServiceError(
    'recording-restricted',
    'The privacy desk has restricted this recording, and decides about its deletion. It was not deleted.',
  );
}

/**
 * Gives up a recording that is not stored. One of which no part ever arrived leaves nothing, so that callers who begin and
 * give up cannot fill the bucket; any other leaves an audit event and a receipt. Safe to repeat.
 * @throws ServiceError `recording-stored` when it was completed before, `recording-restricted`, `recording-not-found`.
 */
export async function abortRecording(context: RecordingsContext, caller: Caller, ref: RecordingRef): Promise<void> {
  const { actor, requestId } = caller;
  const bucket = new Bucket(context);
  const requireStill = () => requireUnrestricted(context, caller, ref, 'aborted');
  const state = await requireNotStored(bucket, ref);
  await refuseRestricted(context, caller, state, 'aborted');
  let isEmpty = false;
  if (state && isKept(state)) {
    const { uploadId } = await readManifest(context, ref);
    isEmpty = await hasNoPart(context, bucket, ref, uploadId);
    if (!isEmpty) {
      // Before the parts go, which nothing brings back.
      await bucket.queue.enqueue(ref, context.now());
      await context.audit.record({ event: 'aborted', ref, actor, requestId });
      await requireStill();
    }
    // A completion that is running has either won by now, and is seen, or finds no upload any more.
    await context.store.abortMultipartUpload(bucket.mediaKey(ref), uploadId);
    await requireNotStored(bucket, ref);
  }
  if (isEmpty) await discardRecording(context, ref, { actor, requireStill });
  else await deleteRecording(context, ref, { reason: 'aborted', actor, requireStill });
}

/** Whether the store says so: an upload that it does not know any more had parts, for all that is known. */
async function hasNoPart(
  { store }: RecordingsContext,
  bucket: Bucket,
  ref: RecordingRef,
  uploadId: string,
): Promise<boolean> {
  return (await store.listParts(bucket.mediaKey(ref), uploadId))?.length === 0;
}

async function requireNotStored(bucket: Bucket, ref: RecordingRef): Promise<RecordingState | undefined> {
  const state = await bucket.recording(ref);
  if (!state?.objects.media || state.objects.deleting) return state;
  throw new ServiceError('recording-stored', 'This recording is complete; it cannot be aborted, only deleted.');
}

interface DeletionRequest {
  readonly reason: DeletionReason;
  readonly actor: string;
  /** The request that creates it has given it up: nothing more of its creation will be written. */
  readonly isCreator?: boolean;
  /** It was given up before a part of it arrived: its deletion leaves no receipt. */
  readonly isEmpty?: boolean;
  /** Right before the deletion intent: throws when it is not to be deleted any more. */
  readonly requireStill?: () => Promise<void>;
  /** Writes the audit event. */
  readonly announce?: (hasMedia: boolean) => Promise<void>;
}

/** @throws ServiceError `recording-not-found`, `recording-being-created`, `recording-unreadable`, `clock-skew`; StoreError */
export async function deleteRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  request: Omit<DeletionRequest, 'isEmpty'>,
): Promise<Receipt> {
  return (await deleteOrDiscard(context, ref, request)) ?? requireReceipt(context, ref);
}

/** Of a recording that was given up before a part of it arrived: nothing is left, not even a receipt. @throws as above */
export async function discardRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  request: Omit<DeletionRequest, 'isEmpty' | 'reason' | 'announce'>,
): Promise<void> {
  await deleteOrDiscard(context, ref, { ...request, reason: 'aborted', isEmpty: true });
}

/**
 * Enqueues at once, so that the next sweep finishes what a crash leaves; writes the audit event, so that nothing ends
 * without one; then the deletion intent, after which the deletion cannot be revoked; then purges.
 * Safe to repeat. Undefined: nothing had arrived, and nothing is left to prove.
 */
async function deleteOrDiscard(
  context: RecordingsContext,
  ref: RecordingRef,
  { reason, actor, isCreator, isEmpty = false, requireStill, announce }: DeletionRequest,
): Promise<Receipt | undefined> {
  const bucket = new Bucket(context);
  const before = await bucket.attempt(ref);
  const { manifest, media, deleting } = before.recording(ref.recording)?.objects ?? {};
  // The intent alone: the last request of an earlier deletion failed, and this one finishes it.
  if (!manifest && !deleting) return requireReceipt(context, ref);
  const isOver = isCreator || !manifest || !mayBeRunning(before.storeTimeMs - manifest.lastModifiedMs);
  if (!isOver && !(await isCreated(bucket, ref))) return requireReceipt(context, ref);
  // A receipt by a wrong clock would be no proof.
  requireRightClock(context, before);

  const nowMs = context.now();
  forget(context, ref);
  await bucket.queue.enqueue(ref, nowMs);
  if (announce) {
    if (!deleting) await requireStill?.();
    await announce(media !== undefined);
  }
  if (!deleting) {
    await requireStill?.();
    const requestedAt = toIso(nowMs);
    const deadline = toIso(before.deadlineMs(ref));
    const intent = { version: 1, reason, actor, requestedAt, deadline, ...(isEmpty && { isEmpty }) } as const;
    await bucket.write(ref, 'deleting', intent);
  }
  const attempt = await bucket.attempt(ref, { everything: true });
  const state = attempt.recording(ref.recording);
  if (!state) return requireReceipt(context, ref);
  // One of an earlier request may have another deadline than this one's.
  const deadlineMs = deleting
    ? await bucket.deadlineMs(attempt, state)
    : attempt.deadlineOfDeletion(ref, toIso(before.deadlineMs(ref)));
  const candidate = { state, areUploadsListed: false, reason, actor, hasIntent: true, deadlineMs };
  const [outcome] = await purgeRecordings(context, bucket, [candidate]);
  forget(context, ref);
  const own = outcome && ownReceiptOf(outcome);
  if (own && latenessOf(own) > 0) context.onEvent?.('recording-deleted-late', 1);
  return requireDeleted(bucket, ref, outcome);
}

async function requireDeleted(
  bucket: Bucket,
  ref: RecordingRef,
  outcome: PurgeOutcome | undefined,
): Promise<Receipt | undefined> {
  if (outcome && outcome.result !== 'failed') {
    await requireAbsent(bucket, ref);
    return outcome.result === 'was-empty' ? undefined : outcome.receipt;
  }
  const failure = outcome?.failure ?? { code: 'no-receipt' };
  // A second read distinguishes a damaged manifest from a damaged response.
  if (failure.code === 'manifest-unreadable' && (await bucket.read(ref, 'manifest')) === 'unreadable') {
    const detail = 'Its media are deleted. Its description cannot be read, and is kept until an operator has looked.';
    throw new ServiceError('recording-unreadable', detail);
  }
  throw new StoreError(failure.kind ?? 'unavailable', failure.operation ?? 'purge', failure.code);
}

/** A deletion that the store confirms is believed once a listing no longer shows it; a sweep removes what is written late. */
async function requireAbsent(bucket: Bucket, ref: RecordingRef): Promise<void> {
  const { manifest, media, deleting } = (await bucket.recording(ref))?.objects ?? {};
  if (manifest || media || deleting) throw new StoreError('unexpected', DELETION, 'objects-stay');
}

async function requireReceipt(context: RecordingsContext, ref: RecordingRef): Promise<Receipt> {
  const receipt = await readReceipt(context, ref);
  if (receipt) return receipt;
  throw new ServiceError('recording-not-found', 'There is no such recording.');
}

/**
 * A creation marks its participant index entry as whole at its end: until then it may go on.
 * False when the entry is missing because another deletion has just finished. @throws ServiceError `recording-being-created`
 */
async function isCreated(bucket: Bucket, ref: RecordingRef): Promise<boolean> {
  const manifest = await bucket.read(ref, 'manifest');
  if (!manifest || manifest === 'unreadable') return true;
  if (await bucket.participantEntry(manifest, ref)) return true;
  const left = (await bucket.recording(ref))?.objects;
  if (left?.deleting) return true;
  if (!left?.manifest) return false;
  throw stillBeingCreated();
}
