// The front door tells the truth: each command of these pages is run as it stands there, each example in TypeScript too.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort, pause } from '../commands/process.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const PAGES = ['README.md', 'docs/integrations.md', 'docs/running.md', 'docs/sdk.md', 'docs/settings.md'];
const SDK = new URL('../../src/sdk/index.ts', import.meta.url).href;

/** What cannot be run from within a test, and the step of CI that runs it instead. */
const ELSEWHERE: readonly { command: RegExp; because: string; step: string }[] = [
  { command: /^npm ci && npm run demo$/, because: 'it installs', step: 'demo on the embedded store' },
  { command: /^npm ci && npm test$/, because: 'it runs this test', step: 'all tests, with coverage' },
  { command: /^docker (build|run) /, because: 'it needs Docker', step: 'the image, built and used on Ceph' },
];

let folder: string;
let env: NodeJS.ProcessEnv;
let url: string;
let service: ChildProcessWithoutNullStreams;
let output = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'front-door-'));
  const port = await freePort();
  url = `http://localhost:${port}`;
  env = {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: folder,
    DATA_DIR: join(folder, 'data'),
    PORT: String(port),
    LOCAL_S3_PORT: String(await freePort()),
    SHUTDOWN_DELAY: '0s',
  };
  // The first block of the page after the installation, in a terminal of its own.
  service = spawn('bash', ['-c', 'npm start 2>&1'], { cwd: ROOT, env, detached: true });
  service.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true;
  while (!(await isReady())) {
    if (service.exitCode !== null) throw new Error(`npm start ended with ${service.exitCode}`);
    await pause();
  }
});
afterAll(async () => {
  if (service.pid && service.exitCode === null) {
    // The shell may end before what it started: the last of them closes the output.
    const closed = once(service, 'close');
    process.kill(-service.pid, 'SIGTERM');
    await closed;
  }
  await rm(folder, { recursive: true, force: true });
});

async function blocks(page: string, language: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , block = '']) => block.replaceAll('http://localhost:8080', url));
}

/** The command lines of a block, without the comments that end or fill them. */
function linesOf(block: string): string[] {
  return block.split('\n').flatMap((line) => line.replace(/(^|\s+)#.*$/, '') || []);
}

function isElsewhere(block: string): boolean {
  const lines = linesOf(block);
  const listed = lines.filter((line) => ELSEWHERE.some(({ command }) => command.test(line)));
  if (listed.length > 0) expect(listed).toEqual(lines);
  return listed.length > 0;
}

/** Pastes every block into one shell, in order; what it printed. */
async function paste(script: readonly string[]): Promise<string> {
  const args = ['--norc', '-euo', 'pipefail', '-c', script.join('\necho\n')];
  return (await promisify(execFile)('bash', args, { cwd: ROOT, env })).stdout;
}

async function pasteBlocks(page: string): Promise<string> {
  return paste((await blocks(page, 'sh')).filter((block) => block.trim() !== 'npm start' && !isElsewhere(block)));
}

async function token(): Promise<string> {
  const scope = 'recordings:upload recordings:review assessments:write privacy:manage';
  const args = ['run', '--silent', 'token', '--', '--tenant', 'demo', '--scope', scope];
  return (await promisify(execFile)('npm', args, { cwd: ROOT, env })).stdout.trim();
}

describe('the commands', () => {
  test('of the first screen lead from nothing to a receipt', async () => {
    const printed = await pasteBlocks('README.md');
    expect(printed).toContain('"state":"stored"');
    const [link = ''] = /^http\S+X-Amz-Signature=\S+$/m.exec(printed) ?? [];
    expect((await fetch(link)).status).toBe(404);
    expect(printed).toMatch(/"deleteBy":"[^"]+","recordings":1/);
    expect(printed).toMatch(/^0 of 0 due recordings deleted.*\n[\s\S]*^1 of 1 due recordings deleted/m);
    expect(printed).toMatch(/"receipt":\{.*"reason":"retention".*"code":"recording-deleted"/);
  });

  test('of a first start, with a secret of its own, are shown in four lines with their tokens', async () => {
    while (!output.includes('/assessment"')) await pause();
    const lines = output.split('\n').filter((line) => /^(A=|curl)/.test(line));
    expect(lines).toHaveLength(4);
    const printed = await paste(lines);
    expect(printed).toMatch(/^recording [0-9a-v]{36}$/m);
    for (const part of ['"state":"stored"', '"url":"http', '"deleteBy":']) expect(printed).toContain(part);
    const secret = join(folder, 'data/auth-secret');
    expect((await stat(secret)).mode & 0o077).toBe(0);
    expect(output).not.toContain((await readFile(secret, 'utf8')).trim());
    const log = output.split('\n').filter((line) => line.startsWith('{'));
    expect(log.length).toBeGreaterThan(4);
    expect(log.join('\n')).not.toMatch(/eyJ|X-Amz-Signature|Bearer/);
  });

  test('of the integrations', async () => {
    const printed = await pasteBlocks('docs/integrations.md');
    expect(printed).toContain('"parts":[{"partNumber":1,"sizeBytes":94049');
    expect(printed).toContain('"state":"stored"');
    expect(printed).toContain('"reason":"consent-withdrawn"');
  });

  test('that are run by CI alone are in CI', async () => {
    const steps = (await readFile(join(ROOT, '.ci/run'), 'utf8')) + (await readFile(join(ROOT, 'ci/full'), 'utf8'));
    const lines = (await Promise.all(PAGES.map((page) => blocks(page, 'sh')))).flat().flatMap(linesOf);
    for (const { command, step } of ELSEWHERE) {
      expect(lines.filter((line) => command.test(line))).not.toEqual([]);
      expect(steps).toContain(`step '${step}'`);
    }
    expect(await pasteBlocks('docs/running.md')).toBe('');
  });
});

test('the examples in TypeScript are typed, and run', async () => {
  const examples = (await Promise.all(PAGES.map((page) => blocks(page, 'ts')))).flat();
  expect(examples).toHaveLength(5);
  // Within the project, where the compiler finds the types of Node.
  const place = await mkdtemp(join(ROOT, 'node_modules/.examples-'));
  try {
    await mkdir(join(place, 'src'));
    const files = examples.map((_, index) => `src/example-${index}.ts`);
    for (const [index, file] of files.entries()) await writeFile(join(place, file), examples[index] ?? '');
    const compilerOptions = { paths: { 'proctoring-recordings/sdk': [join(ROOT, 'src/sdk/index.ts')] } };
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['src'] };
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    await promisify(execFile)(tsc, ['--noEmit', '-p', place]).catch(({ stdout }: { stdout: string }) => {
      throw new Error(stdout);
    });
    const given = { ...env, API: url, A: 'attempt-of-examples', TOKEN: await token() };
    const printed: string[] = [];
    for (const example of examples) {
      const runnable = example.replaceAll("'proctoring-recordings/sdk'", JSON.stringify(SDK));
      const args = ['--no-warnings', '--input-type=module-typescript', '-e', runnable];
      printed.push((await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: given })).stdout);
    }
    expect(printed).toEqual([
      expect.stringMatching(/^play http\S+, until \d{4}-\S+ at the latest\n$/),
      expect.stringMatching(/^stored \d{4}-\S+\n$/),
      expect.stringMatching(/^(http\S+\n)+$/),
      expect.stringMatching(/^gone by \d{4}-\S+\n$/),
      expect.any(String),
    ]);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});
