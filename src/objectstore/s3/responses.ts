// Interprets responses of an S3-compatible store: errors become StoreErrors. A response that may be incomplete, or may not
// be from the store, proves nothing.
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { GetObjectCommandOutput, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import type { HttpRequest, HttpResponse } from '@smithy/protocol-http';
import type { DeserializeMiddleware } from '@smithy/types';
import { isThrottling, meaningOf, StoreError, type StoreErrorCode } from '../store-error.ts';

/** Ceph RGW responds with NoSuchKey for an upload that has ended (measured on 16.2). */
const UPLOAD_OPERATIONS = new Set(['UploadPart', 'ListParts', 'CompleteMultipartUpload', 'AbortMultipartUpload']);

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Code?: string;
  readonly code?: string;
}

/** Statuses that say what their own codes may not: codes that no client knows, or the page of a gateway without one. */
const OF_STATUS: Readonly<Record<number, string>> = { 429: 'TooManyRequests', 503: 'ServiceUnavailable' };

/** The store's or the network's own code: `NoSuchKey`, `ECONNREFUSED`, … */
export function storeCodeOf(error: unknown): string {
  const { name = 'Unknown', Code, code } = (error ?? {}) as Partial<SdkError>;
  const own = Code ?? (name === 'Error' || name === 'AggregateError' ? (code ?? name) : name);
  return meaningOf(own) === undefined ? (OF_STATUS[httpStatusOf(error) ?? 0] ?? own) : own;
}

/** Whether the store refused a request because it throttles: then it did nothing. */
export function isThrottled(error: unknown): boolean {
  return isThrottling(storeCodeOf(error));
}

export function httpStatusOf(error: unknown): number | undefined {
  return (error as Partial<SdkError> | undefined)?.$metadata?.httpStatusCode;
}

/** A 404 with a code of S3. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(storeCodeOf(error)) && !isBare404(error);
}

/** A 404 without a code of S3: as likely from a proxy on the way as from the store, so it proves nothing by itself. */
export function isBare404(error: unknown): boolean {
  const thrown = error instanceof StoreError ? error.cause : error;
  return httpStatusOf(thrown) === 404 && (thrown as SdkError).Code === undefined;
}

export function toStoreError(operation: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (isBare404(error)) return new StoreError('unavailable', operation, 'NotFound', { cause: error });
  const storeCode = storeCodeOf(error);
  const isUploadGone = UPLOAD_OPERATIONS.has(operation) && storeCode === 'NoSuchKey';
  const code = isUploadGone ? 'no-such-upload' : (meaningOf(storeCode) ?? meaningOfStatus(httpStatusOf(error)));
  return new StoreError(code, operation, storeCode, { cause: error });
}

function meaningOfStatus(status: number | undefined): StoreErrorCode {
  if (status === 501 || status === 405) return 'not-implemented';
  if (status === 403 || status === 401) return 'access-denied';
  // A successful response that cannot be read was cut short on its way.
  if (status === undefined || status < 300) return 'unavailable';
  return status >= 500 || status === 429 ? 'unavailable' : 'unexpected';
}

/** Fewer bytes arrived than the store sent, though the connection did not break: a repetition may have all of them. */
export function cutShort(operation: string): StoreError {
  return new StoreError('unavailable', operation, 'CutShort');
}

/** The response does not belong to the request, or lacks what it must contain. */
export function unreadable(operation: string): StoreError {
  return new StoreError('unavailable', operation, 'UnreadableAnswer');
}

/** The items of a listing. @throws StoreError when one lacks a member that it must have */
export function wholeItems<T, Name extends keyof T>(
  operation: string,
  items: readonly T[] | undefined,
  ...needed: readonly Name[]
): readonly (T & { readonly [Needed in Name]-?: NonNullable<T[Needed]> })[] {
  for (const item of items ?? []) {
    for (const name of needed) if (item[name] === undefined) throw unreadable(operation);
  }
  return (items ?? []) as ReturnType<typeof wholeItems<T, Name>>;
}

/**
 * Whether a listing has another page. Where a store leaves `IsTruncated` out, a marker for the next page means the
 * same. A truncated listing without a marker was cut off: it is not the last page.
 */
export function goesOn(operation: string, isTruncated: boolean | undefined, leadsOn: boolean): boolean {
  if (isTruncated && !leadsOn) throw cutShort(operation);
  return isTruncated ?? leadsOn;
}

/** How many bytes of a range will arrive. A store that ignores the range sends others, which are not read. */
export function bytesInRange(output: GetObjectCommandOutput, offset: number): number {
  const { ContentRange = '', ContentLength, ETag, Body } = output;
  // Some stores ignore the range of an empty object.
  if (ContentRange === '' && ContentLength === 0 && ETag) return 0;
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(ContentRange) ?? [];
  if (Number(first) !== offset) {
    (Body as Readable).destroy();
    throw unreadable('GetObject');
  }
  return Number(last) - offset + 1;
}

/** Fails when fewer bytes arrive than were announced. The body's own iterator closes the connection when it is ended early. */
export async function* chunksOf(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  announced = 0,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of body) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw toStoreError('GetObject', error);
  }
  if (received < announced) throw cutShort('GetObject');
}

/** The root elements of responses that mean something when they are empty. */
const ROOTS = new Map([
  ['ListObjectsV2', 'ListBucketResult'],
  ['ListObjectVersions', 'ListVersionsResult'],
  ['ListMultipartUploads', 'ListMultipartUploadsResult'],
  ['ListParts', 'ListPartsResult'],
  ['GetBucketVersioning', 'VersioningConfiguration'],
  ['GetObjectTagging', 'Tagging'],
  ['DeleteObjects', 'DeleteResult'],
  ['CompleteMultipartUpload', 'CompleteMultipartUploadResult'],
]);

const ROOT = /^\s*(?:<\?[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:[\w-]+:)?(\w+)/;
const PAGE = /^\s*<(?:!doctype\s+html|html)\b/i;
/** The root element begins within so many characters. */
const HEAD_BYTES = 1024;

/** S3's name of it: `GetObject` of `GetObjectCommand`. */
export function operationOf({ commandName }: { readonly commandName?: string }): string {
  return String(commandName).replace(/Command$/, '');
}

/**
 * Checks each document before the SDK reads it. The SDK takes any document for the one that it expects: an empty body, a
 * proxy's page, or the listing of a store that ignores the query would be read as an empty listing.
 */
export const expectRootElement: DeserializeMiddleware<ServiceInputTypes, ServiceOutputTypes> = (next, context) => {
  const operation = operationOf(context);
  const expected = ROOTS.get(operation);
  return async (args) => {
    const result = await next(args);
    const response = result.response as HttpResponse;
    if (response.statusCode >= 300) return result;
    const unreadableAnswer = () =>
      Object.assign(new Error(`not a response to ${operation}`), { name: 'UnreadableAnswer' });
    // The body of an object is not checked, but no object of the service is an HTML page.
    if (operation === 'GetObject') {
      if (!/^text\/html\b/i.test(response.headers['content-type'] ?? '')) return result;
      response.body.destroy();
      throw unreadableAnswer();
    }
    const body = await buffer(response.body);
    response.body = body;
    const head = body.toString('utf8', 0, HEAD_BYTES);
    const root = ROOT.exec(head)?.[1];
    const isQuestion = (args.request as HttpRequest).method === 'GET';
    // An error inside a 200 is left to the SDK.
    const isResponse = expected === undefined ? !PAGE.test(head) : root === expected || root === 'Error';
    if (body.length === 0 ? isQuestion : !isResponse) throw unreadableAnswer();
    return result;
  };
};
