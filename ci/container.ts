// Runs containers with crun from an unpacked image: read-only, not as root, without capabilities. They end with this process.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an image says about how it is run; the names are Docker's. */
export interface ImageConfig {
  readonly Entrypoint: string[];
  readonly Cmd: string[];
  readonly Env: string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Healthcheck?: { readonly Test: string[] };
  readonly Labels?: Record<string, string>;
}

export interface Container {
  readonly id: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
}

const work = mkdtempSync(join(tmpdir(), 'ci-container-'));
const started = new Map<string, ChildProcess>();
/** crun 1.8 refuses to start where both versions of cgroups are mounted: it is shown the second alone. No limit is set. */
const IN_CGROUP_2 = 'mount -t cgroup2 none /sys/fs/cgroup && exec crun "$@"';

process.once('exit', removeAll);
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));

/** Runs it to its end. */
export async function run(rootfs: string, image: ImageConfig, args: string[], env?: Record<string, string>) {
  const { child, exited } = start(rootfs, image, args, env);
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { code: await exited, stdout: Buffer.concat(chunks).toString() };
}

/** `volumes` are folders that the image's user may write to. */
export function start(
  rootfs: string,
  image: ImageConfig,
  args: string[],
  env: Record<string, string> = {},
  volumes: string[] = [],
): Container {
  const id = `ci-container-${process.pid}-${started.size}`;
  const bundle = mkdtempSync(join(work, 'bundle-'));
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(runtimeConfig(rootfs, image, args, env, volumes)));
  const child = spawn('unshare', crunArgs('run', '--bundle', bundle, id), { stdio: ['ignore', 'pipe', 'inherit'] });
  started.set(id, child);
  return { id, child, exited: once(child, 'close').then(([code]): number | null => code) };
}

/** Another command of crun's on a container that runs. */
export function crun(...args: string[]): void {
  execFileSync('unshare', crunArgs(...args));
}

function crunArgs(...args: string[]): string[] {
  const options = ['--root', join(work, 'state'), '--cgroup-manager', 'disabled'];
  return ['--mount', 'sh', '-c', IN_CGROUP_2, 'crun', ...options, ...args];
}

/** By the OCI runtime specification: the host's network, and nothing to write to but the volumes. */
function runtimeConfig(
  rootfs: string,
  image: ImageConfig,
  args: string[],
  env: Record<string, string>,
  volumes: string[],
): object {
  const [uid, gid] = image.User.split(':').map(Number);
  const namespaces = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  return {
    ociVersion: '1.0.0',
    process: {
      user: { uid, gid },
      args: [...image.Entrypoint, ...args],
      env: [...image.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      cwd: image.WorkingDir,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ...volumes.map((destination) => {
        return { destination, type: 'tmpfs', source: 'tmpfs', options: [`uid=${uid}`, `gid=${gid}`, 'mode=700'] };
      }),
    ],
    linux: { namespaces },
  };
}

function removeAll(): void {
  for (const [id, child] of started)
    if (child.exitCode === null) spawnSync('unshare', crunArgs('delete', '--force', id));
  rmSync(work, { recursive: true, force: true });
}
