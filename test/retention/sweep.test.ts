import { beforeEach, describe, expect, test } from '@jest/globals';
import { toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/domain/ids.ts';
import { dueAttemptKey, participantKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../../src/domain/times.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { newTally, toReport } from '../../src/retention/sweep-report.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { failing, keeping, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { due, ERASURE, remove } from './support.ts';

const receiptIndex = (keys: string[] = []) => toBody({ version: 1, run: 'r', first: 1, previous: null, keys });
const LONG_AGO = 'due/20200101T000000000Z/receipts';

let service: TestService;
beforeEach(() => {
  service = startTestService();
});

const sweepOn = (store: ObjectStore) => sweep({ ...service.sweepContext, store });
const put = (key: string, body: string | Uint8Array = '') => service.store.put(key, Buffer.from(body));
const erase = (ref: RecordingRef) => deleteRecording(service.context, ref, ERASURE);
const assess = (ref: Omit<RecordingRef, 'recording'>, atMs = service.clock.now()) =>
  assessAttempt(service.context, ref, atMs);
const isStored = async (ref: RecordingRef) => (await readRecordingView(service.context, ref)).state === 'stored';
const link = (ref: RecordingRef) =>
  service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
/** An entry in the index that makes the next sweep look. */
const makeDue = (ref: RecordingRef) => put(dueAttemptKey(service.clock.now(), ref, 'x'));

async function recordMany(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await service.record({ attempt: `a${index}` });
}

async function uploaded(parts: readonly Uint8Array[] = [webm]): Promise<RecordingRef> {
  const ref = await service.begin();
  await uploadParts(service.context, ref, parts);
  return ref;
}

describe('sweep', () => {
  test('an assessed recording stays until a day before its deadline, then goes wholly, with a receipt', async () => {
    const ref = await service.record();
    service.clock.advance(HOUR_MS);
    const completedAtMs = service.clock.now();
    await assess(ref);

    service.clock.advance(29 * DAY_MS - HOUR_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0, deleted: { recordings: 0 } });
    expect(await isStored(ref)).toBe(true);

    service.clock.advance(2 * HOUR_MS);
    const report = await service.sweep();
    const deleted = { recordings: 1, objects: 4, versions: 0 };
    expect(report).toMatchObject({ due: 1, failed: 0, overdue: 0, problems: [], deleted });
    expect(report.deleted.bytes).toBeGreaterThan(webm.length);
    const left = await service.keys();
    expect(left.filter((key) => !key.startsWith('receipts/') && !/^due\/[^/]+\/receipts\//.test(key))).toEqual([]);
    const receipt = await readReceipt(service.store, ref);
    const why = { reason: 'retention', actor: 'sweeper', participantId: 'p1' };
    expect(receipt).toMatchObject({ ...why, objects: 4, versions: 0, deadline: toIso(completedAtMs + 30 * DAY_MS) });
    expect(Date.parse(receipt?.verifiedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(receipt?.deletedAt ?? ''));
    expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1 });
  });

  test('a recording that nobody assesses goes 30 days after it was made', async () => {
    const ref = await service.record();
    service.clock.advance(29 * DAY_MS - HOUR_MS);
    expect((await service.sweep()).deleted.recordings).toBe(0);
    service.clock.advance(2 * HOUR_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('an entry is a hint: an attempt that was assessed late is kept, with an entry at its true deadline', async () => {
    const ref = await service.record();
    service.clock.advance(20 * DAY_MS);
    const entry = dueAttemptKey(service.clock.now() + 30 * DAY_MS, ref, '');
    await assess(ref);
    await remove(
      service,
      (await service.keys('due/')).filter((key) => key.includes(entry)),
    );
    service.clock.advance(10 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, kept: 1, failed: 0 });
    expect(await service.keys('due/')).toEqual([expect.stringContaining(entry)]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
    service.clock.advance(20 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect(await service.keys('due/')).toEqual([expect.stringMatching(/receipts/)]);
  });

  test('an earlier assessment brings the deadline forward', async () => {
    const ref = await service.record();
    service.clock.advance(5 * DAY_MS);
    await assess(ref);
    await assess(ref, service.clock.now() - 4 * DAY_MS);
    service.clock.advance(25 * DAY_MS + HOUR_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('several recordings of an attempt go together, another attempt stays', async () => {
    const first = await service.record();
    await service.record();
    const other = await service.record({ attempt: 'a2' });
    await assess(first);
    service.clock.advance(2 * DAY_MS);
    await assess(other);
    service.clock.advance(28 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(2);
    expect(await isStored(other)).toBe(true);
  });

  test('an idle sweep costs at most three requests, a due attempt at most four and its share of batches', async () => {
    await recordMany(10);
    service.clock.advance(DAY_MS);
    expect((await service.sweep()).requests).toBeLessThanOrEqual(3);
    service.clock.advance(29 * DAY_MS);
    const { requests, deleted } = await service.sweep();
    expect(deleted.recordings).toBe(10);
    const [fixed, batches] = [3 + 1, 5];
    expect(requests).toBeLessThanOrEqual(10 * 4 + fixed + batches);
  });

  test('a recording younger than SETTLE_TIME is left alone, and its entry stays', async () => {
    service = startTestService({ policy: { unassessedMs: MINUTE_MS }, sweep: { leadMs: 0 } });
    const ref = await service.record();
    service.clock.advance(2 * MINUTE_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, kept: 1, failed: 0 });
    // That of its creation, and as it is due that of its completion.
    expect(await service.keys('due/')).toHaveLength(2);
    service.clock.advance(HOUR_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('a dry run deletes, completes and expires nothing, and tells what would go', async () => {
    const ref = await service.record();
    await link(ref);
    service.clock.advance(30 * DAY_MS);
    const dryRun = async () => {
      const before = await service.keys();
      const report = await service.sweep({ dryRun: true });
      expect(await service.keys()).toEqual(before);
      return report;
    };
    const would = [{ key: recordingPrefix(ref), reason: 'retention', deadline: expect.any(String) }];
    expect(await dryRun()).toMatchObject({ dryRun: true, due: 1, deleted: { recordings: 0 }, would });
    await service.sweep();
    const abandoned = await uploaded();
    service.clock.advance(3 * HOUR_MS);
    expect((await dryRun()).salvaged).toBe(1);
    expect((await readRecordingView(service.context, abandoned)).state).toBe('uploading');
    service.clock.advance(400 * DAY_MS);
    expect(await dryRun()).toMatchObject({ receiptsExpired: 1, auditEventsExpired: 1 });
  });

  test.each([2 * MAX_CLOCK_SKEW_MS, -2 * MAX_CLOCK_SKEW_MS])(
    'refuses to run with a clock that is off by %d ms',
    async (skewMs) => {
      await service.record();
      service.clock.advance(31 * DAY_MS);
      const before = await service.keys();
      const skewed = { ...service.sweepContext, now: () => service.clock.now() + skewMs };
      await expect(sweep(skewed)).rejects.toMatchObject({ name: 'SweepRefused', code: 'clock-skew' });
      expect(await service.keys()).toEqual(before);
    },
  );

  test('refuses to run when the store does not tell its time', async () => {
    const silent = replacing(service.store, 'list', '', async (go) => ({
      ...((await go()) as object),
      storeTimeMs: Number.NaN,
    }));
    await expect(sweepOn(silent)).rejects.toMatchObject({ code: 'no-store-clock' });
  });

  test.each([true, false])(
    'an upload that never got a part goes at its deadline (its manifest: %s)',
    async (hasManifest) => {
      const ref = await service.begin();
      if (!hasManifest) await remove(service, [recordingKey(ref, 'manifest')]);
      service.clock.advance(30 * DAY_MS);
      expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1 } });
      expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
      if (!hasManifest) return;
      expect(await service.keys('participants/')).toEqual([]);
      expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention', bytes: expect.any(Number) });
    },
  );

  test.each([
    ['', { reason: 'erasure', actor: 'desk' }, toBody({ version: 1, ...ERASURE, requestedAt: toIso(0) })],
    [', though its `deleting` is unreadable', { reason: 'controller-instruction', actor: 'unknown' }, Buffer.from('{')],
  ])('finishes what a crashed erasure left behind%s', async (_, why, deleting) => {
    const ref = await service.record();
    await makeDue(ref);
    await put(recordingKey(ref, 'deleting'), deleting);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1 } });
    expect(await readReceipt(service.store, ref)).toMatchObject(why);
    expect(await service.keys('due/')).toHaveLength(3);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect((await due(service, 'attempt')).filter((key) => key.includes('x'))).toEqual([]);
  });

  test('an assessment outlives the erasure of its recordings, until its own deadline: nothing new is recorded meanwhile', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    await assess(ref);
    await erase(ref);
    service.clock.advance(2 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    await expect(service.begin()).rejects.toMatchObject({ code: 'attempt-assessed' });
    service.clock.advance(28 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await due(service, 'attempt')).toEqual([]);
  });

  test('media without a manifest, which a completion left after a deletion, go too', async () => {
    const ref = await service.record();
    await remove(service, [recordingKey(ref, 'manifest')]);
    await makeDue(ref);
    service.clock.advance(2 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ due: 1, deleted: { recordings: 1 } });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('media that come back after a receipt are added to that receipt', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const { deletedAt, bytes } = await erase(ref);
    await put(recordingKey(ref, 'media'), webm);
    await makeDue(ref);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0 });
    const merged = { ...ERASURE, deletedAt, participantId: 'p1', bytes: bytes + webm.length };
    expect(await readReceipt(service.store, ref)).toMatchObject(merged);
  });

  test('a purge that crashed after its receipt is finished without losing what the receipt counts', async () => {
    const ref = await service.record();
    const manifest = await service.store.get(recordingKey(ref, 'manifest'));
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    const receipt = await readReceipt(service.store, ref);
    await put(recordingKey(ref, 'manifest'), manifest);
    await makeDue(ref);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect(await readReceipt(service.store, ref)).toEqual(receipt);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('two sweepers at once do no harm: all gone, one receipt each, nothing failed for good', async () => {
    await recordMany(6);
    service.clock.advance(30 * DAY_MS);
    const reports = await Promise.all([service.sweep(), service.sweep()]);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.keys('receipts/')).toHaveLength(6);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('stops before it begins when asked to, and tells its progress', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS);
    expect((await service.sweep({ signal: AbortSignal.abort() })).deleted.recordings).toBe(0);
    const seen: unknown[] = [];
    await sweep({ ...service.sweepContext, onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ due: 1, deleted: 1, failed: 0 }]);
  });
});

describe('over many pages', () => {
  beforeEach(() => {
    service = startTestService({ memory: { pageKeys: 2 } });
  });

  test('a sweep deletes all that is due, and verify reads all there is', async () => {
    await recordMany(5);
    for (let index = 0; index < 3; index += 1) await put(`due/0-strange-${index}`);
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 5, deleted: { recordings: 5 }, failed: 3 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 3, receipts: 5 });
  });

  test('an attempt with entries on several pages is swept once and found empty afterwards', async () => {
    for (let index = 0; index < 5; index += 1) await service.record();
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 5, deleted: { recordings: 5 }, failed: 0 });
    expect(await due(service, 'attempt')).toEqual([]);
  });

  test('SIGTERM ends a sweep after the attempts in hand; the next one does the rest', async () => {
    await recordMany(5);
    service.clock.advance(30 * DAY_MS);
    const stopping = new AbortController();
    const context = { ...service.sweepContext, onProgress: () => stopping.abort() };
    const first = await sweep(context, { signal: stopping.signal });
    expect(first).toMatchObject({ deleted: { recordings: 2 }, failed: 0 });
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 3 }, failed: 0 });
  });

  test('the expiry of audit events and the completion of abandoned uploads stop as well', async () => {
    const ref = await uploaded();
    for (let index = 0; index < 5; index += 1) await link(ref);
    const sweepUntil = (call: keyof ObjectStore, keys: string) => {
      const stopping = new AbortController();
      const stop = () => stopping.abort();
      return meanwhile(service.store, { when: 'before', call, keys }, stop, (store) =>
        sweep({ ...service.sweepContext, store }, { signal: stopping.signal }),
      );
    };
    service.clock.advance(3 * HOUR_MS);
    expect((await sweepUntil('listMultipartUploads', '')).salvaged).toBe(0);
    expect((await service.sweep()).salvaged).toBe(1);
    service.clock.advance(400 * DAY_MS);
    const { auditEventsExpired } = await sweepUntil('delete', 'audit/');
    expect(auditEventsExpired).toBeLessThan(5);
    expect((await service.sweep()).auditEventsExpired).toBe(5 - auditEventsExpired);
  });
});

