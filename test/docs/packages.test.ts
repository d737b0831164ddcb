// The pages of the packages: their examples are typed and run, their commands are run, and what they install is what is packed.
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../demo/free-port.ts';
import { install, NOW_MS } from '../../packages/receipt-verifier/test/service.ts';
import { blocksOf, linesOf, paste, ROOT, read, run, typeCheck } from './blocks.ts';

const EXAM_CLIENT = 'docs/exam-client.md';
const readmeOf = (name: string) => `packages/${name}/README.md`;

/** What the browser or the example around it has. */
const AROUND: Readonly<Record<string, string>> = {
  'offsetSeconds(webcam': `
    declare const webcam: { timeline: import('@proctoring-recordings/exam-client').Timeline };
    declare const screen: typeof webcam;
    declare const webcamVideo: HTMLVideoElement, screenVideo: HTMLVideoElement;`,
  'fetch(overviewUrl)': 'declare const overviewUrl: string;',
};

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'test-packages-'));
  await symlink(join(ROOT, 'node_modules'), join(work, 'node_modules'));
});
afterAll(() => rm(work, { recursive: true }));

/** Runs an example in the folder of this test, after `before`. What it prints. */
function runExample(example: string, before = ''): Promise<string> {
  const type = '--input-type=module-typescript';
  const prelude = `--import=data:text/javascript,${encodeURIComponent(before)}`;
  return run(
    process.execPath,
    ['--conditions=source', '--no-warnings', prelude, type, '-e', example],
    process.env,
    work,
  );
}

async function only(page: string, language = 'ts'): Promise<string> {
  const [found = '', ...others] = await blocksOf(page, language);
  expect(others).toEqual([]);
  return found;
}

describe('the examples in TypeScript', () => {
  test('of packages for browsers are typed', async () => {
    const pages = [EXAM_CLIENT, 'docs/reviewer-page.md', ...['exam-client', 'review', 'uppy'].map(readmeOf)];
    const examples = (await Promise.all(pages.map((page) => blocksOf(page, 'ts')))).flat();
    expect(examples).toHaveLength(7);
    const withAround = examples.map((example) => {
      const [, around = ''] = Object.entries(AROUND).find(([part]) => example.includes(part)) ?? [];
      return `${example}${around}`;
    });
    const compilerOptions = { declaration: false, isolatedDeclarations: false, noUnusedLocals: false };
    await typeCheck(withAround, { extends: join(ROOT, 'packages/exam-client/tsconfig.json'), compilerOptions });
  });

  test('of packages for Node are typed', async () => {
    const pages = [readmeOf('embedded-s3'), readmeOf('receipt-verifier')];
    const examples = await Promise.all(pages.map((page) => only(page)));
    await typeCheck(examples, { extends: join(ROOT, 'tsconfig.json') });
  });

  test('of the embedded store starts it where the page says, and stops it', async () => {
    const example = await only(readmeOf('embedded-s3'));
    const [, port = '', said = ''] = /port: (\d+),[\s\S]*\/\/ (http:\S+)/.exec(example) ?? [];
    const free = String(await freePort());
    expect(await runExample(example.replaceAll(port, free))).toBe(`${said.replace(port, free)}\n`);
  });

  test("of Uppy gives it the service's part size", async () => {
    const before = `globalThis.fetch = async (url) => {
      console.log(String(url));
      if (url === '/recording-token') return new Response('a-token');
      return Response.json({ partSizeBytes: 7, maxRecordingBytes: 9 });
    }`;
    const after = "\nconsole.log(uppy.getPlugin('AwsS3Multipart').opts.getChunkSize({ size: 9 }));";
    const printed = await runExample((await only(readmeOf('uppy'))) + after, before);
    expect(printed).toBe('/recording-token\nhttps://recordings.example/v1/upload-settings\n7\n');
  });

  test('of the player have attributes that it reads', async () => {
    const [, attributes = ''] =
      /<proctoring-review (.*)><\/proctoring-review>/.exec(await only(readmeOf('review'), 'html')) ?? [];
    const names = attributes.match(/[\w-]+(?==)/g) ?? [];
    expect(names.length).toBeGreaterThan(2);
    const [, observed = ''] =
      /observedAttributes.*= \[([^\]]*)\]/.exec(await read('packages/review/src/element.ts')) ?? [];
    expect(names.filter((name) => !observed.includes(`'${name}'`))).toEqual([]);
  });

  test('of a reviewer plays two recordings in step, as far apart as it says', async () => {
    const [, example = ''] = await blocksOf(EXAM_CLIENT, 'ts');
    const [, call = '', seconds = ''] = /^(offsetSeconds\(.*\)); +\/\/ ([\d.]+): /m.exec(example) ?? [];
    const before = `
      const timeline = (startedAt) => ({ timeline: { startedAt, endedAt: '2026-01-05T10:00:00.000Z', gaps: [] } });
      const video = () => Object.assign(new EventTarget(), { currentTime: 9, playbackRate: 1, duration: 99, paused: true });
      Object.assign(globalThis, {
        webcam: timeline('2026-01-05T09:00:00.000Z'), screen: timeline('2026-01-05T09:00:01.200Z'),
        webcamVideo: video(), screenVideo: video(),
      });`;
    const after = `\nconsole.log(${call}, screenVideo.currentTime.toFixed(1));\nstop();`;
    expect(await runExample(example + after, before)).toBe(`${seconds} ${(9 - Number(seconds)).toFixed(1)}\n`);
  });
});

