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
const latest = checkpoints.at(-1) ?? '';
const [wrappedAt, wrappedAgainAt] = [latest.length - 60, latest.length - 20];
const wrapped = `${latest.slice(0, wrappedAt)}\n${latest.slice(wrappedAt)}`;
const veryLate = deletionOf(claimsOf('very-late', NOW_MS - DAY_MS, { deadline: '2026-11-28T08:20:00.000Z' }), key);
const lateBy27 = deletionOf(claimsOf('late', NOW_MS - DAY_MS, { deadline: '2026-11-29T11:59:33.500Z' }), key);
const removed = deletionOf(claimsOf('removed', NOW_MS - DAY_MS), key);
const unsignedOf = (at: number) => deletions[at]?.claims;
const receiptOf = (at: number) => ({ ...unsignedOf(at), jws: deletions[at]?.jws });
const SEVERAL = Array.from({ length: 15 }, (_, at) => receiptOf(place - at));
const NO_LOG = { ...file, checkpoint: null, entries: [], receipts: [] };
const FILES: Record<string, unknown> = {
  'empty-proof.json': NO_LOG,
  'first-proof.json': { ...NO_LOG, receipts: file.receipts.slice(-2) },
  'unlogged-proof.json': { ...NO_LOG, receipts: file.receipts.slice(-3) },
  'young-proof.json': { ...NO_LOG, checkpoint: checkpointOf([], key), receipts: file.receipts.slice(-2) },
  'unsigned-proof.json': { ...NO_LOG, unsigned: ['recording-1'] },
  'cut-proof.json': { ...file, checkpoint: null },
  'moved-proof.json': { ...file, entries: file.entries.toSpliced(7, 2, file.entries[8] ?? '', file.entries[7] ?? '') },
  'proof.json': file,
  'tampered.json': tampered,
  'keys.json': keys,
  'other-keys.json': { keys: [makeKey().jwk] },
  'old-keys.json': { keys: keys.keys.slice(0, 1) },
  'no-keys.json': {},
  'old.note': checkpoints[5],
  'latest.note': checkpoints.at(-1),
  'all.notes': checkpoints.join('\n'),
  'webhook.json': { type: 'recording.deleted', checkpoint: checkpoints[5], receiptHash: null },
  'webhooks.jsonl': [7, 99, 30].map((at) => JSON.stringify({ checkpoint: null, receiptHash: hashes[at] })).join('\n'),
  'webhooks.json': [{ checkpoint: checkpoints[5], receiptHash: hashOfReceipt('gone') }],
  'no-hash.json': { receiptHash: 'x' },
  'early.note': checkpointOf(file.entries.slice(0, 3), key),
  'wrapped.note': wrapped,
  'wrapped-at-name.note': latest.replace('\n— ', '\n—\n').replace(/ (?=\S+\n$)/, '\n  '),
  'wrapped-twice.note':
    `${latest.slice(0, wrappedAt)}\n ${latest.slice(wrappedAt, wrappedAgainAt)}\n\n${latest.slice(wrappedAgainAt)}`
      .replace('\n\n—', '\n—')
      .replaceAll('\n', '\r\n'),
  'wrapped-proof.json': { ...file, checkpoint: wrapped },
  'forged.note': checkpointOf(file.entries, makeKey()),
  'cut.note': latest.split('\n\n')[0],
  'spoiled-webhook.json': { checkpoint: latest.split('\n\n')[0] },
  'report.html': '<!doctype html>\n\n<p>All was deleted in time.</p>\n',
  'report.pdf': '%PDF-1.7\n\n',
  'spoiled.json': { ...file, receipts: 7 },
  'spoiled-receipt.json': { version: 1, receipt: deletions[place]?.jws, keys },
  'late-proof.json': { ...file, receipts: [...file.receipts, lateBy27.jws] },
  'hours-late.json': { version: 1, receipt: veryLate.jws, inclusion: null, keys },
  'fork.note': checkpointOf(file.entries.slice(1), key),
  'one.json': receiptOf(place),
  'one.jws': `${deletions[place]?.jws}\n`,
  'gone.json': { type: 'recording-deleted', status: 410, receipt: receiptOf(place) },
  'erasure-of-one.json': { receipts: [receiptOf(place), receiptOf(place)] },
  'erasure.json': { receipts: SEVERAL },
  'page.json': { items: SEVERAL, unreadable: [], unreadableCount: 0, nextCursor: null },
  'list.json': SEVERAL,
  'lines.jsonl': SEVERAL.map((receipt) => JSON.stringify(receipt)).join('\n'),
  'no-receipts.json': { receipts: [] },
  'unsigned.json': { receipts: [unsignedOf(place)] },
  'late-receipt.json': { ...late.claims, jws: late.jws },
  'removed.json': { receipts: [receiptOf(place), { jws: removed.jws }] },
  'mixed.json': {
    receipts: [
      receiptOf(place),
      { jws: deletionOf(claimsOf(1, NOW_MS), makeKey()).jws },
      { jws: '\u001B[2J' },
      unsignedOf(3),
      { jws: late.jws },
    ],
  },
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
    expect(out).toMatch(/Does the log agree with 1 checkpoint that you kept\? The newest covers 16 entries\. Yes\./);
    expect(out).toContain('Whether the end of the log (104 entries) was rewritten');
    expect(out).toMatch(/Recording \S+ was deleted on [^,]+, 3 hours before its deadline/);
    expect(out).not.toMatch(/No\./);
  });

  test('of a tampered one: it does not hold, and why, with nothing that writes over the terminal', async () => {
    const { code, out } = await runs('check', 'tampered.json', ...KEYS, '--checkpoint', 'all.notes');
    expect(code).toBe(1);
    expect(out).toMatch(/^The proof does not hold\./);
    expect(out).toMatch(
      /an entry of the log has no receipt, although the receipt must still be kept \(12\)\n {6}entry \d+/,
    );
    expect(out).toMatch(/and 2 more/);
    expect(out).toMatch(/Is every receipt that must still be kept in the file\? No\./);
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
    expect(whole.out).toMatch(
      /Does the proof contain each receipt that you kept, or whose hash a webhook named \(3 receipts\)\? Yes\./,
    );
    const { code, out } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'webhooks.json');
    expect(code).toBe(1);
    expect(out).toMatch(/neither in the file nor in the log \(1\)/);
  });

  test('asks for keys from elsewhere, and says so when there are none', async () => {
    const without = await runs('check', 'proof.json');
    expect([without.code, without.out]).toEqual([2, '']);
    expect(without.err).toMatch(/^--keys is missing\. Keys that come with a proof do not prove/);
    const trusting = await runs('check', 'proof.json', '--trust-keys-in-file');
    expect(trusting.code).toBe(0);
    expect(trusting.out).toMatch(/Who signed the proof\. The keys came with the proof/);
    expect(await runs('check', 'proof.json', '--keys', 'other-keys.json')).toMatchObject({ code: 1 });
  });

  test('with keys from before the service replaced its own: it says so, and what to do', async () => {
    const { code, out } = await runs('check', 'proof.json', '--keys', 'old-keys.json', '--checkpoint', 'latest.note');
    expect(code).toBe(1);
    for (const [what, count] of [
      ['the checkpoint', 1],
      ['a checkpoint that you kept', 1],
      ['a receipt', 62],
    ]) {
      expect(out).toContain(`- ${what} is signed by a key that is not among those given (${count})\n`);
    }
    expect(out).toContain(
      '      and 52 more\n      The service may have replaced its key. Download its public keys again, and',
    );
    expect(out).not.toContain('the service has not signed');
    expect(out).toContain('Was each recording whose receipt has a valid signature deleted before its deadline? Yes.');
  });

  test('of another tenant than the one that was named', async () => {
    expect(await runs('check', 'proof.json', ...KEYS, '--tenant', TENANT)).toMatchObject({ code: 0 });
    expect(await runs('check', 'proof.json', ...KEYS, '--tenant', 'college')).toMatchObject({ code: 1 });
  });

  test('of a file that was put away: it holds, and what came since is not in it', async () => {
    const { code, out } = await runsAt(NOW_MS + 90 * DAY_MS, 'check', 'proof.json', ...KEYS);
    expect(code).toBe(0);
    expect(out).toMatch(/What happened after the file was made, which by its own account was 90 days ago\./);
  });

  test('of a file that begins with a byte order mark', async () => {
    expect(await runs('check', 'marked.json', ...KEYS)).toMatchObject({ code: 0 });
  });

  test('in Dutch', async () => {
    const { out } = await runs('check', 'tampered.json', ...KEYS, '--language', 'nl');
    expect(out).toMatch(/^Het bewijs klopt niet\.\nOrganisatie university\./);
  });

  test('of a proof that cannot be read', async () => {
    const { code, out } = await runs('check', 'spoiled.json', ...KEYS, '--language', 'nl');
    expect(code).toBe(1);
    expect(out).toMatch(/^Het bewijs klopt niet\.\nHet bestand is niet als bewijs te lezen\./);
    expect(out).toMatch(/"receipts" is geen lijst/);
  });

  test.each([
    ['empty-proof.json', 0, []],
    ['first-proof.json', 0, ['Are all receipts signed by the service, and of this org', 'Was each recording']],
    [
      'young-proof.json',
      0,
      ['Is the log (0', 'Are all receipts signed by the service, and of this org', 'Is every', 'Was each'],
    ],
    ['unlogged-proof.json', 1, ['Was each recording']],
    ['unsigned-proof.json', 1, []],
    ['cut-proof.json', 1, ['Are all receipts signed by the service, and of this org', 'Was each recording']],
  ])('of %s: yes is said of nothing that was not looked at', async (path, expected, questions) => {
    const { code, out } = await runs('check', path, ...KEYS);
    expect(code).toBe(expected);
    const answered = out.split('\n').filter((line) => line.endsWith(' Yes.'));
    expect(answered).toEqual(questions.map((question) => expect.stringContaining(question)));
    const isWithoutLog = !['young-proof.json', 'cut-proof.json'].includes(path);
    expect(out.includes('There is no signed log yet, so only the signatures could be checked')).toBe(isWithoutLog);
  });

  test('of entries in another order: their hash is another', async () => {
    const { code, out } = await runs('check', 'moved-proof.json', ...KEYS);
    expect([code, out]).toEqual([
      1,
      expect.stringContaining('120 entries, as the checkpoint says, but with a different hash'),
    ]);
  });

  test('of a late deletion: it is the one furthest past its deadline', async () => {
    const { out } = await runs('check', 'late-proof.json', ...KEYS);
    expect(out).toMatch(/The deletion furthest past its deadline:\n {2}Recording recording-late /);
    expect(out).not.toContain('closest to its deadline');
  });

  test('with the seconds of a late deletion rounded up, once, and in the language of the rest', async () => {
    const english = await runs('check', 'late-proof.json', ...KEYS);
    expect(english.out).toMatch(/recording-late, by 27 s\n[\s\S]+27 seconds after its deadline/);
    const dutch = await runs('check', 'late-proof.json', ...KEYS, '--language', 'nl');
    expect(dutch.out).toMatch(/recording-late, 27 s te laat\n[\s\S]+27 seconden na de termijn/);
    const hours = await runs('receipt', 'hours-late.json', ...KEYS);
    expect(hours.out).toMatch(/1 day, 4 hours after its deadline/);
  });

  test('against a checkpoint copied from a page that wrapped it, though not with such a one in the proof', async () => {
    for (const path of ['wrapped.note', 'wrapped-at-name.note', 'wrapped-twice.note']) {
      const { code, out } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', path);
      expect([path, code]).toEqual([path, 0]);
      expect(out).toMatch(/The newest covers 120 entries\. Yes\./);
    }
    expect(await runs('check', 'wrapped-proof.json', ...KEYS)).toMatchObject({ code: 1 });
  });

  test('against a checkpoint that can be read, and that the service has not signed: it does not hold', async () => {
    expect(await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'forged.note')).toMatchObject({ code: 1 });
  });
});

