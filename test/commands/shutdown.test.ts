// How `serve` ends and begins around others: load balancers, uploads in hand, a store that is not there yet.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { startHttpServer } from '../../src/commands/http-server.ts';
import { listenForStop } from '../../src/commands/stop-signal.ts';
import { startLocalS3 } from '../../src/local-s3/server.ts';
import { until } from '../http/expectations.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { freePort, type Installation, install } from './process.ts';

const RECORDINGS = '/v1/exams/math/attempts/a1/recordings';
const EDGE = 'edge';
const FORM_HEAD = `--${EDGE}\r\nContent-Disposition: form-data; name="file"; filename="webcam.webm"\r\n\r\n`;
const FORM_TAIL = `\r\n--${EDGE}--\r\n`;

let installation: Installation;
afterEach(() => installation.remove());

async function authorization(): Promise<string> {
  return `Bearer ${await installation.token('recordings:upload recordings:review')}`;
}

/** A form of which the test sends piece after piece. */
async function openForm(path: string): Promise<{ request: ClientRequest; answered: Promise<IncomingMessage> }> {
  const headers = { authorization: await authorization(), 'content-type': `multipart/form-data; boundary=${EDGE}` };
  const request = httpRequest(`${installation.url}${path}/content`, { method: 'POST', headers });
  const answered = once(request, 'response').then(([response]) => response as IncomingMessage);
  answered.catch(() => {});
  request.write(FORM_HEAD);
  return { request, answered };
}

async function partsOf(path: string): Promise<{ partNumber: number; sizeBytes: number }[]> {
  const answer = await fetch(`${installation.url}${path}/parts`, { headers: { authorization: await authorization() } });
  return ((await answer.json()) as { parts: { partNumber: number; sizeBytes: number }[] }).parts;
}