describe('the receipt verifier', () => {
  /** So that no receipt of the proof expires. */
  const THEN = `Date.now = () => ${NOW_MS};`;
  const PAGE = readmeOf('receipt-verifier');

  beforeAll(async () => {
    const { file, keys, checkpoints } = install(60);
    const files = {
      'proof.json': JSON.stringify(file),
      'jwks.json': JSON.stringify(keys),
      'kept.note': checkpoints[5],
    };
    for (const [name, text = ''] of Object.entries(files)) await writeFile(join(work, name), text);
  });

  test('of the example holds for a true proof, and not for one that lacks a receipt', async () => {
    const example = await only(PAGE);
    expect(await runExample(example, THEN)).toBe('The proof holds.\n');
    await cp(join(work, 'proof.json'), join(work, 'true.json'));
    const { file } = install(60);
    await writeFile(join(work, 'proof.json'), JSON.stringify({ ...file, entries: file.entries.slice(1) }));
    expect(await runExample(example, THEN)).toBe('The proof does not hold.\n');
    await cp(join(work, 'true.json'), join(work, 'proof.json'));
  });

  test('of the command holds for a true proof', async () => {
    const [build = '', command = '', ...others] = await blocksOf(PAGE, 'sh');
    expect(others).toEqual([]);
    // packages.test.ts builds it, and runs the command that it makes.
    expect(build).toBe('npm ci && npm run build -w @proctoring-recordings/receipt-verifier\n');
    const built = 'packages/receipt-verifier/dist/cli.js';
    expect(command).toContain(`node ${built} `);
    const source = pathToFileURL(join(ROOT, 'packages/receipt-verifier/src/cli.ts')).href;
    const cli = join(work, 'cli.js');
    await writeFile(cli, `${THEN} await import('${source}');`);
    await writeFile(join(work, 'package.json'), '{ "type": "module" }');
    const env = { ...process.env, NODE_OPTIONS: '--conditions=source --no-warnings' };
    expect(await paste([command.replace(built, cli)], env, work)).toMatch(/deleted before its deadline\? Yes\./);
  });
});

test('every page installs the file that `npm pack` writes for the package that it packs', async () => {
  const { version } = JSON.parse(await read('package.json')) as { version: string };
  const names = ['embedded-s3', 'exam-client', 'review', 'sdk', 'uppy'];
  const pages = [...names.map(readmeOf), EXAM_CLIENT, 'docs/sdk.md'];
  for (const page of pages) {
    const commands = (await blocksOf(page, 'sh')).flatMap(linesOf);
    const name = /@proctoring-recordings\/(\S+)/.exec(commands[0] ?? '')?.[1] ?? '';
    expect(names).toContain(name);
    if (page.startsWith('packages/')) expect(page).toBe(readmeOf(name));
    expect(commands).toEqual([
      `npm pack --workspace @proctoring-recordings/${name}`,
      `npm install ./proctoring-recordings-${name}-${version}.tgz`,
    ]);
  }
  const releases = (await read('docs/releases.md')).match(/proctoring-recordings-exam-client-\S+?\.tgz/g);
  expect(new Set(releases)).toEqual(new Set([`proctoring-recordings-exam-client-${version}.tgz`]));
});
