// Nothing hangs: servers that accept and never respond, stop in the middle, or close the connection.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import {
  type ClientOptions,
  ConnectionError,
  ProctoringRecordings,
  RecordingsError,
  type Retry,
  TimeoutError,
} from '../src/index.ts';

const AT = { exam: 'e', attempt: 'a', recording: 'r' };
const NEW_RECORDING = {
  participantId: 'p-1',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
} as const;
const RECORDING = `/v1/exams/e/attempts/a/recordings/r`;
/** As long as it takes a slow machine to notice, and no longer than a test may wait for it a few times. */
const SHORT_MS = 200;

/** A client of a server that does what `listener` says. */
async function clientOf(listener: RequestListener, options: Partial<ClientOptions> = {}) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterThisTest(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new ProctoringRecordings({ baseUrl, token: 'a-token', maxAttempts: 1, ...options });
}

const silent: RequestListener = (req) => void req.resume();

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error,
  );
}

describe('a server that accepts and never responds', () => {
  it('ends a call in a TimeoutError, by the limit of the client or of the call', async () => {
    const client = await clientOf(silent, { timeoutMs: SHORT_MS });
    const expected = { name: 'TimeoutError', code: 'timed-out', method: 'GET', path: RECORDING, attempts: 1 };
    const error = await errorOf(client.get(AT));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toBeInstanceOf(RecordingsError);
    expect(error).toMatchObject({ ...expected, timeoutMs: SHORT_MS });
    expect((error as Error).message).toBe(
      `GET ${RECORDING} got no response from ${(error as TimeoutError).origin} within 200 ms, attempt 1.`,
    );
    expect(await errorOf(client.get(AT, { timeoutMs: 50 }))).toMatchObject({ ...expected, timeoutMs: 50 });
  });

  it('is tried again as often as any other that cannot be reached, and each time is reported', async () => {
    const client = await clientOf(silent);
    const retries: Retry[] = [];
    const options = { timeoutMs: 50, maxAttempts: 3, onRetry: (retry: Retry) => void retries.push(retry) };
    const error = await errorOf(client.consistencyProof(7, options));
    expect(error).toMatchObject({ name: 'TimeoutError', attempts: 3, path: '/v1/log/consistency' });
    const reason = { name: 'TimeoutError', code: 'timed-out' };
    expect(retries).toMatchObject(
      [1, 2].map((attempt) => ({ attempt, method: 'GET', path: '/v1/log/consistency', reason })),
    );
    for (const { attempt, waitMs } of retries) expect(waitMs).toBeLessThan(500 * attempt);
  });

  it.each<[string, (client: ProctoringRecordings) => Promise<unknown>, number]>([
    ['a call about many recordings: ten times as long', (client) => client.report(), 500],
    ['a download: the same', (client) => client.exportParticipantFile({ participant: 'p' }, 'zip'), 500],
    ['one whose document is large: the same', (client) => client.proof(), 500],
    ['a part: a second more for each 32 KiB', (client) => client.putPart(AT, 1, new Blob([new Uint8Array(8192)])), 300],
    ['a call with a limit of its own: no longer', (client) => client.report({}, { timeoutMs: 60 }), 60],
  ])('has a limit in %s', async (_, call, timeoutMs) => {
    const client = await clientOf(silent, { timeoutMs: 50 });
    expect(await errorOf(call(client))).toMatchObject({ name: 'TimeoutError', timeoutMs });
  });

  it.each<[string, (client: ProctoringRecordings) => Promise<unknown>, number]>([
    ['30 seconds', (client) => client.get(AT), 30_000],
    ['five minutes for many recordings', (client) => client.report(), 300_000],
    ['five minutes for a creation', (client) => client.create(AT, NEW_RECORDING), 300_000],
    ['five minutes for an abort', (client) => client.abort(AT), 300_000],
    [
      '190 seconds for a part of 5 MiB',
      (client) => client.putPart(AT, 1, new Blob([new Uint8Array(5_242_880)])),
      190_000,
    ],
  ])('has %s by default', async (_, call, timeoutMs) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    afterThisTest(() => jest.useRealTimers());
    const fetch = () => new Promise<Response>(() => {});
    const client = new ProctoringRecordings({ baseUrl: 'http://service.test', token: 't', fetch, maxAttempts: 1 });
    const error = errorOf(call(client));
    await jest.advanceTimersByTimeAsync(timeoutMs);
    expect(await error).toMatchObject({ name: 'TimeoutError', timeoutMs });
  });

  it('does not hold a caller that aborts, by the signal of the client or of the call', async () => {
    for (const owner of ['client', 'call'] as const) {
      const stop = new AbortController();
      const { signal } = stop;
      const client = await clientOf(() => stop.abort(new Error('enough')), owner === 'client' ? { signal } : {});
      await expect(client.get(AT, owner === 'call' ? { signal } : {})).rejects.toThrow('enough');
    }
  });

  it('and a function that never returns a token ends in the same way', async () => {
    const token = () => new Promise<string>(() => {});
    const client = await clientOf(silent, { token, timeoutMs: 50 });
    expect(await errorOf(client.get(AT))).toMatchObject({ name: 'TimeoutError' });
  });
});

