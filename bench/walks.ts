// How much of the service a request goes through: the files and functions of src/ that it enters, and its requests to the
// store. Run it with `node --conditions=source bench/walks.ts [--json]`; it uses the embedded store. It depends on the
// commands, the settings and the API alone, so that versions with different internals can be compared.
import { createHmac } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { type Profiler, Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../demo/free-port.ts';

interface Size {
  files: number;
  /** Distinct functions that were entered; the body of a module is none. */
  functions: number;
  calls: number;
}

interface Walk extends Size {
  readonly walk: string;
  readonly storeRequests: number;
  readonly byFolder: Readonly<Record<string, Size>>;
}

const SOURCE = new URL('../src/', import.meta.url).href;
const MAIN = new URL('../src/main.ts', import.meta.url).href;
/** Listed by folder, but left out of the sums: it starts and stops the process, writes the log and keeps the metrics. */
const PROCESS = ['main.ts', 'runtime', 'config.ts'];
const SECRET = 'a secret of at least thirty-two bytes, for this bench';
/** With an assessment of two minutes ago a recording is due to the sweep, and its deadline is an hour away. */
const DUE_ONCE_ASSESSED = { RETENTION_AFTER_ASSESSMENT: '62m', DELETE_LEAD: '61m', SETTLE_TIME: '1s' };
const ASSESSED_AGO_MS = 120_000;
const PAST_SETTLE_TIME_MS = 1100;
/** For what the service does after its response, such as the line of the log. */
const AFTER_RESPONSE_MS = 100;

const isJson = process.argv.includes('--json');
const webm = await readFile(new URL('../demo/fixtures/webcam.webm', import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), 'bench-walks-'));
const [port, storePort] = [await freePort(), await freePort()];
Object.assign(process.env, {
  HOST: '127.0.0.1',
  PORT: String(port),
  LOCAL_S3_PORT: String(storePort),
  DATA_DIR: dataDir,
  AUTH_SHARED_SECRET: SECRET,
  SWEEP_SCHEDULE: 'off',
  SHUTDOWN_DELAY: '0s',
  // `sweep` replaces a process that has no limit by one that has.
  NODE_OPTIONS: '--max-old-space-size=1024',
  ...DUE_ONCE_ASSESSED,
});
const token = signToken();

let storeRequests = 0;
channel('http.client.request.start').subscribe((message) => {
  const { request } = message as { readonly request: ClientRequest };
  if (request.getHeader('host') === `127.0.0.1:${storePort}`) storeRequests += 1;
});
const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = discard;
process.stderr.write = discard;

let starts = 0;
let serving: Promise<void> | undefined;
let recording = '';
let partUrl = '';

await serve();
try {
  // The first time also makes what is made only once.
  await walkAll('first');
  const walks = await walkAll('second');
  write(isJson ? `${JSON.stringify(walks, null, 2)}\n` : toTable(walks));
} finally {
  await stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function walkAll(name: string): Promise<Walk[]> {
  const walks: Walk[] = [];
  async function measure(walk: string, step: () => Promise<unknown>): Promise<void> {
    await takeCoverage();
    const requestsBefore = storeRequests;
    await step();
    await sleep(AFTER_RESPONSE_MS);
    walks.push({ walk, ...sizesOf(await takeCoverage()), storeRequests: storeRequests - requestsBefore });
  }
  await measure('create', () => create(`${name}-1`));
  const created = recording;
  // The caches are empty then.
  await stop();
  await serve();
  // This upload stays open: a sweep that finds none checks whether the store lists any.
  await create(`${name}-open`);
  await presignPart();
  recording = created;
  await measure('part URL, cold', presignPart);
  await measure('part URL, warm', presignPart);
  await putPart();
  await measure('complete', complete);
  await measure('assessment of 1 recording', assess);
  await measure('playback link', () => call('POST', `${recording}/playback-links`, { reason: 'second look' }));
  await store(`${name}-erased`);
  await measure('erase', () => call('DELETE', `${recording}?reason=erasure`));
  await store(`${name}-2`);
  await assess();
  await sleep(PAST_SETTLE_TIME_MS);
  await measure('sweep of 2 due attempts', () => run('sweep'));
  return walks;
}

/** Runs a command to its end. main.ts runs when it is imported: a new query imports it again, but not what it imports. */
async function run(command: string): Promise<void> {
  process.argv = [...process.argv.slice(0, 2), command];
  starts += 1;
  await import(`${MAIN}?start=${starts}`);
}

async function serve(): Promise<void> {
  serving = run('serve');
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  while (!(await isReady().catch(() => false))) await sleep(50);
}

async function stop(): Promise<void> {
  process.emit('SIGTERM');
  await serving;
}

async function call<Body>(method: string, path: string, body?: object): Promise<Body> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Body;
}

