// The service as an operator runs it: child processes of the binary, on a data folder of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../demo/free-port.ts';
import { MINUTE_MS } from '../../src/model/durations.ts';
import type { Logger } from '../../src/model/logger.ts';
import { signToken } from '../../src/runtime/token.ts';
import { CREATE_BODY, SCOPES } from '../http/calls.ts';
import { webm } from '../kit/fixtures.ts';
import { until } from '../kit/until.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** What was assessed two minutes ago is due, and an hour before its deadline: see `makeDue`. */
export const DUE_ONCE_ASSESSED = { RETENTION_AFTER_ASSESSMENT: '62m', DELETE_LEAD: '61m', SETTLE_TIME: '1s' };
const EXAM = '/v1/exams/secret-exam';
export const SILENT: Logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, audit: () => {} };
const SECRET = 'a secret of at least thirty-two bytes, for tests';
const BODY = { ...CREATE_BODY, participantId: 'secret-person', parts: 3 };

export type Caller = ReturnType<typeof callerOf>;
export type Installation = Awaited<ReturnType<typeof install>>;
export async function install(settings: Record<string, string> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'test-installation-'));
  const port = await freePort();
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOST: '127.0.0.1',
    PORT: String(port),
    LOCAL_S3_PORT: String(await freePort()),
    DATA_DIR: dataDir,
    AUTH_SHARED_SECRET: SECRET,
    SWEEP_SCHEDULE: 'off',
    SHUTDOWN_DELAY: '0s',
    ...settings,
  };
  const url = `http://127.0.0.1:${port}`;
  const running = new Set<ChildProcess>();

  function begin(args: readonly string[]) {
    const child = spawn(process.execPath, ['--conditions=source', MAIN, ...args], { env });
    running.add(child);
    const said = { stdout: '', stderr: '', all: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        said[stream] += chunk;
        said.all += chunk;
      });
    }
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    return { child, said, ended };
  }

  /** Starts `serve`; `stop` sends a signal, and answers with the exit code. */
  function launch() {
    const { child, said, ended } = begin(['serve']);
    async function stop(signal: NodeJS.Signals) {
      child.kill(signal);
      return ended;
    }
    return { process: child, output: () => said.all, stop };
  }

  /** Starts `serve` and waits until it is ready. */
  async function start() {
    const service = launch();
    await until(async () => {
      if (service.process.exitCode !== null) throw new Error(`serve stopped: ${service.output()}`);
      return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true;
    });
    return service;
  }

  /** Runs another command to its end. */
  async function run(...args: string[]) {
    const { said, ended } = begin(args);
    return { code: await ended, ...said };
  }

  async function remove(): Promise<void> {
    for (const child of running) child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }

  return { ...callerOf(url), url, env, dataDir, launch, start, run, remove };
}

/** Calls one service as the tenant `acme`. */
export function callerOf(url: string, now: () => number = Date.now, secret = SECRET) {
  const token = (scope: string, claims: Record<string, string> = {}) =>
    signToken(secret, { tenant: 'acme', scope, sub: 'tester', ...claims }, 600_000, now());

  /** With every scope, unless the headers hold another token. */
  async function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const authorization = `Bearer ${await token(SCOPES.join(' '))}`;
    return fetch(url + path, { ...init, method, headers: { authorization, ...Object(init.headers) } });
  }

  /** @throws Error when it was refused */
  async function read<T>(answering: Promise<Response>): Promise<T> {
    const answer = await answering;
    if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** A call with JSON, if any, and its answer. @throws Error when it is refused */
  function ask<T>(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<T> {
    const json = { 'content-type': 'application/json', ...headers };
    return read(call(method, path, { headers: json, ...(body && { body: JSON.stringify(body) }) }));
  }

  /** Sends a form with a file through the service. */
  function send(path: string, form: AsyncIterable<Uint8Array>): Promise<Response> {
    const headers = { 'content-type': 'multipart/form-data; boundary=edge' };
    return call('POST', `${path}/content`, { headers, body: form, duplex: 'half' } as unknown as RequestInit);
  }

  /** A recording that is begun; its path. */
  async function create(headers: Record<string, string> = {}, attempt = 'secret-attempt'): Promise<string> {
    const recordings = `${EXAM}/attempts/${attempt}/recordings`;
    const created = await ask<{ recording: { recordingId: string } }>('POST', recordings, BODY, headers);
    return `${recordings}/${created.recording.recordingId}`;
  }

  /** A recording that is stored, its file sent through the service later than the head of the request, as from a browser. */
  async function record(headers?: Record<string, string>, attempt?: string): Promise<string> {
    const path = await create(headers, attempt);
    await read(send(path, formOf(webm)));
    return path;
  }

  /** Assesses all recordings of the attempt so far: they are due at once under DUE_ONCE_ASSESSED. */
  async function makeDue(): Promise<void> {
    const completedAt = new Date(now() - 2 * MINUTE_MS).toISOString();
    await ask('PUT', `${EXAM}/attempts/secret-attempt/assessment`, { completedAt });
  }

  return { token, call, ask, send, create, record, makeDue };
}

/** Sends the first bytes of the file at once, and the others when `rest` resolves. */
export async function* formOf(file: Uint8Array, first = file.length, rest?: Promise<void>): AsyncGenerator<Uint8Array> {
  await sleep(25);
  yield Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="secret-name.webm"\r\n\r\n');
  await sleep(25);
  yield file.subarray(0, first);
  await rest;
  yield Buffer.concat([file.subarray(first), Buffer.from('\r\n--edge--\r\n')]);
}

/** The values of /metrics, by the whole name with its labels: `http_requests_total{method="GET",route="/livez",status="200"}`. */
export async function scrape({ url }: { readonly url: string }): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${url}/metrics`);
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]));
}

/** Nothing listens there any more. */
export function isRefused(url: string): Promise<boolean> {
  return fetch(url).then(
    () => false,
    ({ cause }: { cause?: NodeJS.ErrnoException }) => cause?.code === 'ECONNREFUSED',
  );
}

/** On a connection of its own. */
export async function probe(url: string): Promise<{ status: number; connection: string | undefined; body: string }> {
  const request = httpRequest(url, { agent: new Agent({ keepAlive: true, maxSockets: 1 }) }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, connection: response.headers.connection, body: await text(response) };
}
