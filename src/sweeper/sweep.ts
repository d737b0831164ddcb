// The sweep: deletes what is due, oldest first, at a cost of what is due and not of what is stored.
import pMap from 'p-map';
import { type Attempt, hasLostManifest, type RecordingState } from '../bucket/attempt.ts';
import { DELETION } from '../bucket/bucket.ts';
import type { AttemptEntry, QueueEntry, QueuePage } from '../bucket/deletion-queue.ts';
import { UNKNOWN_INTENT } from '../bucket/documents.ts';
import type { StoredItem } from '../bucket/listing.ts';
import { isProof } from '../bucket/receipt-log.ts';
import { type AttemptRef, attemptId, recordingId } from '../model/ids.ts';
import { clocksDiffer, toIso } from '../model/times.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { onBehalfOf } from '../objectstore/work.ts';
import { failureOf } from '../recordings/failure.ts';
import { type DeletionCandidate, purgeRecordings } from '../recordings/purge.ts';
import { isAhead, leadsNowhereYet, leftByCreation, moveClaims } from './claims.ts';
import { findDueSoon } from './due-soon.ts';
import { expireAuditEvents, expireReceipts } from './expiry.ts';
import { boundClaims, bringEntriesBack, isFromFuture } from './from-future.ts';
import { growLogs } from './grow-logs.ts';
import { findOpenUploads, type OpenUploads, recoverAbandonedUploads } from './recover-uploads.ts';
import type { DueSoonReport, SweepReport } from './report.ts';
import { requeueForOverrides } from './requeue.ts';
import { type Foresee, type SweepContext, type SweepOptions, SweepRun } from './run.ts';

/** The run that refused to begin: exit code 2, nothing was changed. */
export class SweepRefused extends Error {
  override readonly name = 'SweepRefused';
  readonly code: 'clock-skew' | 'no-store-clock' | 'clock-stepped';