describe('a response that stops in the middle', () => {
  const stopping: RequestListener = (req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'application/json' }).write('{"items":');
  };

  it.each<[string, (client: ProctoringRecordings) => Promise<unknown>]>([
    ['a document', (client) => client.get(AT)],
    ['a large document', (client) => client.proof({ timeoutMs: 50 })],
    ['a download', async (client) => (await client.exportParticipantFile({ participant: 'p' }, 'json')).text()],
  ])('ends %s in a TimeoutError', async (_, call) => {
    const client = await clientOf(stopping, { timeoutMs: 30 });
    expect(await errorOf(call(client))).toMatchObject({ name: 'TimeoutError', attempts: 1 });
  });

  it('ends a download when its caller aborts', async () => {
    const stop = new AbortController();
    const client = await clientOf(stopping);
    const response = await client.exportParticipantFile({ participant: 'p' }, 'json', { signal: stop.signal });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('{"items":');
    const next = reader?.read();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  });

  it('because the connection is cut is a ConnectionError; a document is requested again', async () => {
    let requests = 0;
    const cutting: RequestListener = (req, res) => {
      requests += 1;
      const isCut = requests % 2 === 1;
      req.resume();
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '2' });
      if (isCut) res.write('{', () => res.destroy());
      else res.end('{}');
    };
    const client = await clientOf(cutting, { maxAttempts: 2 });
    for (const call of [() => client.get(AT), () => client.proof()]) expect(await call()).toEqual({});
    const response = await client.receiptsCsv({ exam: 'e' });
    const error = await errorOf(response.text());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection-failed', path: '/v1/exams/e/receipts' });
    expect(String((error as Error).cause)).toBe('TypeError: terminated');
  });

  it('because its reader takes an hour is not silent', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    afterThisTest(() => jest.useRealTimers());
    const fetchStub = async () => new Response('all of it');
    const client = new ProctoringRecordings({ baseUrl: 'http://service.test', token: 't', fetch: fetchStub });
    const response = await client.exportParticipantFile({ participant: 'p' }, 'json');
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(await response.text()).toBe('all of it');
  });
});

it('reports a server that cannot be reached as ConnectionError: its cause, and nothing secret', async () => {
  const client = await clientOf((req) => void req.destroy(), { maxAttempts: 2 });
  const error = await errorOf(client.report({ from: '2026-01-01' }));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).not.toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ code: 'connection-failed', attempts: 2 });
  expect(String((error as Error).cause)).toBe('TypeError: fetch failed');
  expect((error as Error).message).toBe(
    `GET /v1/report got no complete response from ${(error as ConnectionError).origin} (UND_ERR_SOCKET), attempt 2.`,
  );

  const fetchNaming: typeof fetch = (input) =>
    Promise.reject(new Error(`request to ${input instanceof Request ? input.url : input.toString()} failed`));
  const own = await clientOf(silent, { fetch: fetchNaming });
  const named = (await errorOf(own.liftRestriction(AT, 'a case'))) as ConnectionError;
  expect(String(named.cause)).toMatch(/^Error: request to http:\S+\/restriction failed$/);
});

it.each(['a\nsecret', 'secret\0', 'secret…'])(
  'refuses the token %j in words that do not show it, and sends nothing',
  async (token) => {
    let requests = 0;
    const client = await clientOf(() => void requests++, { token, maxAttempts: 2 });
    const error = await errorOf(client.get(AT));
    expect(error).toMatchObject({ name: 'RecordingsError', code: 'token-invalid' });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('secret');
    expect(requests).toBe(0);
  },
);

