// An export, measured: the memory and speed of `serve` while one client takes an archive of gigabytes from it.
// npm run build && node bench/export.ts [--gigabytes 2] [--unzip]: on the embedded store, or the one that S3_… names.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signToken } from '../src/runtime/token.ts';

/** As it is deployed, with the flag of the image. Run from src/, the same takes 25 MiB more: the part of Node that strips types. */
const MAIN = new URL('../dist/main.js', import.meta.url).pathname;
const WEBM = new URL('../demo/fixtures/webcam.webm', import.meta.url);
const SECRET = 'a secret of at least thirty-two bytes, for this bench';
const MIB = 1024 * 1024;
const PART_BYTES = 32 * MIB;
const MOST_MIB = 150;
const SITTING = '/v1/exams/bench/attempts/a1/recordings';

const { values } = parseArgs({
  options: { gigabytes: { type: 'string', default: '2' }, unzip: { type: 'boolean', default: false } },
});
const parts = Math.ceil((Number(values.gigabytes) * 1024 * MIB) / PART_BYTES);
const folder = await mkdtemp(join(tmpdir(), 'bench-export-'));
const port = Number(process.env.PORT ?? 8570);
const url = `http://127.0.0.1:${port}`;
const env = {
  SWEEP_SCHEDULE: 'off',
  LOG_LEVEL: 'error',
  ...process.env,
  HOST: '127.0.0.1',
  PORT: String(port),
  LOCAL_S3_PORT: String(port + 1),
  DATA_DIR: folder,
  AUTH_SHARED_SECRET: SECRET,
  PART_SIZE_BYTES: String(PART_BYTES),
};
let failures = 0;

try {
  await record();
  await measure();
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

/** Uploads the recording in a process of its own, so that its memory is not counted. */
async function record(): Promise<void> {
  const service = await serve();
  const { recording } = await call<{ recording: { recordingId: string } }>('POST', SITTING, {
    participantId: 'p1',
    kind: 'webcam',
    contentType: 'video/webm',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
    parts: 0,
  });
  const path = `${SITTING}/${recording.recordingId}`;
  const body = Buffer.alloc(PART_BYTES);
  body.set(await readFile(WEBM));
  for (let partNumber = 1; partNumber <= parts; partNumber += 1) {
    const asked = { parts: [{ partNumber, sizeBytes: PART_BYTES }] };
    const [part] = (await call<{ parts: { url: string }[] }>('POST', `${path}/parts`, asked)).parts;
    const { status } = await fetch(part?.url ?? '', { method: 'PUT', body });
    if (status !== 200) throw new Error(`part ${partNumber}: ${status}`);
  }
  await call('POST', `${path}/complete`, {});
  await stop(service);
}

async function measure(): Promise<void> {
  const service = await serve();
  const restingMib = await peakMibOf(service);
  const archive = join(folder, 'export.zip');
  const startedMs = performance.now();
  const headers = { authorization: `Bearer ${await token()}` };
  const request = get(`${url}/v1/participants/p1/export?format=zip`, { headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  if (values.unzip) await pipeline(response, createWriteStream(archive));
  else await once(response, 'end');
  const seconds = (performance.now() - startedMs) / 1000;
  const peakMib = await peakMibOf(service);
  await stop(service);
  const rate = Math.round(bytes / MIB / seconds);
  check(`an archive of ${bytes} bytes in ${seconds.toFixed(1)} s, ${rate} MiB/s`, bytes > parts * PART_BYTES);
  check(`peak memory of serve: ${peakMib} MiB, ${restingMib} MiB when it was ready`, peakMib < MOST_MIB);
  if (!values.unzip) return;
  const { status, stdout } = spawnSync('unzip', ['-t', archive], { encoding: 'utf8' });
  check(`unzip -t: ${stdout.trim().split('\n').at(-1)}`, status === 0);
}

async function serve(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--max-semi-space-size=2', MAIN, 'serve'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('serve stopped');
    await sleep(50);
  }
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** VmHWM: the most that the process has ever had in memory. */
async function peakMibOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

async function call<Body>(method: string, path: string, body: object): Promise<Body> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Body;
}

function token(): Promise<string> {
  const scope = 'recordings:upload privacy:manage';
  return signToken(SECRET, { tenant: 'acme', scope, sub: 'bench' }, 3_600_000, Date.now());
}

function check(line: string, holds: boolean): void {
  if (!holds) failures += 1;
  process.stdout.write(`${holds ? '✓' : '✗'} ${line}\n`);
}
