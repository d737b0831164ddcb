// Each package as those who install it have it: packed, alone in a folder, imported, and its types checked.
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { glob, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CONSUMERS, isOfBrowsers, SCOPE } from '../ci/consumers.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const run = promisify(execFile);

interface Manifest {
  readonly main?: string;
  readonly types?: string;
  readonly engines?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
}

/** What a package has besides an ES module and its types. Code that is minified has a map. */
const BESIDES: Record<string, readonly string[]> = {
  'exam-client': ['dist/index.js.map'],
  'receipt-verifier': ['dist/cli.js', 'dist/verifier.html'],
  review: ['dist/index.js.map'],
  sdk: ['dist/index.cjs', 'dist/index.d.cts'],
  uppy: ['dist/index.js.map'],
};

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'packed-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

describe.each(Object.entries(CONSUMERS))('the package %s', (name, consumer) => {
  let place: string;
  let installed: string;
  let manifest: Manifest;
  beforeAll(async () => {
    place = join(work, name);
    installed = join(place, 'node_modules', SCOPE, name);
    await mkdir(installed, { recursive: true });
    // Its `prepack` builds it.
    await run('npm', ['pack', '--silent', '--pack-destination', place, '-w', `${SCOPE}/${name}`], { cwd: ROOT });
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    // The pages install the file by this name.
    const archive = join(place, `proctoring-recordings-${name}-${version}.tgz`);
    await run('tar', ['-xzf', archive, '--strip-components=1', '-C', installed]);
    manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    // What npm would install beside it, and nothing else.
    for (const dependency of Object.keys(manifest.dependencies ?? {})) await linkDependency(place, dependency);
    await writeFile(join(place, 'package.json'), '{ "type": "module" }');
    await writeFile(join(place, 'consumer.ts'), consumer);
  });

  test('has its code, its types and its README, and nothing that it does not need', async () => {
    const files = await readdir(installed, { recursive: true });
    const built = ['dist', 'dist/index.d.ts', 'dist/index.js', ...(BESIDES[name] ?? [])];
    const expected = ['LICENSE', 'README.md', ...built, 'package.json'];
    expect(files.sort()).toEqual(expected.sort());
    const needs = {
      'exam-client': [undefined, {}],
      review: [undefined, {}],
      uppy: [undefined, {}],
      sdk: ['>=18', {}],
      'receipt-verifier': ['>=20.19', { '@noble/hashes': expect.any(String), jose: expect.any(String) }],
      'embedded-s3': ['>=24', expect.any(Object)],
    };
    const { engines, dependencies = {} } = manifest;
    expect([engines?.node, dependencies]).toEqual(needs[name as keyof typeof needs]);
    const types = await readFile(join(installed, 'dist/index.d.ts'), 'utf8');
    const imported = [...types.matchAll(/(?:^(?:import|export) .*from |import\()["']([^"']+)/gm)].map(
      ([, from = '']) => from,
    );
    expect(imported.filter((from) => !Object.hasOwn(dependencies, from))).toEqual([]);
    // TypeScript before 5.7 cannot read it.
    expect(types).not.toContain('Uint8Array<');
    // For tools that do not know `exports`.
    for (const file of [manifest.main, manifest.types]) expect(files).toContain(file?.replace('./', ''));
  });

  test.each(['node16', 'bundler'])('is typed for a consumer that resolves modules as %s does', async (resolution) => {
    const module = resolution === 'bundler' ? 'esnext' : 'node16';
    const types = isOfBrowsers(name) ? '' : 'node';
    const lib = isOfBrowsers(name) ? 'es2022,dom,dom.iterable,dom.asynciterable' : 'es2022';
    const options = ['--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--lib', lib];
    const roots = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', types];
    const args = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      ...options,
      ...roots,
      'consumer.ts',
    ];
    await run(join(ROOT, 'node_modules/.bin/tsc'), args, { cwd: place }).catch(({ stdout }) => {
      throw new Error(stdout);
    });
  });

  test('works', async () => {
    // Node 18 has no global `crypto`.
    const asIn18 = 'data:text/javascript,delete globalThis.crypto';
    const imports = name === 'sdk' ? [`--import=${asIn18}`] : [];
    const { stdout } = await run(process.execPath, ['--no-warnings', ...imports, 'consumer.ts'], { cwd: place });
    expect(stdout).toBe('works\n');
  });
});

test('the SDK can be required', async () => {
  const script = `require('${SCOPE}/sdk').ProctoringRecordings && console.log('works')`;
  const options = { cwd: join(work, 'sdk') };
  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '-e', script], options);
  expect(stdout).toBe('works\n');
});

