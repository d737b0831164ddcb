// The response of an operation, and how it is sent over HTTP.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { type OpenRead, peek } from './data-files.ts';
import type { S3Error } from './errors.ts';
import { dropBody } from './unread-body.ts';
import { element, xmlDocument } from './xml.ts';

export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** A document, or bytes whose length the headers give. */
  readonly body?: string | OpenRead;
}

export function xmlReply(document: string): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: document };
}

/** The `<Error>` document of the S3 API. */
export function errorReply(error: S3Error, resource: string, requestId: string): Reply {
  const document = xmlDocument(
    'Error',
    [
      element('Code', error.code),
      element('Message', error.message),
      element('Resource', resource),
      element('RequestId', requestId),
    ],
    { namespaced: false },
  );
  return { status: error.status, headers: { 'content-type': 'application/xml', ...error.headers }, body: document };
}

/**
 * Sends the reply to its end; its bytes are released in every case.
 * @throws Error when the bytes cannot be read; nothing has been sent then, unless they fail midway, which also cuts
 *   the connection, so that the client notices
 */
export async function sendReply(
  incoming: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Reply,
): Promise<void> {
  if (body === undefined || incoming.method === 'HEAD') {
    if (typeof body === 'object') await body.release();
    response.writeHead(status, headers);
    response.end();
    await finished(response);
    return;
  }
  if (typeof body === 'string') {
    response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
    if (incoming.complete) response.end(body);
    else {
      response.write(body);
      await dropBody(incoming);
      response.end();
    }
    await finished(response);
    return;
  }
  try {
    const { bytes } = await peek(body.bytes);
    response.writeHead(status, headers);
    await pipeline(Readable.from(bytes), response);
  } finally {
    await body.release();
  }
}
