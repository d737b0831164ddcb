// Deletion, measured: requests, memory and speed of a sweep beside a bare list-and-delete loop; kills; planted faults.
// node bench/sweep.ts [--recordings 20000] [--kills 50] [--rounds 4] [--only idle,full,beside,kills], on the store that the
// S3_… settings name (a bucket of its own).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { DOCTOR_PREFIX } from '../src/bucket/layout.ts';
import { readSettings } from '../src/config.ts';
import { DAY_MS } from '../src/model/durations.ts';
import { listAll } from '../src/objectstore/object-store.ts';
import { createS3Client } from '../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../src/objectstore/s3/object-store.ts';
import { seedRecordings } from './seed.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const { values } = parseArgs({
  options: {
    recordings: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '4' },
    only: { type: 'string', default: 'idle,full,beside,kills' },
  },
});
const count = Number(values.recordings);
const kills = Number(values.kills);
const rounds = Number(values.rounds);
/** As `npm run sweep` and the chart start it: V8 grows its heap less eagerly. */
const V8_FLAGS = ['--max-semi-space-size=4', '--max-old-space-size=160'];

const SETTLE_TIME_MS = 1000;
const env = { SETTLE_TIME: '1s', DELETE_LEAD: '1s', SWEEP_SCHEDULE: 'off', LOG_LEVEL: 'error', ...process.env };
const { s3 } = readSettings(env);
if (!s3) throw new Error('set S3_BUCKET and the rest: this measures a real store');
const store = new S3ObjectStore(createS3Client(s3), { ...s3, scratchPrefix: DOCTOR_PREFIX });
/** Recordings, where no full sweep was measured before. */
const ASSUMED_PER_SECOND = 200;
const overdueMs = Date.now() - 31 * DAY_MS;
let failures = 0;
let fullSeconds: number | undefined;

const parts = new Set(values.only.split(','));
if (parts.has('idle')) await idleSweeps();
if (parts.has('full')) await fullSweep();
if (parts.has('beside')) {
  await besideBareLoop(true);
  await besideBareLoop(false);
}
if (parts.has('kills')) await killedSweeps();
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
  const { report, peakMib, seconds } = await sweep();
  fullSeconds = seconds;
  check(
    `a sweep of ${count} due recordings deleted ${report.deleted.recordings}, failed ${report.failed}, in ${seconds} s`,
    report.deleted.recordings === count,
  );
  const perRecording = report.requests / count;
  check(`${report.requests} requests, ${perRecording.toFixed(3)} a recording`, perRecording <= 3.2);
  check(`peak memory of its process: ${peakMib} MiB`, peakMib < 200);
  const verified = await command('verify', '--json');
  check(`verify: exit ${verified.code}`, verified.code === 0);
  await deleteAll('');
}

/** Sweeps and bare loops over the same keys by turns, so that both have the machine in the same state. */
async function besideBareLoop(assessed: boolean): Promise<void> {
  const share = Math.ceil(count / rounds);
  const swept = { keys: 0, seconds: 0 };
  const bare = { keys: 0, seconds: 0 };
  for (let round = 0; round < rounds; round += 1) {
    await seeding(share, `swept-${round}`, overdueMs, { assessed });
    swept.keys += (await Array.fromAsync(listAll(store, ''))).length;
    swept.seconds += (await sweep()).seconds;
    await deleteAll('');
    await seeding(share, `bare-${round}`, overdueMs, { assessed });
    const begun = performance.now();
    bare.keys += await deleteAll('');
    bare.seconds += (performance.now() - begun) / 1000;
  }
  const [ours, loop] = [swept, bare].map(({ keys, seconds }) => Math.round(keys / seconds)) as [number, number];
  const each = swept.keys / (share * rounds);
  check(
    `${each} keys a recording${assessed ? ', assessed' : ''}, ${rounds} rounds by turns: ${ours} keys a second by the sweep, ` +
      `${loop} by a bare loop: ${((100 * ours) / loop).toFixed(0)} %`,
    ours >= 0.6 * loop,
  );
}

/** Each at a random moment of its work: all of them together would do about two thirds of it, had none been killed. */
async function killedSweeps(): Promise<void> {
  const begun = performance.now();
  await command('sweep', '--json');
  const startMs = performance.now() - begun;
  const spanMs = (2 * 0.66 * 1000 * (fullSeconds ?? count / ASSUMED_PER_SECOND)) / kills;
  await seeding(count, 'killed', overdueMs);
  await seeding(200, 'stay', Date.now(), { tagged: true });
  const staying = (await Array.fromAsync(listAll(store, 'attempts/acme/stay/'))).length;
  let within = 0;
  for (let killed = 0; killed < kills; killed += 1) {
    const child = start('sweep', '--json');
    const timer = setTimeout(() => child.kill('SIGKILL'), startMs + Math.random() * spanMs);
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(timer);
    if (signal === 'SIGKILL') within += 1;
  }
  const before = (await Array.fromAsync(listAll(store, 'receipts/acme/killed/'))).length;
  const { report } = await sweep();
  const left = (await Array.fromAsync(listAll(store, 'attempts/acme/killed/'))).length;
  const stay = (await Array.fromAsync(listAll(store, 'attempts/acme/stay/'))).length;
  const receipts = (await Array.fromAsync(listAll(store, 'receipts/acme/killed/'))).length;
  const verified = await command('verify', '--json');
  check(
    `killed ${within} times (${before} receipts by then), then one more run (it deleted ${report.deleted.recordings}): ` +
      `${left} objects left of ${count} due recordings, ${receipts} receipts; ${stay} of ${staying} objects of others; ` +
      `verify exits ${verified.code}`,
    within === kills && left === 0 && receipts === count && stay === staying && verified.code === 0,
  );
  await deleteAll('');
}

async function seeding(
  amount: number,
  name: string,
  createdAtMs: number,
  { assessed = true, tagged = false }: { assessed?: boolean; tagged?: boolean } = {},
): Promise<number> {
  await seedRecordings(store, amount, { createdAtMs, retentionMs: 30 * DAY_MS, name, tagged, assessed });
  await settled(SETTLE_TIME_MS);
  return amount;
}

/** Until the store's own clock says that what was just written is older than `ms`. */
async function settled(ms: number): Promise<void> {
  const key = 'doctor/bench-clock';
  await store.put(key, new Uint8Array());
  for (;;) {
    const { objects, storeTimeMs } = await store.list(key, { limit: 1 });
    // Its Date has whole seconds.
    if (storeTimeMs - (objects[0]?.lastModifiedMs ?? storeTimeMs) > ms + 1000) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await store.delete([{ key }]);
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
  return spawn(process.execPath, ['--conditions=source', ...V8_FLAGS, MAIN, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
