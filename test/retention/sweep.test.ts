import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { dueAttemptKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { MAX_CLOCK_SKEW_MS } from '../../src/domain/times.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';

const receiptIndex = (keys: string[]) => toBody({ version: 1, run: 'r', first: 1, previous: null, keys });

let service: TestService;
beforeEach(async () => {
  service = startTestService();
});
afterEach(() => service.close());

describe('sweep', () => {
  test('an assessed recording stays until a day before its deadline, then goes wholly, with a receipt', async () => {
    const ref = await service.record();
    service.clock.advance(HOUR_MS);
    const completedAtMs = service.clock.now();
    await assessAttempt(service.context, ref, completedAtMs);

    service.clock.advance(29 * DAY_MS - HOUR_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0, deleted: { recordings: 0 } });
    expect((await readRecordingView(service.context, ref)).state).toBe('stored');

    service.clock.advance(2 * HOUR_MS);
    const report = await service.sweep();
    expect(report).toMatchObject({
      due: 1,
      failed: 0,
      overdue: 0,
      problems: [],
      deleted: { recordings: 1, objects: 4, versions: 0 },
    });
    expect(report.deleted.bytes).toBeGreaterThan(webm.length);
    const left = await service.keys();
    expect(left.filter((key) => !key.startsWith('receipts/') && !/^due\/[^/]+\/receipts\//.test(key))).toEqual([]);
    const receipt = await readReceipt(service.store, ref);
    expect(receipt).toMatchObject({
      reason: 'retention',
      actor: 'sweeper',
      participantId: 'p1',
      objects: 4,
      versions: 0,
    });
    expect(Date.parse(receipt?.deadline ?? '')).toBe(completedAtMs + 30 * DAY_MS);
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
    const completedAtMs = service.clock.now();
    await assessAttempt(service.context, ref, completedAtMs);
    for (const key of await service.keys('due/')) {
      if (key.includes(dueAttemptKey(completedAtMs + 30 * DAY_MS, ref, ''))) await service.store.delete([{ key }]);
    }
    service.clock.advance(10 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, kept: 1, failed: 0 });
    expect(await service.keys('due/')).toEqual([
      expect.stringContaining(dueAttemptKey(completedAtMs + 30 * DAY_MS, ref, '')),
    ]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
    service.clock.advance(20 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect(await service.keys('due/')).toEqual([expect.stringMatching(/receipts/)]);
  });

  test('an earlier assessment brings the deadline forward', async () => {
    const ref = await service.record();
    service.clock.advance(5 * DAY_MS);
    await assessAttempt(service.context, ref, service.clock.now());
    await assessAttempt(service.context, ref, service.clock.now() - 4 * DAY_MS);
    service.clock.advance(25 * DAY_MS + HOUR_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('several recordings of an attempt go together, another attempt stays', async () => {
    const first = await service.record();
    await service.record();
    const other = await service.record({ attempt: 'a2' });
    service.clock.advance(HOUR_MS);
    await assessAttempt(service.context, first, service.clock.now());
    service.clock.advance(2 * DAY_MS);
    await assessAttempt(service.context, other, service.clock.now());
    service.clock.advance(28 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(2);
    expect((await readRecordingView(service.context, other)).state).toBe('stored');
  });

  test('an idle sweep costs at most three requests, however much is stored', async () => {
    for (let index = 0; index < 5; index += 1) await service.record({ attempt: `a${index}` });
    service.clock.advance(DAY_MS);
    const { requests } = await service.sweep();
    expect(requests).toBeLessThanOrEqual(3);
  });

  test('a due attempt with one recording costs at most four requests and its share of batches', async () => {
    for (let index = 0; index < 10; index += 1) await service.record({ attempt: `a${index}` });
    service.clock.advance(30 * DAY_MS);
    const { requests, deleted } = await service.sweep();
    expect(deleted.recordings).toBe(10);
    const fixed = 3 + 1;
    const batches = 5;
    expect(requests).toBeLessThanOrEqual(10 * 4 + fixed + batches);
  });

  test('a recording younger than SETTLE_TIME is left alone, and its entry stays', async () => {
    const brief = startTestService({ policy: { unassessedMs: MINUTE_MS }, sweep: { leadMs: 0 } });
    try {
      const ref = await brief.record();
      brief.clock.advance(2 * MINUTE_MS);
      expect(await brief.sweep()).toMatchObject({ due: 0, kept: 1, failed: 0 });
      // That of its creation, and as it is due that of its completion.
      expect(await brief.keys('due/')).toHaveLength(2);
      brief.clock.advance(HOUR_MS);
      expect((await brief.sweep()).deleted.recordings).toBe(1);
      expect(await brief.keys(recordingPrefix(ref))).toEqual([]);
    } finally {
      await brief.close();
    }
  });

  test('a dry run changes nothing and tells what would go', async () => {
    const ref = await service.record();
    service.clock.advance(30 * DAY_MS);
    const before = await service.keys();
    const report = await service.sweep({ dryRun: true });
    expect(report).toMatchObject({ dryRun: true, due: 1, deleted: { recordings: 0 } });
    expect(report.would).toEqual([{ key: recordingPrefix(ref), reason: 'retention', deadline: expect.any(String) }]);
    expect(await service.keys()).toEqual(before);
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
    const silent = startTestService({
      wrap: (store) =>
        overriding(store, {
          list: async (prefix, options) => ({ ...(await store.list(prefix, options)), storeTimeMs: Number.NaN }),
        }),
    });
    try {
      await expect(silent.sweep()).rejects.toMatchObject({ code: 'no-store-clock' });
    } finally {
      await silent.close();
    }
  });

  test('an upload that never got a part goes at its deadline', async () => {
    const ref = await service.begin();
    service.clock.advance(30 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
    expect(await service.keys('participants/')).toEqual([]);
    expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention', bytes: expect.any(Number) });
  });

  test('an upload whose creation crashed before its manifest goes at its deadline', async () => {
    const ref = await service.begin();
    await service.store.delete([{ key: recordingKey(ref, 'manifest') }]);
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0 });
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  });

  test('what a crashed erasure left behind is finished, with its reason and actor', async () => {
    const ref = await service.record();
    await service.store.put(dueAttemptKey(service.clock.now(), ref, 'x'), new Uint8Array());
    const asked = { version: 1, reason: 'erasure', actor: 'desk', requestedAt: new Date().toISOString() };
    await service.store.put(recordingKey(ref, 'deleting'), Buffer.from(JSON.stringify(asked)));
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1 } });
    expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'erasure', actor: 'desk' });
    expect(await service.keys('due/')).toHaveLength(3);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect((await service.keys('due/')).filter((key) => key.includes('/attempt/') && key.includes('x'))).toEqual([]);
  });

  test('an assessment outlives the erasure of its recordings, until its own deadline: nothing new is recorded meanwhile', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    await assessAttempt(service.context, ref, service.clock.now());
    await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    service.clock.advance(2 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    await expect(service.begin()).rejects.toMatchObject({ code: 'attempt-assessed' });
    service.clock.advance(28 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
  });

  test('receipts whose index is young stay for the next sweep', async () => {
    await service.store.put('due/20200101T000000000Z/receipts/r', receiptIndex([]));
    await service.sweep();
    expect(await service.keys('due/')).toHaveLength(1);
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect(await service.keys('due/')).toEqual([]);
  });

  test('an unreadable `deleting` still means deletion', async () => {
    const ref = await service.record();
    await service.store.put(dueAttemptKey(service.clock.now(), ref, 'x'), new Uint8Array());
    await service.store.put(recordingKey(ref, 'deleting'), Buffer.from('{'));
    expect((await service.sweep()).deleted.recordings).toBe(1);
    expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'controller-instruction', actor: 'unknown' });
  });

  test('media without a manifest, which a completion left after a deletion, go too', async () => {
    const ref = await service.record();
    await service.store.delete([{ key: recordingKey(ref, 'manifest') }]);
    await service.store.put(dueAttemptKey(service.clock.now(), ref, 'x'), new Uint8Array());
    service.clock.advance(2 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ due: 1, deleted: { recordings: 1 } });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('media that come back after a receipt are added to that receipt', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const receipt = await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    await service.store.put(recordingKey(ref, 'media'), webm);
    await service.store.put(dueAttemptKey(service.clock.now(), ref, 'x'), new Uint8Array());
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0 });
    const merged = await readReceipt(service.store, ref);
    expect(merged).toMatchObject({
      reason: 'erasure',
      actor: 'desk',
      deletedAt: receipt.deletedAt,
      participantId: 'p1',
    });
    expect(merged?.bytes).toBe(receipt.bytes + webm.length);
  });

  test('a purge that crashed after its receipt is finished without losing what the receipt counts', async () => {
    const ref = await service.record();
    const manifest = await service.store.get(recordingKey(ref, 'manifest'));
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    const receipt = await readReceipt(service.store, ref);
    await service.store.put(recordingKey(ref, 'manifest'), manifest ?? new Uint8Array());
    await service.store.put(dueAttemptKey(service.clock.now(), ref, 'x'), new Uint8Array());
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect(await readReceipt(service.store, ref)).toEqual(receipt);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('two sweepers at once do no harm: all gone, one receipt each, nothing failed for good', async () => {
    for (let index = 0; index < 6; index += 1) await service.record({ attempt: `a${index}` });
    service.clock.advance(30 * DAY_MS);
    const reports = await Promise.all([service.sweep(), service.sweep()]);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.keys('receipts/')).toHaveLength(6);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('stops between chunks when asked to', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS);
    expect((await service.sweep({ signal: AbortSignal.abort() })).deleted.recordings).toBe(0);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('tells its progress', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS);
    const seen: unknown[] = [];
    await sweep({ ...service.sweepContext, onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ due: 1, deleted: 1, failed: 0 }]);
  });
});

