// Why something could not be done: a code that a report can count, and the operation of the store that failed.
import { isStoreError, type StoreErrorCode } from '../objectstore/store-error.ts';

export interface Failure {
  /** The store's own code, or why a purge gave up. */
  readonly code: string;
  /** The S3 operation that the store refused or did not answer; undefined where it was none. */
  readonly operation?: string;
  readonly kind?: StoreErrorCode;
}

export function failureOf(error: unknown): Failure {
  if (isStoreError(error)) return { code: error.storeCode, operation: error.operation, kind: error.code };
  return { code: `unexpected-${error instanceof Error ? error.name : 'error'}` };
}

export function describeFailure({ code, operation }: Failure): string {
  return operation === undefined ? code : `${operation}: ${code}`;
}
