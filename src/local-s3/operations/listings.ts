// The listings of objects: ListObjectsV2, ListObjects and ListObjectVersions.
import { S3Error } from '../errors.ts';
import { type ListingPage, listPage } from '../listing.ts';
import type { ObjectRecord } from '../records.ts';
import { xmlReply } from '../reply.ts';
import type { RequestHead } from '../request-head.ts';
import { encodeForListing } from '../uri.ts';
import { element, type Markup, xmlDocument } from '../xml.ts';
import { checkVersion, integerParameter } from './arguments.ts';
import type { Call, Operation } from './operation.ts';

/** A page has at most a thousand entries, whatever is asked for. */
const MAX_ENTRIES = 1000;
const COMMON = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];

export const OWNER = element('Owner', element('ID', 'local'), element('DisplayName', 'local'));

/** How keys are written: as they are, or with encoding-type=url, which is safe for every key. */
export function listingEncoder(head: RequestHead): (text: string) => string {
  const encoding = head.parameter('encoding-type');
  if (encoding === undefined || encoding === '') return (text) => text;
  if (encoding !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return encodeForListing;
}

/** The number of entries asked for, cut to a thousand. @throws S3Error InvalidArgument */
export function pageLimit(head: RequestHead, name: string, min: number): number {
  const asked = integerParameter(head, name, { fallback: MAX_ENTRIES, min, max: 2 ** 31 - 1 });
  return Math.min(asked, MAX_ENTRIES);
}

interface Listing {
  page: ListingPage;
  encode: (text: string) => string;
  /** The elements every listing has. */
  shared: (Markup | undefined)[];
  commonPrefixes: Markup[];
}

function list({ head, bucket }: Call, after: string): Listing {
  const prefix = head.parameter('prefix') ?? '';
  const delimiter = head.parameter('delimiter') ?? '';
  const limit = pageLimit(head, 'max-keys', 0);
  const encode = listingEncoder(head);
  const page = listPage(bucket.objects.keys, { prefix, delimiter, after, limit });
  return {
    page,
    encode,
    shared: [
      element('Name', bucket.name),
      element('Prefix', encode(prefix)),
      delimiter === '' ? undefined : element('Delimiter', encode(delimiter)),
      element('MaxKeys', limit),
      element('IsTruncated', page.truncated),
      head.parameter('encoding-type') === 'url' ? element('EncodingType', 'url') : undefined,
    ],
    commonPrefixes: page.commonPrefixes.map((common) => element('CommonPrefixes', element('Prefix', encode(common)))),
  };
}

/** The common part of `<Contents>` and `<Version>`. */
function facts(record: ObjectRecord): Markup[] {
  return [
    element('LastModified', new Date(record.lastModified).toISOString()),
    element('ETag', `"${record.etag}"`),
    element('Size', record.sizeBytes),
    element('StorageClass', 'STANDARD'),
  ];
}

function contents({ bucket }: Call, { page, encode }: Listing, owner: Markup | undefined): Markup[] {
  return page.keys.map((key) =>
    element('Contents', element('Key', encode(key)), ...facts(bucket.objects.get(key)), owner),
  );
}

// A token is the last entry of the page before. Clients must treat it as opaque, so it does not look like a key.
function encodeToken(entry: string): string {
  return Buffer.from(`after:${entry}`).toString('base64url');
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  const entry = text.slice('after:'.length);
  if (encodeToken(entry) !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return entry;
}

export const listingOperations: Operation[] = [
  {
    name: 'ListObjectsV2',
    method: 'GET',
    on: 'bucket',
    requires: ['list-type'],
    allows: [...COMMON, 'start-after', 'continuation-token', 'fetch-owner'],
    run(call) {
      const { head } = call;
      if (head.parameter('list-type') !== '2') throw new S3Error('InvalidArgument', 'list-type must be 2.');
      const token = head.parameter('continuation-token');
      const startAfter = head.parameter('start-after');
      const listing = list(call, token === undefined ? (startAfter ?? '') : decodeToken(token));
      const { page, encode } = listing;
      const owner = head.parameter('fetch-owner') === 'true' ? OWNER : undefined;
      return xmlReply(
        xmlDocument('ListBucketResult', [
          ...listing.shared,
          element('KeyCount', page.keys.length + page.commonPrefixes.length),
          startAfter === undefined ? undefined : element('StartAfter', encode(startAfter)),
          token === undefined ? undefined : element('ContinuationToken', token),
          page.truncated ? element('NextContinuationToken', encodeToken(page.last ?? '')) : undefined,
          ...contents(call, listing, owner),
          ...listing.commonPrefixes,
        ]),
      );
    },
  },
  {
    name: 'ListObjects',
    method: 'GET',
    on: 'bucket',
    allows: [...COMMON, 'marker'],
    run(call) {
      const marker = call.head.parameter('marker') ?? '';
      const listing = list(call, marker);
      const { page, encode } = listing;
      // S3 gives NextMarker only with a delimiter; without one the last key is the marker.
      const next = page.truncated && (call.head.parameter('delimiter') ?? '') !== '' ? page.last : undefined;
      return xmlReply(
        xmlDocument('ListBucketResult', [
          ...listing.shared,
          element('Marker', encode(marker)),
          next === undefined ? undefined : element('NextMarker', encode(next)),
          ...contents(call, listing, OWNER),
          ...listing.commonPrefixes,
        ]),
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
      const { head, bucket } = call;
      const keyMarker = head.parameter('key-marker') ?? '';
      const versionMarker = head.parameter('version-id-marker') ?? '';
      checkVersion(versionMarker === '' ? undefined : versionMarker);
      const listing = list(call, keyMarker);
      const { page, encode } = listing;
      const versions = page.keys.map((key) =>
        element(
          'Version',
          element('Key', encode(key)),
          element('VersionId', 'null'),
          element('IsLatest', true),
          ...facts(bucket.objects.get(key)),
          OWNER,
        ),
      );
      return xmlReply(
        xmlDocument('ListVersionsResult', [
          ...listing.shared,
          element('KeyMarker', encode(keyMarker)),
          element('VersionIdMarker', versionMarker),
          page.truncated ? element('NextKeyMarker', encode(page.last ?? '')) : undefined,
          page.truncated ? element('NextVersionIdMarker', 'null') : undefined,
          ...versions,
          ...listing.commonPrefixes,
        ]),
      );
    },
  },
];
