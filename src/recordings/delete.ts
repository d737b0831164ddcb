// Deletes one recording on request: erasure, withdrawal of consent, a controller's instruction, an abort.
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import { Bucket, DELETION } from '../bucket/bucket.ts';
import { type DeletionReason, type Manifest, type Receipt, UNKNOWN_INTENT } from '../bucket/documents.ts';
import { openUploadsAt } from '../bucket/inventory.ts';
import { latenessOf } from '../bucket/receipts.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { ErasureReason } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { endUpload, type UploadedPart } from '../objectstore/object-store.ts';
import { isStoreError, StoreError } from '../objectstore/store-error.ts';
import { type Caller, forget, type RecordingsContext } from './context.ts';
import { mayBeSwept } from './finalize.ts';
import { type DeletionCandidate, ownReceiptOf, type PurgeOutcome, purgeRecordings } from './purge.ts';
import { readManifest, readReceipt } from './read.ts';
import { requireRightClock } from './right-clock.ts';

/** Of an event `erased`: where nothing had arrived, and its client gives it up as well, there may be no receipt. */
export const WITHOUT_MEDIA = 'it was not stored';

/**
 * The privacy desk's erasure (policy 9.1), of a restricted recording too. Safe to repeat: it returns the same receipt.
 * @throws ServiceError `recording-not-found`, `recording-unreadable`, `clock-skew`.
 */
export async function eraseRecording(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason: ErasureReason,
  requireStill?: DeletionRequest['requireStill'],
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
  return eraseRecording(context, caller, ref, reason, (state) => requireUnrestricted(context, caller, state, reason));
}

/**
 * For deletions that are not the privacy desk's. The refusal is in the audit trail, where the desk finds it.
 * @throws ServiceError `recording-restricted`
 */
export async function requireUnrestricted(
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
 * Gives up a recording that is not stored. One of which neither a part nor an overview ever arrived leaves nothing, so that
 * callers who begin and give up cannot fill the bucket; any other, and one that is due, leaves an audit event and a receipt.
 * Safe to repeat.
 * @throws ServiceError `recording-stored` when it was completed before, `recording-restricted`, `recording-not-found`.
 */
export async function abortRecording(context: RecordingsContext, caller: Caller, ref: RecordingRef): Promise<void> {
  const { actor, requestId } = caller;
  const bucket = new Bucket(context);
  const requireStill = async (state: RecordingState | undefined) => {
    requireNotStored(state);
    await requireUnrestricted(context, caller, state, 'aborted');
  };
  const attempt = await bucket.attempt(ref);
  const state = attempt.recording(ref.recording);
  await requireStill(state);
  if (!state || !isKept(state)) {
    await deleteRecording(context, ref, { reason: 'aborted', actor, requireStill });
    return;
  }
  const manifest = await readManifest(context, ref);
  const announce = () => context.audit.record({ event: 'aborted', ref, actor, requestId });
  const [parts] = await together(partsOf(context, ref, manifest), bucket.queue.enqueue(ref, context.now()));
  let isEmpty = parts?.length === 0 && !state.objects.overview && !mayBeSwept(context, attempt.deadlineMs(ref));
  if (!isEmpty) {
    // Before the parts go, which nothing brings back.
    const [again] = await together(bucket.recording(ref), announce());
    await requireStill(again);
  }
  // A completion that is running has either won by then, and is seen, or finds no upload any more.
  const listed = isEmpty ? undefined : (parts ?? []);
  const endedBytes = await endUpload(context.store, bucket.mediaKey(ref), manifest.uploadId, listed);
  if (isEmpty && endedBytes > 0) {
    // A part has arrived since.
    isEmpty = false;
    await announce();
  }
  if (isEmpty) await discardRecording(context, ref, { actor, requireStill });
  else await deleteRecording(context, ref, { reason: 'aborted', actor, requireStill, endedBytes });
}

/**
 * Whether a recording may be deleted without a receipt: no part has arrived, and no sweep may be writing a receipt at the same
 * time.
 */
export async function mayBeDiscarded(
  context: RecordingsContext,
  attempt: Attempt,
  ref: RecordingRef,
  manifest: Manifest,
): Promise<boolean> {
  return !mayBeSwept(context, attempt.deadlineMs(ref)) && (await hasNoPart(context, ref, manifest));
}

/** Whether the store says so: an upload that it does not know any more had parts, for all that is known. */
export async function hasNoPart(context: RecordingsContext, ref: RecordingRef, manifest: Manifest): Promise<boolean> {
  return (await partsOf(context, ref, manifest))?.length === 0;
}

function partsOf(context: RecordingsContext, ref: RecordingRef, { uploadId }: Manifest) {
  return context.store.listParts(new Bucket(context).mediaKey(ref), uploadId);
}

/** @throws ServiceError `recording-stored` */
function requireNotStored(state: RecordingState | undefined): void {
  if (!state?.objects.media || state.objects.deleting) return;
  throw new ServiceError('recording-stored', 'This recording is complete; it cannot be aborted, only deleted.');
}

interface DeletionRequest {
  readonly reason: DeletionReason;
  readonly actor: string;
  /** It was given up before a part of it arrived: its deletion leaves no receipt. */
  readonly isEmpty?: boolean;
  /** Before the audit event and before the deletion intent: throws when it is not to be deleted any more. */
  readonly requireStill?: (state: RecordingState) => Promise<void>;
  /** The bytes of the parts that the caller has deleted. Default: 0. */
  readonly endedBytes?: number;
  /** Writes the audit event. */
  readonly announce?: (hasMedia: boolean) => Promise<void>;
}

/** @throws ServiceError `recording-not-found`, `recording-unreadable`, `clock-skew`; StoreError */
export async function deleteRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  request: Omit<DeletionRequest, 'isEmpty'>,
): Promise<Receipt> {
  return (await deleteOrDiscard(context, ref, request)) ?? requireReceipt(context, ref);
}

