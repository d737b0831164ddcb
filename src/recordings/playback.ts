// Playback links: short-lived, audited before they are returned, never valid beyond the deadline.

import { isStored } from '../bucket/attempt.ts';
import { Bucket, OVERVIEW_TYPE } from '../bucket/bucket.ts';
import { SECOND_MS } from '../model/durations.ts';
import { type ErrorCode, ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { PlaybackLink } from '../model/recording.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import type { PlaybackOptions } from '../objectstore/presigner.ts';
import type { Caller, RecordingsContext } from './context.ts';
import { type LiveRecording, readContent, readFinalized, readStoredContent } from './read.ts';

/** Refusals of a recording that exists or existed. Others leave no trace, so that no caller can fill the bucket with them. */
const AUDITED_REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'recording-restricted',
  'recording-expired',
  'recording-deleted',
  'recording-not-stored',
]);

/** For so long after a listing a restriction or a deletion counts as simultaneous with the link. */
const LISTING_COUNTS_MS = SECOND_MS;

export interface PlaybackRequest {
  readonly reason?: string | undefined;
  /** It replaces a link that the same viewing had before. Default: false. */
  readonly renewal?: boolean | undefined;
}

/**
 * Each call makes another link. Link or refusal, it is in the audit trail before the response: when that cannot be
 * written there is no link. It is listed once more while the event is written, and again if that took longer than a second:
 * what was restricted or deleted meanwhile is refused, which is audited too. @throws ServiceError `recording-not-stored`, `recording-restricted`, and as `readLive`.
 */
export async function presignPlayback(
  context: RecordingsContext,
  caller: Caller,
  ref: RecordingRef,
  { reason, renewal = false }: PlaybackRequest = {},
): Promise<PlaybackLink> {
  const by = { ref, reason, actor: caller.actor, requestId: caller.requestId };
  try {
    const content = readStoredContent(context, ref);
    // Whether there is anything to be read, the listing says.
    content.catch(() => {});
    const live = await readPlayable(context, ref);
    await content;
    const link = await presignPlaybackOf(context, live);
    if (!link) throw new ServiceError('recording-expired', 'The deadline of this recording is now.');
    const until = `until ${link.expiresAt}`;
    const elapsedMs = startStopwatch(context.now);
    await together(
      context.audit.record({ ...by, event: 'link-issued', detail: renewal ? `${until}, a renewal` : until }),
      readPlayable(context, ref),
    );
    if (elapsedMs() > LISTING_COUNTS_MS) await readPlayable(context, ref);
    context.onEvent?.('link-issued', 1);
    return link;
  } catch (error) {
    if (error instanceof ServiceError) context.onEvent?.('link-refused', 1);
    if (error instanceof ServiceError && AUDITED_REFUSALS.has(error.code)) {
      await context.audit.record({ ...by, event: 'link-refused', detail: error.code });
    }
    throw error;
  }
}

async function readPlayable(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const live = await readFinalized(context, ref);
  if (live.state.objects.restricted) {
    throw new ServiceError(
      'recording-restricted',
      'The processing of this recording is restricted; it cannot be played.',
    );
  }
  if (!isStored(live.state)) throw new ServiceError('recording-not-stored', 'This recording is still being uploaded.');
  return live;
}

/**
 * A link to the media, and one to the overview that the listing showed. It ends with the deadline at the latest, undefined when
 * that is now; the caller audits it.
 */
export async function presignPlaybackOf(
  context: RecordingsContext,
  live: LiveRecording,
): Promise<PlaybackLink | undefined> {
  const {
    state: { ref, objects },
    deadlineMs,
  } = live;
  const { contentType, container } = await readContent(context, live);
  const signedAtMs = Math.floor(context.now() / SECOND_MS) * SECOND_MS;
  const lifeMs = Math.min(context.uploads.playbackUrlTtlMs, deadlineMs - signedAtMs);
  const expiresInSeconds = Math.floor(lifeMs / SECOND_MS);
  if (expiresInSeconds < 1) return undefined;
  const expiresAt = toIso(signedAtMs + expiresInSeconds * SECOND_MS);
  const bucket = new Bucket(context);
  const presign = (key: string, options: PlaybackOptions) =>
    context.presigner.presignPlayback(key, options, expiresInSeconds);
  const url = await presign(bucket.mediaKey(ref), { contentType, isDownload: container === 'unrecognized' });
  const overviewUrl = objects.overview
    ? await presign(bucket.overviewKey(ref), { contentType: OVERVIEW_TYPE, isDownload: true })
    : null;
  return { url, overviewUrl, expiresAt };
}
