// How calls fail: a problem with the id of the request, a line in the log, and nothing of what is behind the service.
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { PROBLEMS, type ProblemCode } from '../../src/http/problem-codes.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { overriding } from '../kit/interventions.ts';
import { type Api, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const RECORDINGS = '/v1/exams/exam-1/attempts/attempt-1/recordings';
const NO_RECORDING = `${RECORDINGS}/${UNKNOWN_RECORDING}`;
const TEMPLATE = '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});

describe('a problem', () => {
  it('has the members of RFC 9457, a code and the id of the request, and no more', async () => {
    const answer = await api.call('get', NO_RECORDING, { headers: { 'x-request-id': 'my-request.1' } });
    expectProblem(answer, 404, 'recording-not-found');
    expect(answer.headers['x-request-id']).toBe('my-request.1');
    expect(Object.keys(answer.body).sort()).toEqual(['code', 'detail', 'requestId', 'status', 'title', 'type']);
  });

  it.each(['no spaces please', 'ü', '', 'a'.repeat(65), 'a'.repeat(10_000), '<script>', '{"level":"error"}', 'a\tb'])(
    'gets an id of the service where the caller sent %j',
    async (id) => {
      const headers = { 'x-request-id': Buffer.from(id).toString('latin1') };
      for (const path of ['/livez', NO_RECORDING, '/nowhere', '/v1/exams/%zz/recordings']) {
        const answer = await api.raw('GET', path, { headers });
        expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
        expect(answer.body.requestId ?? answer.headers['x-request-id']).toBe(answer.headers['x-request-id']);
      }
      expect(JSON.stringify(api.log())).not.toContain(JSON.stringify(id || 'never').slice(1, -1));
    },
  );

  it('is logged once, with the template of the route and never the path', async () => {
    const own = await startApi();
    await own.call('get', NO_RECORDING);
    expect(own.log().filter(({ message }) => message === 'request refused')).toHaveLength(1);
    expect(own.log().filter(({ message }) => message === 'request')).toMatchObject([
      { method: 'GET', route: TEMPLATE, status: 404, tenant: 'acme', actor: 'tester' },
    ]);
    expect(own.lines.join('')).not.toContain('exam-1');
  });

  it.each([
    ['of the store', 'store-unavailable', 'connect ECONNREFUSED 10.9.8.7:9000'],
    ['of the store that refuses', 'store-refused', 'AccessDenied at 10.9.8.7:9000'],
  ] as const)('%s shows nothing of it: %s', async (_, code, message) => {
    const cause = new Error(message);
    const kind = code === 'store-refused' ? 'access-denied' : 'unavailable';
    const wrap = (store: ObjectStore) =>
      overriding(store, { list: () => Promise.reject(new StoreError(kind, 'list', 'NetworkError', { cause })) });
    const dark = await startApi({ wrap });
    const answer = await dark.call('get', RECORDINGS);
    expectProblem(answer, PROBLEMS[code].status, code);
    expect(answer.headers['retry-after']).toBe(code === 'store-unavailable' ? '5' : undefined);
    expect(JSON.stringify(answer)).not.toMatch(/ECONNREFUSED|AccessDenied|10\.9\.8\.7|NetworkError/);
    const causes = expect.arrayContaining([expect.stringContaining(`StoreError ${kind}`)]);
    expect(dark.log()).toContainEqual(expect.objectContaining({ level: 'error', code, causes }));
  });

  it('that nobody foresaw is a 500 without its message', async () => {
    const message = 'secret at https://store.example/x?X-Amz-Signature=abc';
    const broken = await startApi({ authenticate: () => Promise.reject(new Error(message)) });
    const answer = await broken.call('get', RECORDINGS);
    expectProblem(answer, 500, 'internal');
    expect(JSON.stringify(answer) + broken.lines.join('')).not.toContain('secret');
    expect(broken.log()).toContainEqual(expect.objectContaining({ code: 'internal', stack: expect.any(Array) }));
  });
});

it('the last of a member that stands twice counts', async () => {
  // Later than the clock of the test, and earlier.
  const body = `{"completedAt":"2027-01-01T00:00:00Z","completedAt":"2026-03-02T08:00:00Z"}`;
  const answer = await api.call('put', '/v1/exams/exam-1/attempts/twice/assessment', { body });
  expect(answer).toMatchObject({ status: 200, body: { completedAt: '2026-03-02T08:00:00.000Z' } });
});

it('a list takes a limit and filters, whatever the offset of their times', async () => {
  const query = 'limit=200&assessed=false&dueBefore=2026-12-02T10:00:00%2B01:00';
  expect((await api.call('get', `${RECORDINGS}?${query}`)).body).toEqual({ items: [], nextCursor: null });
});

describe('what the parser of Node refuses', () => {
  /** The whole answer, as it came. */
  async function send(bytes: string): Promise<string> {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(bytes, 'latin1');
    return text(socket);
  }

  const HOST = 'Host: h\r\n';
  const LENGTHS = 'Content-Length: 1\r\nContent-Length: 2\r\n';
  it.each<[string, string, ProblemCode]>([
    ['bytes that are no HTTP', 'nonsense\r\n\r\n', 'malformed-request'],
    ['a method that there is not', `FETCH / HTTP/1.1\r\n${HOST}\r\n`, 'malformed-request'],
    ['a path with a byte that is no ASCII', `GET /é HTTP/1.1\r\n${HOST}\r\n`, 'malformed-request'],
    ['a header that breaks its line', `GET / HTTP/1.1\r\n${HOST}X-Request-Id: a\rb\r\n\r\n`, 'malformed-request'],
    ['two lengths', `POST / HTTP/1.1\r\n${HOST}${LENGTHS}\r\n`, 'malformed-request'],
    ['20 kB of headers', `GET / HTTP/1.1\r\n${HOST}X-Request-Id: ${'a'.repeat(20_000)}\r\n\r\n`, 'headers-too-large'],
  ])('is a problem with an id, and the end of the connection: %s', async (_, bytes, code) => {
    const [head = '', body = ''] = (await send(bytes)).split('\r\n\r\n');
    const { status, title } = PROBLEMS[code];
    const requestId = /^X-Request-Id: ([\w-]{36})$/m.exec(head)?.[1];
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining([
        'Content-Type: application/problem+json',
        'Cache-Control: no-store',
        'Connection: close',
      ]),
    );
    const type = `/docs#problem-${code}`;
    expect(JSON.parse(body)).toEqual({ type, title, status, detail: `${title}.`, code, requestId });
  });

  it.each([
    ['an id of 10 kB', `X-Request-Id: ${'a'.repeat(10_000)}`],
    ['an expectation that nobody knows', 'Expect: the best'],
  ])('does not include %s', async (_, header) => {
    const answer = await send(`GET /livez HTTP/1.1\r\n${HOST}Connection: close\r\n${header}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  });
});
