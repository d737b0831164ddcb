// The command as one who protects data uses it: what it says first, its exit codes, and what it refuses.
import { describe, expect, test } from '@jest/globals';
import {
  consistencyProof,
  hashOfReceipt,
  inclusionProof,
  leafHash,
  type ProofFile,
  rootOf,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { run } from '../src/command.ts';
import { checkpointOf, claimsOf, DAY_MS, deletionOf, install, makeKey, NOW_MS, TENANT } from './service.ts';

const { file, checkpoints, keys, key, deletions } = install(120);
const hashes = deletions.map(({ jws }) => hashOfReceipt(jws));
const leaves = file.entries.map((entry) => leafHash(Buffer.from(entry)));
const rootOfRange = async (start: number, end: number) => rootOf(leaves.slice(start, end));
const late = deletionOf(claimsOf('late', NOW_MS - DAY_MS, { deadline: '2026-11-29T10:00:00.000Z' }), key);
const tampered: ProofFile = { ...file, receipts: file.receipts.slice(12), unsigned: ['\u001B[2J\u202Egone'] };
const place = 119;
const FILES: Record<string, unknown> = {
  'proof.json': file,
  'tampered.json': tampered,
  'keys.json': keys,
  'other-keys.json': { keys: [makeKey().jwk] },
  'no-keys.json': {},
  'old.note': checkpoints[5],
  'latest.note': checkpoints.at(-1),
  'all.notes': checkpoints.join('\n'),
  'webhook.json': { type: 'recording.deleted', checkpoint: checkpoints[5], receiptHash: null },
  'webhooks.jsonl': [7, 99, 30].map((at) => JSON.stringify({ checkpoint: null, receiptHash: hashes[at] })).join('\n'),
  'webhooks.json': [{ checkpoint: checkpoints[5], receiptHash: hashOfReceipt('gone') }],
  'no-hash.json': { receiptHash: 'x' },
  'fork.note': checkpointOf(file.entries.slice(1), key),
  'not-json.json': '{',
  'marked.json': `\uFEFF${JSON.stringify(file)}`,
  'deep.json': `${'{"data":'.repeat(1e5)}1${'}'.repeat(1e5)}`,
  'receipt.json': {
    version: 1,
    receipt: deletions[place]?.jws,
    inclusion: {
      index: place,
      hashes: (await inclusionProof(place, leaves.length, rootOfRange)).map(toBase64),
      checkpoint: file.checkpoint,
    },
    keys,
  },
  'young.json': { version: 1, receipt: file.receipts.at(-1), inclusion: null, keys },
  'unlogged.json': { version: 1, receipt: deletions[place - 20]?.jws, inclusion: null, keys },
  'late.json': { version: 1, receipt: late.jws, inclusion: null, keys },
  'whole-step.json': {
    newer: checkpoints.at(-1),
    hashes: (await consistencyProof(16, leaves.length, rootOfRange)).map(toBase64),
  },
  'step.json': { hashes: (await consistencyProof(16, leaves.length, rootOfRange)).map(toBase64) },
};

const runs = (...args: string[]) => runsAt(NOW_MS, ...args);

async function runsAt(nowMs: number, ...args: string[]) {
  let [out, err] = ['', ''];
  const code = await run(args, {
    readFile: async (path) => {
      const content = FILES[path];
      if (content === undefined) throw new Error('no such file');
      return typeof content === 'string' ? content : JSON.stringify(content);
    },
    nowMs,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

const KEYS = ['--keys', 'keys.json'];

describe('check', () => {
  test('of an honest proof: it holds, what was checked, and what was not', async () => {
    const { code, out, err } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'old.note');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^The proof holds\.\nOrganisation \(tenant\) university\./);
    expect(out).toMatch(/Does the log agree with 1 checkpoint of your own\? The newest covers 16 entries\. Yes\./);
    expect(out).toMatch(/Whether 104 entries at the end of the log were written anew/);
    expect(out).toMatch(/Recording \S+ was deleted on [^,]+, 3 hours before its deadline/);
    expect(out).not.toMatch(/No\./);
  });

  test('of a tampered one: it does not hold, and why, with nothing that writes over the terminal', async () => {
    const { code, out } = await runs('check', 'tampered.json', ...KEYS, '--checkpoint', 'all.notes');
    expect(code).toBe(1);
    expect(out).toMatch(/^The proof does not hold\./);
    expect(out).toMatch(/an entry of the log has no receipt, though it must still be kept \(12\)\n {6}entry \d+/);
    expect(out).toMatch(/and 2 more/);
    expect(out).toMatch(/Is every receipt there that must still be kept\? No\./);
    expect(out).toMatch(/Is the log[^?]+\? Yes\./);
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  test('against checkpoints of one’s own, from notes and webhooks', async () => {
    const kept = ['old.note', 'latest.note', 'webhook.json'].flatMap((path) => ['--checkpoint', path]);
    expect(await runs('check', 'proof.json', ...KEYS, ...kept, '--json')).toMatchObject({ code: 0 });
    const { code, out } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'fork.note', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      holds: false,
      tenant: TENANT,
      checkpoint: { size: 120, root: expect.any(String) },
      findings: [{ problem: 'log-rewritten' }],
    });
  });

  test('against receipts that webhooks have named', async () => {
    const whole = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'webhooks.jsonl');
    expect(whole.code).toBe(0);
    expect(whole.out).toMatch(/Can 3 receipts whose hashes your webhooks name be found\? Yes\./);
    const { code, out } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'webhooks.json');
    expect(code).toBe(1);
    expect(out).toMatch(/neither in the file nor in the log \(1\)/);
  });

  test('asks for keys from elsewhere, and says so when there are none', async () => {
    const without = await runs('check', 'proof.json');
    expect([without.code, without.out]).toEqual([2, '']);
    expect(without.err).toMatch(/^--keys is missing: keys that come with a proof prove nothing/);
    const trusting = await runs('check', 'proof.json', '--trust-keys-in-file');
    expect(trusting.code).toBe(0);
    expect(trusting.out).toMatch(/Who has signed\. The keys came with the proof/);
    expect(await runs('check', 'proof.json', '--keys', 'other-keys.json')).toMatchObject({ code: 1 });
  });

  test('of another tenant than the one that was named', async () => {
    expect(await runs('check', 'proof.json', ...KEYS, '--tenant', TENANT)).toMatchObject({ code: 0 });
    expect(await runs('check', 'proof.json', ...KEYS, '--tenant', 'college')).toMatchObject({ code: 1 });
  });

  test('of a file that was put away: it holds, and what came since is not in it', async () => {
    const { code, out } = await runsAt(NOW_MS + 90 * DAY_MS, 'check', 'proof.json', ...KEYS);
    expect(code).toBe(0);
    expect(out).toMatch(/What happened since the file was made, by its own account 90 days ago\./);
  });

  test('of a file that begins with a byte order mark', async () => {
    expect(await runs('check', 'marked.json', ...KEYS)).toMatchObject({ code: 0 });
  });

  test('in Dutch', async () => {
    const { out } = await runs('check', 'tampered.json', ...KEYS, '--language', 'nl');
    expect(out).toMatch(/^Het bewijs klopt niet\.\nOrganisatie university\./);
  });

  test('of a file that is no proof', async () => {
    const { code, out } = await runs('check', 'keys.json', ...KEYS);
    expect(code).toBe(1);
    expect(out).toMatch(/^The proof does not hold\.\nThe file cannot be read as a proof\./);
  });
});

