// Finds the operation that a request asks for, and refuses what is not known rather than ignore a part of it.
import { CHECKSUM_PREFIX, createChecksum } from './checksums.ts';
import { S3Error } from './errors.ts';
import { bucketOperations } from './operations/bucket.ts';
import { deleteObjects } from './operations/delete-objects.ts';
import { listingOperations } from './operations/listings.ts';
import { multipartOperations } from './operations/multipart.ts';
import { objectOperations } from './operations/objects.ts';
import type { Operation } from './operations/operation.ts';
import { taggingOperations } from './operations/tags.ts';
import { uploadListingOperations } from './operations/upload-listings.ts';
import type { RequestHead } from './request-head.ts';

// Those that need most parameters come first: `?tagging` is no GetObject.
const OPERATIONS = [
  ...bucketOperations,
  ...listingOperations,
  ...objectOperations,
  ...taggingOperations,
  ...multipartOperations,
  ...uploadListingOperations,
  deleteObjects,
].sort((a, b) => (b.requires?.length ?? 0) - (a.requires?.length ?? 0));

/** x-amz-* values that any request may carry: the signature's, the body's, and who calls. */
const COMMON_AMZ = new Set([
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-request-payer',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-user-agent',
]);

/** The operation of the request, or undefined: an unknown query parameter may mean anything. */
export function findOperation(head: RequestHead): Operation | undefined {
  const on = scopeOf(head);
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

function scopeOf(head: RequestHead): Operation['on'] {
  if (head.bucket === undefined) return 'service';
  return head.key === undefined ? 'bucket' : 'object';
}

/** @throws S3Error NotImplemented on an x-amz-* header the operation does not know, such as x-amz-copy-source */
export function checkAmzHeaders(head: RequestHead, operation: Operation): void {
  const knows = (name: string) =>
    COMMON_AMZ.has(name) ||
    (name.startsWith(CHECKSUM_PREFIX) && createChecksum(name.slice(CHECKSUM_PREFIX.length)) !== undefined) ||
    (operation.amz ?? []).some((known) => (known.endsWith('-') ? name.startsWith(known) : name === known));
  for (const name of head.amzNames()) {
    if (!knows(name)) throw new S3Error('NotImplemented', `The header ${name} implies functionality not implemented.`);
  }
}
