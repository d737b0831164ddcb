// The jobs without Kubernetes: the lines for cron, and the commands that an operator runs by hand.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { validate } from 'node-cron';
import { readSettings } from '../../src/config.ts';
import { type Installation, install } from '../runtime/process.ts';
import { blocksOf, paste, ROOT, read, run } from './blocks.ts';

const WITHOUT_KUBERNETES = 'docs/without-kubernetes.md';
const RUNNING = 'docs/running.md';
const KEY = { accessKeyId: 'a-key-of-the-bucket', secretAccessKey: 'the-secret-of-that-key' };

const opened = new AsyncDisposableStack();
let installation: Installation;
/** What the page calls /opt/proctoring-recordings. */
let folder: string;
/** The lines of the page's file of settings, with a store that is there. */
let settings: string[];
let env: NodeJS.ProcessEnv;

async function only(page: string, language: string): Promise<string> {
  const [found = '', ...others] = await blocksOf(page, language);
  expect(others).toEqual([]);
  return found;
}

beforeAll(async () => {
  installation = await install();
  opened.defer(() => installation.remove());
  const file = await only(WITHOUT_KUBERNETES, 'ini');
  const named = Object.fromEntries(
    file
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s)),
  );
  const dataDir = join(installation.dataDir, 'bucket');
  const options = { dataDir, bucket: named.S3_BUCKET, region: named.S3_REGION, credentials: [KEY] };
  const store = await startEmbeddedS3(options);
  opened.defer(() => store.close());
  const known: Record<string, string> = {
    S3_ENDPOINT: store.endpoint,
    S3_ACCESS_KEY_ID: KEY.accessKeyId,
    S3_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  };
  settings = file
    .split('\n')
    .map((line) => line.replace(/^(\w+)=.*/, (all, name) => (known[name] ? `${name}=${known[name]}` : all)));
  folder = join(installation.dataDir, 'clone');
  await mkdir(join(folder, 'dist'), { recursive: true });
  await symlink(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await writeFile(join(folder, 'dist/main.js'), `await import('${join(ROOT, 'src/main.ts')}');`);
  await writeFile(join(folder, 'recordings.env'), settings.join('\n'));
  env = { PATH: process.env.PATH, NODE_OPTIONS: '--conditions=source --no-warnings' };
});
afterAll(() => opened.disposeAsync());

/** The schedule of a line for cron, and what follows it. */
function splitCron(line: string): [string, string] {
  const [, schedule = '', rest = ''] = /^((?:\S+ +){4}\S+) +(.*)$/.exec(line) ?? [];
  expect(validate(schedule)).toBe(true);
  // Cron would end the command there.
  expect(rest).not.toContain('%');
  return [schedule.replaceAll(/ +/g, ' '), rest];
}

test('the file of settings is one that the service reads', async () => {
  const file = await only(WITHOUT_KUBERNETES, 'ini');
  const named = Object.fromEntries(
    file
      .split('\n')
      .filter((line) => /^\w/.test(line))
      .map((line) => line.split(/=(.*)/s)),
  );
  expect(readSettings(named)).toMatchObject({ s3: { bucket: 'recordings' } });
});

test('cron runs both jobs: a report in the log, nothing to mail; and mails the exit code of a job that fails', async () => {
  const [name, mail, ...lines] = (await only(WITHOUT_KUBERNETES, 'crontab')).trim().split('\n');
  expect([name, mail]).toEqual([
    expect.stringMatching(/^# \/etc\/cron\.d\/[\w-]+$/),
    expect.stringMatching(/^MAILTO=/),
  ]);
  expect(lines).toHaveLength(2);
  const places: Record<string, string> = {
    '/etc/proctoring-recordings.env': join(folder, 'recordings.env'),
    '/opt/proctoring-recordings': folder,
    '/var/log/': `${folder}/`,
    '/tmp/': `${folder}/`,
  };
  const place = new RegExp(Object.keys(places).join('|'), 'g');
  for (const line of lines) {
    const [, job = ''] = /main\.js (\w+)/.exec(line) ?? [];
    const [, rest] = splitCron(line);
    const [, command = ''] = /^recorder +(.*)$/.exec(rest) ?? [];
    const here = command.replaceAll(place, (found) => places[found] ?? '');
    expect(await run('sh', ['-c', here], env)).toBe('');
    const report = JSON.parse(await readFile(join(folder, `recordings-${job}.log`), 'utf8'));
    expect(report).toMatchObject(job === 'sweep' ? { problems: [], failed: 0 } : { findings: [], wrong: 0 });
    const unable = { ...env, NODE_OPTIONS: `${env.NODE_OPTIONS} --import=data:text/javascript,process.exit(3)` };
    expect(await run('sh', ['-c', here], unable)).toBe(`${job} failed: exit 3\n`);
  }
});

test('the commands by hand run in the built package, with the settings of the jobs', async () => {
  const blocks = (await blocksOf('docs/operations.md', 'sh')).filter((block) => block.includes('node dist/main.js'));
  expect(blocks).toHaveLength(1);
  const printed = await paste(blocks, env, folder);
  expect(printed.match(/^No recording (?:was|is) due\.$/gm)).toHaveLength(2);
});

test('cron runs the container as the page builds it, with the memory limits of `npm run sweep`', async () => {
  const [, command] = splitCron((await only(RUNNING, 'crontab')).trim());
  const [, options = '', image, job = ''] = /^docker run ((?:-.*? )+)(?:\S+\.env )([\w-]+) (.*)$/.exec(command) ?? [];
  const [build = '', ...others] = (await only(RUNNING, 'sh')).split('\n');
  expect(build).toContain(`docker build -t ${image} .`);
  for (const option of ['--read-only', '--cap-drop ALL', '--env-file']) {
    expect(options).toContain(option);
    for (const line of others.filter(Boolean)) expect(line).toContain(option);
  }
  const { scripts } = JSON.parse(await read('package.json'));
  const [, heap] = /NODE_OPTIONS='([^']+)'/.exec(options) ?? [];
  expect(scripts.sweep).toContain(` ${heap} `);
  expect(scripts.verify).toContain(` ${heap} `);
  const report = await paste([`set -a; . ./recordings.env; set +a\nnode dist/main.js ${job}`], env, folder);
  expect(JSON.parse(report)).toMatchObject({ problems: [] });
});
