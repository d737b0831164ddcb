// What somebody can hold who may do nothing, or who sends too slowly: no connection, no place, no line of the log too many.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { MIB } from '../kit/fixtures.ts';
import { until } from '../kit/until.ts';
import { type Api, CREATE_BODY, startApi, UNKNOWN_RECORDING } from './api.ts';
import { beginPart, beginSending } from './calls.ts';
import { expectProblem } from './expectations.ts';
import { A_MINUTE, createLooks } from './looks.ts';
import { settled } from './settled.ts';

const RECORDINGS = '/v1/exams/math/attempts/strangers/recordings';
const PART = `${RECORDINGS}/${UNKNOWN_RECORDING}/parts/1`;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

/** Sends a head that announces a body, and nothing of it. What comes back is read. */
function open(by: Api, method: string, path: string, headers: Record<string, string | number>) {
  const socket = connect({ port: Number(new URL(by.url).port), host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
  });
  socket.on('error', () => {});
  const lines = Object.entries({ host: 'h', ...headers }).map((pair) => pair.join(': '));
  socket.write([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  return { socket, received: () => received };
}

describe('after a refusal without its body', () => {
  it('the response is whole, and the connection is closed soon, whoever goes on dripping', async () => {
    const authorization = await api.authorization();
    const length = { 'content-length': 1e9 };
    const json = { authorization, 'content-type': 'application/json', ...length };
    const refusals = [
      [401, open(api, 'PUT', PART, length)],
      [401, open(api, 'POST', RECORDINGS, { 'transfer-encoding': 'chunked' })],
      [404, open(api, 'POST', '/nowhere', json)],
      [405, open(api, 'POST', '/livez', json)],
      [413, open(api, 'POST', RECORDINGS, json)],
      [415, open(api, 'POST', RECORDINGS, { ...json, 'content-type': 'text/plain' })],
      [403, open(api, 'POST', RECORDINGS, { ...json, authorization: await api.authorization({ scope: '' }) })],
      [400, open(api, 'nonsense', '/', {})],
      // No refusal, but nobody reads its body either.
      [200, open(api, 'GET', '/livez', length)],
    ] as const;
    const isOpen = (socket: Socket) => !socket.destroyed && !socket.readableEnded;
    await until(() => refusals.every(([, { received }]) => received().includes('\r\n\r\n')));
    for (const [status, { received }] of refusals) {
      const answer = received();
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      if (status !== 200) expect(answer).toMatch(/^Connection: close\r$/m);
      if (status >= 400) expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
    }
    await until(() => {
      for (const [, { socket }] of refusals) if (socket.writable) socket.write('1');
      return refusals.every(([, { socket }]) => !isOpen(socket));
    });
    for (const [, { socket }] of refusals) socket.destroy();
  });

  it('a client that sends all of it first still reads the response', async () => {
    const body = Buffer.alloc(6 * MIB);
    const answer = await api.raw('PUT', PART, { as: null, body });
    expectProblem(answer, 401, 'token-missing');
    expect(answer.headers.connection).toBe('close');
  });

  it('no more is read than a client may need to notice', async () => {
    const request = httpRequest(`${api.url}${PART}`, { method: 'PUT', headers: { 'content-length': 1e9 } });
    request.on('error', () => {});
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    const send = () => {
      while (request.write(Buffer.alloc(MIB)));
      request.once('drain', send);
    };
    send();
    const [response] = await answered;
    expect(response.statusCode).toBe(401);
    expect(JSON.parse(await text(response))).toMatchObject({ code: 'token-missing' });
    // Beside the eight that are read the sockets of the machine hold some.
    expect(await settled(() => request.socket?.bytesWritten ?? 0)).toBeLessThan(40 * MIB);
    request.destroy();
  });

  it('a connection whose body came in time stays open', async () => {
    const answer = await api.raw('POST', RECORDINGS, { as: null, body: '{}', headers: { connection: 'keep-alive' } });
    expect(answer.headers.connection).toBe('keep-alive');
  });
});

describe('a body that comes too slowly', () => {
  const looks = createLooks();
  let impatient: Api;
  beforeAll(async () => {
    impatient = await startApi({ every: looks.every });
  });

  it('of JSON is 408, though a byte comes now and then; one of two KiB a second is not', async () => {
    const headers = {
      authorization: await impatient.authorization(),
      'content-type': 'application/json',
      'content-length': 4 * 120 * 1024,
    };
    const path = `${RECORDINGS}/${UNKNOWN_RECORDING}/parts`;
    const drips = open(impatient, 'POST', path, headers);
    await until(() => looks.size === 1);
    drips.socket.write('{'.padEnd(120 * 1024));
    await settled(() => drips.socket.bytesWritten);
    looks.look(A_MINUTE);
    expect(looks.size).toBe(1);
    for (let count = 0; count < A_MINUTE; count += 1) {
      drips.socket.write(' ');
      await settled(() => drips.socket.bytesWritten);
      looks.look();
    }
    await until(() => drips.received().includes('request-idle'));
    expect(drips.received()).toMatch(/^HTTP\/1.1 408 /);
    expect(looks.size).toBe(0);
    drips.socket.destroy();
  });

  it.each(['before the file', 'in it'])(
    'of a form is 408 and gives its place back, though a byte comes %s',
    async (where) => {
      const one = await startApi({ every: looks.every, maxContentUploads: 1 });
      const { path } = await one.create();
      const request =
        where === 'in it'
          ? await beginSending(one, `${path}/content`, Buffer.from('a'), MIB)
          : httpRequest(`${one.url}${path}/content`, {
              method: 'POST',
              headers: {
                authorization: await one.authorization(),
                'content-type': 'multipart/form-data; boundary=edge',
                'content-length': MIB,
              },
            });
      request.on('error', () => {});
      request.flushHeaders();
      const answered = once(request, 'response') as Promise<[IncomingMessage]>;
      await until(() => looks.size === 1);
      for (let count = 0; count < A_MINUTE; count += 1) {
        request.write('a');
        await settled(() => request.socket?.bytesWritten ?? 0);
        looks.look();
      }
      const [response] = await answered;
      expect(response.statusCode).toBe(408);
      request.destroy();
      const part = await one.raw('PUT', `${path}/parts/1`, { body: Buffer.from('a') });
      expect(part.status).toBe(200);
    },
  );

  it('of a part too', async () => {
    const { path } = await impatient.create();
    const request = await beginPart(impatient, `${path}/parts/1`, Buffer.from('a'), MIB);
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    await until(() => looks.size === 1);
    looks.look(A_MINUTE);
    const [response] = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([408, 'close']);
    request.destroy();
  });
});

it('a form with too much in it is refused before the rest of it has come', async () => {
  const { path } = await api.create();
  const field = '--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n';
  const request = httpRequest(`${api.url}${path}/content`, {
    method: 'POST',
    headers: {
      authorization: await api.authorization(),
      'content-type': 'multipart/form-data; boundary=edge',
      'content-length': MIB,
    },
  });
  request.on('error', () => {});
  request.write(field.repeat(7));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(JSON.parse(await text(response))).toMatchObject({ status: 422, code: 'invalid-request' });
  request.destroy();
});

it('a refused token is one line of the log, with its code', async () => {
  const own = await startApi();
  for (const authorization of ['Bearer x.y.z', 'Basic abc']) await own.call('get', RECORDINGS, { authorization });
  expect(own.log()).toMatchObject([
    { message: 'request', status: 401, code: 'token-invalid' },
    { message: 'request', status: 401, code: 'token-missing' },
  ]);
});

it('all callers of a tenant have a rate together, other tenants have theirs', async () => {
  const own = await startApi({ rateLimitPerMinute: 3, tenantRateLimitPerMinute: 4 });
  const statusOf = async (sub: string, tenant = 'acme') => {
    const answer = await own.call('get', '/v1/exams/math/recordings', { as: { sub, tenant } });
    if (answer.status === 429) expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    return answer.status;
  };
  const statuses = [];
  for (const sub of ['a', 'a', 'a', 'a', 'b', 'c']) statuses.push(await statusOf(sub));
  expect(statuses).toEqual([200, 200, 200, 429, 200, 429]);
  expect(await statusOf('a', 'other')).toBe(200);
});

it('a server that calls for many candidates has a higher rate than a candidate, and no more than its tenant', async () => {
  const own = await startApi({ rateLimitPerMinute: 2, unboundRateLimitPerMinute: 5, tenantRateLimitPerMinute: 8 });
  const statusesOf = async (claims: object, count: number) => {
    const answers = [];
    for (let sent = 0; sent < count; sent += 1) {
      answers.push(await own.call('get', '/v1/exams/math/attempts/a/recordings', { as: { sub: 'one', ...claims } }));
    }
    const policies = new Set(answers.map(({ headers }) => /q=\d+/.exec(headers['ratelimit-policy'] ?? '')?.[0]));
    return { accepted: answers.filter(({ status }) => status === 200).length, policies: [...policies] };
  };
  const bound = { exam: 'math', attempt: 'a' };
  expect(await statusesOf(bound, 3)).toEqual({ accepted: 2, policies: ['q=2'] });
  expect(await statusesOf({ participant: 'p-1' }, 3)).toEqual({ accepted: 2, policies: ['q=2'] });
  // All of the tenant had four; a token that is bound to an exam alone is a server's.
  expect(await statusesOf({ exam: 'math' }, 6)).toEqual({ accepted: 4, policies: ['q=5'] });
  expect(await statusesOf({ tenant: 'other' }, 6)).toEqual({ accepted: 5, policies: ['q=5'] });
});

it('a server may have no limit of its own', async () => {
  const app = { rateLimitPerMinute: 1, tenantRateLimitPerMinute: 4 };
  const own = await startApi({ ...app, unboundRateLimitPerMinute: undefined });
  for (const expected of [200, 200, 200, 200, 429]) {
    expect((await own.call('get', '/v1/exams/math/recordings')).status).toBe(expected);
  }
});

describe('a call that leaves a trace each time', () => {
  /** A store that can fail calls of one name. */
  async function startFailing() {
    const fails = { name: undefined as string | undefined };
    const own = await startApi({
      wrap: (store) =>
        new Proxy(store, {
          get(target, name, receiver) {
            if (name === fails.name) return () => Promise.reject(new Error('away'));
            const value: unknown = Reflect.get(target, name, receiver);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    return { own, fails };
  }

  it('is refused when its caller repeats it too often in a day, and counts anew on the next', async () => {
    const own = await startApi();
    const { path } = await own.store();
    const restrict = (sub = 'tester', at = path) =>
      own.call('put', `${at}/restriction`, { as: { sub }, body: { reason: 'contested' } });
    for (let count = 0; count < 250; count += 1) {
      expect((await restrict()).status).toBe(200);
      expect((await own.call('delete', `${path}/restriction`)).status).toBe(200);
    }
    const written = (await own.service.keys()).length;
    const refused = await restrict();
    expectProblem(refused, 429, 'daily-limit');
    expect(refused.body).toMatchObject({ limit: 500, detail: 'There may be 500 restrictions a day of one recording.' });
    const left = 24 * 3600 - ((own.service.clock.now() / 1000) % (24 * 3600));
    expect(Number(refused.headers['retry-after'])).toBe(Math.ceil(left));
    expect(await own.service.keys()).toHaveLength(written);
    expect((await restrict('another')).status).toBe(200);
    expect((await restrict('tester', (await own.store()).path)).status).toBe(200);
    own.service.clock.advance(Number(refused.headers['retry-after']) * 1000);
    expect((await restrict()).status).toBe(200);
  });

  it('and is refused leaves none, and keeps nobody from anything', async () => {
    const own = await startApi();
    const { path } = await own.store();
    for (let count = 0; count < 600; count += 1) {
      expectProblem(await own.call('post', `${path}/abort`), 409, 'recording-stored');
    }
    const deleted = await own.call('delete', `${path}?reason=erasure`);
    expect(deleted.status).toBe(200);
  });

  it('does not count for bad input', async () => {
    const own = await startApi();
    const { attemptPath } = await own.store();
    const assess = (completedAt: string) => own.call('put', `${attemptPath}/assessment`, { body: { completedAt } });
    const before = await own.service.keys();
    for (let count = 0; count < 501; count += 1) expect((await assess('2099-01-01T00:00:00Z')).status).toBe(422);
    expect(await own.service.keys()).toEqual(before);
    expect((await assess(new Date(own.service.clock.now()).toISOString())).status).toBe(200);
  });

  it('counts when the store fails, because it may have left one', async () => {
    const { own, fails } = await startFailing();
    const create = () => own.call('post', RECORDINGS, { body: CREATE_BODY });
    fails.name = 'list';
    for (let count = 0; count < 1000; count += 1) expect((await create()).status).toBe(500);
    fails.name = undefined;
    expectProblem(await create(), 429, 'daily-limit');
  });
});
