// Reading a recording: whether it exists, and how callers see it.
import { type Attempt, isKept, isStored, type RecordingState, storedAtMs } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { Manifest, Receipt, StoredMarker, Timeline } from '../bucket/documents.ts';
import type { DetectedContainer } from '../model/container.ts';
import { ServiceError } from '../model/errors.ts';
import { type RecordingRef, recordingId } from '../model/ids.ts';
import { typeOfContent } from '../model/media-type.ts';
import type { Recording } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { contentOf, noteContent, type RecordingsContext, type StoredContent } from './context.ts';
import { finalizeRecording } from './finalize.ts';
import { requireRightClock } from './right-clock.ts';

/** A recording that exists: not deleted, not being deleted, not past its deadline. */
export interface LiveRecording {
  readonly attempt: Attempt;
  readonly state: RecordingState;
  readonly manifest: Manifest;
  readonly deadlineMs: number;
}

/**
 * One LIST, and a GET at the same time unless the manifest is in memory.
 * @throws ServiceError `recording-not-found`; `recording-deleted` with the receipt; `recording-expired` when its
 * deadline has passed and the sweeper has not come yet; `recording-unreadable`; `clock-skew`.
 */
export async function readLive(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const reading = findManifest(context, ref);
  // Whether there is one to be read, the listing says.
  reading.catch(() => {});
  const attempt = await new Bucket(context).attempt(ref);
  requireRightClock(context, attempt);
  const state = attempt.recording(ref.recording);
  if (!state || !isKept(state)) throw await absenceOf(context, ref, state);
  const deadlineMs = attempt.deadlineMs(ref);
  if (deadlineMs <= context.now()) {
    const deadline = toIso(deadlineMs);
    throw new ServiceError('recording-expired', `The deadline of this recording was ${deadline}.`, { deadline });
  }
  return { attempt, state, deadlineMs, manifest: (await reading) ?? (await readManifest(context, ref)) };
}

async function absenceOf(context: RecordingsContext, ref: RecordingRef, state?: RecordingState): Promise<ServiceError> {
  const receipt = await readReceipt(context, ref);
  if (receipt) return new ServiceError('recording-deleted', 'This recording was deleted.', { receipt });
  if (state?.objects.deleting) return new ServiceError('recording-deleted', 'This recording is being deleted.');
  return new ServiceError('recording-not-found', 'There is no such recording.');
}

/** Undefined where there is none. @throws ServiceError `recording-unreadable` where it cannot be read, or was changed */
export async function readReceipt(context: RecordingsContext, ref: RecordingRef): Promise<Receipt | undefined> {
  const receipt = await new Bucket(context).readReceipt(ref);
  if (receipt !== 'unreadable') return receipt;
  throw new ServiceError('recording-unreadable', 'There is a receipt of its deletion, and it cannot be read.');
}

/** From memory where it was read shortly before. @throws ServiceError as `readLive` */
export async function readManifest(context: RecordingsContext, ref: RecordingRef): Promise<Manifest> {
  const manifest = await findManifest(context, ref);
  if (!manifest) throw await absenceOf(context, ref);
  return manifest;
}

/** Undefined where there is none. @throws ServiceError `recording-unreadable` */
async function findManifest(context: RecordingsContext, ref: RecordingRef): Promise<Manifest | undefined> {
  const known = context.manifestCache.get(recordingId(ref));
  if (known) return known;
  const manifest = await new Bucket(context).read(ref, 'manifest');
  if (manifest === 'unreadable') {
    throw new ServiceError('recording-unreadable', 'What is stored about this recording cannot be read.');
  }
  if (manifest) context.manifestCache.set(recordingId(ref), manifest);
  return manifest;
}

/**
 * Whose recording it is, or was. Null: it was deleted, and its manifest could not be read.
 * @throws ServiceError `recording-not-found`, `recording-deleted` without a receipt yet, `recording-unreadable`
 */
export async function participantOf(context: RecordingsContext, ref: RecordingRef): Promise<string | null> {
  try {
    return (await readManifest(context, ref)).participantId;
  } catch (error) {
    const receipt = await readReceipt(context, ref);
    if (!receipt) throw error;
    return receipt.participantId;
  }
}

