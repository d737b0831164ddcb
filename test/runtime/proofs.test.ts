// `explain` and `report` as an operator runs them: what they write, and their exit codes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DUE_ONCE_ASSESSED, type Installation, install } from './process.ts';

let installation: Installation;
let stop: () => Promise<unknown>;
let path: string;
beforeAll(async () => {
  installation = await install(DUE_ONCE_ASSESSED);
  const service = await installation.start();
  stop = () => service.stop('SIGTERM');
  path = await installation.record();
});
afterAll(async () => {
  await stop();
  await installation.remove();
});

const AT = ['--tenant', 'acme', '--exam', 'secret-exam', '--attempt', 'secret-attempt', '--recording'];

test('explain: why it is held, then why it is gone; 1 for what never was', async () => {
  const recording = path.slice(-36);
  const held = await installation.run('explain', ...AT, recording);
  expect(held).toMatchObject({ code: 0, stderr: '' });
  expect(held.stdout).toMatch(
    /^It is kept until .*\n\nState: held\. Rule: unassessed\.\n[\s\S]*An entry of the deletion queue/,
  );
  const json = await installation.run('explain', ...AT, recording, '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ recordingId: recording, wrong: false });
  const never = await installation.run('explain', ...AT, recording.replace(/.{6}$/, '000000'));
  expect(never).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('There is no such recording.') });
});

test('report: the verdict is the exit code; as a page in a file, and as JSON', async () => {
  const file = join(installation.dataDir, 'report.html');
  const report = (...args: string[]) => installation.run('report', '--tenant', 'acme', ...args);
  const yes = await report('--html', file);
  expect(yes).toMatchObject({ code: 0, stderr: '' });
  expect(yes.stdout).toMatch(/^Was everything deleted in time\? Yes, according to the receipts\. /);
  expect(await readFile(file, 'utf8')).toMatch(/^<!doctype html>/);
  const json = await report('--json', '--from', '2026-01-01');
  expect(JSON.parse(json.stdout)).toMatchObject({ verdict: { answer: expect.any(String) }, totals: { held: 1 } });
  expect(await installation.run('report', '--tenant', 'nobody')).toMatchObject({ code: 1 });
  expect(await report('--html', file, '--json')).toMatchObject({ code: 2, stdout: '' });
});

test('report: a page that cannot be written is one line, before anything is read, and no verdict', async () => {
  const file = join(installation.dataDir, 'nowhere', 'report.html');
  const failed = await installation.run('report', '--tenant', 'acme', '--html', file);
  expect(failed).toMatchObject({ code: 2, stdout: '', stderr: `--html: ${file} cannot be written (ENOENT)\n` });
});
