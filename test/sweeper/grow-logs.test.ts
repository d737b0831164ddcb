// The logs of receipts grow with each sweep; whatever sweeps do at once, each log is one, and its proofs hold.
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  checkProof,
  consistencyProof,
  entryOfReceipt,
  formatEntry,
  GrowingTree,
  hashOfReceipt,
  openCheckpoint,
  openReceipt,
  originOf,
  type ProofFile,
  parseEntry,
  rootsFromTiles,
  verifyConsistency,
} from '@proctoring-recordings/receipt-verifier';
import { type Receipt, refOf } from '../../src/bucket/documents.ts';
import { checkpointOf, entryOf, type Head, leafOf, ReceiptLog, submitReceipts } from '../../src/bucket/receipt-log.ts';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { failing, overriding, replacing } from '../kit/interventions.ts';
import { receiptKey, recordingKey } from '../kit/keys.ts';
import { createSyncSigner, privateJwk, testSigner } from '../kit/signer.ts';
import { type RetentionService, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const { keys } = testSigner;
const logOf = (tenant = 'acme', store: ObjectStore = service.store) => new ReceiptLog(store, tenant);

async function headOf(tenant = 'acme'): Promise<Head> {
  const stored = await logOf(tenant).head();
  if (!stored || typeof stored === 'string') throw new Error('there is no head');
  return stored.head;
}

async function entriesOf(tenant = 'acme'): Promise<string[]> {
  const stored = await logOf(tenant).head();
  if (!stored || typeof stored === 'string') return [];
  return (await Array.fromAsync(logOf(tenant).bundles(stored.head))).flat();
}

/** What a controller would take away. */
async function proofOf(tenant = 'acme'): Promise<ProofFile> {
  const receipts = await Promise.all(
    (await service.keys(`receipts/${tenant}/`)).map((key) => service.readJson<Receipt>(key)),
  );
  const checkpoint = checkpointOf(await logOf(tenant).head());
  return {
    version: 1,
    tenant,
    exportedAt: new Date(service.clock.now()).toISOString(),
    checkpoint,
    entries: await entriesOf(tenant),
    receipts: receipts.flatMap(({ jws }) => jws ?? []),
    unsigned: receipts.filter(({ jws }) => !jws).map(({ recordingId }) => recordingId),
    unreadable: [],
    keys: { keys: [...testSigner.publicJwks.keys] },
  };
}

const findingsOf = async (tenant?: string, heldCheckpoints: string[] = []) =>
  (await checkProof(await proofOf(tenant), { keys, heldCheckpoints, nowMs: service.clock.now() })).findings;

/** Deletes so many recordings on request; past the grace period each comes into the log with the next sweep. */
async function erase(count: number, tenant = 'acme'): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for (let index = 0; index < count; index += 1) {
    const ref = await service.record({ tenant, attempt: `a${service.clock.now()}` });
    service.clock.advance(2 * HOUR_MS);
    receipts.push(await service.erase(ref));
  }
  return receipts;
}

test('a receipt is signed, comes into the log of its tenant after the grace period, and is proven by it', async () => {
  const [receipt] = await erase(1);
  const claims = await openReceipt(receipt?.jws ?? '', keys);
  const { jws, ...rest } = receipt as Receipt;
  expect(claims).toEqual(rest);
  expect((await service.sweep()).logged).toBe(0);
  expect(checkpointOf(await logOf().head())).toBeNull();

  const report = await service.after(HOUR_MS + MINUTE_MS).sweep();
  expect(report).toMatchObject({ logged: 1, failed: 0 });
  expect(report.checkpoints).toEqual({ acme: checkpointOf(await logOf().head()) });
  expect(await entriesOf()).toEqual([formatEntry(entryOfReceipt(jws ?? '', claims))]);
  const checkpoint = await openCheckpoint(report.checkpoints.acme ?? '', originOf('acme'), keys);
  expect(checkpoint.size).toBe(1);
  expect(await findingsOf()).toEqual([]);
});

