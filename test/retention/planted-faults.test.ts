import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { seedRecordings } from '../../bench/seed.ts';
import { type Receipt, toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { newRecordingId, newUniqueName, type RecordingRef } from '../../src/domain/ids.ts';
import {
  attemptPrefix,
  auditKey,
  dueAttemptKey,
  dueReceiptsKey,
  participantKey,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from '../../src/domain/keys.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import type { FindingKind } from '../../src/retention/verify-report.ts';
import { startTestService, type TestService } from '../kit/service.ts';

const FAULTS = 200;

/** What `--fix` must not put right: it would need somebody's guess, or would wipe away the trace of a manipulation. */
const FOR_A_PERSON = new Set<FindingKind>([
  'unknown-key',
  'manifest-unreadable',
  'unreadable',
  'receipt-missing',
  'receipt-changed',
]);

type Planted = readonly [FindingKind, string];

let service: TestService;
beforeEach(async () => {
  service = startTestService();
});
afterEach(() => service.close());

/** Every kind of fault, in its variants; each is planted on a recording of its own and tells what must be found. */
const PLANTS: Readonly<Record<string, (bucket: Bucket) => Promise<readonly Planted[]>>> = {
  'past its deadline': async ({ overdue }) => [['overdue', recordingPrefix(next(overdue))]],
  'past its deadline, and nothing would delete it': async (bucket) => {
    const overdue = next(bucket.overdue);
    await removeEntries(overdue);
    return [
      ['overdue', recordingPrefix(overdue)],
      ['no-due-entry', attemptPrefix(overdue)],
    ];
  },
  'no due entry': async (bucket) => {
    const live = next(bucket.live);
    await removeEntries(live);
    return [['no-due-entry', attemptPrefix(live)]];
  },
  'a due entry that comes too late': async (bucket) => {
    const live = next(bucket.live);
    await removeEntries(live);
    await service.store.put(dueAttemptKey(service.clock.now() + 60 * DAY_MS, live, 'late'), new Uint8Array());
    return [['no-due-entry', attemptPrefix(live)]];
  },
  'media without a manifest': async (bucket) => {
    const live = next(bucket.live);
    await service.store.delete([{ key: recordingKey(live, 'manifest') }, { key: participantKey('p1', live) }]);
    return [['media-without-manifest', recordingPrefix(live)]];
  },
  'a manifest cut short': async (bucket) => {
    const live = next(bucket.live);
    await service.store.put(recordingKey(live, 'manifest'), Buffer.from('{"version":1,'));
    return [['manifest-unreadable', recordingKey(live, 'manifest')]];
  },
  "another recording's manifest": async (bucket) => {
    const live = next(bucket.live);
    const body = await service.store.get(recordingKey(live, 'manifest'));
    const other = Buffer.from(body ?? [])
      .toString()
      .replace('"tenantId":"acme"', '"tenantId":"other"');
    await service.store.put(recordingKey(live, 'manifest'), Buffer.from(other));
    return [['manifest-unreadable', recordingKey(live, 'manifest')]];
  },
  'a tag that says a later day': async (bucket) => {
    const live = next(bucket.live);
    await service.store.tag(recordingKey(live, 'media'), { 'delete-by': '2099-01-01T00:00:00.000Z' });
    return [['wrong-tags', recordingKey(live, 'media')]];
  },
  'no tags': async (bucket) => {
    const live = next(bucket.live);
    await service.store.tag(recordingKey(live, 'media'), {});
    return [['wrong-tags', recordingKey(live, 'media')]];
  },
  'a second open upload': async (bucket) => {
    const live = next(bucket.live);
    await service.store.createMultipartUpload(recordingKey(live, 'media'), { contentType: 'video/webm' });
    return [['stray-upload', recordingKey(live, 'media')]];
  },
  'an open upload of no recording': async () => {
    const ref = { tenant: 'acme', exam: 'stray', attempt: 'a1', recording: newId() };
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    return [['stray-upload', recordingKey(ref, 'media')]];
  },
  'no marker': async (bucket) => {
    const live = next(bucket.live);
    await service.store.delete([{ key: participantKey('p1', live) }]);
    return [['marker-missing', participantKey('p1', live)]];
  },
  'a marker of no recording': async () => {
    const key = participantKey('p2', { tenant: 'acme', exam: 'stray', attempt: 'a1', recording: newId() });
    await service.store.put(key, new Uint8Array());
    return [['stray-marker', key]];
  },
  'media that a receipt says are gone': async (bucket) => {
    const erased = next(bucket.erased);
    await service.store.put(recordingKey(erased, 'media'), Buffer.from('again'));
    return [
      ['receipt-but-objects', recordingPrefix(erased)],
      ['media-without-manifest', recordingPrefix(erased)],
    ];
  },
  'a receipt taken away': async (bucket) => {
    const [swept] = next(bucket.swept);
    await service.store.delete([{ key: receiptKey(swept) }]);
    return [['receipt-missing', receiptKey(swept)]];
  },
  'a receipt changed': async (bucket) => {
    const [swept, sweptNext] = next(bucket.swept);
    const receipt = JSON.parse(Buffer.from((await service.store.get(receiptKey(swept))) ?? []).toString()) as Receipt;
    await service.store.put(receiptKey(swept), toBody({ ...receipt, actor: 'nobody' }));
    return [['receipt-changed', receiptKey(sweptNext)]];
  },
  'a receipt that nothing would delete': async (bucket) => {
    const erased = next(bucket.erased);
    for (const key of await service.keys('due/')) {
      const body = key.includes('/receipts/') ? await service.store.get(key) : undefined;
      if (body && Buffer.from(body).toString().includes(erased.recording)) await service.store.delete([{ key }]);
    }
    return [['receipt-without-expiry', receiptKey(erased)]];
  },
  'an index of receipts past its time': async () => {
    const key = dueReceiptsKey(service.clock.now() - 2 * DAY_MS, unique());
    await service.store.put(key, toBody({ version: 1, run: 'request-x', first: 1, previous: null, keys: [] }));
    return [['log-overdue', key]];
  },
  'an audit event past its time': async (bucket) => {
    const live = next(bucket.live);
    const key = auditKey(service.clock.now() - 400 * DAY_MS, live, 'link-issued', unique());
    await service.store.put(key, Buffer.from('{}'));
    return [['log-overdue', key]];
  },
  'an index of receipts that cannot be read': async () => {
    const key = dueReceiptsKey(service.clock.now() + DAY_MS, unique());
    await service.store.put(key, Buffer.from('['));
    return [['unreadable', key]];
  },
  'a key in no folder of ours': () => unknown(`elsewhere/${unique()}`),
  'a key among the recordings': () => unknown(`attempts/acme/math/a1/${unique()}`),
  'a key among the receipts': () => unknown(`receipts/acme/${unique()}`),
  'a key in the index': () => unknown(`due/${unique()}`),
  'a key among the participants': () => unknown(`participants/acme/${unique()}`),
  'a key in the audit trail': () => unknown(`audit/${unique()}`),
};

/** Where faults may be planted, each on a place of its own. */
interface Bucket {
  readonly live: RecordingRef[];
  readonly overdue: RecordingRef[];
  /** Deleted on request: each receipt stands alone. */
  readonly erased: RecordingRef[];
  /** Deleted by a sweep, two that follow each other in its chain. */
  readonly swept: [RecordingRef, RecordingRef][];
}

function next<T>(places: T[]): T {
  const place = places.shift();
  if (!place) throw new Error('no place is left for a fault');
  return place;
}

test(`verify finds every one of ${FAULTS} planted faults of all kinds and nothing else, and none on a clean bucket`, async () => {
  const rounds = Math.ceil(FAULTS / Object.keys(PLANTS).length);
  const bucket = await layOut(rounds);
  const overdue = bucket.overdue.map((ref): Planted => ['overdue', recordingPrefix(ref)]);
  const clean = await service.verify();
  expect(clean.findings.filter(({ kind }) => kind !== 'overdue')).toEqual([]);

  const plants = Object.values(PLANTS);
  const planted: Planted[] = [];
  for (let index = 0; index < FAULTS; index += 1)
    planted.push(...((await plants[index % plants.length]?.(bucket)) ?? []));
  service.clock.advance(2 * HOUR_MS);

  const expected = [...new Set([...planted, ...overdue].map((finding) => finding.join(' ')))].sort();
  const found = await service.verify();
  expect(found.findings.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual(expected);
  expect(expected.length).toBeGreaterThanOrEqual(FAULTS);

  const live = (await service.keys('attempts/')).filter((key) => key.endsWith('/media') && key.includes('/live/'));
  const fixed = await service.verify({ fix: true });
  const left = fixed.findings.filter((finding) => !finding.fixed).map(({ kind, key }) => `${kind} ${key}`);
  expect(left.sort()).toEqual(expected.filter((line) => FOR_A_PERSON.has(line.split(' ')[0] as FindingKind)));
  const again = await service.verify({ fix: true });
  expect(again.findings.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual(left);

  // Nothing that is not due was deleted, but for what had lost its manifest.
  const orphans = planted.filter(([kind]) => kind === 'media-without-manifest').map(([, key]) => `${key}media`);
  const stay = live.filter((key) => !orphans.includes(key));
  expect((await service.keys('attempts/')).filter((key) => key.endsWith('/media')).sort()).toEqual(stay.sort());
});

/** A bucket in which nothing is wrong but that some recordings are overdue, with room for `rounds` faults of each kind. */
async function layOut(rounds: number): Promise<Bucket> {
  const twoHoursAgoMs = service.clock.now() - 2 * HOUR_MS;
  const past = { createdAtMs: service.clock.now() - 31 * DAY_MS, retentionMs: 30 * DAY_MS };
  const swept = await seedRecordings(service.store, 4 * rounds, { ...past, name: 'swept' });
  const young = { createdAtMs: twoHoursAgoMs, retentionMs: 30 * DAY_MS, tagged: true };
  const erased = await seedRecordings(service.store, 2 * rounds, { ...young, name: 'erased' });
  const live = await seedRecordings(service.store, 12 * rounds, { ...young, name: 'live', assessed: true });
  service.clock.advance(2 * HOUR_MS);
  for (const ref of erased) await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
  service.clock.advance(2 * HOUR_MS);
  await service.sweep();
  const overdue = await seedRecordings(service.store, 2 * rounds, { ...past, name: 'overdue', tagged: true });
  const chain = await inChainOrder(swept);
  const pairs = Array.from({ length: chain.length / 2 }, (_, index) => chain.slice(2 * index, 2 * index + 2));
  return { live, overdue, erased, swept: pairs as [RecordingRef, RecordingRef][] };
}

async function inChainOrder(refs: readonly RecordingRef[]): Promise<RecordingRef[]> {
  const placed = await Promise.all(
    refs.map(async (ref) => {
      const body = await service.store.get(receiptKey(ref));
      const { chain } = JSON.parse(Buffer.from(body ?? []).toString()) as Receipt;
      return { ref, sequence: chain.sequence };
    }),
  );
  return placed.sort((a, b) => a.sequence - b.sequence).map(({ ref }) => ref);
}

async function unknown(key: string): Promise<readonly Planted[]> {
  await service.store.put(key, new Uint8Array());
  return [['unknown-key', key]];
}

async function removeEntries({ exam, attempt }: RecordingRef): Promise<void> {
  const entries = (await service.keys('due/')).filter((key) => key.includes(`/${exam}/${attempt}/`));
  await service.store.delete(entries.map((key) => ({ key })));
}

function newId(): string {
  return newRecordingId(service.clock.now() - 3 * HOUR_MS, randomBytes);
}

function unique(): string {
  return newUniqueName(randomBytes);
}
