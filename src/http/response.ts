// What a caller receives: response headers, reads with an entity tag, and streamed bodies.
import { AsyncResource } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { HOUR_MS } from '../model/durations.ts';
import { type Every, watchStream } from './pace.ts';

/** In one table: the OpenAPI document describes them from it, and CORS lets pages read them. */
interface ResponseHeader {
  readonly description: string;
  /** Sent with every response that it is documented for. */
  readonly always?: boolean;
  readonly schema: { readonly type: 'string' | 'integer'; readonly pattern?: string; readonly minimum?: number };
  readonly example: string | number;
}

export const RESPONSE_HEADERS = {
  'Cache-Control': {
    description:
      '`no-store` for data. `no-cache` for what is the same for every caller: caches may keep it but must revalidate it.',
    always: true,
    schema: { type: 'string', pattern: '^no-(store|cache)$' },
    example: 'no-store',
  },
  'Content-Disposition': {
    description: 'The file name, if the response is a file.',
    schema: { type: 'string', pattern: '^attachment; filename=[\\w.-]+$' },
    example: 'attachment; filename=participant-p-8f3c.json',
  },
  Date: {
    description: 'The time of the service, in whole seconds. A page can correct its own clock with it.',
    always: true,
    schema: { type: 'string', pattern: '^\\w{3}, \\d{2} \\w{3} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$' },
    example: 'Mon, 02 Nov 2026 09:00:00 GMT',
  },
  ETag: {
    description: 'Send it in `If-None-Match`. Absent if the response is a file.',
    schema: { type: 'string', pattern: '^"[\\w-]+"$' },
    example: '"m1bT1yC0dD0bYxM4B8f3n5rJm9o"',
  },
  Link: {
    description: '`rel="next"`: the next page, relative to this one. Absent on the last page (RFC 8288).',
    schema: { type: 'string', pattern: '^<[^>]+>; rel="next"$' },
    example: '</v1/exams/history-2026/recordings?cursor=aGlzdG9yeQ>; rel="next"',
  },
  Location: {
    description: 'The path of the new recording.',
    always: true,
    schema: { type: 'string', pattern: '^/v1/' },
    example: '/v1/exams/history-2026/attempts/attempt-4711/recordings/01k6dnp9k02gr1ce162uphvm0gcals6cbaqo',
  },
  RateLimit: {
    description: 'Present if there is a rate limit: `r` requests remain for the next `t` seconds.',
    schema: { type: 'string', pattern: '^"requests-per-minute"; r=\\d+; t=\\d+$' },
    example: '"requests-per-minute"; r=299; t=60',
  },
  'RateLimit-Policy': {
    description: 'Present if there is a rate limit: a token may make `q` requests in `w` seconds.',
    schema: { type: 'string', pattern: '^"requests-per-minute"; q=\\d+; w=60; pk=:[A-Za-z0-9+/=]+:$' },
    example: '"requests-per-minute"; q=300; w=60; pk=:N2Y5YmJmODk3MTdm:',
  },
  'Retry-After': {
    description: 'Seconds to wait before sending the same request again.',
    schema: { type: 'integer', minimum: 1 },
    example: 5,
  },
  'WWW-Authenticate': {
    description: 'What is wrong with the token, or which scope it lacks (RFC 6750, section 3).',
    schema: { type: 'string', pattern: '^Bearer ' },
    example: 'Bearer error="insufficient_scope", scope="recordings:review"',
  },
  'X-Request-Id': {
    description: 'The id of the request, as in the log. A valid id that the caller sends in this header is kept.',
    always: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
    example: 'request-8d41',
  },
} as const satisfies Record<string, ResponseHeader>;

export type ResponseHeaderName = keyof typeof RESPONSE_HEADERS;

/**
 * Sends a body with a strong tag (RFC 9110, 8.8.3), or 304 when the client has it. Express' own tags would send all
 * again whenever the request has `Cache-Control: no-cache`, as every `fetch` with a tag has. Of a Buffer no copy is made
 * for each response that waits to be taken.
 */
export function sendTagged(req: Request, res: Response, body: string | Buffer): void {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  res.setHeader('ETag', etag);
  if (!isAmong(req.headers['if-none-match'], etag)) {
    res.send(body);
    return;
  }
  res.removeHeader('Content-Type');
  res.status(304).end();
}

/** The weak comparison (RFC 9110, 13.1.2). Tags of this service contain no comma. */
function isAmong(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etag);
}

export interface Streamed {
  readonly contentType: string;
  /** How a browser names what it saves. */
  readonly fileName: string;
  /** Chunks are made on demand, and none after the iterator's `return`. */
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/** The largest recording, of 10 GiB by default, at 128 KiB a second takes 23 hours. */
const MAX_STREAM_MS = 24 * HOUR_MS;

/**
 * A failure before the first chunk is thrown, and becomes a problem. A later one cuts the connection, so that no client
 * takes an incomplete body for a whole one; so does a client that takes its bytes too slowly, or for too long. Resolves
 * when all is sent, or the client has disconnected.
 */
export async function sendStream(req: Request, res: Response, streamed: Streamed, every: Every): Promise<void> {
  const { contentType, fileName, chunks } = streamed;
  const iterator = chunks[Symbol.asyncIterator]();
  // Events of the connection ask for the chunks: their trace, and whose they are, would be lost.
  const nextChunk = AsyncResource.bind(() => iterator.next());
  const first = req.method === 'HEAD' ? undefined : await nextChunk();
  res.status(200).attachment(fileName).type(contentType);
  if (!first) {
    res.end();
    return;
  }
  let failure: { readonly cause: unknown } | undefined;
  async function* made(next: IteratorResult<string | Uint8Array>) {
    for (; !next.done; next = await advance()) yield next.value;
  }
  async function advance() {
    try {
      return await nextChunk();
    } catch (cause) {
      failure = { cause };
      throw cause;
    }
  }
  const stopWatching = watchStream(res, every, MAX_STREAM_MS, () => res.destroy());
  try {
    await pipeline(Readable.from(made(first), { highWaterMark: 1 }), res);
  } catch {
    // Otherwise the client has disconnected.
    if (failure) throw failure.cause;
  } finally {
    stopWatching();
    // Also when the client was gone before it had asked for anything. client-zip throws `undefined` when it is closed.
    await Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
