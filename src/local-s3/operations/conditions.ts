// Ranges and conditions of reads (RFC 9110, sections 13 and 14).
import { S3Error } from '../errors.ts';
import type { ObjectRecord } from '../records.ts';
import type { RequestHead } from '../request-head.ts';

/** Both ends are included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Whether the conditions allow the read: in the order of RFC 9110, 13.2.2.
 * @returns 'not-modified' where the client's copy is still good
 * @throws S3Error PreconditionFailed
 */
export function checkReadConditions(head: RequestHead, record: ObjectRecord): 'read' | 'not-modified' {
  const ifMatch = head.header('if-match');
  const ifUnmodifiedSince = httpDate(head.header('if-unmodified-since'));
  if (ifMatch !== undefined) {
    if (!listsEtag(ifMatch, record.etag)) throw new S3Error('PreconditionFailed');
  } else if (ifUnmodifiedSince !== undefined && record.lastModified > ifUnmodifiedSince) {
    throw new S3Error('PreconditionFailed');
  }
  const ifNoneMatch = head.header('if-none-match');
  if (ifNoneMatch !== undefined) return listsEtag(ifNoneMatch, record.etag) ? 'not-modified' : 'read';
  const ifModifiedSince = httpDate(head.header('if-modified-since'));
  return ifModifiedSince !== undefined && record.lastModified <= ifModifiedSince ? 'not-modified' : 'read';
}

function listsEtag(header: string, etag: string): boolean {
  return header.split(',').some((entry) => {
    const bare = entry
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return bare === '*' || bare === etag;
  });
}

function httpDate(header: string | undefined): number | undefined {
  const time = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : time;
}

/**
 * The range asked for, clipped to the object, or undefined for all of it: no Range header, one that is malformed or
 * names several ranges, or an If-Range that is about another version of the object.
 * @throws S3Error InvalidRange when there is no such byte
 */
export function requestedRange(head: RequestHead, record: ObjectRecord): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(head.header('range')?.replaceAll(' ', '') ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  const ifRange = head.header('if-range');
  if (ifRange !== undefined && ifRange !== `"${record.etag}"` && httpDate(ifRange) !== record.lastModified)
    return undefined;

  const size = record.sizeBytes;
  if (first === '') return satisfiable({ start: Math.max(size - Number(last), 0), end: size - 1 }, size);
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return satisfiable({ start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }, size);
}

function satisfiable(range: ByteRange, size: number): ByteRange {
  if (range.start > range.end) throw new S3Error('InvalidRange', undefined, { 'content-range': `bytes */${size}` });
  return range;
}
