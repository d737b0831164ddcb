// Multipart uploads: start, parts, completion and abort.
import { S3Error } from '../errors.ts';
import type { PartRecord } from '../records.ts';
import { type Reply, xmlReply } from '../reply.ts';
import { CHECKSUM_HEADERS } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';
import type { NamedPart } from '../uploads.ts';
import { encodePath } from '../uri.ts';
import { childrenNamed, childText, element, parseXml, xmlDocument } from '../xml.ts';
import { bareEtag, integerParameter, storedHeaders } from './arguments.ts';
import { type Call, type Operation, wholeSeconds } from './operation.ts';

const MAX_PART_NUMBER = 10_000;

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

async function uploadPart({ head, body, bucket, key, now }: Call): Promise<Reply> {
  const partNumber = integerParameter(head, 'partNumber', { fallback: 0, min: 1, max: MAX_PART_NUMBER });
  if (partNumber === 0) throw new S3Error('InvalidArgument', 'partNumber must be a number from 1 to 10000.');
  const uploadId = uploadIdOf(head);
  bucket.uploads.get(uploadId, key);
  body.checkAnnounced();
  const segments = await bucket.data.write(body.stream());
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
  const record = await bucket.uploads.complete(uploadId, key, parts, wholeSeconds(now));
  return xmlReply(
    xmlDocument('CompleteMultipartUploadResult', [
      element('Location', `http://${head.header('host') ?? ''}/${bucket.name}/${encodePath(key)}`),
      element('Bucket', bucket.name),
      element('Key', key),
      element('ETag', `"${record.etag}"`),
    ]),
  );
}

export const multipartOperations: Operation[] = [
  {
    name: 'CreateMultipartUpload',
    method: 'POST',
    on: 'object',
    requires: ['uploads'],
    amz: ['x-amz-checksum-algorithm'],
    async run({ head, bucket, key, now }) {
      const { uploadId } = await bucket.uploads.create(key, storedHeaders(head), wholeSeconds(now));
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
    run: uploadPart,
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
];
