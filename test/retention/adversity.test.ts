import { afterEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { abortRecording } from '../../src/recordings/delete.ts';
import { issuePlaybackLink } from '../../src/recordings/playback.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

let service: TestService;
afterEach(() => service.close());

const broken = (operation: string, code = 'InternalError') => new StoreError('unavailable', operation, code);

/** A sweep on a store of which some calls fail. */
function sweepOn(overrides: Partial<ObjectStore>) {
  return sweep({ ...service.sweepContext, store: overriding(service.store, overrides) });
}

describe('media go on time', () => {
  test.each(['get', 'abortMultipartUpload'] as const)('even when %s fails for ever', async (call) => {
    service = startTestService();
    const ref = await service.record();
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn({ [call]: () => Promise.reject(broken(call)) });
    expect(report).toMatchObject({ failed: 1, problems: [{ code: 'InternalError' }] });
    expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test('when one `deleting` of the attempt cannot be read', async () => {
    service = startTestService();
    const first = await service.record();
    await service.record();
    await service.store.put(recordingKey(first, 'deleting'), Buffer.from('{}'));
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn({
      get: (key) => (key.endsWith('/deleting') ? Promise.reject(broken('GetObject')) : service.store.get(key)),
    });
    expect(report).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
  });

  test('when one key makes the store refuse a whole batch', async () => {
    service = startTestService();
    const poisoned = await service.record();
    for (let index = 0; index < 5; index += 1) await service.record({ attempt: `b${index}` });
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn({
      delete: (targets) =>
        targets.some(({ key }) => key === recordingKey(poisoned, 'media'))
          ? Promise.reject(broken('DeleteObjects'))
          : service.store.delete(targets),
    });
    expect(report).toMatchObject({ due: 6, failed: 1, deleted: { recordings: 5 } });
    expect(await service.keys(recordingPrefix(poisoned))).not.toEqual([]);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('but a busy store is not asked again for each recording', async () => {
    service = startTestService();
    for (let index = 0; index < 5; index += 1) await service.record({ attempt: `b${index}` });
    service.clock.advance(31 * DAY_MS);
    let asked = 0;
    await sweepOn({
      delete: () => {
        asked += 1;
        return Promise.reject(broken('DeleteObjects', 'SlowDown'));
      },
    });
    expect(asked).toBe(1);
  });
});

describe('an index entry goes only after what it leads to', () => {
  test('the entry of a fact that could not be deleted stays', async () => {
    service = startTestService();
    const attempt = { tenant: 'acme', exam: 'math', attempt: 'empty' };
    await assessAttempt(service.context, attempt, service.clock.now());
    service.clock.advance(30 * DAY_MS);
    const refuse: ObjectStore['delete'] = async (targets) => {
      const facts = targets.filter(({ key }) => key.includes('/assessed/'));
      const failures = await service.store.delete(targets.filter((target) => !facts.includes(target)));
      return [...failures, ...facts.map((target) => ({ ...target, code: 'AccessDenied' }))];
    };
    expect((await sweepOn({ delete: refuse })).failed).toBe(1);
    expect((await sweepOn({ delete: () => Promise.reject(broken('DeleteObjects')) })).failed).toBeGreaterThan(0);
    expect(await service.keys('due/')).toEqual([expect.stringContaining('/attempt/acme/math/empty/')]);
    expect((await service.sweep()).failed).toBe(0);
    expect(await service.keys()).toEqual([]);
  });

  test('the index of receipts that could not be deleted stays', async () => {
    service = startTestService();
    await service.record();
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(366 * DAY_MS);
    const failing: ObjectStore['delete'] = (targets) =>
      targets[0]?.key.startsWith('receipts/') ? Promise.reject(broken('DeleteObjects')) : service.store.delete(targets);
    expect((await sweepOn({ delete: failing })).failed).toBe(1);
    expect(await service.keys('due/')).toHaveLength(1);
    await service.sweep();
    expect(await service.keys()).toEqual([]);
  });
});

describe('stored means found whole', () => {
  test('an abandoned upload that is no recording is neither stored nor playable', async () => {
    service = startTestService();
    const ref = await service.begin();
    await uploadParts(service.context, ref, [Buffer.from('<html>')]);
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep()).problems).toMatchObject([{ code: 'salvaged-is-no-recording' }]);
    expect((await readRecordingView(service.context, ref)).state).toBe('uploading');
    await expect(issuePlaybackLink(service.context, CALLER, ref)).rejects.toMatchObject({
      code: 'recording-not-stored',
    });
    await expect(completeRecording(service.context, ref, {})).rejects.toMatchObject({ code: 'not-a-recording' });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('what a crash left between the completion and the look at the first bytes is settled by the next reader', async () => {
    service = startTestService();
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    const store = overriding(service.store, { getStart: () => Promise.reject(broken('GetObject')) });
    await expect(completeRecording({ ...service.context, store }, ref, {})).rejects.toMatchObject({
      name: 'StoreError',
    });
    expect(await readRecordingView(service.context, ref)).toMatchObject({ state: 'stored', sizeBytes: webm.length });
    expect((await issuePlaybackLink(service.context, CALLER, ref)).url).toMatch(/^http/);
  });

  test('a client that comes back to an upload that was completed without its last part is told what is missing', async () => {
    service = startTestService();
    const ref = await service.begin();
    const first = Buffer.concat([webm, Buffer.alloc(5 * MIB - webm.length)]);
    await uploadParts(service.context, ref, [first]);
    const [part] = (await service.store.listMultipartUploads('')).uploads;
    const parts = await service.store.listParts(recordingKey(ref, 'media'), part?.uploadId ?? '');
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep()).salvaged).toBe(1);
    const claimed = [...(parts ?? []), { partNumber: 2, etag: '"e"' }].map(({ partNumber, etag }) => ({
      partNumber,
      etag,
    }));
    await expect(completeRecording(service.context, ref, { parts: claimed })).rejects.toMatchObject({
      code: 'parts-missing',
      data: { partNumbers: [2] },
    });
    expect(await completeRecording(service.context, ref, { parts: claimed.slice(0, 1) })).toMatchObject({
      truncated: true,
    });
  });

  test('a deletion that comes between the mark and the tags leaves nothing', async () => {
    service = startTestService();
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    const store = overriding(service.store, {
      async tag(key, tags) {
        await service.store.delete(
          [recordingKey(ref, 'manifest'), recordingKey(ref, 'media')].map((gone) => ({ key: gone })),
        );
        return service.store.tag(key, tags);
      },
    });
    await expect(completeRecording({ ...service.context, store }, ref, {})).rejects.toMatchObject({
      code: 'recording-not-found',
    });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('an abort that a completion overtakes leaves the recording as it was told to be: stored', async () => {
    service = startTestService();
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    const store = overriding(service.store, {
      async abortMultipartUpload(key, uploadId) {
        await completeRecording(service.context, ref, {});
        await service.store.abortMultipartUpload(key, uploadId);
      },
    });
    await expect(abortRecording({ ...service.context, store }, CALLER, ref)).rejects.toMatchObject({
      code: 'recording-stored',
    });
    expect((await readRecordingView(service.context, ref)).state).toBe('stored');
  });
});