test('an entry of the log names nobody, and is not found out by trying', async () => {
  const [receipt] = await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  const [entry = ''] = await entriesOf();
  for (const id of [receipt?.recordingId, receipt?.attemptId]) expect(entry).not.toContain(id);
  expect(entry).toMatch(/^1 \d{4}-\d{2}-\d{2} [\w-]{43} [\w-]{43} 0 \d+$/);
  expect(receipt?.salt).toMatch(/^[\w-]{22}$/);
});

test('each tenant has a log of its own, and an idle sweep makes one listing for all', async () => {
  await erase(2);
  await erase(1, 'beta');
  await service.after(2 * HOUR_MS).sweep();
  expect([(await entriesOf()).length, (await entriesOf('beta')).length]).toEqual([2, 1]);
  expect(await findingsOf('beta')).toEqual([]);
  // Submissions go once every reader has a head that names them.
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.keys('log-queue/')).toEqual([]);
  const asked: string[] = [];
  const watched = replacing(service.store, 'list', 'log', (go) => {
    asked.push('list');
    return go();
  });
  await service.sweepOn(watched);
  expect(asked).toEqual(['list']);
  expect(await service.keys('log/acme/heads/')).toHaveLength(1);
});

test('a log grows across the borders of its tiles, and every checkpoint that was handed out is a beginning of it', async () => {
  const held: string[] = [];
  const receipt = (await erase(1))[0] as Receipt;
  for (let round = 0; round < 8; round += 1) {
    const many = Array.from({ length: 97 }, (_, index) => ({
      ...receipt,
      recordingId: `${round}-${index}`,
      jws: `${receipt.jws}${round}-${index}`,
    }));
    await submitReceipts({ ...service.context, signer: testSigner }, 'acme', many);
    const { checkpoints } = await service.after(2 * HOUR_MS).sweep();
    held.push(checkpoints.acme ?? '');
  }
  const entries = await entriesOf();
  expect(entries).toHaveLength(8 * 97 + 1);
  const findings = await findingsOf('acme', held);
  expect(new Set(findings.map(({ problem }) => problem))).toEqual(new Set(['receipt-missing']));
  const head = await headOf();
  const newer = await openCheckpoint(head.checkpoint, originOf('acme'), keys);
  for (const note of held) {
    const older = await openCheckpoint(note, originOf('acme'), keys);
    const proof = await consistencyProof(older.size, newer.size, rootsFromTiles(logOf().tilesOf(head)));
    expect(verifyConsistency({ first: older, second: newer, proof })).toBe(true);
  }
  expect(await logOf().indexOf(parseEntry(entries[300] ?? '') as never, head)).toBe(300);
});

describe('two sweeps at once', () => {
  /** Two views of one bucket: what the second lists and reads first is what it had when it was stopped. */
  async function stopped(until: (operation: string, key: string) => boolean) {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let isWaiting = () => {};
    const waiting = new Promise<void>((resolve) => {
      isWaiting = resolve;
    });
    const store = overriding(service.store, {
      put: async (key, body) => {
        if (until('put', key)) {
          isWaiting();
          await gate;
        }
        return service.store.put(key, body);
      },
      list: async (prefix, options) => {
        const page = await service.store.list(prefix, options);
        if (until('list', prefix)) {
          isWaiting();
          await gate;
        }
        return page;
      },
    });
    return { store, go, waiting };
  }

  test.each([
    ['has listed what was submitted', (operation: string, key: string) => operation === 'list' && key === 'log-queue/'],
    ['has read the head', (operation: string, key: string) => operation === 'put' && key.startsWith('log/')],
  ])('make one log, when the slower one %s hours before', async (_, until) => {
    await erase(3);
    service.clock.advance(2 * HOUR_MS);
    const slow = await stopped(until);
    const slowSweep = service.sweepOn(slow.store);
    await slow.waiting;
    const held: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      held.push((await service.sweep()).checkpoints.acme ?? '');
      await erase(2);
      service.clock.advance(2 * HOUR_MS);
    }
    slow.go();
    await slowSweep;
    held.push(...Object.values((await service.sweep()).checkpoints));
    const entries = await entriesOf();
    expect([entries.length, new Set(entries).size]).toEqual([9, 9]);
    expect(await findingsOf('acme', held)).toEqual([]);
  });
});

