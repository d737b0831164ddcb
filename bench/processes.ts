// Processes that are measured: started on a port of their own, awaited, their memory read, stopped by their id.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../demo/free-port.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export interface Server extends AsyncDisposable {
  readonly url: string;
  /** From the spawn until it was ready. */
  readonly startedInMs: number;
  memory(): Promise<Memory>;
  /** That it has used so far, in all its threads, by the kernel's count in hundredths of a second. */
  cpuSeconds(): Promise<number>;
}

export interface Memory {
  readonly residentMib: number;
  /** The most that it ever had. */
  readonly peakMib: number;
}

export interface ServerOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Asked until it is answered `readyStatus` (200). */
  readonly path: string;
  readonly readyStatus?: number;
  readonly nodeFlags?: readonly string[];
  /** Default: the machine's own. */
  readonly clock?: SimulatedClock | undefined;
}

const START_TIMEOUT_MS = 60_000;

/** Starts a script that listens on PORT. @throws Error when it stops, or is not ready within a minute */
export async function startServer(script: string, args: readonly string[], options: ServerOptions): Promise<Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await using stack = new AsyncDisposableStack();
  // Into a file: a pipe would take the time of the process that measures.
  const folder = await mkdtemp(join(tmpdir(), 'bench-log-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const log = await open(join(folder, 'log'), 'w+');
  stack.defer(() => log.close());
  const startedAtMs = performance.now();
  const { clock, nodeFlags = [] } = options;
  const child = spawn(process.execPath, [...(clock?.nodeFlags ?? []), ...nodeFlags, script, ...args], {
    env: { ...options.env, ...clock?.env, HOST: '127.0.0.1', PORT: String(port) },
    stdio: ['ignore', 'ignore', log.fd, ...(clock ? (['ipc'] as const) : [])],
  });
  clock?.follow(child);
  stack.defer(() => stop(child));
  const failed = async (what: string) =>
    new Error(`${script} ${what}: ${(await readFile(join(folder, 'log'), 'utf8')).slice(-2000)}`);
  while ((await statusOf(url + options.path)) !== (options.readyStatus ?? 200)) {
    if (child.exitCode !== null) throw await failed('stopped');
    if (performance.now() - startedAtMs > START_TIMEOUT_MS) throw await failed('is not ready');
    await sleep(5);
  }
  const startedInMs = performance.now() - startedAtMs;
  const resources = stack.move();
  return {
    url,
    startedInMs,
    memory: () => memoryOf(child),
    cpuSeconds: () => cpuSecondsOf(child),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return undefined;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Runs a program to its end. @throws Error when it exits with anything but 0 */
export async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  if (child.exitCode === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')} exited with ${child.exitCode}: ${(stderr + stdout).slice(-2000)}`);
}

/** Whether a program is on the path. */
export function isInstalled(program: string): Promise<boolean> {
  return run('which', [program]).then(
    () => true,
    () => false,
  );
}

/** By the kernel: VmRSS and VmHWM. */
async function memoryOf({ pid }: ChildProcess): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { residentMib: mib('VmRSS'), peakMib: mib('VmHWM') };
}

/** utime and stime of proc(5); its clock ticks are a hundredth of a second on every Linux. */
async function cpuSecondsOf({ pid }: ChildProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
