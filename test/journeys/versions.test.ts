// A bucket that keeps versions: in memory, and on the store outside where there is one, for the embedded one keeps none.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readReceipt } from '../kit/bucket.ts';
import { webm } from '../kit/fixtures.ts';
import { recordingKey, recordingPrefix } from '../kit/keys.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { hasExternalStore, openTestStore } from '../objectstore/stores.ts';

const outside = async () => startServiceOn(await openTestStore({ versioned: true }));

describe.each([
  { place: 'in memory', start: async () => startTestService({ memory: { versioned: true } }) },
  ...(hasExternalStore ? [{ place: 'outside', start: outside }] : []),
])('in a versioned bucket $place', ({ start }) => {
  let service: TestService;
  beforeEach(async () => {
    service = await start();
  });
  afterEach(() => service.close());

  async function versions(prefix = ''): Promise<string[]> {
    const page = await service.store.listVersions(prefix);
    expect(page.cursor).toBeUndefined();
    return page.versions.map(({ key }) => key);
  }

  test('a sweep, a completion that comes too late and an erasure leave no version, the receipt counts them, and in the end it goes too', async () => {
    const ref = await service.record();
    await service.store.put(recordingKey(ref, 'media'), webm, { contentType: 'video/webm' });
    await service.store.put(recordingKey(ref, 'restricted'), new Uint8Array());
    await service.store.delete([{ key: recordingKey(ref, 'restricted') }]);
    const assessor = { tenant: ref.tenant, actor: 'assessor', requestId: 'q' };
    await assessAttempt(service.context, assessor, ref, { completedAtMs: service.clock.now() });
    const late = await service.begin({ attempt: 'a2' });
    await uploadParts(service.context, late, [webm]);
    const erased = await service.record({ attempt: 'a3' });
    service.clock.advance(2 * HOUR_MS);
    await deleteRecording(service.context, erased, { reason: 'erasure', actor: 'desk' });
    expect(await versions(recordingPrefix(erased))).toEqual([]);
    await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
    service.clock.advance(31 * DAY_MS);
    await expect(completeRecording(service.context, late, {})).rejects.toMatchObject({ code: 'recording-expired' });
    expect(await service.sweep()).toMatchObject({ due: 2, failed: 0, deleted: { recordings: 2 } });
    for (const prefix of ['attempts/', 'participants/']) expect(await versions(prefix)).toEqual([]);
    expect((await versions('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    const receipt = await readReceipt(service.store, ref);
    expect(receipt).toMatchObject({ objects: 4, versions: 3 });
    expect(receipt?.bytes).toBeGreaterThan(2 * webm.length);
    service.clock.advance(366 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 3, auditEventsExpired: 2 });
    expect((await versions()).filter((key) => !/^log(-queue)?\//.test(key))).toEqual([]);
  });

  test('verify finds versions of a recording that a plain delete left; they can be restored until the deadline, and are gone then', async () => {
    const ref = await service.record();
    await service.store.delete((await service.keys(recordingPrefix(ref))).map((key) => ({ key })));
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    expect((await service.verify()).findings).toMatchObject([
      {
        kind: 'media-without-manifest',
        key: recordingPrefix(ref),
        detail: 'its manifest is gone: older versions only',
      },
    ]);
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 1 });
    await service.sweep();
    expect(await versions('attempts/')).not.toEqual([]);
    const hidden = await service.record({ attempt: 'a2' });
    await service.store.delete([{ key: recordingKey(hidden, 'manifest') }, { key: recordingKey(hidden, 'media') }]);
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    expect(await versions('attempts/')).toEqual([]);
  });
});