test('what comes too late to be in its place is submitted again, and takes another', async () => {
  const [early, later] = await erase(2);
  const [lateKey = ''] = await service.keys('log-queue/');
  const late = await service.store.get(lateKey);
  await service.remove(lateKey);
  await service.after(2 * HOUR_MS).sweep();
  const remaining = (await entriesOf()).length;
  expect(remaining).toBe(1);
  // The store shows it now, with the date of then.
  const lateStore = overriding(service.store, {
    list: async (prefix, options) => {
      const page = await service.store.list(prefix, options);
      const objects = page.objects.map((object) =>
        object.key === lateKey ? { ...object, lastModifiedMs: 0 } : object,
      );
      return { ...page, objects };
    },
  });
  await service.store.put(lateKey, late ?? new Uint8Array());
  expect((await service.sweepOn(lateStore)).logged).toBe(0);
  expect(await service.keys('log-queue/')).not.toContain(lateKey);
  await service.after(2 * HOUR_MS).sweep();
  const both = [early, later].map((receipt) => formatEntry(entryOf(receipt as Receipt) as never)).sort();
  expect((await entriesOf()).toSorted()).toEqual(both);
  expect(await findingsOf()).toEqual([]);
});

test('only what a key of the service has signed comes into a log, for the tenant that it names', async () => {
  await erase(1);
  const [own = ''] = await service.keys('log-queue/');
  const body = (await service.store.get(own)) ?? new Uint8Array();
  const stranger = await createSigner([privateJwk('stranger')]);
  const receipt = { keptUntil: '2027-01-01', jws: 'x' } as Receipt;
  await service.put('log-queue/acme/garbage', 'x');
  await service.put('log-queue/acme/torn', body.slice(0, 99));
  await service.put('log-queue/beta/of-another-tenant', body);
  const report = await service.after(2 * HOUR_MS).sweep();
  expect(report.problems).toEqual([expect.objectContaining({ code: 'log-submission-forged', count: 3 })]);
  expect([(await entriesOf()).length, (await entriesOf('beta')).length]).toEqual([1, 0]);

  // A key that this process does not have may be that of another: the log waits for who has it.
  await submitReceipts({ ...service.context, signer: stranger }, 'acme', [receipt]);
  await service.after(1).sweep();
  await erase(1);
  const waiting = await service.after(2 * HOUR_MS).sweep();
  expect(waiting.problems.map(({ code }) => code).sort()).toEqual(['log-key-unknown', 'log-submission-forged']);
  expect((await entriesOf()).length).toBe(1);
});

test('a submission that is put back when its receipts have expired is told, and its entries never come into the log again', async () => {
  await erase(1);
  const [key = ''] = await service.keys('log-queue/');
  const body = (await service.store.get(key)) ?? new Uint8Array();
  for (let sweeps = 0; sweeps < 2; sweeps += 1) await service.after(2 * HOUR_MS).sweep();
  await service.after(400 * DAY_MS).sweep();
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  await service.put('log-queue/acme/put-back', body);
  const report = await service.after(2 * HOUR_MS).sweep();
  expect(report).toMatchObject({ logged: 0, problems: [{ code: 'log-submission-expired' }] });
  // Behind its place it is none either.
  service.clock.step(-5 * HOUR_MS);
  await service.put('log-queue/acme/put-back', body);
  service.clock.step(5 * HOUR_MS);
  expect((await service.sweep()).problems).toEqual([expect.objectContaining({ code: 'log-submission-expired' })]);
  expect(await entriesOf()).toHaveLength(2);
  expect(await findingsOf()).toEqual([]);
});

test('whether receipts had expired is counted to the date of their submission: a log that waited for long takes them', async () => {
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  await erase(1);
  expect((await service.after(400 * DAY_MS).sweep()).logged).toBe(1);
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  expect(await entriesOf()).toHaveLength(3);
  expect(await findingsOf()).toEqual([]);
});

