// Installs each package, as `npm pack` makes it, in an empty folder, and uses it with every supported TypeScript, resolution
// of modules and Node: node ci/package-consumers.ts [TYPESCRIPT…], by default with 5.4, 5.9, 6.0 and 7.0.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pMap from 'p-map';
import { CONSUMERS, isOfBrowsers, SCOPE } from './consumers.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const [, , ...given] = process.argv;
const TYPESCRIPTS = given.length > 0 ? given : ['5.4', '5.9', '6.0', '7.0'];
/** What is installed in an empty folder, the package itself included; undefined: it has dependencies. */
const INSTALLED: Readonly<Record<string, number | undefined>> = { 'exam-client': 1, review: 1, uppy: 1, sdk: 1 };
/** Bytes of the code that a page loads. */
const MAX_EXAM_CLIENT_BYTES = 60_000;
/** The oldest Node of `engines`. */
const OLDEST_NODE: Readonly<Record<string, string>> = { sdk: '18', 'receipt-verifier': '20.19' };
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  target: 'es2022',
};

interface Resolution {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Of the consumer. */
  readonly isCommonJs?: true;
  readonly isIn: (typescript: string) => boolean;
}

const always = () => true;
const node10 = (module: string, typescript: string) => ({
  module,
  moduleResolution: 'node10',
  // TypeScript 6 only warns of it, 7 does not have it.
  ...(typescript === '6.0' && { ignoreDeprecations: '6.0' }),
});

const resolutionsOf = (typescript: string): Resolution[] => [
  { name: 'bundler', options: { module: 'esnext', moduleResolution: 'bundler' }, isIn: always },
  { name: 'node16', options: { module: 'node16' }, isIn: always },
  { name: 'nodenext', options: { module: 'nodenext' }, isIn: always },
  { name: 'node10', options: node10('esnext', typescript), isIn: (version) => version !== '7.0' },
  { name: 'node16', options: { module: 'node16' }, isCommonJs: true, isIn: always },
  { name: 'nodenext', options: { module: 'nodenext' }, isCommonJs: true, isIn: always },
  {
    name: 'node10',
    options: node10('commonjs', typescript),
    isCommonJs: true,
    isIn: (version) => version !== '7.0',
  },
];

const run = promisify(execFile);
const work = await mkdtemp(join(tmpdir(), 'consumers-'));
const tools = join(work, 'tools');
let failures = 0;

async function check(what: string, by: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(`ok    ${what}: ${await by()}\n`);
  } catch (error) {
    failures += 1;
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    process.stdout.write(`FAILED ${what}\n${stdout}${stderr || message}\n`);
  }
}

async function install(folder: string, type: string, ...packages: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
  await run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], { cwd: folder });
}

/** Installed once, and kept. Of Node the package of this platform, which needs no install script. */
async function tool(name: 'typescript' | 'node', version: string): Promise<string> {
  const folder = join(tools, `${name}-${version}`);
  const from = name === 'node' ? `node-${process.platform}-${process.arch}` : name;
  const installed = join(folder, 'node_modules', from);
  if (!(await stat(installed).catch(() => undefined))) await install(folder, 'module', `${from}@~${version}`);
  return installed;
}

async function sizeOf(folder: string): Promise<{ all: number; withoutMaps: number }> {
  const sizes = { all: 0, withoutMaps: 0 };
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { size } = await stat(join(entry.parentPath, entry.name));
    sizes.all += size;
    if (!entry.name.endsWith('.map')) sizes.withoutMaps += size;
  }
  return sizes;
}

/** @throws Error when others are installed with it, or when it is too large */
async function installAlone(name: string, archive: string): Promise<string> {
  const folder = join(work, 'alone', name);
  await install(folder, 'module', archive);
  const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as { packages: object };
  const count = Object.keys(lock.packages).filter((path) => path !== '').length;
  const expected = INSTALLED[name];
  if (expected !== undefined && count !== expected) throw new Error(`${count} packages, not ${expected}`);
  const installed = join(folder, 'node_modules', SCOPE, name);
  const { size } = await stat(join(installed, 'dist/index.js'));
  if (name === 'exam-client' && size >= MAX_EXAM_CLIENT_BYTES) throw new Error(`its code has ${size} bytes`);
  const { all, withoutMaps } = await sizeOf(installed);
  return `${count} installed; ${all} bytes, ${withoutMaps} without maps, ${size} of code`;
}