describe('receipt', () => {
  test.each([
    ['receipt.json', 0, /^The receipt holds\.[\s\S]+It is in the log/],
    ['young.json', 0, /^The receipt holds\.[\s\S]+too new to be in the log/],
    ['unlogged.json', 1, /^The receipt does not hold\.[\s\S]+does not show that it is in the log/],
    ['late.json', 1, /^The receipt is genuine. It shows a deletion after the deadline\.[\s\S]+after its deadline/],
    ['spoiled-receipt.json', 1, /^The receipt does not hold\.\n\nWhat was found:\n {2}- "inclusion" is not an object/],
  ])('of %s: exit code %i', async (path, expected, words) => {
    const { code, out } = await runs('receipt', path, ...KEYS);
    expect(out).toMatch(words);
    expect(code).toBe(expected);
  });

  test('of another tenant than the one that was named', async () => {
    expect(await runs('receipt', 'receipt.json', ...KEYS, '--tenant', TENANT)).toMatchObject({ code: 0 });
    const { code, out } = await runs('receipt', 'receipt.json', ...KEYS, '--tenant', 'college');
    expect([code, out]).toEqual([1, expect.stringMatching(/^The receipt does not hold\.[\s\S]+another tenant/)]);
    const json = await runs('receipt', 'receipt.json', ...KEYS, '--tenant', 'college', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ holds: false, isInLog: true, isInTime: true, isExpected: false });
  });

  test('says what it leaves open', async () => {
    const { out } = await runs('receipt', 'receipt.json', '--trust-keys-in-file');
    expect(out).toMatch(
      /What could not be checked:\n.+The keys came with the proof.+\n.+Whether other receipts were removed/,
    );
  });

  test('with keys of another', async () => {
    const { code, out } = await runs('receipt', 'receipt.json', '--keys', 'other-keys.json');
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(
        /^The receipt does not hold\.\n\nWhat was found:\n {2}- it is signed by a key that is not among those given\n {6}The service may have replaced its key\. Download its public keys again, and compare/,
      ),
    ]);
    const dutch = await runs('receipt', 'receipt.json', '--keys', 'other-keys.json', '--language', 'nl');
    expect(dutch.out).toMatch(
      /ondertekend met een sleutel die niet bij de gegeven sleutels zit\n.+ Haal de openbare sleutels opnieuw op/,
    );
  });
});

