// The front door tells the truth: each command of these pages is run as it stands there, each example in TypeScript too.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import { SCOPES } from '../http/calls.ts';
import { until } from '../kit/until.ts';
import { callerOf, type Installation, install } from '../runtime/process.ts';
import { blocksOf, linesOf, paste, ROOT, run, typeCheck } from './blocks.ts';

const PAGES = [
  'README.md',
  'docs/integrations.md',
  'docs/running.md',
  'docs/sdk.md',
  'docs/settings.md',
  'packages/sdk/README.md',
];

/** What cannot be run from within a test, and the step of CI that runs it instead. */
const ELSEWHERE: readonly { command: RegExp; because: string; step: string }[] = [
  { command: /^npm ci && npm run demo$/, because: 'it installs', step: 'demo on the embedded store' },
  { command: /^npm ci && npm test$/, because: 'it runs this test', step: 'all tests' },
  { command: /^docker (build|run) /, because: 'it needs Docker', step: 'the image, built and used on Ceph' },
];

let installation: Installation;
let url: string;
let service: ChildProcessWithoutNullStreams;
let output = '';

beforeAll(async () => {
  installation = await install({ AUTH_SHARED_SECRET: '' });
  const { dataDir, env } = installation;
  Object.assign(env, { HOME: dataDir, TMPDIR: dataDir });
  url = installation.url.replace('127.0.0.1', 'localhost');
  // The first block of the page after the installation, in a terminal of its own.
  service = spawn('bash', ['-c', 'npm start 2>&1'], { cwd: ROOT, env, detached: true });
  service.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until(async () => {
    if (service.exitCode !== null) throw new Error(`npm start ended: ${output}`);
    return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true;
  });
});
afterAll(async () => {
  if (service.pid && service.exitCode === null) {
    // The shell may end before what it started: the last of them closes the output.
    const closed = once(service, 'close');
    process.kill(-service.pid, 'SIGTERM');
    await closed;
  }
  await installation.remove();
});

async function blocks(page: string, language: string): Promise<string[]> {
  return (await blocksOf(page, language)).map((block) => block.replaceAll('http://localhost:8080', url));
}

function isElsewhere(block: string): boolean {
  const lines = linesOf(block);
  const listed = lines.filter((line) => ELSEWHERE.some(({ command }) => command.test(line)));
  if (listed.length > 0) expect(listed).toEqual(lines);
  return listed.length > 0;
}

async function pasteBlocks(page: string): Promise<string> {
  const commands = (await blocks(page, 'sh')).filter((block) => block.trim() !== 'npm start' && !isElsewhere(block));
  return paste(['exec 2>&1', ...commands], installation.env);
}

