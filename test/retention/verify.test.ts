import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { seedRecordings } from '../../bench/seed.ts';
import { type Manifest, type Receipt, type ReceiptIndex, toBody } from '../../src/domain/documents.ts';
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
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { purgeRecordings } from '../../src/retention/purge.ts';
import { newReceiptChain } from '../../src/retention/receipt-chain.ts';
import { verify } from '../../src/retention/verify.ts';
import { compare, type FindingKind, Findings, MAX_LISTED } from '../../src/retention/verify-report.ts';
import { readAttempt } from '../../src/storage/attempt-state.ts';
import { webm } from '../kit/fixtures.ts';
import { failing, meanwhile } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { due, ERASURE, readJson, remove } from './support.ts';

const MEDIA = { contentType: 'video/webm' };
let service: TestService;
beforeEach(() => {
  service = startTestService();
});

const kinds = async (options?: { fix?: boolean }) =>
  (await service.verify(options)).findings.map(({ kind }) => kind).sort();
const put = (key: string, body: string | Uint8Array = '') => service.store.put(key, Buffer.from(body));
const erase = (ref: RecordingRef) => deleteRecording(service.context, ref, ERASURE);
const unique = () => newUniqueName(randomBytes);
const indexOf = (...keys: string[]) => toBody({ version: 1, run: 'request-x', first: 1, previous: null, keys });

describe('verify', () => {
  test('finds nothing in an empty bucket, nor in one that is as it should be', async () => {
    expect(await service.verify()).toMatchObject({ wrong: 0, attempts: 0 });
    const ref = await service.record();
    await service.begin({ attempt: 'a2' });
    await assessAttempt(service.context, ref, service.clock.now());
    service.clock.advance(2 * HOUR_MS);
    await erase(await service.record({ attempt: 'a3' }));
    const counts = { attempts: 2, recordings: 2, receipts: 1, bytes: webm.length };
    expect(await service.verify()).toMatchObject({ wrong: 0, findings: [], ...counts });
  });

  test('finds an attempt whose only entry comes after its deadline, however young', async () => {
    const ref = await service.record();
    await remove(service, await service.keys('due/'));
    await put(dueAttemptKey(service.clock.now() + 40 * DAY_MS, ref, 'x'));
    expect(await kinds()).toEqual(['no-due-entry']);
  });

  test('finds a fact that nothing would ever delete', async () => {
    await assessAttempt(service.context, { tenant: 'acme', exam: 'math', attempt: 'empty' }, service.clock.now());
    await remove(service, await service.keys('due/'));
    expect(await kinds()).toEqual(['no-due-entry']);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
  });

  test('leaves a stray marker or upload alone while it is young, and an upload where no key of ours lies', async () => {
    await put(participantKey('p2', strayRef()));
    const ref = await service.begin();
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), MEDIA);
    await service.store.createMultipartUpload('elsewhere', MEDIA);
    expect(await kinds()).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['stray-marker', 'stray-upload', 'stray-upload']);
    expect(await kinds()).toEqual(['stray-upload']);
  });

  test('leaves the upload of a recording alone whose manifest cannot be read', async () => {
    const ref = await service.begin();
    await put(recordingKey(ref, 'manifest'), '{');
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['manifest-unreadable']);
    expect((await service.store.listMultipartUploads('')).uploads).toHaveLength(1);
  });

  test.each([2, -2])('refuses by a clock that is wrong by %i hours, and ends no upload', async (hours) => {
    const ref = await service.begin();
    await remove(service, [recordingKey(ref, 'manifest')]);
    const now = () => service.clock.now() + hours * HOUR_MS;
    for (const fix of [true, false]) {
      const refused = verify({ ...service.sweepContext, now }, { fix });
      await expect(refused).rejects.toMatchObject({ name: 'SweepRefused', code: 'clock-skew' });
    }
    expect((await service.store.listMultipartUploads('')).uploads).toHaveLength(1);
  });

  test.each([
    ['an attempt is deleted', { when: 'before', call: 'list', keys: 'due/' }],
    ['the recording of a marker is deleted', { when: 'after', call: 'list', keys: 'participants/', nth: 2 }],
  ] as const)('reports nothing when meanwhile %s', async (_, moment) => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const other = async () => {
      await erase(ref);
      await remove(service, await due(service, 'attempt'));
    };
    const report = await meanwhile(service.store, moment, other, (store) => verify({ ...service.sweepContext, store }));
    expect(report).toMatchObject({ wrong: 0, findings: [], recordings: 1, receipts: 1 });
  });

  test('reports what cannot be read, and goes on', async () => {
    const ref = await service.record();
    await service.record({ attempt: 'a2' });
    service.clock.advance(2 * HOUR_MS);
    const store = failing(service.store, 'get', recordingKey(ref, 'manifest'), 'AccessDenied');
    const unreadable = { kind: 'unreadable', key: recordingPrefix(ref), detail: 'AccessDenied' };
    const report = await verify({ ...service.sweepContext, store });
    expect(report).toMatchObject({ wrong: 1, recordings: 2, findings: [unreadable] });
  });

  test('asks the store for pages, and alone for nothing but manifests, tags and receipts', async () => {
    const past = { createdAtMs: service.clock.now() - 31 * DAY_MS, retentionMs: 30 * DAY_MS, tagged: true };
    await seedRecordings(service.store, 60, { ...past, name: 'math' });
    await seedRecordings(service.store, 20, { ...past, name: 'math-2' });
    await service.sweep();
    const young = { ...past, createdAtMs: service.clock.now() - 2 * HOUR_MS };
    await seedRecordings(service.store, 40, { ...young, name: 'math' });
    await seedRecordings(service.store, 20, { ...young, name: 'math-1' });
    service.clock.advance(2 * HOUR_MS);
    service.testStore.requests.length = 0;
    expect(await service.verify()).toMatchObject({ wrong: 0, recordings: 60, receipts: 80 });
    const asked = Map.groupBy(service.testStore.requests, ({ operation }) => operation);
    expect(asked.get('GetObjectTagging')).toHaveLength(60);
    // A manifest each, a receipt each, and the few indexes twice.
    expect(asked.get('GetObject')?.length).toBeLessThan(60 + 80 + 10);
    expect(asked.get('ListObjectsV2')?.length).toBeLessThan(20);
  });

  test('counts all of a kind, and lists a thousand', () => {
    const findings = new Findings();
    for (let index = 0; index <= MAX_LISTED; index += 1) findings.add('unknown-key', `k${index}`, '');
    const report = compare(findings, findings);
    const wrong = MAX_LISTED + 1;
    expect(report).toMatchObject({ wrong, kinds: [{ kind: 'unknown-key', found: wrong, fixed: 0 }] });
    expect(report.findings).toHaveLength(MAX_LISTED);
  });
});