describe('receipts as responses have them', () => {
  const SAID =
    /^The service has signed the receipt\.\nOrganisation \(tenant\) university, exam math, attempt attempt-119\.\n/;

  test.each(['one.json', 'one.jws', 'gone.json', 'erasure-of-one.json'])(
    'of one in %s: it is signed, and not shown to be in the log',
    async (path) => {
      const { code, out } = await runs('receipt', path, ...KEYS);
      expect([code, out]).toEqual([0, expect.stringMatching(SAID)]);
      expect(out).toMatch(
        /The deletion:\n {2}Recording recording-119 was deleted on [^,]+, 3 hours before its deadline/,
      );
      expect(out).toContain('Whether it is in the log. Its receipt proof shows that.');
      expect(out).not.toContain('What was checked');
    },
  );

  test.each(['erasure.json', 'page.json', 'list.json', 'lines.jsonl'])(
    'of several in %s: how many, and what they say',
    async (path) => {
      const { code, out } = await runs('receipt', path, ...KEYS);
      expect(code).toBe(0);
      expect(out).toMatch(
        /^The service has signed all receipts\.\nValid signatures: 15 of 15 receipts\. Organisation \(tenant\) university\.\n/,
      );
      expect(out.match(/Recording \S+ was deleted/g)).toHaveLength(11);
      expect(out).toMatch(/- and 5 more\n/);
      expect(out).toContain('Whether they are in the log. The receipt proof of each shows that.');
    },
  );

  test('of several of which some do not hold: which, and why', async () => {
    const { code, out } = await runs('receipt', 'mixed.json', ...KEYS);
    expect(code).toBe(1);
    expect(out).toMatch(/^Not all of the receipts hold\.\nValid signatures: 2 of 5 receipts\./);
    expect(out).toMatch(
      /is signed by a key that is not among those given \(1\)\n {6}receipt 2 of the file\n {6}The service may have/,
    );
    expect(out).toMatch(/the service has not signed a receipt \(1\)\n {6}receipt 3 of the file: this is not a JWS\n/);
    expect(out).toMatch(/has no signature, so it proves nothing \(1\)\n {6}receipt 4 of the file\n/);
    expect(out).toMatch(/after its deadline \(1\)\n {6}recording-late/);
    const json = await runs('receipt', 'mixed.json', ...KEYS, '--json');
    expect(JSON.parse(json.out)).toMatchObject({ holds: false, receipts: 5, signed: 2, findings: { length: 4 } });
  });

  test('of a late one, and of another tenant', async () => {
    const late = await runs('receipt', 'late-receipt.json', ...KEYS, '--language', 'nl');
    expect([late.code, late.out]).toEqual([
      1,
      expect.stringMatching(/^Het verwijderingsbewijs is echt\. Het laat zien/),
    ]);
    const other = await runs('receipt', 'one.json', ...KEYS, '--tenant', 'college');
    expect([other.code, other.out]).toEqual([
      1,
      expect.stringMatching(/^The receipt does not hold\.[\s\S]+another tenant/),
    ]);
  });

  test.each(['one.json', 'one.jws', 'gone.json', 'erasure.json', 'page.json', 'receipt.json', 'removed.json'])(
    'a whole proof in which what %s has is removed does not hold',
    async (path) => {
      const whole = await runs('check', 'proof.json', ...KEYS, '--checkpoint', path);
      expect([whole.code, whole.out]).toEqual(
        path === 'removed.json'
          ? [1, expect.stringMatching(/neither in the file nor in the log \(1\)\n {6}recording-removed\n/)]
          : [
              0,
              expect.stringMatching(
                /each receipt that you kept, or whose hash a webhook named \(\d+ receipts?\)\? Yes\./,
              ),
            ],
      );
    },
  );

  test('one without a signature cannot be looked for, which is said', async () => {
    const { code, out } = await runs('check', 'proof.json', ...KEYS, '--checkpoint', 'unsigned.json');
    expect([code, out]).toEqual([
      0,
      expect.stringContaining('- What happened to 1 receipt that you kept without a signature.'),
    ]);
  });
});

