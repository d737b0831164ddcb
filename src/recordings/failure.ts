// Why something could not be done: a code that a report can count, and the operation of the store that failed.
import { isStoreError, type StoreErrorCode } from '../objectstore/store-error.ts';

export interface Failure {
  /** The store's own word, or why a purge gave up. */
  readonly code: string;
  /** The S3 operation that the store refused or did not answer; undefined where it was none. */
  readonly operation?: string;
  readonly kind?: StoreErrorCode;
}

/** A purge gave up; its message is the code. */
export class PurgeFailure extends Error {
  override readonly name = 'PurgeFailure';
}

export function failureOf(error: unknown): Failure {
  if (isStoreError(error)) return { code: error.storeCode, operation: error.operation, kind: error.code };
  if (error instanceof PurgeFailure) return { code: error.message };
  return { code: `unexpected-${(error as Partial<Error> | undefined)?.name ?? 'error'}` };
}

export function describeFailure({ code, operation }: Failure): string {
  return operation === undefined ? code : `${operation}: ${code}`;
}
