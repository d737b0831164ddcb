// Reading a recording: whether it is there, and what it is.

import {
  type AttemptState,
  completedAtsOf,
  findRecording,
  type RecordingState,
  readAttempt,
} from '../bucket/attempt.ts';
import { type Manifest, parseManifest, parseTimeline, type Timeline } from '../bucket/documents.ts';
import { recordingKey } from '../bucket/layout.ts';
import { readReceipt } from '../bucket/receipts.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { recordingDeadline } from '../model/retention.ts';
import { clocksDiffer, toIso } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { settleMedia } from './finalize.ts';
import { type Recording, toRecording } from './recording.ts';

/**
 * By a wrong clock a recording would get a deadline that is no promise, or be taken for past it.
 * @throws ServiceError `clock-skew`
 */
export function requireRightClock({ now }: Pick<RecordingsContext, 'now'>, { storeTimeMs }: AttemptState): void {
  if (!clocksDiffer(now(), storeTimeMs)) return;
  throw new ServiceError(
    'clock-skew',
    'The clocks of the service and of its store differ by minutes. Try again later.',
  );
}

/** A recording that is there: not deleted, not being deleted, not past its deadline. */
export interface LiveRecording {
  readonly attempt: AttemptState;
  readonly state: RecordingState;
  readonly manifest: Manifest;
  readonly deadlineMs: number;
}

/**
 * One LIST and one GET.
 * @throws ServiceError `recording-not-found`; `recording-deleted` with the receipt; `recording-expired` when its
 * deadline has passed and the sweeper has not come yet; `recording-unreadable`; `clock-skew`.
 */
export async function readLive(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const attempt = await readAttempt(context.store, ref);
  requireRightClock(context, attempt);
  const state = findRecording(attempt, ref.recording);
  if (!state?.objects.manifest || state.objects.deleting) throw await goneError(context, ref, state);
  const deadlineMs = recordingDeadline(context.policy, ref.tenant, ref.recording, completedAtsOf(attempt));
  if (deadlineMs <= context.now()) {
    const deadline = toIso(deadlineMs);
    throw new ServiceError('recording-expired', `The deadline of this recording was ${deadline}.`, { deadline });
  }
  return { attempt, state, deadlineMs, manifest: await readManifest(context, ref) };
}

async function goneError(
  context: RecordingsContext,
  ref: RecordingRef,
  state: RecordingState | undefined,
): Promise<ServiceError> {
  const receipt = await readReceipt(context.store, ref);
  if (receipt) return new ServiceError('recording-deleted', 'This recording was deleted.', { receipt });
  if (state?.objects.deleting) return new ServiceError('recording-deleted', 'This recording is being deleted.');
  return new ServiceError('recording-not-found', 'There is no such recording.');
}

/** The manifest, from memory where it was read shortly before. */
export async function readManifest(context: RecordingsContext, ref: RecordingRef): Promise<Manifest> {
  const key = recordingKey(ref, 'manifest');
  const known = context.manifests.get(key);
  if (known) return known;
  const body = await context.store.get(key);
  if (!body) throw await goneError(context, ref, undefined);
  const manifest = parseManifest(body, ref);
  if (!manifest) throw new ServiceError('recording-unreadable', 'What is stored about this recording cannot be read.');
  context.manifests.set(key, manifest);
  return manifest;
}

/** `readLive`, after finishing what a crash left between the completion of an upload and its mark `stored`. */
export async function readSettled(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const live = await readLive(context, ref);
  if (!live.state.objects.media || live.state.objects.stored) return live;
  await settleMedia(context, ref, live.manifest);
  return readLive(context, ref);
}

export async function readRecordingView(context: RecordingsContext, ref: RecordingRef): Promise<Recording> {
  const { attempt, state, manifest } = await readSettled(context, ref);
  return viewOf(context, attempt, state, manifest);
}

export async function viewOf(
  context: RecordingsContext,
  attempt: AttemptState,
  state: RecordingState,
  manifest: Manifest,
): Promise<Recording> {
  return toRecording(context.policy, attempt, state, manifest, await readTimeline(context, state));
}

async function readTimeline(context: RecordingsContext, state: RecordingState): Promise<Timeline | null> {
  if (!state.objects.timeline) return null;
  const body = await context.store.get(recordingKey(state.ref, 'timeline'));
  return (body && parseTimeline(body)) ?? null;
}
