// What a candidate should know of a recording while it holds: a problem begins and ends with an event.
import type { WaitingReason } from './errors.ts';
import type { StorageWarning } from './local-bytes.ts';

/**
 * `no-bytes`: the source gives nothing. `muted`: one of its tracks gives nothing, or its device was unplugged.
 * `source-ended`, `source-failed`: nothing more is recorded, though nobody called `finish`.
 */
export type SourceProblem = 'no-bytes' | 'muted' | 'source-ended' | 'source-failed';

/** `failed`: see the event `failed` for its code. */
export type RecordingProblem = SourceProblem | WaitingReason | StorageWarning | 'failed';

/** The problems of one recording, with an event for each that begins or ends. */
export class Problems {
  #now: ReadonlySet<RecordingProblem> = new Set();
  readonly #onChange: (problem: RecordingProblem, isOver: boolean) => void;

  constructor(onChange: (problem: RecordingProblem, isOver: boolean) => void) {
    this.#onChange = onChange;
  }

  get all(): readonly RecordingProblem[] {
    return [...this.#now];
  }

  /** Reports what has changed. */
  update(problems: readonly (RecordingProblem | null)[]): void {
    const before = this.#now;
    const after = new Set(problems.filter((problem) => problem !== null));
    this.#now = after;
    for (const problem of before) if (!after.has(problem)) this.#onChange(problem, true);
    for (const problem of after) if (!before.has(problem)) this.#onChange(problem, false);
  }
}
