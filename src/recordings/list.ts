// The recordings of an attempt, of an exam and of a participant, page by page.
import pMap, { pMapIterable } from 'p-map';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { ServiceError } from '../model/errors.ts';
import { type AttemptRef, attemptId, type ParticipantRef, type RecordingRef } from '../model/ids.ts';
import type { Recording } from '../model/recording.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { readCursor, writeCursor } from './page-cursor.ts';
import { type LiveRecording, readManifest, toRecording } from './read.ts';

export interface ListFilter {
  readonly assessed?: boolean | undefined;
  /** Only recordings whose deadline is before this time. */
  readonly dueBeforeMs?: number | undefined;
}

export interface ListQuery extends ListFilter {
  /** At most this many items, 1 to 200. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

interface AttemptListQuery extends ListQuery {
  /** Only this participant's. */
  readonly participantId?: string | undefined;
}

export interface RecordingPage {
  readonly items: Recording[];
  readonly nextCursor: string | null;
}

/** How many keys one page may look through: a rare filter then gives short pages, never a slow request. */
const MAX_KEYS_A_PAGE = 5000;
/** Participant index entries read at once: twice as many are what a walk holds in memory. */
const ENTRIES_A_STEP = 64;
const STEPS_AT_ONCE = 2;
/** How many participant index entries one page may look at. */
const MAX_ENTRIES_A_PAGE = 1000;

/**
 * The live recordings of one attempt or exam, attempt by attempt; of each attempt the oldest first. A page of one
 * participant may be shorter: it ends when as many recordings were looked at as it may have.
 */
export async function listRecordings(
  context: RecordingsContext,
  scope: AttemptRef | { tenant: string; exam: string },
  { limit, cursor, participantId, ...filter }: AttemptListQuery,
): Promise<RecordingPage> {
  const from = cursor === undefined ? undefined : readCursor(cursor, scope);
  const items: Recording[] = [];
  let keysRead = 0;
  let ofOthers = 0;
  /** Read together, and never more than the page has room for. */
  let chosen: { readonly attempt: Attempt; readonly state: RecordingState }[] = [];
  async function readOne({ attempt, state }: (typeof chosen)[number]): Promise<Recording | 'of-another' | undefined> {
    const { live } = await readHeld(context, attempt, state);
    if (!live) return undefined;
    if (participantId !== undefined && live.manifest.participantId !== participantId) return 'of-another';
    return toRecording(context, live);
  }
  async function readChosen(): Promise<void> {
    const read = await pMap(chosen, readOne, { concurrency: STORE_CONCURRENCY });
    chosen = [];
    for (const one of read) {
      if (one === 'of-another') ofOthers += 1;
      else if (one) items.push(one);
    }
  }
  for await (const attempt of new Bucket(context).attemptsIn(scope, { from })) {
    keysRead += attempt.recordings.reduce((sum, state) => sum + state.items.length, 0);
    const isFirst = from?.exam === attempt.ref.exam && from.attempt === attempt.ref.attempt;
    for (const state of attempt.recordings) {
      if (isFirst && state.ref.recording <= from.recording) continue;
      if (!isListed(context, attempt, state, filter)) continue;
      chosen.push({ attempt, state });
      if (items.length + ofOthers + chosen.length < limit) continue;
      await readChosen();
      if (items.length + ofOthers === limit) return { items, nextCursor: writeCursor(state.ref) };
    }
    const last = attempt.recordings.at(-1);
    if (keysRead < MAX_KEYS_A_PAGE || !last) continue;
    await readChosen();
    return { items, nextCursor: writeCursor(last.ref) };
  }
  await readChosen();
  return { items, nextCursor: null };
}

/** The live recordings of one participant, by exam, attempt and creation. */
export async function listParticipantRecordings(
  context: RecordingsContext,
  participant: ParticipantRef,
  { limit, cursor, ...filter }: ListQuery,
): Promise<RecordingPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor, { tenant: participant.tenant });
  const found: LiveRecording[] = [];
  const page = async (last?: RecordingRef) => {
    const items = await pMap(found, (live) => toRecording(context, live), { concurrency: STORE_CONCURRENCY });
    return { items, nextCursor: last ? writeCursor(last) : null };
  };
  let entriesRead = 0;
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const entriesAStep = isFiltered ? ENTRIES_A_STEP : limit;
  for await (const { ref, live } of heldRecordings(context, participant, { after, filter, entriesAStep })) {
    entriesRead += 1;
    if (live) found.push(live);
    if (found.length === limit || entriesRead === MAX_ENTRIES_A_PAGE) return page(ref);
  }
  return page();
}

/** What a participant index entry leads to. */
export interface HeldRecording {
  readonly ref: RecordingRef;
  /** Undefined: filtered out, or deleted, being deleted or past its deadline, so that no caller can reach it any more. */
  readonly live: LiveRecording | undefined;
  /** Its manifest exists and cannot be read: an operator has to look. */
  readonly isUnreadable: boolean;
}

/**
 * Everything that the participant index leads to (policy 9.1); one LIST an attempt and one GET a recording, those of
 * `entriesAStep` index entries at once.
 */
export async function* heldRecordings(
  context: RecordingsContext,
  participant: ParticipantRef,
  {
    after,
    filter = {},
    entriesAStep = ENTRIES_A_STEP,
  }: { after?: RecordingRef | undefined; filter?: ListFilter; entriesAStep?: number } = {},
): AsyncGenerator<HeldRecording, void, undefined> {
  const bucket = new Bucket(context);
  const steps = bucket.recordingsOf(participant, { after, limit: entriesAStep });
  const readStep = (refs: readonly RecordingRef[]): Promise<HeldRecording[]> => {
    // The recordings of an attempt are neighbours, and share its listing.
    const attempts = new Map<string, Promise<Attempt>>();
    return pMap(refs, async (ref) => {
      const listing = attempts.get(attemptId(ref)) ?? bucket.attempt(ref);
      attempts.set(attemptId(ref), listing);
      const attempt = await listing;
      const state = attempt.recording(ref.recording);
      if (state && isListed(context, attempt, state, filter)) return readHeld(context, attempt, state);
      return { ref, live: undefined, isUnreadable: false };
    });
  };
  for await (const held of pMapIterable(steps, readStep, { concurrency: STEPS_AT_ONCE })) yield* held;
}

/** Whether it is live, and matches the filter. */
function isListed(
  context: RecordingsContext,
  attempt: Attempt,
  state: RecordingState,
  { assessed, dueBeforeMs }: ListFilter,
): boolean {
  return (
    attempt.isLive(state, context.now()) &&
    (assessed === undefined || assessed === (attempt.assessedAtMs !== undefined)) &&
    (dueBeforeMs === undefined || attempt.deadlineMs(state.ref) < dueBeforeMs)
  );
}

/** Not live when it was deleted since the listing, or cannot be read: `verify` reports that; the list continues. */
async function readHeld(context: RecordingsContext, attempt: Attempt, state: RecordingState): Promise<HeldRecording> {
  const { ref } = state;
  try {
    const manifest = await readManifest(context, ref);
    return { ref, live: { attempt, state, deadlineMs: attempt.deadlineMs(ref), manifest }, isUnreadable: false };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { ref, live: undefined, isUnreadable: error.code === 'recording-unreadable' };
  }
}