describe('what cannot be dealt with is kept, counted and reported, and the rest goes on', () => {
  test('an unknown key in the index', async () => {
    await service.record();
    await service.store.put('due/0-nonsense', new Uint8Array());
    service.clock.advance(30 * DAY_MS);
    const report = await service.sweep();
    expect(report).toMatchObject({ deleted: { recordings: 1 }, failed: 1 });
    expect(report.problems).toEqual([{ code: 'unknown-key', count: 1, keys: ['due/0-nonsense'] }]);
    expect(await service.keys('due/0')).toEqual(['due/0-nonsense']);
  });

  test('an unknown key under an attempt: the recording goes, the key and the entry stay', async () => {
    const ref = await service.record();
    const strange = `${recordingPrefix(ref)}strange`;
    await service.store.put(strange, new Uint8Array());
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 1 });
    expect(await service.keys('attempts/')).toEqual([strange]);
    expect((await service.sweep()).problems).toEqual([{ code: 'unknown-key', count: 1, keys: [strange] }]);
  });

  test('a truncated manifest: the media go on time, the manifest is kept and reported every time', async () => {
    const ref = await service.record();
    await service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{"version":1,'));
    await service.record({ attempt: 'a2' });
    service.clock.advance(30 * DAY_MS + HOUR_MS);
    const report = await service.sweep();
    expect(report).toMatchObject({
      deleted: { recordings: 1 },
      failed: 1,
      overdue: 1,
      oldestOverdueSeconds: expect.any(Number),
    });
    expect(report.problems).toMatchObject([{ code: 'manifest-unreadable' }]);
    expect(await service.keys(recordingPrefix(ref))).toEqual([recordingKey(ref, 'manifest')]);
    expect((await service.sweep()).failed).toBe(1);
    expect(await readReceipt(service.store, ref)).toBeUndefined();
  });

  test('an access denied on one key', async () => {
    const denied: string[] = [];
    const guarded = startTestService({
      wrap: (store) =>
        overriding(store, {
          async delete(targets) {
            const refused = targets.filter(({ key }) => denied.includes(key));
            const failures = await store.delete(targets.filter(({ key }) => !denied.includes(key)));
            return [...failures, ...refused.map((target) => ({ ...target, code: 'AccessDenied' }))];
          },
        }),
    });
    try {
      const ref = await guarded.record();
      await guarded.record({ attempt: 'a2' });
      denied.push(recordingKey(ref, 'media'));
      guarded.clock.advance(31 * DAY_MS);
      expect(await guarded.sweep()).toMatchObject({ due: 2, deleted: { recordings: 1 }, failed: 1, overdue: 1 });
      expect(await guarded.keys(recordingPrefix(ref))).toContain(recordingKey(ref, 'media'));
      expect(await readReceipt(guarded.store, ref)).toBeUndefined();
      denied.pop();
      expect(await guarded.sweep()).toMatchObject({ due: 1, deleted: { recordings: 1 }, failed: 0 });
    } finally {
      await guarded.close();
    }
  });

  test.each(['list', 'get', 'listMultipartUploads', 'put', 'delete', 'isVersioned'] as const)(
    'a store whose %s fails for a while: nothing is lost, and the next sweep finishes',
    async (method) => {
      let broken = false;
      const failing = startTestService({
        wrap: (store) =>
          overriding(store, {
            [method]: (...args: unknown[]) => {
              if (broken && args[0] !== 'due/') throw new StoreError('unavailable', method, 'SlowDown');
              return (store[method] as (...all: unknown[]) => unknown).apply(store, args);
            },
          }),
      });
      try {
        const ref = await failing.record();
        failing.clock.advance(31 * DAY_MS);
        broken = true;
        const report = await failing.sweep().catch((error: unknown) => error);
        if (report instanceof StoreError) expect(method).toBe('isVersioned');
        else expect(report).toMatchObject({ failed: expect.any(Number) });
        expect((await failing.store.list('due/')).objects.length).toBeGreaterThan(0);
        broken = false;
        await failing.sweep();
        expect(await failing.keys(recordingPrefix(ref))).toEqual([]);
        expect(await readReceipt(failing.store, ref)).toMatchObject({ reason: 'retention' });
        expect(await failing.keys('participants/')).toEqual([]);
      } finally {
        await failing.close();
      }
    },
  );

  test('uploads that will not be aborted, and objects that will not go, are given up and reported', async () => {
    const stubborn = startTestService({
      wrap: (store) => overriding(store, { abortMultipartUpload: async () => {} }),
    });
    const sticky = startTestService({ wrap: (store) => overriding(store, { delete: async () => [] }) });
    try {
      await stubborn.begin();
      stubborn.clock.advance(31 * DAY_MS);
      expect((await stubborn.sweep()).problems).toMatchObject([{ code: 'uploads-stay-open' }]);
      await sticky.record();
      sticky.clock.advance(31 * DAY_MS);
      expect((await sticky.sweep()).problems).toMatchObject([{ code: 'objects-stay' }]);
    } finally {
      await Promise.all([stubborn.close(), sticky.close()]);
    }
  });
});