async function create(attempt: string): Promise<void> {
  const recordings = `/v1/exams/exam/attempts/${attempt}/recordings`;
  const created = await call<{ recording: { recordingId: string } }>('POST', recordings, {
    participantId: `participant-${attempt}`,
    kind: 'webcam',
    contentType: 'video/webm;codecs=vp8,opus',
    consent: { givenAt: '2026-01-02T09:55:00Z', policyVersion: '1' },
    parts: 0,
  });
  recording = `${recordings}/${created.recording.recordingId}`;
}

async function presignPart(): Promise<void> {
  const body = { parts: [{ partNumber: 1, sizeBytes: webm.length }] };
  const { parts } = await call<{ parts: { url: string }[] }>('POST', `${recording}/parts`, body);
  partUrl = parts[0]?.url ?? '';
}

async function putPart(): Promise<void> {
  const response = await fetch(partUrl, { method: 'PUT', body: webm });
  if (!response.ok) throw new Error(`the part: ${response.status} ${await response.text()}`);
}

function complete(): Promise<unknown> {
  return call('POST', `${recording}/complete`, {});
}

function assess(): Promise<unknown> {
  const completedAt = new Date(Date.now() - ASSESSED_AGO_MS).toISOString();
  return call('PUT', recording.replace(/\/recordings\/.*/, '/assessment'), { completedAt });
}

async function store(attempt: string): Promise<void> {
  await create(attempt);
  await presignPart();
  await putPart();
  await complete();
}

/** What was entered since it was taken the last time: V8 begins to count anew each time. */
async function takeCoverage(): Promise<Profiler.ScriptCoverage[]> {
  return (await inspector.post('Profiler.takePreciseCoverage')).result;
}

function sizesOf(coverage: readonly Profiler.ScriptCoverage[]): Size & Pick<Walk, 'byFolder'> {
  const byFolder: Record<string, Size> = {};
  for (const { url, functions } of coverage) {
    const counts = functions.filter((entry) => !isModule(entry)).map(({ ranges }) => ranges[0]?.count ?? 0);
    const entered = counts.filter((count) => count > 0);
    if (!url.startsWith(SOURCE) || entered.length === 0) continue;
    const [folder = ''] = url.slice(SOURCE.length).split(/[/?]/);
    byFolder[folder] ??= { files: 0, functions: 0, calls: 0 };
    byFolder[folder].files += 1;
    byFolder[folder].functions += entered.length;
    byFolder[folder].calls += entered.reduce((sum, count) => sum + count, 0);
  }
  const counted = Object.entries(byFolder).flatMap(([folder, size]) => (PROCESS.includes(folder) ? [] : size));
  const sumOf = (member: keyof Size) => counted.reduce((sum, size) => sum + size[member], 0);
  return { files: sumOf('files'), functions: sumOf('functions'), calls: sumOf('calls'), byFolder };
}

function isModule({ functionName, ranges }: Profiler.FunctionCoverage): boolean {
  return functionName === '' && ranges[0]?.startOffset === 0;
}

function toTable(walks: readonly Walk[]): string {
  const rows = walks.map(({ walk, files, functions, calls, storeRequests: requests, byFolder }) => {
    const folders = Object.entries(byFolder).sort(([, a], [, b]) => b.functions - a.functions);
    const shown = folders.map(([folder, size]) => `${folder} ${size.files}/${size.functions}`);
    return [walk, files, functions, calls, requests, shown.join(', ')].map(String);
  });
  rows.unshift(['walk', 'files', 'functions', 'calls', 'store requests', 'files/functions by folder']);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`).join('');
}

function signToken(): string {
  const scope = 'recordings:upload recordings:review assessments:write privacy:manage';
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const parts = [{ alg: 'HS256' }, { tenant: 'acme', scope, sub: 'bench', exp }];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** Keeps what the commands print apart from the result. */
function discard(_text: unknown, ...rest: unknown[]): boolean {
  const done = rest.at(-1);
  if (typeof done === 'function') done();
  return true;
}
