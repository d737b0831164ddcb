// The warning before a loss: recordings that were not assessed, and that the sweep will delete within 72 hours.
import pMap from 'p-map';
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { QueuePage } from '../bucket/deletion-queue.ts';
import { actOnEach, inBatches } from '../bucket/listing.ts';
import { dueSoonEvent } from '../bucket/outbox.ts';
import { HOUR_MS } from '../model/durations.ts';
import { type AttemptRef, attemptId } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { DueSoonReport } from './report.ts';
import type { SweepContext } from './run.ts';

export interface DueSoonOptions {
  /** A page of the queue that reaches beyond what is due now, where one was listed already. */
  readonly page?: QueuePage | undefined;
  /** Writes `recording.due-soon` for tenants that subscribe to it, once a recording. Default: false. */
  readonly announce?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Attempts listed, the most urgent first. Default: 10,000. */
  readonly maxAttempts?: number;
}

const WINDOW_MS = 72 * HOUR_MS;
const MAX_ATTEMPTS = 10_000;
const BATCH_ATTEMPTS = 200;
const BATCHES_AT_ONCE = 3;

interface Unassessed {
  readonly state: RecordingState;
  readonly deadlineMs: number;
  readonly deletableFromMs: number;
}

/**
 * Reads the entries of the queue from `leadMs` to 72 hours after that, and the attempts that they lead to: no request
 * where the given page has no such entry, else a LIST page for 1000 entries, and for the attempts what `Bucket.attempts`
 * costs. Safe to repeat. @throws StoreError
 */
export async function findDueSoon(context: SweepContext, options: DueSoonOptions = {}): Promise<DueSoonReport> {
  const bucket = new Bucket(context);
  const { maxAttempts = MAX_ATTEMPTS } = options;
  const tenants = new Map<string, { count: number; earliestMs: number }>();
  const fromMs = context.now() + context.leadMs;
  const untilMs = fromMs + WINDOW_MS;
  const seen = new Set<string>();
  let more = false;

  async function* attempts(): AsyncGenerator<AttemptRef, void, undefined> {
    let page = options.page ?? (await bucket.queue.page({ fromMs }));
    for (;;) {
      for (const entry of page.entries) {
        if (entry.timeMs > untilMs || options.signal?.aborted) return;
        if (entry.type !== 'attempt' || entry.timeMs <= fromMs || seen.has(attemptId(entry.ref))) continue;
        more = seen.size === maxAttempts;
        if (more) return;
        seen.add(attemptId(entry.ref));
        yield entry.ref;
      }
      if (page.next === undefined) return;
      page = await bucket.queue.page({ after: page.next });
    }
  }

  async function inspect(batch: readonly AttemptRef[]): Promise<void> {
    const found = (await bucket.attempts(batch)).flatMap((attempt) => unassessedOf(context, attempt, untilMs));
    for (const { state, deadlineMs } of found) {
      const { tenant } = state.ref;
      const sum = tenants.get(tenant) ?? { count: 0, earliestMs: deadlineMs };
      tenants.set(tenant, { count: sum.count + 1, earliestMs: Math.min(sum.earliestMs, deadlineMs) });
    }
    if (options.announce) await announce(context, bucket, found);
  }

  await actOnEach(inBatches(attempts(), BATCH_ATTEMPTS), inspect, { concurrency: BATCHES_AT_ONCE });
  const unassessed = [...tenants].map(([tenant, { count, earliestMs }]) => {
    return { tenant, count, earliest: toIso(earliestMs) };
  });
  return { unassessed, more };
}

function unassessedOf({ now, leadMs }: SweepContext, attempt: Attempt, untilMs: number): Unassessed[] {
  if (attempt.assessedAtMs !== undefined) return [];
  return attempt.recordings.flatMap((state) => {
    const deadlineMs = attempt.deadlineMs(state.ref);
    if (!attempt.isLive(state, now()) || deadlineMs > untilMs) return [];
    return [{ state, deadlineMs, deletableFromMs: attempt.deletableFromMs(state.ref, leadMs) }];
  });
}

/**
 * The event, then the marker `announced`, so that a crash repeats the event, under the same id, rather than lose it; then
 * another listing, because a deletion may have overtaken the marker.
 */
async function announce({ outbox, now }: SweepContext, bucket: Bucket, found: readonly Unassessed[]): Promise<void> {
  if (!outbox) return;
  const wanted = found.filter(
    ({ state: { ref, objects } }) => !objects.announced && outbox.wants(ref.tenant, 'recording.due-soon'),
  );
  for (const [tenant, own] of Map.groupBy(wanted, ({ state }) => state.ref.tenant)) {
    const atMs = now();
    const events = own.map(({ state, deadlineMs, deletableFromMs }) =>
      dueSoonEvent(state.ref, atMs, deadlineMs, deletableFromMs),
    );
    await outbox.add(tenant, events);
  }
  await pMap(
    wanted,
    async ({ state: { ref } }) => {
      await bucket.mark(ref, 'announced');
      const later = await bucket.recording(ref);
      if (!later?.objects.manifest) await bucket.withdraw(ref, 'announced');
    },
    { concurrency: STORE_CONCURRENCY },
  );
}
