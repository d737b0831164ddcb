// A bucket that keeps versions: in memory, and on the store outside where there is one, for the embedded one keeps none.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { webm } from '../kit/fixtures.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { hasExternalStore, openTestStore } from '../storage/stores.ts';

const inMemory = async () => startTestService({ memory: { versioned: true } });
const outside = async () => startServiceOn(await openTestStore({ versioned: true }));

describe.each([
  { place: 'in memory', start: inMemory },
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

  test('a sweep leaves no version and no delete marker of a recording, and the receipt counts them', async () => {
    const ref = await service.record();
    await service.store.put(recordingKey(ref, 'media'), webm, { contentType: 'video/webm' });
    await service.store.put(recordingKey(ref, 'restricted'), new Uint8Array());
    await service.store.delete([{ key: recordingKey(ref, 'restricted') }]);
    await assessAttempt(service.context, ref, service.clock.now());
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1, versions: 3 } });
    expect(await versions('attempts/')).toEqual([]);
    expect(await versions('participants/')).toEqual([]);
    expect((await versions('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    expect(await readReceipt(service.store, ref)).toMatchObject({ objects: 4, versions: 3 });
    expect((await readReceipt(service.store, ref))?.bytes).toBeGreaterThan(2 * webm.length);
  });

  test('an erasure leaves none either, and what a plain delete left is found by the next sweep', async () => {
    const erased = await service.record();
    const hidden = await service.record({ attempt: 'a2' });
    service.clock.advance(2 * HOUR_MS);
    await deleteRecording(service.context, erased, { reason: 'erasure', actor: 'desk' });
    expect(await versions(recordingKey(erased, 'media'))).toEqual([]);
    await service.store.delete(
      ['manifest', 'media'].map((object) => ({ key: recordingKey(hidden, object as 'media') })),
    );
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    expect(await versions('attempts/')).toEqual([]);
  });

  test('verify finds versions of a recording that a plain delete left, and --fix makes them go', async () => {
    const ref = await service.record();
    await service.store.delete([{ key: recordingKey(ref, 'manifest') }, { key: recordingKey(ref, 'media') }]);
    await service.store.delete((await service.keys('attempts/')).map((key) => ({ key })));
    expect(await service.keys('attempts/')).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    const { findings } = await service.verify();
    expect(findings).toMatchObject([
      { kind: 'media-without-manifest', key: recordingPrefix(ref), detail: 'older versions only' },
      { kind: 'stray-marker' },
    ]);
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await versions('attempts/')).toEqual([]);
  });

  test('a completion that a deletion overtook leaves no version of its media', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(31 * DAY_MS);
    await expect(completeRecording(service.context, ref, {})).rejects.toMatchObject({ code: 'recording-expired' });
    await service.sweep();
    expect(await versions('attempts/')).toEqual([]);
  });

  test('when receipts and audit events have expired too, the bucket is empty of versions', async () => {
    const ref = await service.record();
    await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(366 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 1, auditEventsExpired: 1 });
    expect(await versions()).toEqual([]);
  });
});