test('consistency: the newer log only adds to the older, or it is not shown to', async () => {
  const { code, out } = await runs('consistency', 'old.note', 'latest.note', 'step.json', ...KEYS);
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /^The newer checkpoint holds\.\nThe log of organisation \(tenant\) university, from 16 entries/,
    ),
  ]);
  expect(await runs('consistency', 'old.note', 'whole-step.json', ...KEYS)).toMatchObject({ code: 0, out });
  expect(await runs('consistency', 'old.note', 'fork.note', 'step.json', ...KEYS)).toMatchObject({ code: 1 });
  const other = await runs('consistency', 'old.note', 'latest.note', 'step.json', ...KEYS, '--tenant', 'college');
  expect(other.code).toBe(1);
});

test.each([
  [
    'a step made for another size',
    ['early.note', 'latest.note', 'step.json'],
    /made for other sizes[^.]+from 3 entries to 120 entries\. Request the one with size=3\./,
  ],
  [
    'checkpoints that were swapped',
    ['latest.note', 'old.note', 'step.json'],
    /the older one has 120 entries, the newer one 16 entries\. Perhaps they were swapped/,
  ],
  [
    'another log of the size',
    ['old.note', 'fork.note', 'step.json'],
    /does not show that the log of 119 entries begins with the log of 16 entries/,
  ],
])('consistency: of %s it says so', async (_name, files, words) => {
  const { code, out } = await runs('consistency', ...files, ...KEYS);
  expect([code, out]).toEqual([1, expect.stringMatching(words)]);
  expect(out).toMatch(/^The newer checkpoint does not hold\./);
});

