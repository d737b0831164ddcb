// The auditor's report of a tenant: reads what is held and the receipts of a period, and holds totals and a few rows.
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { DELETION_REASONS, type DeletionReason, type Receipt } from '../bucket/documents.ts';
import { actOnEach } from '../bucket/listing.ts';
import { checkpointOf, ReceiptLog, type StoredHead } from '../bucket/receipt-log.ts';
import { inSeconds, latenessOf } from '../bucket/receipts.ts';
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { ERASURE_REASONS } from '../model/recording.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { MAX_CLOCK_SKEW_MS, toDay, toIso, toKeyTime } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { idsWithoutTenant, readReceipts } from './receipts.ts';
import { comparedWith, HOW_TO_CHECK, neverChecked } from './report-checks.ts';
import { ExamTotals } from './report-exams.ts';
import { Listed } from './report-lists.ts';
import { LogComparison } from './report-log.ts';
import type { Report, ReportedDeletion } from './report-schema.ts';
import { verdictOf } from './report-verdict.ts';

export type ReportContext = Pick<
  RecordingsContext,
  'store' | 'policy' | 'now' | 'randomBytes' | 'leadMs' | 'logRetentionMs' | 'version' | 'signer'
>;

/** Times in milliseconds since the epoch. Default: from as far back as receipts are kept, until now. */
export interface ReportPeriod {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

const ON_REQUEST: ReadonlySet<DeletionReason> = new Set(ERASURE_REASONS);

/**
 * Reads all of a tenant: a LIST for each 1000 keys of its recordings and of its receipts, a GET for each held recording,
 * and one for each receipt that may be of the period. For the whole time that receipts are kept
 * also one for each 256 entries of the log. What is held is read first, so nothing is missed between the two: what
 * is deleted meanwhile may be reported as both.
 * @throws ServiceError `invalid-request` for a period that ends before it begins; StoreError
 */
export async function createReport(context: ReportContext, tenant: string, period: ReportPeriod = {}): Promise<Report> {
  return new Reading(context, tenant, period).read();
}

class Reading {
  readonly #context: ReportContext;
  readonly #tenant: string;
  readonly #bucket: Bucket;
  readonly #startedAtMs: number;
  readonly #fromMs: number;
  /** Infinite of a period until now: what is deleted while this reads is in it, or it would be in neither list. */
  readonly #toMs: number;
  readonly #exams = new ExamTotals();
  readonly #sums = { restricted: 0, beingDeleted: 0, withoutDescription: 0, heldBytes: 0, deletedBytes: 0 };
  readonly #reasons = new Map<DeletionReason, number>();
  readonly #late = new Listed<ReportedDeletion>();
  readonly #onRequest = new Listed<ReportedDeletion>();
  readonly #overdue = new Listed<Report['overdue']['items'][number]>();
  readonly #restrictions = new Listed<Report['restrictions']['items'][number]>();
  readonly #unreadableReceipts = new Listed<ReturnType<typeof idsWithoutTenant>>();
  readonly #changedReceipts = new Listed<ReturnType<typeof idsWithoutTenant>>();
  readonly #unreadableDescriptions = new Listed<ReturnType<typeof idsWithoutTenant>>();
  #closest: Receipt | undefined;
  #unknownKeys = 0;
  readonly #onUnknownKey = () => {
    this.#unknownKeys += 1;
  };
  #unsigned = 0;
  #uncheckedSignatures = 0;

  constructor(context: ReportContext, tenant: string, { fromMs, toMs }: ReportPeriod) {
    this.#context = context;
    this.#tenant = tenant;
    this.#bucket = new Bucket(context);
    this.#startedAtMs = context.now();
    this.#toMs = toMs !== undefined && toMs < this.#startedAtMs ? toMs : Number.POSITIVE_INFINITY;
    this.#fromMs = fromMs ?? this.#receiptsSinceMs;
    if (this.#fromMs < Math.min(this.#toMs, this.#startedAtMs)) return;
    const message = 'Must be before to, and before now';
    throw new ServiceError('invalid-request', `from: ${message}.`, { errors: [{ path: 'from', message }] });
  }

  /** Receipts of earlier deletions have expired. */
  get #receiptsSinceMs(): number {
    return this.#startedAtMs - this.#context.logRetentionMs;
  }

