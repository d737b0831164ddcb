import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../http/expectations.ts';
import { webm } from '../kit/fixtures.ts';
import { DUE_SOON, type Installation, install, pause } from './process.ts';

let installation: Installation;
beforeEach(async () => {
  installation = await install(DUE_SOON);
});
afterEach(() => installation.remove());

/** A stored recording; its deadline. */
async function record(): Promise<number> {
  const token = await installation.token('recordings:upload');
  const path = `${installation.url}/v1/exams/math/attempts/a1/recordings`;
  const headers = { authorization: `Bearer ${token}` };
  const body = JSON.stringify({
    participantId: 'p1',
    kind: 'screen',
    contentType: 'video/webm',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
  });
  const created = await fetch(path, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  const { recording } = (await created.json()) as { recording: { recordingId: string; deleteBy: string } };
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(webm)]), 'screen.webm');
  expect(
    (await fetch(`${path}/${recording.recordingId}/content`, { method: 'POST', headers, body: form })).status,
  ).toBe(200);
  return Date.parse(recording.deleteBy);
}

async function sweepUntilDeleted(
  deadlineMs: number,
): Promise<{ code: number | null; report: Record<string, unknown> }> {
  await until(() => Date.now() > deadlineMs);
  for (;;) {
    const { code, stdout } = await installation.run('sweep', '--json');
    const report = JSON.parse(stdout) as { deleted: { recordings: number } };
    if (report.deleted.recordings > 0) return { code, report };
    await pause();
  }
}

describe('sweep and verify, as an operator runs them', () => {
  test('beside a running service and without one, on the same data folder', async () => {
    const service = await installation.start();
    const beside = await sweepUntilDeleted(await record());
    expect(beside.code).toBe(0);
    expect(Object.keys(beside.report)).toEqual(
      expect.arrayContaining([
        'startedAt',
        'finishedAt',
        'dryRun',
        'due',
        'deleted',
        'kept',
        'failed',
        'overdue',
        'oldestOverdueSeconds',
        'requests',
      ]),
    );
    const deadlineMs = await record();
    await service.stop('SIGTERM');
    expect((await sweepUntilDeleted(deadlineMs)).code).toBe(0);
    const verified = await installation.run('verify');
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing is wrong.') });
  });

  test('a dry run tells what would go; verify exits 1 while something is overdue', async () => {
    const service = await installation.start();
    const deadlineMs = await record();
    await until(() => Date.now() > deadlineMs);
    let dry = await installation.run('sweep', '--dry-run');
    while (!dry.stdout.includes('1 of 1 due')) dry = await installation.run('sweep', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/would be deleted[\s\S]*retention, deadline/) });
    expect(await installation.run('verify')).toMatchObject({ code: 1, stdout: expect.stringContaining('overdue') });
    expect((await installation.run('sweep')).stdout).toMatch(/^1 of 1 due recordings deleted/);
    await service.stop('SIGTERM');
  });

  test('an unknown flag, an unknown command, no command: exit 2 and one line', async () => {
    for (const args of [['sweep', '--force'], ['purge'], []]) {
      const { code, stderr } = await installation.run(...args);
      expect({ args, code, lines: stderr.trim().split('\n').length }).toEqual({ args, code: 2, lines: 1 });
    }
  });

  test('each command has --help', async () => {
    for (const name of ['serve', 'sweep', 'verify', 'doctor', 'token']) {
      expect(await installation.run(name, '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining(name) });
    }
  });
});