describe('what cannot be dealt with is kept, counted and reported, and the rest goes on', () => {
  test('an unknown key in the index', async () => {
    await service.record();
    await put('due/0-nonsense');
    service.clock.advance(30 * DAY_MS);
    const problems = [{ code: 'unknown-key', count: 1, keys: ['due/0-nonsense'] }];
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 1, problems });
    expect(await service.keys('due/0')).toEqual(['due/0-nonsense']);
  });

  test('an unknown key under an attempt: the recording goes, the key and the entry stay', async () => {
    const ref = await service.record();
    const strange = `${recordingPrefix(ref)}strange`;
    await put(strange);
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 1 });
    expect(await service.keys('attempts/')).toEqual([strange]);
    expect((await service.sweep()).problems).toEqual([{ code: 'unknown-key', count: 1, keys: [strange] }]);
  });

  test('a truncated manifest: the media go on time, the manifest is kept and reported every time', async () => {
    const ref = await service.record();
    await put(recordingKey(ref, 'manifest'), '{"version":1,');
    await service.record({ attempt: 'a2' });
    service.clock.advance(30 * DAY_MS + HOUR_MS);
    const problems = [{ code: 'manifest-unreadable' }];
    const overdue = { failed: 1, overdue: 1, oldestOverdueSeconds: expect.any(Number) };
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 }, ...overdue, problems });
    expect(await service.keys(recordingPrefix(ref))).toEqual([recordingKey(ref, 'manifest')]);
    expect((await service.sweep()).failed).toBe(1);
    expect(await readReceipt(service.store, ref)).toBeUndefined();
  });

  test('an access denied on one key', async () => {
    const ref = await service.record();
    await service.record({ attempt: 'a2' });
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn(keeping(service.store, recordingKey(ref, 'media')));
    expect(report).toMatchObject({ due: 2, deleted: { recordings: 1 }, failed: 1, overdue: 1 });
    expect(await service.keys(recordingPrefix(ref))).toContain(recordingKey(ref, 'media'));
    expect(await readReceipt(service.store, ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ due: 1, deleted: { recordings: 1 }, failed: 0 });
  });

  test.each(['list', 'get', 'listMultipartUploads', 'put', 'delete', 'isVersioned'] as const)(
    'a store whose %s fails for a while: nothing is lost, and the next sweep finishes',
    async (method) => {
      const ref = await service.record();
      service.clock.advance(31 * DAY_MS);
      const report = await sweepOn(failing(service.store, method, /^(?!due\/$)/, 'SlowDown')).catch((error) => error);
      if (method === 'isVersioned') expect(report).toBeInstanceOf(StoreError);
      else expect(report).toMatchObject({ failed: expect.any(Number) });
      expect((await service.keys('due/')).length).toBeGreaterThan(0);
      await service.sweep();
      expect(await service.keys(recordingPrefix(ref))).toEqual([]);
      expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention' });
      expect(await service.keys('participants/')).toEqual([]);
    },
  );

  test.each([
    ['uploads that will not be aborted', 'uploads-stay-open', { abortMultipartUpload: async () => {} }],
    ['objects that will not go', 'objects-stay', { delete: async () => [] }],
  ] as const)('%s are given up and reported', async (_, code, overrides) => {
    if (code === 'objects-stay') await service.record();
    else await service.begin();
    service.clock.advance(31 * DAY_MS);
    expect((await sweepOn(overriding(service.store, overrides))).problems).toMatchObject([{ code }]);
  });

  test('an entry whose deletion is refused costs nothing but a look the next time', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS);
    const report = await sweepOn(keeping(service.store, 'due/'));
    expect(report).toMatchObject({ deleted: { recordings: 1 }, failed: 1, problems: [{ code: 'AccessDenied' }] });
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    expect(await due(service, 'attempt')).toEqual([]);
  });

  test('when the entry for a later deadline cannot be written, the old one stays', async () => {
    const ref = await service.record();
    service.clock.advance(20 * DAY_MS);
    await assess(ref);
    const [first = '', ...later] = await service.keys('due/');
    await remove(service, later);
    service.clock.advance(10 * DAY_MS);
    const report = await sweepOn(failing(service.store, 'put', '', 'SlowDown'));
    expect(report).toMatchObject({ failed: 1, problems: [{ code: 'SlowDown' }] });
    expect(await service.keys('due/')).toEqual([first]);
  });

  test('an index of receipts that another sweeper has just dealt with is passed over', async () => {
    await put(`${LONG_AGO}/r`, receiptIndex());
    service.clock.advance(2 * HOUR_MS);
    const gone = overriding(service.store, { get: async () => undefined });
    expect(await sweepOn(gone)).toMatchObject({ receiptsExpired: 0, failed: 0 });
    const denied = await sweepOn(failing(service.store, 'get', '', 'AccessDenied'));
    expect(denied).toMatchObject({ problems: [{ code: 'AccessDenied' }] });
  });

  test('a mistake in the code fails its own recording alone', async () => {
    const ref = await service.record();
    await service.record({ attempt: 'a2' });
    service.clock.advance(30 * DAY_MS);
    const mistaken = replacing(service.store, 'get', recordingPrefix(ref), () => Promise.reject(new TypeError('x')));
    const problems = [{ code: 'unexpected-TypeError' }];
    expect(await sweepOn(mistaken)).toMatchObject({ deleted: { recordings: 1 }, failed: 1, problems });
  });
});