test('what is no submission takes the place of none, however much there is of it', async () => {
  await erase(1);
  const [submission = ''] = await service.keys('log-queue/');
  for (let at = 0; at < 5_100; at += 1) await service.put(`log-queue/acme/-${at}`, 'x');
  service.clock.advance(1);
  const body = (await service.store.get(submission)) ?? new Uint8Array();
  await service.remove(submission);
  await service.store.put(submission, body);
  expect((await service.after(2 * HOUR_MS).sweep()).logged).toBe(1);
});

test('what another sweep has removed since it was listed is in a later head: nothing is appended to this one', async () => {
  await erase(2);
  service.clock.advance(2 * HOUR_MS);
  const [submission = ''] = await service.keys('log-queue/');
  const get: ObjectStore['get'] = async (key) => (key === submission ? undefined : service.store.get(key));
  const report = await service.sweepOn(overriding(service.store, { get }));
  expect([report.logged, report.failed, report.problems]).toEqual([0, 0, []]);
  expect((await service.sweep()).logged).toBe(2);
});

test('what comes behind its place and is no submission, or by an unknown key, is told, and left where it is', async () => {
  const stranger = await createSigner([privateJwk('stranger')]);
  await service.put('log-queue/acme/forged', 'x');
  await submitReceipts({ ...service.context, signer: stranger }, 'acme', [
    { keptUntil: '2027-01-01', jws: 'x' } as Receipt,
  ]);
  const left = await service.keys('log-queue/');
  const bodies = await Promise.all(
    left.map(async (key) => ({ key, body: (await service.store.get(key)) ?? new Uint8Array() })),
  );
  await service.remove(...left);
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  service.clock.step(-3 * HOUR_MS);
  for (const { key, body } of bodies) await service.store.put(key, body);
  service.clock.step(3 * HOUR_MS);
  const { problems } = await service.sweep();
  expect(problems.map(({ code }) => code).sort()).toEqual(['log-key-unknown', 'log-submission-forged']);
  expect(await service.keys('log-queue/')).toEqual(expect.arrayContaining(left));
});

test('a submission whose name no head could hold is none', async () => {
  await erase(1);
  await service.put(`log-queue/acme/${'x'.repeat(900)}`, 'x');
  const report = await service.after(2 * HOUR_MS).sweep();
  expect(report.problems).toEqual([expect.objectContaining({ code: 'unknown-key' })]);
  expect(report.logged).toBe(1);
});

test('a head that says that it goes on from a time to come is not believed: it would keep all others out', async () => {
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  const [key = ''] = await service.keys('log/acme/heads/');
  const head = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString());
  const position = { ...head.position, storedAtMs: service.clock.now() + DAY_MS };
  await service.put(key, JSON.stringify({ ...head, position }));
  await erase(1);
  const { problems } = await service.after(2 * HOUR_MS).sweep();
  expect(problems).toEqual([expect.objectContaining({ code: 'log-head-unreadable' })]);
});

test('a sweep without a key tells that there is a log', async () => {
  const keyless = () => sweep({ ...service.sweepContext, signer: undefined });
  expect((await keyless()).problems).toEqual([]);
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  expect((await keyless()).problems).toEqual([expect.objectContaining({ code: 'signing-key-missing' })]);
});

test('a head that cannot be read, or a store that fails, stops a log and nothing else', async () => {
  await erase(1);
  await service.after(2 * HOUR_MS).sweep();
  const [head = ''] = await service.keys('log/acme/heads/');
  const good = await service.store.get(head);
  await service.put(head, '{');
  await erase(1);
  await erase(1, 'beta');
  const report = await service.after(2 * HOUR_MS).sweep();
  expect(report.problems).toEqual([expect.objectContaining({ code: 'log-head-unreadable' })]);
  expect(report.logged).toBe(1);
  await service.store.put(head, good ?? new Uint8Array());
  const failingStore = failing(service.store, 'put', 'log/');
  expect((await service.sweepOn(failingStore)).failed).toBe(1);
  expect((await service.sweep()).logged).toBe(1);
  expect(await findingsOf()).toEqual([]);
});

