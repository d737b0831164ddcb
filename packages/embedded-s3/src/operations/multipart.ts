// Multipart uploads: start, parts, completion, abort, and the listings of uploads and parts.
import { S3Error } from '../errors.ts';
import type { PartRecord, UploadRecord } from '../records.ts';
import { type Reply, xmlReply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';
import { compareUtf8 } from '../sorted-keys.ts';
import type { NamedPart } from '../uploads.ts';
import { encodePath } from '../uri.ts';
import { childrenNamed, childText, element, type Markup, parseXml, xmlDocument } from '../xml.ts';
import { checkDelimiter, pageLimit } from './listings.ts';
import { bareEtag, type Call, integerParameter, type Operation, storedHeaders, wholeSeconds } from './operation.ts';

const MAX_PART_NUMBER = 10_000;

export const multipartOperations: readonly Operation[] = [
  {
    name: 'CreateMultipartUpload',
    method: 'POST',
    on: 'object',
    requires: ['uploads'],
    amz: ['x-amz-checksum-algorithm'],
    async run({ head, bucket, key, now }) {
      const headers = storedHeaders(head);
      const { uploadId } = await bucket.space.forUploads(() => bucket.uploads.create(key, headers, wholeSeconds(now)));
      return xmlReply(
        xmlDocument('InitiateMultipartUploadResult', [
          element('Bucket', bucket.name),
          element('Key', key),
          element('UploadId', uploadId),
        ]),
      );
    },
  },
  {
    name: 'UploadPart',
    method: 'PUT',
    on: 'object',
    requires: ['uploadId', 'partNumber'],
    amz: CHECKSUM_HEADERS,
    run: (call) => call.bucket.space.forUploads(() => uploadPart(call)),
  },
  {
    name: 'CompleteMultipartUpload',
    method: 'POST',
    on: 'object',
    requires: ['uploadId'],
    run: complete,
  },
  {
    name: 'AbortMultipartUpload',
    method: 'DELETE',
    on: 'object',
    requires: ['uploadId'],
    async run({ head, bucket, key }) {
      await bucket.uploads.abort(uploadIdOf(head), key);
      return { status: 204 };
    },
  },
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

async function uploadPart({ head, body, bucket, key, now }: Call): Promise<Reply> {
  const partNumber = integerParameter(head, 'partNumber', { fallback: 0, min: 1, max: MAX_PART_NUMBER });
  if (partNumber === 0) throw new S3Error('InvalidArgument', 'partNumber must be a number from 1 to 10000.');
  const uploadId = uploadIdOf(head);
  bucket.uploads.get(uploadId, key);
  body.checkAnnounced();
  const segments = await bucket.data.write(body.stream(), () => bucket.space.requireRoom());
  const etag = body.md5();
  const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const part: PartRecord = { uploadId, partNumber, etag, sizeBytes, lastModified: wholeSeconds(now), segments };
  try {
    await bucket.uploads.putPart(key, part);
  } catch (error) {
    if (!bucket.uploads.holds(part)) await bucket.data.remove(segments);
    throw error;
  }
  return { status: 200, headers: { etag: `"${etag}"` } };
}

async function complete({ head, body, bucket, key, now }: Call): Promise<Reply> {
  const uploadId = uploadIdOf(head);
  bucket.uploads.get(uploadId, key);
  const parts = parseParts(await body.text());
  const record = await bucket.space.forDocuments(() =>
    bucket.uploads.complete(uploadId, key, parts, wholeSeconds(now)),
  );
  return xmlReply(
    xmlDocument('CompleteMultipartUploadResult', [
      element('Location', `http://${head.header('host') ?? ''}/${bucket.name}/${encodePath(key)}`),
      element('Bucket', bucket.name),
      element('Key', key),
      element('ETag', `"${record.etag}"`),
    ]),
  );
}

/** Whether an upload has the prefix and sorts after the markers: by key, then by id. */
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

function uploadIdOf(head: RequestHead): string {
  return head.parameter('uploadId') ?? '';
}

/** @throws S3Error MalformedXML */
function parseParts(xml: string): NamedPart[] {
  const parts = childrenNamed(parseXml(xml, 'CompleteMultipartUpload'), 'Part').map((part) => {
    const number = childText(part, 'PartNumber')?.trim() ?? '';
    const etag = childText(part, 'ETag');
    if (!/^\d{1,9}$/.test(number) || etag === undefined) throw new S3Error('MalformedXML');
    return { partNumber: Number(number), etag: bareEtag(etag) };
  });
  if (parts.length === 0) throw new S3Error('MalformedXML');
  return parts;
}
