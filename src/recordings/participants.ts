// What is held of a participant, across exams, found by the markers that every recording has (policy 9.1).
import pMap from 'p-map';
import { completedAtsOf, findRecording, readAttempt } from '../bucket/attempt.ts';
import { attemptPrefix, parseKey, participantKey, participantPrefix } from '../bucket/layout.ts';
import { ServiceError } from '../model/errors.ts';
import type { ParticipantRef, RecordingRef } from '../model/ids.ts';
import { recordingDeadline } from '../model/retention.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { RecordingsContext } from './context.ts';
import { isListed, type ListFilter, type ListQuery, type RecordingPage, readCursor, writeCursor } from './list.ts';
import { type LiveRecording, readManifest, viewOf } from './read.ts';

/** Markers read at once: what a walk holds in memory. */
const MARKERS_A_STEP = 64;
/** Attempts listed at once. */
const LIST_CONCURRENCY = 16;
/** How many markers one page may look at: a rare filter then gives short pages, never a slow request. */
const MAX_MARKERS_A_PAGE = 1000;
const EVERYTHING: ListFilter = { assessed: undefined, dueBeforeMs: undefined };

/** What a marker leads to. */
export interface HeldRecording {
  readonly ref: RecordingRef;
  /** Undefined: not wanted, or deleted, being deleted or past its deadline, so that nobody can reach it any more. */
  readonly live: LiveRecording | undefined;
  /** Its manifest is there and cannot be read: a person has to look. */
  readonly isUnreadable: boolean;
}

/**
 * The markers of a participant in the order of their keys (exam, attempt, creation), a thousand at a time. Those that are
 * deleted meanwhile are skipped; those that are added may be.
 */
export async function* markersOf(
  store: ObjectStore,
  { tenant, participant }: ParticipantRef,
  { after, limit }: { after?: RecordingRef | undefined; limit?: number } = {},
): AsyncGenerator<RecordingRef[], void, undefined> {
  const prefix = participantPrefix(tenant, participant);
  let startAfter = after && participantKey(participant, after);
  for (;;) {
    const page = await store.list(prefix, { startAfter, ...(limit === undefined ? {} : { limit }) });
    const parsed = page.objects.map(({ key }) => parseKey(key));
    yield parsed.flatMap((marker) => (marker?.type === 'participant' ? [marker.ref] : []));
    startAfter = page.objects.at(-1)?.key;
    if (!page.truncated || startAfter === undefined) return;
  }
}

/** What every marker leads to; one LIST an attempt and one GET a recording, some at once. */
export async function* heldRecordings(
  context: RecordingsContext,
  who: ParticipantRef,
  { after, filter = EVERYTHING }: { after?: RecordingRef | undefined; filter?: ListFilter } = {},
): AsyncGenerator<HeldRecording, void, undefined> {
  for await (const refs of markersOf(context.store, who, { after, limit: MARKERS_A_STEP })) {
    // The recordings of an attempt are neighbours.
    const attempts = [...Map.groupBy(refs, attemptPrefix).values()];
    const found = await pMap(attempts, (ofAttempt) => readHeld(context, ofAttempt, filter), {
      concurrency: LIST_CONCURRENCY,
    });
    yield* found.flat();
  }
}

async function readHeld(
  context: RecordingsContext,
  refs: readonly RecordingRef[],
  filter: ListFilter,
): Promise<HeldRecording[]> {
  const [first] = refs;
  if (!first) return [];
  const attempt = await readAttempt(context.store, first);
  return Promise.all(
    refs.map(async (ref) => {
      const state = findRecording(attempt, ref.recording);
      if (!state || !isListed(context, attempt, state, filter)) return { ref, live: undefined, isUnreadable: false };
      const deadlineMs = recordingDeadline(context.policy, ref.tenant, ref.recording, completedAtsOf(attempt));
      try {
        const manifest = await readManifest(context, ref);
        return { ref, live: { attempt, state, deadlineMs, manifest }, isUnreadable: false };
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        return { ref, live: undefined, isUnreadable: error.code === 'recording-unreadable' };
      }
    }),
  );
}

/** The live recordings of one participant, by exam, attempt and creation. */
export async function listParticipantRecordings(
  context: RecordingsContext,
  who: ParticipantRef,
  { limit, cursor, assessed, dueBeforeMs }: ListQuery,
): Promise<RecordingPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor, who.tenant, '');
  const items: RecordingPage['items'] = [];
  let lookedAt = 0;
  for await (const { ref, live } of heldRecordings(context, who, { after, filter: { assessed, dueBeforeMs } })) {
    lookedAt += 1;
    if (live) items.push(await viewOf(context, live.attempt, live.state, live.manifest));
    if (items.length === limit || lookedAt === MAX_MARKERS_A_PAGE) return { items, nextCursor: writeCursor(ref) };
  }
  return { items, nextCursor: null };
}
