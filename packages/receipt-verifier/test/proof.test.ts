// What the check of a whole proof reports, finds and leaves open, without an attacker: those are in attacks.ts.
import { describe, expect, test } from '@jest/globals';
import {
  checkProof,
  type HeldReceipt,
  hashOfReceipt,
  type ProofFile,
  type ReceiptClaims,
  readPublicKeys,
} from '@proctoring-recordings/receipt-verifier';
import { checkpointOf, claimsOf, DAY_MS, type Deletion, deletionOf, makeKey, NOW_MS, TENANT } from './service.ts';

const key = makeKey();
const keys = await readPublicKeys({ keys: [key.jwk] });

function proofOf(deletions: readonly Deletion[], more: Partial<ProofFile> = {}): ProofFile {
  const entries = deletions.map(({ entry }) => entry);
  return {
    version: 1,
    tenant: TENANT,
    exportedAt: new Date(NOW_MS).toISOString(),
    checkpoint: entries.length === 0 ? null : checkpointOf(entries, key),
    entries,
    receipts: deletions.map(({ jws }) => jws),
    unsigned: [],
    unreadable: [],
    keys: { keys: [key.jwk] },
    ...more,
  };
}

const deletion = (name: string, daysAgo: number, more: Partial<ReceiptClaims> = {}) =>
  deletionOf(claimsOf(name, NOW_MS - daysAgo * DAY_MS, more), key);
const check = (
  file: unknown,
  options: { nowMs?: number; heldCheckpoints?: string[]; heldReceipts?: HeldReceipt[] } = {},
) => checkProof(file, { keys, nowMs: NOW_MS, ...options });
const problemsOf = async (...args: Parameters<typeof check>) =>
  (await check(...args)).findings.map(({ problem }) => problem);

const EARLIER = [deletion('a', 30), deletion('b', 20), deletion('c', 10)];

test('an honest proof is reported with what was checked, and the deletion closest to its deadline', async () => {
  const close = deletion('close', 5, { deadline: new Date(NOW_MS - 5 * DAY_MS + 60_000).toISOString() });
  const file = proofOf([...EARLIER, close], {});
  const held = [checkpointOf(file.entries.slice(0, 2), key), checkpointOf([], key)];
  expect(await check(file, { heldCheckpoints: held })).toEqual({
    tenant: TENANT,
    exportedAt: '2026-11-30T12:00:00.000Z',
    checkpoint: expect.objectContaining({ size: 4 }),
    heldCheckpoints: 2,
    heldSize: 2,
    heldReceipts: 0,
    heldUnsigned: 0,
    entries: 4,
    receipts: 4,
    notYetLogged: 0,
    expired: 0,
    replaced: 0,
    latest: close.claims,
    findings: [],
  });
});

test('a tenant without a deletion has an empty proof, and its first receipts need no log yet', async () => {
  expect(await check(proofOf([]))).toMatchObject({ findings: [], checkpoint: null, latest: null });
  const young = deletion('young', 1);
  expect(await check(proofOf([], { receipts: [young.jws] }))).toMatchObject({ findings: [], notYetLogged: 1 });
  const held = [checkpointOf([], key)];
  expect(await check(proofOf([]), { heldCheckpoints: held })).toMatchObject({ findings: [], heldSize: 0 });
});

test('a deletion after its deadline is found, with how late it was', async () => {
  const late = deletion('late', 5, { deadline: new Date(NOW_MS - 5 * DAY_MS - 90_000).toISOString() });
  const { findings, latest } = await check(proofOf([...EARLIER, late]));
  expect(findings).toMatchObject([{ problem: 'late', detail: 'recording-late, by 90 s' }]);
  expect(latest).toEqual(late.claims);
});

test('a file is judged by the time when it was made, also when it is checked years later', async () => {
  const file = proofOf(EARLIER, { receipts: [...EARLIER.map(({ jws }) => jws), deletion('young', 1).jws] });
  expect(await problemsOf(file, { nowMs: NOW_MS + 1_000 * DAY_MS })).toEqual([]);
  expect(await problemsOf(file, { nowMs: NOW_MS - DAY_MS / 2 })).toEqual([]);
});

