// The listings of multipart uploads and of the parts of one.
import { commonPrefixOf } from '../listing.ts';
import type { UploadRecord } from '../records.ts';
import { xmlReply } from '../reply.ts';
import { compareUtf8 } from '../sorted-keys.ts';
import { element, type Markup, xmlDocument } from '../xml.ts';
import { integerParameter } from './arguments.ts';
import { listingEncoder, OWNER, pageLimit } from './listings.ts';
import type { Operation } from './operation.ts';

const STANDARD = element('StorageClass', 'STANDARD');
const INITIATOR = element('Initiator', element('ID', 'local'), element('DisplayName', 'local'));

interface Query {
  prefix: string;
  delimiter: string;
  keyMarker: string;
  uploadIdMarker: string;
  limit: number;
}

interface Page {
  uploads: UploadRecord[];
  commonPrefixes: string[];
  truncated: boolean;
  nextKey: string;
  nextUploadId: string;
}

/** Uploads after the markers: after the key, or of the same key and after the id, when an id is given. */
function isAfter(entry: string, upload: UploadRecord, { keyMarker, uploadIdMarker }: Query): boolean {
  if (keyMarker === '') return true;
  const order = compareUtf8(entry, keyMarker);
  if (order === 0 && entry === upload.key) return uploadIdMarker !== '' && upload.uploadId > uploadIdMarker;
  return order > 0;
}

function pageOf(sorted: UploadRecord[], query: Query): Page {
  const page: Page = { uploads: [], commonPrefixes: [], truncated: false, nextKey: '', nextUploadId: '' };
  for (const upload of sorted) {
    if (!upload.key.startsWith(query.prefix)) continue;
    const common = commonPrefixOf(upload.key, query.prefix, query.delimiter);
    if (!isAfter(common ?? upload.key, upload, query)) continue;
    if (common !== undefined && common === page.commonPrefixes.at(-1)) continue;
    if (page.uploads.length + page.commonPrefixes.length === query.limit) return { ...page, truncated: true };
    if (common === undefined) page.uploads.push(upload);
    else page.commonPrefixes.push(common);
    page.nextKey = common ?? upload.key;
    page.nextUploadId = common === undefined ? upload.uploadId : '';
  }
  return page;
}

export const uploadListingOperations: Operation[] = [
  {
    name: 'ListMultipartUploads',
    method: 'GET',
    on: 'bucket',
    requires: ['uploads'],
    allows: ['prefix', 'delimiter', 'key-marker', 'upload-id-marker', 'max-uploads', 'encoding-type'],
    run({ head, bucket }) {
      const encode = listingEncoder(head);
      const query: Query = {
        prefix: head.parameter('prefix') ?? '',
        delimiter: head.parameter('delimiter') ?? '',
        keyMarker: head.parameter('key-marker') ?? '',
        uploadIdMarker: head.parameter('upload-id-marker') ?? '',
        limit: pageLimit(head, 'max-uploads', 1),
      };
      const page = pageOf(bucket.uploads.list(), query);
      const uploads = page.uploads.map((upload) =>
        element(
          'Upload',
          element('Key', encode(upload.key)),
          element('UploadId', upload.uploadId),
          INITIATOR,
          OWNER,
          STANDARD,
          element('Initiated', new Date(upload.initiated).toISOString()),
        ),
      );
      const prefixes = page.commonPrefixes.map((common) =>
        element('CommonPrefixes', element('Prefix', encode(common))),
      );
      return xmlReply(
        xmlDocument('ListMultipartUploadsResult', [
          element('Bucket', bucket.name),
          element('KeyMarker', encode(query.keyMarker)),
          element('UploadIdMarker', query.uploadIdMarker),
          page.truncated ? element('NextKeyMarker', encode(page.nextKey)) : undefined,
          page.truncated ? element('NextUploadIdMarker', page.nextUploadId) : undefined,
          element('Prefix', encode(query.prefix)),
          query.delimiter === '' ? undefined : element('Delimiter', encode(query.delimiter)),
          head.parameter('encoding-type') === 'url' ? element('EncodingType', 'url') : undefined,
          element('MaxUploads', query.limit),
          element('IsTruncated', page.truncated),
          ...uploads,
          ...prefixes,
        ]),
      );
    },
  },
  {
    name: 'ListParts',
    method: 'GET',
    on: 'object',
    requires: ['uploadId'],
    allows: ['part-number-marker', 'max-parts'],
    run({ head, bucket, key }) {
      const uploadId = head.parameter('uploadId') ?? '';
      const marker = integerParameter(head, 'part-number-marker', { fallback: 0, min: 0, max: 2 ** 31 - 1 });
      const limit = pageLimit(head, 'max-parts', 0);
      const rest = bucket.uploads.parts(uploadId, key).filter((part) => part.partNumber > marker);
      const parts = rest.slice(0, limit);
      const truncated = limit > 0 && rest.length > limit;
      const listed: Markup[] = parts.map((part) =>
        element(
          'Part',
          element('PartNumber', part.partNumber),
          element('LastModified', new Date(part.lastModified).toISOString()),
          element('ETag', `"${part.etag}"`),
          element('Size', part.sizeBytes),
        ),
      );
      return xmlReply(
        xmlDocument('ListPartsResult', [
          element('Bucket', bucket.name),
          element('Key', key),
          element('UploadId', uploadId),
          INITIATOR,
          OWNER,
          STANDARD,
          element('PartNumberMarker', marker),
          truncated ? element('NextPartNumberMarker', parts.at(-1)?.partNumber ?? marker) : undefined,
          element('MaxParts', limit),
          element('IsTruncated', truncated),
          ...listed,
        ]),
      );
    },
  },
];
