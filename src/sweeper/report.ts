// What a sweep did, counted while it runs and reported at its end.
import type { DeletionReason } from '../bucket/documents.ts';
import { inSeconds, latenessOf } from '../bucket/receipts.ts';
import { toIso } from '../model/times.ts';
import { describeFailure, type Failure } from '../recordings/failure.ts';
import { type DeletedCount, type DeletionCandidate, ownReceiptOf, type PurgeOutcome } from '../recordings/purge.ts';

export interface DueSoon {
  readonly tenant: string;
  readonly count: number;
  /** The earliest deadline among them; they are deleted `DELETE_LEAD` before it. */
  readonly earliest: string;
}

export interface DueSoonReport {
  /** By tenant; a tenant without such a recording is left out. */
  readonly unassessed: readonly DueSoon[];
  /** There are more attempts than were listed, with later deadlines. */
  readonly more: boolean;
}

export interface SweepReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly dryRun: boolean;
  /** Recordings that had to be deleted in this run. */
  readonly due: number;
  /** Recordings that this run proved deleted, by a receipt of its own, and what it deleted of them and of those that failed. */
  readonly deleted: DeletedCount & { readonly recordings: number };
  /** Of these, those that were deleted after their deadline. */
  readonly late: number;
  /** How long after its deadline the latest of them was deleted, in seconds, rounded up. */
  readonly greatestLatenessSeconds: number;
  /**
   * Recordings that another run, or a request, had proven deleted before this run came as far: at the same time, or earlier
   * and without reaching its end. They are counted there.
   */
  readonly provenBefore: number;
  /** Creations that died before they recorded anything. They leave no receipt. */
  readonly empty: number;
  /** Recordings that were inspected and kept. */
  readonly kept: number;
  /** Recordings, attempts and keys that could not be processed; they stay due. */
  readonly failed: number;
  /** Those of the failed whose deadline has passed. */
  readonly overdue: number;
  readonly oldestOverdueSeconds: number;
  readonly requests: number;
  /** What a deletion costs, the run's fixed requests included; null when nothing was deleted. */
  readonly requestsPerRecording: number | null;
  /** Abandoned uploads that were completed with what had arrived. */
  readonly salvaged: number;
  /** Queue entries added because of a shorter retention override. */
  readonly broughtForward: number;
  /** Recordings that will be deleted unassessed within 72 hours, by tenant; null: not searched in this run. */
  readonly dueSoonUnassessed: readonly DueSoon[] | null;
  /** There are more, with later deadlines, than were searched. */
  readonly dueSoonMore: boolean;
  readonly receiptsExpired: number;
  readonly auditEventsExpired: number;
  /** Receipts that came into the logs of their tenants. */
  readonly logged: number;
  /** The new checkpoint of each log that grew, by tenant: keep them where the store's administrator cannot reach them. At most 1000. */
  readonly checkpoints: Readonly<Record<string, string>>;
  /** What went wrong, or is odd and stays until its deadline (uploads that cannot be completed), by code, with some of the keys. */
  readonly problems: readonly Problem[];
  /** With `--dry-run`: what would be deleted. At most 1000 are listed. */
  readonly would: readonly { readonly key: string; readonly reason: DeletionReason; readonly deadline: string }[];
}

export interface Problem {
  readonly code: string;
  /** The S3 operation that failed; null where it was none. */
  readonly operation: string | null;
  readonly count: number;
  readonly keys: readonly string[];
}

const MAX_KEYS_A_PROBLEM = 20;
const MAX_WOULD = 1000;
const MAX_CHECKPOINTS = 1000;

type Counted =
  | 'due'
  | 'kept'
  | 'provenBefore'
  | 'empty'
  | 'late'
  | 'failed'
  | 'overdue'
  | 'salvaged'
  | 'broughtForward'
  | 'receiptsExpired'
  | 'auditEventsExpired'
  | 'logged';

