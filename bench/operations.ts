// S3's operation of a request, by its method, its path and its query.
import type { IncomingMessage } from 'node:http';

export type Operation = (typeof OPERATIONS)[number];

const OPERATIONS = [
  'AbortMultipartUpload',
  'CompleteMultipartUpload',
  'CreateMultipartUpload',
  'DeleteObject',
  'DeleteObjects',
  'GetBucketVersioning',
  'GetObject',
  'GetObjectTagging',
  'HeadObject',
  'ListMultipartUploads',
  'ListObjectVersions',
  'ListObjectsV2',
  'ListParts',
  'PutObject',
  'PutObjectTagging',
  'UploadPart',
  'other',
] as const;

/** Which parameter of the query makes which operation of a method; the last is that of a request without any of them. */
const BY_METHOD: Readonly<Record<string, readonly (readonly [parameter: string, operation: Operation])[]>> = {
  GET: [
    ['list-type', 'ListObjectsV2'],
    ['uploadId', 'ListParts'],
    ['uploads', 'ListMultipartUploads'],
    ['versions', 'ListObjectVersions'],
    ['versioning', 'GetBucketVersioning'],
    ['tagging', 'GetObjectTagging'],
    ['', 'GetObject'],
  ],
  HEAD: [['', 'HeadObject']],
  PUT: [
    ['partNumber', 'UploadPart'],
    ['tagging', 'PutObjectTagging'],
    ['', 'PutObject'],
  ],
  POST: [
    ['delete', 'DeleteObjects'],
    ['uploads', 'CreateMultipartUpload'],
    ['uploadId', 'CompleteMultipartUpload'],
  ],
  DELETE: [
    ['uploadId', 'AbortMultipartUpload'],
    ['', 'DeleteObject'],
  ],
};

const READS: ReadonlySet<Operation> = new Set(['GetObject', 'GetObjectTagging', 'HeadObject', 'GetBucketVersioning']);

export function operationOf({ method = '', url = '' }: Pick<IncomingMessage, 'method' | 'url'>): Operation {
  const { searchParams } = new URL(url, 'http://store');
  const found = BY_METHOD[method]?.find(([parameter]) => parameter === '' || searchParams.has(parameter));
  return found?.[1] ?? 'other';
}

/** As providers divide them that limit requests: PUT, POST, COPY, DELETE and LIST, and all others. */
export function writesOrLists(operation: Operation): boolean {
  return !READS.has(operation);
}

export type Counts = Readonly<Partial<Record<Operation, number>>>;

export function countsOf(operations: readonly Operation[]): Counts {
  const counts: Partial<Record<Operation, number>> = {};
  for (const operation of operations) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}

export function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** `2 ListObjectsV2, 4 PutObject`. */
export function inWords(counts: Counts): string {
  const named = OPERATIONS.flatMap((operation) => (counts[operation] ? `${counts[operation]} ${operation}` : []));
  return named.join(', ') || 'none';
}