describe('of receipts verify', () => {
  async function deleteMany(count: number): Promise<string[]> {
    for (let index = 0; index < count; index += 1) await service.record({ attempt: `a${index}` });
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
    return service.keys('receipts/');
  }

  /** As a sweep of many hundreds does: one chain of receipts, and an index for each of its batches, in order. */
  async function deleteInBatches(batches: number): Promise<(ReceiptIndex & { readonly key: string })[]> {
    const chain = newReceiptChain(service.sweepContext, 'sweep');
    for (let batch = 0; batch < batches; batch += 1) {
      const ref = await service.record({ attempt: `b${batch}` });
      await service.record({ attempt: `b${batch}` });
      const { recordings } = await readAttempt(service.store, ref);
      const why = { reason: 'retention', actor: 'sweeper', deadlineMs: service.clock.now() } as const;
      const doomed = recordings.map((state) => ({ state, ...why }));
      const outcomes = await purgeRecordings(service.sweepContext, doomed, false, chain);
      expect(outcomes).toMatchObject([{ receipt: { recordingId: recordings[0]?.ref.recording } }, { receipt: {} }]);
    }
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
    const keys = await due(service, 'receipts');
    const indexes = await Promise.all(
      keys.map(async (key) => ({ ...(await readJson<ReceiptIndex>(service, key)), key })),
    );
    return indexes.sort((a, b) => a.first - b.first);
  }

  test('finds one that is missing, at either end or in the middle', async () => {
    const receipts = await deleteMany(4);
    for (const key of [receipts[0] ?? '', receipts[2] ?? '', receipts[3] ?? '']) {
      const body = (await service.store.get(key)) ?? '';
      await remove(service, [key]);
      expect((await service.verify()).findings).toMatchObject([{ kind: 'receipt-missing', key }]);
      await put(key, body);
    }
    expect(await kinds()).toEqual([]);
  });

  test('finds one that was changed, wherever it is in its sweep and if it stands alone', async () => {
    await deleteMany(3);
    await erase(await service.record({ attempt: 'b1' }));
    service.clock.advance(2 * HOUR_MS);
    const receipts = await service.keys('receipts/');
    expect(receipts).toHaveLength(4);
    for (const key of receipts) {
      const receipt = await readJson<Receipt>(service, key);
      await put(key, toBody({ ...receipt, bytes: receipt.bytes + 1 }));
      expect(await kinds()).toEqual(['receipt-changed']);
      await put(key, '{');
      expect(await kinds()).toContain('unreadable');
      await put(key, toBody(receipt));
    }
    expect(await kinds()).toEqual([]);
  });

  test.each([
    ['the first', 0],
    ['one between two others', 1],
  ])('finds that of the batches of a sweep %s is missing', async (_, place) => {
    const indexes = await deleteInBatches(3);
    expect(indexes).toHaveLength(3);
    await remove(service, [indexes[place]?.key ?? '']);
    expect(new Set(await kinds())).toEqual(new Set(['receipt-missing', 'receipt-without-expiry']));
  });

  test.each([
    ['its index', {}],
    ['the batch after it, where its index is of an earlier version', { last: undefined }],
  ])('finds that the last receipt of a batch was changed, by %s', async (_, change) => {
    const indexes = await deleteInBatches(2);
    for (const { key, ...index } of indexes) await put(key, toBody({ ...index, ...change }));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
    const last = indexes[0]?.keys.at(-1) ?? '';
    await put(last, toBody({ ...(await readJson<Receipt>(service, last)), actor: 'someone' }));
    expect(await kinds()).toEqual(['receipt-changed']);
  });

  test('gives one that nothing would delete its end', async () => {
    const receipts = await deleteMany(2);
    await remove(service, await service.keys('due/'));
    expect(await kinds()).toEqual(['receipt-without-expiry', 'receipt-without-expiry']);
    service.clock.advance(100 * DAY_MS);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    service.clock.advance(266 * DAY_MS);
    expect((await service.sweep()).receiptsExpired).toBe(receipts.length);
  });

  test('lets the sweep delete those that are kept past their time, and audit events too', async () => {
    const ref = await service.record();
    await erase(ref);
    await service.context.audit.record({ event: 'erased', ref, actor: 'a', requestId: 'q' });
    service.clock.advance(398 * DAY_MS);
    expect(new Set(await kinds())).toEqual(new Set(['log-overdue']));
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    expect((await service.keys()).filter((key) => !key.includes('/attempt/'))).toEqual([]);
  });

  test('does not take a purge that has yet to be finished for a missing receipt', async () => {
    const ref = await service.record();
    await put(dueReceiptsKey(service.clock.now() + 365 * DAY_MS, 'x'), indexOf(receiptKey(ref)));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
  });

  test('finds an index that names what is no receipt', async () => {
    await put(dueReceiptsKey(service.clock.now() + DAY_MS, 'y'), indexOf('due/'));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['unknown-key']);
  });
});

