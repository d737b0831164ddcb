// What cannot be deleted is kept, counted and reported; everything else is deleted on time.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { explainRecording } from '../../src/recordings/explain.ts';
import { createReport } from '../../src/recordings/report.ts';
import { failing, keeping, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { recordingKey, recordingPrefix } from '../kit/keys.ts';
import { CALLER } from '../kit/service.ts';
import { ERASURE, type RetentionService, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

function assessOn(store: ObjectStore, ref: RecordingRef) {
  const completedAtMs = service.clock.now() - HOUR_MS;
  return assessAttempt({ ...service.context, store }, CALLER, ref, { completedAtMs });
}

describe('media that were asked to be deleted go in time, although the store does not tell of their uploads', () => {
  test.each(['listParts', 'listMultipartUploads'] as const)('and refuses %s', async (call) => {
    const ref = await service.record();
    const refusing = failing(service.store, call, recordingKey(ref, 'media'), 'AccessDenied');
    await expect(service.erase(ref, refusing)).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    await service.after(2 * HOUR_MS).sweepOn(refusing);
    expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'erasure' });
  });

  test('and not of their manifest', async () => {
    const ref = await service.record();
    const refusing = failing(service.store, 'get', recordingKey(ref, 'manifest'), 'AccessDenied');
    await expect(service.erase(ref, refusing)).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
    expect(await service.erase(ref)).toMatchObject({ reason: 'erasure', participantId: 'p1' });
  });

  test('and the attempt can be assessed', async () => {
    const ref = await service.record();
    service.clock.advance(20 * DAY_MS);
    await service.record();
    service.clock.advance(10 * DAY_MS + HOUR_MS);
    const refusing = failing(service.store, 'listParts', recordingKey(ref, 'media'), 'AccessDenied');
    await expect(assessOn(refusing, ref)).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    await expect(assessOn(refusing, ref)).resolves.toBeDefined();
  });
});

describe('the other recordings are deleted despite', () => {
  test('unknown keys, a torn manifest, a key that is denied, and a mistake in the code', async () => {
    await service.record({ attempt: 'a1' });
    const strange = await service.record({ attempt: 'a2' });
    const torn = await service.record({ attempt: 'a3' });
    const denied = await service.after(HOUR_MS).record({ attempt: 'a4' });
    const mistaken = await service.record({ attempt: 'a5' });
    const unknown = ['due/0-nonsense', `${recordingPrefix(strange)}strange`];
    for (const key of unknown) await service.put(key);
    await service.put(recordingKey(torn, 'manifest'), '{"version":1,');
    const denying = keeping(service.store, recordingKey(denied, 'media'));
    const mistake = () => Promise.reject(new TypeError('x'));
    const store = replacing(denying, 'get', recordingPrefix(mistaken), mistake);
    const report = await service.after(30 * DAY_MS + HOUR_MS).sweepOn(store);
    expect(report).toMatchObject({ deleted: { recordings: 2 }, failed: 5, overdue: 3, oldestOverdueSeconds: 7200 });
    const problems = new Map(report.problems.map(({ code, keys }) => [code, keys.toSorted()]));
    const codes = ['AccessDenied', 'manifest-unreadable', 'unexpected-TypeError', 'unknown-key'];
    expect([...problems.keys()].toSorted()).toEqual(codes);
    expect(problems.get('unknown-key')).toEqual(unknown.toSorted());
    // Media are deleted on time even when the documents beside them cannot be read.
    expect(await service.objectsOf(torn)).toEqual([recordingKey(torn, 'manifest')]);
    expect(await service.objectsOf(denied)).toContain(recordingKey(denied, 'media'));
    expect(await service.keys(recordingKey(mistaken, 'media'))).toEqual([]);
    for (const ref of [torn, denied, mistaken]) expect(await service.receiptOf(ref)).toBeUndefined();

    // Once deletes are allowed again, all is deleted but what cannot be read; every sweep reports that.
    for (const deleted of [2, 0])
      expect(await service.sweep()).toMatchObject({ deleted: { recordings: deleted }, failed: 3 });
    expect(await service.keys('attempts/')).toEqual([...unknown.slice(1), recordingKey(torn, 'manifest')].toSorted());
    expect(await service.keys('due/0')).toEqual(['due/0-nonsense']);
  });

  test('a receipt that cannot be read, of a recording that is completed meanwhile', async () => {
    const ref = await service.uploaded();
    const key = recordingKey(ref, 'media');
    service.clock.advance(30 * DAY_MS);
    const [upload] = await service.openUploads();
    const uploadId = upload?.uploadId ?? '';
    const complete = async () => {
      const parts = (await service.store.listParts(key, uploadId)) ?? [];
      await service.store.completeMultipartUpload(key, uploadId, parts);
    };
    const moment = { when: 'before', call: 'listParts', keys: key } as const;
    const denied = failing(service.store, 'get', 'receipts/', 'AccessDenied');
    const report = await meanwhile(denied, moment, complete, service.sweepOn);
    expect(report).toMatchObject({ failed: 1, deleted: { recordings: 0 } });
    expect(await service.objectsOf(ref)).toEqual([recordingKey(ref, 'manifest')]);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
  });

  test('what makes the store refuse a whole batch', async () => {
    const poisoned = await service.record();
    await service.recordMany(5);
    const store = failing(service.store, 'delete', recordingKey(poisoned, 'media'));
    const report = await service.after(31 * DAY_MS).sweepOn(store);
    expect(report).toMatchObject({ due: 6, failed: 1, deleted: { recordings: 5 } });
    expect(await service.objectsOf(poisoned)).not.toEqual([]);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('a `deleting` that cannot be read, now or ever', async () => {
    const torn = await service.record();
    await service.record();
    await service.put(recordingKey(torn, 'deleting'), '{');
    const report = await service.after(31 * DAY_MS).sweepOn(failing(service.store, 'get', /\/deleting$/));
    expect(report).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
    const asked = await service.record({ attempt: 'a2' });
    await service.put(recordingKey(asked, 'deleting'), '{');
    await service.makeDue(asked);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1 } });
    expect(await service.receiptOf(asked)).toMatchObject({ reason: 'controller-instruction', actor: 'unknown' });
  });
});

