// Get (also of a range), head, put and delete of one object.
import { Readable } from 'node:stream';
import { S3Error } from '../errors.ts';
import type { ObjectRecord } from '../records.ts';
import type { Reply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';
import { type Call, checkVersion, headerSafe, type Operation, storedHeaders, wholeSeconds } from './operation.ts';

/** Parameters of a read that replace a header of its response. */
const OVERRIDES = ['response-content-type', 'response-content-disposition', 'response-cache-control'];

export const objectOperations: readonly Operation[] = [
  {
    name: 'GetObject',
    method: 'GET',
    on: 'object',
    allows: OVERRIDES,
    amz: ['x-amz-checksum-mode'],
    run: read,
  },
  {
    name: 'HeadObject',
    method: 'HEAD',
    on: 'object',
    allows: OVERRIDES,
    amz: ['x-amz-checksum-mode'],
    run: read,
  },
  {
    name: 'PutObject',
    method: 'PUT',
    on: 'object',
    amz: CHECKSUM_HEADERS,
    run: put,
  },
  {
    name: 'DeleteObject',
    method: 'DELETE',
    on: 'object',
    allows: ['versionId'],
    async run({ head, bucket, key }) {
      checkVersion(head.parameter('versionId'));
      await bucket.objects.delete(key);
      return { status: 204 };
    },
  },
];

/** The service's own documents, of which a deletion writes some, are smaller; media are sent in parts. */
const MAX_DOCUMENT_BYTES = 64 * 1024;

async function put(call: Call): Promise<Reply> {
  const { head, body, bucket } = call;
  body.checkAnnounced();
  if (Number(head.header('content-length')) > MAX_DOCUMENT_BYTES) {
    return bucket.space.forUploads(() => store(call, body.stream(), () => bucket.space.requireRoom()));
  }
  const chunks = await Array.fromAsync(body.stream());
  return bucket.space.forDocuments(() => store(call, Readable.from(chunks)));
}

async function store(
  { head, body, bucket, key, now }: Call,
  bytes: AsyncIterable<Buffer>,
  onChunk?: () => void,
): Promise<Reply> {
  const headers = storedHeaders(head);
  const segments = await bucket.data.write(bytes, onChunk);
  const etag = body.md5();
  const record: ObjectRecord = {
    key,
    etag,
    sizeBytes: segments.reduce((sum, segment) => sum + segment.sizeBytes, 0),
    lastModified: wholeSeconds(now),
    segments,
    headers,
    tags: [],
  };
  try {
    await bucket.objects.put(record, { onlyIfAbsent: head.header('if-none-match') === '*' });
  } catch (error) {
    if (bucket.objects.find(key) !== record) await bucket.data.remove(segments);
    throw error;
  }
  return { status: 200, headers: { etag: `"${etag}"` } };
}

function read({ head, bucket, key }: Call): Reply {
  const record = bucket.objects.get(key);
  const overrides = responseOverrides(head);
  const validators = { etag: `"${record.etag}"`, 'last-modified': new Date(record.lastModified).toUTCString() };
  const range = requestedRange(head, record);
  const { start, end } = range ?? { start: 0, end: record.sizeBytes - 1 };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      'accept-ranges': 'bytes',
      ...record.headers,
      ...overrides,
      ...validators,
      ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${record.sizeBytes}` }),
      'content-length': String(end - start + 1),
    },
    ...(head.method === 'GET' && { body: bucket.data.read(record.segments, start, end) }),
  };
}

function responseOverrides(head: RequestHead): Record<string, string> {
  const given = OVERRIDES.flatMap((name) => {
    const value = head.parameter(name);
    return value === undefined ? [] : [[name.slice('response-'.length), headerSafe(value)] as const];
  });
  return Object.fromEntries(given);
}

/** Both ends are included (RFC 9110, section 14). */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The requested range, clipped to the object, or undefined for all of it: no Range header, one that is malformed or
 * names several ranges, or an If-Range that does not name the object's entity tag.
 * @throws S3Error InvalidRange when there is no such byte
 */
function requestedRange(head: RequestHead, record: ObjectRecord): ByteRange | undefined {
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
