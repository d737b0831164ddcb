// Answers with an entity tag: a client asks again for what changed alone.
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/**
 * With a strong tag of the text itself (RFC 9110, 8.8.3), or 304 when the client has it. Not left to Express: that sends
 * all again whenever the request has `Cache-Control: no-cache`, as each has that was made with `fetch` and has a tag.
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
  const asked = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return asked.includes('*') || asked.includes(etag);
}
