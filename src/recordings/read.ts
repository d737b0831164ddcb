// Reading recordings: one, those of an attempt, those of an exam.
import { recordingDeadline } from '../domain/deadlines.ts';
import { type Manifest, parseManifest, parseTimeline, type Timeline } from '../domain/documents.ts';
import { ServiceError } from '../domain/errors.ts';
import { type AttemptRef, isId, isRecordingId, type RecordingRef } from '../domain/ids.ts';
import { attemptPrefix, examPrefix, parseKey, recordingKey } from '../domain/keys.ts';
import { toIso } from '../domain/times.ts';
import { readReceipt } from '../retention/purge.ts';
import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  findRecording,
  type RecordingState,
  readAttempt,
} from '../storage/attempt-state.ts';
import { settleMedia } from '../storage/completion.ts';
import { type ListedObject, listAll } from '../storage/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { type Recording, toRecording } from './recording.ts';

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
 * deadline has passed and the sweeper has not come yet; `recording-unreadable`.
 */
export async function readLive(context: RecordingsContext, ref: RecordingRef): Promise<LiveRecording> {
  const attempt = await readAttempt(context.store, ref);
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

export interface ListQuery {
  /** At most this many items, 1 to 200. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly assessed?: boolean | undefined;
  /** Only recordings whose deadline is before this time. */
  readonly dueBeforeMs?: number | undefined;
}

export interface RecordingPage {
  readonly items: Recording[];
  readonly nextCursor: string | null;
}

/** How many keys one page may look through: a rare filter then gives short pages, never a slow request. */
const MAX_KEYS_A_PAGE = 5000;

/** The live recordings of one attempt, oldest first. */
export function listAttemptRecordings(
  context: RecordingsContext,
  attempt: AttemptRef,
  query: ListQuery,
): Promise<RecordingPage> {
  return listPage(context, attempt.tenant, attemptPrefix(attempt), query);
}

/** The live recordings of one exam, attempt by attempt; of each attempt the oldest first. */
export function listExamRecordings(
  context: RecordingsContext,
  { tenant, exam }: { tenant: string; exam: string },
  query: ListQuery,
): Promise<RecordingPage> {
  return listPage(context, tenant, examPrefix(tenant, exam), query);
}

async function listPage(
  context: RecordingsContext,
  tenant: string,
  prefix: string,
  query: ListQuery,
): Promise<RecordingPage> {
  const from = query.cursor === undefined ? undefined : readCursor(query.cursor, tenant, prefix);
  const items: Recording[] = [];
  let lookedAt = 0;
  for await (const attempt of listAttempts(context, prefix, from)) {
    lookedAt += attempt.recordings.reduce((sum, state) => sum + state.items.length, 0);
    for (const state of attempt.recordings) {
      if (from && sameAttempt(from, attempt.ref) && state.ref.recording <= from.recording) continue;
      if (!isListed(context, attempt, state, query)) continue;
      const recording = await readListed(context, attempt, state);
      if (recording) items.push(recording);
      if (items.length === query.limit) return { items, nextCursor: writeCursor(state.ref) };
    }
    const last = attempt.recordings.at(-1);
    if (lookedAt >= MAX_KEYS_A_PAGE && last) return { items, nextCursor: writeCursor(last.ref) };
  }
  return { items, nextCursor: null };
}

function isListed(
  context: RecordingsContext,
  attempt: AttemptState,
  state: RecordingState,
  { assessed, dueBeforeMs }: ListQuery,
): boolean {
  const completedAtsMs = completedAtsOf(attempt);
  const deadlineMs = recordingDeadline(context.policy, state.ref.tenant, state.ref.recording, completedAtsMs);
  const live = state.objects.manifest !== undefined && !state.objects.deleting && deadlineMs > context.now();
  const wanted = assessed === undefined || assessed === completedAtsMs.length > 0;
  return live && wanted && (dueBeforeMs === undefined || deadlineMs < dueBeforeMs);
}

/** Undefined when it was deleted since the listing, or cannot be read: `verify` reports that; a list goes on. */
async function readListed(
  context: RecordingsContext,
  attempt: AttemptState,
  state: RecordingState,
): Promise<Recording | undefined> {
  try {
    return await viewOf(context, attempt, state, await readManifest(context, state.ref));
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

/** Groups a listing into attempts: their keys are neighbours, so memory holds one attempt at a time. */
async function* listAttempts(
  context: RecordingsContext,
  prefix: string,
  from: RecordingRef | undefined,
): AsyncGenerator<AttemptState, void, undefined> {
  const start = from ? attemptPrefix(from) : undefined;
  let ref: AttemptRef | undefined;
  let objects: ListedObject[] = [];
  for await (const object of listAll(context.store, prefix, start)) {
    const parsed = parseKey(object.key);
    if (parsed?.type !== 'recording' && parsed?.type !== 'assessed') continue;
    if (ref && !sameAttempt(ref, parsed.ref)) {
      yield stateOf(ref, objects);
      objects = [];
    }
    ref = parsed.ref;
    objects.push(object);
  }
  if (ref) yield stateOf(ref, objects);
}

function stateOf(ref: AttemptRef, objects: readonly ListedObject[]): AttemptState {
  return attemptStateOf(
    ref,
    objects.map((object) => ({ ...object, isCurrent: true })),
  );
}

function sameAttempt(a: AttemptRef, b: AttemptRef): boolean {
  return a.tenant === b.tenant && a.exam === b.exam && a.attempt === b.attempt;
}

/** The last recording of a page; the tenant is not in it, and is never taken from it. */
function writeCursor({ exam, attempt, recording }: RecordingRef): string {
  return Buffer.from(`${exam}/${attempt}/${recording}`).toString('base64url');
}

function readCursor(cursor: string, tenant: string, prefix: string): RecordingRef {
  const [exam = '', attempt = '', recording = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split('/');
  if (isId(exam) && isId(attempt) && isRecordingId(recording) && rest.length === 0) {
    const ref = { tenant, exam, attempt, recording };
    if (attemptPrefix(ref).startsWith(prefix)) return ref;
  }
  const message = 'is not a cursor of this list';
  throw new ServiceError('invalid-request', `cursor ${message}.`, { errors: [{ path: 'cursor', message }] });
}
