// What `verify` finds among many faults, and what --fix repairs. Each kind of finding: test/verifier.
import { randomBytes, randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { type Manifest, type Receipt, type ReceiptIndex, toBody } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/objectstore/object-store.ts';
import type { Finding, FindingKind } from '../../src/verifier/findings.ts';
import { webm } from '../kit/fixtures.ts';
import { failing } from '../kit/interventions.ts';
import {
  attemptPrefix,
  auditKey,
  dueAttemptKey,
  dueReceiptsKey,
  participantKey,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from '../kit/keys.ts';
import { mediaKey } from '../kit/service.ts';
import { type RetentionService, receiptIndex, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

test('finds nothing in an empty bucket, nor in one that is as it should be, until a deadline has passed', async () => {
  expect(await service.verify()).toMatchObject({ wrong: 0, attempts: 0 });
  const ref = await service.record();
  await service.begin({ attempt: 'a2' });
  await service.assess(ref);
  await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
  await service.after(2 * HOUR_MS).erase(await service.record({ attempt: 'a3' }));
  const counts = { attempts: 2, recordings: 2, receipts: 1, auditEvents: 2, bytes: webm.length };
  expect(await service.verify()).toMatchObject({ wrong: 0, findings: [], ...counts });
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.after(30 * DAY_MS - 4 * HOUR_MS - MINUTE_MS).kinds()).toEqual([]);
  expect(await service.after(2 * MINUTE_MS).kinds()).toEqual(['overdue', 'overdue']);
});

test('finds an attempt or a fact that nothing would delete in time, however young, and --fix puts that right', async () => {
  const ref = await service.record();
  await service.assess({ ...ref, attempt: 'empty' });
  await service.remove(...(await service.keys('due/')));
  await service.put(dueAttemptKey(service.clock.now() + 30 * DAY_MS + MINUTE_MS, ref, 'x'));
  expect(await service.kinds()).toEqual(['no-due-entry', 'no-due-entry']);
  expect((await service.verify({ fix: true })).wrong).toBe(0);
});

test('leaves a stray marker or upload alone while it is young, and an upload that may belong to a recording', async () => {
  await service.put(participantKey('p2', strayRef()), 'begun');
  await openUpload(mediaKey(await service.begin()));
  await openUpload('elsewhere');
  const torn = await service.begin({ attempt: 'a2' });
  await service.put(recordingKey(torn, 'manifest'), '{');
  expect(await service.kinds()).toEqual([]);
  service.clock.advance(2 * HOUR_MS);
  const strays = ['stray-marker', 'stray-upload', 'stray-upload'];
  expect(await service.kinds({ fix: true })).toEqual(['manifest-unreadable', ...strays]);
  // One of two at a recording that is not stored may be the true one: an altered manifest must not have it ended.
  expect(await service.kinds()).toEqual(['manifest-unreadable', 'stray-upload', 'stray-upload']);
  expect((await service.openUploads()).map(({ key }) => key)).toContain(mediaKey(torn));
});

test('reports what cannot be read, and continues', async () => {
  const ref = await service.record();
  await service.record({ attempt: 'a2' });
  service.clock.advance(2 * HOUR_MS);
  const store = failing(service.store, 'get', recordingKey(ref, 'manifest'), 'AccessDenied');
  const unreadable = { kind: 'unreadable', key: recordingPrefix(ref), detail: 'get: AccessDenied' };
  expect(await service.verifyOn(store)).toMatchObject({ wrong: 1, recordings: 2, findings: [unreadable] });
});

test('reports a document that is too large to be read as one that is torn, and continues', async () => {
  const tooLarge = Buffer.alloc(MAX_SMALL_OBJECT_BYTES + 1, ' ');
  const ref = await service.record();
  const erased = await service.record({ attempt: 'a2' });
  await service.record({ attempt: 'a3' });
  service.clock.advance(2 * HOUR_MS);
  await service.erase(erased);
  const index = dueReceiptsKey(service.clock.now() + DAY_MS, 'x');
  const planted = [recordingKey(ref, 'manifest'), index, receiptKey(erased)];
  const found = async (body: Uint8Array, fix: boolean) => {
    for (const key of planted) await service.put(key, body);
    const { findings, recordings } = await service.verify({ fix });
    return { findings, recordings };
  };
  for (const fix of [false, true]) {
    const torn = await found(Buffer.from('{'), fix);
    expect(torn.findings.map(({ kind }) => kind)).toEqual(['manifest-unreadable', 'unreadable', 'unreadable']);
    expect(await found(tooLarge, fix)).toEqual(torn);
  }
});

test('asks the store for pages, and alone for nothing but documents and tags', async () => {
  await service.seed(60, 'math', 31 * DAY_MS);
  await service.seed(20, 'math-2', 31 * DAY_MS);
  await service.sweep();
  await service.seed(40, 'math', 2 * HOUR_MS);
  await service.seed(20, 'math-1', 2 * HOUR_MS);
  service.clock.advance(2 * HOUR_MS);
  service.testStore.requests.length = 0;
  expect(await service.verify()).toMatchObject({ wrong: 0, recordings: 60, receipts: 80 });
  const asked = Map.groupBy(service.testStore.requests, ({ operation }) => operation);
  expect(asked.get('GetObjectTagging')).toHaveLength(60);
  // A manifest, a mark and a timeline of an earlier version each, a receipt each, and the few indexes twice.
  expect(asked.get('GetObject')?.length).toBeLessThan(3 * 60 + 80 + 10);
  expect(asked.get('ListObjectsV2')?.length).toBeLessThan(22);
});

/** What `--fix` must not put right: it would need somebody's guess, or would wipe away the trace of a manipulation. */
const FOR_A_PERSON = ['unknown-key', 'manifest-unreadable', 'unreadable'];

/** The expected finding, its key, and how the test plants the fault. */
type Fault<Place> = readonly [
  found: FindingKind | readonly FindingKind[],
  at: (place: Place) => string,
  plant: (key: string, place: Place) => Promise<unknown>,
];

const manifestOf = (ref: RecordingRef) => recordingKey(ref, 'manifest');
const markerOf = (ref: RecordingRef) => participantKey('p1', ref);
const strayRef = (): RecordingRef => {
  const recording = newRecordingId(service.clock.now() - 3 * HOUR_MS, randomBytes);
  return { tenant: 'acme', exam: 'stray', attempt: 'a1', recording };
};
const put = (key: string) => service.put(key);
const openUpload = (key: string) => service.store.createMultipartUpload(key, { contentType: 'video/webm' });
const removeEntries = async (_: string, ref: RecordingRef) => service.remove(...(await service.due('attempt', ref)));
const leaveLateEntry = async (key: string, ref: RecordingRef) => {
  await removeEntries(key, ref);
  await service.put(dueAttemptKey(service.clock.now() + 30 * DAY_MS + MINUTE_MS, ref, 'late'));
};
const removeIndex = async (receipt: string) => {
  for (const key of await service.due('receipts'))
    if ((await service.readJson<ReceiptIndex>(key)).keys.includes(receipt)) await service.remove(key);
};
const change = async (key: string, by: Partial<Manifest & Receipt>) =>
  service.put(key, toBody({ ...(await service.readJson<Manifest & Receipt>(key)), ...by }));

const LIVE: Fault<RecordingRef>[] = [
  ['no-due-entry', attemptPrefix, removeEntries],
  ['no-due-entry', attemptPrefix, leaveLateEntry],
  ['media-without-manifest', recordingPrefix, (_, ref) => service.remove(manifestOf(ref), markerOf(ref))],
  ['manifest-unreadable', manifestOf, (key) => service.put(key, '{"version":1,')],
  // That of another recording.
  ['manifest-unreadable', manifestOf, (key) => change(key, { tenantId: 'other' })],
  ['wrong-tags', mediaKey, (key) => service.store.tag(key, { 'delete-by': '2099-01-01T00:00:00.000Z' })],
  ['wrong-tags', mediaKey, (key) => service.store.tag(key, {})],
  ['stray-upload', mediaKey, openUpload],
  ['marker-missing', markerOf, (key) => service.remove(key)],
];

const ERASED: Fault<RecordingRef>[] = [
  [['receipt-but-objects', 'media-without-manifest'], recordingPrefix, (_, ref) => service.put(mediaKey(ref), 'again')],
  ['receipt-without-expiry', receiptKey, removeIndex],
];

/** Before, after and between the folders of ours, and in each. */
const OURS = ['attempts/', 'attempts/acme/math/a1/', 'receipts/acme/', 'due/', 'participants/acme/', 'audit/'];
const FOLDERS = ['0', 'zzz', 'elsewhere/', 'audit', ...OURS];
const indexAt = (days: number) => dueReceiptsKey(service.clock.now() + days * DAY_MS, randomUUID());

const ANYWHERE: Fault<undefined>[] = [
  ['stray-upload', () => mediaKey(strayRef()), openUpload],
  ['stray-marker', () => participantKey('p2', strayRef()), (key) => service.put(key, 'begun')],
  ['log-overdue', () => indexAt(-2), (key) => service.put(key, receiptIndex())],
  ['log-overdue', () => auditKey(service.clock.now() - 400 * DAY_MS, strayRef(), 'link-issued', randomUUID()), put],
  ['unreadable', () => indexAt(1), (key) => service.put(key, '[')],
  ...FOLDERS.map((folder): Fault<undefined> => ['unknown-key', () => `${folder}${randomUUID()}`, put]),
];

test('verify finds 200 planted faults and nothing else, and --fix leaves what is for a person', async () => {
  const live = await service.seed(100, 'live', 2 * HOUR_MS, true);
  const erased = await service.seed(16, 'erased', 2 * HOUR_MS);
  await service.seed(16, 'swept', 31 * DAY_MS);
  service.clock.advance(2 * HOUR_MS);
  for (const ref of erased) await service.erase(ref);
  await service.sweep();
  expect(await service.after(2 * HOUR_MS).kinds()).toEqual([]);
  const overdue = await service.seed(16, 'overdue', 31 * DAY_MS);

  const planted = overdue.map((ref) => `overdue ${recordingPrefix(ref)}`);
  async function plant<Place>(faults: readonly Fault<Place>[], places: readonly Place[]): Promise<void> {
    for (const [index, place] of places.entries()) {
      const [found, at, act] = faults[index % faults.length] as Fault<Place>;
      const key = at(place);
      await act(key, place);
      planted.push(...[found].flat().map((kind) => `${kind} ${key}`));
    }
  }
  // The last of them are left as they are.
  await plant(LIVE, live.slice(0, -20));
  await plant([['no-due-entry', attemptPrefix, removeEntries]], overdue.slice(8));
  await plant(ERASED, erased);
  await plant(ANYWHERE, Array(5 * ANYWHERE.length).fill(undefined));
  await service.after(2 * HOUR_MS).put('doctor/while-it-runs');
  const lines = (findings: readonly Finding[]) => findings.map(({ kind, key }) => `${kind} ${key}`).sort();
  expect(lines((await service.verify()).findings)).toEqual(planted.toSorted());
  expect(planted.length).toBeGreaterThanOrEqual(200);

  const media = async () => (await service.keys('attempts/')).filter((key) => /\/live\/.*\/media$/.test(key));
  const before = await media();
  const fixed = await service.verify({ fix: true });
  // What has lost its manifest is kept until its deadline, and reported until then.
  const isLost = (line: string) => line.startsWith('media-without-manifest attempts/acme/live/');
  const isForPerson = (line: string) => FOR_A_PERSON.some((kind) => line.startsWith(`${kind} `));
  const left = planted.filter((line) => isLost(line) || isForPerson(line)).sort();
  expect(lines(fixed.findings.filter((finding) => !finding.fixed))).toEqual(left);
  expect(lines((await service.verify({ fix: true })).findings)).toEqual(left);

  // Nothing that is not due was deleted.
  expect(await media()).toEqual(before);
  // Everything else goes on time; the assessment of what a person must look at stays with it.
  await service.after(31 * DAY_MS).sweep();
  const stay = (await service.keys('attempts/')).filter((key) => !key.includes('/assessed/'));
  expect(stay).toEqual(
    left
      .flatMap((line) => (line.includes(' attempts/') && !isLost(line) ? [String(line.split(' ')[1])] : []))
      .toSorted(),
  );
});
