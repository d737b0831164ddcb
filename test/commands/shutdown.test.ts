// How `serve` ends around others, in process: load balancers, clients and orchestrators. The process itself: serve.test.ts.
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type HttpServer, startHttpServer } from '../../src/commands/http-server.ts';
import { createReadiness } from '../../src/commands/readiness.ts';
import { shutDown } from '../../src/commands/shut-down.ts';
import { listenForStop } from '../../src/commands/stop-signal.ts';
import { SECOND_MS } from '../../src/domain/durations.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { until } from '../http/expectations.ts';
import { createVirtualClock } from '../kit/clock.ts';
import { startTestService } from '../kit/service.ts';

/** Nothing is cut in the time of a test. */
const NEVER_MS = 2 ** 30;

/** On a connection of its own. */
async function probe(url: string): Promise<{ status: number; connection: string | undefined; body: string }> {
  const request = httpRequest(url, { agent: new Agent({ keepAlive: true, maxSockets: 1 }) }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, connection: response.headers.connection, body: await text(response) };
}

async function isRefused(url: string): Promise<boolean> {
  return probe(url).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
}

describe('the HTTP server', () => {
  let server: HttpServer;
  let url: string;
  let held: PromiseWithResolvers<void>;
  let isHeld: boolean;

  beforeEach(async () => {
    held = Promise.withResolvers();
    isHeld = false;
    async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      isHeld = request.url === '/held';
      if (isHeld) await held.promise;
      response.end('answered');
    }
    server = await startHttpServer((request, response) => void serve(request, response), {
      host: '127.0.0.1',
      port: 0,
    });
    url = `http://127.0.0.1:${server.port}`;
  });

  test.each([
    ['SIGTERM', 5 * SECOND_MS],
    ['SIGINT', 0],
    ['no signal', 0],
  ])('after %s serves new connections for %d ms, closes each, and ends what is in hand', async (reason, servedMs) => {
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

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a second %s ends the process with %d, but not the echo of a first from the terminal and npm',
  (name, code) => {
    const codes: number[] = [];
    const clock = createVirtualClock();
    const stop = listenForStop({ now: clock.now, exit: (given) => codes.push(given) });
    process.emit(name, name);
    clock.advance(500);
    process.emit(name, name);
    expect({ reason: stop.signal.reason, codes }).toEqual({ reason: name, codes: [] });
    clock.advance(1);
    process.emit(name, name);
    expect(codes).toEqual([code]);
    stop.dispose();
    expect(process.listenerCount(name)).toBe(0);
  },
);

describe('readiness', () => {
  const READY = { ready: true };
  const SILENT = { ready: false, reason: 'the store does not answer' };

  test('follows the store, which is asked once in five seconds; a probe waits three seconds for it', async () => {
    const { clock, store: real } = startTestService();
    const state: { list: () => Promise<never>; isAway: boolean; reason?: string } = {
      list: () => Promise.reject(new Error('away')),
      isAway: true,
    };
    let asked = 0;
    const store: Pick<ObjectStore, 'list'> = {
      list(...args) {
        asked += 1;
        return state.isAway ? state.list() : real.list(...args);
      },
    };
    const answers: boolean[] = [];
    const isReady = createReadiness({
      store,
      now: clock.now,
      notReady: () => state.reason,
      onAnswer: (ready) => answers.push(ready),
      timers: clock,
    });
    expect(await isReady()).toEqual(SILENT);
    state.isAway = false;
    clock.advance(5 * SECOND_MS);
    expect([await isReady(), asked]).toEqual([SILENT, 1]);
    clock.advance(1);
    expect([await isReady(), asked]).toEqual([READY, 2]);
    state.isAway = true;
    state.list = () => new Promise(() => {});
    expect([await isReady(), asked]).toEqual([READY, 2]);
    clock.advance(5 * SECOND_MS + 1);
    const hanging = isReady();
    clock.advance(3 * SECOND_MS);
    expect(await hanging).toEqual(SILENT);
    state.isAway = false;
    clock.advance(3 * SECOND_MS);
    state.reason = 'stopping';
    expect([await isReady(), asked]).toEqual([{ ready: false, reason: 'stopping' }, 4]);
    expect(answers).toEqual([false, false, true, true, false, false]);
  });
});
