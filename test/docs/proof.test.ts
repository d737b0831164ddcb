// An auditor who follows the page on proof of deletion, and an operator who does, from the first key to the last check.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../kit/until.ts';
import { DUE_ONCE_ASSESSED, type Installation, install } from '../runtime/process.ts';
import { blocksOf, paste, ROOT } from './blocks.ts';

const PAGE = 'docs/proof.md';
/** It installs; what it builds is below taken from its source. */
const ELSEWHERE = 'npm ci && npm run build';

let installation: Installation;
/** A clone, as far as the commands see it. */
let clone: string;

beforeAll(async () => {
  installation = await install(DUE_ONCE_ASSESSED);
  clone = join(installation.dataDir, 'clone');
  const dist = join(clone, 'packages/receipt-verifier/dist');
  await mkdir(dist, { recursive: true });
  for (const name of ['package.json', 'node_modules', 'src']) await symlink(join(ROOT, name), join(clone, name));
  await writeFile(join(dist, 'cli.js'), `await import('${join(ROOT, 'packages/receipt-verifier/src/cli.ts')}');`);
  await symlink(installation.dataDir, join(clone, 'data'));
  await installation.start();
});
afterAll(() => installation.remove());

/** Deletes a recording, and waits until the log has its receipt. Its path. */
async function deleteOne(entries: number): Promise<string> {
  const path = await installation.record();
  await installation.makeDue();
  await until(async () => {
    const { code } = await installation.run('sweep');
    expect(code).toBe(0);
    const { checkpoint } = await installation.ask<{ checkpoint: string | null }>('GET', '/v1/log/checkpoint');
    return checkpoint?.split('\n')[1] === String(entries);
  });
  return path;
}

test('every command of the page does what it says', async () => {
  const commands = [...(await blocksOf(PAGE, 'sh run')), ...(await blocksOf(PAGE, 'sh'))];
  commands.push(...((await readFile(join(ROOT, PAGE), 'utf8')).match(/(?<=`)\(umask [^`\n]*(?=`)/g) ?? []));
  const left = new Set(commands.filter((command) => !command.startsWith(ELSEWHERE)));
  expect(left.size).toBe(commands.length - 1);
  let at = await deleteOne(1);
  async function order(part: string): Promise<string> {
    const [found = '', ...others] = [...left].filter((command) => command.includes(part));
    expect({ part, found, others }).toEqual({ part, found: expect.stringContaining(part), others: [] });
    left.delete(found);
    const [, , , EXAM, , ATTEMPT, , R] = at.split('/');
    const T = `Authorization: Bearer ${await installation.token('privacy:manage')}`;
    return paste([found], { ...installation.env, EXAM, ATTEMPT, R, API: installation.url, T }, clone);
  }

  await order('/v1/proof');
  await cp(join(clone, 'checkpoint.json'), join(clone, 'checkpoint-2026-11-01.json'));
  at = await deleteOne(2);
  await order('npm run --silent proof');
  expect(await order('cli.js check')).toContain(
    'Was each recording that has a receipt deleted before its deadline? Yes.',
  );
  expect(await order('receipt.json')).toMatch(
    new RegExp(`Recording ${at.slice(-36)} was deleted on .* before its deadline`),
  );
  expect(await order('step.json')).toContain('from 1 entry to 2 entries');
  await order('run --silent signing-key > signing-keys.json');
  const read = async (name: string) => JSON.parse(await readFile(join(clone, name), 'utf8')).keys;
  const [first] = await read('signing-keys.json');
  await order('--replace signing-keys.json');
  const { d: _, ...known } = first;
  expect(await read('new.json')).toEqual([expect.objectContaining({ d: expect.any(String) }), known]);
  await order('--replace data/signing-key');
  const [, ofTheStore] = await read('signing-keys.json');
  expect(await read('keys.json')).toMatchObject([ofTheStore]);
  expect([...left]).toEqual([]);
});
