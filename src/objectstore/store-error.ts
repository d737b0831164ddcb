// The one error that a store throws, whatever its SDK threw.

export type StoreErrorCode =
  /** Could not be reached, timed out, or asked to slow down: the same call may succeed later. */
  | 'unavailable'
  /** The credentials were refused, or may not do this. */
  | 'access-denied'
  | 'no-such-bucket'
  | 'no-such-upload'
  | 'invalid-parts'
  | 'too-large'
  /** The store does not know this operation. */
  | 'not-implemented'
  | 'unexpected';

/** `operation` and `key` tell where it happened; `storeCode` is the store's own word. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly operation: string;
  readonly storeCode: string;

  constructor(code: StoreErrorCode, operation: string, storeCode: string, options?: ErrorOptions) {
    super(`${operation} failed: ${storeCode}`, options);
    this.code = code;
    this.operation = operation;
    this.storeCode = storeCode;
  }
}

/** Words of the adapter for an answer that came, and says nothing: asking again may never help. */
const UNREADABLE: ReadonlySet<string> = new Set(['UnreadableAnswer', 'NotFound']);

/** Whether the store, or something before it, answered with what is no answer to the question. */
export function isUnreadable(error: unknown): boolean {
  return isStoreError(error, 'unavailable') && UNREADABLE.has(error.storeCode);
}

export function isStoreError(error: unknown, code?: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && (code === undefined || error.code === code);
}
