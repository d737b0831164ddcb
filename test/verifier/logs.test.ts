// What `verify` finds in the logs of receipts, and between them and the receipts.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type LogEntry, originOf, parseEntry } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../../src/bucket/documents.ts';
import { LiveEntries } from '../../src/bucket/live-entries.ts';
import { ReceiptLog, submitReceipts } from '../../src/bucket/receipt-log.ts';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toDay, toIso } from '../../src/model/times.ts';
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
    keptUntil: toDay(service.clock.now() - DAY_MS),
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

test('a signed receipt that is not in the log yet is counted', async () => {
  const young = startRetention();
  const ref = await young.record();
  await young.after(2 * HOUR_MS).erase(ref);
  young.clock.advance(2 * HOUR_MS);
  const unlogged = { what: 'receipts-unlogged', count: 1 };
  expect((await young.verify()).notChecked).toContainEqual(unlogged);
  await young.sweep();
  expect((await young.verify()).notChecked).not.toContainEqual(unlogged);
  await young.remove(...(await young.keys('log')));
  expect(await young.verify()).toMatchObject({ findings: [], notChecked: expect.arrayContaining([unlogged]) });
});

test('what a head does not count yet is of a sweep that is at work, unless it is too large for that', async () => {
  const young = startRetention();
  const ref = await young.record();
  await young.after(2 * HOUR_MS).erase(ref);
  await young.after(2 * HOUR_MS).sweep();
  await young.put('log/acme/tile/0/000000000000', new Uint8Array(8192));
  await young.put('log/acme/entries/000000000000', new Uint8Array(30_000));
  expect(await young.kinds()).toEqual([]);
  await young.put('log/acme/tile/0/000000000000', new Uint8Array(8193));
  await young.put('log/acme/entries/000000000000', new Uint8Array(31_000));
  expect(await young.kinds()).toEqual(['unknown-key', 'unknown-key']);
});

test('an earlier head of the log that was left, or put back, is none that is wrong; one by an unknown key is told', async () => {
  const long = startRetention();
  const submit = (count: number, name: string) => {
    const at = toIso(long.clock.now() - DAY_MS);
    const receipts = Array.from({ length: count }, (_, index) => ({
      keptUntil: at.slice(0, 10),
      deadline: at,
      deletedAt: at,
      jws: `${name} ${index}`,
    }));
    return submitReceipts({ ...long.context, signer: testSigner }, 'acme', receipts as Receipt[]);
  };
  await submit(300, 'early');
  await long.after(2 * HOUR_MS).sweep();
  const [early = ''] = await long.keys('log/acme/heads/');
  const body = (await long.store.get(early)) ?? new Uint8Array();
  for (let sweeps = 0; sweeps < 3; sweeps += 1) {
    await submit(300, `later ${sweeps}`);
    await long.after(2 * HOUR_MS).sweep();
  }
  expect(await long.keys('log/acme/heads/')).not.toContain(early);
  await long.put(early, body);
  long.clock.advance(2 * HOUR_MS);
  expect(await long.kinds()).toEqual([]);
  // Of the log as it was, no tile may be missing; that one is said to be so, and nothing of the head.
  await long.remove('log/acme/tile/0/000000000000');
  expect(await long.kinds()).toEqual(['log-changed']);

  const stranger = await createSigner([privateJwk('stranger')]);
  const document = JSON.parse(Buffer.from(body).toString());
  const signed = await testSigner.openCheckpoint(document.checkpoint, originOf('acme'));
  if (typeof signed === 'string') throw new Error(signed);
  await long.put(early, JSON.stringify({ ...document, checkpoint: await stranger.signCheckpoint(signed) }));
  long.clock.advance(2 * HOUR_MS);
  expect(await long.kinds()).toEqual(['log-changed', 'log-key-unknown']);
});