describe('receipts and audit events', () => {
  test('go after LOG_RETENTION, at a cost of what expires', async () => {
    const ref = await service.record();
    await link(ref);
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(360 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ receiptsExpired: 0, auditEventsExpired: 1 });
    service.clock.advance(6 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ receiptsExpired: 1, failed: 0 });
    expect(await service.keys()).toEqual([]);
  });

  test('an index that names anything but receipts deletes nothing', async () => {
    const ref = await service.record();
    await put(`${LONG_AGO}/evil`, receiptIndex([recordingKey(ref, 'media')]));
    await put(`${LONG_AGO}/torn`, '["rec');
    service.clock.advance(2 * HOUR_MS);
    const { problems } = await service.sweep();
    expect(problems).toEqual([{ code: 'receipt-index-unreadable', count: 2, keys: expect.any(Array) }]);
    expect(await service.keys(recordingKey(ref, 'media'))).toHaveLength(1);
  });

  test('whose index is young stay for the next sweep, and an unknown key among them is kept and reported', async () => {
    await put(`${LONG_AGO}/r`, receiptIndex());
    await put('audit/0000');
    expect((await service.sweep()).problems).toEqual([{ code: 'unknown-key', count: 1, keys: ['audit/0000'] }]);
    expect(await service.keys('due/')).toHaveLength(1);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect(await service.keys()).toEqual(['audit/0000']);
  });
});

