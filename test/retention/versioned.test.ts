import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { participantKey, recordingKey } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';

let service: TestService;
beforeEach(async () => {
  // The embedded store keeps one version of each key, and tells it as S3 tells an unversioned one. What needs more is
  // in test/external, on a store that keeps them all.
  service = startTestService({
    wrap: (store) => overriding(store, { isVersioned: () => Promise.resolve(true) }),
  });
});
afterEach(() => service.close());

describe('in a bucket that says it is versioned, everything is deleted by its version', () => {
  test('by the sweep, with facts, index and receipts', async () => {
    const ref = await service.record();
    await assessAttempt(service.context, ref, service.clock.now());
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    expect(await service.keys('attempts/')).toEqual([]);
    service.clock.advance(366 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 1 });
    expect(await service.keys()).toEqual([]);
  });

  test('by an erasure, in the middle of an upload too', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(2 * HOUR_MS);
    await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    expect(await service.keys('attempts/')).toEqual([]);
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  });

  test('by verify --fix', async () => {
    const ref = await service.record();
    await service.store.delete([{ key: recordingKey(ref, 'manifest') }]);
    await service.store.put(participantKey('p2', ref), new Uint8Array());
    service.clock.advance(2 * HOUR_MS);
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.keys('participants/')).toEqual([]);
  });
});