  constructor(code: SweepRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const CHUNK_ATTEMPTS = 200;
/** While one chunk waits for a batch of deletes, the others list. */
const CHUNKS_AT_ONCE = 3;

/** An attempt that entries of the queue lead to. */
interface DueAttempt {
  readonly ref: AttemptRef;
  readonly entries: readonly AttemptEntry[];
}

/** What one listing of a due attempt shows: which of its recordings must be deleted now, and which are kept. */
interface InspectedAttempt {
  readonly due: DueAttempt;
  readonly attempt: Attempt;
  readonly candidates: readonly DeletionCandidate[];
  /** For one of its recordings it could not be read whether it was purged before. */
  readonly isUnclear: boolean;
  /** Listed by exactly its prefix, and not from a page that it shares with others. */
  readonly isExact: boolean;
}

/**
 * One run. Safe to repeat, and two at once do no harm.
 * @throws SweepRefused when the local clock and the store's differ too much; StoreError when the queue cannot be listed.
 */
export async function sweep(context: SweepContext, options: SweepOptions = {}): Promise<SweepReport> {
  const requestsBefore = context.requestCount();
  const run = new SweepRun(context, options);
  const { bucket, tally, startedAtMs } = run;
  const uploads = await findOpenUploads(run);

  let page = await bucket.queue.page();
  guardClock(context.now(), page.storeTimeMs);
  // What is due is judged by the time at which the run began: the clock may have been set since.
  guardClock(Math.max(startedAtMs, context.now()), page.storeTimeMs);
  const head = page;
  const foresee: Foresee = (entries) => sweepPage(run, uploads, head, entries);
  const isBack = options.fromFuture !== false && (await bringEntriesBack(run, head, foresee));
  if ((await requeueForOverrides(run, head, foresee)) || isBack) page = await bucket.queue.page();
  for (;;) {
    const due = page.entries.filter(({ timeMs }) => timeMs <= startedAtMs + context.leadMs);
    await sweepPage(run, uploads, page, due);
    const mayGoOn = due.length === page.entries.length || !page.isAscending;
    if (!mayGoOn || page.next === undefined || run.isStopped) break;
    page = await bucket.queue.page({ after: page.next });
    guardClock(context.now(), page.storeTimeMs);
  }

  let dueSoon: DueSoonReport | undefined;
  if (!run.isStopped) {
    if (options.dueSoon !== false) {
      // Claims that were moved meanwhile are not on the page.
      const listed = run.haveClaimsMoved ? undefined : page;
      const how = { page: listed, announce: !options.dryRun, signal: options.signal };
      dueSoon = await run.guard('due-soon', () => findDueSoon(context, how));
    }
    await run.guard('salvage', () => recoverAbandonedUploads(run, uploads));
    await run.guard('audit-expiry', () => expireAuditEvents(run));
    await growLogs(run);
  }
  return tally.toReport({
    startedAtMs,
    finishedAtMs: context.now(),
    dryRun: options.dryRun === true,
    requests: context.requestCount() - requestsBefore,
    dueSoon,
  });
}

/** A clock a year ahead would delete everything. @throws SweepRefused */
export function guardClock(nowMs: number, storeTimeMs: number): void {
  if (Number.isNaN(storeTimeMs))
    throw new SweepRefused('no-store-clock', 'the store sent no Date to check the clock by');
  if (!clocksDiffer(nowMs, storeTimeMs)) return;
  const skewSeconds = Math.round(Math.abs(nowMs - storeTimeMs) / 1000);
  const detail = `local ${toIso(nowMs)}, store ${toIso(storeTimeMs)}`;
  throw new SweepRefused('clock-skew', `the local clock and the store's differ by ${skewSeconds} s (${detail})`);
}

async function sweepPage(
  run: SweepRun,
  uploads: OpenUploads,
  { storeTimeMs }: QueuePage,
  due: readonly QueueEntry[],
): Promise<void> {
  const { context, tally } = run;
  const attempts = new Map<string, { ref: AttemptRef; entries: AttemptEntry[] }>();
  const expired: QueueEntry[] = [];
  const claims: AttemptEntry[] = [];
  for (const entry of due) {
    if (entry.type === 'attempt') {
      if (run.options.dryRun && isAhead(run, entry))
        tally.problem({ code: 'from-future' }, run.bucket.attemptName(entry.ref));
      if (leadsNowhereYet(run, entry)) {
        claims.push(entry);
        continue;
      }
      if (run.foreseen.has(attemptId(entry.ref))) continue;
      const attempt = attempts.get(attemptId(entry.ref)) ?? { ref: entry.ref, entries: [] };
      attempt.entries.push(entry);
      attempts.set(attemptId(entry.ref), attempt);
    } else if (entry.type === 'receipts') {
      if (entry.timeMs <= run.startedAtMs && !run.isYoung(entry.ageMs)) expired.push(entry);
    } else if (entry.type === 'unknown') tally.problem({ code: 'unknown-key' }, entry.key);
  }
  if (run.options.dryRun) for (const id of attempts.keys()) run.foreseen.add(id);
  // Neighbours share listings.
  const all = [...attempts.values()].toSorted((a, b) => (attemptId(a.ref) < attemptId(b.ref) ? -1 : 1));
  const size = context.chunkAttempts ?? CHUNK_ATTEMPTS;
  const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
  const sweepNext = async (chunk: readonly DueAttempt[]) => {
    if (run.isStopped) return;
    try {
      // Work of its own: a chunk that began earlier goes first, so that one deletes while the next one reads.
      await onBehalfOf({ urgency: 'background' }, () => new ChunkSweep(run, uploads, storeTimeMs).sweep(chunk));
    } catch (error) {
      for (const attempt of chunk) failAttempt(run, attempt, error);
    }
    context.onProgress?.(tally.progress);
  };
  await pMap(chunks, sweepNext, { concurrency: CHUNKS_AT_ONCE });
  if (!run.isStopped) await expireReceipts(run, expired);
  if (!run.isStopped) await moveClaims(run, claims);
}

function failAttempt({ bucket, context, tally }: SweepRun, { ref, entries }: DueAttempt, error: unknown): void {
  const dueMs = entries[0]?.timeMs ?? Number.NaN;
  tally.overdue(failureOf(error), bucket.attemptName(ref), dueMs, context.now());
}

/** It was listed by exactly its prefix, and nothing of it is deleted. */
function isLeftAsListed({ isExact, candidates }: InspectedAttempt): boolean {
  return isExact && candidates.length === 0;
}

/** Attempts that are processed together: inspected, purged, listed again, acknowledged. */
class ChunkSweep {
  readonly #run: SweepRun;
  readonly #uploads: OpenUploads;
  readonly #storeTimeMs: number;
  /** Recordings that this chunk deleted. */
  readonly #deleted = new Set<string>();

  constructor(run: SweepRun, uploads: OpenUploads, storeTimeMs: number) {
    this.#run = run;
    this.#uploads = uploads;
    this.#storeTimeMs = storeTimeMs;
  }

  /** `shared`: whether attempts may be inspected in listings that they share. */
  async sweep(chunk: readonly DueAttempt[], shared = true): Promise<void> {
    const inspected = await this.#inspect(chunk, shared);
    if (this.#run.options.dryRun) return this.#reportCandidates(inspected);
    await this.#purge(inspected);
    const toList = inspected.filter((one) => !isLeftAsListed(one)).map(({ due }) => due.ref);
    const listed = this.#run.bucket.listExactly(toList);
    const again: DueAttempt[] = [];
    const complete: InspectedAttempt[] = [];
    await pMap(
      inspected,
      async (one) => {
        const { left, isMore } = await this.#findSurprises(one, listed);
        if (left.length === 0 && !isMore) complete.push(one);
        else if (shared) again.push(one.due);
        else for (const key of left) this.#run.tally.problem({ code: 'objects-stay', operation: DELETION }, key);
      },
      { concurrency: STORE_CONCURRENCY },
    );
    await this.#acknowledge(complete);
    if (again.length > 0) await this.sweep(again, false);
  }

  async #inspect(chunk: readonly DueAttempt[], shared: boolean): Promise<InspectedAttempt[]> {
    const { bucket } = this.#run;
    const refs = chunk.map(({ ref }) => ref);
    const together = shared && !(await bucket.isVersioned()) ? await bucket.listTogether(refs) : undefined;
    const inspectOne = async (due: DueAttempt): Promise<InspectedAttempt[]> => {
      try {
        const uploads = this.#uploads.byAttempt.get(attemptId(due.ref)) ?? [];
        const listed = together?.(due.ref, uploads);
        const attempt = listed ?? (await bucket.attempt(due.ref, { everything: true, uploads }));
        return [{ due, attempt, isExact: !listed, ...(await this.#decide(attempt)) }];
      } catch (error) {
        failAttempt(this.#run, due, error);
        return [];
      }
    };
    return (await pMap(chunk, inspectOne, { concurrency: STORE_CONCURRENCY })).flat();
  }

  async #decide(attempt: Attempt): Promise<Pick<InspectedAttempt, 'candidates' | 'isUnclear'>> {
    const { tally } = this.#run;
    for (const key of attempt.unknownKeys) tally.problem({ code: 'unknown-key' }, key);
    const decisions = await pMap(attempt.recordings, (state) => this.#decideOn(attempt, state), {
      concurrency: STORE_CONCURRENCY,
    });
    const candidates = decisions.filter((decision) => typeof decision !== 'string');
    tally.count('due', candidates.length);
    tally.count('kept', decisions.length - candidates.length);
    return { candidates, isUnclear: decisions.includes('unclear') };
  }

  /** Whether a recording must be deleted now, and why. */
  async #decideOn(attempt: Attempt, state: RecordingState): Promise<DeletionCandidate | 'keep' | 'unclear'> {
    const { bucket, context, startedAtMs, tally } = this.#run;
    const createdAtMs = attempt.createdAtMs(state);
    const deadlineMs = attempt.deadlineMs(state.ref);
    const isListing = this.#uploads.source === 'listing';
    const wasYoung = this.#run.isYoung(startedAtMs - createdAtMs);
    if (state.objects.deleting) {
      // The intent is what counts; its reason and actor are for the receipt.
      const intent = await bucket.read(state.ref, 'deleting').catch(() => undefined);
      const known = intent && intent !== 'unreadable' ? intent : undefined;
      const { reason, actor } = known ?? UNKNOWN_INTENT;
      return {
        state,
        // A young one may have opened its upload since the uploads were listed.
        areUploadsListed: isListing && !wasYoung,
        deadlineMs: attempt.deadlineOfDeletion(state.ref, known?.deadline),
        reason,
        actor,
        hasIntent: true,
      };
    }
    // A run may last longer than the recording was young when it began: what is left of a deletion is deleted all the same.
    if (this.#run.isYoung(context.now() - createdAtMs)) return 'keep';
    const { manifest, media } = state.objects;
    // Whether a receipt proves its deletion is read below.
    const isLeftOver = state.items.length > 0 && !manifest && !hasLostManifest(state, false);
    const isDue = deadlineMs <= startedAtMs + context.leadMs && !wasYoung;
    const candidate: DeletionCandidate = {
      state,
      areUploadsListed: isListing,
      deadlineMs,
      reason: 'retention',
      actor: 'sweeper',
    };
    if (isDue || isLeftOver) return candidate;
    // An open upload proves nothing: it was listed before the attempt, and a purge may have ended it since.
    if (media && manifest) return 'keep';
    try {
      // An assessment between a purge that failed near its end and the next sweep keeps nothing any longer.
      return (await isProof(context.signer, await bucket.readReceipt(state.ref))) ? candidate : 'keep';
    } catch (error) {
      tally.problem(failureOf(error), bucket.recordingName(state.ref));
      return 'unclear';
    }
  }

  #reportCandidates(inspected: readonly InspectedAttempt[]): void {
    const { bucket, tally } = this.#run;
    for (const { candidates } of inspected) {
      for (const candidate of candidates) tally.would(candidate, bucket.recordingName(candidate.state.ref));
    }
  }

  async #purge(inspected: readonly InspectedAttempt[]): Promise<void> {
    const { bucket, chain, context, tally } = this.#run;
    const candidates = inspected.flatMap((one) => one.candidates);
    const outcomes = await purgeRecordings(context, bucket, candidates, { chain });
    for (const [index, outcome] of outcomes.entries()) {
      const { ref, result } = outcome;
      tally.purged(outcome, bucket.recordingName(ref), candidates[index]?.deadlineMs ?? Number.NaN, context.now());
      if (result !== 'failed') this.#deleted.add(recordingId(ref));
    }
  }

  /**
   * What a listing of exactly the attempt shows after the purge and should not: `left` is deleted, and still there;
   * `isMore` are keys that were not inspected, in a page shared with others, or because they were written since. Without
   * such a listing nothing is acknowledged.
   */
  async #findSurprises(inspected: InspectedAttempt, listed: (ref: AttemptRef) => Promise<Attempt>) {
    const { bucket, tally } = this.#run;
    const { due, attempt } = inspected;
    if (isLeftAsListed(inspected)) return { left: [], isMore: false };
    try {
      const later = await listed(due.ref);
      const known = new Set(attempt.keys);
      const left = later.recordings.filter(({ ref }) => this.#deleted.has(recordingId(ref)));
      return {
        left: left.map(({ ref }) => bucket.recordingName(ref)),
        isMore: later.keys.some((key) => !known.has(key)),
      };
    } catch (error) {
      tally.problem(failureOf(error), bucket.attemptName(due.ref));
      return { left: [], isMore: true };
    }
  }

  /** Assessment records first: an entry is deleted only after everything that it leads to. */
  async #acknowledge(inspected: readonly InspectedAttempt[]): Promise<void> {
    const run = this.#run;
    const over: { readonly records: readonly string[]; readonly entries: readonly string[] }[] = [];
    await pMap(inspected, async (one) => over.push(await this.#whatIsOver(one)), { concurrency: STORE_CONCURRENCY });
    const left = await run.remove(over.flatMap(({ records }) => records));
    const complete = over.filter(({ records }) => !records.some((key) => left.has(key)));
    await run.remove(complete.flatMap(({ entries }) => entries));
  }

  /**
   * Which assessment records and queue entries may be deleted after the purge: records past their deadline and grace
   * period, entries past the grace period. An attempt of which something is kept has, or is given, an entry at its next
   * deadline (docs/model/order-of-writes.py).
   */
  async #whatIsOver({ due, attempt, candidates, isUnclear }: InspectedAttempt) {
    const { bucket, context, startedAtMs, tally } = this.#run;
    const isDeleted = ({ ref }: RecordingState) => this.#deleted.has(recordingId(ref));
    const nothing = { records: [], entries: [] };
    // First of all: whatever else is wrong with the attempt must not keep it.
    if (isFromFuture(attempt, context.now()) && (await this.#bound(attempt))) return nothing;
    const isYoung = ({ lastModifiedMs }: StoredItem) => this.#run.isYoung(this.#storeTimeMs - lastModifiedMs);
    const isIncomplete =
      candidates.some(({ state }) => !isDeleted(state)) ||
      attempt.unknownKeys.length > 0 ||
      attempt.assessing.some(isYoung) ||
      isUnclear ||
      // An upload of this attempt may be all that is left of a recording.
      this.#uploads.source === 'unknown';
    if (isIncomplete) return nothing;
    const past = due.entries.filter(({ ageMs }) => !this.#run.isYoung(ageMs));
    const leftBehind = attempt.assessing.map(({ key }) => key);
    try {
      for (const { ref, creation } of past) {
        if (!creation || attempt.recording(creation.recording)?.objects.manifest) continue;
        leftBehind.push(...(await leftByCreation(this.#run, { ...ref, recording: creation.recording }, creation)));
      }
    } catch (error) {
      tally.problem(failureOf(error), bucket.attemptName(due.ref));
      return nothing;
    }
    const nextMs = attempt.nextDeadlineMs(this.#deleted);
    const areRecordsOver =
      attempt.recordings.every(isDeleted) &&
      !attempt.assessments.some(isYoung) &&
      !(nextMs !== undefined && nextMs > startedAtMs + context.leadMs);
    if (nextMs === undefined || areRecordsOver) {
      return {
        records: [...attempt.assessments.map(({ key }) => key), ...leftBehind],
        entries: past.map(({ key }) => key),
      };
    }
    try {
      if (!due.entries.some(({ timeMs }) => timeMs === nextMs)) await bucket.queue.enqueue(due.ref, nextMs);
    } catch (error) {
      tally.problem(failureOf(error), bucket.attemptName(due.ref));
      return nothing;
    }
    return { records: leftBehind, entries: past.filter(({ timeMs }) => timeMs !== nextMs).map(({ key }) => key) };
  }

  /** False where the purge left nothing to be bounded. */
  async #bound({ ref }: Attempt): Promise<boolean> {
    const { bucket, context, tally } = this.#run;
    try {
      const left = await bucket.attempt(ref);
      if (!isFromFuture(left, context.now())) return false;
      tally.problem({ code: 'from-future' }, bucket.attemptName(ref));
      await boundClaims(bucket, left, context.now());
    } catch (error) {
      tally.problem(failureOf(error), bucket.attemptName(ref));
    }
    return true;
  }
}
