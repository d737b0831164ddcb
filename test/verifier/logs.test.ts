// What `verify` finds in the logs of receipts, and between them and the receipts.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type LogEntry, parseEntry } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../../src/bucket/documents.ts';
import { LiveEntries } from '../../src/bucket/live-entries.ts';
import { ReceiptLog, submitReceipts } from '../../src/bucket/receipt-log.ts';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { verify } from '../../src/verifier/verify.ts';
import { receiptKey } from '../kit/keys.ts';
import { privateJwk, testSigner } from '../kit/signer.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

let service: RetentionService;
const refs: RecordingRef[] = [];

async function erase(tenant = 'acme'): Promise<RecordingRef> {
  const ref = await service.record({ tenant, attempt: `a${service.clock.now()}` });
  service.clock.advance(2 * HOUR_MS);
  await service.erase(ref);
  return ref;
}

/** Logs with a whole tile: 300 entries whose receipts were kept until yesterday, and three that are kept. */
beforeAll(async () => {
  service = startRetention();
  const [receipt] = [await service.erase(await service.after(2 * HOUR_MS).record())];
  const expired = Array.from({ length: 300 }, (_, index) => ({
    ...receipt,
    recordingId: newRecordingId(index, (count) => Buffer.alloc(count, index)),
    keptUntil: '2026-01-01',
    jws: `${receipt?.jws}${index}`,
  })) as Receipt[];
  await submitReceipts({ ...service.context, signer: testSigner }, 'acme', expired);
  await service.after(2 * HOUR_MS).sweep();
  refs.push(await erase(), await erase(), await erase('beta'));
  await service.after(2 * HOUR_MS).sweep();
  await service.after(3 * DAY_MS).sweep();
});

let kept: { key: string; body: Uint8Array }[];
beforeEach(async () => {
  kept ??= await Promise.all(
    (await service.keys()).map(async (key) => ({ key, body: (await service.store.get(key)) ?? new Uint8Array() })),
  );
});

/** What `verify` finds after a change of the bucket, which is undone. */
async function during(change: () => Promise<unknown>): Promise<string[]> {
  const bodies = new Map(kept.map(({ key, body }) => [key, body]));
  try {
    await change();
    return [...new Set(await service.kinds())];
  } finally {
    await service.remove(...(await service.keys()).filter((key) => !bodies.has(key)));
    for (const [key, body] of bodies) {
      const now = await service.store.get(key);
      if (!now || Buffer.compare(now, body) !== 0) await service.store.put(key, body);
    }
  }
}

const [headKey, otherHead] = ['log/acme/heads/', 'log/beta/heads/'];
const headOf = async (prefix = headKey) => (await service.keys(prefix))[0] ?? '';
const read = async <T>(key: string) => service.readJson<T>(key);
const change = async (key: string, make: (body: Buffer) => Uint8Array) =>
  service.store.put(key, make(Buffer.from((await service.store.get(key)) ?? [])));
const flipped = (body: Buffer) => {
  body[40] = (body[40] ?? 0) ^ 1;
  return body;
};
const receiptOf = (index: number) => receiptKey(refs[index] as RecordingRef);

test('nothing, where all is as it was written', async () => {
  expect(await service.kinds()).toEqual([]);
  expect((await service.verify()).notChecked.map(({ what }) => what)).not.toContain('signatures');
});

describe('a receipt', () => {
  test('that was removed is missed by the log, also when nothing else in the bucket names it', async () => {
    const indexes = await service.due('receipts');
    const found = await during(async () => {
      await service.remove(receiptOf(0));
      for (const key of indexes) {
        if ((await read<{ keys: string[] }>(key)).keys.includes(receiptOf(0))) await service.remove(key);
      }
    });
    expect(found).toContain('receipt-missing');
  });

  test('that does not say what was signed, is forged, and one that is signed by another key is told apart', async () => {
    const stranger = await createSigner([privateJwk('test')]);
    const other = await createSigner([privateJwk('stranger'), privateJwk('test')]);
    expect(
      await during(() => change(receiptOf(0), (body) => Buffer.from(body.toString().replace('desk', 'nobody')))),
    ).toContain('receipt-forged');
    const { jws: _, ...claims } = await read<Receipt>(receiptOf(0));
    const signed = async (by: typeof stranger, wrong: Partial<Receipt>) =>
      JSON.stringify({
        ...claims,
        ...wrong,
        jws: await by.sign('receipt', Buffer.from(JSON.stringify({ ...claims, ...wrong }))),
      });
    expect(await during(async () => service.put(receiptOf(0), await signed(other, {})))).toContain('log-key-unknown');
    // Whoever has the key itself can write a twin of a receipt; what the log says of it, such as its lead, stays.
    expect(await during(async () => service.put(receiptOf(0), await signed(stranger, { bytes: 1 })))).toEqual(
      expect.arrayContaining(['receipt-changed']),
    );
  });

  test('whose submission was removed never came into the log', async () => {
    await erase();
    const [submission = ''] = await service.keys('log-queue/');
    await service.remove(submission);
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.kinds()).toEqual([]);
    service.clock.advance(3 * DAY_MS);
    expect(await service.kinds()).toEqual(['receipt-not-in-log']);
    kept = [];
    for (const key of await service.keys())
      kept.push({ key, body: (await service.store.get(key)) ?? new Uint8Array() });
  });
});