test('the code of the exam client stays below 70 kB', async () => {
  const { size } = await stat(join(work, 'exam-client/node_modules', SCOPE, 'exam-client/dist/index.js'));
  expect(size).toBeLessThan(70_000);
});

test('the code of the player is no larger than its README says, and below 30 kB, when it is compressed', async () => {
  const installed = join(work, 'review/node_modules', SCOPE, 'review');
  const size = gzipSync(await readFile(join(installed, 'dist/index.js'))).length;
  const [, kilobytes] = /has\s(\d+) kB gzipped/.exec(await readFile(join(installed, 'README.md'), 'utf8')) ?? [];
  expect(size).toBeLessThan(1000 * Number(kilobytes));
  expect(size).toBeLessThan(30_000);
});

test('the command of the checker runs as it is installed', async () => {
  const installed = join(work, 'receipt-verifier', 'node_modules', SCOPE, 'receipt-verifier');
  const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const { stdout } = await run(process.execPath, [join(installed, bin['receipt-verifier']), '--help']);
  expect(stdout).toMatch(/^Usage:\n {2}receipt-verifier check FILE/);
});

test('the page of the checker lets in its own script and style, and nothing else', async () => {
  const installed = join(work, 'receipt-verifier', 'node_modules', SCOPE, 'receipt-verifier');
  const page = await readFile(join(installed, 'dist/verifier.html'), 'utf8');
  const hashOf = (tag: string) => {
    const [, text = ''] = new RegExp(`<${tag}(?: type="module")?>([\\s\\S]*?)</${tag}>`).exec(page) ?? [];
    expect(text).not.toBe('');
    return `'sha256-${hash('sha256', text, 'base64')}'`;
  };
  expect(/Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1]?.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  expect(page).not.toMatch(/(?:src|href)="(?!#|data:)/);
});

async function linkDependency(place: string, name: string): Promise<void> {
  const target = join(place, 'node_modules', name);
  await mkdir(dirname(target), { recursive: true });
  await symlink(join(ROOT, 'node_modules', name), target);
}

test('no file outside a package imports its sources by their path', async () => {
  const reaching: string[] = [];
  const sources = glob('{src,test,bench,demo,ci,packages}/**/*.ts', {
    cwd: ROOT,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  });
  for await (const path of sources) {
    const own = /^packages\/[^/]+\//.exec(path)?.[0];
    for (const [, target = ''] of (await readFile(join(ROOT, path), 'utf8')).matchAll(/from '(\.[^']+)'/g)) {
      const imported = relative(ROOT, join(ROOT, dirname(path), target));
      const isInternal = /^packages\/[^/]+\/src\//.test(imported) && !(own && imported.startsWith(own));
      // A package ships alone: what its sources import is in it.
      const isOutside = own !== undefined && path.startsWith(`${own}src/`) && !imported.startsWith(own);
      if (isInternal || isOutside) reaching.push(`${path}: ${target}`);
    }
  }
  expect(reaching).toEqual([]);
});

test('the image is built with each of them', async () => {
  const image = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const packages = await Array.fromAsync(glob('packages/*/package.json', { cwd: ROOT }));
  expect(packages.length).toBeGreaterThan(4);
  expect(packages.filter((path) => !image.includes(`COPY ${path} ${dirname(path)}/\n`))).toEqual([]);
});
