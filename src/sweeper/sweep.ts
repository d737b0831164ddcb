// The sweep: deletes what is due, oldest first, at a cost of what is due and not of what is stored.
import pMap from 'p-map';
import {
  ATTEMPTS_PREFIX,
  attemptPrefix,
  DUE_PREFIX,
  type ParsedKey,
  parseKey,
  recordingPrefix,
} from '../bucket/layout.ts';
import { clocksDiffer, toIso } from '../model/times.ts';
import { isAscending } from '../objectstore/key-order.ts';
import { listTogether } from '../objectstore/list-together.ts';
import { type ListedObject, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import { purgeRecordings } from '../recordings/purge.ts';
import { DELETION } from '../recordings/purging.ts';
import { newReceiptChain } from '../recordings/receipt-chain.ts';
import { bringForward } from './bring-forward.ts';
import { type DueSoonReport, findDueSoon } from './due-soon.ts';
import { expireAuditEvents, expireReceipts } from './expiry.ts';
import { findOpenUploads } from './open-uploads.ts';
import { salvageAbandonedUploads } from './salvage.ts';
import { type Conclusion, conclude, type DueAttempt, findSurprises, look } from './sweep-attempt.ts';
import { newTally, type SweepReport, toReport } from './sweep-report.ts';
import { deleteAll, guarded, type Run, type SweepContext, type SweepOptions } from './sweep-run.ts';

/** The run that refused to begin: exit code 2, nothing was changed. */
export class SweepRefused extends Error {
  override readonly name = 'SweepRefused';
  readonly code: 'clock-skew' | 'no-store-clock';

  constructor(code: SweepRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const CHUNK_ATTEMPTS = 200;
/** While one chunk waits for a batch of deletes, the others list. */
const CHUNKS_AT_ONCE = 3;
const NOTHING: Conclusion = { facts: [], entries: [] };

/**
 * One run. Safe to repeat, and two at once do no harm.
 * @throws SweepRefused when the local clock and the store's differ too much; StoreError when the index cannot be listed.
 */
export async function sweep(context: SweepContext, options: SweepOptions = {}): Promise<SweepReport> {
  const startedAtMs = context.now();
  const requestsBefore = context.requestCount();
  const tally = newTally();
  const run: Run = {
    context,
    options,
    tally,
    startedAtMs,
    openUploads: await findOpenUploads(context, tally, options),
    chain: newReceiptChain(context, 'sweep'),
    isVersioned: once(() => context.store.isVersioned()),
  };

  let page = await context.store.list(DUE_PREFIX);
  guardClock(context.now(), page.storeTimeMs);
  // What is due is judged by the time at which the run began: the clock may have been set since.
  guardClock(Math.max(startedAtMs, context.now()), page.storeTimeMs);
  if (await bringForward(run, page)) page = await context.store.list(DUE_PREFIX);
  for (;;) {
    const due = page.objects.filter((object) => dueTimeOf(object) <= startedAtMs + context.leadMs);
    await sweepPage(run, due, page.storeTimeMs);
    // What comes after an entry that is not due is not due either: in the order that S3 promises.
    const mayGoOn = due.length === page.objects.length || !isAscending(page.objects);
    const after = mayGoOn && page.truncated ? page.objects.at(-1)?.key : undefined;
    if (after === undefined || options.signal?.aborted) break;
    page = await context.store.list(DUE_PREFIX, { startAfter: after });
    guardClock(context.now(), page.storeTimeMs);
  }

  let dueSoon: DueSoonReport | undefined;
  if (!options.signal?.aborted) {
    if (options.dueSoon !== false) {
      await guarded(tally, 'due-soon', async () => {
        dueSoon = await findDueSoon(context, { page, announce: !options.dryRun, signal: options.signal });
      });
    }
    await guarded(tally, 'salvage', () => salvageAbandonedUploads(run));
    await guarded(tally, 'audit-expiry', () => expireAuditEvents(run));
  }
  const finishedAtMs = context.now();
  const requests = context.requestCount() - requestsBefore;
  return toReport(tally, { startedAtMs, finishedAtMs, dryRun: options.dryRun === true, requests, dueSoon });
}

/** A clock a year ahead would delete everything. @throws SweepRefused */
export function guardClock(nowMs: number, storeTimeMs: number): void {
  if (Number.isNaN(storeTimeMs))
    throw new SweepRefused('no-store-clock', 'the store sent no Date to check the clock by');
  if (clocksDiffer(nowMs, storeTimeMs)) {
    const skewMs = Math.abs(nowMs - storeTimeMs);
    const detail = `local ${toIso(nowMs)}, store ${toIso(storeTimeMs)}`;
    throw new SweepRefused(
      'clock-skew',
      `the local clock and the store's differ by ${Math.round(skewMs / 1000)} s (${detail})`,
    );
  }
}

/** The time in a due entry's key. One that nobody can read sorts as due, so that it is seen and reported. */
function dueTimeOf(object: ListedObject): number {
  const parsed = parseKey(object.key);
  return parsed && 'timeMs' in parsed ? parsed.timeMs : Number.NEGATIVE_INFINITY;
}

async function sweepPage(run: Run, due: readonly ListedObject[], storeTimeMs: number): Promise<void> {
  const { context, tally, options } = run;
  const attempts = new Map<string, DueAttempt>();
  const expired: (ParsedKey & { type: 'due-receipts' } & { key: string })[] = [];
  for (const object of due) {
    const parsed = parseKey(object.key);
    const settled = storeTimeMs - object.lastModifiedMs > context.settleMs;
    if (parsed?.type === 'due-attempt') {
      const id = attemptPrefix(parsed.ref);
      const attempt = attempts.get(id) ?? { ref: parsed.ref, entries: [] };
      attempt.entries.push({ key: object.key, timeMs: parsed.timeMs, settled });
      attempts.set(id, attempt);
    } else if (parsed?.type === 'due-receipts') {
      if (parsed.timeMs <= run.startedAtMs && settled) expired.push({ ...parsed, key: object.key });
    } else if (parsed?.type !== 'due-orders') tally.problem({ code: 'unknown-key' }, object.key);
  }
  const all = [...attempts.values()];
  const size = context.chunkAttempts ?? CHUNK_ATTEMPTS;
  const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
  await pMap(
    chunks,
    async (chunk) => {
      if (options.signal?.aborted) return;
      await sweepChunk(run, chunk, storeTimeMs).catch((error: unknown) => {
        for (const { ref, entries } of chunk) {
          tally.attemptFailed(entries[0]?.timeMs ?? Number.NaN, context.now(), failureOf(error), attemptPrefix(ref));
        }
      });
      context.onProgress?.(tally.progress());
    },
    { concurrency: CHUNKS_AT_ONCE },
  );
  if (!options.signal?.aborted) await expireReceipts(run, expired);
}

/** `shared`: whether attempts may be looked at in listings that they share. */
async function sweepChunk(run: Run, chunk: readonly DueAttempt[], storeTimeMs: number, shared = true): Promise<void> {
  const { context, tally, options } = run;
  const versioned = await run.isVersioned();
  const prefixes = chunk.map(({ ref }) => attemptPrefix(ref));
  const together = versioned || !shared ? undefined : await listTogether(context.store, ATTEMPTS_PREFIX, prefixes);
  const looked = await pMap(
    chunk,
    (attempt) => look(run, attempt, versioned, together?.get(attemptPrefix(attempt.ref))),
    { concurrency: STORE_CONCURRENCY },
  );
  const found = looked.filter((view) => view !== undefined);
  if (options.dryRun) {
    for (const view of found) for (const doomed of view.doomed) tally.would(doomed);
    return;
  }
  const doomed = found.flatMap((view) => view.doomed);
  const deadlines = new Map(doomed.map(({ state, deadlineMs }) => [recordingPrefix(state.ref), deadlineMs]));
  const gone = new Set<string>();
  for (const outcome of await purgeRecordings(context, doomed, versioned, run.chain)) {
    const prefix = recordingPrefix(outcome.ref);
    tally.outcome(outcome, deadlines.get(prefix) ?? Number.NaN, context.now());
    if ('receipt' in outcome) gone.add(prefix);
  }
  const again: DueAttempt[] = [];
  const concluded = await pMap(
    found,
    async (view) => {
      const { left, isMore } = await findSurprises(run, view, gone, versioned);
      if (left.length === 0 && !isMore) return conclude(run, view, gone, storeTimeMs);
      if (shared) again.push(view.due);
      else for (const prefix of left) tally.problem({ code: 'objects-stay', operation: DELETION }, prefix);
      return NOTHING;
    },
    { concurrency: STORE_CONCURRENCY },
  );
  await finish(run, concluded, versioned);
  if (again.length > 0) await sweepChunk(run, again, storeTimeMs, false);
}

/** An entry goes only after everything that it leads to. */
async function finish(run: Run, concluded: readonly Conclusion[], versioned: boolean): Promise<void> {
  const left = await deleteAll(
    run,
    concluded.flatMap(({ facts }) => facts),
    versioned,
  );
  const complete = concluded.filter(({ facts }) => !facts.some(({ key }) => left.has(key)));
  await deleteAll(
    run,
    complete.flatMap(({ entries }) => entries),
    versioned,
  );
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
}
