// The page for the privacy desk tells the truth: each of its commands is run against a running service, as it stands there.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import { type Installation, install } from '../commands/process.ts';

const PAGE = new URL('../../docs/privacy-desk.md', import.meta.url);
/** Those of `Installation.record`. */
const IDS = { EXAM: 'secret-exam', ATTEMPT: 'secret-attempt', P: 'secret-person' };
const ran = new Set<string>();
let installation: Installation;
let commands: string[];

beforeAll(async () => {
  installation = await install();
  await installation.start();
  const page = await readFile(PAGE, 'utf8');
  commands = [...page.matchAll(/^```sh run\n([\s\S]*?)^```$/gm)].map(([, command = '']) => command);
});
afterAll(() => installation.remove());

/** Runs the command of the page that has this text, and answers with what it printed. */
function run(part: string, token: string, recording: string): string {
  const found = commands.filter((command) => command.includes(part));
  expect({ part, found }).toEqual({ part, found: [expect.any(String)] });
  const given = { ...IDS, API: installation.url, T: `Authorization: Bearer ${token}`, R: recording };
  const env = { PATH: process.env.PATH, ...given };
  const cwd = installation.dataDir;
  const { status, stdout } = spawnSync('bash', ['-euc', found[0] ?? ''], { cwd, env, encoding: 'utf8' });
  ran.add(found[0] ?? '');
  expect({ part, status }).toEqual({ part, status: 0 });
  return stdout;
}

test('every command of the page works, and answers as it says', async () => {
  const desk = await installation.token('privacy:manage');
  const client = await installation.token('recordings:upload', { exam: IDS.EXAM, attempt: IDS.ATTEMPT });
  const [kept, withdrawn] = [(await installation.record()).slice(-36), (await installation.record()).slice(-36)];

  const held = JSON.parse(run('$P/recordings"', desk, kept)) as { items: { recordingId: string }[] };
  expect(held.items.map(({ recordingId }) => recordingId)).toEqual([kept, withdrawn]);
  run('.json"', desk, kept);
  const exported = join(installation.dataDir, `participant-${IDS.P}`);
  const document = JSON.parse(await readFile(`${exported}.json`, 'utf8'));
  expect(document).toMatchObject({ fields: expect.any(Object), recordings: [{ recordingId: kept }, {}] });
  expect((await fetch(document.recordings[0].link.url)).status).toBe(200);

  const put = run('-X PUT', desk, kept);
  expect(JSON.parse(put)).toMatchObject({ recordingId: kept, restricted: true });
  const archived = async () => Object.keys(unzipSync(await readFile(`${exported}.zip`)));
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
