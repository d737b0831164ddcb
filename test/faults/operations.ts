// Which S3 operation a request is, by its method and its query, as far as the service uses them.

/** In the order in which they are looked for: the first that fits. */
const OPERATIONS: readonly [method: string, parameter: string, operation: string][] = [
  ['GET', 'list-type', 'ListObjectsV2'],
  ['GET', 'versioning', 'GetBucketVersioning'],
  ['GET', 'uploads', 'ListMultipartUploads'],
  ['GET', 'uploadId', 'ListParts'],
  ['GET', 'tagging', 'GetObjectTagging'],
  ['GET', '', 'GetObject'],
  ['PUT', 'partNumber', 'UploadPart'],
  ['PUT', 'tagging', 'PutObjectTagging'],
  ['PUT', '', 'PutObject'],
  ['POST', 'delete', 'DeleteObjects'],
  ['POST', 'uploads', 'CreateMultipartUpload'],
  ['POST', 'uploadId', 'CompleteMultipartUpload'],
  ['DELETE', 'uploadId', 'AbortMultipartUpload'],
];

/** The method itself for what the service does not use. */
export function operationOf(method: string, path: string): string {
  const { searchParams } = new URL(path, 'http://store');
  const found = OPERATIONS.find(
    ([of, parameter]) => of === method && (parameter === '' || searchParams.has(parameter)),
  );
  return found?.[2] ?? method;
}
