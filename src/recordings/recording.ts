// A recording as callers see it, derived from what lies in the bucket.

import { type AttemptState, completedAtsOf, type RecordingState } from '../bucket/attempt.ts';
import type { Consent, Manifest, RecordingKind, Timeline } from '../bucket/documents.ts';
import { createdAtOf } from '../model/ids.ts';
import { firstAssessment, type RetentionPolicy, recordingDeadline } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import type { ListedObject } from '../objectstore/object-store.ts';

export interface Recording {
  readonly recordingId: string;
  readonly examId: string;
  readonly attemptId: string;
  readonly participantId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly consent: Consent;
  readonly state: 'uploading' | 'stored';
  readonly createdAt: string;
  readonly storedAt: string | null;
  readonly sizeBytes: number | null;
  readonly assessment: { readonly completedAt: string } | null;
  readonly deleteBy: string;
  readonly restricted: boolean;
  /** The client never completed it; the service did, with the parts that had arrived. */
  readonly truncated: boolean;
  readonly timeline: Timeline | null;
}

export function toRecording(
  policy: RetentionPolicy,
  attempt: AttemptState,
  state: RecordingState,
  manifest: Manifest,
  timeline: Timeline | null,
): Recording {
  const completedAtsMs = completedAtsOf(attempt);
  const completedAtMs = firstAssessment(completedAtsMs);
  const media = isStored(state) ? state.objects.media : undefined;
  return {
    recordingId: manifest.recordingId,
    examId: manifest.examId,
    attemptId: manifest.attemptId,
    participantId: manifest.participantId,
    kind: manifest.kind,
    contentType: manifest.contentType,
    consent: manifest.consent,
    state: media ? 'stored' : 'uploading',
    createdAt: manifest.createdAt,
    storedAt: media ? toIso(storedAtMs(state, media)) : null,
    sizeBytes: media ? media.sizeBytes : null,
    assessment: completedAtMs === undefined ? null : { completedAt: toIso(completedAtMs) },
    deleteBy: toIso(recordingDeadline(policy, state.ref.tenant, state.ref.recording, completedAtsMs)),
    restricted: state.objects.restricted !== undefined,
    truncated: state.objects.truncated !== undefined,
    timeline,
  };
}

/** Media that were not found whole yet, or are no recording, are not stored: nobody may play them. */
export function isStored({ objects }: RecordingState): boolean {
  return objects.media !== undefined && objects.stored !== undefined;
}

/** By the store's clock, which may cut to whole seconds; never before its creation. */
function storedAtMs({ ref, objects }: RecordingState, media: ListedObject): number {
  return Math.max((objects.stored ?? media).lastModifiedMs, createdAtOf(ref.recording));
}
