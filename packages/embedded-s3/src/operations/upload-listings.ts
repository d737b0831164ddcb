// The listings of multipart uploads and of the parts of one.
import type { UploadRecord } from '../records.ts';
import { xmlReply } from '../reply.ts';
import type { RequestHead } from '../request-head.ts';
import { compareUtf8 } from '../sorted-keys.ts';
import { element, type Markup, xmlDocument } from '../xml.ts';
import { integerParameter } from './arguments.ts';
import { checkDelimiter, pageLimit } from './listings.ts';
import type { Operation } from './operation.ts';

/** Whether an upload is of the prefix and after the markers: of a later key, or of the same and a later id. */
function selection(head: RequestHead): (upload: UploadRecord) => boolean {
  const prefix = head.parameter('prefix') ?? '';
  const keyMarker = head.parameter('key-marker') ?? '';
  const idMarker = head.parameter('upload-id-marker') ?? '';
  return ({ key, uploadId }) => {
    if (!key.startsWith(prefix)) return false;
    const order = keyMarker === '' ? 1 : compareUtf8(key, keyMarker);
    return order > 0 || (order === 0 && idMarker !== '' && uploadId > idMarker);
  };
}

export const uploadListingOperations: Operation[] = [
  {
    name: 'ListMultipartUploads',
    method: 'GET',
    on: 'bucket',
    requires: ['uploads'],
    allows: ['prefix', 'delimiter', 'key-marker', 'upload-id-marker', 'max-uploads'],
    run({ head, bucket }) {
      checkDelimiter(head);
      const limit = pageLimit(head, 'max-uploads', 1);
      const found = bucket.uploads.list().filter(selection(head));
      const page = found.slice(0, limit);
      const truncated = found.length > limit;
      const last = truncated ? page.at(-1) : undefined;
      const uploads = page.map(({ key, uploadId, initiated }) =>
        element(
          'Upload',
          element('Key', key),
          element('UploadId', uploadId),
          element('Initiated', new Date(initiated).toISOString()),
        ),
      );
      return xmlReply(
        xmlDocument('ListMultipartUploadsResult', [
          element('Bucket', bucket.name),
          element('MaxUploads', limit),
          element('IsTruncated', truncated),
          last && element('NextKeyMarker', last.key),
          last && element('NextUploadIdMarker', last.uploadId),
          ...uploads,
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
          truncated ? element('NextPartNumberMarker', parts.at(-1)?.partNumber ?? marker) : undefined,
          element('MaxParts', limit),
          element('IsTruncated', truncated),
          ...listed,
        ]),
      );
    },
  },
];
