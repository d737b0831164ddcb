// What an operation of the S3 API is to the dispatcher.
import type { Bucket } from '../bucket.ts';
import type { Reply } from '../reply.ts';
import type { RequestBody } from '../request-body.ts';
import type { RequestHead } from '../request-head.ts';

export interface Call {
  head: RequestHead;
  body: RequestBody;
  bucket: Bucket;
  /** '' for operations on the bucket. */
  key: string;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Operation {
  /** The name in the S3 API. */
  name: string;
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  on: 'bucket' | 'object';
  /** Query parameters that make a request this operation. */
  requires?: readonly string[];
  /** Further query parameters it knows; a request with any other is refused. */
  allows?: readonly string[];
  /** x-amz-* values it knows beside those every operation does. */
  amz?: readonly string[];
  run(call: Call): Promise<Reply> | Reply;
}

/** Whole seconds, which is all that Last-Modified can say; listings then agree with it. */
export function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
