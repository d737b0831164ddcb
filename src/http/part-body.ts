// Receives the bytes of one part and passes them on as they arrive: what is in memory is what is between two sockets.
import { PassThrough } from 'node:stream';
import type { Request, Response } from 'express';
import { ServiceError } from '../model/errors.ts';
import { isTimeout } from '../objectstore/store-error.ts';
import type { ProxiedUploads } from '../recordings/part-buffers.ts';
import { watchSilence } from './silence.ts';

/**
 * How long the body is, as its head announces; Node accepts no body of another length.
 * @throws ServiceError `unsupported-media-type`, `length-required`, `invalid-request` for an empty part
 */
export function announcedBytes({ headers }: Pick<Request, 'headers'>): number {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = headers;
  if (!/^(application\/octet-stream\s*(;.*)?)?$/i.test(type?.trim() ?? '') || encoding.toLowerCase() !== 'identity') {
    const message = 'Send the bytes of the part as they are: as application/octet-stream or without a Content-Type.';
    throw new ServiceError('unsupported-media-type', message);
  }
  // HTTP has no other way to send a body whose length is not known (RFC 9112, 6.3).
  if (headers['transfer-encoding'] !== undefined || headers['content-length'] === undefined) {
    throw new ServiceError('length-required', 'Send the Content-Length of the part, not in chunks.');
  }
  const sizeBytes = Number(headers['content-length']);
  if (sizeBytes > 0) return sizeBytes;
  const errors = [{ path: 'body', message: 'Must have at least one byte' }];
  throw new ServiceError('invalid-request', 'The part is empty.', { errors });
}

/**
 * Resolves with what `send` makes of the bytes. When it fails, the rest of the body is read and dropped, so that the caller
 * sees the response.
 * @throws ServiceError `request-aborted`, `request-idle`, or what `send` throws
 */
export async function receivePart<T>(
  req: Request,
  res: Response,
  limits: Pick<ProxiedUploads, 'idleMs' | 'every'>,
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
  const stopWatching = watchSilence(req, limits, () => bytes.destroy(idle()));
  req.pipe(bytes);
  try {
    return await send(received());
  } catch (error) {
    // The store lost patience first, with the client.
    const failure = isWaiting && isTimeout(error) ? idle(error) : error;
    if (failure instanceof ServiceError && ENDS.has(failure.code)) res.setHeader('Connection', 'close');
    throw failure;
  } finally {
    stopWatching();
    req.unpipe(bytes);
    bytes.destroy();
    req.resume();
  }
}

/** After these no more of the body is waited for. */
const ENDS: ReadonlySet<string> = new Set(['request-idle', 'uploads-busy']);

function idle(cause?: unknown): ServiceError {
  return new ServiceError('request-idle', 'No more of the part arrived. Send the part again.', {}, { cause });
}

function aborted(): ServiceError {
  return new ServiceError('request-aborted', 'The connection was closed before the part was complete.');
}