test('where there is a log and no key, that is found once', async () => {
  const { findings } = await verify({ ...service.sweepContext, signer: undefined });
  expect(findings.filter(({ kind }) => kind.startsWith('log-'))).toMatchObject([{ kind: 'log-key-missing' }]);
});

test('a log of which a bundle of entries is missing ends before it, and does not say what is not in it', async () => {
  const log = new ReceiptLog(service.store, 'acme', testSigner);
  const stored = await log.head();
  if (!stored || typeof stored === 'string') throw new Error('there is no head');
  const first = parseEntry((await log.readEntries(0))?.[0] ?? '') as LogEntry;
  expect(await log.indexOf(first, stored.head)).toBe(0);
  expect(await log.indexOf({ ...first, generation: 7 }, stored.head)).toBeUndefined();
  await during(async () => {
    await service.remove('log/acme/entries/000000000000');
    await expect(log.indexOf(first, stored.head)).rejects.toThrow(RangeError);
    expect(await Array.fromAsync(log.bundles(stored.head))).toEqual([]);
  });
});

describe('a log', () => {
  const expectNoted = async (kind: string, act: () => Promise<unknown>) => expect(await during(act)).toContain(kind);

  test('whose head is torn, forged, hidden by a longer one, or gone', async () => {
    const [head, other] = [await headOf(), await headOf(otherHead)];
    await expectNoted('log-head-unreadable', () => service.put(head, '{'));
    await expectNoted('log-head-unreadable', () =>
      change(head, (body) => Buffer.from(body.toString().replace('"entries":["1 2026', '"entries":["1 2025'))),
    );
    await expectNoted('log-head-unreadable', async () =>
      service.store.put('log/acme/heads/999999990000', (await service.store.get(head)) ?? new Uint8Array()),
    );
    const heads = await service.keys(headKey);
    await expectNoted('log-head-unreadable', () => service.remove(...heads));
    // A log of fewer entries than a tile has nothing but its head.
    await expectNoted('receipt-not-in-log', () => service.remove(other));
  });

  test.each(['log/acme/tile/0/000000000000', 'log/acme/entries/000000000000'])(
    'whose %s is missing, damaged or cut',
    async (key) => {
      await expectNoted('log-changed', () => service.remove(key));
      await expectNoted('log-changed', () => change(key, flipped));
      await expectNoted('log-changed', () => change(key, (body) => body.subarray(0, -1)));
    },
  );

  test('that a stranger wants to extend, or in which something is no key of it', async () => {
    const stranger = await createSigner([privateJwk('stranger')]);
    await expectNoted('log-submission-forged', () => service.put('log-queue/acme/x', 'nonsense'));
    await expectNoted('unknown-key', () => service.put('log/acme/heads/1', ''));
    await expectNoted('unknown-key', () => service.put('log-queue/x', ''));
    const receipt = await read<Receipt>(receiptOf(0));
    await submitReceipts({ ...service.context, signer: stranger }, 'acme', [receipt]);
    service.clock.advance(3 * DAY_MS);
    expect(await service.kinds()).toContain('log-submission-waiting');
    await service.remove(...(await service.keys('log-queue/')));
  });
});

test('without the key signatures are not checked, and that is said', async () => {
  const blind = startRetention({ signer: null, on: service });
  const { notChecked } = await blind.verify();
  expect(notChecked.map(({ what }) => what)).toContain('signatures');
});

test('entries are found by their recordings, however many there are, and the rest is told in order', () => {
  const live = new LiveEntries();
  const hash = (index: number) =>
    Buffer.from(String(index).padStart(32, '0')).toString('base64url').split('').reverse().join('');
  const entry = (index: number, change: Partial<LogEntry> = {}) => ({
    keptUntil: '2026-11-30',
    hash: hash(index),
    recording: hash(index),
    generation: 0,
    leadSeconds: 0,
    ...change,
  });
  for (let index = 0; index < 3000; index += 1) live.add(index < 2000 ? 'a' : 'b', index, entry(index));
  // Of another purge at once, of another generation, and of another day.
  const twin = { hash: hash(5000), keptUntil: '2026-12-02' };
  for (let index = 0; index < 3000; index += 1) {
    if (index % 1000 !== 7) expect(live.account(entry(index, index % 2 === 0 ? {} : twin))).toBe(true);
  }
  for (const change of [{ generation: 1 }, { keptUntil: '2026-12-03' }]) {
    expect(live.account(entry(7, { hash: hash(5000), ...change }))).toBe(false);
  }
  expect(live.account(entry(3001))).toBe(false);
  // What a receipt of another recording says that it supersedes counts for nothing.
  live.account(entry(8), [hash(7)]);
  const open = [
    { tenant: 'a', place: 7 },
    { tenant: 'a', place: 1007 },
    { tenant: 'b', place: 2007 },
  ];
  expect([...live.unaccounted()]).toEqual(open);
  live.account(entry(7, { hash: hash(5000), generation: 1 }), [hash(7)]);
  expect([...live.unaccounted()]).toEqual(open.slice(1));
});