describe('a file of another kind is wrong input, and no finding', () => {
  test.each([
    [
      'check receipt.json',
      'receipt.json: this is a receipt proof (one receipt with its place in the log): use `receipt`.',
    ],
    ['check keys.json', 'keys.json: this is a set of keys: give it with --keys.'],
    ['check whole-step.json', 'whole-step.json: this is a step between two checkpoints: use `consistency`.'],
    [
      'check old.note',
      'old.note: this is a checkpoint, or something that contains one: give it with --checkpoint, or to `consistency`.',
    ],
    [
      'check report.html',
      'report.html: this is a page to read (HTML or PDF): copy the checkpoint from it into a file of its own.',
    ],
    ['check no-keys.json', 'no-keys.json: this is not a whole proof.'],
    ['receipt proof.json', 'proof.json: this is a whole proof: use `check`.'],
    ['consistency old.note proof.json', 'proof.json: this is a whole proof: use `check`.'],
    ['consistency old.note step.json', 'step.json has no newer checkpoint: give one as NEW.'],
    ['consistency all.notes latest.note step.json', 'all.notes has 41 checkpoints. It must have exactly one.'],
    [
      'check proof.json --checkpoint report.html',
      'report.html: this is a page to read (HTML or PDF): copy the checkpoint from it into a file of its own.',
    ],
    [
      'check proof.json --checkpoint report.pdf',
      'report.pdf: this is a page to read (HTML or PDF): copy the checkpoint from it into a file of its own.',
    ],
    ['receipt no-receipts.json', 'no-receipts.json has no receipt.'],
    [
      'check proof.json --checkpoint no-receipts.json',
      'no-receipts.json: this is one or more receipts without their place in the log: use `receipt`, or give it with --checkpoint to `check`.',
    ],
    ['check proof.json --checkpoint cut.note', 'cut.note: this is not a checkpoint: it has no signature.'],
    [
      'check proof.json --checkpoint spoiled-webhook.json',
      'spoiled-webhook.json: this is not a checkpoint: it has no signature.',
    ],
  ])('%s', async (line, said) => {
    const { code, out, err } = await runs(...line.split(' '), ...KEYS);
    expect([code, out, err]).toEqual([2, '', `${said}\nFor help: receipt-verifier --help\n`]);
  });

  test('keys', async () => {
    const { code, err } = await runs('check', 'proof.json', '--keys', 'proof.json');
    expect([code, err]).toEqual([2, expect.stringMatching(/^proof\.json: this is a whole proof/)]);
  });
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
  expect(err).toMatch(/^[^\n]+\nFor help: receipt-verifier --help\n$/);
});

test.each([
  [
    'receipt receipt.json --checkpoint missing.note',
    '`receipt` takes no --checkpoint: give the receipt with --checkpoint to `check`, which compares a whole proof with what you kept.',
  ],
  [
    'consistency old.note whole-step.json --checkpoint latest.note',
    '`consistency` takes no --checkpoint: name the checkpoints as OLD and NEW.',
  ],
  ['check proof.json --keys other-keys.json', '--keys is given twice'],
  ['check proof.json --tenant college --tenant university', '--tenant is given twice'],
])('passes over no option: %s', async (line, said) => {
  const { code, out, err } = await runs(...line.split(' '), ...KEYS);
  expect([code, out, err]).toEqual([2, '', `${said}\nFor help: receipt-verifier --help\n`]);
});

test('a step has no keys that could be trusted', async () => {
  const { code, err } = await runs('consistency', 'old.note', 'whole-step.json', '--trust-keys-in-file');
  expect([code, err]).toEqual([
    2,
    expect.stringContaining('`consistency` takes no --trust-keys-in-file: a step has no keys.'),
  ]);
});

test('says how it is used when asked', async () => {
  expect(await runs('--help')).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage:/), err: '' });
});