describe('receipt', () => {
  test.each([
    ['receipt.json', 0, /^The receipt holds\.[\s\S]+It is in the log/],
    ['young.json', 0, /^The receipt holds\.[\s\S]+too young to be in the log/],
    ['unlogged.json', 1, /^The receipt does not hold\.[\s\S]+not shown to be in the log/],
    ['late.json', 1, /^The receipt is genuine. It shows a deletion that came too late\.[\s\S]+after its deadline/],
    ['proof.json', 1, /^The proof does not hold\.\n\n"receipt" is not a text/],
  ])('of %s: exit code %i', async (path, expected, words) => {
    const { code, out } = await runs('receipt', path, ...KEYS);
    expect(out).toMatch(words);
    expect(code).toBe(expected);
  });

  test('with keys of another', async () => {
    const { code, out } = await runs('receipt', 'receipt.json', '--keys', 'other-keys.json');
    expect([code, out]).toEqual([1, 'The proof does not hold.\n\nit is signed by a key that is not in the set\n']);
  });
});

test('consistency: the newer log only adds to the older, or it is not shown to', async () => {
  const { code, out } = await runs('consistency', 'old.note', 'latest.note', 'step.json', ...KEYS);
  expect([code, out]).toEqual([0, expect.stringMatching(/^The newer checkpoint holds\. The log of university/)]);
  expect(await runs('consistency', 'old.note', 'whole-step.json', ...KEYS)).toMatchObject({ code: 0, out });
  expect(await runs('consistency', 'old.note', 'step.json', ...KEYS)).toMatchObject({ code: 1 });
  expect(await runs('consistency', 'old.note', 'fork.note', 'step.json', ...KEYS)).toMatchObject({ code: 1 });
  const other = await runs('consistency', 'old.note', 'latest.note', 'step.json', ...KEYS, '--tenant', 'college');
  expect(other.code).toBe(1);
});

test.each([
  [[]],
  [['check']],
  [['look', 'proof.json', ...KEYS]],
  [['check', 'proof.json', 'proof.json', ...KEYS]],
  [['check', 'proof.json', ...KEYS, '--fast']],
  [['check', 'proof.json', ...KEYS, '--trust-keys-in-file']],
  [['check', 'proof.json', ...KEYS, '--language', 'fr']],
  [['check', 'missing.json', ...KEYS]],
  [['check', 'not-json.json', ...KEYS]],
  [['check', 'proof.json', '--keys', 'missing.json']],
  [['check', 'proof.json', '--keys', 'no-keys.json']],
  [['check', 'no-keys.json', '--trust-keys-in-file']],
  [['check', 'proof.json', ...KEYS, '--checkpoint', 'keys.json']],
  [['check', 'proof.json', ...KEYS, '--checkpoint', 'deep.json']],
  [['check', 'proof.json', ...KEYS, '--checkpoint', 'no-hash.json']],
  [['check', 'proof.json', ...KEYS, '--checkpoint', 'not-json.json']],
  [['consistency', 'old.note', 'latest.note', 'step.json', '--trust-keys-in-file']],
])('is not used rightly: %j', async (args) => {
  const { code, out, err } = await runs(...args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/Usage:/);
});

test('says how it is used when asked', async () => {
  expect(await runs('--help')).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage:/), err: '' });
});
