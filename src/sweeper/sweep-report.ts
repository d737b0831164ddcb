// What a sweep did, counted while it runs and reported at its end.
import type { DeletionReason } from '../bucket/documents.ts';
import { recordingPrefix } from '../bucket/layout.ts';
import { toIso } from '../model/times.ts';
import { describeFailure, type Failure } from '../recordings/failure.ts';
import type { DeletedCount, Doomed, PurgeOutcome } from '../recordings/purging.ts';
import type { DueSoon, DueSoonReport } from './due-soon.ts';

export interface SweepReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly dryRun: boolean;
  /** Recordings that had to go in this run. */
  readonly due: number;
  readonly deleted: DeletedCount & { readonly recordings: number };
  /** Recordings that were looked at and stay. */
  readonly kept: number;
  /** Recordings, attempts and keys that could not be dealt with; they stay due. */
  readonly failed: number;
  /** Those of the failed whose deadline has passed. */
  readonly overdue: number;
  readonly oldestOverdueSeconds: number;
  readonly requests: number;
  /** What a deletion costs, the run's fixed requests included; null when nothing was deleted. */
  readonly requestsPerRecording: number | null;
  /** Abandoned uploads that were completed with what had arrived. */
  readonly salvaged: number;
  /** Due entries added because their tenant ordered a shorter retention. */
  readonly broughtForward: number;
  /** Recordings that will be deleted unassessed within 72 hours, by tenant; null: not looked for in this run. */
  readonly dueSoonUnassessed: readonly DueSoon[] | null;
  /** There are more, with later deadlines, than were looked for. */
  readonly dueSoonMore: boolean;
  readonly receiptsExpired: number;
  readonly auditEventsExpired: number;
  /** What went wrong, or is odd and stays until its deadline (uploads that cannot be completed), by code, with some of the keys. */
  readonly problems: readonly Problem[];
  /** With `--dry-run`: what would go. At most 1000 are listed. */
  readonly would: readonly { readonly key: string; readonly reason: DeletionReason; readonly deadline: string }[];
}

export interface Problem {
  readonly code: string;
  /** The operation that the store refused or did not answer; null where it was none. */
  readonly operation: string | null;
  readonly count: number;
  readonly keys: readonly string[];
}

const MAX_KEYS_A_PROBLEM = 20;
const MAX_WOULD = 1000;

export interface Tally {
  seen(due: number, kept: number): void;
  would(doomed: Doomed): void;
  outcome(outcome: PurgeOutcome, deadlineMs: number, nowMs: number): void;
  attemptFailed(dueMs: number, nowMs: number, failure: Failure, key: string): void;
  /** Something that could not be dealt with: it is kept and reported, and the run has not succeeded. */
  problem(failure: Failure, key: string): void;
  /** Something that stays until its deadline, as it should; told of, and no failure. */
  note(code: string, key: string): void;
  salvaged(): void;
  broughtForward(): void;
  expired(kind: 'receipts' | 'auditEvents', count: number): void;
  progress(): { due: number; deleted: number; failed: number };
  readonly counts: Counts;
}

interface Counts {
  due: number;
  kept: number;
  failed: number;
  overdue: number;
  oldestOverdueMs: number;
  salvaged: number;
  broughtForward: number;
  receipts: number;
  auditEvents: number;
  readonly deleted: { recordings: number; objects: number; versions: number; bytes: number };
  readonly problems: Map<string, { failure: Failure; count: number; keys: string[] }>;
  readonly would: SweepReport['would'][number][];
}

export function newTally(): Tally {
  const counts: Counts = {
    due: 0,
    kept: 0,
    failed: 0,
    overdue: 0,
    oldestOverdueMs: 0,
    salvaged: 0,
    broughtForward: 0,
    receipts: 0,
    auditEvents: 0,
    deleted: { recordings: 0, objects: 0, versions: 0, bytes: 0 },
    problems: new Map(),
    would: [],
  };
  function add(failure: Failure, key: string): void {
    const about = describeFailure(failure);
    const problem = counts.problems.get(about) ?? { failure, count: 0, keys: [] };
    problem.count += 1;
    if (problem.keys.length < MAX_KEYS_A_PROBLEM) problem.keys.push(key);
    counts.problems.set(about, problem);
  }
  function fail(failure: Failure, key: string, deadlineMs: number, nowMs: number): void {
    add(failure, key);
    counts.failed += 1;
    if (!(nowMs > deadlineMs)) return;
    counts.overdue += 1;
    counts.oldestOverdueMs = Math.max(counts.oldestOverdueMs, nowMs - deadlineMs);
  }
  return {
    counts,
    note: (code, key) => add({ code }, key),
    seen(due, kept) {
      counts.due += due;
      counts.kept += kept;
    },
    would({ state, reason, deadlineMs }) {
      if (counts.would.length < MAX_WOULD) {
        counts.would.push({ key: recordingPrefix(state.ref), reason, deadline: toIso(deadlineMs) });
      }
    },
    outcome(outcome, deadlineMs, nowMs) {
      counts.deleted.objects += outcome.deleted.objects;
      counts.deleted.versions += outcome.deleted.versions;
      counts.deleted.bytes += outcome.deleted.bytes;
      if ('receipt' in outcome) counts.deleted.recordings += 1;
      else fail(outcome.failure, recordingPrefix(outcome.ref), deadlineMs, nowMs);
    },
    attemptFailed(dueMs, nowMs, failure, key) {
      fail(failure, key, dueMs, nowMs);
    },
    problem(failure, key) {
      add(failure, key);
      counts.failed += 1;
    },
    salvaged() {
      counts.salvaged += 1;
    },
    broughtForward() {
      counts.broughtForward += 1;
    },
    expired(kind, count) {
      counts[kind] += count;
    },
    progress() {
      return { due: counts.due, deleted: counts.deleted.recordings, failed: counts.failed };
    },
  };
}

export function toReport(
  { counts }: Tally,
  run: {
    startedAtMs: number;
    finishedAtMs: number;
    dryRun: boolean;
    requests: number;
    dueSoon?: DueSoonReport | undefined;
  },
): SweepReport {
  return {
    startedAt: toIso(run.startedAtMs),
    finishedAt: toIso(run.finishedAtMs),
    dryRun: run.dryRun,
    due: counts.due,
    deleted: { ...counts.deleted },
    kept: counts.kept,
    failed: counts.failed,
    overdue: counts.overdue,
    oldestOverdueSeconds: Math.round(counts.oldestOverdueMs / 1000),
    requests: run.requests,
    requestsPerRecording: perRecording(run.requests, counts.deleted.recordings),
    salvaged: counts.salvaged,
    broughtForward: counts.broughtForward,
    dueSoonUnassessed: run.dueSoon?.unassessed ?? null,
    dueSoonMore: run.dueSoon?.more ?? false,
    receiptsExpired: counts.receipts,
    auditEventsExpired: counts.auditEvents,
    problems: [...counts.problems.values()].map(({ failure: { code, operation = null }, count, keys }) => {
      return { code, operation, count, keys };
    }),
    would: counts.would,
  };
}

/** To hundredths. */
function perRecording(requests: number, recordings: number): number | null {
  return recordings === 0 ? null : Math.round((requests / recordings) * 100) / 100;
}