const FAULTS = 200;

/** What `--fix` must not put right: it would need somebody's guess, or would wipe away the trace of a manipulation. */
const FOR_A_PERSON: readonly FindingKind[] = [
  'unknown-key',
  'manifest-unreadable',
  'unreadable',
  'receipt-missing',
  'receipt-changed',
];

/** Where faults are planted, each on a place of its own. */
interface Bucket {
  readonly live: RecordingRef[];
  readonly overdue: RecordingRef[];
  /** Deleted on request: each receipt stands alone. */
  readonly erased: RecordingRef[];
  /** Deleted by a sweep, two that follow each other in its chain. */
  readonly swept: [RecordingRef, RecordingRef][];
}

/** Puts a fault on a recording, and tells the key of what must be found. */
type Fault<Place> = readonly [kinds: readonly FindingKind[], plant: (place: Place) => Promise<readonly string[]>];

/** A fault at one key. */
async function at(key: string, fault: (key: string) => Promise<unknown>): Promise<readonly string[]> {
  await fault(key);
  return [key];
}
const mediaOf = (ref: RecordingRef) => recordingKey(ref, 'media');
const strayRef = (): RecordingRef => ({
  tenant: 'acme',
  exam: 'stray',
  attempt: 'a1',
  recording: newRecordingId(service.clock.now() - 3 * HOUR_MS, randomBytes),
});
const removeEntries = async ({ exam, attempt }: RecordingRef) =>
  remove(
    service,
    (await due(service, 'attempt')).filter((key) => key.includes(`/${exam}/${attempt}/`)),
  );
