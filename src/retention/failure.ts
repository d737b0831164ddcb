// Why something could not be done, in a word that a report can count.
import { isStoreError } from '../storage/store-error.ts';

/** A purge gave up; its message is the code. */
export class PurgeFailure extends Error {
  override readonly name = 'PurgeFailure';
}

/** A failure's stable code: the store's own word, or why this purge gave up. */
export function failureOf(error: unknown): string {
  if (isStoreError(error)) return error.storeCode;
  if (error instanceof PurgeFailure) return error.message;
  return `unexpected-${(error as Partial<Error> | undefined)?.name ?? 'error'}`;
}
