// The one table from a stable code to an HTTP status: every way in which a call can fail.
import type { ErrorCode } from '../model/errors.ts';

/** What only the HTTP layer refuses; `ErrorCode` has what the domain and the use cases refuse. */
export type HttpErrorCode =
  | 'malformed-request'
  | 'headers-too-large'
  | 'malformed-path'
  | 'malformed-json'
  | 'malformed-form'
  | 'request-aborted'
  | 'request-idle'
  | 'token-missing'
  | 'token-invalid'
  | 'token-expired'
  | 'scope-missing'
  | 'wrong-attempt'
  | 'cross-origin'
  | 'not-found'
  | 'method-not-allowed'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'rate-limited'
  | 'internal'
  | 'store-refused'
  | 'store-not-proven'
  | 'auth-unavailable';

export type ProblemCode = ErrorCode | HttpErrorCode;

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly retryAfterSeconds?: number;
}

/** `Record`, so that a code without a status does not compile. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  'malformed-request': { status: 400, title: 'The request is not valid HTTP' },
  'malformed-path': { status: 400, title: 'The path is not valid percent-encoding' },
  'malformed-json': { status: 400, title: 'The body is not valid JSON' },
  'malformed-form': { status: 400, title: 'The body is not valid multipart/form-data' },
  'request-aborted': { status: 400, title: 'The request ended before its body was complete' },
  'token-missing': { status: 401, title: 'No access token' },
  'token-invalid': { status: 401, title: 'The access token is not valid' },
  'token-expired': { status: 401, title: 'The access token has expired' },
  'scope-missing': { status: 403, title: 'The access token lacks the scope for this call' },
  'wrong-attempt': { status: 403, title: 'The access token is bound to another exam or attempt' },
  'cross-origin': { status: 403, title: 'Only a page of this service itself may do this' },
  'reason-not-allowed': { status: 403, title: 'This access token may not delete for that reason' },
  'not-found': { status: 404, title: 'There is no such path' },
  'recording-not-found': { status: 404, title: 'There is no such recording' },
  'assessment-not-found': { status: 404, title: 'The attempt is not assessed' },
  'method-not-allowed': { status: 405, title: 'The path does not have this method' },
  'request-idle': { status: 408, title: 'The body stopped coming' },
  'attempt-assessed': { status: 409, title: 'The attempt is already assessed' },
  'attempt-full': { status: 409, title: 'The attempt has too many recordings' },
  'recording-being-created': { status: 409, title: 'The recording is still being created', retryAfterSeconds: 5 },
  'recording-stored': { status: 409, title: 'The recording is already complete' },
  'recording-not-stored': { status: 409, title: 'The recording is not complete yet' },
  'parts-missing': { status: 409, title: 'Parts are missing' },
  'parts-mismatch': { status: 409, title: 'The parts are not those that were stored' },
  'parts-left-over': { status: 409, title: 'The store keeps parts of a longer file' },
  'parts-changed': { status: 409, title: 'The parts changed while they were being completed' },
  'upload-gone': { status: 409, title: 'The upload is no longer open' },
  'uploads-proxied': { status: 409, title: 'Recordings are uploaded through this service' },
  'assessment-later': { status: 409, title: 'An earlier assessment counts' },
  'recording-deleted': { status: 410, title: 'The recording was deleted' },
  'recording-expired': { status: 410, title: 'The deadline of the recording has passed' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'recording-too-large': { status: 413, title: 'The recording is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a media type that this call does not take' },
  'invalid-request': { status: 422, title: 'The request is not valid' },
  'invalid-id': { status: 422, title: 'An id is not valid' },
  'content-type-not-allowed': { status: 422, title: 'This type of recording is not allowed' },
  'consent-missing': { status: 422, title: 'No consent was recorded' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used for another request' },
  'part-too-large': { status: 422, title: 'A part is too large' },
  'part-number-too-large': { status: 422, title: 'A part number is too large' },
  'not-a-recording': { status: 422, title: 'The upload is not a recording of the announced type' },
  'file-missing': { status: 422, title: 'The form has no file' },
  'assessment-in-future': { status: 422, title: 'The assessment lies in the future' },
  'assessment-before-recording': { status: 422, title: 'The assessment lies before the first recording' },
  'recording-restricted': { status: 423, title: 'The recording is restricted' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'Something went wrong in the service' },
  'store-refused': { status: 502, title: 'The store refused the service' },
  'erasure-incomplete': { status: 503, title: 'Not everything could be deleted yet', retryAfterSeconds: 5 },
  'recording-unreadable': { status: 503, title: 'What is stored of the recording cannot be read' },
  'store-unavailable': { status: 503, title: 'The store cannot be reached', retryAfterSeconds: 5 },
  'store-not-proven': { status: 503, title: 'The store is not proven to be safe', retryAfterSeconds: 5 },
  'clock-skew': { status: 503, title: 'The clocks of the service and its store differ', retryAfterSeconds: 60 },
  'uploads-busy': { status: 503, title: 'The service takes no more uploads at this moment', retryAfterSeconds: 10 },
  'auth-unavailable': { status: 503, title: 'The keys of the token issuer cannot be reached', retryAfterSeconds: 5 },
};

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Of every call that reads a recording which is there. */
export const OF_LIVE_RECORDING: readonly ProblemCode[] = [
  'recording-deleted',
  'recording-expired',
  'recording-unreadable',
  'clock-skew',
];

export interface HttpErrorOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Shown to the caller as members of the problem. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Thrown by this layer alone; the message is shown to the caller. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: HttpErrorCode, message: string, options: HttpErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.headers = options.headers ?? {};
    this.data = options.data ?? {};
  }
}