test('a receipt that was submitted to the log twice has two entries', async () => {
  expect(await problemsOf(proofOf([...EARLIER, ...EARLIER], { receipts: EARLIER.map(({ jws }) => jws) }))).toEqual([]);
});

test('a receipt without a signature, or that cannot be read, is found and named without what could write over a terminal', async () => {
  const { findings } = await check(
    proofOf(EARLIER, { unsigned: ['a\u001B[2Jb'], unreadable: ['\u202Ex'.repeat(500)] }),
  );
  expect(findings[0]).toMatchObject({ problem: 'receipt-not-signed', detail: 'a\uFFFD[2Jb' });
  expect(findings[1]?.problem).toBe('receipt-unreadable');
  expect(findings[1]?.detail).toHaveLength(300);
});

test('a checkpoint of one’s own that is no checkpoint, or of another log, is found', async () => {
  const held = ['x', checkpointOf([], key, 'college'), checkpointOf([], makeKey())];
  expect(await problemsOf(proofOf(EARLIER), { heldCheckpoints: held })).toEqual([
    'held-checkpoint-not-valid',
    'held-checkpoint-not-valid',
    'held-checkpoint-of-unknown-key',
  ]);
});

test('a receipt that a webhook has named is looked for, also while it is too young for the log', async () => {
  const [young, gone] = [deletion('young', 1), deletion('gone', 1)];
  const again = deletionOf({ ...gone.claims, supersedes: [hashOfReceipt(gone.jws)] }, key);
  const heldReceipts = [...EARLIER, young, gone].map(({ jws, claims }) => ({
    hash: hashOfReceipt(jws),
    deletedAt: claims.deletedAt,
  }));
  const receipts = [...EARLIER, young].map(({ jws }) => jws);
  expect(await check(proofOf(EARLIER, { receipts }), { heldReceipts })).toMatchObject({
    heldReceipts: 5,
    findings: [{ problem: 'held-receipt-missing', detail: hashOfReceipt(gone.jws) }],
  });
  // That another receipt says that it replaces it is no trace of it.
  expect(await problemsOf(proofOf(EARLIER, { receipts: [...receipts, again.jws] }), { heldReceipts })).toEqual([
    'held-receipt-missing',
  ]);
  expect(
    await problemsOf(proofOf([...EARLIER, gone], { receipts: [...receipts, again.jws] }), { heldReceipts }),
  ).toEqual([]);
});

test('a receipt that was kept is looked for as its hash is, and one that the service has not signed is called that', async () => {
  const [young, gone] = [deletion('young', 1), deletion('gone', 1)];
  const file = proofOf(EARLIER, { receipts: [...EARLIER, young].map(({ jws }) => jws) });
  const held = [...EARLIER, young, gone].map(({ jws }) => ({ jws }));
  expect(await check(file, { heldReceipts: [...held, ...held, { jws: null }] })).toMatchObject({
    heldReceipts: 5,
    heldUnsigned: 1,
    findings: [{ problem: 'held-receipt-missing', detail: 'recording-gone' }],
  });
  const others: [string, string][] = [
    [deletion('other', 1, { tenantId: 'college' }).jws, 'held-receipt-not-valid'],
    [deletionOf(claimsOf('other', NOW_MS), makeKey()).jws, 'held-receipt-of-unknown-key'],
    ['x', 'held-receipt-not-valid'],
  ];
  for (const [jws, problem] of others) expect(await problemsOf(file, { heldReceipts: [{ jws }] })).toEqual([problem]);
});

test('of what is missing it is said that it may be newer than the file, where it may be', async () => {
  const file = proofOf(EARLIER);
  const made = 'the file was made on 2026-11-30T12:00:00.000Z';
  const later = deletion('later', -1);
  const hash = hashOfReceipt(later.jws);
  const newer = `of a deletion on 2026-12-01T12:00:00.000Z, and ${made}: it may be newer than the file. Download a new proof`;
  const ifNewer = 'if it is newer than the file, which was made on 2026-11-30T12:00:00.000Z, download a new proof';
  const earlier = deletion('earlier', 1);
  const rows: [HeldReceipt, string][] = [
    [{ jws: later.jws }, `recording-later: ${newer}`],
    [{ hash, deletedAt: later.claims.deletedAt }, `${hash}: ${newer}`],
    [{ hash }, `${hash}: ${ifNewer}`],
    [{ hash, deletedAt: earlier.claims.deletedAt }, hash],
    [{ jws: earlier.jws }, 'recording-earlier'],
  ];
  for (const [held, detail] of rows) {
    expect((await check(file, { heldReceipts: [held] })).findings).toMatchObject([
      { problem: 'held-receipt-missing', detail },
    ]);
  }
  const heldCheckpoints = [checkpointOf([...file.entries, later.entry], key)];
  expect((await check(file, { heldCheckpoints })).findings).toMatchObject([
    { problem: 'log-cut-off', detail: `3 entries, and the checkpoint has 4: ${ifNewer}` },
  ]);
});

