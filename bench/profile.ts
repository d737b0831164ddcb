// Where the time of part URLs goes: V8's profile of `serve` under their load, as its top functions and packages.
// node profile.ts [--parts 1] [--seconds 8]
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { beginRecordings, ourRequest } from './figures/part-urls.ts';
import { drive } from './load.ts';
import { startService } from './service.ts';
import { openStore } from './stores.ts';

/** As V8 writes it, in microseconds; the n-th sample fell into a node, and ended a time after the one before. */
interface CpuProfile {
  /** By the machine's monotonic clock, which `process.hrtime` reads too. */
  readonly startTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

const TOP = 25;
const { values } = parseArgs({
  options: { parts: { type: 'string', default: '1' }, seconds: { type: 'string', default: '8' } },
});
const folder = await mkdtemp(join(tmpdir(), 'bench-profile-'));
try {
  const load = await record(Number(values.parts), Number(values.seconds));
  const [name = ''] = await readdir(folder);
  report(JSON.parse(await readFile(join(folder, name), 'utf8')) as CpuProfile, load);
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface LoadRun {
  readonly requestsPerSecond: number;
  readonly cpuPerRequestUs: number;
  readonly beganAtUs: number;
  readonly endedAtUs: number;
}

async function record(parts: number, seconds: number): Promise<LoadRun> {
  await using store = await openStore('embedded', 0);
  await using service = await startService(store, { nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${folder}`] });
  const requests = (await beginRecordings(service, 20)).map((candidate) => ourRequest(candidate, parts));
  const load = { url: service.url, connections: 20, seconds, requests };
  await drive({ ...load, seconds: 15 });
  const usedBefore = await service.cpuSeconds();
  const beganAtUs = monotonicUs();
  const { requestsPerSecond } = await drive(load);
  const endedAtUs = monotonicUs();
  const cpuPerRequestUs = (((await service.cpuSeconds()) - usedBefore) * 1e6) / (requestsPerSecond * seconds);
  return { requestsPerSecond, cpuPerRequestUs, beganAtUs, endedAtUs };
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function report({ nodes, samples, timeDeltas, startTime }: CpuProfile, load: LoadRun): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byPackage = new Map<string, number>();
  let busy = 0;
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const time = timeDeltas[index] ?? 0;
    atUs += time;
    // The start, and what is compiled once, are not of the load.
    if (atUs < load.beganAtUs || atUs > load.endedAtUs) continue;
    if (!frame || frame.functionName === '(idle)') continue;
    busy += time;
    const place = placeOf(frame);
    const name = `${frame.functionName || '(anonymous)'} ${place.file}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + time);
    byPackage.set(place.package, (byPackage.get(place.package) ?? 0) + time);
  }
  const { requestsPerSecond, cpuPerRequestUs } = load;
  process.stdout.write(`${Math.round(requestsPerSecond)} requests/s, ${Math.round(cpuPerRequestUs)} µs of CPU each, `);
  process.stdout.write('while profiled; shares of the time that was busy:\n');
  for (const shares of [byPackage, byFunction]) {
    for (const [name, time] of [...shares].toSorted((a, b) => b[1] - a[1]).slice(0, TOP)) {
      process.stdout.write(`${((100 * time) / busy).toFixed(1).padStart(6)} %  ${name}\n`);
    }
    process.stdout.write('\n');
  }
}

function placeOf({ url, lineNumber, functionName }: CallFrame): { package: string; file: string } {
  if (url === '') return { package: functionName.startsWith('(') ? functionName : 'V8 and native', file: '' };
  const [, inPackage] = /.*node_modules\/(.+)$/.exec(url) ?? [];
  const file = `${inPackage ?? url.replace(/^.*\/dist\//, 'dist/')}:${lineNumber + 1}`;
  if (inPackage) return { package: /^(@[^/]+\/[^/]+|[^/]+)/.exec(inPackage)?.[0] ?? inPackage, file };
  if (url.startsWith('node:')) return { package: url.split('/')[0] ?? url, file };
  return { package: file.replace(/\/[^/]*$/, ''), file };
}