async function compile(folder: string, typescript: string, names: readonly string[], options: object): Promise<void> {
  const isBrowser = names.every(isOfBrowsers);
  const lib = isBrowser ? ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'] : ['es2022'];
  const compilerOptions = { ...STRICT, ...options, lib, types: isBrowser ? [] : ['node'] };
  const files = names.map((name) => `${name}.ts`);
  const config = join(folder, `tsconfig-${typescript}-${Math.random()}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  const tsc = join(await tool('typescript', typescript), 'bin/tsc');
  await run(process.execPath, [tsc, '-p', config], { cwd: folder });
}

const archives: Record<string, string> = {};
for (const name of Object.keys(CONSUMERS)) {
  // Its `prepack` builds it.
  await run('npm', ['pack', '--silent', '--pack-destination', work, '-w', `${SCOPE}/${name}`], { cwd: ROOT });
  const file = (await readdir(work)).find((entry) => entry.startsWith(`proctoring-recordings-${name}-`));
  archives[name] = join(work, file ?? '');
  await check(`${name}, alone in an empty folder`, () => installAlone(name, archives[name] ?? ''));
}

const folders = { module: join(work, 'module'), commonjs: join(work, 'commonjs') };
for (const [type, folder] of Object.entries(folders)) {
  await install(folder, type, ...Object.values(archives), '@types/node@24');
  for (const [name, program] of Object.entries(CONSUMERS)) await writeFile(join(folder, `${name}.ts`), program);
}
const groups = [Object.keys(CONSUMERS).filter(isOfBrowsers), ['sdk', 'embedded-s3'], ['receipt-verifier', 'sdk']];
for (const typescript of TYPESCRIPTS) await tool('typescript', typescript);
const compilations = TYPESCRIPTS.flatMap((typescript) =>
  resolutionsOf(typescript)
    .filter(({ isIn }) => isIn(typescript))
    .flatMap((resolution) =>
      (resolution.isCommonJs ? [['sdk']] : groups).map((names) => ({ typescript, resolution, names })),
    ),
);
await pMap(
  compilations,
  ({ typescript, resolution: { name, options, isCommonJs }, names }) => {
    const folder = isCommonJs ? folders.commonjs : folders.module;
    const what = `${names.join(', ')} with TypeScript ${typescript}, ${name}, ${isCommonJs ? 'CommonJS' : 'ES modules'}`;
    return check(what, async () => {
      await compile(folder, typescript, names, { ...options, noEmit: true });
      return 'compiles';
    });
  },
  { concurrency: availableParallelism() },
);

for (const name of Object.keys(CONSUMERS)) {
  const version = OLDEST_NODE[name];
  const node = version === undefined ? process.execPath : join(await tool('node', version), 'bin/node');
  for (const [type, folder] of Object.entries(folders)) {
    if (type === 'commonjs' && name !== 'sdk') continue;
    await check(`${name} on Node ${version ?? process.versions.node}, ${type}`, async () => {
      const options = { module: 'node16', outDir: join(folder, 'out') };
      // Node's types may be there: what is emitted does not depend on them.
      await compile(folder, '5.9', [name], options);
      const { stdout } = await run(node, [join(folder, 'out', `${name}.js`)], { cwd: folder });
      if (stdout !== 'works\n') throw new Error(`it printed "${stdout}"`);
      return 'works';
    });
  }
}
await rm(work, { recursive: true, force: true });
process.stdout.write(failures === 0 ? 'All packages can be used.\n' : `${failures} failed.\n`);
process.exitCode = failures === 0 ? 0 : 1;
