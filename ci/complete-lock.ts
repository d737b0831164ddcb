// Adds to package-lock.json the optional packages for other platforms that a registry's mirror does not have. Without an entry
// for each of them `npm ci` rejects the lock file on every machine. Run after `npm install`: node ci/complete-lock.ts
import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const OS = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32', 'aix'];
const CPU = ['arm64', 'arm', 'ia32', 'x64', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32'];

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(path, 'utf8')) as { packages: Record<string, LockedPackage> };
const { packages } = lock;
let added = 0;
for (const [name, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  if (name === '') continue;
  for (const [dependency, version] of Object.entries(optionalDependencies)) {
    const key = `node_modules/${dependency}`;
    if (packages[key] || packages[`${name}/${key}`]) continue;
    packages[key] = { version, ...platformOf(dependency), optional: true, ...(dev ? { dev } : {}) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} optional packages of other platforms added\n`);

/** From the words of names such as `@swc/core-linux-arm-gnueabihf`: nobody fetches what is not for their platform. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/@-]/);
  const os = OS.filter((word) => words.includes(word));
  const cpu = CPU.filter((word) => words.some((part) => part === word || part.startsWith(`${word}gc`)));
  if (os.length === 0 && cpu.length === 0) throw new Error(`${name} names no platform; install it where it can be had`);
  return {
    ...(os.length > 0 ? { os } : {}),
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(words.includes('musl') ? { libc: ['musl'] } : {}),
  };
}
