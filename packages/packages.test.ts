// Each package as those who install it have it: packed, alone in a folder, imported, and its types checked.
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { glob, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const ROOT = new URL('..', import.meta.url).pathname;
const SCOPE = '@proctoring-recordings';
const run = promisify(execFile);

interface Manifest {
  readonly engines?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
}

/** What a package has besides its library. */
const PROGRAMS: Record<string, readonly string[]> = { 'receipt-verifier': ['dist/cli.js', 'dist/verifier.html'] };

/** Of each package: a program, which prints `works`. */
const CONSUMERS: Record<string, string> = {
  'exam-client': `
    import { ClientError, mediaSeconds, type SessionOptions, startSession, type Timeline } from '${SCOPE}/exam-client';
    const timeline: Timeline = { startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:01:00Z', gaps: [] };
    export const start = (options: SessionOptions): Promise<readonly { sizeBytes: number }[]> => startSession(options).finish();
    // @ts-expect-error there is no such kind
    export const wrong = (options: SessionOptions) => startSession(options).record('smell', new MediaStream());
    if (mediaSeconds(timeline, new Date('2026-01-01T00:00:09Z')) === 9 && ClientError) console.log('works');`,
  sdk: `
    import { ApiError, type ErrorCode, ProctoringRecordings, type Recording } from '${SCOPE}/sdk';
    const keys: (string | null)[] = [];
    const recordings = new ProctoringRecordings({
      baseUrl: 'http://service.test', token: 't', maxAttempts: 1,
      fetch: async (_, init) => {
        keys.push(new Headers(init?.headers).get('idempotency-key'));
        return new Response(JSON.stringify({ code: 'attempt-assessed' }), { status: 409 });
      },
    });
    const consent = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };
    export const size = (recording: Recording): number | null => recording.sizeBytes;
    // @ts-expect-error there is no such code
    export const wrong: ErrorCode = 'no-such-code';
    recordings.create({ exam: 'e', attempt: 'a' }, { participantId: 'p', kind: 'webcam', contentType: 'video/webm', consent })
      .catch((error) => {
        if (error instanceof ApiError && error.code === 'attempt-assessed' && keys[0]) console.log('works');
      });`,
  uppy: `
    import { type AwsS3Options, awsS3Options, RecordingError, type RecordingOptions } from '${SCOPE}/uppy';
    export const open = (options: RecordingOptions): Promise<AwsS3Options> => awsS3Options(options);
    // @ts-expect-error there is no such kind
    export const wrong = (options: RecordingOptions) => awsS3Options({ ...options, kind: 'smell' });
    globalThis.fetch = async () => Response.json({ partSizeBytes: 5, maxRecordingBytes: 9 });
    const consent = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };
    const ids = { exam: 'e', attempt: 'a', participantId: 'p', kind: 'webcam', consent } as const;
    const options = await open({ service: 'http://service.test', ...ids, getToken: async () => 't' });
    if (options.getChunkSize() === 5 && RecordingError) console.log('works');`,
  'receipt-verifier': `
    import { checkProof, type ProofReport, readPublicKeys } from '${SCOPE}/receipt-verifier';
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
    const keys = await readPublicKeys({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] });
    const report: ProofReport = await checkProof({}, { keys, nowMs: 0 });
    // @ts-expect-error there is no check without keys
    export const wrong = () => checkProof({}, { nowMs: 0 });
    if (keys.has('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k') && report.findings.length === 1) console.log('works');`,
  'embedded-s3': `
    import { type EmbeddedS3, startEmbeddedS3 } from '${SCOPE}/embedded-s3';
    const credentials = [{ accessKeyId: 'id', secretAccessKey: 'secret' }];
    const server: EmbeddedS3 = await startEmbeddedS3({ dataDir: 'data', bucket: 'recordings', credentials });
    // @ts-expect-error a bucket has a name
    export const wrong = () => startEmbeddedS3({ dataDir: 'data', credentials });
    const { status } = await fetch(server.endpoint);
    await server.close();
    if (status === 403) console.log('works');`,
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
    const [archive = ''] = (await readdir(place)).filter((file) => file.endsWith('.tgz'));
    await run('tar', ['-xzf', join(place, archive), '--strip-components=1', '-C', installed]);
    manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    // What npm would install beside it, and nothing else.
    for (const dependency of Object.keys(manifest.dependencies ?? {})) await linkDependency(place, dependency);
    await writeFile(join(place, 'package.json'), '{ "type": "module" }');
    await writeFile(join(place, 'consumer.ts'), consumer);
  });

  test('has its code, its types and its README, and nothing that it does not need', async () => {
    const files = await readdir(installed, { recursive: true });
    const built = ['dist', 'dist/index.d.ts', 'dist/index.js', 'dist/index.js.map'];
    const expected = ['LICENSE', 'README.md', ...built, ...(PROGRAMS[name] ?? []), 'package.json'];
    expect(files.sort()).toEqual(expected.sort());
    const needs = {
      'exam-client': [undefined, {}],
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
  });

  test.each(['node16', 'bundler'])('is typed for a consumer that resolves modules as %s does', async (resolution) => {
    const module = resolution === 'bundler' ? 'esnext' : 'node16';
    const isOfBrowsers = ['exam-client', 'uppy', 'receipt-verifier'].includes(name);
    const types = isOfBrowsers ? '' : 'node';
    const lib = isOfBrowsers ? 'es2022,dom,dom.iterable,dom.asynciterable' : 'es2022';
    const options = ['--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--lib', lib];
    const roots = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', types];
    const args = ['--ignoreConfig', '--noEmit', '--strict', ...options, ...roots, 'consumer.ts'];
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
