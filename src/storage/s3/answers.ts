// Reads the answers of an S3-compatible store: errors are translated, and what may not be whole is no answer.
import type { ListedVersion } from '../object-store.ts';
import { StoreError } from '../store-error.ts';
import { toStoreError } from './errors.ts';

/** By key; within a key the latest first, then by the store's times, then as the store listed them. */
export function byKeyThenLatest(a: ListedVersion, b: ListedVersion): number {
  return (
    Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) ||
    Number(b.isLatest) - Number(a.isLatest) ||
    b.lastModifiedMs - a.lastModifiedMs
  );
}

export async function calling<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toStoreError(operation, error);
  }
}

/** A listing that does not say whether it goes on is none: an empty body would read as an empty bucket. */
export async function listing<T extends { readonly IsTruncated?: boolean | undefined }>(
  operation: string,
  call: () => Promise<T>,
): Promise<T> {
  const output = await calling(operation, call);
  if (output.IsTruncated === undefined) throw cutShort(operation);
  return output;
}

/** The body's own iterator closes the connection when it is ended early. */
export async function* chunksOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw toStoreError('GetObject', error);
  }
}

export function tooLarge(): StoreError {
  return new StoreError('too-large', 'GetObject', 'TooLarge');
}

/** Less came than the store sent, though the connection did not break: another may have it whole. */
export function cutShort(operation: string): StoreError {
  return new StoreError('unavailable', operation, 'CutShort');
}

/** Of `bytes 0-63/94049`: 64. None when the store did not say. */
export function bytesInRange(contentRange: string | undefined): number {
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(contentRange ?? '') ?? [];
  return first === undefined ? 0 : Number(last) - Number(first) + 1;
}

export function timeOf(date: Date | undefined): number {
  return date?.getTime() ?? Number.NaN;
}

export function writeCursor(key: string | undefined, id: string | undefined): string {
  return JSON.stringify([key, id]);
}

export function readCursor(cursor: string | undefined): [string | undefined, string | undefined] {
  return cursor === undefined ? [undefined, undefined] : (JSON.parse(cursor) as [string, string]);
}