test('a head that no key has signed, or whose entries are not those of its checkpoint, is not built upon', async () => {
  await erase(2);
  await service.after(2 * HOUR_MS).sweep();
  const [key = ''] = await service.keys('log/acme/heads/');
  const good = (await service.store.get(key)) ?? new Uint8Array();
  const head = JSON.parse(Buffer.from(good).toString());
  const [first, second] = head.entries;
  const stranger = await createSigner([privateJwk('stranger')]);
  const root = new GrowingTree(2, [head.entries.map(leafOf)]).root;
  const forged = await stranger.signCheckpoint({ origin: originOf('acme'), size: 2, root });
  await erase(1);
  service.clock.advance(2 * HOUR_MS);
  for (const [changed, code] of [
    [{ checkpoint: forged }, 'log-key-unknown'],
    [{ entries: [second, first] }, 'log-head-unreadable'],
    [{ entries: [first, first] }, 'log-head-unreadable'],
  ] as const) {
    await service.put(key, JSON.stringify({ ...head, ...changed }));
    expect((await service.sweep()).problems).toEqual([expect.objectContaining({ code })]);
  }
  // A longer log that nobody has signed hides the true one, and is not believed either.
  await service.put('log/acme/heads/999999999990', JSON.stringify(head));
  expect((await service.sweep()).problems).toEqual([expect.objectContaining({ code: 'log-head-unreadable' })]);
  await service.remove('log/acme/heads/999999999990');
  await service.store.put(key, good);
  expect((await service.sweep()).logged).toBe(1);
  expect(await findingsOf()).toEqual([]);
});

test('a purge whose submission failed is repeated, and its receipt comes into the log', async () => {
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  const failingStore = failing(service.store, 'put', 'log-queue/');
  await expect(service.erase(ref, failingStore)).rejects.toThrow();
  expect(await service.objectsOf(ref)).not.toEqual([]);
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
  await service.after(2 * HOUR_MS).sweep();
  expect(await entriesOf()).toHaveLength(1);
  expect(await findingsOf()).toEqual([]);
});

test('a receipt that replaces another names it', async () => {
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  const first = await service.erase(ref);
  // A late request brought something back.
  await service.put(`attempts/acme/math/a1/${ref.recording}/media`, 'late');
  await service.makeDue(ref);
  await service.after(2 * HOUR_MS).sweep();
  const second = await service.receiptOf(ref);
  expect(second?.supersedes).toEqual([hashOfReceipt(first.jws ?? '')]);
  await service.after(2 * HOUR_MS).sweep();
  expect(await entriesOf()).toHaveLength(2);
  expect(await findingsOf()).toEqual([]);
});

test('nothing is taken over, or brought into the log, from a receipt that no key has signed', async () => {
  const stranger = await createSigner([privateJwk('stranger')]);
  const { jws: _, ...signed } = (await erase(1))[0] as Receipt;
  const planted = {
    ...signed,
    deadline: '2030-01-01T00:00:00.000Z',
    actor: 'planted',
  };
  for (const [place, sign] of [undefined, testSigner, stranger].entries()) {
    const ref = await service.begin({ attempt: `planted-${place}` });
    const claims = { ...planted, recordingId: ref.recording, attemptId: ref.attempt };
    // One has the signature of another receipt, one that of a stranger.
    const jws = await sign?.sign('receipt', Buffer.from(JSON.stringify(sign === stranger ? claims : planted)));
    await service.put(receiptKey(ref), JSON.stringify({ ...claims, jws }));
    const made = await service.after(2 * HOUR_MS).erase(ref);
    expect(made).toMatchObject({ actor: 'desk', supersedes: [] });
    expect(await openReceipt(made.jws ?? '', keys)).toMatchObject({
      recordingId: ref.recording,
      deadline: made.deadline,
    });
    expect(made.deadline).not.toBe(planted.deadline);
  }
});

