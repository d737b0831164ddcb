// The machine that measured, and how busy it was with other things.
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
}

export async function readMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${await distribution()}, ${type()} ${release()}`,
    node: process.version,
  };
}

/** Processes that ran or waited to, over the last minute: above the number of cores, others were in the way. */
export function readLoad(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}

async function distribution(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? 'unknown';
}
