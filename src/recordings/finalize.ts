// From media to a recording: after an upload was completed, checks whether it is a recording, and whether it may be kept.
import { isDeepStrictEqual } from 'node:util';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import { Bucket, type BucketContext } from '../bucket/bucket.ts';
import type { StoredMarker, Timeline } from '../bucket/documents.ts';
import { type Outbox, storedEvent } from '../bucket/outbox.ts';
import type { Content, DetectedContainer, NO_RECORDING } from '../model/container.ts';
import { HOUR_MS, MAX_REQUEST_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import { CONTAINER_PROBE_BYTES, recognize } from '../model/recognize.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { requireRightClock } from './right-clock.ts';

export interface FinalizeContext extends BucketContext {
  readonly outbox?: Outbox | undefined;
  /** The deletion margin: how long before its deadline a sweep may delete a recording. */
  readonly leadMs: number;
}

export type Finalized =
  | {
      readonly result: 'stored';
      /** Listed before the marker that this call wrote, if it wrote one. */
      readonly attempt: Attempt;
      /** What this call has found out and stored; undefined when the recording was stored before. */
      readonly marker: StoredMarker | undefined;
    }
  /** The media are there, and certainly no recording: the caller purges or reports them. */
  | { readonly result: 'not-a-recording'; readonly why: keyof typeof NO_RECORDING }
  /** Meanwhile deleted, or past its deadline: the media are deleted again. */
  | { readonly result: 'deleted' }
  /** There are no media: the upload was aborted, or its recording deleted. */
  | { readonly result: 'absent' };

export interface FinalizeInput {
  /** Those that the media were made of, where this call has completed the upload. */
  readonly parts?: readonly StoredPart[];
  /** An earlier listing of its attempt, where there is one. */
  readonly known?: Attempt | undefined;
  /** Its deadline as it was known before, where there is no listing. */
  readonly deadlineMs?: number | undefined;
  /** Written while the media are read. */
  readonly timeline?: Timeline | undefined;
}

/**
 * What follows a completion (ARCHITECTURE, "complete"): the first bytes, and seldom further ones, the tags, and the timeline;
 * then a listing, because a deletion, the deadline or an assessment may have overtaken it; the marker `stored`, which keeps the
 * parts that the media were made of, and what they are. Until the marker exists, the recording is reported as uploading;
 * once it does, its media are not judged again.
 *
 * The tags are written before the listing: an assessment that it does not show lists later, finds the media, and writes its
 * own. Those of an assessment that it does show are written after it, and it is repeated.
 * @throws ServiceError `clock-skew`; StoreError also when the store refuses to delete what may not be kept
 */
export async function finalizeRecording(
  context: FinalizeContext,
  ref: RecordingRef,
  { parts = [], known, timeline, deadlineMs: knownMs = Number.POSITIVE_INFINITY }: FinalizeInput = {},
): Promise<Finalized> {
  const { store, now } = context;
  const bucket = new Bucket(context);
  const mediaKey = bucket.mediaKey(ref);
  const wasStored = known?.recording(ref.recording)?.objects.stored !== undefined;
  const guess = known ?? bucket.unlisted(ref);
  let tags = guess.tagsOf(ref);
  if (timeline) await enqueueIfDue(context, bucket, ref, Math.min(guess.deadlineMs(ref), knownMs));
  const withdraw = async (...media: readonly 'media'[]) => {
    const written = timeline ? ([...media, 'timeline'] as const) : media;
    if (written.length > 0) await bucket.withdraw(ref, ...written);
  };
  const [content] = await together(
    !wasStored && readContent(context, mediaKey),
    store.tag(mediaKey, tags),
    timeline && bucket.write(ref, 'timeline', timeline),
  );
  if (!content && !wasStored) {
    await withdraw();
    return { result: 'absent' };
  }

  const elapsedMs = startStopwatch(now);
  const attempt = await bucket.attempt(ref);
  // By a wrong clock it would be taken for past its deadline.
  requireRightClock(context, attempt);
  const state = attempt.recording(ref.recording);
  if (!state || !attempt.isLive(state, now())) {
    await withdraw('media');
    return { result: 'deleted' };
  }
  const { media, stored } = state.objects;
  if (!media || !(stored || content)) {
    await withdraw();
    return { result: 'absent' };
  }
  if (!stored && content && content.refused) return { result: 'not-a-recording', why: content.refused };
  let marker: StoredMarker | undefined;
  if (!stored && content && !content.refused) {
    marker = markerOf(context, attempt, state, { container: content.container, parts });
    const deadlineMs = attempt.deadlineMs(ref);
    await enqueueIfDue(context, bucket, ref, deadlineMs);
    // Before the marker, so that no event is lost: it is delivered only once the marker exists.
    await context.outbox?.add(ref.tenant, [storedEvent(ref, now(), deadlineMs)]);
    await bucket.write(ref, 'stored', marker);
    // A sweep may be suspended for longer than the queue leads to what a deletion left.
    if (elapsedMs() > MAX_REQUEST_MS && !(await isStillLive(bucket, ref, now))) {
      await bucket.withdraw(ref, 'media', 'stored');
      return { result: 'deleted' };
    }
  }
  for (let latest = attempt; !isDeepStrictEqual(latest.tagsOf(ref), tags); latest = await bucket.attempt(ref)) {
    tags = latest.tagsOf(ref);
    await store.tag(mediaKey, tags);
  }
  return { result: 'stored', attempt, marker };
}

async function isStillLive(bucket: Bucket, ref: RecordingRef, now: () => number): Promise<boolean> {
  const attempt = await bucket.attempt(ref);
  const state = attempt.recording(ref.recording);
  return state !== undefined && attempt.isLive(state, now());
}

function markerOf(
  { now }: FinalizeContext,
  { storeTimeMs }: Attempt,
  { ref, objects }: RecordingState,
  { container, parts }: { readonly container: DetectedContainer; readonly parts: readonly StoredPart[] },
): StoredMarker {
  const { media, manifest, timeline, overview } = objects;
  // A store that remembers completions confirms a second one, whatever its parts.
  const isOfThese = parts.reduce((sum, part) => sum + part.sizeBytes, 0) === media?.sizeBytes;
  const storedAtMs = Number.isNaN(storeTimeMs) ? now() : storeTimeMs;
  return {
    version: 1,
    parts: isOfThese ? parts.map(({ partNumber, etag }) => ({ partNumber, etag })) : [],
    container,
    ...(media && { media: { sizeBytes: media.sizeBytes, etag: media.etag } }),
    manifestEtag: manifest?.etag,
    timelineEtag: timeline?.etag,
    overviewEtag: overview?.etag,
    storedAt: toIso(Math.max(storedAtMs, createdAtOf(ref.recording))),
  };
}

/** Undefined: there are no media. */
async function readContent({ store }: FinalizeContext, mediaKey: string): Promise<Content | undefined> {
  const start = await store.getStart(mediaKey, CONTAINER_PROBE_BYTES);
  return (
    start &&
    recognize(start, async (offset, length) => {
      const range = await store.getRange(mediaKey, offset, length);
      return range ? Buffer.concat(await Array.fromAsync(range)) : new Uint8Array();
    })
  );
}

/** A request lasts at most an hour, and the clocks may differ by some minutes. */
const WRITES_END_WITHIN_MS = 2 * HOUR_MS;

type Margin = Pick<FinalizeContext, 'now' | 'leadMs'>;

/** Whether a sweep may delete a recording with this deadline while the request lasts. */
export function mayBeSwept({ now, leadMs }: Margin, deadlineMs: number): boolean {
  return deadlineMs <= now() + leadMs + WRITES_END_WITHIN_MS;
}

/**
 * Call it before an object is written beside the manifest. Where a sweep may be deleting the recording meanwhile, and its
 * queue entries with it, an entry of this writer's own leads the next sweep to what was written too late.
 */
export async function enqueueIfDue(
  context: Margin,
  bucket: Bucket,
  ref: RecordingRef,
  deadlineMs: number,
): Promise<void> {
  if (mayBeSwept(context, deadlineMs)) await bucket.queue.enqueue(ref, deadlineMs);
}
