// What a caller receives: reads with an entity tag, and bodies that are written as they are made.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';

/**
 * Sends the text with a strong tag (RFC 9110, 8.8.3), or 304 when the client has it. Express' own tags would send all
 * again whenever the request has `Cache-Control: no-cache`, as every `fetch` with a tag has.
 */
export function sendTagged(req: Request, res: Response, text: string): void {
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
  res.setHeader('ETag', etag);
  if (!isAmong(req.headers['if-none-match'], etag)) {
    res.send(text);
    return;
  }
  res.removeHeader('Content-Type');
  res.status(304).end();
}

/** The weak comparison (RFC 9110, 13.1.2). No tag of ours has a comma in it. */
function isAmong(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag);
}

export interface Streamed {
  readonly contentType: string;
  /** How a browser names what it saves. */
  readonly fileName: string;
  /** Nothing is made before it is requested, and nothing more after the iterator's `return`. */
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/**
 * What fails before the first chunk is thrown, and becomes a problem; what fails later cuts the connection, so that no
 * client takes the part for the whole. Resolves when all is sent, or the client has left.
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
    // Otherwise the client went away.
    if (failure) throw failure.cause;
  }
}
