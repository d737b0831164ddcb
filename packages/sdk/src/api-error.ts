// What the service refused, as it said it (RFC 9457).
import type { ErrorCode, Problem } from './types.ts';

/** Decide by `code`, which is stable; show `message` to people; give `requestId` to the operator. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** `unexpected-answer` when something else than the service answered. A newer service may have codes of its own. */
  readonly code: ErrorCode;
  readonly requestId: string | undefined;
  /** All that the service said: `errors`, `partNumbers`, `receipt`, … */
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = (problem.code as ErrorCode | undefined) ?? 'unexpected-answer';
    this.requestId = problem.requestId;
    this.problem = problem;
  }
}
