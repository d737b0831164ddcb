// The package @proctoring-recordings/uppy: the options with which @uppy/aws-s3, version 5 or 6, uploads to the service.
import { type RecordingOptions, uploadsOf } from './uploads.ts';

export { RecordingError } from './service.ts';
export type { RecordingOptions };

/** What is used of a file of Uppy's. */
interface UppyFile {
  readonly id: string;
  readonly type?: string;
  readonly size: number | null;
}

/** What version 6 would send to S3. */
interface S3Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly key: string;
  readonly uploadId?: string;
  readonly partNumber?: number;
}

/** Version 5 uses the functions that are named as in S3, version 6 the last two. */
export interface AwsS3Options {
  readonly shouldUseMultipart: true;
  getChunkSize(): number;
  createMultipartUpload(file: UppyFile): Promise<{ uploadId: string; key: string }>;
  signPart(
    file: UppyFile,
    part: { readonly uploadId: string; readonly partNumber: number; readonly body: Blob },
  ): Promise<{ method: 'PUT'; url: string }>;
  listParts(file: UppyFile, upload: { readonly uploadId?: string }): Promise<{ PartNumber: number; ETag: string }[]>;
  completeMultipartUpload(
    file: UppyFile,
    upload: { readonly uploadId: string },
  ): Promise<{ location: string; key: string }>;
  abortMultipartUpload(file: UppyFile, upload: { readonly uploadId?: string }): Promise<void>;
  generateObjectKey(file: UppyFile): string;
  signRequest(request: S3Request): Promise<{ url: string }>;
}

/**
 * Asks the service for its part size, then makes the options. Each file becomes a recording of the attempt; its id is the
 * `key` in the body of Uppy's `upload-success`.
 * @throws RecordingError as each of the options does
 */
export async function awsS3Options(options: RecordingOptions): Promise<AwsS3Options> {
  const { partSizeBytes, create, sign, list, complete, abort } = await uploadsOf(options);
  return {
    // Of one part, too: the service has no other way for a file.
    shouldUseMultipart: true,
    getChunkSize: () => partSizeBytes,
    async createMultipartUpload(file) {
      const uploadId = await create(file);
      return { uploadId, key: uploadId };
    },
    signPart: async (_, { uploadId, partNumber, body }) => ({
      method: 'PUT',
      url: await sign(uploadId, partNumber, body.size),
    }),
    listParts: async (file, { uploadId = '' }) =>
      (await list(uploadId, file)).map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag })),
    completeMultipartUpload: (file, { uploadId }) => complete(uploadId, file),
    abortMultipartUpload: (_, { uploadId = '' }) => abort(uploadId),

    // All that version 6 tells of a file later. It is never the key of an object.
    generateObjectKey: ({ id, type, size }) => JSON.stringify({ id, type, size }),
    // Each request but the PUT of a part is made here, and its URL holds what S3 would answer.
    async signRequest({ method, key, uploadId, partNumber }) {
      const file = JSON.parse(key) as UppyFile;
      if (uploadId === undefined) {
        return answered('InitiateMultipartUploadResult', `<UploadId>${await create(file)}</UploadId>`);
      }
      if (partNumber !== undefined) {
        const restBytes = (file.size ?? 0) - (partNumber - 1) * partSizeBytes;
        return { url: await sign(uploadId, partNumber, Math.min(partSizeBytes, restBytes)) };
      }
      if (method === 'GET') {
        const parts = (await list(uploadId, file)).map(
          ({ partNumber: number, etag }) =>
            `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '')}</ETag></Part>`,
        );
        return answered('ListPartsResult', parts.join(''));
      }
      if (method === 'DELETE') {
        await abort(uploadId);
        return answered('Aborted', '');
      }
      const stored = await complete(uploadId, file);
      const location = stored.location.replaceAll('&', '&amp;');
      return answered('CompleteMultipartUploadResult', `<Location>${location}</Location><Key>${stored.key}</Key>`);
    },
  };
}

function answered(name: string, content: string): { url: string } {
  return { url: `data:application/xml,${encodeURIComponent(`<${name}>${content}</${name}>`)}` };
}