describe('media go on time', () => {
  test.each(['get', 'abortMultipartUpload'] as const)('even when every %s fails', async (call) => {
    const ref = await service.record();
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    const report = await service.after(31 * DAY_MS).sweepOn(failing(service.store, call));
    expect(report).toMatchObject({ failed: 1, problems: [{ code: 'InternalError' }] });
    expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test.each([
    ['uploads that will not be aborted', 'UploadStaysOpen', { abortMultipartUpload: async () => {} }],
    ['objects that will not go', 'objects-stay', { delete: async () => [] }],
  ] as const)('and %s are given up and reported', async (_, code, overrides) => {
    if (code === 'objects-stay') await service.record();
    else await service.begin();
    service.clock.advance(31 * DAY_MS);
    expect((await service.sweepOn(overriding(service.store, overrides))).problems).toMatchObject([{ code }]);
  });

  test('but a busy store is not asked again for each recording', async () => {
    await service.recordMany(5);
    let asked = 0;
    const busy = replacing(service.store, 'delete', '', () => {
      asked += 1;
      throw new StoreError('unavailable', 'DeleteObjects', 'SlowDown');
    });
    await service.after(31 * DAY_MS).sweepOn(busy);
    expect(asked).toBe(1);
  });
});

describe('an index entry goes only after what it leads to', () => {
  test('the entry of an assessment that could not be deleted stays', async () => {
    await service.assess({ tenant: 'acme', exam: 'math', attempt: 'empty' });
    expect((await service.after(30 * DAY_MS).sweepOn(keeping(service.store, /\/assessed\//))).failed).toBe(1);
    expect((await service.sweepOn(failing(service.store, 'delete'))).failed).toBeGreaterThan(0);
    expect(await service.keys('due/')).toEqual([expect.stringContaining('/attempt/acme/math/empty/')]);
    expect((await service.sweep()).failed).toBe(0);
    expect(await service.keys()).toEqual([expect.stringMatching(/^audit\/.*\/empty\/attempt\/.*-assessed-/)]);
  });

  test('an entry that the store refuses to delete costs the next sweep one look', async () => {
    await service.record();
    const report = await service.after(30 * DAY_MS).sweepOn(keeping(service.store, 'due/'));
    expect(report).toMatchObject({ deleted: { recordings: 1 }, failed: 1, problems: [{ code: 'AccessDenied' }] });
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
    expect(await service.due('attempt')).toEqual([]);
  });
});

describe('a purge', () => {
  test.each([
    ['an erasure', (on: ObjectStore, ref: RecordingRef) => service.erase(ref, on)],
    ['an assessment', assessOn],
  ])(
    'that %s began when it was overdue tells so, whoever finishes it, and whatever the clock of the store',
    async (_, begin) => {
      const ref = await service.record();
      service.clock.advance(30 * DAY_MS + HOUR_MS + 700);
      await expect(begin(failing(service.store, 'delete'), ref)).rejects.toMatchObject({ code: 'unavailable' });
      service.clock.advance(300);
      await service.assess(ref, service.clock.now() - HOUR_MS);
      await service.after(HOUR_MS).erase(ref);
      const { deadline } = (await service.receiptOf(ref)) ?? {};
      expect(deadline).toBe(toIso(createdAtOf(ref.recording) + 30 * DAY_MS));
    },
  );

  test('of what was overdue is overdue until it is finished, for verify, the report and the explanation too', async () => {
    const ref = await service.record();
    const deadline = toIso(createdAtOf(ref.recording) + 30 * DAY_MS);
    service.clock.advance(30 * DAY_MS + HOUR_MS);
    await expect(assessOn(failing(service.store, 'delete'), ref)).rejects.toMatchObject({ code: 'unavailable' });
    await service.assess(ref, service.clock.now() - HOUR_MS);
    expect((await service.after(2 * HOUR_MS).verify()).kinds).toMatchObject([{ kind: 'overdue', found: 1 }]);
    const { verdict, overdue } = await createReport(service.context, 'acme');
    expect(verdict).toMatchObject({ answer: 'no', reasons: [{ code: 'overdue' }] });
    expect(overdue.items).toMatchObject([{ recordingId: ref.recording, deleteBy: deadline }]);
    const explained = await explainRecording(service.sweepContext, ref);
    expect(explained).toMatchObject({ state: 'being-deleted', deleteBy: deadline, wrong: true });
  });

  test('of what was overdue tells that it was late, although an assessment has come since', async () => {
    const ref = await service.record();
    service.clock.advance(30 * DAY_MS + HOUR_MS);
    await expect(assessOn(failing(service.store, 'delete'), ref)).rejects.toMatchObject({ code: 'unavailable' });
    await service.after(HOUR_MS).assess({ ...ref }, service.clock.now() - HOUR_MS);
    await service.sweep();
    expect(await service.objectsOf(ref)).toEqual([]);
    const { deadline } = (await service.receiptOf(ref)) ?? {};
    expect(deadline).toBe(toIso(createdAtOf(ref.recording) + 30 * DAY_MS));
  });

  test('that crashed after its receipt, or whose media come back, is finished, and its receipt counts all until then', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const manifest = await service.store.get(recordingKey(ref, 'manifest'));
    const receipt = await service.erase(ref);
    const before = await service.receiptOf(ref);
    await service.put(recordingKey(ref, 'manifest'), manifest ?? '');
    await service.makeDue(ref);
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.receiptOf(ref)).toEqual(before);
    await service.put(recordingKey(ref, 'media'), 'again');
    await service.makeDue(ref);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0 });
    const { bytes } = receipt;
    const merged = {
      ...ERASURE,
      deletedAt: toIso(service.clock.now()),
      participantId: 'p1',
      bytes: bytes + 'again'.length,
    };
    expect(await service.receiptOf(ref)).toMatchObject(merged);
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('of a creation that died before its manifest needs no receipt, so none can be missing', async () => {
    service = startRetention({ wrap: (store) => failing(store, 'put', /\/recording\.json$/) });
    await expect(service.begin()).rejects.toMatchObject({ storeCode: 'InternalError' });
    await service.after(31 * DAY_MS).sweepOn(failing(service.store, 'put', 'receipts/'));
    await service.sweep();
    expect(await service.after(2 * HOUR_MS).openUploads()).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await service.kinds()).toEqual([]);
  });
});

test('an open upload is aborted even when the listing of all uploads failed', async () => {
  await service.uploaded();
  const store = failing(service.store, 'listMultipartUploads', /^attempts\/$/);
  const problems = [{ code: 'InternalError', keys: ['open uploads'] }];
  expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({ deleted: { recordings: 1 }, problems });
  expect(await service.openUploads()).toEqual([]);
});
