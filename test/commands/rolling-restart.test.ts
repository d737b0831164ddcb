// Two replicas behind a load balancer, stopped and started in turn under load: no request is lost.
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { shutDown } from '../../src/commands/shut-down.ts';
import { DAY_MS } from '../../src/domain/durations.ts';
import { until } from '../http/expectations.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { callerOf } from './process.ts';
import { type Replica, startReplica } from './replica.ts';

const CLIENTS = 10;
/** So many requests pass between two steps of a restart. */
const SOME = 20;
/** Of one hop only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding'];

interface Balancer {
  readonly url: string;
  /** By backend. */
  readonly served: number[];
  /** By backend: requests that are not answered yet. */
  readonly inHand: number[];
  /** Asks every backend for /readyz. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Round robin over the backends that were ready when it last looked, on connections kept alive, retrying nothing. */
async function startBalancer(backends: readonly string[]): Promise<Balancer> {
  const agents = backends.map(() => new Agent({ keepAlive: true }));
  const served = backends.map(() => 0);
  const inHand = backends.map(() => 0);
  let ready: number[] = [];
  let turn = 0;

  function pass(request: IncomingMessage, response: ServerResponse): void {
    const chosen = ready[turn % ready.length];
    turn += 1;
    if (chosen === undefined) return void response.writeHead(503).end('no backend is ready');
    served[chosen] = (served[chosen] ?? 0) + 1;
    inHand[chosen] = (inHand[chosen] ?? 0) + 1;
    response.once('close', () => {
      inHand[chosen] = (inHand[chosen] ?? 0) - 1;
    });
    const options = { method: request.method, headers: withoutHops(request.headers), agent: agents[chosen] };
    const passed = httpRequest(`${backends[chosen]}${request.url}`, options, (answered) => {
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

  const server = createServer(pass).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    inHand,
    async look() {
      const answers = await Promise.all(backends.map(async (url) => (await fetch(`${url}/readyz`)).ok));
      ready = [...backends.keys()].filter((index) => answers[index]);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      for (const agent of agents) agent.destroy();
    },
  };
}

function withoutHops(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

test('no request is lost, and every recording that was answered as complete is stored', async () => {
  const services: TestService[] = [startTestService()];
  const { testStore, clock } = services[0] as TestService;
  services.push(startTestService({ on: { testStore, clock } }));
  const replicas: Replica[] = await Promise.all(services.map((service) => startReplica({ service })));
  const balancer = await startBalancer(replicas.map(({ url }) => url));
  await balancer.look();

  const caller = callerOf(balancer.url, clock.now);
  const stored: string[] = [];
  let isOver = false;
  /** Fails with the first answer that is not the one of a success. */
  async function client(number: number): Promise<void> {
    for (let round = 0; !isOver; round += 1) {
      const path = await caller.record({}, `a-${number}-${round}`);
      stored.push(path);
      for (const [method, of] of [
        ['GET', path],
        ['POST', `${path}/playback-links`],
      ] as const) {
        const answer = await caller.call(method, of);
        if (!answer.ok) throw new Error(`${method} answered ${answer.status}: ${await answer.text()}`);
        await answer.arrayBuffer();
      }
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  // What fails is told below, after the restarts.
  clients.catch(() => {});

  /** Some more requests have come to a replica. */
  async function untilServed(index: number): Promise<void> {
    const before = balancer.served[index] ?? 0;
    await Promise.race([clients, until(() => (balancer.served[index] ?? 0) > before + SOME)]);
  }
  for (const [index, { server }] of replicas.entries()) {
    await untilServed(index);
    const replica = replicas[index] as Replica;
    replica.notReady = 'stopping';
    await shutDown({
      server,
      running: [],
      reason: 'SIGTERM',
      delayMs: DAY_MS,
      // A delay that is long enough: the balancer goes on for a while, looks, and sends nothing more.
      async wait() {
        await untilServed(index);
        await balancer.look();
        await Promise.race([clients, until(() => balancer.inHand[index] === 0)]);
      },
    });
    await untilServed(1 - index);
    await startReplica({ service: services[index] as TestService, port: server.port });
    await balancer.look();
    await untilServed(index);
  }
  isOver = true;
  await clients;
  await balancer.close();

  expect(stored.length).toBeGreaterThan(CLIENTS);
  const keys = new Set(await services[0]?.keys('attempts/'));
  const folders = stored.map((path) => {
    const [, , , exam, , attempt, , recording] = path.split('/');
    return `attempts/acme/${exam}/${attempt}/${recording}`;
  });
  expect(folders.filter((folder) => !keys.has(`${folder}/media`) || !keys.has(`${folder}/stored`))).toEqual([]);
});
