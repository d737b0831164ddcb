// Deletes one recording because somebody asked for it: erasure, withdrawal of consent, an instruction, an abort.

import { completedAtsOf, findRecording, type RecordingState, readAttempt } from '../bucket/attempt.ts';
import { type Deletion, type DeletionReason, parseManifest, type Receipt, toBody } from '../bucket/documents.ts';
import { dueAttemptKey, participantKey, recordingKey } from '../bucket/layout.ts';
import { readReceipt } from '../bucket/receipts.ts';
import { ServiceError } from '../model/errors.ts';
import { createdAtOf, newUniqueName, type RecordingRef } from '../model/ids.ts';
import { recordingDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import { StoreError } from '../objectstore/store-error.ts';
import type { Caller, RecordingsContext } from './context.ts';
import type { Failure } from './failure.ts';
import { purgeRecordings } from './purge.ts';
import { DELETION } from './purging.ts';
import { readManifest } from './read.ts';

/** What may be asked for over the API. */
export type ErasureReason = 'erasure' | 'consent-withdrawn' | 'controller-instruction';

/** A young recording may still be in the hands of the request that creates it; longer than any request lasts. */
const CREATION_MS = 60 * 60 * 1000;

/**
 * The privacy desk's erasure, or an exam client's withdrawal of consent (policy 9.1, 9.2). Safe to repeat: the same
 * receipt is answered. @throws ServiceError `recording-not-found`, `recording-being-created`, `recording-unreadable`.
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
 * Gives up a recording that is not stored. Safe to repeat.
 * @throws ServiceError `recording-stored` when it was completed before, `recording-not-found`.
 */
export async function abortRecording(context: RecordingsContext, caller: Caller, ref: RecordingRef): Promise<void> {
  const state = await requireNotStored(context, ref);
  if (state?.objects.manifest && !state.objects.deleting) {
    // A completion that is under way has either won by now, and is seen, or finds no upload any more.
    const { uploadId } = await readManifest(context, ref);
    await context.store.abortMultipartUpload(recordingKey(ref, 'media'), uploadId);
    await requireNotStored(context, ref);
  }
  await deleteRecording(context, ref, { reason: 'aborted', actor: caller.actor });
}

async function requireNotStored(context: RecordingsContext, ref: RecordingRef): Promise<RecordingState | undefined> {
  const state = findRecording(await readAttempt(context.store, ref), ref.recording);
  if (!state?.objects.media || state.objects.deleting) return state;
  throw new ServiceError('recording-stored', 'This recording is complete; it cannot be aborted, only deleted.');
}

interface DeletionOrder {
  readonly reason: DeletionReason;
  readonly actor: string;
  /** Whoever creates it has given it up: nothing more of its creation will come. */
  readonly isCreator?: boolean;
  /** Right before there is no way back: throws when it is not to be deleted any more. */
  readonly requireStill?: () => Promise<void>;
  readonly announce?: () => Promise<void>;
}

/**
 * due(now) first, so that the next sweep finishes what a crash leaves; then the fact `deleting`, from which there is
 * no way back; then the audit event, which a repeated call writes again rather than never; then the purge.
 */
export async function deleteRecording(
  context: RecordingsContext,
  ref: RecordingRef,
  { reason, actor, isCreator, requireStill, announce }: DeletionOrder,
): Promise<Receipt> {
  const { store } = context;
  const key = recordingKey(ref, 'manifest');
  const before = await readAttempt(store, ref);
  const { manifest, deleting } = findRecording(before, ref.recording)?.objects ?? {};
  // `deleting` alone: the last request of an earlier deletion failed, and this one finishes it.
  if (!manifest && !deleting) return requireReceipt(context, ref);
  if (!isCreator && !(await isCreated(context, ref))) return requireReceipt(context, ref);

  const nowMs = context.now();
  forget(context, key);
  await store.put(dueAttemptKey(nowMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());
  const deletion: Deletion = { version: 1, reason, actor, requestedAt: toIso(nowMs) };
  if (!deleting) {
    await requireStill?.();
    await store.put(recordingKey(ref, 'deleting'), toBody(deletion));
  }
  await announce?.();
  const versioned = await store.isVersioned();
  const attempt = await readAttempt(store, ref, { versions: versioned });
  const state = findRecording(attempt, ref.recording);
  if (!state) return requireReceipt(context, ref);
  const deadlineMs = recordingDeadline(context.policy, ref.tenant, ref.recording, completedAtsOf(attempt));
  const [outcome] = await purgeRecordings(
    context,
    [{ state, areUploadsListed: false, reason, actor, deadlineMs }],
    versioned,
  );
  forget(context, key);
  if (outcome && 'receipt' in outcome && outcome.receipt) {
    await requireGone(context, ref);
    return outcome.receipt;
  }
  const failure: Failure = outcome && 'failure' in outcome ? outcome.failure : { code: 'no-receipt' };
  // A second look tells a manifest that is damaged from a reply that was.
  if (failure.code === 'manifest-unreadable' && !(await isReadable(context, ref))) {
    const detail =
      'Its media are deleted. What describes it cannot be read, and is kept until the operator has looked.';
    throw new ServiceError('recording-unreadable', detail);
  }
  throw new StoreError(failure.kind ?? 'unavailable', failure.operation ?? 'purge', failure.code);
}

/** What a store says that it deleted is believed when a listing shows it no more; what writers add late, a sweep removes. */
async function requireGone({ store }: RecordingsContext, ref: RecordingRef): Promise<void> {
  const { manifest, media, deleting } = findRecording(await readAttempt(store, ref), ref.recording)?.objects ?? {};
  if (manifest || media || deleting) throw new StoreError('unexpected', DELETION, 'objects-stay');
}

async function isReadable({ store }: RecordingsContext, ref: RecordingRef): Promise<boolean> {
  const body = await store.get(recordingKey(ref, 'manifest'));
  return body === undefined || parseManifest(body, ref) !== undefined;
}

function forget({ manifests, takingParts }: RecordingsContext, key: string): void {
  manifests.delete(key);
  takingParts.delete(key);
}

async function requireReceipt(context: RecordingsContext, ref: RecordingRef): Promise<Receipt> {
  const receipt = await readReceipt(context.store, ref);
  if (receipt) return receipt;
  throw new ServiceError('recording-not-found', 'There is no such recording.');
}

/**
 * The participant's marker is the last thing that a creation writes: while it is missing, creation may go on. False when
 * the marker is missing because another deletion has just finished.
 * @throws ServiceError `recording-being-created`
 */
async function isCreated(context: RecordingsContext, ref: RecordingRef): Promise<boolean> {
  if (context.now() - createdAtOf(ref.recording) > CREATION_MS) return true;
  const body = await context.store.get(recordingKey(ref, 'manifest'));
  const manifest = body && parseManifest(body, ref);
  if (!manifest) return true;
  const { objects } = await context.store.list(participantKey(manifest.participantId, ref), { limit: 1 });
  if (objects.length > 0) return true;
  const left = findRecording(await readAttempt(context.store, ref), ref.recording)?.objects;
  if (left?.deleting) return true;
  if (!left?.manifest) return false;
  throw new ServiceError('recording-being-created', 'This recording is still being created; ask again.');
}
