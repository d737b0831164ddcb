// The way from a browser to one server, over which a test decides: cut, slow, or what a proxy on it refuses.
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** `pass`, `cut` (the connection is reset), or the status of a page of HTML, which is what a proxy answers. */
export type Verdict = 'pass' | 'cut' | number;

export interface Rules {
  readonly judge?: (request: http.IncomingMessage) => Verdict;
  /** In each direction, of all requests together. */
  readonly bytesPerSecond?: number;
  /** What a reverse proxy allows; beyond it answers 413 and 524, as Cloudflare's does. */
  readonly bodyBytes?: number;
  readonly requestMs?: number;
}

const FLAPS_EVERY = 3;
const CUT: Rules = { judge: () => 'cut' };

export type Line = Awaited<ReturnType<typeof startLine>>;

export async function startLine(to: string) {
  let rules: Rules = {};
  const passed = { requests: 0, bodyBytes: 0, largestBodyBytes: 0 };
  const [up, down] = [pace(() => rules.bytesPerSecond), pace(() => rules.bytesPerSecond)];

  const server = http.createServer({ requestTimeout: 0 }, async (incoming, response) => {
    const bodyBytes = Number(incoming.headers['content-length'] ?? 0);
    const verdict = rules.judge?.(incoming) ?? 'pass';
    if (verdict === 'cut') return void incoming.socket.destroy();
    if (verdict !== 'pass') return refuse(response, verdict);
    if (bodyBytes > (rules.bodyBytes ?? Number.POSITIVE_INFINITY)) return refuse(response, 413);
    const over = new AbortController();
    const timer = rules.requestMs && setTimeout(() => over.abort(), rules.requestMs);
    try {
      await forward(incoming, response, over.signal);
      passed.requests += 1;
      passed.bodyBytes += bodyBytes;
      passed.largestBodyBytes = Math.max(passed.largestBodyBytes, bodyBytes);
    } catch {
      if (over.signal.aborted && !response.headersSent) refuse(response, 524);
      else incoming.socket.destroy();
    } finally {
      clearTimeout(timer);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  async function forward(incoming: http.IncomingMessage, response: http.ServerResponse, signal: AbortSignal) {
    const { method, url: path, headers } = incoming;
    const { hostname, port } = new URL(to);
    const request = http.request({ hostname, port, method, path, headers, signal, agent: false });
    const replied = once(request, 'response') as Promise<[http.IncomingMessage]>;
    incoming.on('close', () => incoming.complete || request.destroy());
    // A server may reply before it has read the whole body.
    const sent = pipeline(incoming, up(), request, { signal });
    const [reply] = await Promise.race([replied, sent.then(() => replied)]);
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    await pipeline(reply, down(), response, { signal });
  }

  const closeAll = () => server.closeAllConnections();

  /** From now on. What is under way goes on. */
  function set(next: Rules): void {
    rules = next;
  }

  /** Resets every connection, and each that is tried from now on, until `set`. */
  function cut(): void {
    set(CUT);
    closeAll();
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** What came through. */
    passed: passed as Readonly<typeof passed>,
    set,
    cut,
    /** Every third request resets all connections, its own too, until `set`. */
    flap() {
      let requests = 0;
      set({
        judge() {
          requests += 1;
          if (requests % FLAPS_EVERY > 0) return 'pass';
          closeAll();
          return 'cut';
        },
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(response: http.ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/html', connection: 'close' });
  response.end(`<html><h1>${status}</h1></html>`);
}

/** A stream through which all requests of a direction share what the line carries. */
function pace(bytesPerSecond: () => number | undefined): () => Transform {
  let freeAtMs = 0;
  async function turn(bytes: number): Promise<void> {
    const rate = bytesPerSecond();
    if (rate === undefined) return;
    freeAtMs = Math.max(freeAtMs, performance.now()) + (bytes * 1000) / rate;
    await wait(freeAtMs - performance.now());
  }
  return () =>
    new Transform({
      transform(chunk: Buffer, _, done) {
        void turn(chunk.length).then(() => done(null, chunk));
      },
    });
}