const openUpload = (key: string) => service.store.createMultipartUpload(key, MEDIA);
const retag = (key: string, tags: Record<string, string>) => service.store.tag(key, tags);

const LIVE: Record<string, Fault<RecordingRef>> = {
  'no due entry': [['no-due-entry'], (ref) => at(attemptPrefix(ref), () => removeEntries(ref))],
  'a due entry that comes too late': [
    ['no-due-entry'],
    async (ref) => {
      await removeEntries(ref);
      await put(dueAttemptKey(service.clock.now() + 60 * DAY_MS, ref, 'late'));
      return [attemptPrefix(ref)];
    },
  ],
  'media without a manifest': [
    ['media-without-manifest'],
    (ref) =>
      at(recordingPrefix(ref), () => remove(service, [recordingKey(ref, 'manifest'), participantKey('p1', ref)])),
  ],
  'a manifest cut short': [
    ['manifest-unreadable'],
    (ref) => at(recordingKey(ref, 'manifest'), (key) => put(key, '{"version":1,')),
  ],
  "another recording's manifest": [
    ['manifest-unreadable'],
    (ref) =>
      at(recordingKey(ref, 'manifest'), async (key) =>
        put(key, toBody({ ...(await readJson<Manifest>(service, key)), tenantId: 'other' })),
      ),
  ],
  'a tag that says a later day': [
    ['wrong-tags'],
    (ref) => at(mediaOf(ref), (key) => retag(key, { 'delete-by': '2099-01-01T00:00:00.000Z' })),
  ],
  'no tags': [['wrong-tags'], (ref) => at(mediaOf(ref), (key) => retag(key, {}))],
  'a second open upload': [['stray-upload'], (ref) => at(mediaOf(ref), openUpload)],
  'no marker': [['marker-missing'], (ref) => at(participantKey('p1', ref), (key) => remove(service, [key]))],
};

const OVERDUE: Record<string, Fault<RecordingRef>> = {
  'past its deadline': [['overdue'], (ref) => Promise.resolve([recordingPrefix(ref)])],
  'past its deadline, and nothing would delete it': [
    ['overdue', 'no-due-entry'],
    async (ref) => {
      await removeEntries(ref);
      return [recordingPrefix(ref), attemptPrefix(ref)];
    },
  ],
};

const ERASED: Record<string, Fault<RecordingRef>> = {
  'media that a receipt says are gone': [
    ['receipt-but-objects', 'media-without-manifest'],
    async (ref) => {
      await put(mediaOf(ref), 'again');
      return [recordingPrefix(ref), recordingPrefix(ref)];
    },
  ],
  'a receipt that nothing would delete': [
    ['receipt-without-expiry'],
    (ref) =>
      at(receiptKey(ref), async (receipt) => {
        for (const key of await due(service, 'receipts')) {
          const body = Buffer.from((await service.store.get(key)) ?? []).toString();
          if (body.includes(receipt)) await remove(service, [key]);
        }
      }),
  ],
};

const SWEPT: Record<string, Fault<[RecordingRef, RecordingRef]>> = {
  'a receipt taken away': [['receipt-missing'], ([ref]) => at(receiptKey(ref), (key) => remove(service, [key]))],
  'a receipt changed': [
    ['receipt-changed'],
    async ([ref, next]) => {
      const key = receiptKey(ref);
      await put(key, toBody({ ...(await readJson<Receipt>(service, key)), actor: 'nobody' }));
      return [receiptKey(next)];
    },
  ],
};

/** Before, after and between the folders of ours, and in each. */
const FOLDERS = ['0', 'zzz', 'elsewhere/', 'audit', 'attempts/', 'attempts/acme/math/a1/', 'receipts/acme/', 'due/'];
const UNKNOWN = [...FOLDERS, 'participants/acme/', 'audit/'].map(
  (place) => [`a key in ${place}`, [['unknown-key'], () => at(`${place}${unique()}`, put)]] as const,
);