/** On a connection of its own. */
async function probe(path: string): Promise<{ status: number; connection: string | undefined; body: string }> {
  const request = httpRequest(installation.url + path, { agent: new Agent({ keepAlive: true, maxSockets: 1 }) }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  return { status: response.statusCode ?? 0, connection: response.headers.connection, body };
}

async function isRefused(): Promise<boolean> {
  return probe('/livez').then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
}

describe('SIGTERM', () => {
  test('is not ready at once, serves new connections for SHUTDOWN_DELAY and closes each; Ctrl-C waits for none', async () => {
    installation = await install({ SHUTDOWN_DELAY: '5s' });
    const beside = await install({ SHUTDOWN_DELAY: '30s' });
    const [service, interrupted] = [await installation.start(), await beside.start()];
    expect((await probe('/readyz')).connection).toBe('keep-alive');
    const ends: string[] = [];
    const ended = service.stop('SIGTERM').finally(() => ends.push('SIGTERM'));
    const alsoEnded = interrupted.stop('SIGINT').finally(() => ends.push('SIGINT'));
    await until(() => service.output().includes('"stopping"'));
    expect(await probe('/readyz')).toMatchObject({ status: 503, body: expect.stringContaining('stopping') });
    expect(await probe('/livez')).toMatchObject({ status: 200, connection: 'close' });
    await installation.create();
    await until(isRefused);
    expect(await Promise.all([ended, alsoEnded])).toEqual([0, 0]);
    expect(ends).toEqual(['SIGINT', 'SIGTERM']);
    await beside.remove();
  });

  test('an upload through the service that is under way is finished, and is the last thing on its connection', async () => {
    installation = await install();
    const service = await installation.start();
    const file = enlargeWebm(webm, 6 * MIB);
    const path = await installation.create();
    const { request, answered } = await openForm(path);
    request.write(file.subarray(0, 5 * MIB + 1));
    await until(async () => (await partsOf(path)).length === 1);
    const ended = service.stop('SIGTERM');
    await until(isRefused);
    expect(service.process.exitCode).toBeNull();
    request.write(file.subarray(5 * MIB + 1));
    request.end(FORM_TAIL);
    const response = await answered;
    expect({ status: response.statusCode, connection: response.headers.connection }).toEqual({
      status: 200,
      connection: 'close',
    });
    const stored = JSON.parse(Buffer.concat((await response.toArray()) as Buffer[]).toString()) as object;
    expect(stored).toMatchObject({ state: 'stored', sizeBytes: file.length });
    expect(await ended).toBe(0);
  });

  test('a second one ends it at once; what was uploaded is still there, and the upload goes on', async () => {
    installation = await install();
    const service = await installation.start();
    const file = enlargeWebm(webm, 6 * MIB);
    const path = await installation.create();
    const { request } = await openForm(path);
    request.on('error', () => {});
    request.write(file.subarray(0, 5 * MIB + 1));
    await until(async () => (await partsOf(path)).length === 1);
    const ended = service.stop('SIGTERM');
    await until(isRefused);
    // Later than the echo of a terminal.
    await sleep(600);
    service.process.kill('SIGTERM');
    expect(await ended).toBe(143);

    const next = await installation.start();
    expect(await partsOf(path)).toEqual([expect.objectContaining({ partNumber: 1, sizeBytes: 5 * MIB })]);
    const resumed = await openForm(path);
    resumed.request.write(file);
    resumed.request.end(FORM_TAIL);
    expect((await resumed.answered).statusCode).toBe(200);
    expect(await next.stop('SIGTERM')).toBe(0);
  });
});

test('connections that are idle or on which nothing was ever sent hold up no end', async () => {
  installation = await install();
  const server = await startHttpServer((_, response) => void response.end(), { host: '127.0.0.1', port: 0 });
  const silent = connect(server.port, '127.0.0.1');
  await once(silent, 'connect');
  const agent = new Agent({ keepAlive: true });
  const [idle] = (await once(httpRequest({ port: server.port, agent }).end(), 'response')) as [IncomingMessage];
  const closed = Promise.all([once(silent, 'close'), once(idle.socket, 'close')]);
  await idle.toArray();
  // Nothing is cut in the time of a test.
  await server.close(2 ** 30);
  await closed;
});

test('Ctrl-C that comes twice, from the terminal and from npm, is one', async () => {
  installation = await install();
  const stop = listenForStop();
  for (const name of ['SIGINT', 'SIGINT'] as const) process.emit(name, name);
  expect(stop.signal.reason).toBe('SIGINT');
  stop.dispose();
  expect(process.listenerCount('SIGINT')).toBe(0);
});

describe('a store that comes and goes', () => {
  const credentials = { accessKeyId: 'KEY', secretAccessKey: 'secret' };
  let dataDir: string;
  let port: number;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'test-store-'));
    port = await freePort();
    installation = await install({
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_REGION: 'us-east-1',
      S3_BUCKET: 'recordings',
      S3_ACCESS_KEY_ID: credentials.accessKeyId,
      S3_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    });
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const startStore = () => startLocalS3({ dataDir, bucket: 'recordings', port, credentials: [credentials] });
  const isReady = async (ready: boolean) => (await probe('/readyz')).status === (ready ? 200 : 503);

  test('serve waits for it, and is alive all the time and ready while it is there', async () => {
    const service = installation.launch();
    await until(() => service.output().includes('the self-test waits for the store'));
    expect(await isReady(false)).toBe(true);
    expect((await probe('/livez')).status).toBe(200);
    expect((await fetch(installation.url + RECORDINGS)).status).toBe(401);
    let store = await startStore();
    await until(() => isReady(true));
    await installation.create();
    await store.close();
    await until(() => isReady(false));
    expect(await probe('/readyz')).toMatchObject({ body: expect.stringContaining('the store does not answer') });
    expect((await probe('/livez')).status).toBe(200);
    store = await startStore();
    await until(() => isReady(true));
    await installation.create();
    expect(await service.stop('SIGTERM')).toBe(0);
    await store.close();
  });

  test('serve that never met its store ends with 0 as well', async () => {
    const service = installation.launch();
    await until(() => service.output().includes('listening'));
    expect(await service.stop('SIGTERM')).toBe(0);
  });
});