test('what waits for its log is not submitted again, however often verify repairs', async () => {
  const waiting = startRetention();
  const stranger = await createSigner([privateJwk('stranger')]);
  const ref = await waiting.record();
  await submitReceipts({ ...waiting.context, signer: stranger }, 'acme', [
    { keptUntil: '2027-01-01', jws: 'x' } as Receipt,
  ]);
  await waiting.after(2 * HOUR_MS).erase(ref);
  await waiting.after(4 * DAY_MS).sweep();
  const kinds = ['log-key-unknown', 'log-submission-waiting', 'log-submission-waiting', 'receipt-not-in-log'];
  expect(await waiting.kinds()).toEqual(kinds);
  const queue = await waiting.keys('log-queue/');
  for (let times = 0; times < 2; times += 1) expect(await waiting.kinds({ fix: true })).toEqual(kinds);
  expect(await waiting.keys('log-queue/')).toEqual(queue);
  // Nobody ever had that key: without the object the log goes on.
  const unknown = (await waiting.verify()).findings.find(({ kind }) => kind === 'log-key-unknown');
  await waiting.remove(unknown?.key ?? '');
  await waiting.sweep();
  expect(await waiting.kinds()).toEqual([]);
});

test('receipts without a signature are of before there was a key, or are found', async () => {
  const keyless = startRetention({ signer: null });
  const refs: RecordingRef[] = [];
  for (let index = 0; index < 5; index += 1) refs.push(await keyless.record({ attempt: `a${index}` }));
  const [before, signed, rolledOut, later, last] = refs as [
    RecordingRef,
    RecordingRef,
    RecordingRef,
    RecordingRef,
    RecordingRef,
  ];
  const signing = startRetention({ on: keyless });
  await keyless.after(2 * HOUR_MS).erase(before);
  await signing.after(HOUR_MS).erase(signed);
  await keyless.after(DAY_MS).erase(rolledOut);
  await keyless.after(2 * DAY_MS).erase(later);
  await keyless.after(DAY_MS).erase(last);
  await signing.after(2 * HOUR_MS).sweep();
  // However few receipts are held in memory at once.
  for (const windowKeys of [1, 2, 50]) {
    const { findings, notChecked } = await verify({ ...signing.sweepContext, windowKeys });
    const found = findings.map(({ kind, key }) => `${kind} ${key}`).toSorted();
    const expected = windowKeys === 1 ? [last] : [later, last];
    expect(found).toEqual(expected.map((ref) => `receipt-unsigned ${receiptKey(ref)}`));
    expect(notChecked).toContainEqual({ what: 'receipts-unsigned', count: windowKeys === 1 ? 3 : 2 });
  }
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

describe('an entry that had expired before it came into its log', () => {
  const DAY0_MS = Date.UTC(2026, 10, 1);
  const day = (number: number) => toDay(DAY0_MS + number * DAY_MS);
  const entry = (index: number, keptUntil: string): LogEntry => {
    const hash = Buffer.alloc(32, index).toString('base64url');
    return { keptUntil, hash, recording: hash, generation: 0, leadSeconds: 0 };
  };
  /** Entries that are kept until a day, and of which each that is live has a receipt of the day that is given. */
  function outOfTime(log: readonly { tenant?: string; keptUntil: number; writtenOn?: number }[]) {
    const live = new LiveEntries();
    for (const [place, { tenant = 'acme', keptUntil, writtenOn }] of log.entries()) {
      if (writtenOn === undefined) live.pass(tenant, place, entry(place, day(keptUntil)));
      else live.add(tenant, place, entry(place, day(keptUntil)));
    }
    for (const [place, { keptUntil, writtenOn }] of log.entries()) {
      if (writtenOn !== undefined) live.account(entry(place, day(keptUntil)), [], DAY0_MS + writtenOn * DAY_MS);
    }
    return [...live.outOfTime()].map(({ place }) => place);
  }
  const young = { keptUntil: 400, writtenOn: 35 };

  test.each([
    ['stands behind a younger receipt', [young, { keptUntil: 31 }], [1]],
    ['stands before it', [{ keptUntil: 31 }, young], []],
    ['expired a moment before it was logged, as clocks and sweeps have it', [young, { keptUntil: 32 }], []],
    ['is of another tenant', [young, { tenant: 'beta', keptUntil: 1 }, { ...young, tenant: 'beta' }], []],
    [
      'is followed by others',
      [young, { keptUntil: 9 }, { keptUntil: 5 }, { keptUntil: 7 }, young, { keptUntil: 1 }],
      [2, 5],
    ],
    [
      'stands behind a live one, before which there is a younger',
      [young, { ...young, writtenOn: 1 }, { keptUntil: 3 }],
      [2],
    ],
    // Receipts are kept for a shorter time since then.
    ['was kept for less time than those before it', [{ ...young, writtenOn: 1 }, { keptUntil: 3 }], []],
  ])('is found where it %s', (_, log, places) => {
    expect(outOfTime(log)).toEqual(places);
  });
});