describe('abandoned uploads', () => {
  test('are completed with what arrived, marked truncated', async () => {
    const ref = await uploaded();
    service.clock.advance(HOUR_MS);
    expect((await service.sweep()).salvaged).toBe(0);
    service.clock.advance(2 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ salvaged: 1, failed: 0 });
    const view = { state: 'stored', truncated: true, sizeBytes: webm.length };
    expect(await readRecordingView(service.context, ref)).toMatchObject(view);
  });

  test.each([
    ['with a hole', 'upload-has-holes', [webm, webm]],
    ['without a beginning of a recording', 'salvaged-is-no-recording', [Buffer.from('no recording')]],
  ])('%s are kept until the deadline, and reported', async (_, code, parts) => {
    const ref = await uploaded(parts);
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, problems: [{ code }] });
    const { uploads } = await service.store.listMultipartUploads('');
    expect(uploads.length + (await service.keys(recordingKey(ref, 'media'))).length).toBe(1);
    service.clock.advance(30 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('that no manifest names, or that lie elsewhere, are reported', async () => {
    const ref = await service.begin();
    const media = recordingKey(ref, 'media');
    const [stray = ''] = await Promise.all(
      [media, 'elsewhere', 'attempts/elsewhere'].map((key) =>
        service.store.createMultipartUpload(key, { contentType: 'video/webm' }),
      ),
    );
    await service.store.uploadPart(media, stray, 1, webm);
    service.clock.advance(3 * HOUR_MS);
    const { problems, failed } = await service.sweep();
    expect(problems.map(({ code }) => code).sort()).toEqual(['unknown-upload', 'upload-without-manifest']);
    expect(failed).toBe(1);
  });

  test('being deleted they are left alone', async () => {
    const ref = await uploaded();
    await put(recordingKey(ref, 'deleting'), '{}');
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ salvaged: 0, failed: 0 });
  });
});