describe('the commands', () => {
  test('of the first screen print the problem document when a call fails', async () => {
    const begin = (await blocks('README.md', 'sh')).find((block) => block.startsWith('TOKEN=')) ?? '';
    const withBadToken = begin.replace(/^TOKEN=.*$/m, 'TOKEN=none');
    expect(withBadToken).not.toBe(begin);
    const printed = await paste(['set +e; exec 2>&1', withBadToken, 'true'], installation.env);
    expect(printed).toMatch(/^\{.*"code":"token-invalid".*\}$/m);
  });

  test('of the first screen lead from nothing to a receipt', async () => {
    const printed = await pasteBlocks('README.md');
    expect(printed).toContain('"state":"stored"');
    const [, link = ''] = /"url":"(http[^"]+X-Amz-Signature=[^"]+)"/.exec(printed) ?? [];
    expect((await fetch(link)).status).toBe(404);
    expect(printed).toMatch(/"deleteBy":"[^"]+","deletableFrom":"[^"]+","recordings":1/);
    expect(printed).toMatch(/^No recording was due\.\n[\s\S]*^1 of 1 due recording deleted\./m);
    expect(printed).toMatch(/"code":"recording-deleted".*"receipt":\{.*"reason":"retention"/);
  });

  test('of a first start are on the screen, and the log has no token', async () => {
    await until(() => output.includes('npm run --silent token -- '));
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

  test('of the page for the privacy desk answer as it says', async () => {
    const secret = (await readFile(join(installation.dataDir, 'auth-secret'), 'utf8')).trim();
    const { record, token } = callerOf(url, Date.now, secret);
    const [EXAM, ATTEMPT, P] = ['secret-exam', 'secret-attempt', 'secret-person'];
    const desk = await token('privacy:manage');
    const client = await token('recordings:upload', { exam: EXAM, attempt: ATTEMPT });
    const [kept, withdrawn] = [(await record()).slice(-36), (await record()).slice(-36)];
    const [variables = ''] = await blocks('docs/privacy-desk.md', 'sh');
    const named = linesOf(variables).flatMap((line) => line.match(/\b[A-Z]+(?==)/g) ?? []);
    const commands = new Set(await blocks('docs/privacy-desk.md', 'sh run'));
    const left = new Set(commands);
    /** Runs the command that has this text. */
    async function order(part: string, bearer = desk, R = kept): Promise<string> {
      const found = [...commands].filter((command) => command.includes(part));
      expect({ part, found }).toEqual({ part, found: [expect.any(String)] });
      for (const command of found) left.delete(command);
      const given = { API: url, T: `Authorization: Bearer ${bearer}`, P, EXAM, ATTEMPT, R };
      expect(Object.keys(given)).toEqual(named);
      return paste(found, { ...installation.env, ...given }, installation.dataDir);
    }
    const held = async () => JSON.parse(await order('$P/recordings"'));
    expect(await held()).toMatchObject({ items: [{ recordingId: kept }, { recordingId: withdrawn }] });
    await order('.json"');
    const exported = join(installation.dataDir, `participant-${P}`);
    const document = JSON.parse(await readFile(`${exported}.json`, 'utf8'));
    expect(document).toMatchObject({ fields: expect.any(Object), recordings: [{ recordingId: kept }, {}] });
    expect((await fetch(document.recordings[0].link.url)).status).toBe(200);

    expect(JSON.parse(await order('-X PUT'))).toMatchObject({ recordingId: kept, restricted: true });
    const archived = async () => Object.keys(unzipSync(await readFile(`${exported}.zip`)));
    await order('format=zip" -H');
    expect(await archived()).toHaveLength(2);
    await order('includeRestricted=true');
    expect(await archived()).toHaveLength(3);
    expect(JSON.parse(await order('restriction?reason='))).toMatchObject({ restricted: false });

    const reason = 'consent-withdrawn';
    expect(JSON.parse(await order(`reason=${reason}`, client, withdrawn))).toMatchObject({ reason });
    const events = ['exported', 'restricted', 'exported', 'exported', 'unrestricted'];
    expect(JSON.parse(await order('/access-log'))).toMatchObject({ items: events.map((event) => ({ event })) });
    expect(JSON.parse(await order('/explanation'))).toMatchObject({ state: 'held', rule: 'unassessed', wrong: false });
    expect(JSON.parse(await order('$P?reason=erasure'))).toMatchObject({ receipts: [{ recordingId: kept }] });
    expect(await held()).toEqual({ items: [], nextCursor: null });
    const both = { items: [{ recordingId: kept }, { recordingId: withdrawn }], nextCursor: null, unreadable: [] };
    expect(JSON.parse(await order('$P/receipts"'))).toMatchObject(both);
    expect(JSON.parse(await order('deletedAfter='))).toMatchObject({ items: [{ recordingId: kept }] });
    await order('text/csv');
    const csv = await readFile(join(installation.dataDir, `receipts-${EXAM}.csv`), 'utf8');
    expect(csv.trimEnd().split('\r\n')).toHaveLength(3);
    await order('/v1/report"');
    const report = await readFile(join(installation.dataDir, 'report.html'), 'utf8');
    expect(report).toContain(
      'Yes, according to the receipts. Each of the 2 receipts of this period shows that the recording was deleted by its deadline.',
    );
    expect([...left]).toEqual([]);
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
  await typeCheck(examples, { extends: join(ROOT, 'tsconfig.json') });
  const token = ['run', '--silent', 'token', '--', '--tenant', 'demo', '--scope', SCOPES.join(' ')];
  const { env } = installation;
  const given = { ...env, API: url, A: 'attempt-of-examples', TOKEN: (await run('npm', token, env)).trim() };
  const printed: string[] = [];
  for (const example of examples) {
    const args = ['--conditions=source', '--no-warnings', '--input-type=module-typescript', '-e', example];
    printed.push(await run(process.execPath, args, given));
  }
  expect(printed).toEqual([
    expect.stringMatching(/^stored \d{4}-\S+\n$/),
    expect.stringMatching(/^(http\S+\n)+$/),
    expect.stringMatching(/^gone by \d{4}-\S+\n$/),
    expect.stringMatching(/^0 of unknown bytes\n94049 of unknown bytes\nstored \d{4}-\S+\n$/),
    expect.stringMatching(/^([0-9a-v]{36} \S+\n)*$/),
    expect.stringMatching(/^\w+(,\w+)+\n$/),
    expect.stringMatching(/^play http\S+, until \d{4}-\S+ at the latest\n$/),
  ]);
});
