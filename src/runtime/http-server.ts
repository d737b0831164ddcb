// The HTTP server around the application: how it listens, and how it stops without losing a request.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { rawProblem } from '../http/problems.ts';
import { LINGER_MS } from '../http/unread-body.ts';
import { MAX_REQUEST_MS, SECOND_MS } from '../model/durations.ts';

export type HttpServer = Awaited<ReturnType<typeof startHttpServer>>;

/** Longer than load balancers keep idle connections (often 60 s), so that they never send on one that is being closed. */
const KEEP_ALIVE_MS = 75 * SECOND_MS;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** Default: any number. */
  readonly maxConnections?: number;
}

/** @throws Error when the port is taken */
export async function startHttpServer(
  serve: RequestListener,
  { host, port, maxConnections = Number.POSITIVE_INFINITY }: HttpServerOptions,
) {
  const running = new Set<ServerResponse>();
  let draining = false;
  const onRequest: RequestListener = (req, res) => {
    running.add(res);
    connections.begin(req.socket);
    res.once('close', () => {
      running.delete(res);
      connections.end(req.socket);
    });
    // Node would read the rest of a body that nobody read, for as long as it comes.
    res.once('finish', () => {
      if (!req.complete) destroyLater(req.socket, () => !req.complete);
    });
    if (draining) closeAfter(res);
    serve(req, res);
  };
  // The time to receive a request: Node's default of five minutes is too short for a recording on a slow connection.
  const options = { requestTimeout: MAX_REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS };
  const connections = new Connections(maxConnections);
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
  server.on('connection', (socket) => connections.add(socket));
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
    for (const socket of connections.all) if (socket.bytesRead === 0) socket.destroy();
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

/** The open connections, in order of their last request. */
class Connections {
  readonly #max: number;
  readonly #idle = new Set<Socket>();
  readonly #busy = new Map<Socket, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get all(): readonly Socket[] {
    return [...this.#idle, ...this.#busy.keys()];
  }

  /** Where there are too many, the one that has been idle for longest is closed for it; without an idle one, it is closed itself. */
  add(socket: Socket): void {
    if (this.#idle.size + this.#busy.size >= this.#max) {
      const [longestIdle = socket] = this.#idle;
      longestIdle.destroy();
      this.#idle.delete(longestIdle);
      if (longestIdle === socket) return;
    }
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
  }

  /** A client may send several requests at once. */
  begin(socket: Socket): void {
    this.#idle.delete(socket);
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
  }

  end(socket: Socket): void {
    const left = (this.#busy.get(socket) ?? 0) - 1;
    if (left > 0) {
      this.#busy.set(socket, left);
      return;
    }
    this.#busy.delete(socket);
    if (!socket.destroyed) this.#idle.add(socket);
  }
}

/** A client that is still sending has this long to read the response. */
function destroyLater(socket: Duplex, isStill = () => true): void {
  const timer = setTimeout(() => {
    if (isStill()) socket.destroy();
  }, LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

function closeAfter(res: ServerResponse): void {
  if (!res.headersSent) res.setHeader('Connection', 'close');
}

/** Responds to requests that Node's parser refuses: non-ASCII bytes in a path, too large headers. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  socket.end(rawProblem(error));
  destroyLater(socket);
}
