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
import { mayBeBeingCreated, stillBeingCreated } from './creation-time.ts';
import { ownReceiptOf, type PurgeOutcome, purgeRecordings } from './purge.ts';
import { readManifest, readReceipt } from './read.ts';

/**
 * The privacy desk's erasure, or an exam client's withdrawal of consent (policy 9.1, 9.2). Safe to repeat: it returns
 * the same receipt. @throws ServiceError `recording-not-found`, `recording-being-created`, `recording-unreadable`.
 */
export async function eraseRecording(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason: ErasureReason,
): Promise<Receipt> {
  const { actor, requestId } = caller;
  return deleteRecording(context, ref, {
    reason,
    actor,
    announce: () => context.audit.record({ event: 'erased', ref, reason, actor, requestId }),
  });
}

/**
 * Gives up a recording that is not stored. One of which no part ever arrived leaves nothing, so that callers who begin and
 * give up cannot fill the bucket; any other leaves an audit event and a receipt. Safe to repeat.
 * @throws ServiceError `recording-stored` when it was completed before, `recording-not-found`.
 */
export async function abortRecording(context: RecordingsContext, caller: Caller, ref: RecordingRef): Promise<void> {
  const { actor, requestId } = caller;
  const bucket = new Bucket(context);
  const state = await requireNotStored(bucket, ref);
  let isEmpty = false;
  if (state && isKept(state)) {
    const { uploadId } = await readManifest(context, ref);
    isEmpty = await hasNoPart(context, bucket, ref, uploadId);
    // A completion that is running has either won by now, and is seen, or finds no upload any more.
    await context.store.abortMultipartUpload(bucket.mediaKey(ref), uploadId);
    await requireNotStored(bucket, ref);
  }
  if (isEmpty) await discardRecording(context, ref, { actor });
  else {
    const announce = () => context.audit.record({ event: 'aborted', ref, actor, requestId });
    await deleteRecording(context, ref, { reason: 'aborted', actor, announce });
  }
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
  readonly announce?: () => Promise<void>;
}

/** @throws ServiceError `recording-not-found`, `recording-being-created`, `recording-unreadable`; StoreError */
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
  const { manifest, deleting } = (await bucket.recording(ref))?.objects ?? {};
  // The intent alone: the last request of an earlier deletion failed, and this one finishes it.
  if (!manifest && !deleting) return requireReceipt(context, ref);
  if (!isCreator && !(await isCreated(context, bucket, ref))) return requireReceipt(context, ref);

  const nowMs = context.now();
  forget(context, ref);
  await bucket.queue.enqueue(ref, nowMs);
  await announce?.();
  if (!deleting) {
    await requireStill?.();
    const requestedAt = toIso(nowMs);
    await bucket.write(ref, 'deleting', { version: 1, reason, actor, requestedAt, ...(isEmpty && { isEmpty }) });
  }
  const attempt = await bucket.attempt(ref, { everything: true });
  const state = attempt.recording(ref.recording);
  if (!state) return requireReceipt(context, ref);
  const deadlineMs = attempt.deadlineMs(ref);
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
 * A creation that may have to give way marks its participant index entry as whole at its end: until then it may go on.
 * False when the entry is missing because another deletion has just finished. @throws ServiceError `recording-being-created`
 */
async function isCreated(context: RecordingsContext, bucket: Bucket, ref: RecordingRef): Promise<boolean> {
  if (!mayBeBeingCreated(context, ref)) return true;
  const manifest = await bucket.read(ref, 'manifest');
  if (!manifest || manifest === 'unreadable') return true;
  if (await bucket.participantEntry(manifest, ref)) return true;
  const left = (await bucket.recording(ref))?.objects;
  if (left?.deleting) return true;
  if (!left?.manifest) return false;
  throw stillBeingCreated();
}
