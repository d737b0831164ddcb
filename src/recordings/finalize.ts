// From media to a recording: after an upload was completed, checks whether it is a recording, and whether it may be kept.
import type { Attempt } from '../bucket/attempt.ts';
import { Bucket, type BucketContext } from '../bucket/bucket.ts';
import { type Outbox, storedEvent } from '../bucket/outbox.ts';
import type { Content, DetectedContainer, NO_RECORDING } from '../model/container.ts';
import { HOUR_MS } from '../model/durations.ts';
import type { RecordingRef } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import { CONTAINER_PROBE_BYTES, recognize } from '../model/recognize.ts';

export interface FinalizeContext extends BucketContext {
  readonly outbox?: Outbox | undefined;
  /** The deletion margin: how long before its deadline a sweep may delete a recording. */
  readonly leadMs: number;
}

export type Finalized =
  | {
      readonly result: 'stored';
      readonly attempt: Attempt;
      /** What this call has found out and stored; undefined when the recording was stored before. */
      readonly found: DetectedContainer | undefined;
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
  /** Whether an earlier listing has shown the marker `stored`: the media are not read then. Default: they are. */
  readonly wasStored?: boolean;
}

/**
 * What follows a completion (ARCHITECTURE, "complete"): the first bytes, and seldom further ones; a second listing, because
 * a deletion or the deadline may have overtaken it; the marker `stored`, which keeps the parts that the media were made of,
 * and what they are; the tags; a last listing, because a deletion or an assessment may have arrived meanwhile. Until the
 * marker exists, the recording is reported as uploading; once it does, its media are not judged again.
 * @throws StoreError also when the store refuses to delete what may not be kept
 */
export async function finalizeRecording(
  context: FinalizeContext,
  ref: RecordingRef,
  { parts = [], wasStored = false }: FinalizeInput = {},
): Promise<Finalized> {
  const { store, now } = context;
  const bucket = new Bucket(context);
  const mediaKey = bucket.mediaKey(ref);
  const content = wasStored ? undefined : await readContent(context, mediaKey);
  if (!content && !wasStored) return { result: 'absent' };

  const attempt = await bucket.attempt(ref);
  const state = attempt.recording(ref.recording);
  if (!state || !attempt.isLive(state, now())) {
    await bucket.withdraw(ref, 'media');
    return { result: 'deleted' };
  }
  const { media, stored } = state.objects;
  // The marker is withdrawn together with the media.
  if (!media || !(stored || content)) return { result: 'absent' };
  if (!stored && content?.refused) return { result: 'not-a-recording', why: content.refused };
  const found = stored || content?.refused ? undefined : content?.container;
  if (found) {
    const deadlineMs = attempt.deadlineMs(ref);
    await enqueueIfDue(context, bucket, ref, deadlineMs);
    // A store that remembers completions confirms a second one, whatever its parts.
    const isOfThese = parts.reduce((sum, part) => sum + part.sizeBytes, 0) === media.sizeBytes;
    const of = isOfThese ? parts.map(({ partNumber, etag }) => ({ partNumber, etag })) : [];
    // Before the marker, so that no event is lost: it is delivered only once the marker exists.
    await context.outbox?.add(ref.tenant, [storedEvent(ref, now(), deadlineMs)]);
    await bucket.write(ref, 'stored', {
      version: 1,
      parts: of,
      container: found,
      media: { sizeBytes: media.sizeBytes, etag: media.etag },
      manifestEtag: state.objects.manifest?.etag,
      timelineEtag: state.objects.timeline?.etag,
    });
  }
  await store.tag(mediaKey, attempt.tagsOf(ref));
  const later = await bucket.attempt(ref);
  const left = later.recording(ref.recording)?.objects;
  if (!left?.manifest || left.deleting) {
    await bucket.withdraw(ref, 'media', 'stored');
    return { result: 'deleted' };
  }
  if (later.assessedAtMs !== attempt.assessedAtMs) await store.tag(mediaKey, later.tagsOf(ref));
  return { result: 'stored', attempt: later, found };
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

/**
 * Call it before an object is written beside the manifest. Where a sweep may be deleting the recording meanwhile, and its
 * queue entries with it, an entry of this writer's own leads the next sweep to what was written too late.
 */
export async function enqueueIfDue(
  { now, leadMs }: Pick<FinalizeContext, 'now' | 'leadMs'>,
  bucket: Bucket,
  ref: RecordingRef,
  deadlineMs: number,
): Promise<void> {
  if (deadlineMs <= now() + leadMs + WRITES_END_WITHIN_MS) await bucket.queue.enqueue(ref, deadlineMs);
}
