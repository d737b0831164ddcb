// Deletion, measured: requests, memory and speed of a sweep beside a bare list-and-delete loop; kills; planted faults.
// node bench/sweep.ts [--recordings 20000] [--kills 50], on the store that the S3_… settings name (a bucket of its own).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readSettings } from '../src/commands/settings.ts';
import { DAY_MS } from '../src/domain/durations.ts';
import { listAll } from '../src/storage/object-store.ts';
import { createS3Client } from '../src/storage/s3/client.ts';
import { S3ObjectStore } from '../src/storage/s3/object-store.ts';
import { seedRecordings } from './seed.ts';

const MAIN = new URL('../src/commands/main.ts', import.meta.url).pathname;
const { values } = parseArgs({
  options: { recordings: { type: 'string', default: '20000' }, kills: { type: 'string', default: '50' } },
});
const count = Number(values.recordings);
const kills = Number(values.kills);

const env = { SETTLE_TIME: '1s', DELETE_LEAD: '1s', SWEEP_SCHEDULE: 'off', LOG_LEVEL: 'error', ...process.env };
const { s3 } = readSettings(env);
if (!s3) throw new Error('set S3_BUCKET and the rest: this measures a real store');
const store = new S3ObjectStore(createS3Client(s3), s3);
const overdueMs = Date.now() - 30 * DAY_MS;
let failures = 0;

await idleSweeps();
await fullSweep();
await killedSweeps();
process.exitCode = failures === 0 ? 0 : 1;

async function idleSweeps(): Promise<void> {
  const few = await seeding(100, 'live-few', Date.now());
  const { report: withFew } = await sweep();
  await seeding(count, 'live-many', Date.now());
  const { report: withMany } = await sweep();
  check(
    `an idle sweep: ${withFew.requests} requests with ${few} live recordings, ${withMany.requests} with ${count + few}`,
    withFew.requests === withMany.requests && withMany.requests <= 3,
  );
  await deleteAll('');
}

async function fullSweep(): Promise<void> {
  await seeding(count, 'due', overdueMs);
  const keys = (await Array.fromAsync(listAll(store, ''))).length;
  const { report, seconds, peakMib } = await sweep();
  check(
    `a sweep of ${count} due recordings deleted ${report.deleted.recordings}, failed ${report.failed}`,
    report.deleted.recordings === count,
  );
  const perRecording = report.requests / count;
  check(`${report.requests} requests, ${perRecording.toFixed(3)} a recording`, perRecording <= 5.2);
  check(`peak memory of its process: ${peakMib} MiB`, peakMib < 200);
  const verified = await command('verify', '--json');
  check(`verify: exit ${verified.code}`, verified.code === 0);
  await deleteAll('');

  await seeding(count, 'bare', overdueMs);
  const begun = performance.now();
  const deleted = await deleteAll('');
  const bareSeconds = (performance.now() - begun) / 1000;
  const ratio = keys / seconds / (deleted / bareSeconds);
  check(
    `keys deleted a second: ${Math.round(keys / seconds)} by the sweep, ${Math.round(deleted / bareSeconds)} by a bare loop: ${(ratio * 100).toFixed(0)} %`,
    ratio >= 0.6,
  );
}

async function killedSweeps(): Promise<void> {
  const dueNow = await seeding(Math.min(count, 4000), 'killed', overdueMs);
  await seeding(200, 'stay', Date.now(), true);
  let killed = 0;
  for (; killed < kills; killed += 1) {
    const child = start('sweep', '--json');
    const timer = setTimeout(() => child.kill('SIGKILL'), 350 + Math.random() * 900);
    await once(child, 'close');
    clearTimeout(timer);
  }
  const { report } = await sweep();
  const left = (await Array.fromAsync(listAll(store, 'attempts/acme/killed/'))).length;
  const stay = (await Array.fromAsync(listAll(store, 'attempts/acme/stay/'))).length;
  const receipts = (await Array.fromAsync(listAll(store, 'receipts/acme/killed/'))).length;
  const verified = await command('verify', '--json');
  check(
    `killed ${killed} times, then one more run (it deleted ${report.deleted.recordings}): ${left} objects left of ${dueNow} due recordings, ` +
      `${receipts} receipts; ${stay / 2} of 200 others there; verify exits ${verified.code}`,
    left === 0 && receipts === dueNow && stay === 400 && verified.code === 0,
  );
  await deleteAll('');
}

async function seeding(amount: number, name: string, createdAtMs: number, tagged = false): Promise<number> {
  await seedRecordings(store, amount, { createdAtMs, retentionMs: 30 * DAY_MS, name, tagged });
  // Entries are settled a second after they were written.
  await new Promise((resolve) => setTimeout(resolve, 2100));
  return amount;
}

/** A bare loop: list a thousand keys, delete them. */
async function deleteAll(prefix: string): Promise<number> {
  let deleted = 0;
  for (;;) {
    const { objects } = await store.list(prefix);
    if (objects.length === 0) return deleted;
    await store.delete(objects.map(({ key }) => ({ key })));
    deleted += objects.length;
  }
}

interface SweepRun {
  readonly report: { requests: number; failed: number; deleted: { recordings: number } };
  readonly seconds: number;
  readonly peakMib: number;
}

/** One sweep as an operator runs it, in a process of its own; `seconds` by its own report. */
async function sweep(): Promise<SweepRun> {
  const child = start('sweep', '--json');
  let peakMib = 0;
  const watch = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => {
        peakMib = Math.max(peakMib, Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024));
      },
      () => undefined,
    );
  }, 100);
  const { stdout } = await ended(child);
  clearInterval(watch);
  const report = JSON.parse(stdout) as SweepRun['report'] & { startedAt: string; finishedAt: string };
  return { report, seconds: (Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000, peakMib };
}

function command(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  return ended(start(...args));
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(chunks).toString() };
}

function check(line: string, holds: boolean): void {
  if (!holds) failures += 1;
  process.stdout.write(`${holds ? '✓' : '✗'} ${line}\n`);
}
