import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { DUE_ONCE_ASSESSED, type Installation, install, pause } from './process.ts';
import { scrapeUntil } from './scrape.ts';

let installation: Installation;
afterEach(() => installation.remove());

interface Created {
  recording: { recordingId: string };
  upload: { partSizeBytes: number };
}
interface SignedPart {
  partNumber: number;
  url: string;
  headers: Record<string, string>;
}

async function call<T>(
  method: string,
  path: string,
  bearer: string,
  body?: unknown,
): Promise<{ status: number; body: T }> {
  const answer = await fetch(installation.url + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json().catch(() => undefined)) as T };
}

const RECORDINGS = '/v1/exams/math/attempts/a1/recordings';
const BODY = {
  participantId: 'p1',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
};

describe('serve with the embedded store', () => {
  test('kill -9 at any point of an upload loses no acknowledged part; the client resumes and completes', async () => {
    installation = await install();
    const file = enlargeWebm(webm, 40 * MIB + 4321);
    const client = await installation.token('recordings:upload', { exam: 'math', attempt: 'a1' });
    let service = await installation.start();
    const { recording, upload } = (await call<Created>('POST', RECORDINGS, client, BODY)).body;
    const path = `${RECORDINGS}/${recording.recordingId}`;
    const count = Math.ceil(file.length / upload.partSizeBytes);
    const bytesOf = (partNumber: number) =>
      new Uint8Array(file.subarray((partNumber - 1) * upload.partSizeBytes, partNumber * upload.partSizeBytes));
    const acknowledged = new Set<number>();

    for (let round = 0; acknowledged.size < count; round += 1) {
      const listed = (
        await call<{ parts: { partNumber: number; sizeBytes: number }[] }>('GET', `${path}/parts`, client)
      ).body;
      const there = new Set(listed.parts.map(({ partNumber }) => partNumber));
      for (const partNumber of acknowledged) expect(there).toContain(partNumber);
      for (const part of listed.parts) expect(part.sizeBytes).toBe(bytesOf(part.partNumber).length);

      const wanted = Array.from({ length: count }, (_, index) => index + 1).filter(
        (partNumber) => !there.has(partNumber),
      );
      for (const partNumber of there) acknowledged.add(partNumber);
      if (wanted.length === 0) break;
      const parts = wanted.map((partNumber) => ({ partNumber, sizeBytes: bytesOf(partNumber).length }));
      const signed = (await call<{ parts: SignedPart[] }>('POST', `${path}/parts`, client, { parts })).body.parts;
      const killed = round < 3 ? service.stop.bind(service, 'SIGKILL') : undefined;
      const uploads = signed.map(async (part, index) => {
        try {
          const answer = await fetch(part.url, {
            method: 'PUT',
            headers: part.headers,
            body: bytesOf(part.partNumber),
          });
          if (answer.ok) acknowledged.add(part.partNumber);
        } catch {
          // The server was killed under it: not acknowledged, so it is uploaded again.
        }
        if (index === 0) await killed?.();
      });
      await Promise.all(uploads);
      if (killed) service = await installation.start();
    }

    const completed = await call<{ state: string; sizeBytes: number }>('POST', `${path}/complete`, client);
    expect(completed).toMatchObject({ status: 200, body: { state: 'stored', sizeBytes: file.length } });
    await service.stop('SIGKILL');
    service = await installation.start();
    const reviewer = await installation.token('recordings:review');
    const link = await call<{ url: string }>('POST', `${path}/playback-links`, reviewer);
    const played = Buffer.from(await (await fetch(link.body.url)).arrayBuffer());
    expect(played.equals(file)).toBe(true);
    expect((await installation.run('verify', '--json')).code).toBe(0);
    expect(await service.stop('SIGTERM')).toBe(0);
  });

  test('what is assessed is kept until the schedule of the sweep finds it due, and then has a receipt', async () => {
    installation = await install({ ...DUE_ONCE_ASSESSED, SWEEP_SCHEDULE: '* * * * * *' });
    const service = await installation.start();
    const path = await installation.record();
    expect((await installation.call('GET', path)).status).toBe(200);
    await installation.makeDue();
    let answer = await installation.call('GET', path);
    while (answer.status === 200) {
      await pause();
      answer = await installation.call('GET', path);
    }
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({
      status: 410,
      body: { receipt: { reason: 'retention', deadline: expect.any(String) } },
    });
    const runs = (result: string) => `proctoring_sweep_runs_total{result="${result}"}`;
    const swept = await scrapeUntil(installation.url, (samples) => (samples.get(runs('ok')) ?? 0) > 0);
    expect([swept.get(runs('failed')), swept.get(runs('refused'))]).toEqual([0, 0]);
    expect(swept.get('proctoring_sweep_last_success_timestamp_seconds')).toBeGreaterThan(0);
    expect(await service.stop('SIGTERM')).toBe(0);
  });

  test('with no settings it makes a secret of its own, and shows tokens and four lines that work when pasted', async () => {
    installation = await install();
    delete installation.env.AUTH_SHARED_SECRET;
    const service = await installation.start();
    while (!service.output().includes('/assessment"')) await pause();
    const lines = service
      .output()
      .split('\n')
      .filter((line) => /^(A=|curl)/.test(line));
    expect(lines).toHaveLength(4);
    const { spawnSync } = await import('node:child_process');
    const { status, stdout } = spawnSync('bash', ['-ec', lines.join('\n')], {
      encoding: 'utf8',
      cwd: join(import.meta.dirname, '../..'),
    });
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(stdout).toMatch(/^recording [0-9a-v]{36}$/m);
    expect(stdout).toMatch(/"state":"stored"/);
    expect(stdout).toMatch(/"url":"http/);
    expect(stdout).toMatch(/"deleteBy":/);
    expect((await stat(join(installation.dataDir, 'auth-secret'))).mode & 0o077).toBe(0);
    const secret = (await readFile(join(installation.dataDir, 'auth-secret'), 'utf8')).trim();
    expect(service.output()).not.toContain(secret);
    const log = service
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .join('\n');
    expect(log).not.toMatch(/eyJ|X-Amz-Signature|Bearer/);
    await service.stop('SIGTERM');
  });
});

describe('the start is refused, with one clear line', () => {
  beforeEach(async () => {
    installation = await install();
  });

  test('PART_SIZE_BYTES=1000, with exit code 2', async () => {
    installation.env.PART_SIZE_BYTES = '1000';
    const { code, stderr } = await installation.run('serve');
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('PART_SIZE_BYTES')]);
  });

  test('a second service on the same folder', async () => {
    const service = await installation.start();
    installation.env.PORT = '0';
    installation.env.LOCAL_S3_PORT = '0';
    const { code, stderr } = await installation.run('serve');
    expect(code).toBe(1);
    expect(stderr).toMatch(/in use by process/);
    await service.stop('SIGTERM');
  });
});
