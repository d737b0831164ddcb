// What a Node that is too old says: one line, instead of the error of the first thing that it does not know.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { afterThisTest } from '../kit/cleanup.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const GUARD = 'src/needs-node.cjs';
/** Before anything else runs, the process says that it is an older one. `ci/without-scripts` runs a really old one. */
const asOld = (version: string) =>
  `--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`;

async function run(
  folder: string,
  args: readonly string[],
): Promise<{ code: unknown; stderr: string; stdout: string }> {
  const program = promisify(execFile)(process.execPath, [...args], { cwd: folder });
  return program.then(
    (output) => ({ code: 0, ...output }),
    ({ code, stderr, stdout }) => ({ code, stderr, stdout }),
  );
}

/** A folder with the guard, and perhaps with the package that brings Node. */
async function clone(...files: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clone-'));
  afterThisTest(() => rm(folder, { recursive: true }));
  for (const file of [GUARD, 'package.json']) await cp(join(ROOT, file), join(folder, file));
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), '');
  }
  return folder;
}

test.each(['20.20.2', '22.22.0', '24.8.0'])(
  'Node %s: one line says what is needed, and what there is',
  async (version) => {
    const { code, stderr } = await run(await clone(), [asOld(version), GUARD]);
    expect(code).toBe(2);
    const where = `this is ${version} (${process.execPath})`;
    expect(stderr).toBe(`proctoring-recordings needs Node 24.9 or later, ${where}: install it\n`);
  },
);

test('in a clone it says where one is, or how npm installs one', async () => {
  const remedy = async (...files: readonly string[]) => {
    const { stderr } = await run(await clone(...files), [asOld('20.20.2'), GUARD]);
    return stderr.replace(/^.*\): /, '');
  };
  expect(await remedy('package-lock.json')).toBe('run "npm ci", which installs it here\n');
  expect(await remedy('node_modules/node/bin/node')).toBe('use the one in node_modules/.bin\n');
  expect(await remedy('node_modules/node/package.json')).toBe(
    'install it, or run "npm rebuild node --ignore-scripts=false", which installs it here\n',
  );
});

test.each(['24.9.0', '24.21.0', '26.0.0'])('Node %s is not refused', async (version) => {
  expect(await run(ROOT, [asOld(version), GUARD])).toEqual({ code: 0, stderr: '', stdout: '' });
});

test('every script that runs code of the service checks it first, and so does the binary', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const running = Object.entries(scripts).filter(([, script]) => /\.ts\b/.test(script) && /\bnode\b/.test(script));
  expect(running.length).toBeGreaterThan(12);
  const parts = running.flatMap(([name, script]) => script.split(' && ').map((part) => [name, part] as const));
  const unchecked = parts.filter(([, part]) => part.startsWith('node ') && !part.startsWith(`node -r ./${GUARD} `));
  expect(unchecked).toEqual([]);
  for (const name of ['pretest', 'prebuild']) expect(scripts[name]).toBe(`node ${GUARD}`);
  const { code, stderr } = await run(ROOT, ['--conditions=source', asOld('20.20.2'), 'src/main.ts', 'serve']);
  expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 2, lines: 2 });
});