const ANYWHERE: Record<string, Fault<undefined>> = {
  'an open upload of no recording': [['stray-upload'], () => at(mediaOf(strayRef()), openUpload)],
  'a marker of no recording': [['stray-marker'], () => at(participantKey('p2', strayRef()), put)],
  'an index of receipts past its time': [
    ['log-overdue'],
    () => at(dueReceiptsKey(service.clock.now() - 2 * DAY_MS, unique()), (key) => put(key, indexOf())),
  ],
  'an audit event past its time': [
    ['log-overdue'],
    () => at(auditKey(service.clock.now() - 400 * DAY_MS, strayRef(), 'link-issued', unique()), put),
  ],
  'an index of receipts that cannot be read': [
    ['unreadable'],
    () => at(dueReceiptsKey(service.clock.now() + DAY_MS, unique()), (key) => put(key, '[')),
  ],
  ...Object.fromEntries<Fault<undefined>>(UNKNOWN),
};

test(`verify finds every one of ${FAULTS} planted faults of all kinds and nothing else, and --fix leaves what is for a person`, async () => {
  const bucket = await layOut(8);
  const overdue = bucket.overdue.map((ref) => `overdue ${recordingPrefix(ref)}`);
  const clean = await service.verify();
  expect(clean.findings.filter(({ kind }) => kind !== 'overdue')).toEqual([]);

  const planted: string[] = [];
  async function plant<Place>(faults: Record<string, Fault<Place>>, places: (Place | undefined)[]): Promise<void> {
    const all = Object.values(faults);
    for (const [index, place] of places.entries()) {
      const [found, act] = all[index % all.length] as Fault<Place | undefined>;
      const keys = await act(place);
      planted.push(...found.map((kind, which) => `${kind} ${keys[which]}`));
    }
  }
  await plant(LIVE, bucket.live.slice(0, -20));
  await plant(OVERDUE, bucket.overdue);
  await plant(ERASED, bucket.erased);
  await plant(SWEPT, bucket.swept);
  await plant(
    ANYWHERE,
    Array.from({ length: 5 * Object.keys(ANYWHERE).length }, () => undefined),
  );
  service.clock.advance(2 * HOUR_MS);
  await put('doctor/while-it-runs');

  const lines = ({ findings }: Pick<typeof clean, 'findings'>) =>
    findings.map(({ kind, key }) => `${kind} ${key}`).sort();
  const expected = [...new Set([...planted, ...overdue])].sort();
  expect(lines(await service.verify())).toEqual(expected);
  expect(expected.length).toBeGreaterThanOrEqual(FAULTS);

  const media = async () => (await service.keys('attempts/')).filter((key) => /\/live\/.*\/media$/.test(key)).sort();
  const live = await media();
  const fixed = await service.verify({ fix: true });
  const left = lines({ findings: fixed.findings.filter((finding) => !finding.fixed) });
  expect(left).toEqual(expected.filter((line) => FOR_A_PERSON.some((kind) => line.startsWith(`${kind} `))));
  expect(lines(await service.verify({ fix: true }))).toEqual(left);

  // Nothing that is not due was deleted, but for what had lost its manifest.
  const orphans = planted.filter((line) => line.startsWith('media-without-manifest '));
  expect(await media()).toEqual(
    live.filter((key) => !orphans.some((line) => key.startsWith(line.split(' ')[1] ?? ''))),
  );
  const manifests = left.filter((line) => line.startsWith('manifest-unreadable ')).map((line) => line.split(' ')[1]);
  expect(await service.keys('attempts/')).toEqual(expect.arrayContaining(manifests));

  // Everything else goes on time; the assessment of what a person must look at stays with it.
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  const stay = (await service.keys('attempts/')).filter((key) => !key.includes('/assessed/'));
  expect(stay.filter((key) => !left.some((line) => line.endsWith(` ${key}`)))).toEqual([]);
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
  for (const ref of erased) await erase(ref);
  service.clock.advance(2 * HOUR_MS);
  await service.sweep();
  const overdue = await seedRecordings(service.store, 2 * rounds, { ...past, name: 'overdue', tagged: true });
  const chain = await Promise.all(
    swept.map(async (ref) => ({ ref, ...(await readJson<Receipt>(service, receiptKey(ref))).chain })),
  );
  const ordered = chain.sort((a, b) => a.sequence - b.sequence).map(({ ref }) => ref);
  const pairs = Array.from({ length: ordered.length / 2 }, (_, index) => ordered.slice(2 * index, 2 * index + 2));
  return { live, overdue, erased, swept: pairs as [RecordingRef, RecordingRef][] };
}