test('progress is told up to the end, and waited for', async () => {
  const told: number[] = [];
  let running = 0;
  const onProgress = async (done: number, steps: number) => {
    running += 1;
    expect(running).toBe(1);
    await Promise.resolve();
    told.push(done / steps);
    running -= 1;
  };
  await checkProof(proofOf(EARLIER), { keys, nowMs: NOW_MS, onProgress });
  expect(told).toEqual([0.5, 1]);
});

describe('what is not a proof', () => {
  const file = proofOf(EARLIER);
  const values = [undefined, null, true, 7, '', 'x', [], {}, [file], { ...file, entries: undefined }];

  test.each(values)('%j is found to be none', async (value) => {
    expect(await check(value)).toMatchObject({ tenant: '', findings: [{ problem: 'file-malformed' }] });
  });

  const wrong = [undefined, null, true, -1, 1e300, 'x', '\u0000', [], {}, [null], [[]], [{}], ['x'], Array(3)];
  test.each(Object.keys(file))('whatever stands in its member %s, there is a report', async (name) => {
    for (const value of wrong) {
      const report = await check({ ...file, [name]: value });
      expect(Array.isArray(report.findings)).toBe(true);
      const isNeutral = name === 'keys' || (Array.isArray(value) && value.length === 0 && name.startsWith('un'));
      expect([name, value, report.findings.length > 0]).toEqual([name, value, !isNeutral]);
    }
  });
});

test('whoever has the signing key cannot hide a late deletion behind a receipt that says otherwise', async () => {
  const deadline = new Date(NOW_MS - 6 * DAY_MS).toISOString();
  const late = deletion('late', 5, { deadline });
  const better = deletion('late', 5, { deadline: new Date(NOW_MS - 4 * DAY_MS).toISOString() });
  const replacing = deletion('late', 5, { ...better.claims, supersedes: [hashOfReceipt(late.jws)] });
  const log = [...EARLIER, late];
  const honest = proofOf(log);
  expect(await problemsOf(honest)).toEqual(['late']);
  // In place of the other, in the log as well, as one that supersedes it, or not at all, when its time has passed.
  expect(await problemsOf({ ...honest, receipts: [...EARLIER, better].map(({ jws }) => jws) })).toEqual(['late']);
  for (const one of [better, replacing]) {
    const file = proofOf([...log, one]);
    expect(await problemsOf({ ...file, receipts: [...EARLIER, one].map(({ jws }) => jws) })).toEqual(['late']);
  }
  const years = { nowMs: NOW_MS + 800 * DAY_MS };
  const later = { ...honest, exportedAt: new Date(years.nowMs).toISOString(), receipts: [] };
  expect(await problemsOf(later, years)).toEqual(['late']);
});

test('of two purges at once either receipt proves the deletion, whichever of them the log has', async () => {
  const [first, second] = [deletion('twin', 5), deletion('twin', 5, { objects: 3 })];
  for (const [logged, there] of [
    [first, second],
    [second, first],
  ] as const) {
    const file = proofOf([...EARLIER, logged]);
    const receipts = [...EARLIER, there].map(({ jws }) => jws);
    expect(await check({ ...file, receipts })).toMatchObject({ findings: [], replaced: 1 });
  }
  // One of months later is no twin.
  const other = deletion('twin', 65);
  const file = proofOf([...EARLIER, other]);
  const receipts = [...EARLIER, first].map(({ jws }) => jws);
  expect(await problemsOf({ ...file, receipts })).toEqual(['receipt-not-in-log', 'receipt-missing']);
});
