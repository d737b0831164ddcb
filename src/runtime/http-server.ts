// The HTTP server around the application: how it listens, and how it stops without losing a request.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Every, everyInterval, watchResponse } from '../http/pace.ts';
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
  /** Looks at the pace at which responses are taken. Default: by the process's own timers. */
  readonly every?: Every;
}

/** @throws Error when the port is taken */
export async function startHttpServer(
  serve: RequestListener,
  { host, port, maxConnections = Number.POSITIVE_INFINITY, every = everyInterval }: HttpServerOptions,
) {
  const running = new Set<ServerResponse>();
  let draining = false;
  const onRequest: RequestListener = (req, res) => connections.inTurn(req, () => run(req, res));
  function run(req: IncomingMessage, res: ServerResponse & { req: IncomingMessage }): void {
    const { socket } = req;
    running.add(res);
    const stopWatching = watchResponse(res, every, {
      onLook: (isStill) => connections.note(socket, { isStill }),
      onSlow: () => socket.destroy(),
    });
    res.once('close', () => {
      stopWatching();
      running.delete(res);
      connections.end(socket);
    });
    // Node would read the rest of a body that nobody read, for as long as it comes.
    res.once('finish', () => {
      if (!req.complete) destroyLater(socket, () => !req.complete);
    });
    if (draining) closeAfter(res);
    serve(req, res);
  }
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

/** The open connections, in order of their last request. Each has one request at a time. */
class Connections {
  readonly #max: number;
  readonly #idle = new Set<Socket>();
  /** With the request that was sent ahead of the response. */
  readonly #busy = new Map<Socket, (() => void) | undefined>();
  /** Busy ones whose client does not take the response that is there. */
  readonly #still = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  get all(): readonly Socket[] {
    return [...this.#idle, ...this.#busy.keys()];
  }

  /**
   * Where there are too many, the one that has been idle for longest is closed for it; without an idle one, one that does
   * not take its response; without any of these, it is closed itself.
   */
  add(socket: Socket): void {
    if (this.#idle.size + this.#busy.size >= this.#max) {
      const [givesWay = socket] = this.#idle.size > 0 ? this.#idle : this.#still;
      givesWay.destroy();
      this.#forget(givesWay);
      if (givesWay === socket) return;
    }
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /**
   * Runs a request once the response before it has been taken. A client may send ahead (RFC 9112, 9.3.2), which browsers,
   * SDKs and proxies do not do: one request without a body. A connection that sends more is closed, because each takes
   * memory while it waits.
   */
  inTurn({ socket, headers }: IncomingMessage, run: () => void): void {
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (this.#idle.delete(socket)) {
      this.#busy.set(socket, undefined);
      run();
    } else if (hasBody || this.#busy.get(socket)) {
      socket.destroy();
      this.#forget(socket);
      // The rest of what a connection sent at once still arrives after it was closed.
    } else if (this.#busy.has(socket)) this.#busy.set(socket, run);
  }

  /** The response of the request that runs was taken, or its connection was closed. */
  end(socket: Socket): void {
    this.#still.delete(socket);
    // One that is being closed serves nothing more.
    if (!this.#busy.has(socket) || !socket.writable) return;
    const next = this.#busy.get(socket);
    if (next) {
      this.#busy.set(socket, undefined);
      next();
      return;
    }
    this.#busy.delete(socket);
    this.#idle.add(socket);
  }

  /** @param isStill whether its client does not take the response */
  note(socket: Socket, { isStill }: { readonly isStill: boolean }): void {
    if (isStill && this.#busy.has(socket)) this.#still.add(socket);
    else this.#still.delete(socket);
  }

  #forget(socket: Socket): void {
    this.#idle.delete(socket);
    this.#busy.delete(socket);
    this.#still.delete(socket);
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
