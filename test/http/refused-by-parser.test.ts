// What Node's parser refuses before the application sees it is answered like every other refusal.
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpServer, startHttpServer } from '../../src/commands/http-server.ts';
import { PROBLEMS, type ProblemCode } from '../../src/http/problem-codes.ts';

let server: HttpServer;
beforeAll(async () => {
  server = await startHttpServer((_req, res) => res.end('served'), { host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close(0));

/** The whole answer, as it came. */
async function send(bytes: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes, 'latin1');
  return text(socket);
}

const HOST = 'Host: h\r\n';
describe.each<[string, string, ProblemCode]>([
  ['bytes that are no HTTP', 'nonsense\r\n\r\n', 'malformed-request'],
  ['a method that there is not', `FETCH / HTTP/1.1\r\n${HOST}\r\n`, 'malformed-request'],
  ['a path with a byte that is no ASCII', `GET /é HTTP/1.1\r\n${HOST}\r\n`, 'malformed-request'],
  ['a header that breaks its line', `GET / HTTP/1.1\r\n${HOST}X-Request-Id: a\rb\r\n\r\n`, 'malformed-request'],
  ['two lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 'malformed-request'],
  ['20 kB of headers', `GET / HTTP/1.1\r\n${HOST}X-Request-Id: ${'a'.repeat(20_000)}\r\n\r\n`, 'headers-too-large'],
])('%s', (_, bytes, code) => {
  it(`is a problem, ${code}, with an id, and the end of the connection`, async () => {
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
    expect(JSON.parse(body)).toEqual({
      type: `/docs#problem-${code}`,
      title,
      status,
      detail: `${title}.`,
      code,
      requestId,
    });
  });
});

it.each([
  ['an id of 10 kB', `X-Request-Id: ${'a'.repeat(10_000)}`],
  ['an expectation that nobody knows', 'Expect: the best'],
])('%s is no reason to refuse a request', async (_, header) => {
  const answer = await send(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n${header}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
});
