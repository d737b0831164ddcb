// Ranges of reads (RFC 9110, section 14).
import { S3Error } from '../errors.ts';
import type { ObjectRecord } from '../records.ts';
import type { RequestHead } from '../request-head.ts';

/** Both ends are included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The range asked for, clipped to the object, or undefined for all of it: no Range header, one that is malformed or
 * names several ranges, or an If-Range that does not name the object's entity tag.
 * @throws S3Error InvalidRange when there is no such byte
 */
export function requestedRange(head: RequestHead, record: ObjectRecord): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(head.header('range')?.replaceAll(' ', '') ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  const etag = `"${record.etag}"`;
  if ((head.header('if-range') ?? etag) !== etag) return undefined;

  const size = record.sizeBytes;
  if (first === '') return satisfiable({ start: Math.max(size - Number(last), 0), end: size - 1 }, size);
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return satisfiable({ start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }, size);
}

function satisfiable(range: ByteRange, size: number): ByteRange {
  if (range.start > range.end) throw new S3Error('InvalidRange', undefined, { 'content-range': `bytes */${size}` });
  return range;
}
