// Get, head, put and delete of one object.
import type { ObjectRecord } from '../records.ts';
import type { Reply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';
import { checkVersion, headerSafe, storedHeaders } from './arguments.ts';
import { type Call, type Operation, wholeSeconds } from './operation.ts';
import { requestedRange } from './range.ts';

/** Parameters of a read that replace a header of its answer. */
const OVERRIDES = ['response-content-type', 'response-cache-control'];

export const objectOperations: Operation[] = [
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

async function put({ head, body, bucket, key, now }: Call): Promise<Reply> {
  body.checkAnnounced();
  const headers = storedHeaders(head);
  const segments = await bucket.data.write(body.stream());
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
