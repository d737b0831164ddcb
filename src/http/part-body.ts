// Receives a body of bytes, a part or an overview, and passes it on as it arrives: what is in memory is what is between two sockets.
import { PassThrough } from 'node:stream';
import type { Request } from 'express';
import { ServiceError } from '../model/errors.ts';
import { isTimeout } from '../objectstore/store-error.ts';
import type { UploadTurn } from '../recordings/proxied-uploads.ts';
import { type Every, watchUpload } from './pace.ts';

/**
 * How long the body is, as its head announces; Node accepts no body of another length. Messages call it `what`.
 * @throws ServiceError `unsupported-media-type`, `length-required`, `invalid-request` for an empty body
 */
export function announcedBytes({ headers }: Pick<Request, 'headers'>, what: 'part' | 'overview' = 'part'): number {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = headers;
  if (!/^(application\/octet-stream\s*(;.*)?)?$/i.test(type?.trim() ?? '') || encoding.toLowerCase() !== 'identity') {
    const message = `Send the bytes of the ${what} as they are: as application/octet-stream or without a Content-Type.`;
    throw new ServiceError('unsupported-media-type', message);
  }
  // HTTP has no other way to send a body whose length is not known (RFC 9112, 6.3).
  if (headers['transfer-encoding'] !== undefined || headers['content-length'] === undefined) {
    throw new ServiceError('length-required', `Send the Content-Length of the ${what}, not in chunks.`);
  }
  const sizeBytes = Number(headers['content-length']);
  if (sizeBytes > 0) return sizeBytes;
  const errors = [{ path: 'body', message: 'Must have at least one byte' }];
  throw new ServiceError('invalid-request', `The ${what} is empty.`, { errors });
}

/**
 * Resolves with what `send` makes of the bytes.
 * @throws ServiceError `request-aborted`, `request-idle`, `uploads-busy`, or what `send` throws
 */
export async function receiveBytes<T>(
  req: Request,
  { every, turn }: { readonly every: Every; readonly turn: UploadTurn },
  send: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  if (req.destroyed) throw aborted();
  const bytes = new PassThrough();
  // It may fail before the store asks for the first of it, and fails then for its reader.
  bytes.on('error', () => {});
  let isWaiting = false;
  async function* received(): AsyncGenerator<Uint8Array> {
    isWaiting = true;
    for await (const chunk of bytes) {
      isWaiting = false;
      yield chunk as Uint8Array;
      isWaiting = true;
    }
    isWaiting = false;
  }
  const onClose = () => {
    if (!req.complete) bytes.destroy(aborted());
  };
  // A request that is cut off fails by itself too.
  req.on('error', onClose);
  req.once('close', onClose);
  const stopWatching = watchUpload(req, every, turn, (refusal) => bytes.destroy(refusal));
  req.pipe(bytes);
  try {
    return await send(received());
  } catch (error) {
    // The store lost patience first, with the client.
    throw isWaiting && isTimeout(error) ? idle(error) : error;
  } finally {
    stopWatching();
    req.unpipe(bytes);
    bytes.destroy();
  }
}

function idle(cause: unknown): ServiceError {
  return new ServiceError('request-idle', 'No more of the body arrived. Send it again.', {}, { cause });
}

function aborted(): ServiceError {
  return new ServiceError('request-aborted', 'The connection was closed before the body was complete.');
}
