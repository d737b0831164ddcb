// Starts a service, then records, plays back, assesses and deletes one recording: npm run demo
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ApiError, type AttemptPath, ProctoringRecordings, type Receipt } from '@proctoring-recordings/sdk';
import { readOrCreateSecret } from '../src/runtime/secret-file.ts';
import { signToken } from '../src/runtime/token.ts';
import type { SweepReport } from '../src/sweeper/report.ts';
import { freePort } from './free-port.ts';
import { enlargeWebm } from './webm.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const MIB = 1024 * 1024;
const RECORDING_BYTES = 12 * MIB + 345;
const RETENTION_SECONDS = 3;
const TENANT = 'demo-school';
const READY_WITHIN_MS = 120_000;

const dataDir = await mkdtemp(join(tmpdir(), 'proctoring-demo-'));
const port = await freePort();
const env = {
  LOCAL_S3_PORT: String(await freePort()),
  ...process.env,
  PORT: String(port),
  HOST: '127.0.0.1',
  DATA_DIR: dataDir,
  RETENTION_AFTER_ASSESSMENT: `${RETENTION_SECONDS}s`,
  DELETE_LEAD: '0s',
  SETTLE_TIME: '1s',
  SWEEP_SCHEDULE: 'off',
  SHUTDOWN_DELAY: '0s',
  LOG_LEVEL: 'warn',
  AUTH_SHARED_SECRET: process.env.AUTH_SHARED_SECRET ?? (await readOrCreateSecret(dataDir)),
};
const base = `http://127.0.0.1:${port}`;
const service = spawn(process.execPath, ['--conditions=source', MAIN, 'serve'], {
  env,
  stdio: ['ignore', 'ignore', 'pipe'],
});
const log: Buffer[] = [];
service.stderr?.on('data', (chunk: Buffer) => log.push(chunk));

try {
  await ready();
  say('service', `started at ${base}, on ${process.env.S3_ENDPOINT ?? 'the embedded store'}`);
  await walk();
  say('done', 'one recording, from consent to receipt');
} catch (error) {
  process.stderr.write(Buffer.concat(log));
  throw error;
} finally {
  service.kill('SIGTERM');
  await new Promise((resolve) => (service.exitCode === null ? service.once('exit', resolve) : resolve(undefined)));
  await rm(dataDir, { recursive: true, force: true });
}

async function walk(): Promise<void> {
  const file = enlargeWebm(await readFile(new URL('fixtures/webcam.webm', import.meta.url)), RECORDING_BYTES);
  const attempt = `attempt-${Date.now().toString(36)}`;
  const at = { exam: 'math-101', attempt };
  const examClient = await client('recordings:upload', at);
  const reviewer = await client('recordings:review');
  const assessor = await client('assessments:write');

  const consent = { givenAt: new Date().toISOString(), policyVersion: '2026-01' };
  const contentType = 'video/webm;codecs=vp8,opus';
  const { partSizeBytes } = await examClient.uploadSettings();
  const partCount = Math.ceil(file.length / partSizeBytes);
  const stored = await examClient.upload(
    at,
    new Blob([file]),
    { participantId: 'participant-7', kind: 'webcam', contentType, consent },
    {
      onProgress({ sentBytes, recordingId }) {
        if (sentBytes === 0) return say('create', `recording ${recordingId}`);
        const sentParts = Math.ceil(sentBytes / partSizeBytes);
        progress('upload', sentParts, partCount, `${(sentBytes / MIB).toFixed(1)} MiB in the store`);
      },
    },
  );
  const recording = { ...at, recording: stored.recordingId };
  say(
    'complete',
    `${stored.state}, ${stored.sizeBytes} bytes; to be deleted by ${stored.deleteBy} if nobody assesses it`,
  );

  const listed = await Array.fromAsync(reviewer.list(at));
  say('list', `${listed.length} recording of the attempt, kind ${listed[0]?.kind}`);

  const link = await reviewer.playbackLink(recording, 'assessment');
  const played = Buffer.from(await (await fetch(link.url)).arrayBuffer());
  if (sha256(played) !== sha256(file)) throw new Error('the played bytes differ from the recorded bytes');
  const seek = await fetch(link.url, { headers: { range: 'bytes=6000000-6000099' } });
  say(
    'playback',
    `${played.length} bytes, identical (SHA-256 ${sha256(file).slice(0, 12)}…); a seek responds ${seek.status}`,
  );

  const early = await command('sweep', '--json');
  if (early.due > 0) throw new Error(`the sweep found something due: ${JSON.stringify(early)}`);
  say('sweep', `before the deadline: ${early.due} due, ${early.requests} requests to the store`);

  const assessed = await assessor.assess(at, new Date());
  say(
    'assess',
    `completed ${assessed.completedAt}; deadline ${assessed.deleteBy} (this demo keeps recordings for ${RETENTION_SECONDS} s)`,
  );

  await wait(Math.max(0, Date.parse(assessed.deleteBy) - Date.now()) + 200);
  const swept = await command('sweep', '--json');
  if (swept.deleted.recordings < 1) throw new Error(`the sweep deleted nothing: ${JSON.stringify(swept)}`);
  say(
    'sweep',
    `after the deadline: ${swept.deleted.recordings} deleted, ${swept.deleted.bytes} bytes, ${swept.requests} requests to the store`,
  );

  const gone = await reviewer.get(recording).catch((error: unknown) => error);
  if (!(gone instanceof ApiError) || gone.status !== 410) throw new Error('the recording is still available');
  say('gone', `the recording is 410 ${gone.code}, its playback link ${(await fetch(link.url)).status}`);
  const { reason, deadline, verifiedAt, objects } = gone.problem.receipt as Receipt;
  say('receipt', `${objects} objects deleted, reason ${reason}, deadline ${deadline}, nothing left at ${verifiedAt}`);
}

async function client(scope: string, bound: Partial<AttemptPath> = {}): Promise<ProctoringRecordings> {
  return new ProctoringRecordings({ baseUrl: base, token: await token(scope, bound) });
}

function token(scope: string, bound: { exam?: string; attempt?: string } = {}): Promise<string> {
  return signToken(env.AUTH_SHARED_SECRET, { tenant: TENANT, scope, sub: 'demo', ...bound }, 600_000, Date.now());
}

/** Runs a command of the service, and returns its JSON report. */
function command(...args: string[]): Promise<SweepReport> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=source', MAIN, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(chunks).toString()) as SweepReport);
      else reject(new Error(`${args.join(' ')} exited with ${code}`));
    });
  });
}

async function ready(): Promise<void> {
  const anyone = new ProctoringRecordings({ baseUrl: base, token: '' });
  for (const endMs = Date.now() + READY_WITHIN_MS; Date.now() < endMs; await wait(50)) {
    if (service.exitCode !== null) throw new Error('the service stopped; see the lines above');
    const { ready: isReady } = await anyone.readiness().catch(() => ({ ready: false }));
    if (isReady) return;
  }
  throw new Error('the service was not ready within two minutes');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function say(step: string, line: string): void {
  process.stdout.write(`  ${step.padEnd(9)} ${line}\n`);
}

/** On a terminal, one line with a growing bar. Elsewhere, one line at the end. */
function progress(step: string, done: number, all: number, line: string): void {
  const bar = '█'.repeat(done).padEnd(all, '░');
  if (process.stdout.isTTY)
    process.stdout.write(`\r  ${step.padEnd(9)} ${bar} ${done}/${all} parts, ${line}${done === all ? '\n' : ''}`);
  else if (done === all) say(step, `${done}/${all} parts, ${line}`);
}
