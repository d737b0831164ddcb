// Restriction of processing (policy 9.1): nobody may play the recording while it stands; its deadline stays.

import { targetsOf } from '../bucket/attempt.ts';
import { type Restriction, toBody } from '../bucket/documents.ts';
import { dueAttemptKey, recordingKey } from '../bucket/layout.ts';
import { ServiceError } from '../model/errors.ts';
import { newUniqueName, type RecordingRef } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { StoreError } from '../objectstore/store-error.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { readLive, readRecordingView } from './read.ts';
import type { Recording } from './recording.ts';

/**
 * From the answer on no playback link is made; those made before live for `PLAYBACK_URL_TTL` at most. Safe to repeat: the
 * first reason stands until it is lifted, and every call is in the audit trail. Index first, as everywhere: a deletion
 * that overtakes it finds the mark, or it is taken back here. @throws ServiceError as `readLive`.
 */
export async function restrictRecording(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason: string,
): Promise<Recording> {
  const { store, now, randomBytes } = context;
  const { state, deadlineMs } = await readLive(context, ref);
  const { actor, requestId } = caller;
  if (!state.objects.restricted) {
    const restriction: Restriction = { version: 1, reason, actor, restrictedAt: toIso(now()) };
    await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(randomBytes)), new Uint8Array());
    await store.put(recordingKey(ref, 'restricted'), toBody(restriction));
  }
  await context.audit.record({ event: 'restricted', ref, reason, actor, requestId });
  try {
    return await readRecordingView(context, ref);
  } catch (error) {
    const isGone =
      error instanceof ServiceError && (error.code === 'recording-deleted' || error.code === 'recording-not-found');
    if (isGone) await dropMark(context, ref);
    throw error;
  }
}

/** Audited before anybody can play it again. Safe to repeat. @throws ServiceError as `readLive`. */
export async function liftRestriction(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason: string | undefined,
): Promise<Recording> {
  const { state } = await readLive(context, ref);
  const { actor, requestId } = caller;
  await context.audit.record({ event: 'unrestricted', ref, reason, actor, requestId });
  if (state.objects.restricted) await dropMark(context, ref);
  return readRecordingView(context, ref);
}

async function dropMark({ store }: RecordingsContext, ref: RecordingRef): Promise<void> {
  const targets = await targetsOf(store, recordingKey(ref, 'restricted'), await store.isVersioned());
  const [failure] = await store.delete(targets);
  if (failure) throw new StoreError('unexpected', 'DeleteObjects', failure.code);
}