describe('receipts and audit events', () => {
  test('go after LOG_RETENTION, at a cost of what expires', async () => {
    const ref = await service.record();
    await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
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
    await service.store.put('due/20200101T000000000Z/receipts/evil', receiptIndex([recordingKey(ref, 'media')]));
    await service.store.put('due/20200101T000000000Z/receipts/torn', Buffer.from('["rec'));
    service.clock.advance(2 * HOUR_MS);
    const report = await service.sweep();
    expect(report.problems).toEqual([{ code: 'receipt-index-unreadable', count: 2, keys: expect.any(Array) }]);
    expect(await service.keys(recordingKey(ref, 'media'))).toHaveLength(1);
  });

  test('an unknown key in the audit folder is kept and reported', async () => {
    await service.store.put('audit/0000', new Uint8Array());
    expect((await service.sweep()).problems).toEqual([{ code: 'unknown-key', count: 1, keys: ['audit/0000'] }]);
  });

  test('a dry run expires nothing', async () => {
    const ref = await service.record();
    await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(400 * DAY_MS);
    const before = await service.keys();
    expect(await service.sweep({ dryRun: true })).toMatchObject({ receiptsExpired: 1, auditEventsExpired: 1 });
    expect(await service.keys()).toEqual(before);
  });
});

describe('abandoned uploads', () => {
  test('are completed with what arrived, marked truncated', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(HOUR_MS);
    expect((await service.sweep()).salvaged).toBe(0);
    service.clock.advance(2 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ salvaged: 1, failed: 0 });
    expect(await readRecordingView(service.context, ref)).toMatchObject({
      state: 'stored',
      truncated: true,
      sizeBytes: webm.length,
    });
  });

  test('a dry run completes none', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep({ dryRun: true })).salvaged).toBe(1);
    expect((await readRecordingView(service.context, ref)).state).toBe('uploading');
  });

  test('with a hole they stay, and are reported', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm, webm]);
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, problems: [{ code: 'upload-has-holes' }] });
    expect((await service.store.listMultipartUploads('')).uploads).toHaveLength(1);
  });

  test('without a beginning of a recording they are kept until the deadline, and reported', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [Buffer.from('no recording')]);
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, problems: [{ code: 'salvaged-is-no-recording' }] });
    service.clock.advance(30 * DAY_MS);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('that no manifest names, or that lie elsewhere, are reported', async () => {
    const ref = await service.begin();
    const stray = await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    await service.store.uploadPart(recordingKey(ref, 'media'), stray, 1, webm);
    await service.store.createMultipartUpload('elsewhere', { contentType: 'video/webm' });
    await service.store.createMultipartUpload('attempts/elsewhere', { contentType: 'video/webm' });
    service.clock.advance(3 * HOUR_MS);
    const { problems, failed } = await service.sweep();
    expect(problems.map(({ code }) => code).sort()).toEqual(['unknown-upload', 'upload-without-manifest']);
    expect(failed).toBe(1);
  });

  test('being deleted they are left alone', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    await service.store.put(recordingKey(ref, 'deleting'), Buffer.from('{}'));
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ salvaged: 0, failed: 0 });
  });
});
