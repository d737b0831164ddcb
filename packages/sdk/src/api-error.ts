// The service's refusal as an error: problem details (RFC 9457).
import type { ErrorCode, Problem } from './types.ts';

/** Decide by `code`, which is stable; show `message` to people; give `requestId` to the operator. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** `unexpected-answer` when the response is not from the service. A newer service may send further codes. */
  readonly code: ErrorCode;
  readonly requestId: string | undefined;
  /** The whole problem: `errors`, `partNumbers`, `receipt`, … */
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? `The service responded with ${status}.`);
    this.status = status;
    this.code = (problem.code as ErrorCode | undefined) ?? 'unexpected-answer';
    this.requestId = problem.requestId;
    this.problem = problem;
  }
}
