// The totals of a report, by exam and of all: bounded, however many exams there are.
import type { RecordingKind } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import type { ReportedExam } from './report-schema.ts';

/** Exams with a row of their own. */
export const MAX_EXAMS = 500;

type Counted = Exclude<keyof ReportedExam, 'examId' | 'earliestDeleteBy' | 'latestDeleteBy'>;
const COUNTED = [
  'begun',
  'webcam',
  'screen',
  'audio',
  'kindUnknown',
  'deleted',
  'late',
  'onRequest',
  'held',
  'assessed',
  'unassessed',
  'overdue',
] as const satisfies readonly Counted[];

class Sums {
  readonly counts = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<Counted, number>;
  #earliestMs = Number.POSITIVE_INFINITY;
  #latestMs = Number.NEGATIVE_INFINITY;

  count(...names: readonly Counted[]): void {
    for (const name of names) this.counts[name] += 1;
  }

  hold(deadlineMs: number): void {
    this.#earliestMs = Math.min(this.#earliestMs, deadlineMs);
    this.#latestMs = Math.max(this.#latestMs, deadlineMs);
  }

  result(): Omit<ReportedExam, 'examId'> {
    const isAny = this.counts.held > 0;
    return {
      ...this.counts,
      earliestDeleteBy: isAny ? toIso(this.#earliestMs) : null,
      latestDeleteBy: isAny ? toIso(this.#latestMs) : null,
    };
  }
}

export class ExamTotals {
  readonly #all = new Sums();
  readonly #byExam = new Map<string, Sums>();
  /** Their names alone. */
  readonly #leftOut = new Set<string>();

  addBegun(exam: string, kind: RecordingKind | undefined): void {
    this.#each(exam, (sums) => sums.count('begun', kind ?? 'kindUnknown'));
  }

  addHeld(exam: string, held: { deadlineMs: number; isOverdue: boolean; isAssessed: boolean }): void {
    this.#each(exam, (sums) => {
      sums.count(
        'held',
        held.isAssessed ? 'assessed' : 'unassessed',
        ...(held.isOverdue ? (['overdue'] as const) : []),
      );
      sums.hold(held.deadlineMs);
    });
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
    const byName = rows.toSorted((a, b) => Number(isWrong(b)) - Number(isWrong(a)) || (a.examId < b.examId ? -1 : 1));
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