  async read(): Promise<Report> {
    const { storeTimeMs } = await this.#bucket.queue.page({ limit: 1 });
    const log = new ReceiptLog(this.#context.store, this.#tenant, this.#context.signer);
    const head = await log.head();
    await this.#readHeld();
    const hasLog = head !== undefined;
    const canCompare = this.#isWhole && typeof head !== 'string';
    // Before the receipts: what is in the log then has one.
    const comparison = canCompare ? await this.#readLog(log, head) : undefined;
    await this.#readReceipts(comparison);
    const finishedAtMs = this.#context.now();
    const { rows, leftOut, totals } = this.#exams.result();
    const facts = {
      period: { from: toIso(this.#fromMs), to: toIso(Math.min(this.#toMs, finishedAtMs)) },
      totals: { ...totals, ...this.#sums },
      closest: this.#closest ? deletionOf(this.#closest) : null,
      notChecked: {
        unreadableReceipts: this.#unreadableReceipts.result(),
        changedReceipts: this.#changedReceipts.result(),
        unreadableDescriptions: this.#unreadableDescriptions.result(),
        unknownKeys: this.#unknownKeys,
        receiptsExpiredBefore: this.#fromMs < this.#receiptsSinceMs ? toIso(this.#receiptsSinceMs) : null,
        unsignedReceipts: this.#unsigned,
        uncheckedSignatures: this.#uncheckedSignatures,
        isLogUnreadable: typeof head === 'string' || (canCompare && !comparison),
        missingReceipts: (hasLog ? comparison?.countMissing() : undefined) ?? null,
        lateInLog: (hasLog ? comparison?.late : undefined) ?? null,
        unloggedReceipts: comparison?.unlogged ?? null,
        notes: neverChecked({ isLogCompared: hasLog && comparison !== undefined }),
      },
      settings: this.#settings(),
      checkpoint: checkpointOf(head),
      generatedAt: toIso(this.#startedAtMs),
      storeClock: Number.isNaN(storeTimeMs) ? null : toIso(storeTimeMs),
    };
    return {
      format: 'proctoring-recordings-report',
      version: 1,
      number: this.#numberOf(facts.period),
      tenantId: this.#tenant,
      verdict: verdictOf({ ...facts, isSigning: this.#context.signer !== undefined || hasLog }),
      ...facts,
      reasons: DELETION_REASONS.map((reason) => ({ reason, deleted: this.#reasons.get(reason) ?? 0 })),
      exams: rows,
      examsLeftOut: leftOut,
      late: this.#late.result(),
      onRequest: this.#onRequest.result(),
      overdue: this.#overdue.result(),
      restrictions: this.#restrictions.result(),
      finishedAt: toIso(finishedAtMs),
      serviceVersion: this.#context.version,
      compared: comparedWith({
        areSignaturesChecked: this.#context.signer !== undefined,
        isLogCompared: hasLog && comparison !== undefined,
      }),
      howToCheck: HOW_TO_CHECK.map((step) => ({ ...step })),
    };
  }

  async #readLog(log: ReceiptLog, head: StoredHead | undefined): Promise<LogComparison | undefined> {
    return head
      ? LogComparison.read(log, this.#tenant, head.head, this.#startedAtMs)
      : LogComparison.ofNone(this.#startedAtMs);
  }

  #numberOf({ from, to }: Report['period']): string {
    return [this.#tenant, toDay(Date.parse(from)), toDay(Date.parse(to)), toKeyTime(this.#startedAtMs)].join('/');
  }

  #settings(): Report['settings'] {
    const { policy, leadMs, logRetentionMs } = this.#context;
    const inWhole = (ms: number) => Math.round(ms / SECOND_MS);
    const orderedMs = policy.byTenantMs.get(this.#tenant);
    return {
      afterAssessmentSeconds: inWhole(policy.afterAssessmentMs),
      unassessedSeconds: inWhole(policy.unassessedMs),
      tenantOrderSeconds: orderedMs === undefined ? null : inWhole(orderedMs),
      ceilingSeconds: inWhole(MAX_RETENTION_MS),
      deletionMarginSeconds: inWhole(leadMs),
      logRetentionSeconds: inWhole(logRetentionMs),
    };
  }

  async #readHeld(): Promise<void> {
    // What only has older versions left is still there.
    const versions = await this.#bucket.isVersioned();
    const attempts = this.#bucket.attemptsIn({ tenant: this.#tenant }, { versions, onUnknownKey: this.#onUnknownKey });
    async function* recordings() {
      for await (const attempt of attempts) yield* attempt.recordings.map((state) => ({ attempt, state }));
    }
    await actOnEach(recordings(), ({ attempt, state }) => this.#addHeld(attempt, state));
  }

  async #addHeld(attempt: Attempt, state: RecordingState): Promise<void> {
    const { ref, objects } = state;
    const deadlineMs = await this.#bucket.deadlineMs(attempt, state);
    const ids = idsWithoutTenant(ref);
    const isOverdue = deadlineMs < this.#startedAtMs;
    if (isOverdue) this.#overdue.add({ ...ids, deleteBy: toIso(deadlineMs) }, -deadlineMs);
    const isAssessed = attempt.assessedAtMs !== undefined;
    const deletableFromMs = Math.min(attempt.deletableFromMs(ref, this.#context.leadMs), deadlineMs);
    // One that is completed just before the deadline, by a clock that is as far ahead as a clock may be.
    const latestIfAssessedMs =
      isAssessed || isOverdue ? undefined : attempt.assessedDeadlineMs(deadlineMs + MAX_CLOCK_SKEW_MS);
    this.#exams.addHeld(ref.exam, { deletableFromMs, deadlineMs, latestIfAssessedMs, isOverdue, isAssessed });
    for (const { object, sizeBytes } of state.items) if (object === 'media') this.#sums.heldBytes += sizeBytes;
    if (objects.deleting) this.#sums.beingDeleted += 1;
    else if (!objects.manifest) this.#sums.withoutDescription += 1;
    const manifest = objects.manifest && (await this.#bucket.read(ref, 'manifest'));
    if (manifest === 'unreadable') this.#unreadableDescriptions.add(ids, 0);
    this.#exams.addKind(ref.exam, manifest && manifest !== 'unreadable' ? manifest.kind : undefined);
    if (objects.manifest) this.#addBegun(ref);
    if (objects.restricted && isKept(state)) await this.#addRestriction(state, deadlineMs);
  }

  async #addRestriction({ ref, objects }: RecordingState, deadlineMs: number): Promise<void> {
    this.#sums.restricted += 1;
    const stored = await this.#bucket.read(ref, 'restricted');
    const known = stored && stored !== 'unreadable' ? stored : undefined;
    const since = known?.restrictedAt ?? toIso(objects.restricted?.lastModifiedMs ?? this.#startedAtMs);
    const { reason = null, actor = null } = known ?? {};
    const row = { ...idsWithoutTenant(ref), since, reason, actor, deleteBy: toIso(deadlineMs) };
    this.#restrictions.add(row, Date.parse(since));
  }

  #addBegun({ exam, recording }: RecordingRef): void {
    const createdAtMs = createdAtOf(recording);
    if (createdAtMs >= this.#fromMs && createdAtMs < this.#toMs) this.#exams.addBegun(exam);
  }

  /** All receipts that are kept are of the period. */
  get #isWhole(): boolean {
    return this.#fromMs <= this.#receiptsSinceMs && this.#toMs === Number.POSITIVE_INFINITY;
  }

  async #readReceipts(comparison: LogComparison | undefined): Promise<void> {
    // LOG_RETENTION may have been longer: receipts from before the period still account for their entries.
    const deletedAfterMs = comparison ? undefined : this.#fromMs;
    const filter = { deletedAfterMs, deletedBeforeMs: this.#toMs };
    const batches = readReceipts(this.#context, { tenant: this.#tenant }, filter, {
      onListed: (ref) => this.#addBegun(ref),
      onUnknownKey: this.#onUnknownKey,
    });
    for await (const batch of batches) {
      for (const { ref, receipt, isUnchecked } of batch) {
        if (receipt === 'unreadable') this.#unreadableReceipts.add(idsWithoutTenant(ref), 0);
        else if (receipt === 'changed') this.#changedReceipts.add(idsWithoutTenant(ref), 0);
        else {
          comparison?.see(receipt);
          if (Date.parse(receipt.deletedAt) < this.#fromMs) continue;
          if (isUnchecked) this.#uncheckedSignatures += 1;
          this.#addDeleted(receipt);
        }
      }
    }
  }

  #addDeleted(receipt: Receipt): void {
    const { examId, reason, bytes, deletedAt } = receipt;
    const lateMs = latenessOf(receipt);
    const isOnRequest = ON_REQUEST.has(reason);
    this.#exams.addDeleted(examId, { isLate: lateMs > 0, isOnRequest });
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    this.#sums.deletedBytes += bytes;
    if (!this.#closest || overshootOf(receipt) > overshootOf(this.#closest)) this.#closest = receipt;
    if (lateMs > 0) this.#late.add(deletionOf(receipt), lateMs);
    if (isOnRequest) this.#onRequest.add(deletionOf(receipt), Date.parse(deletedAt));
    if (receipt.jws === undefined) this.#unsigned += 1;
  }
}

/** How long after its deadline it was deleted; negative when it was before. */
function overshootOf({ deadline, deletedAt }: Receipt): number {
  return Date.parse(deletedAt) - Date.parse(deadline);
}

function deletionOf(receipt: Receipt): ReportedDeletion {
  const { examId, attemptId, recordingId, reason, actor, deadline, deletedAt } = receipt;
  const lateSeconds = inSeconds(latenessOf(receipt));
  return { examId, attemptId, recordingId, reason, actor, deadline, deletedAt, lateSeconds };
}
