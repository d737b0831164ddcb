// The body of a request that was refused before all of it was read.
import type { IncomingMessage } from 'node:http';

/** In which a client that is still sending reads the response and closes. */
const LINGER_MS = 5000;
/** In that time, half a megabit a second: a client that sends so many goes on, and has the same time again. */
const BYTES_TO_GO_ON = 320 * 1024;
/** More than a part of the usual size: many clients read a response only when they have sent everything. */
const LINGER_BYTES = 8 * 1024 * 1024;

/** Whether the rest may be so much that the connection has to end for it. */
export function mayBeLong({ complete, headers }: IncomingMessage): boolean {
  return !complete && !(Number(headers['content-length']) <= LINGER_BYTES);
}

/**
 * Reads and drops what still comes, until it or the connection has ended; not for long. Closing at once on a client that
 * still sends would lose the response (RFC 9112, 9.6).
 */
export async function dropBody(incoming: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let dropped = 0;
  let arrived = 0;
  incoming.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    arrived += chunk.length;
    // The network then stops the client.
    if (dropped > LINGER_BYTES) incoming.pause();
  });
  for (const event of ['end', 'error', 'close']) incoming.once(event, resolve);
  incoming.resume();
  const timer = setInterval(() => {
    if (arrived < BYTES_TO_GO_ON) resolve();
    arrived = 0;
  }, LINGER_MS);
  await promise;
  clearInterval(timer);
}
