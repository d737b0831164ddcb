// How `serve` shuts down as load balancers, clients and orchestrators see it, in process. The process itself: serve.test.ts.
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { DAY_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { type HttpServer, startHttpServer } from '../../src/runtime/http-server.ts';
import { createReadiness } from '../../src/runtime/readiness.ts';
import { listenForStop, shutDown } from '../../src/runtime/shutdown.ts';
import { SECRET, startApi } from '../http/api.ts';
import { createVirtualClock } from '../kit/clock.ts';
import { overriding } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { until } from '../kit/until.ts';
import { callerOf, isRefused, probe } from './process.ts';

/** Nothing is cut in the time of a test. */
const NEVER_MS = 2 ** 30;

describe('the HTTP server', () => {
  let server: HttpServer;
  let url: string;
  let held: PromiseWithResolvers<void>;
  let isHeld: boolean;

  beforeEach(async () => {
    held = Promise.withResolvers();
    isHeld = false;
    const onRequest: Parameters<typeof startHttpServer>[0] = async (request, response) => {
      isHeld = request.url === '/held';
      if (isHeld) await held.promise;
      response.end('answered');
    };
    server = await startHttpServer(onRequest, { host: '127.0.0.1', port: 0 });
    url = `http://127.0.0.1:${server.port}`;
  });

  test.each([
    ['SIGTERM', 5 * SECOND_MS],
    ['SIGINT', 0],
    ['no signal', 0],
  ])('after %s serves new connections for %d ms, closes each, and ends running requests', async (reason, servedMs) => {
    const clock = createVirtualClock();
    expect((await probe(url)).connection).toBe('keep-alive');
    const ends: string[] = [];
    const answered = probe(`${url}/held`).finally(() => ends.push('answered'));
    await until(() => isHeld);
    const running = [{ stop: async () => void ends.push('stopped') }, undefined];
    const ended = shutDown({ server, running, reason, delayMs: 5 * SECOND_MS, wait: (ms) => clock.sleep(ms) });
    if (servedMs > 0) {
      clock.advance(servedMs - 1);
      expect(await probe(url)).toMatchObject({ status: 200, connection: 'close' });
      clock.advance(1);
    }
    await until(() => isRefused(url));
    held.resolve();
    expect(await answered).toEqual({ status: 200, connection: 'close', body: 'answered' });
    await ended;
    expect(ends).toEqual(['stopped', 'answered']);
  });

  test('cuts what does not end in time', async () => {
    const cut = expect(probe(`${url}/held`)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await until(() => isHeld);
    await server.close(0);
    await cut;
  });

  test('closes the connection that has been idle for longest for a new one above its limit, and none that is in use', async () => {
    await server.close(0);
    const narrow = await startHttpServer(
      async (request, response) => {
        isHeld = request.url === '/held';
        if (isHeld) await held.promise;
        response.end('answered');
      },
      { host: '127.0.0.1', port: 0, maxConnections: 3 },
    );
    const at = `http://127.0.0.1:${narrow.port}`;
    const open = async () => {
      const socket = connect(narrow.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return { socket, closed: once(socket, 'close') };
    };
    const used = await open();
    used.socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    const [answer] = await once(used.socket, 'data');
    expect(String(answer)).toMatch(/200 OK/);
    const silent = await open();
    const busy = probe(`${at}/held`);
    await until(() => isHeld);
    expect((await probe(at)).status).toBe(200);
    await used.closed;
    expect(silent.socket.destroyed).toBe(false);
    const alsoBusy = [probe(`${at}/held`)];
    await silent.closed.catch(() => {});
    isHeld = false;
    alsoBusy.push(probe(`${at}/held`));
    await until(() => isHeld);
    await expect(probe(at)).rejects.toMatchObject({ code: 'ECONNRESET' });
    held.resolve();
    for (const { status } of await Promise.all([busy, ...alsoBusy])) expect(status).toBe(200);
    await narrow.close(0);
  });

  test('is not held up by connections that are idle or on which nothing was ever sent', async () => {
    const silent = connect(server.port, '127.0.0.1');
    await once(silent, 'connect');
    const agent = new Agent({ keepAlive: true });
    const [idle] = (await once(httpRequest(url, { agent }).end(), 'response')) as [IncomingMessage];
    const closed = Promise.all([once(silent, 'close'), once(idle.socket, 'close')]);
    await idle.toArray();
    await server.close(NEVER_MS);
    await closed;
  });
});

test('a second signal ends the process at once, but not the echo of a first from the terminal and npm', () => {
  const codes: number[] = [];
  const clock = createVirtualClock();
  const stop = listenForStop(clock.now, (given) => codes.push(given));
  process.emit('SIGINT', 'SIGINT');
  clock.advance(500);
  process.emit('SIGINT', 'SIGINT');
  expect({ reason: stop.signal.reason, codes }).toEqual({ reason: 'SIGINT', codes: [] });
  clock.advance(1);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.emit(name, name);
  expect(codes).toEqual([130, 143]);
  stop[Symbol.dispose]();
  expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(0);
});

test('readiness follows the store, which is asked once in five seconds; a probe waits three seconds for it', async () => {
  const [ready, silent] = [{ ready: true }, { ready: false, reason: 'the store does not respond' }];
  const { clock, store } = startTestService();
  const list = jest.fn<ObjectStore['list']>((...args) => store.list(...args));
  let reason: string | undefined;
  const isReady = createReadiness({
    store: overriding(store, { list }),
    now: clock.now,
    timers: clock,
    notReady: () => reason,
  });
  list.mockResolvedValueOnce({ objects: [], truncated: false, storeTimeMs: Number.NaN });
  expect(await isReady()).toEqual({ ready: false, reason: expect.stringContaining('no Date') });
  clock.advance(5 * SECOND_MS + 1);
  list.mockRejectedValueOnce(new Error('away'));
  expect(await isReady()).toEqual(silent);
  clock.advance(5 * SECOND_MS);
  expect([await isReady(), list.mock.calls.length]).toEqual([silent, 2]);
  clock.advance(1);
  expect([await isReady(), list.mock.calls.length]).toEqual([ready, 3]);
  list.mockReturnValueOnce(new Promise(() => {}));
  clock.advance(5 * SECOND_MS + 1);
  const hanging = isReady();
  clock.advance(3 * SECOND_MS);
  expect(await hanging).toEqual(silent);
  clock.advance(3 * SECOND_MS);
  reason = 'stopping';
  expect([await isReady(), list.mock.calls.length]).toEqual([{ ready: false, reason }, 5]);
});

/** The application as `serve` puts it together, by the clock of its store. */
async function startReplica(service: TestService, port = 0) {
  const { clock, store } = service;
  const state = { notReady: undefined as string | undefined };
  const isReady = createReadiness({ store, now: clock.now, timers: clock, notReady: () => state.notReady });
  const { handler } = await startApi({ service, isReady });
  const server = await startHttpServer(handler, { host: '127.0.0.1', port });
  const url = `http://127.0.0.1:${server.port}`;
  return { ...callerOf(url, clock.now, SECRET), url, server, state };
}

test('a rolling restart loses no request, and every recording that was answered as complete is stored', async () => {
  const first = startTestService({ maxContentUploads: 400 });
  // Behind a load balancer: round robin over the replicas that were ready when it last looked, retrying nothing.
  const slots = await Promise.all(
    [first, startTestService({ on: first, maxContentUploads: 400 })].map(async (service) => {
      return { service, replica: await startReplica(service), isReady: true, inHand: 0, served: 0 };
    }),
  );
  type Slot = (typeof slots)[number];
  let turn = 0;
  async function balanced<T>(act: (replica: Slot['replica']) => Promise<T>): Promise<T> {
    const ready = slots.filter(({ isReady }) => isReady);
    const slot = ready[turn++ % ready.length] as Slot;
    slot.inHand += 1;
    try {
      return await act(slot.replica);
    } finally {
      slot.inHand -= 1;
      slot.served += 1;
    }
  }
  async function look(): Promise<void> {
    for (const slot of slots) slot.isReady = (await fetch(`${slot.replica.url}/readyz`)).ok;
  }

  const stored: string[] = [];
  let isOver = false;
  /** Fails with the first answer that is not a success. */
  async function client(number: number): Promise<void> {
    for (let round = 0; !isOver; round += 1) {
      const path = await balanced(({ record }) => record({}, `a-${number}-${round}`));
      stored.push(path);
      await balanced(({ ask }) => ask('GET', path));
      await balanced(({ ask }) => ask('POST', `${path}/playback-links`));
    }
  }
  const clients = Promise.all(Array.from({ length: 10 }, (_, number) => client(number)));
  // Failures are reported below, after the restarts.
  clients.catch(() => {});
  const whileServed = (condition: () => boolean) => Promise.race([clients, until(condition)]);
  /** Waits until a replica has received some more calls. */
  function untilServed(slot: Slot): Promise<unknown> {
    const before = slot.served;
    return whileServed(() => slot.served > before + 20);
  }
  for (const slot of slots) {
    await untilServed(slot);
    const { server, state } = slot.replica;
    state.notReady = 'stopping';
    // A long enough delay: the balancer still sends for a while, probes, and then sends nothing more.
    async function wait(): Promise<void> {
      await untilServed(slot);
      await look();
      await whileServed(() => slot.inHand === 0);
    }
    await shutDown({ server, running: [], reason: 'SIGTERM', delayMs: DAY_MS, wait });
    for (const other of slots) if (other !== slot) await untilServed(other);
    slot.replica = await startReplica(slot.service, server.port);
    await look();
    await untilServed(slot);
  }
  isOver = true;
  await clients;
  for (const { replica } of slots) await replica.server.close(0);

  expect(stored.length).toBeGreaterThan(10);
  const keys = new Set(await first.keys('attempts/'));
  const folders = stored.map((path) =>
    path.replace(/.*exams(.*)attempts\/(.*)recordings\/(.*)/, 'attempts/acme$1$2$3'),
  );
  expect(folders.filter((folder) => !keys.has(`${folder}/media`) || !keys.has(`${folder}/stored`))).toEqual([]);
});
