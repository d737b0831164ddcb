// What the compiler makes of the sources does what they do.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { afterThisTest } from '../kit/cleanup.ts';
import { until } from '../kit/until.ts';
import { install } from './process.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

test('the compiled service serves the API reference, and finds that the embedded store has all it needs, tags included', async () => {
  // Within the project, where the dependencies are found.
  const compiled = await mkdtemp(join(ROOT, 'node_modules/.compiled-'));
  afterThisTest(() => rm(compiled, { recursive: true, force: true }));
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(compiled, 'dist')];
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), options, { cwd: ROOT });
  // As in the image.
  for (const file of ['openapi.json', 'package.json']) await copyFile(join(ROOT, file), join(compiled, file));
  await writeFile(join(compiled, 'dist/revision'), '1f2e3d');
  await promisify(execFile)(process.execPath, ['--conditions=source', join(compiled, 'dist/http/reference.js')]);
  const version = await promisify(execFile)(process.execPath, [
    '--conditions=source',
    join(compiled, 'dist/main.js'),
    '--version',
  ]);
  expect(version.stdout).toMatch(/^proctoring-recordings \d+\.\d+\.\d+ \(revision 1f2e3d\)\n$/);
  const installation = await install();
  afterThisTest(() => installation.remove());
  const args = ['--conditions=source', join(compiled, 'dist/main.js'), 'serve'];
  const service = spawn(process.execPath, args, { env: installation.env, stdio: ['ignore', 'ignore', 'pipe'] });
  afterThisTest(() => void service.kill('SIGKILL'));
  const log = text(service.stderr);
  await until(async () => {
    if (service.exitCode !== null) throw new Error(`serve stopped: ${await log}`);
    return (await fetch(`${installation.url}/readyz`).catch(() => undefined))?.ok === true;
  });
  const script = await readFile(join(compiled, 'dist/docs/scalar.js.gz'));
  expect(await bodyOf(`${installation.url}/docs`)).toContain('src="/docs/scalar.js"');
  expect(await bodyOf(`${installation.url}/docs/scalar.js`)).toBe(gunzipSync(script).toString());
  expect(await bodyOf(`${installation.url}/docs/problems`)).toContain('id="problem-wrong-attempt"');
  service.kill('SIGTERM');
  await once(service, 'exit');
  expect(await log).not.toContain('the store lacks an optional feature');
  expect(await log).toMatch(/"message":"listening".*"version":"[\d.]+","revision":"1f2e3d"/);
});

async function bodyOf(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response.text();
}
