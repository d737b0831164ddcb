// The warning before a loss: recordings that nobody has assessed, and that the sweep will delete within 72 hours.
import pMap from 'p-map';
import {
  type AttemptState,
  attemptStateOf,
  completedAtsOf,
  currentItems,
  findRecording,
  type RecordingState,
  readAttempt,
  targetsOf,
} from '../bucket/attempt.ts';
import { ATTEMPTS_PREFIX, attemptPrefix, DUE_PREFIX, parseKey, recordingKey } from '../bucket/layout.ts';
import { HOUR_MS } from '../model/durations.ts';
import { dueSoonEvent } from '../model/events.ts';
import type { AttemptRef } from '../model/ids.ts';
import { recordingDeadline } from '../model/retention.ts';
import { toIso, toKeyTime } from '../model/times.ts';
import { listTogether } from '../objectstore/list-together.ts';
import { type ListPage, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { inBatches } from './in-batches.ts';
import type { SweepContext } from './sweep-run.ts';

export interface DueSoon {
  readonly tenant: string;
  readonly count: number;
  /** The earliest deadline among them; they are deleted `DELETE_LEAD` before it. */
  readonly earliest: string;
}

export interface DueSoonReport {
  /** By tenant; none that has no such recording. */
  readonly unassessed: readonly DueSoon[];
  /** There are more attempts than were looked at, with later deadlines. */
  readonly more: boolean;
}

export interface DueSoonOptions {
  /** A page of the queue that reaches beyond what is due now, where one was listed already. */
  readonly page?: ListPage | undefined;
  /** Writes `recording.due-soon` for those who want it, once a recording. Default: false. */
  readonly announce?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Attempts looked at, the most urgent first. Default: 10,000. */
  readonly maxAttempts?: number;
}

const WINDOW_MS = 72 * HOUR_MS;
const MAX_ATTEMPTS = 10_000;
const BATCH_ATTEMPTS = 200;

interface Unassessed {
  readonly state: RecordingState;
  readonly deadlineMs: number;
}

/**
 * Reads the entries of the queue from `leadMs` to 72 hours after that, and the attempts that they lead to: nothing
 * where there is no entry in the page at hand, else a LIST page for 1000 entries, and for the attempts what
 * `listTogether` costs. Safe to repeat. @throws StoreError
 */
export async function findDueSoon(context: SweepContext, options: DueSoonOptions = {}): Promise<DueSoonReport> {
  const tenants = new Map<string, { count: number; earliestMs: number }>();
  const untilMs = context.now() + context.leadMs + WINDOW_MS;
  const entries = attemptsUntil(context, untilMs, options);
  for await (const batch of inBatches(entries.attempts, BATCH_ATTEMPTS)) {
    if (options.signal?.aborted) break;
    const states = await readAll(context, batch);
    const found = states.flatMap((attempt) => unassessedOf(context, attempt, untilMs));
    for (const { state, deadlineMs } of found) {
      const { tenant } = state.ref;
      const sum = tenants.get(tenant) ?? { count: 0, earliestMs: deadlineMs };
      tenants.set(tenant, { count: sum.count + 1, earliestMs: Math.min(sum.earliestMs, deadlineMs) });
    }
    if (options.announce) await announce(context, found);
  }
  return {
    unassessed: [...tenants].map(([tenant, { count, earliestMs }]) => {
      return { tenant, count, earliest: toIso(earliestMs) };
    }),
    more: entries.more(),
  };
}

function attemptsUntil(
  { store, now, leadMs }: SweepContext,
  untilMs: number,
  { page: head, maxAttempts = MAX_ATTEMPTS }: DueSoonOptions,
): { attempts: AsyncGenerator<AttemptRef, void, undefined>; more: () => boolean } {
  const fromMs = now() + leadMs;
  let more = false;
  async function* attempts() {
    const seen = new Set<string>();
    let page = head ?? (await store.list(DUE_PREFIX, { startAfter: DUE_PREFIX + toKeyTime(fromMs) }));
    for (;;) {
      for (const { key } of page.objects) {
        const parsed = parseKey(key);
        if (parsed && 'timeMs' in parsed && parsed.timeMs > untilMs) return;
        if (parsed?.type !== 'due-attempt' || parsed.timeMs <= fromMs || seen.has(attemptPrefix(parsed.ref))) continue;
        more = seen.size === maxAttempts;
        if (more) return;
        seen.add(attemptPrefix(parsed.ref));
        yield parsed.ref;
      }
      const last = page.objects.at(-1)?.key;
      if (!page.truncated || last === undefined) return;
      page = await store.list(DUE_PREFIX, { startAfter: last });
    }
  }
  return { attempts: attempts(), more: () => more };
}

async function readAll({ store }: SweepContext, refs: readonly AttemptRef[]): Promise<AttemptState[]> {
  const together = await listTogether(store, ATTEMPTS_PREFIX, refs.map(attemptPrefix));
  return pMap(
    refs,
    (ref) => {
      const listed = together.get(attemptPrefix(ref));
      return listed ? attemptStateOf(ref, currentItems(listed)) : readAttempt(store, ref);
    },
    { concurrency: STORE_CONCURRENCY },
  );
}

function unassessedOf({ policy, now }: SweepContext, attempt: AttemptState, untilMs: number): Unassessed[] {
  if (completedAtsOf(attempt).length > 0) return [];
  return attempt.recordings.flatMap((state) => {
    const deadlineMs = recordingDeadline(policy, state.ref.tenant, state.ref.recording, []);
    const isLive = state.objects.manifest && !state.objects.deleting && deadlineMs > now();
    return isLive && deadlineMs <= untilMs ? [{ state, deadlineMs }] : [];
  });
}

/**
 * The event, then the mark `announced`, so that a crash repeats the event, under the same id, rather than lose it;
 * then a second look, because a deletion may have overtaken the mark.
 */
async function announce({ store, outbox, now }: SweepContext, found: readonly Unassessed[]): Promise<void> {
  if (!outbox) return;
  const wanted = found.filter(
    ({ state: { ref, objects } }) => !objects.announced && outbox.wants(ref.tenant, 'recording.due-soon'),
  );
  for (const [tenant, own] of Map.groupBy(wanted, ({ state }) => state.ref.tenant)) {
    const atMs = now();
    await outbox.add(
      tenant,
      own.map(({ state, deadlineMs }) => dueSoonEvent(state.ref, atMs, deadlineMs)),
    );
  }
  await pMap(
    wanted,
    async ({ state: { ref } }) => {
      const key = recordingKey(ref, 'announced');
      await store.put(key, new Uint8Array());
      const later = findRecording(await readAttempt(store, ref), ref.recording);
      if (!later?.objects.manifest) await store.delete(await targetsOf(store, key, await store.isVersioned()));
    },
    { concurrency: STORE_CONCURRENCY },
  );
}
