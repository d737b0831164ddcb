// Every attack on a proof is found, nothing is found in an honest one, and a checker with a mistake in it is noticed.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as verifier from '@proctoring-recordings/receipt-verifier';
import { build as bundle, type Plugin } from 'esbuild';
import { ATTACKS, openArena, type Verifier } from './attacks.ts';

const KINDS = Object.keys(ATTACKS);

test('each attack on 1,000 receipts is found for what it is, and nothing in the untouched file', async () => {
  const arena = await openArena(verifier, 1_000);
  expect(arena.untouched).toMatchObject({ findings: [], entries: 1_000, notYetLogged: 2 });
  expect(arena.untouched.expired).toBeGreaterThan(50);
  expect(arena.untouched.replaced).toBeGreaterThan(5);
  const missed = [];
  for (const [seed, kind] of KINDS.entries()) {
    const outcome = await arena.attack(kind, seed);
    if (!outcome.isFound) missed.push({ seed, ...outcome });
  }
  expect(missed).toEqual([]);
  expect(KINDS.length).toBeGreaterThan(25);
});

/** What is left out of a file of the sources, or put in its place, and an attack that is then missed. */
const MISTAKES: Record<string, readonly [file: string, code: string, instead: string, missed: string]> = {
  'own checkpoints are not compared': [
    'proof',
    '!isSameHash(root, found)',
    'false',
    'the log is cut, and grows again past where it was',
  ],
  'own checkpoints may be ahead of the log': [
    'proof',
    "if (!found) this.#find('log-cut-off'",
    "if (!found) void ('log-cut-off'",
    'the log is put back to an older checkpoint',
  ],
  'the root of the checkpoint is not compared': [
    'proof',
    'isSameSize && isSameHash(checkpoint.root, tree.root)',
    'true',
    'the checkpoint is an older one',
  ],
  'a receipt may be missing': [
    'proof',
    'else if (entry.keptUntil < today)',
    'else if (true)',
    'a receipt is removed, and the service goes on',
  ],
  'a receipt may be of any tenant': [
    'proof',
    'claims.tenantId !== tenant',
    'false',
    'a receipt of another tenant is put in',
  ],
  'a receipt may be there twice': ['proof', 'opened.has(entry.hash)', 'false', 'a receipt is there twice'],
  'a replaced receipt counts': [
    'proof',
    'standIns.supersede(entry)) this.#find',
    'false) this.#find',
    'a receipt that was replaced is put back',
  ],
  'a receipt supersedes those of any recording': [
    'proof',
    'return this.#superseded.has(',
    'return [...this.#superseded].some((one) => one.endsWith(hash)) || this.#superseded.has(',
    'a receipt is made to supersede that of another recording, which is removed',
  ],
  'a receipt stands for every other of its recording': [
    'proof',
    'this.#days.has(dayOfGeneration(entry, days))',
    '[...this.#days].some((day) => day.startsWith(entry.recording))',
    'a recording is deleted again, and its first receipt removed',
  ],
  'the time of an entry is not compared': [
    'proof',
    'this.#compareTimes(receipts, placed);',
    '',
    'an expired entry is added, and the service signs',
  ],
  'the file may be of a time to come': [
    'proof',
    'exportedMs > nowMs + MADE_WITHIN_MS',
    'false',
    'the file is of a time to come, when receipts will have expired',
  ],
  'the text of a receipt may be written otherwise': [
    'receipt',
    '!isCanonical(jws)',
    'false',
    'the text of a receipt that is not logged yet is another for the same bytes',
  ],
  'a JWS of any type is a receipt': [
    'receipt',
    'header.typ !== RECEIPT_TYPE',
    'false',
    'something else that the service has signed passes for a receipt',
  ],
  'the signature of a receipt is not checked': [
    'receipt',
    '({ payload } = await compactVerify',
    'payload = fromBase64Url(jws.split(".")[1] ?? ""); void (await compactVerify(jws, key).catch(() => {}), async () => await compactVerify',
    'a receipt says another time',
  ],
  'the signature of a checkpoint is not checked': [
    'checkpoint',
    "await crypto.subtle.verify('Ed25519', key, bytes.slice(KEY_HASH_BYTES), text)",
    'text',
    'the checkpoint says another size',
  ],
};

describe('a checker in which', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mistakes-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(Object.entries(MISTAKES))('%s is noticed', async (name, [file, code, instead, missed]) => {
    const plugin: Plugin = {
      name: 'mistake',
      setup(build) {
        build.onLoad({ filter: new RegExp(`receipt-verifier/src/${file}\\.ts$`) }, async ({ path }) => {
          const source = await readFile(path, 'utf8');
          expect(source.split(code).length).toBe(2);
          return { contents: source.replace(code, () => instead), loader: 'ts' };
        });
      },
    };
    const { outputFiles } = await bundle({
      entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
      bundle: true,
      format: 'esm',
      write: false,
      plugins: [plugin],
    });
    const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
    await writeFile(path, outputFiles[0]?.contents ?? '');
    const arena = await openArena((await import(path)) as Verifier, 300);
    const outcomes = [];
    for (let seed = 0; seed < 12; seed += 1) outcomes.push(await arena.attack(missed, seed));
    expect(outcomes.some(({ isFound }) => !isFound)).toBe(true);
  });
});
