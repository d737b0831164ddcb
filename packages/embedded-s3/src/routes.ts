// Finds the operation of a request. A request with an unknown part is refused: no part is ignored.
import { S3Error } from './errors.ts';
import { bucketOperations } from './operations/bucket.ts';
import { deleteObjects } from './operations/delete-objects.ts';
import { listingOperations } from './operations/listings.ts';
import { multipartOperations } from './operations/multipart.ts';
import { objectOperations } from './operations/objects.ts';
import type { Operation } from './operations/operation.ts';
import { taggingOperations } from './operations/tags.ts';
import type { RequestHead } from './request-head.ts';

// Operations with more parameters come first, so that `?tagging` is not taken for GetObject.
const OPERATIONS = [
  ...bucketOperations,
  ...listingOperations,
  ...objectOperations,
  ...taggingOperations,
  ...multipartOperations,
  deleteObjects,
].sort((a, b) => (b.requires?.length ?? 0) - (a.requires?.length ?? 0));

/** x-amz-* values that any request may have: of the signature, of the body and of the client. */
const COMMON_AMZ = new Set(['x-amz-content-sha256', 'x-amz-date', 'x-amz-sdk-checksum-algorithm', 'x-amz-user-agent']);

/** `If-Range` is not among them: operations/objects.ts handles it. */
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

/** The operation of the request, or undefined: an unknown query parameter may mean anything. */
export function findOperation(head: RequestHead): Operation | undefined {
  if (head.bucket === undefined) return undefined;
  const on = head.key === undefined ? 'bucket' : 'object';
  const given = head.argumentNames();
  const found = OPERATIONS.find(
    (operation) =>
      operation.method === head.method &&
      operation.on === on &&
      (operation.requires ?? []).every((name) => given.includes(name)),
  );
  const known = new Set([...(found?.requires ?? []), ...(found?.allows ?? [])]);
  return given.every((name) => known.has(name)) ? found : undefined;
}

/**
 * @throws S3Error NotImplemented on an x-amz-* header that the operation does not know, such as x-amz-copy-source, and
 *   on every conditional header except the `If-None-Match: *` of a PutObject
 */
export function checkHeaders(head: RequestHead, operation: Operation): void {
  for (const name of head.amzNames()) {
    if (COMMON_AMZ.has(name) || operation.amz?.includes(name)) continue;
    throw new S3Error('NotImplemented', `The header ${name} implies functionality not implemented.`);
  }
  for (const name of CONDITIONS) {
    const isKnown = operation.name === 'PutObject' && name === 'if-none-match' && head.header(name) === '*';
    if (head.headers.has(name) && !isKnown)
      throw new S3Error('NotImplemented', `The condition ${name} is not supported.`);
  }
}
