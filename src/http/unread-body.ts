// How a request ends whose body was not read: its client still sees the response, and cannot hold the connection by it.
import type { Request, Response } from 'express';
import { SECOND_MS } from '../model/durations.ts';

/** In which a client that is still sending reads the response and closes. */
export const LINGER_MS = 5 * SECOND_MS;
/** In that time, half a megabit a second: a client that sends so many goes on, and has the same time again. */
const BYTES_TO_GO_ON = 320 * 1024;
/** More than a part of the default size: a browser reads the response when it has sent all. */
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Sends a response of a known length, after which the connection ends. Closing at once on a client that still sends would
 * lose the response (RFC 9112, 9.6), so the last step waits until its body or its connection has ended; not for long.
 */
export function sendBeforeEnd(req: Request, res: Response, text: string): void {
  res.setHeader('Connection', 'close');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  res.write(text);
  let dropped = 0;
  let arrived = 0;
  // Whatever read it has stopped.
  req.removeAllListeners('readable');
  req.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    arrived += chunk.length;
    // The network then stops the client.
    if (dropped > LINGER_BYTES) req.pause();
  });
  const end = () => {
    clearInterval(timer);
    res.end();
  };
  const timer = setInterval(() => {
    if (arrived < BYTES_TO_GO_ON) end();
    arrived = 0;
  }, LINGER_MS);
  for (const event of ['end', 'error', 'close']) req.once(event, end);
  req.resume();
}
