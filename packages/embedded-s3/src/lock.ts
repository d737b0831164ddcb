// Keeps a second process (or a second start in this one) away from a data folder that is in use.
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, writeNewFile } from './disk.ts';

interface Holder {
  pid: number;
  /** Tells a process from a later one with the same pid, as in a restarted container; '' where unknown. */
  startedAt: string;
  token: string;
}

/** Boot id and start time of a process on Linux (proc(5), /proc/pid/stat field 22); '' elsewhere or when it is gone. */
async function startOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // Field 2 is the program's name in brackets and may hold spaces; field 3 is the first after it.
    return `${boot.trim()}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (!isRunning(holder.pid)) return false;
  const startedAt = await startOf(holder.pid);
  return startedAt === '' || holder.startedAt === '' || startedAt === holder.startedAt;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') {
    throw new Error(`${path} is not a lock of this program; remove it when nothing uses the folder`);
  }
  const startedAt = 'startedAt' in value ? String(value.startedAt) : '';
  return { pid: value.pid, startedAt, token: 'token' in value ? String(value.token) : '' };
}

/**
 * Takes the lock of a folder and returns the function that releases it. The lock of a process that no longer runs is
 * broken. Processes that do not see each other's pids (two containers on one volume) are not told apart.
 * @throws Error when a running process holds it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const token = randomUUID();
  const draft = `${path}.${token}`;
  const mine: Holder = { pid: process.pid, startedAt: await startOf(process.pid), token };
  await writeNewFile(draft, JSON.stringify(mine));
  try {
    while (!(await tryLock(folder, path, draft)));
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    if ((await readHolder(path))?.token === token) await rm(path, { force: true });
  };
}

/**
 * Nobody may remove a dead holder's lock: by then it might be another's. Instead there is one file name for each
 * holder's successor, which only one process can make; it then moves that file over the lock. Whoever makes it too
 * late, after that move, sees it by the lock having changed.
 * @returns false when another start got in between, and it has to be tried again
 */
async function tryLock(folder: string, path: string, draft: string): Promise<boolean> {
  if (await linkNew(draft, path)) return true;
  const root = await readHolder(path);
  const passed: string[] = [];
  for (let holder = root; holder !== undefined; ) {
    if (await isAlive(holder)) throw new Error(`The data folder ${folder} is in use by process ${holder.pid}`);
    const succession = `${path}.after.${holder.token}`;
    if (await linkNew(draft, succession)) {
      if ((await readHolder(path))?.token !== root?.token) {
        await rm(succession, { force: true });
        return false;
      }
      await rename(succession, path);
      for (const dead of passed) await rm(dead, { force: true });
      return true;
    }
    passed.push(succession);
    holder = await readHolder(succession);
  }
  return false;
}

/** link(2) makes a file with its content in one step. @returns false when there is one of that name */
async function linkNew(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}
