// An operation of the S3 API as the dispatcher sees it, and the arguments that several operations read.
import type { Bucket } from '../bucket.ts';
import { S3Error } from '../errors.ts';
import { HEADER_VALUE, STORED_HEADERS } from '../records.ts';
import type { Reply } from '../reply.ts';
import type { RequestBody } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';

export interface Call {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly bucket: Bucket;
  /** '' for operations on the bucket. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Operation {
  /** The name in the S3 API. */
  readonly name: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly on: 'bucket' | 'object';
  /** Query parameters that make a request this operation. */
  readonly requires?: readonly string[];
  /** Further query parameters it knows; a request with any other is refused. */
  readonly allows?: readonly string[];
  /** x-amz-* values it knows besides those that every operation knows. */
  readonly amz?: readonly string[];
  run(call: Call): Promise<Reply> | Reply;
}

/** Whole seconds, the precision of Last-Modified, so that listings agree with it. */
export function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}

/**
 * The standard headers of a PUT or CreateMultipartUpload that are kept with the object.
 * @throws S3Error NotImplemented: aws-chunked is how a body travels, and not supported
 */
export function storedHeaders(head: RequestHead): Record<string, string> {
  if (head.header('content-encoding')?.includes('aws-chunked')) throw new S3Error('NotImplemented');
  const headers = STORED_HEADERS.map((name) => [name, head.header(name)] as const);
  return {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries(headers.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  };
}

/** A value from a query that will be sent in a header. @throws S3Error InvalidArgument */
export function headerSafe(value: string): string {
  if (!HEADER_VALUE.test(value)) {
    throw new S3Error('InvalidArgument', 'A header value has characters that no header can carry.');
  }
  return value;
}

/** An entity tag without its quotes. */
export function bareEtag(text: string): string {
  return text.trim().replace(/^"(.*)"$/, '$1');
}

/** A whole number in a parameter, or the default. @throws S3Error InvalidArgument */
export function integerParameter(
  head: RequestHead,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const text = head.parameter(name);
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < min || value > max) {
    throw new S3Error('InvalidArgument', `${name} must be a number from ${min} to ${max}.`);
  }
  return value;
}

/** The only version of an object is "null". @throws S3Error NoSuchVersion */
export function checkVersion(versionId: string | undefined): void {
  if (versionId !== undefined && versionId !== 'null') throw new S3Error('NoSuchVersion');
}

/** The key of an operation on an object. @throws S3Error KeyTooLongError */
export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError');
}