/**
 * Of a recording that was given up before a part of it arrived: nothing is left, not even a receipt.
 * @throws as above; ServiceError `recording-stored` when it was completed meanwhile
 */
export async function discardRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  request: Pick<DeletionRequest, 'actor' | 'requireStill'>,
): Promise<void> {
  const requireStill = async (state: RecordingState) => {
    requireNotStored(state);
    await request.requireStill?.(state);
  };
  await deleteOrDiscard(context, ref, { ...request, reason: 'aborted', isEmpty: true, requireStill });
}

/**
 * Enqueues while it lists, so that the next sweep finishes what a crash leaves; writes the audit event, so that nothing ends
 * without one; then the deletion intent, after which the deletion cannot be revoked, while the upload is ended; then purges.
 * Safe to repeat. Undefined: nothing had arrived, and nothing is left to prove.
 */
async function deleteOrDiscard(
  context: RecordingsContext,
  ref: RecordingRef,
  { reason, actor, isEmpty = false, endedBytes = 0, requireStill, announce }: DeletionRequest,
): Promise<Receipt | undefined> {
  const bucket = new Bucket(context);
  const nowMs = context.now();
  const entry = bucket.queue.newEntry(ref, nowMs);
  const [before, manifest, isVersioned] = await together(
    bucket.attempt(ref),
    unlessRefused(bucket.read(ref, 'manifest')),
    bucket.isVersioned(),
    bucket.queue.add(entry),
  );
  const found = before.recording(ref.recording);
  // The intent alone: the last request of an earlier deletion failed, and this one finishes it.
  if (!found?.objects.manifest && !found?.objects.deleting) {
    await bucket.takeBackEntries([entry]);
    return requireReceipt(context, ref);
  }
  const isDecided = found.objects.deleting !== undefined;
  try {
    // A receipt by a wrong clock would be no proof.
    requireRightClock(context, before);
    if (!isDecided) await requireStill?.(found);
  } catch (error) {
    await bucket.takeBackEntries([entry]);
    throw error;
  }

  forget(context, ref);
  const known = manifest === 'unreadable' ? undefined : manifest;
  const [attempt, uploads] = await together(
    isVersioned || requireStill ? bucket.attempt(ref, { everything: true }) : before,
    known && !isEmpty && unlessRefused(openUploadsOf(bucket, ref, known)),
    announce?.(found.objects.media !== undefined),
  );
  const state = attempt.recording(ref.recording);
  if (!state) return requireReceipt(context, ref);
  if (!isDecided) await requireStill?.(state);
  const requestedAt = toIso(nowMs);
  const deadline = toIso(before.deadlineMs(ref));
  const intent = { version: 1, reason, actor, requestedAt, deadline, ...(isEmpty && { isEmpty }) } as const;
  const decide = async () => {
    if (!isDecided) await bucket.write(ref, 'deleting', intent);
    // What an earlier request has decided counts: its reason and its caller are in the audit trail.
    const decided = isDecided ? await bucket.read(ref, 'deleting') : intent;
    return decided === 'unreadable' ? UNKNOWN_INTENT : (decided ?? intent);
  };
  // What was given up empty keeps its upload until its intent is written: it may have a part by then.
  const [bytes, decided] = await together(uploads && unlessRefused(endUploads(bucket, ref, uploads)), decide());
  const areEnded = typeof bytes === 'number';
  const candidate: DeletionCandidate = {
    state,
    areUploadsListed: false,
    manifest: areEnded ? known : undefined,
    endedBytes: endedBytes + (areEnded ? bytes : 0),
    reason: decided.reason,
    actor: decided.actor,
    hasIntent: true,
    needsReceipt: !isDecided && !isEmpty,
    deadlineMs: attempt.deadlineOfDeletion(ref, decided.deadline),
  };
  let isAbsent = false;
  const look = async () => {
    isAbsent = await isShownAbsent(bucket, ref);
  };
  const [outcome] = await purgeRecordings(context, bucket, [candidate], { beforeTheEnd: look });
  forget(context, ref);
  const own = outcome && ownReceiptOf(outcome);
  if (own && latenessOf(own) > 0) context.onEvent?.('recording-deleted-late', 1);
  return requireDeleted(bucket, ref, outcome, isAbsent);
}

