// The totals of a report, for each exam and for all. The number of exams with a row of their own is limited.
import type { RecordingKind } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import type { ReportedExam } from './report-schema.ts';

/** `exam-2` before `exam-10`. */
const collator = new Intl.Collator('en', { numeric: true });

/** The most exams that have a row of their own. */
export const MAX_EXAMS = 500;

type Time = 'earliestDeletableFrom' | 'earliestDeleteBy' | 'latestDeleteBy' | 'latestDeleteByIfAssessed';
type Counted = Exclude<keyof ReportedExam, 'examId' | Time>;
const COUNTED = [
  'begun',
  'deleted',
  'late',
  'onRequest',
  'held',
  'assessed',
  'unassessed',
  'webcam',
  'screen',
  'audio',
  'kindUnknown',
  'overdue',
] as const satisfies readonly Counted[];

/** Times in milliseconds since the epoch. */
export interface HeldTimes {
  readonly deletableFromMs: number;
  readonly deadlineMs: number;
  /** The latest deadline that an assessment can still set. Undefined: no assessment can set one. */
  readonly latestIfAssessedMs: number | undefined;
}

class Sums {
  readonly counts = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<Counted, number>;
  readonly #times: Partial<Record<Time, number>> = {};

  count(...names: readonly Counted[]): void {
    for (const name of names) this.counts[name] += 1;
  }

  hold({ deletableFromMs, deadlineMs, latestIfAssessedMs }: HeldTimes): void {
    this.#choose('earliestDeletableFrom', Math.min, deletableFromMs);
    this.#choose('earliestDeleteBy', Math.min, deadlineMs);
    this.#choose('latestDeleteBy', Math.max, deadlineMs);
    if (latestIfAssessedMs !== undefined) this.#choose('latestDeleteByIfAssessed', Math.max, latestIfAssessedMs);
  }

  result(): Omit<ReportedExam, 'examId'> {
    const timeOf = (name: Time) => {
      const timeMs = this.#times[name];
      return timeMs === undefined ? null : toIso(timeMs);
    };
    return {
      ...this.counts,
      earliestDeletableFrom: timeOf('earliestDeletableFrom'),
      earliestDeleteBy: timeOf('earliestDeleteBy'),
      latestDeleteBy: timeOf('latestDeleteBy'),
      latestDeleteByIfAssessed: timeOf('latestDeleteByIfAssessed'),
    };
  }

  #choose(name: Time, choose: (a: number, b: number) => number, timeMs: number): void {
    this.#times[name] = choose(this.#times[name] ?? timeMs, timeMs);
  }
}

export class ExamTotals {
  readonly #all = new Sums();
  readonly #byExam = new Map<string, Sums>();
  /** The names of exams without a row. */
  readonly #leftOut = new Set<string>();

  addBegun(exam: string): void {
    this.#each(exam, (sums) => sums.count('begun'));
  }

  addHeld(exam: string, held: HeldTimes & { isOverdue: boolean; isAssessed: boolean }): void {
    this.#each(exam, (sums) => {
      sums.count('held', held.isAssessed ? 'assessed' : 'unassessed');
      if (held.isOverdue) sums.count('overdue');
      sums.hold(held);
    });
  }

  /** Counts the kind of a held recording. Undefined: the kind is unknown. */
  addKind(exam: string, kind: RecordingKind | undefined): void {
    this.#each(exam, (sums) => sums.count(kind ?? 'kindUnknown'));
  }

  addDeleted(exam: string, { isLate, isOnRequest }: { isLate: boolean; isOnRequest: boolean }): void {
    this.#each(exam, (sums) => {
      sums.count('deleted');
      if (isLate) sums.count('late');
      if (isOnRequest) sums.count('onRequest');
    });
  }

  /** Exams with something late or overdue come first. */
  result() {
    const rows = [...this.#byExam].map(([examId, sums]): ReportedExam => ({ examId, ...sums.result() }));
    const isWrong = ({ late, overdue }: ReportedExam) => late + overdue > 0;
    const byName = rows.toSorted(
      (a, b) => Number(isWrong(b)) - Number(isWrong(a)) || collator.compare(a.examId, b.examId),
    );
    return { rows: byName, leftOut: this.#leftOut.size, totals: this.#all.result() };
  }

  #each(exam: string, act: (sums: Sums) => void): void {
    act(this.#all);
    const own = this.#byExam.get(exam) ?? (this.#byExam.size < MAX_EXAMS ? new Sums() : undefined);
    if (!own) {
      this.#leftOut.add(exam);
      return;
    }
    this.#byExam.set(exam, own);
    act(own);
  }
}
