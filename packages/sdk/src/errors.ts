// What the SDK throws: one base class with a stable code, and a class for each side that failed.
import type { ErrorCode, Problem } from './types.ts';

/** The codes of failures that the service did not report. */
export type ClientErrorCode =
  | 'base-url-invalid'
  | 'connection-failed'
  | 'timed-out'
  | 'part-refused'
  | 'source-empty'
  | 'source-changed'
  | 'upload-truncated'
  | 'receipts-unreadable';

/**
 * Everything that the SDK itself throws. Decide by `code`. `base-url-invalid`: the client's `baseUrl` is not the URL of a
 * service. `source-empty`: an upload has no bytes. `source-changed`: the stored recording
 * does not have the size of the source, because an upload was continued with other bytes, or two uploads had one key.
 * `token-invalid`: the token has a character that no header can have. `upload-truncated`: an upload was idle for too long,
 * and the service completed it with the parts that had arrived.
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
  /** Where it was sent: scheme, host and port. */
  readonly origin: string;
}

/** No complete response arrived: `cause` is what `fetch` threw. The call may have taken effect. */
export class ConnectionError extends RecordingsError implements RequestName {
  override readonly name: string = 'ConnectionError';
  declare readonly code: 'connection-failed' | 'timed-out';
  readonly method: string;
  readonly path: string;
  readonly origin: string;
  /** How often the request was sent. */
  readonly attempts: number;

  constructor(
    { method, path, origin }: RequestName,
    attempts: number,
    cause: unknown,
    code: 'connection-failed' | 'timed-out' = 'connection-failed',
    what = 'complete response',
    why: string = reasonOf(cause),
  ) {
    const from = path === origin ? '' : ` from ${origin}`;
    super(code, `${method} ${path} got no ${what}${from}${why}, attempt ${attempts}.`, { cause });
    this.method = method;
    this.path = path;
    this.origin = origin;
    this.attempts = attempts;
  }
}

/** ` (ECONNREFUSED)`: the code of the innermost cause that has one, or nothing. */
function reasonOf(cause: unknown): string {
  const code = innermostCode(cause);
  return code === undefined ? '' : ` (${code})`;
}

/** A message could contain a URL with its query; a code of the runtime is a word. */
function innermostCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  const own = typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
  // Node tries the addresses of a host one after the other.
  return innermostCode(cause) ?? innermostCode(Array.isArray(errors) ? errors[0] : undefined) ?? own;
}

/** The response did not come within the time limit. */
export class TimeoutError extends ConnectionError {
  override readonly name = 'TimeoutError';
  declare readonly code: 'timed-out';
  readonly timeoutMs: number;

  constructor(request: RequestName, attempts: number, timeoutMs: number) {
    super(request, attempts, undefined, 'timed-out', 'response', ` within ${timeoutMs} ms`);
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