/** Undefined where the store refuses it: the purge repeats it after the intent, and deletes the media even if it fails again. */
async function unlessRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

interface UploadToEnd {
  readonly uploadId: string;
  /** Undefined: not listed yet. */
  readonly parts?: readonly UploadedPart[];
}

/** The upload of the manifest is asked for by its id, whatever the listing shows. */
async function openUploadsOf(bucket: Bucket, ref: RecordingRef, { uploadId }: Manifest): Promise<UploadToEnd[]> {
  const key = bucket.mediaKey(ref);
  const [parts, listed] = await together(bucket.store.listParts(key, uploadId), openUploadsAt(bucket.store, key));
  const others = listed.filter((upload) => upload.uploadId !== uploadId);
  return parts ? [{ uploadId, parts }, ...others] : others;
}

/** Resolves with the bytes of the deleted parts. */
async function endUploads(bucket: Bucket, ref: RecordingRef, uploads: readonly UploadToEnd[]): Promise<number> {
  const key = bucket.mediaKey(ref);
  const bytes = await together(...uploads.map(({ uploadId, parts }) => endUpload(bucket.store, key, uploadId, parts)));
  return bytes.reduce((sum, each) => sum + each, 0);
}

async function requireDeleted(
  bucket: Bucket,
  ref: RecordingRef,
  outcome: PurgeOutcome | undefined,
  isAbsent: boolean,
): Promise<Receipt | undefined> {
  if (outcome && outcome.result !== 'failed') {
    // A deletion that the store confirms is believed once a listing no longer shows it; a sweep removes what is written late.
    if (!isAbsent) throw new StoreError('unexpected', DELETION, 'objects-stay');
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

/** Of the intent, whose deletion is under way, nothing is asked. */
async function isShownAbsent(bucket: Bucket, ref: RecordingRef): Promise<boolean> {
  const { manifest, media } = (await bucket.recording(ref))?.objects ?? {};
  return !manifest && !media;
}

async function requireReceipt(context: RecordingsContext, ref: RecordingRef): Promise<Receipt> {
  const receipt = await readReceipt(context, ref);
  if (receipt) return receipt;
  throw new ServiceError('recording-not-found', 'There is no such recording.');
}
