// Answers that are written as they are made: at the pace of the client, and no longer than it stays.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';

export interface Streamed {
  readonly contentType: string;
  /** How a browser names what it saves. */
  readonly fileName: string;
  /** Nothing is made before it is asked for, and nothing more once the iterator is told to return. */
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/**
 * What fails before the first chunk is thrown, to be answered as a problem; what fails later cuts the connection, so that
 * no client takes the part for the whole. Resolves when all is sent, or the client is gone.
 */
export async function sendStream(req: Request, res: Response, streamed: Streamed): Promise<void> {
  const { contentType, fileName, chunks } = streamed;
  const iterator = chunks[Symbol.asyncIterator]();
  const first = req.method === 'HEAD' ? undefined : await iterator.next();
  res.status(200).attachment(fileName).type(contentType);
  if (!first) {
    res.end();
    return;
  }
  let failure: { readonly cause: unknown } | undefined;
  async function* made(next: IteratorResult<string | Uint8Array>) {
    try {
      for (; !next.done; next = await advance()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  async function advance() {
    try {
      return await iterator.next();
    } catch (cause) {
      failure = { cause };
      throw cause;
    }
  }
  try {
    await pipeline(Readable.from(made(first), { highWaterMark: 1 }), res);
  } catch {
    // Otherwise the client went away: there is nobody to tell.
    if (failure) throw failure.cause;
  }
}