describe('in a versioned bucket everything is deleted by its version', () => {
  beforeEach(() => {
    service = startTestService({ memory: { versioned: true } });
  });
  const versions = async (prefix = '') => (await service.store.listVersions(prefix)).versions.map(({ key }) => key);

  test('by the sweep, with facts, index and receipts', async () => {
    await assess(await service.record());
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect((await versions('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    expect(await versions('attempts/')).toEqual([]);
    service.clock.advance(366 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 1 });
    expect(await versions()).toEqual([]);
  });

  test('by an erasure, in the middle of an upload too', async () => {
    const ref = await uploaded();
    service.clock.advance(2 * HOUR_MS);
    await erase(ref);
    expect(await versions('attempts/')).toEqual([]);
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  });

  test('by verify --fix', async () => {
    const ref = await service.record();
    await remove(service, [recordingKey(ref, 'manifest')]);
    await put(participantKey('p2', ref));
    service.clock.advance(2 * HOUR_MS);
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await versions('attempts/')).toEqual([]);
    expect(await versions('participants/')).toEqual([]);
  });
});

/** What docs/operations.md says of a bucket that somebody restored from a copy, in whole or in part. */
describe('after a restore', () => {
  const copy = new Map<string, Uint8Array>();
  beforeEach(async () => {
    const ref = await service.record();
    await service.record({ attempt: 'a2' });
    await assess(ref);
    copy.clear();
    for (const key of await service.keys()) copy.set(key, (await service.store.get(key)) ?? new Uint8Array());
    service.clock.advance(31 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
    service.clock.advance(2 * HOUR_MS);
  });

  async function restore(isWanted: (key: string) => boolean): Promise<void> {
    for (const [key, body] of copy) if (isWanted(key)) await put(key, body);
    service.clock.advance(2 * HOUR_MS);
  }

  test('of the whole bucket, the next sweep deletes again what is past its deadline', async () => {
    await restore(() => true);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test.each([
    ['media alone', (key: string) => key.endsWith('/media')],
    ['everything but the queue', (key: string) => !key.startsWith('due/')],
  ])('of %s, a sweep finds nothing, verify finds it, and verify --fix deletes it', async (_what, isWanted) => {
    await restore(isWanted);
    expect(await service.sweep()).toMatchObject({ due: 0, deleted: { recordings: 0 } });
    const found = (await service.verify()).findings.map(({ kind }) => kind);
    expect(found).toEqual(expect.arrayContaining(['overdue', 'no-due-entry', 'receipt-but-objects']));
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('of the whole bucket but an assessment, a recording goes 30 days after it was made', async () => {
    const ref = await service.record({ attempt: 'a3' });
    service.clock.advance(10 * DAY_MS);
    await assess(ref);
    await remove(service, await service.keys('attempts/acme/math/a3/assessed/'));
    await service.verify({ fix: true });
    service.clock.advance(20 * DAY_MS);
    await service.sweep();
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });
});

describe('the report', () => {
  const run = { startedAtMs: 0, finishedAtMs: 0, dryRun: false, requests: 0 };

  test('lists twenty keys of a problem and counts the rest', () => {
    const tally = newTally();
    for (let index = 0; index < 25; index += 1) tally.problem('unknown-key', `k${index}`);
    const [problem] = toReport(tally, run).problems;
    expect(problem).toMatchObject({ code: 'unknown-key', count: 25 });
    expect(problem?.keys).toHaveLength(20);
  });

  test('lists a thousand recordings of a dry run', () => {
    const tally = newTally();
    const recording = newRecordingId(0, (length) => new Uint8Array(length));
    const ref = { tenant: 't', exam: 'e', attempt: 'a', recording };
    const state = { ref, objects: {}, items: [], uploads: [] };
    for (let index = 0; index < 1001; index += 1)
      tally.would({ state, reason: 'retention', actor: 'x', deadlineMs: 0 });
    expect(toReport(tally, run).would).toHaveLength(1000);
  });

  test('tells how long the oldest of the overdue has been so', () => {
    const tally = newTally();
    for (const deadlineMs of [1000, 3000, 9000]) tally.attemptFailed(deadlineMs, 5000, 'x', `k${deadlineMs}`);
    expect(toReport(tally, run)).toMatchObject({ failed: 3, overdue: 2, oldestOverdueSeconds: 4 });
  });
});
