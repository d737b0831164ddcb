// The listings of objects: ListObjectsV2, ListObjects and ListObjectVersions.
import { S3Error } from '../errors.ts';
import type { ObjectRecord } from '../records.ts';
import { xmlReply } from '../reply.ts';
import type { RequestHead } from '../request-head.ts';
import { element, type Markup, xmlDocument } from '../xml.ts';
import { type Call, checkVersion, integerParameter, type Operation } from './operation.ts';

/** A page has at most a thousand entries, also when more are requested. */
const MAX_ENTRIES = 1000;
const COMMON = ['prefix', 'delimiter', 'max-keys'];

export const listingOperations: readonly Operation[] = [
  {
    name: 'ListObjectsV2',
    method: 'GET',
    on: 'bucket',
    requires: ['list-type'],
    allows: [...COMMON, 'start-after', 'continuation-token'],
    run(call) {
      const { head } = call;
      if (head.parameter('list-type') !== '2') throw new S3Error('InvalidArgument', 'list-type must be 2.');
      const token = head.parameter('continuation-token');
      const after = token === undefined ? head.parameter('start-after') : decodeToken(token);
      const listing = list(call, after ?? '');
      return xmlReply(
        xmlDocument('ListBucketResult', [
          ...listing.shared,
          element('KeyCount', listing.records.length),
          listing.next === undefined ? undefined : element('NextContinuationToken', encodeToken(listing.next)),
          ...contents(listing),
        ]),
      );
    },
  },
  {
    // For s3cmd, one of the bench's peers. Without a delimiter S3 sends no NextMarker: the last key is the marker.
    name: 'ListObjects',
    method: 'GET',
    on: 'bucket',
    allows: [...COMMON, 'marker'],
    run(call) {
      const marker = call.head.parameter('marker') ?? '';
      const listing = list(call, marker);
      return xmlReply(
        xmlDocument('ListBucketResult', [...listing.shared, element('Marker', marker), ...contents(listing)]),
      );
    },
  },
  {
    name: 'ListObjectVersions',
    method: 'GET',
    on: 'bucket',
    requires: ['versions'],
    allows: [...COMMON, 'key-marker', 'version-id-marker'],
    run(call) {
      const { head } = call;
      checkVersion(head.parameter('version-id-marker') || undefined);
      const listing = list(call, head.parameter('key-marker') ?? '');
      const { next } = listing;
      const versions = listing.records.map((record) =>
        element('Version', ...facts(record), element('VersionId', 'null'), element('IsLatest', true)),
      );
      return xmlReply(
        xmlDocument('ListVersionsResult', [
          ...listing.shared,
          ...(next === undefined ? [] : [element('NextKeyMarker', next), element('NextVersionIdMarker', 'null')]),
          ...versions,
        ]),
      );
    },
  },
];

interface Listing {
  readonly records: ObjectRecord[];
  /** The last key of a page that others follow. */
  readonly next: string | undefined;
  /** The elements every listing has. */
  readonly shared: Markup[];
}

function list({ head, bucket }: Call, after: string): Listing {
  checkDelimiter(head);
  const prefix = head.parameter('prefix') ?? '';
  const limit = pageLimit(head, 'max-keys', 0);
  const { keys, truncated } = bucket.objects.keys.page({ prefix, after, limit });
  return {
    records: keys.map((key) => bucket.objects.get(key)),
    next: truncated ? keys.at(-1) : undefined,
    shared: [
      element('Name', bucket.name),
      element('Prefix', prefix),
      element('MaxKeys', limit),
      element('IsTruncated', truncated),
    ],
  };
}

/** The members of an object in `<Contents>` and `<Version>`. */
function facts(record: ObjectRecord): Markup[] {
  return [
    element('Key', record.key),
    element('LastModified', new Date(record.lastModified).toISOString()),
    element('ETag', `"${record.etag}"`),
    element('Size', record.sizeBytes),
    element('StorageClass', 'STANDARD'),
  ];
}

function contents({ records }: Listing): Markup[] {
  return records.map((record) => element('Contents', ...facts(record)));
}

// A token is the last key of the page before. Clients must treat it as opaque, so it does not look like a key.
function encodeToken(key: string): string {
  return Buffer.from(`after:${key}`).toString('base64url');
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  const key = text.slice('after:'.length);
  if (encodeToken(key) !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return key;
}

/** The requested number of entries, at most a thousand. @throws S3Error InvalidArgument */
export function pageLimit(head: RequestHead, name: string, min: number): number {
  const asked = integerParameter(head, name, { fallback: MAX_ENTRIES, min, max: 2 ** 31 - 1 });
  return Math.min(asked, MAX_ENTRIES);
}

/** An empty delimiter counts as none; some clients send one. @throws S3Error NotImplemented */
export function checkDelimiter(head: RequestHead): void {
  if ((head.parameter('delimiter') ?? '') !== '') throw new S3Error('NotImplemented', 'Delimiters are not supported.');
}
