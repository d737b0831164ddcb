// From parts to a recording: completes an upload, looks whether it is one, and looks again whether it may stay.

import { type AttemptState, completedAtsOf, findRecording, readAttempt, targetsOf } from '../bucket/attempt.ts';
import { type Manifest, toBody } from '../bucket/documents.ts';
import { dueAttemptKey, recordingKey } from '../bucket/layout.ts';
import type { Outbox } from '../bucket/outbox.ts';
import { beginsRecording, CONTAINER_PROBE_BYTES } from '../model/container.ts';
import { HOUR_MS } from '../model/durations.ts';
import { storedEvent } from '../model/events.ts';
import { newUniqueName, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import { assessedDeadline, firstAssessment, type RetentionPolicy, recordingDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';

export interface CompletionContext {
  readonly store: ObjectStore;
  readonly policy: RetentionPolicy;
  readonly now: () => number;
  readonly outbox?: Outbox | undefined;
  readonly randomBytes: RandomBytes;
  /** How long before its deadline a sweep may delete a recording. */
  readonly leadMs: number;
}

export type Completion =
  | { readonly result: 'stored'; readonly attempt: AttemptState }
  /** The media are there, but are no recording: the caller purges or reports them. */
  | { readonly result: 'not-a-recording' }
  /** Meanwhile deleted, or past its deadline: the media are gone again. */
  | { readonly result: 'deleted' }
  /** There are no media: the upload was aborted, or its recording deleted. */
  | { readonly result: 'gone' };

/**
 * CompleteMultipartUpload, then `settleMedia`. Safe to repeat: an upload that was completed before is settled again.
 * @throws StoreError `invalid-parts` when a part was replaced or is gone.
 */
export async function completeUpload(
  context: CompletionContext,
  ref: RecordingRef,
  manifest: Manifest,
  parts: readonly StoredPart[],
): Promise<Completion> {
  const completed = await context.store.completeMultipartUpload(recordingKey(ref, 'media'), manifest.uploadId, parts);
  return settleMedia(context, ref, manifest, completed ? parts : []);
}

/**
 * What follows a completion (ARCHITECTURE, "complete"): the first bytes; a second look, because a deletion or the
 * deadline may have overtaken it; the mark `stored`, which keeps the parts that it was made of; the tags; a last look
 * whether a deletion or an assessment arrived meanwhile. Until the mark is there, nobody is told that it is stored.
 */
export async function settleMedia(
  context: CompletionContext,
  ref: RecordingRef,
  manifest: Manifest,
  parts: readonly StoredPart[] = [],
): Promise<Completion> {
  const { store, policy, now } = context;
  const head = await store.getStart(recordingKey(ref, 'media'), CONTAINER_PROBE_BYTES);
  if (!head) return { result: 'gone' };
  if (!beginsRecording(head, manifest.contentType)) return { result: 'not-a-recording' };

  const attempt = await readAttempt(store, ref);
  const objects = findRecording(attempt, ref.recording)?.objects ?? {};
  const deadlineMs = recordingDeadline(policy, ref.tenant, ref.recording, completedAtsOf(attempt));
  if (!objects.manifest || objects.deleting || deadlineMs <= now()) {
    await store.delete(await targetsOf(store, recordingKey(ref, 'media'), await store.isVersioned()));
    return { result: 'deleted' };
  }
  if (!objects.media) return { result: 'gone' };
  if (!objects.stored) {
    await leadSweepTo(context, ref, deadlineMs);
    // A store that remembers completions answers true to a second one, whatever its parts.
    const isOfThese = parts.reduce((sum, part) => sum + part.sizeBytes, 0) === objects.media.sizeBytes;
    const of = isOfThese ? parts.map(({ partNumber, etag }) => ({ partNumber, etag })) : [];
    // Before the mark, so that none is lost: it is delivered only once the mark is there.
    await context.outbox?.add(ref.tenant, [storedEvent(ref, now(), deadlineMs)]);
    await store.put(recordingKey(ref, 'stored'), toBody({ version: 1, parts: of }));
  }
  await tagMedia(context, ref, attempt);
  const later = await readAttempt(store, ref);
  const left = findRecording(later, ref.recording)?.objects;
  if (!left?.manifest || left.deleting) {
    const keys = [recordingKey(ref, 'media'), recordingKey(ref, 'stored')];
    const versioned = await store.isVersioned();
    for (const key of keys) await store.delete(await targetsOf(store, key, versioned));
    return { result: 'deleted' };
  }
  if (firstAssessment(completedAtsOf(later)) !== firstAssessment(completedAtsOf(attempt))) {
    await tagMedia(context, ref, later);
  }
  return { result: 'stored', attempt: later };
}

/** A request lasts at most an hour, and the clocks may differ by some minutes. */
const WRITES_END_WITHIN_MS = 2 * HOUR_MS;

/**
 * To be called before an object is written beside the manifest. Where a sweep may be deleting the recording meanwhile,
 * and its due entries with it, an entry of this writer's own leads the next one to what was written too late.
 */
export async function leadSweepTo(
  { store, now, randomBytes, leadMs }: Omit<CompletionContext, 'policy'>,
  ref: RecordingRef,
  deadlineMs: number,
): Promise<void> {
  if (deadlineMs > now() + leadMs + WRITES_END_WITHIN_MS) return;
  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(randomBytes)), new Uint8Array());
}

/** The tags of stored media: derived from the facts, never the truth, because some stores have none (ADR 0001). */
export function mediaTags(
  policy: RetentionPolicy,
  ref: RecordingRef,
  completedAtsMs: readonly number[],
): Record<string, string> {
  const completedAtMs = firstAssessment(completedAtsMs);
  return completedAtMs === undefined
    ? { 'delete-by': toIso(recordingDeadline(policy, ref.tenant, ref.recording, [])) }
    : {
        'delete-by': toIso(assessedDeadline(policy, ref.tenant, completedAtMs)),
        'assessment-completed-at': toIso(completedAtMs),
      };
}

/** Writes the tags that the attempt's facts call for. Safe to repeat. */
export async function tagMedia(
  { store, policy }: Pick<CompletionContext, 'store' | 'policy'>,
  ref: RecordingRef,
  attempt: AttemptState,
): Promise<void> {
  await store.tag(recordingKey(ref, 'media'), mediaTags(policy, ref, completedAtsOf(attempt)));
}