test('two purges of one recording at once write two receipts, of which one stays and proves as much', async () => {
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  let isFirst = true;
  // The second purge runs from its beginning to its end while the first is about to write its receipt.
  const overtaken = replacing(service.store, 'put', 'receipts/', async (go) => {
    if (isFirst) {
      isFirst = false;
      await service.erase(ref);
    }
    return go();
  });
  await service.erase(ref, overtaken);
  await service.after(2 * HOUR_MS).sweep();
  const hashes = (await entriesOf()).map((entry) => parseEntry(entry)?.hash);
  expect(new Set(hashes).size).toBe(2);
  const report = await checkProof(await proofOf(), { keys, nowMs: service.clock.now() });
  expect(report).toMatchObject({ findings: [], receipts: 1, replaced: 1 });
});

test('a log outlives its receipts, and says for how long each was kept', async () => {
  await erase(2);
  await service.after(2 * HOUR_MS).sweep();
  await service.after(370 * DAY_MS).sweep();
  expect(await service.keys('receipts/')).toEqual([]);
  expect(await entriesOf()).toHaveLength(2);
  const report = await checkProof(await proofOf(), { keys, nowMs: service.clock.now() });
  expect(report).toMatchObject({ findings: [], expired: 2, receipts: 0 });
});

test('without a key nothing is signed, and there is no log', async () => {
  service = startRetention({ signer: null });
  const [receipt] = await erase(1);
  expect(receipt).not.toHaveProperty('jws');
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.keys('log')).toEqual([]);
});

test('a dry run leaves the log alone', async () => {
  await erase(1);
  await service.after(2 * HOUR_MS).sweep({ dryRun: true });
  expect(await service.keys('log/')).toEqual([]);
});

test('the signer of the simulator signs as the real one does', async () => {
  const sync = createSyncSigner(testSigner, privateJwk('test'));
  const document = Buffer.from('{"a":1}');
  const jws = await testSigner.sign('submission', document);
  expect(await sync.sign('submission', document)).toBe(jws);
  expect(await sync.open('submission', jws)).toEqual(await testSigner.open('submission', jws));
  expect([await sync.open('receipt', jws), await testSigner.open('receipt', jws)]).toEqual(['forged', 'forged']);
  const checkpoint = { origin: originOf('acme'), size: 3, root: new Uint8Array(32) };
  const note = await sync.signCheckpoint(checkpoint);
  expect(note).toBe(await testSigner.signCheckpoint(checkpoint));
  expect(await sync.openCheckpoint(note, checkpoint.origin)).toEqual(checkpoint);
  expect(await testSigner.openCheckpoint(note, checkpoint.origin)).toEqual(checkpoint);
  for (const signer of [sync, testSigner]) {
    expect(await signer.openCheckpoint(note.replace('\n3\n', '\n4\n'), checkpoint.origin)).toBe('forged');
  }
});

test('a receipt whose reply was lost comes into the log, although its manifest was gone before', async () => {
  const [receipt] = await erase(1);
  const ref = refOf(receipt as Receipt);
  await service.put(recordingKey(ref, 'media'), 'again');
  await service.makeDue(ref);
  const losing = replacing(service.store, 'put', receiptKey(ref), async (go) => {
    await go();
    throw new StoreError('unavailable', 'put', 'ReplyLost');
  });
  service.clock.advance(2 * HOUR_MS);
  expect(await service.sweepOn(losing)).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
  await service.after(2 * HOUR_MS).sweep();
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.after(4 * DAY_MS).kinds()).toEqual([]);
  expect((await entriesOf()).length).toBe(2);
});

test('a receipt that has just expired, and is found again by a purge of what came back, is not submitted any more', async () => {
  const [receipt] = await erase(1);
  const ref = refOf(receipt as Receipt);
  const body = (await service.store.get(receiptKey(ref))) ?? new Uint8Array();
  await service.after(2 * HOUR_MS).sweep();
  await service.after(400 * DAY_MS).put(receiptKey(ref), body);
  await service.put(recordingKey(ref, 'deleting'), '{}');
  await service.makeDue(ref);
  expect(await service.sweep()).toMatchObject({ provenBefore: 1, logged: 0, problems: [] });
  expect(await service.keys('log-queue/')).toEqual([]);
});