export class Tally {
  readonly #counts: Record<Counted, number> = {
    due: 0,
    kept: 0,
    provenBefore: 0,
    empty: 0,
    late: 0,
    failed: 0,
    overdue: 0,
    salvaged: 0,
    broughtForward: 0,
    receiptsExpired: 0,
    auditEventsExpired: 0,
    logged: 0,
  };
  #oldestOverdueMs = 0;
  #greatestLatenessMs = 0;
  readonly #deleted = { recordings: 0, objects: 0, versions: 0, bytes: 0 };
  readonly #problems = new Map<string, { failure: Failure; count: number; keys: string[] }>();
  readonly #checkpoints = new Map<string, string>();
  readonly #would: SweepReport['would'][number][] = [];

  count(what: Counted, by = 1): void {
    this.#counts[what] += by;
  }

  /** In a dry run. */
  would({ reason, deadlineMs }: DeletionCandidate, prefix: string): void {
    if (this.#would.length < MAX_WOULD) this.#would.push({ key: prefix, reason, deadline: toIso(deadlineMs) });
  }

  purged(outcome: PurgeOutcome, prefix: string, deadlineMs: number, nowMs: number): void {
    const { result, deleted } = outcome;
    if (result === 'failed') this.overdue(outcome.failure, prefix, deadlineMs, nowMs);
    if (result === 'was-empty') this.count('empty');
    if (result === 'proven-before') {
      // A store confirms the deletion of what another purge has deleted; that one counts it.
      this.count('provenBefore');
      return;
    }
    this.#deleted.objects += deleted.objects;
    this.#deleted.versions += deleted.versions;
    this.#deleted.bytes += deleted.bytes;
    const receipt = ownReceiptOf(outcome);
    if (receipt) this.#proven(latenessOf(receipt));
  }

  #proven(latenessMs: number): void {
    this.#deleted.recordings += 1;
    if (latenessMs > 0) this.count('late');
    this.#greatestLatenessMs = Math.max(this.#greatestLatenessMs, latenessMs);
  }

  /** The log of a tenant has grown. */
  logged(tenant: string, entries: number, checkpoint: string): void {
    this.count('logged', entries);
    if (this.#checkpoints.size < MAX_CHECKPOINTS) this.#checkpoints.set(tenant, checkpoint);
  }

  /** What stays due; it is overdue if its deadline has passed. */
  overdue(failure: Failure, key: string, deadlineMs: number, nowMs: number): void {
    this.problem(failure, key);
    if (!(nowMs > deadlineMs)) return;
    this.count('overdue');
    this.#oldestOverdueMs = Math.max(this.#oldestOverdueMs, nowMs - deadlineMs);
  }

  /** What could not be processed: it is kept and reported, and the run has not succeeded. */
  problem(failure: Failure, key: string): void {
    this.note(failure, key);
    this.count('failed');
  }

  /** What stays until its deadline, as it should; reported, and no failure. */
  note(failure: Failure, key: string): void {
    const about = describeFailure(failure);
    const problem = this.#problems.get(about) ?? { failure, count: 0, keys: [] };
    problem.count += 1;
    if (problem.keys.length < MAX_KEYS_A_PROBLEM) problem.keys.push(key);
    this.#problems.set(about, problem);
  }

  get progress(): { due: number; deleted: number; failed: number } {
    return { due: this.#counts.due, deleted: this.#deleted.recordings, failed: this.#counts.failed };
  }

  toReport(run: {
    readonly startedAtMs: number;
    readonly finishedAtMs: number;
    readonly dryRun: boolean;
    readonly requests: number;
    readonly dueSoon: DueSoonReport | undefined;
  }): SweepReport {
    const { recordings } = this.#deleted;
    return {
      startedAt: toIso(run.startedAtMs),
      finishedAt: toIso(run.finishedAtMs),
      dryRun: run.dryRun,
      ...this.#counts,
      deleted: { ...this.#deleted },
      greatestLatenessSeconds: inSeconds(this.#greatestLatenessMs),
      oldestOverdueSeconds: Math.round(this.#oldestOverdueMs / 1000),
      requests: run.requests,
      // To hundredths.
      requestsPerRecording: recordings === 0 ? null : Math.round((run.requests / recordings) * 100) / 100,
      dueSoonUnassessed: run.dueSoon?.unassessed ?? null,
      dueSoonMore: run.dueSoon?.more ?? false,
      checkpoints: Object.fromEntries(this.#checkpoints),
      problems: [...this.#problems.values()].map(({ failure: { code, operation = null }, count, keys }) => {
        return { code, operation, count, keys };
      }),
      would: this.#would,
    };
  }
}