it.each(['..', '.', ''])('sends nothing for the id %j, which would lead to another call', async (id) => {
  const paths: unknown[] = [];
  const client = await clientOf((req, res) => {
    paths.push(req.url);
    res.writeHead(404).end();
  });
  const calls: (() => Promise<unknown>)[] = [
    () => client.eraseParticipant({ participant: id }, 'erasure'),
    () => client.get({ ...AT, attempt: id }),
    () => Array.fromAsync(client.list({ exam: id })),
  ];
  for (const call of calls) {
    const error = await errorOf((async () => call())());
    expect(error).toMatchObject({ name: 'RecordingsError', code: 'invalid-id' });
  }
  expect(paths).toEqual([]);
});

it('takes a number of attempts that is none for one', async () => {
  let requests = 0;
  const client = await clientOf((_, res) => {
    requests += 1;
    res.writeHead(requests < 4 ? 503 : 400).end();
  });
  await errorOf(client.get(AT, { maxAttempts: Number.NaN }));
  expect(requests).toBe(1);
});

it('follows no redirect: what a call says goes to its service alone', async () => {
  const paths: unknown[] = [];
  const client = await clientOf((req, res) => {
    paths.push(req.url);
    res.writeHead(307, { Location: '/elsewhere' }).end();
  });
  await expect(client.restrict(AT, 'a case')).rejects.toMatchObject({ code: 'unexpected-answer', status: 307 });
  expect(paths).toEqual([`${RECORDING}/restriction`]);
});

it('names the origin, and the code of the innermost cause, in the message of a ConnectionError', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const origin = `http://127.0.0.1:${port}`;
  const retries: Retry[] = [];
  const onRetry = (retry: Retry) => void retries.push(retry);
  const gone = new ProctoringRecordings({ baseUrl: `${origin}/behind`, token: 'a-token', maxAttempts: 2, onRetry });
  const error = await errorOf(gone.report({ from: '2026-01-01' }));
  expect(error).toMatchObject({
    origin,
    path: '/v1/report',
    message: `GET /v1/report got no complete response from ${origin} (ECONNREFUSED), attempt 2.`,
  });
  expect(retries).toMatchObject([{ origin, path: '/v1/report' }]);
});

it.each<[string, unknown, string]>([
  [
    'of several addresses',
    new AggregateError([Object.assign(new Error('no'), { code: 'ENETUNREACH' })]),
    ' (ENETUNREACH)',
  ],
  [
    'that has a code on the outside only',
    Object.assign(new Error('no', { cause: new Error('why') }), { code: 'EPIPE' }),
    ' (EPIPE)',
  ],
  ['without a code', new Error('https://service.test/?secret'), ''],
  ['whose code is a number', Object.assign(new Error('no'), { code: 20 }), ''],
  ['whose code is a text of its own', Object.assign(new Error('no'), { code: 'https://a.example/?secret' }), ''],
])('gives the code of a cause %s', async (_, cause, code) => {
  const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }));
  const client = new ProctoringRecordings({ baseUrl: 'http://service.test', token: 't', fetch, maxAttempts: 1 });
  const { message } = (await errorOf(client.get(AT))) as Error;
  expect(message).toBe(`GET ${RECORDING} got no complete response from http://service.test${code}, attempt 1.`);
});

it.each([
  '',
  'localhost:8080',
  'recordings.example',
  '/recordings',
  'ftp://recordings.example',
  'https://user:secret@recordings.example',
  'https://recordings.example/?key=secret',
  'https://recordings.example/#secret',
])(
  'refuses a baseUrl that is not the URL of a service when the client is made, and does not repeat it: %j',
  (baseUrl) => {
    let error: unknown;
    try {
      new ProctoringRecordings({ baseUrl, token: 't' });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RecordingsError);
    expect(error).toMatchObject({ code: 'base-url-invalid' });
    expect((error as Error).message).toMatch(/^`baseUrl` must be .* such as https:\/\/recordings\.example/);
    expect((error as Error).message).not.toContain('secret');
  },
);

it.each(['http://localhost:8080', 'https://recordings.example/', 'https://proxy.example/recordings'])(
  'accepts the baseUrl %s',
  (baseUrl) => {
    expect(new ProctoringRecordings({ baseUrl, token: 't' })).toBeInstanceOf(ProctoringRecordings);
  },
);
