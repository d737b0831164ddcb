// Restriction of processing (policy 9.1): while it lasts the recording may not be played; its deadline stays.
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { Recording } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { readLive, readRecording } from './read.ts';

/**
 * Once it resolves no playback link is presigned; earlier ones live for `PLAYBACK_URL_TTL` at most. Safe to repeat: the
 * first reason is kept until the restriction is lifted, and every call is in the audit trail. Enqueues before it writes:
 * a deletion that overtakes it finds the marker, or the marker is withdrawn here. @throws ServiceError as `readLive`
 */
export async function restrictRecording(
  context: RecordingsContext,
  { actor, requestId }: Caller,
  ref: RecordingRef,
  reason: string,
): Promise<Recording> {
  const bucket = new Bucket(context);
  const { state, deadlineMs } = await readLive(context, ref);
  if (!state.objects.restricted) {
    await bucket.queue.enqueue(ref, deadlineMs);
    await bucket.write(ref, 'restricted', { version: 1, reason, actor, restrictedAt: toIso(context.now()) });
  }
  await context.audit.record({ event: 'restricted', ref, reason, actor, requestId });
  try {
    return await readRecording(context, ref);
  } catch (error) {
    const isDeleted =
      error instanceof ServiceError && (error.code === 'recording-deleted' || error.code === 'recording-not-found');
    if (isDeleted) await bucket.withdraw(ref, 'restricted');
    throw error;
  }
}

/** Audited before it can be played again. Safe to repeat. @throws ServiceError as `readLive`; StoreError */
export async function liftRestriction(
  context: RecordingsContext,
  { actor, requestId }: Caller,
  ref: RecordingRef,
  reason: string | undefined,
): Promise<Recording> {
  const { state } = await readLive(context, ref);
  await context.audit.record({ event: 'unrestricted', ref, reason, actor, requestId });
  if (state.objects.restricted) await new Bucket(context).remove(ref, 'restricted');
  return readRecording(context, ref);
}
