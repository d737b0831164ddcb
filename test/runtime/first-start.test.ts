// A start without settings: what it prints, who can reach it, how `npm start` ends, and what stops it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { readSettings } from '../../src/config.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { until } from '../kit/until.ts';
import { install, isRefused } from './process.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** An installation without settings, except for what keeps tests apart. */
async function newcomer() {
  const installation = await install({ AUTH_SHARED_SECRET: '', HOST: '' });
  afterThisTest(() => installation.remove());
  return installation;
}

function npmStart(env: NodeJS.ProcessEnv): { npm: ChildProcess; output: () => string } {
  let output = '';
  const npm = spawn('npm', ['start'], { cwd: ROOT, env: { ...env, HOME: env.DATA_DIR } });
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  afterThisTest(() => void npm.kill('SIGKILL'));
  return { npm, output: () => output };
}

test('it prints where to look and how to get a token, and no token; it ends with npm', async () => {
  const { env, url, dataDir } = await newcomer();
  const { npm, output } = npmStart(env);
  await until(() => output().includes('Get a token'));
  const local = url.replace('127.0.0.1', 'localhost');
  const printed = output()
    .split('\n')
    .filter((line) => line !== '' && !/^[{>]/.test(line));
  expect(printed).toEqual([
    expect.stringMatching(new RegExp(`^proctoring-recordings \\d+\\.\\d+\\.\\d+ is ready at ${local}$`)),
    `  Try it in a browser  ${local}/demo`,
    `  API reference        ${local}/docs`,
    `  Recordings           ${dataDir} (embedded store)`,
    '  Get a token          npm run --silent token -- --tenant demo --scope recordings:upload',
  ]);
  expect(output()).not.toMatch(/eyJ|Bearer/);
  expect(output()).not.toContain((await readFile(join(dataDir, 'auth-secret'), 'utf8')).trim());
  const [, command = ''] = /Get a token +(.*)/.exec(output()) ?? [];
  const token = await promisify(execFile)('bash', ['-c', command], { cwd: ROOT, env: { ...env, HOME: dataDir } });
  const authorization = `Bearer ${token.stdout.trim()}`;
  expect((await fetch(`${url}/v1/uploads/settings`, { headers: { authorization } })).status).not.toBe(401);

  const [outside] = Object.values(networkInterfaces())
    .flat()
    .filter((address) => address?.internal === false && address.family === 'IPv4');
  if (outside) expect(await isRefused(url.replace('127.0.0.1', outside.address))).toBe(true);
  npm.kill('SIGTERM');
  await once(npm, 'close');
  await until(() => isRefused(`${url}/livez`));
});

test.each<[Record<string, string>, string]>([
  [{}, '127.0.0.1'],
  [{ HOST: '0.0.0.0' }, '0.0.0.0'],
  [{ S3_BUCKET: 'recordings', S3_REGION: 'eu-west-1', AUTH_SHARED_SECRET: 's'.repeat(32) }, '0.0.0.0'],
])('with %j it listens on %s', (env, host) => {
  expect(readSettings(env).host).toBe(host);
});

test('a port that is taken is named with its setting', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  afterThisTest(() => void taken.close());
  const port = (taken.address() as { port: number }).port;
  for (const setting of ['PORT', 'LOCAL_S3_PORT']) {
    const installation = await newcomer();
    installation.env[setting] = String(port);
    const { code, stderr } = await installation.run('serve');
    const line = `${setting}: port ${port} is in use by another program; set ${setting} to another`;
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`proctoring-recordings: ${line}\n`) });
  }
});

test('a data folder that cannot be used is named with its setting', async () => {
  const installation = await newcomer();
  const file = join(installation.dataDir, 'file');
  await writeFile(file, '');
  for (const folder of [file, join(file, 'below')]) {
    installation.env.DATA_DIR = folder;
    for (const command of [['serve'], ['token', '--tenant', 't', '--scope', 'privacy:manage']]) {
      const { code, stderr } = await installation.run(...command);
      const line = `proctoring-recordings: DATA_DIR: ${folder} is not a folder\n`;
      expect({ code, stderr }).toEqual({ code: command[0] === 'serve' ? 1 : 2, stderr: expect.stringContaining(line) });
    }
  }
  // Nothing in the way of the secrets, but of the store.
  installation.env.DATA_DIR = join(installation.dataDir, 'good');
  await mkdir(installation.env.DATA_DIR);
  await writeFile(join(installation.env.DATA_DIR, 's3'), '');
  expect((await installation.run('serve')).stderr).toMatch(/DATA_DIR: \S+\/good is not a folder/);
});
