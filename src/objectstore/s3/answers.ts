// Reads the answers of an S3-compatible store: errors are translated, and what may not be whole is no answer.
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
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

/**
 * Whether a listing goes on. A store may leave `IsTruncated` out; then a marker that leads on says it. One that goes on
 * and does not say where is cut short: it is not the end.
 */
export function goesOn(operation: string, isTruncated: boolean | undefined, leadsOn: boolean): boolean {
  if (isTruncated && !leadsOn) throw cutShort(operation);
  return isTruncated ?? leadsOn;
}

/** What an answer cannot do without. */
export function needed<T>(operation: string, value: T | undefined): T {
  if (value === undefined) throw unreadable(operation);
  return value;
}

/** Fails when less comes than was announced. The body's own iterator closes the connection when it is ended early. */
export async function* chunksOf(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  announced = 0,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of body) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw toStoreError('GetObject', error);
  }
  if (received < announced) throw cutShort('GetObject');
}

export function tooLarge(): StoreError {
  return new StoreError('too-large', 'GetObject', 'TooLarge');
}

/** Less came than the store sent, though the connection did not break: another may have it whole. */
export function cutShort(operation: string): StoreError {
  return new StoreError('unavailable', operation, 'CutShort');
}

/** The answer is not one to what was asked, or lacks what it must say. */
export function unreadable(operation: string): StoreError {
  return new StoreError('unavailable', operation, 'UnreadableAnswer');
}

/** How many bytes of a range are on their way. A store that ignores the range sends others than were asked for. */
export function bytesInRange(answer: GetObjectCommandOutput, offset: number): number {
  const { ContentRange = '', ContentLength, ETag } = answer;
  // Some stores give an empty object whole, whatever the range.
  if (ContentRange === '' && ContentLength === 0 && ETag) return 0;
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(ContentRange) ?? [];
  if (Number(first) !== offset) throw unreadable('GetObject');
  return Number(last) - offset + 1;
}

/** Ends the connection of an answer that is not read. */
export function discard({ Body }: GetObjectCommandOutput): void {
  (Body as { destroy?: () => void } | undefined)?.destroy?.();
}

/** NaN where the store sent none. */
export function timeOf(date: Date | undefined): number {
  return date?.getTime() ?? Number.NaN;
}

/** Where the next page begins, and the last item of this one: some stores begin with it again (versitygw 1.8). */
export interface Cursor {
  readonly key?: string | undefined;
  readonly id?: string | undefined;
  readonly last?: string | undefined;
}

export function writeCursor(cursor: Cursor): string {
  return JSON.stringify(cursor);
}

export function readCursor(cursor: string | undefined): Cursor {
  return cursor === undefined ? {} : (JSON.parse(cursor) as Cursor);
}

/** Each item once, and none that was the last of the page before. */
export function withoutRepeats<T>(items: readonly T[], nameOf: (item: T) => string, last: string | undefined): T[] {
  const byName = new Map(items.map((item) => [nameOf(item), item]));
  if (last !== undefined) byName.delete(last);
  return [...byName.values()];
}
