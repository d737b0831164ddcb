// What the SDK throws: one base class with a stable code, and a class for each side that failed.
import type { ErrorCode, Problem } from './types.ts';

/** The codes of failures that the service did not report. */
export type ClientErrorCode =
  | 'base-url-invalid'
  | 'connection-failed'
  | 'timed-out'
  | 'part-refused'
  | 'source-changed'
  | 'upload-truncated'
  | 'receipts-unreadable';

/**
 * Everything that the SDK itself throws. Decide by `code`. `base-url-invalid`: the client's `baseUrl` is not the URL of a
 * service. `source-changed`: what is stored has another size than the source,
 * because an upload was continued with other bytes, or two had one key. `token-invalid`: no header can have the token. `upload-truncated`: it was idle for too long, and the service completed it with what had arrived.
 * `receipts-unreadable`: a list of receipts is incomplete. The other codes belong to the subclasses.
 */
export class RecordingsError extends Error {
  override readonly name: string = 'RecordingsError';
  readonly code: ErrorCode | ClientErrorCode;

  constructor(code: ErrorCode | ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The service refused a call (problem details, RFC 9457). Show `message` to people; give `requestId` to the operator. */
export class ApiError extends RecordingsError {
  override readonly name = 'ApiError';
  /** `unexpected-answer` when the response is not from the service. A newer service may send further codes. */
  declare readonly code: ErrorCode;
  readonly status: number;
  readonly requestId: string | undefined;
  /** The whole problem: `errors`, `partNumbers`, `receipt`, … */
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    const code = (problem.code as ErrorCode | undefined) ?? 'unexpected-answer';
    super(code, problem.detail ?? `The response is not from the service, and its status is ${status}.`);
    this.status = status;
    this.requestId = problem.requestId;
    this.problem = problem;
  }
}

/** A request, without anything secret. */
export interface RequestName {
  readonly method: string;
  /** The path of the call, without its query. For a part that goes to the store: the origin of the store. */
  readonly path: string;
}

/** No complete response arrived: `cause` is what `fetch` threw. The call may have taken effect. */
export class ConnectionError extends RecordingsError implements RequestName {
  override readonly name: string = 'ConnectionError';
  declare readonly code: 'connection-failed' | 'timed-out';
  readonly method: string;
  readonly path: string;
  /** How often the request was sent. */
  readonly attempts: number;

  constructor(
    { method, path }: RequestName,
    attempts: number,
    cause: unknown,
    code: 'connection-failed' | 'timed-out' = 'connection-failed',
    what = 'got no complete response',
  ) {
    super(code, `${method} ${path} ${what} (attempt ${attempts}).`, { cause });
    this.method = method;
    this.path = path;
    this.attempts = attempts;
  }
}

/** The response did not come within the time limit. */
export class TimeoutError extends ConnectionError {
  override readonly name = 'TimeoutError';
  declare readonly code: 'timed-out';
  readonly timeoutMs: number;

  constructor(request: RequestName, attempts: number, timeoutMs: number) {
    super(request, attempts, undefined, 'timed-out', `got no response within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** The store refused a part. */
export class StoreError extends RecordingsError {
  override readonly name = 'StoreError';
  declare readonly code: 'part-refused';
  readonly partNumber: number;
  readonly status: number;
  /** The store's own code, such as `AccessDenied`, where it sent one. */
  readonly storeCode: string | undefined;

  constructor(partNumber: number, status: number, storeCode: string | undefined) {
    super('part-refused', `The store refused part ${partNumber}: ${[status, storeCode].join(' ').trim()}.`);
    this.partNumber = partNumber;
    this.status = status;
    this.storeCode = storeCode;
  }
}
