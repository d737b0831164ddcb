// The service as an operator runs it: child processes of the binary, on a data folder of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '../../src/commands/token.ts';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { webm } from '../kit/fixtures.ts';

const MAIN = new URL('../../src/commands/main.ts', import.meta.url).pathname;
const ALL_SCOPES = 'recordings:upload recordings:review assessments:write privacy:manage';
/** What was assessed two minutes ago is due, and a minute before its deadline: see `makeDue`. */
export const DUE_ONCE_ASSESSED = { RETENTION_AFTER_ASSESSMENT: '3m', DELETE_LEAD: '2m', SETTLE_TIME: '1s' };
const EXAM = '/v1/exams/secret-exam';
export const SECRET = 'a secret of at least thirty-two bytes, for tests';

const BODY = {
  participantId: 'secret-person',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: '2026-01-02T09:55:00Z', policyVersion: '1' },
  parts: 3,
};

/** Calls one service as the tenant `acme`. */
export interface Caller {
  token(scope: string, claims?: Record<string, string>): Promise<string>;
  /** With every scope, unless the headers hold another token. */
  call(method: string, path: string, init?: RequestInit): Promise<Response>;
  /** A recording that is begun; its path. */
  create(headers?: Record<string, string>, attempt?: string): Promise<string>;
  /** A recording that is stored, its file sent through the service later than the head of the request, as from a browser. */
  record(headers?: Record<string, string>, attempt?: string): Promise<string>;
  /** Assesses all recordings of the attempt so far: they are due at once under DUE_ONCE_ASSESSED. */
  makeDue(): Promise<void>;
}

export interface Installation extends Caller {
  readonly url: string;
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  /** Starts `serve` and waits until it is ready. */
  start(): Promise<RunningService>;
  /** Starts `serve`. */
  launch(): RunningService;
  /** Runs another command to its end. */
  run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  remove(): Promise<void>;
}

export interface RunningService {
  readonly process: ChildProcess;
  readonly output: () => string;
  /** Sends a signal and waits for the end; the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

export async function install(settings: Record<string, string> = {}): Promise<Installation> {
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
  function launch(): RunningService {
    const child = spawn(process.execPath, [MAIN, 'serve'], { env });
    running.add(child);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const exited = once(child, 'exit') as Promise<[number | null]>;
    return {
      process: child,
      output: () => Buffer.concat(chunks).toString(),
      async stop(signal) {
        child.kill(signal);
        const [code] = await exited;
        running.delete(child);
        return code;
      },
    };
  }

  return {
    ...callerOf(url),
    url,
    env,
    dataDir,
    launch,
    async start() {
      const service = launch();
      await untilReady(url, service.process, service.output);
      return service;
    },
    async run(...args) {
      const child = spawn(process.execPath, [MAIN, ...args], { env });
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
    },
    async remove() {
      for (const child of running) child.kill('SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export function callerOf(url: string, now: () => number = Date.now): Caller {
  const token: Caller['token'] = (scope, claims = {}) =>
    signToken(SECRET, { tenant: 'acme', scope, sub: 'tester', ...claims }, 600_000, now());
  async function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${await token(ALL_SCOPES)}`, ...(init.headers as Record<string, string>) };
    return fetch(url + path, { ...init, method, headers });
  }
  async function expectOk(method: string, path: string, init: RequestInit): Promise<Response> {
    const answer = await call(method, path, init);
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return answer;
  }
  const json = (body: object, headers = {}) => ({
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  async function* form(): AsyncGenerator<Uint8Array> {
    await pause();
    yield Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="secret-name.webm"\r\n\r\n');
    await pause();
    yield webm;
    yield Buffer.from('\r\n--edge--\r\n');
  }
  const caller: Caller = {
    token,
    call,
    async create(headers, attempt = 'secret-attempt') {
      const recordings = `${EXAM}/attempts/${attempt}/recordings`;
      const answer = await expectOk('POST', recordings, json(BODY, headers));
      const { recording } = (await answer.json()) as { recording: { recordingId: string } };
      return `${recordings}/${recording.recordingId}`;
    },
    async record(sent, attempt) {
      const path = await caller.create(sent, attempt);
      const headers = { 'content-type': 'multipart/form-data; boundary=edge' };
      const init = { headers, body: form(), duplex: 'half' } as unknown as RequestInit;
      await (await expectOk('POST', `${path}/content`, init)).arrayBuffer();
      return path;
    },
    async makeDue() {
      const completedAt = new Date(now() - 2 * MINUTE_MS).toISOString();
      await expectOk('PUT', `${EXAM}/attempts/secret-attempt/assessment`, json({ completedAt }));
    },
  };
  return caller;
}

async function untilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`serve stopped: ${output()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await pause();
  }
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
