// The one error class of the store port, and what follows from each of its codes.

export type StoreErrorCode =
  /** Unreachable, timed out, busy (`SlowDown`), or without a usable response: the same call may succeed later. */
  | 'unavailable'
  /** The credentials were refused, or may not do this. */
  | 'access-denied'
  | 'no-such-bucket'
  | 'no-such-upload'
  | 'invalid-parts'
  | 'too-large'
  /** A body was not as long as its caller said. */
  | 'incomplete-body'
  /** The store does not know this operation. */
  | 'not-implemented'
  | 'unexpected';

/** `operation` is S3's name of the call that failed; `storeCode` is the store's own code, such as `SlowDown`. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly operation: string;
  readonly storeCode: string;

  constructor(code: StoreErrorCode, operation: string, storeCode: string, options?: ErrorOptions) {
    super(`${operation} failed: ${storeCode}`, options);
    this.name = 'StoreError';
    this.code = code;
    this.operation = operation;
    this.storeCode = storeCode;
  }
}

export function isStoreError(error: unknown, code?: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && (code === undefined || error.code === code);
}

/** S3's error codes (API reference, "Error responses"), and the SDK's own. */
const STORE_CODES: readonly (readonly [StoreErrorCode, readonly string[]])[] = [
  ['access-denied', ['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken']],
  ['access-denied', ['CredentialsProviderError']],
  ['no-such-bucket', ['NoSuchBucket']],
  ['no-such-upload', ['NoSuchUpload']],
  ['invalid-parts', ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall']],
  ['not-implemented', ['NotImplemented', 'MethodNotAllowed']],
  ['unavailable', ['ServiceUnavailable', 'InternalError', 'RequestTimeout', 'OperationAborted', 'TimeoutError']],
];

/** Codes of S3, and of stores like it, that say that they throttle, and did nothing. */
const THROTTLING: ReadonlySet<string> = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'TooManyRequests',
  'TooManyRequestsException',
  'Throttling',
  'ThrottlingException',
  'Throttled',
  'ThrottledException',
  'RequestThrottled',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
]);

/** Whether a store says by this code of its own that it throttles. */
export function isThrottling(storeCode: string): boolean {
  return THROTTLING.has(storeCode);
}

/** What a store's own code means; undefined for one that this service does not know. */
export function meaningOf(storeCode: string): StoreErrorCode | undefined {
  if (isThrottling(storeCode)) return 'unavailable';
  return STORE_CODES.find(([, known]) => known.includes(storeCode))?.[0];
}

/** The adapter's codes for a response that does not belong to the request: repeating the call may never help. */
const UNREADABLE: ReadonlySet<string> = new Set(['UnreadableAnswer', 'NotFound']);
/** Codes of a store that is busy or cannot be reached. */
const BUSY: ReadonlySet<string> = new Set([
  ...THROTTLING,
  'ServiceUnavailable',
  'RequestPastDeadline',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
]);
const TIMED_OUT: ReadonlySet<string> = new Set(['RequestTimeout', 'TimeoutError']);

/** Whether nothing was sent or received for too long. */
export function isTimeout(error: unknown): boolean {
  return isStoreError(error, 'unavailable') && TIMED_OUT.has(error.storeCode);
}

/** Whether the store, or a proxy before it, sent a response that does not belong to the request. */
export function isUnreadable(error: unknown): boolean {
  return isStoreError(error, 'unavailable') && UNREADABLE.has(error.storeCode);
}

/** Whether the failure proves nothing: the same call may succeed later. */
export function isUndecided(error: unknown): boolean {
  return isStoreError(error, 'unavailable') && !isUnreadable(error);
}

/** Whether the store is busy or cannot be reached: requesting the same key by key, or in smaller batches, only adds load. */
export function isBusy(error: unknown): boolean {
  return isStoreError(error, 'unavailable') && BUSY.has(error.storeCode);
}

/**
 * Whether the store is busy, or did not respond in time. False for `InternalError` and a gateway's own page, which a large
 * request, or one key of it, can cause: smaller requests may succeed.
 */
export function isOutage(error: unknown): boolean {
  return isBusy(error) || isTimeout(error);
}
