// A small load balancer: round robin over the backends whose /readyz is 200, on connections kept alive, retrying nothing.
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly url: string;
  /** Of the backends, in their order. */
  readonly served: number[];
  isReady(backend: number): boolean;
  close(): Promise<void>;
}

const CHECK_EVERY_MS = 200;
/** Of one hop only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding'];

export async function startBalancer(backends: readonly string[]): Promise<Balancer> {
  const agents = backends.map(() => new Agent({ keepAlive: true }));
  const served = backends.map(() => 0);
  const ready = backends.map(() => false);
  let turn = 0;

  const checks = backends.map((url, index) => {
    let isChecking = false;
    return setInterval(() => {
      if (isChecking) return;
      isChecking = true;
      void checkReady(url).then((isReady) => {
        ready[index] = isReady;
        isChecking = false;
      });
    }, CHECK_EVERY_MS);
  });

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const candidates = [...backends.keys()].filter((index) => ready[index]);
    const chosen = candidates[turn % candidates.length];
    turn += 1;
    if (chosen === undefined) return void response.writeHead(503).end('no backend is ready');
    served[chosen] = (served[chosen] ?? 0) + 1;
    const { method, url, headers } = request;
    const options = { method, headers: withoutHops(headers), agent: agents[chosen] };
    const passed = httpRequest((backends[chosen] ?? '') + (url ?? '/'), options, (answered) => {
      response.writeHead(answered.statusCode ?? 502, withoutHops(answered.headers));
      answered.pipe(response);
      answered.on('error', () => response.destroy());
    });
    passed.on('error', (error: NodeJS.ErrnoException) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end(`backend ${chosen}: ${error.code ?? error.message}`);
    });
    request.pipe(passed);
  }

  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    isReady: (backend) => ready[backend] === true,
    async close() {
      for (const check of checks) clearInterval(check);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      for (const agent of agents) agent.destroy();
    },
  };
}

/** A slow answer is waited for: on a busy machine it says nothing about the backend. */
async function checkReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function withoutHops(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
