// The page for the privacy desk tells the truth: each of its commands is run against a running service, as it stands there.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import { type Installation, install } from '../commands/process.ts';
import { webm } from '../kit/fixtures.ts';

const PAGE = new URL('../../docs/privacy-desk.md', import.meta.url);
const SITTING = { exam: 'math-101', attempt: 'attempt-1' };
const RECORDINGS = `/v1/exams/${SITTING.exam}/attempts/${SITTING.attempt}/recordings`;
let installation: Installation;
let folder: string;
let commands: string[];

beforeAll(async () => {
  installation = await install();
  await installation.start();
  folder = await mkdtemp(join(tmpdir(), 'privacy-desk-'));
  const page = await readFile(PAGE, 'utf8');
  commands = [...page.matchAll(/^```sh run\n([\s\S]*?)^```$/gm)].map(([, command = '']) => command);
});
afterAll(async () => {
  await installation.remove();
  await rm(folder, { recursive: true, force: true });
});

async function record(): Promise<string> {
  const authorization = `Bearer ${await installation.token('recordings:upload', SITTING)}`;
  const created = await fetch(installation.url + RECORDINGS, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({
      participantId: 'p-1',
      kind: 'webcam',
      contentType: 'video/webm',
      consent: { givenAt: '2026-01-05T09:00:00Z', policyVersion: '3' },
    }),
  });
  const { recording } = (await created.json()) as { recording: { recordingId: string } };
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(webm)], { type: 'video/webm' }), 'webcam.webm');
  const path = `${RECORDINGS}/${recording.recordingId}/content`;
  const sent = await fetch(installation.url + path, { method: 'POST', headers: { authorization }, body: form });
  expect(sent.status).toBe(200);
  return recording.recordingId;
}

/** Runs the command of the page that has this text, and answers with what it printed. */
function run(part: string, token: string, recording: string): string {
  const found = commands.filter((command) => command.includes(part));
  expect({ part, found }).toEqual({ part, found: [expect.any(String)] });
  const { exam, attempt } = SITTING;
  const env = { PATH: process.env.PATH, API: installation.url, T: `Authorization: Bearer ${token}`, P: 'p-1' };
  const { status, stdout } = spawnSync('bash', ['-euc', found[0] ?? ''], {
    cwd: folder,
    env: { ...env, EXAM: exam, ATTEMPT: attempt, R: recording },
    encoding: 'utf8',
  });
  ran.add(found[0] ?? '');
  expect({ part, status }).toEqual({ part, status: 0 });
  return stdout;
}
const ran = new Set<string>();

test('every command of the page works, and answers as it says', async () => {
  const desk = await installation.token('privacy:manage');
  const client = await installation.token('recordings:upload', SITTING);
  const [kept, withdrawn] = [await record(), await record()];

  const held = JSON.parse(run('$P/recordings"', desk, kept)) as { items: { recordingId: string }[] };
  expect(held.items.map(({ recordingId }) => recordingId)).toEqual([kept, withdrawn]);
  run('.json"', desk, kept);
  const document = JSON.parse(await readFile(join(folder, 'participant-p-1.json'), 'utf8'));
  expect(document).toMatchObject({ fields: expect.any(Object), recordings: [{ recordingId: kept }, {}] });
  expect((await fetch(document.recordings[0].link.url)).status).toBe(200);

  const put = run('-X PUT', desk, kept);
  expect(JSON.parse(put)).toMatchObject({ recordingId: kept, restricted: true });
  const archived = async () => Object.keys(unzipSync(await readFile(join(folder, 'participant-p-1.zip'))));
  run('format=zip" -H', desk, kept);
  expect(await archived()).toHaveLength(2);
  run('includeRestricted=true', desk, kept);
  expect(await archived()).toHaveLength(3);
  expect(JSON.parse(run('restriction?reason=', desk, kept))).toMatchObject({ restricted: false });

  expect(JSON.parse(run('reason=consent-withdrawn', client, withdrawn))).toMatchObject({ reason: 'consent-withdrawn' });
  const { items } = JSON.parse(run('/access-log', desk, kept)) as { items: { event: string }[] };
  expect(items.map(({ event }) => event)).toEqual(['exported', 'restricted', 'exported', 'exported', 'unrestricted']);
  const { receipts } = JSON.parse(run('$P?reason=erasure', desk, kept)) as { receipts: { recordingId: string }[] };
  expect(receipts.map(({ recordingId }) => recordingId)).toEqual([kept]);
  expect(JSON.parse(run('$P/recordings"', desk, kept))).toEqual({ items: [], nextCursor: null });
  expect(ran.size).toBe(commands.length);
});
