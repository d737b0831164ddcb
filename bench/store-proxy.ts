// A proxy between the service and its store: it delays requests, refuses what is too much, and notes each with its times.
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type Allowance, Meter } from './allowance.ts';
import { type Operation, operationOf } from './operations.ts';
import type { Store } from './stores.ts';

/** A request that was answered. Times in milliseconds of `performance.now()`. */
export interface SeenRequest {
  readonly operation: Operation;
  /** Path and query. */
  readonly url: string;
  readonly status: number;
  readonly beganMs: number;
  readonly endedMs: number;
}

export interface StoreProxy extends AsyncDisposable {
  /** The settings of the store, with this proxy as its endpoint. */
  readonly env: Readonly<Record<string, string>>;
  /** All requests since the proxy was started, in the order in which they were answered. */
  readonly seen: readonly SeenRequest[];
  /** From now on each request waits so long before the store gets it. 0 at the start. */
  delayBy(ms: number): void;
  /** From now on what is above is answered 503 SlowDown, at once. Everything is accepted at the start. */
  allow(allowance: Allowance): void;
}

export async function startStoreProxy({ env }: Pick<Store, 'env'>): Promise<StoreProxy> {
  const upstream = new URL(env.S3_ENDPOINT ?? '');
  const agent = new Agent({ keepAlive: true });
  const seen: SeenRequest[] = [];
  let delayMs = 0;
  let meter: Meter | undefined;

  const server = createServer(async (incoming, outgoing) => {
    const beganMs = performance.now();
    const operation = operationOf(incoming);
    outgoing.once('finish', () => {
      const { url = '' } = incoming;
      seen.push({ operation, url, status: outgoing.statusCode, beganMs, endedMs: performance.now() });
    });
    if (meter && !meter.accepts(operation)) return refuse(incoming, outgoing);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await forward(upstream, agent, incoming, outgoing).catch(() => outgoing.destroy());
  });
  // A client that keeps its connection must not find it closed.
  server.keepAliveTimeout = 0;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    env: { ...env, S3_ENDPOINT: `http://127.0.0.1:${port}` },
    seen,
    delayBy(ms) {
      delayMs = ms;
    },
    allow(allowance) {
      meter = new Meter(allowance);
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse): void {
  incoming.resume();
  const body =
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
  outgoing.writeHead(503, { 'content-type': 'application/xml' }).end(body);
}

/** The Host header stays as it was signed. */
async function forward(
  upstream: URL,
  agent: Agent,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method, url: path } = incoming;
  // This proxy has already sent the 100 that a client waits for.
  const headers = without(incoming.headers, ['expect', 'connection']);
  const forwarded = request({ agent, host: upstream.hostname, port: upstream.port, method, path, headers });
  const sent = pipeline(incoming, forwarded);
  const [answer] = (await Promise.all([once(forwarded, 'response'), sent]))[0] as [IncomingMessage];
  outgoing.sendDate = false;
  outgoing.writeHead(answer.statusCode ?? 502, without(answer.headers, ['connection', 'transfer-encoding']));
  await pipeline(answer, outgoing);
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