/** `readLive`, after finishing what a crash left between the completion of an upload and its marker `stored`. */
export async function readFinalized(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const live = await readLive(context, ref);
  if (!live.state.objects.media || isStored(live.state)) return live;
  const finalized = await finalizeRecording(context, ref, { known: live.attempt });
  noteContent(context, ref, finalized);
  return readLive(context, ref);
}

export async function readRecording(context: RecordingsContext, ref: RecordingRef): Promise<Recording> {
  return toRecording(context, await readFinalized(context, ref));
}

/** What a recording is as it is served. */
export interface RecordingContent {
  /** Null while it is being sent, and where it is not known. */
  readonly container: DetectedContainer | null;
  readonly contentType: string;
  /** By the store's clock; undefined while it is being sent. */
  readonly storedAtMs: number | undefined;
}

/** A GET more for a stored recording that the process has not seen. */
export async function readContent(
  context: RecordingsContext,
  { state, manifest }: Pick<LiveRecording, 'state' | 'manifest'>,
): Promise<RecordingContent> {
  const stored = isStored(state) ? await readStoredContent(context, state.ref) : undefined;
  return toContent(state, manifest, stored);
}

function toContent(state: RecordingState, manifest: Manifest, stored: StoredContent | undefined): RecordingContent {
  const container = stored?.container ?? null;
  const contentType = typeOfContent(manifest.contentType, container);
  return { container, contentType, storedAtMs: stored?.storedAtMs ?? storedAtMs(state) };
}

/** Undefined where the marker cannot be read. */
export async function readStoredContent(
  context: RecordingsContext,
  ref: RecordingRef,
): Promise<StoredContent | undefined> {
  const known = context.contentCache.get(recordingId(ref));
  if (known) return known;
  const marker = await new Bucket(context).read(ref, 'stored');
  if (!marker || marker === 'unreadable') return undefined;
  const content = contentOf(marker);
  context.contentCache.set(recordingId(ref), content);
  return content;
}

/** With its timeline: a GET more, where there is one. */
export async function toRecording(
  context: RecordingsContext,
  live: Omit<LiveRecording, 'deadlineMs'>,
): Promise<Recording> {
  const [content, timeline] = await together(readContent(context, live), readTimeline(context, live.state));
  return describe(context, live, content, timeline);
}

/** As `toRecording`, of a recording whose marker was written after it was listed. */
export function describeStored(
  context: RecordingsContext,
  { attempt, state, manifest }: Omit<LiveRecording, 'deadlineMs'>,
  marker: StoredMarker,
  timeline: Timeline | undefined,
): Recording {
  const { media } = state.objects;
  const stored = { ...state, objects: { ...state.objects, ...(media && { stored: media }) } };
  const content = toContent(stored, manifest, contentOf(marker));
  return describe(context, { attempt, state: stored, manifest }, content, timeline ?? null);
}

async function readTimeline(context: RecordingsContext, { ref, objects }: RecordingState): Promise<Timeline | null> {
  const timeline = objects.timeline && (await new Bucket(context).read(ref, 'timeline'));
  return timeline === 'unreadable' ? null : (timeline ?? null);
}

export function describe(
  { leadMs }: Pick<RecordingsContext, 'leadMs'>,
  { attempt, state, manifest }: Omit<LiveRecording, 'deadlineMs'>,
  { contentType, container, storedAtMs: storedMs }: RecordingContent,
  timeline: Timeline | null,
): Recording {
  const { recordingId, examId, attemptId, participantId, kind, consent, createdAt } = manifest;
  const { assessedAtMs } = attempt;
  return {
    recordingId,
    examId,
    attemptId,
    participantId,
    kind,
    contentType,
    container,
    consent,
    state: isStored(state) ? 'stored' : 'uploading',
    createdAt,
    storedAt: storedMs === undefined ? null : toIso(storedMs),
    sizeBytes: isStored(state) ? (state.objects.media?.sizeBytes ?? null) : null,
    assessment: assessedAtMs === undefined ? null : { completedAt: toIso(assessedAtMs) },
    deleteBy: toIso(attempt.deadlineMs(state.ref)),
    deletableFrom: toIso(attempt.deletableFromMs(state.ref, leadMs)),
    restricted: state.objects.restricted !== undefined,
    truncated: state.objects.truncated !== undefined,
    timeline,
  };
}
