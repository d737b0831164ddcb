// The shape of a check, so that the doctor can name those it had to skip.
import type { Verdict } from '../check.ts';
import type { CheckContext } from '../context.ts';

export interface DoctorCheck {
  readonly id: string;
  readonly name: string;
  /** Makes objects; skipped where they could not be removed again. */
  readonly writes?: boolean;
  run(context: CheckContext): Promise<Verdict>;
}
