// What a client can hold that sends requests and takes no response: one response for each connection, and that for a minute.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type HttpServer, startHttpServer } from '../../src/runtime/http-server.ts';
import { A_MINUTE, createLooks } from '../http/looks.ts';
import { settled } from '../http/settled.ts';
import { until } from '../kit/until.ts';
import { probe } from './process.ts';

/** More than the sockets of a machine hold between them. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'a');
const HEAD = 'Host: h\r\n\r\n';

let looks: ReturnType<typeof createLooks>;
let server: HttpServer;
let url: string;
let sockets: Socket[];
/** In order of their arrival at the application. */
let served: string[];
let ends: Map<string, () => void>;

beforeEach(async () => {
  looks = createLooks();
  [sockets, served, ends] = [[], [], new Map()];
  const options = { host: '127.0.0.1', port: 0, maxConnections: 3, every: looks.every };
  server = await startHttpServer((req, res) => {
    const path = String(req.url);
    served.push(path);
    const end = () => void res.end(path.startsWith('/large') ? LARGE : path);
    if (path.startsWith('/held')) ends.set(path, end);
    else end();
  }, options);
  url = `http://127.0.0.1:${server.port}`;
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close(0);
});

/** Takes nothing until it is resumed. */
function send(text: string) {
  const socket = connect(server.port, '127.0.0.1').pause();
  sockets.push(socket);
  const state = { socket, isClosed: false, received: 0, text: '' };
  socket.on('error', () => {});
  socket.once('close', () => {
    state.isClosed = true;
  });
  socket.on('data', (chunk: Buffer) => {
    state.received += chunk.length;
    state.text = (state.text + chunk.toString('latin1')).slice(-1000);
  });
  socket.pause();
  socket.write(text);
  return state;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\n${HEAD}`;

test('a request that is sent ahead reaches the application once the response before it has been taken', async () => {
  const client = send(get('/held') + get('/second'));
  await until(() => served.length > 0);
  await settled(() => served.length);
  expect(served).toEqual(['/held']);
  ends.get('/held')?.();
  client.socket.resume();
  await until(() => client.text.endsWith('/second'));
  expect(served).toEqual(['/held', '/second']);
  // The connection goes on.
  client.socket.write(get('/third'));
  await until(() => client.text.endsWith('/third'));
  client.socket.write(get('/large') + get('/after'));
  await until(() => client.text.endsWith('/after'));
  expect(served).toEqual(['/held', '/second', '/third', '/large', '/after']);
});

test('one that was sent ahead of a response that ends the connection is not served', async () => {
  const client = send(get('/held') + get('/second'));
  await until(() => served.length > 0);
  await settled(() => served.length);
  server.drain();
  ends.get('/held')?.();
  client.socket.resume();
  await until(() => client.isClosed);
  expect(client.text).toMatch(/held$/);
  expect(served).toEqual(['/held']);
});

test.each([
  ['more than one request ahead', get('/second').repeat(200)],
  ['a body ahead', `POST /second HTTP/1.1\r\nContent-Length: 1\r\n${HEAD}a`],
  ['a body in chunks ahead', `POST /second HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${HEAD}1\r\na\r\n`],
])('a connection on which a client sends %s is closed, and nothing of it is served', async (_, ahead) => {
  const client = send(get('/held') + ahead);
  client.socket.resume();
  await until(() => client.isClosed);
  expect(served).toEqual(['/held']);
  expect(looks.size).toBe(0);
});

test('a response of which nothing is taken ends its connection: after a minute, and a second for each KiB', async () => {
  const client = send(get('/large'));
  await until(() => served.length === 1);
  await settled(() => served.length);
  // Two looks see that nothing is taken between them.
  const secondsToTake = LARGE.length / 1024;
  looks.look(A_MINUTE);
  await settled(() => looks.size);
  expect(looks.size).toBe(1);
  looks.look(secondsToTake / 10);
  await until(() => looks.size === 0);
  client.socket.resume();
  await until(() => client.isClosed);
  expect(client.received).toBeLessThan(LARGE.length);
});

test('one that waits for the application is not ended, and one that is taken is not', async () => {
  const waiting = send(get('/held'));
  const client = send(get('/large'));
  await until(() => served.length === 2);
  client.socket.resume();
  await until(() => client.received > LARGE.length);
  looks.look(100 * A_MINUTE);
  ends.get('/held')?.();
  waiting.socket.resume();
  await until(() => waiting.text.endsWith('/held'));
});

test('at the maximum of connections one that does not take its response gives way, and no other', async () => {
  const held = send(get('/held'));
  const [still, other] = [send(get('/large')), send(get('/large'))];
  await until(() => served.length === 3);
  await settled(() => served.length);
  looks.look(2);
  other.socket.resume();
  await until(() => other.received > LARGE.length);
  other.socket.write(get('/held-too'));
  await until(() => ends.has('/held-too'));
  expect((await probe(url)).status).toBe(200);
  still.socket.resume();
  await until(() => still.isClosed);
  for (const path of ['/held', '/held-too']) ends.get(path)?.();
  held.socket.resume();
  await until(() => held.text.endsWith('/held') && other.text.endsWith('/held-too'));
});

test('one that began a moment ago does not give way yet: the new one is closed', async () => {
  const clients = [1, 2, 3].map(() => send(get('/large')));
  await until(() => served.length === 3);
  await settled(() => served.length);
  await expect(probe(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  for (const { socket } of clients) socket.resume();
  await until(() => clients.every(({ received }) => received > LARGE.length));
  const late = send(get('/late'));
  await once(late.socket, 'connect');
  late.socket.resume();
  await until(() => late.text.endsWith('/late'));
});
