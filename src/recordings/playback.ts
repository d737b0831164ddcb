// Playback links: short-lived, audited before they are handed out, never longer than the deadline.
import { SECOND_MS } from '../domain/durations.ts';
import { ServiceError } from '../domain/errors.ts';
import type { RecordingRef } from '../domain/ids.ts';
import { recordingKey } from '../domain/keys.ts';
import { toIso } from '../domain/times.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { readSettled } from './read.ts';
import { isStored } from './recording.ts';

export interface PlaybackLink {
  readonly url: string;
  readonly expiresAt: string;
}

/**
 * Each call makes another link. When the audit trail cannot be written there is none.
 * @throws ServiceError `recording-not-stored`, `recording-restricted`, and as `readLive`.
 */
export async function issuePlaybackLink(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  reason?: string,
): Promise<PlaybackLink> {
  const { state, manifest, deadlineMs } = await readSettled(context, ref);
  const by = { ref, reason, actor: caller.actor, requestId: caller.requestId };
  if (state.objects.restricted) {
    await context.audit.record({ ...by, event: 'link-refused', detail: 'recording-restricted' });
    throw new ServiceError(
      'recording-restricted',
      'The processing of this recording is restricted; it cannot be played.',
    );
  }
  if (!isStored(state)) throw new ServiceError('recording-not-stored', 'This recording is still being uploaded.');

  const signedAtMs = Math.floor(context.now() / SECOND_MS) * SECOND_MS;
  const lifeMs = Math.min(context.uploads.playbackUrlTtlMs, deadlineMs - signedAtMs);
  const expiresInSeconds = Math.floor(lifeMs / SECOND_MS);
  if (expiresInSeconds < 1) throw new ServiceError('recording-expired', 'The deadline of this recording is now.');
  const expiresAt = toIso(signedAtMs + expiresInSeconds * SECOND_MS);
  const { contentType } = manifest;
  const url = await context.presigner.presignPlayback(recordingKey(ref, 'media'), { contentType }, expiresInSeconds);
  await context.audit.record({ ...by, event: 'link-issued', detail: `until ${expiresAt}` });
  return { url, expiresAt };
}
