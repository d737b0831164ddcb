// The recordings of an attempt and of an exam, page by page.

import { type AttemptState, attemptStateOf, completedAtsOf, type RecordingState } from '../bucket/attempt.ts';
import { attemptPrefix, examPrefix, parseKey } from '../bucket/layout.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, isId, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { recordingDeadline } from '../model/retention.ts';
import { type ListedObject, listAll } from '../objectstore/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { readManifest, viewOf } from './read.ts';
import type { Recording } from './recording.ts';

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

export type ListFilter = Pick<ListQuery, 'assessed' | 'dueBeforeMs'>;

/** Whether it is live, and wanted. */
export function isListed(
  context: RecordingsContext,
  attempt: AttemptState,
  state: RecordingState,
  { assessed, dueBeforeMs }: ListFilter,
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
export function writeCursor({ exam, attempt, recording }: RecordingRef): string {
  return Buffer.from(`${exam}/${attempt}/${recording}`).toString('base64url');
}

/** @throws ServiceError `invalid-request` for what `writeCursor` has not made for a place under `prefix` */
export function readCursor(cursor: string, tenant: string, prefix: string): RecordingRef {
  const [exam = '', attempt = '', recording = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split('/');
  if (isId(exam) && isId(attempt) && isRecordingId(recording) && rest.length === 0) {
    const ref = { tenant, exam, attempt, recording };
    if (attemptPrefix(ref).startsWith(prefix)) return ref;
  }
  const message = 'is not a cursor of this list';
  throw new ServiceError('invalid-request', `cursor ${message}.`, { errors: [{ path: 'cursor', message }] });
}
