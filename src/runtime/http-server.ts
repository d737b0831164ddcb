// The HTTP server around the application: how it listens, and how it stops without losing a request.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { rawProblem } from '../http/problems.ts';
import { MAX_REQUEST_MS, SECOND_MS } from '../model/durations.ts';

export type HttpServer = Awaited<ReturnType<typeof startHttpServer>>;

/** Longer than load balancers keep idle connections (often 60 s), so that they never send on one that is being closed. */
const KEEP_ALIVE_MS = 75 * SECOND_MS;

/** @throws Error when the port is taken */
export async function startHttpServer(serve: RequestListener, { host, port }: { host: string; port: number }) {
  const running = new Set<ServerResponse>();
  let draining = false;
  const onRequest: RequestListener = (req, res) => {
    running.add(res);
    res.once('close', () => running.delete(res));
    if (draining) closeAfter(res);
    serve(req, res);
  };
  // The time to receive a request: Node's default of five minutes is too short for a recording on a slow connection.
  const options = { requestTimeout: MAX_REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS };
  const sockets = new Set<Socket>();
  const server = createServer(options, onRequest);
  // Node would respond with 417 to an unknown `Expect`, without the application; it may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', onRequest);
  // Node would ask for the body at once. A client that waits for that (RFC 9110, 10.1.1) need not send one that is refused.
  server.on('checkContinue', (req, res) => {
    // After a refusal it may send the body all the same, or not.
    closeAfter(res);
    req.once('resume', () => {
      if (res.headersSent) return;
      if (!draining) res.removeHeader('Connection');
      res.writeContinue();
    });
    onRequest(req, res);
  });
  server.on('clientError', refuseMalformed);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  async function cutAfter(withinMs: number): Promise<void> {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    const closed = once(server, 'close');
    // Closes idle connections too.
    server.close();
    // Connections opened in advance, without a request: Node would wait for one.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    await closed;
    clearTimeout(cut);
  }

  /** From now on each response closes its connection; new connections are still served. */
  function drain(): void {
    draining = true;
    for (const res of running) closeAfter(res);
  }

  return {
    port: address.port,
    drain,
    /** Accepts no new connection, waits for running requests, and cuts the rest after `withinMs`. Safe to repeat. */
    close(withinMs: number): Promise<void> {
      drain();
      closing ??= cutAfter(withinMs);
      return closing;
    },
  };
}

function closeAfter(res: ServerResponse): void {
  if (!res.headersSent) res.setHeader('Connection', 'close');
}

/** Responds to requests that Node's parser refuses: non-ASCII bytes in a path, too large headers. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  socket.end(rawProblem(error));
}
