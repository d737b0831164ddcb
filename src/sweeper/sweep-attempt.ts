// One due attempt: what its listing tells, which of its recordings have to go, and what is left to do after them.
import pMap from 'p-map';
import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  currentItems,
  type RecordingState,
  readAttempt,
} from '../bucket/attempt.ts';
import { parseDeletion } from '../bucket/documents.ts';
import { attemptPrefix, dueAttemptKey, recordingKey, recordingPrefix } from '../bucket/layout.ts';
import { readReceipt } from '../bucket/receipts.ts';
import { type AttemptRef, createdAtOf, newUniqueName } from '../model/ids.ts';
import { assessedDeadline, firstAssessment, recordingDeadline } from '../model/retention.ts';
import { type DeleteTarget, type ListedObject, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import type { Doomed } from '../recordings/purging.ts';
import type { Run } from './sweep-run.ts';

export interface DueAttempt {
  readonly ref: AttemptRef;
  readonly entries: DueEntry[];
}

export interface DueEntry {
  readonly key: string;
  readonly timeMs: number;
  /** Old enough that its writer is over. */
  readonly settled: boolean;
}

/** What one listing of an attempt tells: which of its recordings have to go now, and which stay. */
export interface AttemptView {
  readonly due: DueAttempt;
  readonly state: AttemptState;
  readonly doomed: readonly Doomed[];
  /** Of one of its recordings it could not be read whether it was purged before. */
  readonly isUnclear: boolean;
  /** Listed by exactly its prefix, and not from a page that it shares with others. */
  readonly isExact: boolean;
}

/** What may be deleted after a look at an attempt: its assessments, then the entries that led to it. */
export interface Conclusion {
  readonly facts: readonly DeleteTarget[];
  readonly entries: readonly DeleteTarget[];
}

/** `listed`: what a listing shared with other attempts has shown of this one; undefined where it has to be listed. */
export async function look(
  run: Run,
  due: DueAttempt,
  versioned: boolean,
  listed: readonly ListedObject[] | undefined,
): Promise<AttemptView | undefined> {
  const { context, tally } = run;
  try {
    const state = await readState(run, due.ref, versioned, listed);
    for (const key of state.unknownKeys) tally.problem({ code: 'unknown-key' }, key);
    const verdicts = await pMap(state.recordings, (recording) => judge(run, state, recording), {
      concurrency: STORE_CONCURRENCY,
    });
    const doomed = verdicts.filter((verdict) => verdict !== undefined && verdict !== 'unclear');
    tally.seen(doomed.length, state.recordings.length - doomed.length);
    return { due, state, doomed, isUnclear: verdicts.includes('unclear'), isExact: !listed };
  } catch (error) {
    tally.attemptFailed(due.entries[0]?.timeMs ?? Number.NaN, context.now(), failureOf(error), attemptPrefix(due.ref));
    return undefined;
  }
}

function readState(
  { context, openUploads }: Run,
  ref: AttemptRef,
  versions: boolean,
  listed: readonly ListedObject[] | undefined,
): AttemptState | Promise<AttemptState> {
  const uploads = openUploads.byAttempt.get(attemptPrefix(ref)) ?? [];
  if (listed) return attemptStateOf(ref, currentItems(listed), uploads);
  return readAttempt(context.store, ref, { versions, uploads });
}

/** Whether the request that creates it may have been under way at a time, or its upload was begun later. */
function isYoung({ context }: Run, recording: string, atMs: number): boolean {
  return atMs - createdAtOf(recording) <= context.settleMs;
}

/** Whether a recording has to go now, and why. */
async function judge(run: Run, attempt: AttemptState, state: RecordingState): Promise<Doomed | undefined | 'unclear'> {
  const { context, startedAtMs, tally } = run;
  const deadlineMs = recordingDeadline(context.policy, state.ref.tenant, state.ref.recording, completedAtsOf(attempt));
  const isListed = run.openUploads.source === 'listing';
  if (state.objects.deleting) {
    // One that is young may have opened its upload since.
    const areUploadsListed = isListed && !isYoung(run, state.ref.recording, startedAtMs);
    // That it stands there is what counts; why and for whom is for the receipt.
    const body = await context.store.get(recordingKey(state.ref, 'deleting')).catch(() => undefined);
    const asked = body && parseDeletion(body);
    const { reason = 'controller-instruction', actor = 'unknown' } = asked ?? {};
    return { state, areUploadsListed, deadlineMs, reason, actor };
  }
  // A run may last longer than the recording was young when it began: what is left of a deletion goes all the same.
  if (isYoung(run, state.ref.recording, context.now())) return undefined;
  // Every other object is written after the manifest: without one, they are what a request left after a deletion.
  const leftOver = state.items.length > 0 && !state.objects.manifest;
  const isDue = deadlineMs <= startedAtMs + context.leadMs && !isYoung(run, state.ref.recording, startedAtMs);
  const doomed: Doomed = { state, areUploadsListed: isListed, deadlineMs, reason: 'retention', actor: 'sweeper' };
  if (isDue || leftOver) return doomed;
  try {
    return (await wasPurged(run, state)) ? doomed : undefined;
  } catch (error) {
    tally.problem(failureOf(error), recordingPrefix(state.ref));
    return 'unclear';
  }
}

/** An assessment that comes between a purge that failed near its end and the next sweep keeps nothing any longer. */
async function wasPurged({ context }: Run, { ref, objects }: RecordingState): Promise<boolean> {
  // Its open upload says nothing: it was listed before the attempt, and a purge may have ended it since.
  if (objects.media) return false;
  return (await readReceipt(context.store, ref)) !== undefined;
}

/** What a listing of exactly the attempt shows after the purge and should not. */
export interface Surprises {
  /** Prefixes of recordings that are gone, and still there. */
  readonly left: readonly string[];
  /** Whether there are keys that the view lacks: it is a page shared with others, or they were written since. */
  readonly isMore: boolean;
}

/** Without it no entry goes. */
export async function findSurprises(
  { context, tally }: Run,
  { due, state, isExact, doomed }: AttemptView,
  gone: ReadonlySet<string>,
  versions: boolean,
): Promise<Surprises> {
  // What was listed by exactly its prefix, and is left as it was.
  if (isExact && doomed.length === 0) return { left: [], isMore: false };
  try {
    const attempt = await readAttempt(context.store, due.ref, { versions });
    const prefixes = attempt.recordings.map(({ ref }) => recordingPrefix(ref));
    const known = new Set(keysOf(state));
    return {
      left: prefixes.filter((prefix) => gone.has(prefix)),
      isMore: keysOf(attempt).some((key) => !known.has(key)),
    };
  } catch (error) {
    tally.problem(failureOf(error), attemptPrefix(due.ref));
    return { left: [], isMore: true };
  }
}

function keysOf({ recordings, assessments, unknownKeys }: AttemptState): string[] {
  const items = [...recordings.flatMap((recording) => recording.items), ...assessments];
  return [...items.map(({ key }) => key), ...unknownKeys];
}

/**
 * After the purge: which facts and due entries may go. Facts go when settled and past, entries when settled; an
 * attempt of which something stays keeps, or is given, an entry at its next deadline (docs/model/order-of-writes.py).
 */
export async function conclude(
  run: Run,
  { due, state, doomed, isUnclear }: AttemptView,
  gone: ReadonlySet<string>,
  storeTimeMs: number,
): Promise<Conclusion> {
  const { context, startedAtMs } = run;
  const failed =
    doomed.some(({ state: { ref } }) => !gone.has(recordingPrefix(ref))) ||
    state.unknownKeys.length > 0 ||
    isUnclear ||
    // An upload of this attempt may be all that is left of a recording.
    run.openUploads.source === 'unknown';
  if (failed) return { facts: [], entries: [] };
  const settledEntries = due.entries.filter((entry) => entry.settled);
  const completedAtsMs = completedAtsOf(state);
  const remaining = state.recordings.filter(({ ref }) => !gone.has(recordingPrefix(ref)));
  const deadlines = remaining.map(({ ref }) =>
    recordingDeadline(context.policy, ref.tenant, ref.recording, completedAtsMs),
  );
  const completedAtMs = firstAssessment(completedAtsMs);
  if (remaining.length === 0 && completedAtMs !== undefined) {
    const deadlineMs = assessedDeadline(context.policy, due.ref.tenant, completedAtMs);
    const settled = state.assessments.every((fact) => storeTimeMs - fact.lastModifiedMs > context.settleMs);
    if (!settled || deadlineMs > startedAtMs + context.leadMs) deadlines.push(deadlineMs);
  }
  if (deadlines.length === 0) return { facts: [...state.assessments], entries: settledEntries };

  const nextMs = Math.min(...deadlines);
  try {
    if (!due.entries.some((entry) => entry.timeMs === nextMs)) {
      await context.store.put(dueAttemptKey(nextMs, due.ref, newUniqueName(context.randomBytes)), new Uint8Array());
    }
  } catch (error) {
    run.tally.problem(failureOf(error), attemptPrefix(due.ref));
    return { facts: [], entries: [] };
  }
  return { facts: [], entries: settledEntries.filter((entry) => entry.timeMs !== nextMs) };
}
