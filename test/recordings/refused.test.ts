// A delete that the store refuses is never overlooked, a refused call leaves nothing, and a busy store is left alone.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { eraseParticipant } from '../../src/recordings/erase-participant.ts';
import { liftRestriction, restrictRecording } from '../../src/recordings/restriction.ts';
import { webm } from '../kit/fixtures.ts';
import { failing, keeping, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { participantKey, recordingKey } from '../kit/keys.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const CALLER = { tenant: 'acme', actor: 'desk', requestId: 'r1' };

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

/** As a sweep that has seen the deletion through: no entry of before leads to what is written later. */
const forgetEntries = async () => service.remove(...(await service.due('attempt')));

/** What is written while a deletion finishes is withdrawn; `refuses` is what the store will not delete then. */
async function overtaken(
  ref: RecordingRef,
  refuses: RegExp,
  moment: Parameters<typeof meanwhile>[1],
  act: (store: ObjectStore) => Promise<unknown>,
): Promise<void> {
  const outcome = await meanwhile(
    service.store,
    moment,
    async () => {
      await service.erase(ref);
      await forgetEntries();
    },
    (seen) => act(keeping(seen, refuses)).catch((error: unknown) => error),
  );
  expect(outcome).toMatchObject({ name: 'StoreError', storeCode: 'AccessDenied' });
  expect(await service.objectsOf(ref)).not.toEqual([]);
  // The next sweep finds it, because a queue entry leads there.
  expect(await service.after(2 * HOUR_MS).sweep()).toMatchObject({ failed: 0 });
  expect(await service.objectsOf(ref)).toEqual([]);
}

describe('what was written while a recording was deleted, and cannot be withdrawn, fails the call and is swept', () => {
  test('media', async () => {
    const ref = await service.uploaded();
    const completing = { when: 'after', call: 'completeMultipartUpload' } as const;
    const outcome = await meanwhile(
      service.store,
      completing,
      async () => {
        service.clock.advance(31 * DAY_MS);
        await forgetEntries();
      },
      (seen) => service.complete(ref, keeping(seen, /\/media$/)).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ name: 'StoreError', storeCode: 'AccessDenied' });
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('a timeline', async () => {
    const ref = await service.uploaded();
    await overtaken(ref, /\/timeline\.json$/, { when: 'before', call: 'put', keys: /\/timeline\.json$/ }, (store) =>
      service.complete(ref, store, { timeline: TIMELINE }),
    );
  });

  test('a restriction', async () => {
    const ref = await service.record();
    await overtaken(ref, /\/restricted$/, { when: 'before', call: 'put', keys: /\/restricted$/ }, (store) =>
      restrictRecording({ ...service.context, store }, CALLER, ref, 'a dispute'),
    );
  });
});

describe('what the store keeps of a marker that must not stay is reported', () => {
  test('to the operator: the marker of an upload whose recording was erased while the sweep completed it', async () => {
    const ref = await service.uploaded();
    const completing = { when: 'after', call: 'completeMultipartUpload' } as const;
    service.clock.advance(3 * HOUR_MS);
    const report = await meanwhile(
      service.store,
      completing,
      async () => {
        await service.erase(ref);
        await forgetEntries();
      },
      (seen) => service.sweepOn(keeping(seen, /\/truncated$/)),
    );
    expect(report).toMatchObject({ failed: 1, salvaged: 0, problems: [{ code: 'AccessDenied' }] });
    await service.put(recordingKey(ref, 'truncated'));
    expect(await service.after(2 * HOUR_MS).sweep()).toMatchObject({ failed: 0 });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('to the caller: the marker of a restriction that is lifted, or of an upload that its client completed', async () => {
    const ref = await service.record();
    await restrictRecording(service.context, CALLER, ref, 'a dispute');
    const lift = liftRestriction(
      { ...service.context, store: keeping(service.store, /\/restricted$/) },
      CALLER,
      ref,
      'x',
    );
    await expect(lift).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    const open = await service.uploaded([webm], { attempt: 'a2' });
    await service.put(recordingKey(open, 'truncated'));
    const complete = service.complete(open, keeping(service.store, /\/truncated$/));
    await expect(complete).rejects.toMatchObject({ storeCode: 'AccessDenied' });
  });

  test('to the caller: media that were deleted before their tags', async () => {
    const ref = await service.uploaded();
    const outcome = await meanwhile(
      service.store,
      { when: 'before', call: 'tag' },
      () => service.erase(ref),
      (seen) => service.complete(ref, keeping(seen, /\/media$/)).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ name: 'StoreError', storeCode: 'AccessDenied' });
  });
});

describe('a sweep that finds abandoned uploads by the manifests', () => {
  // As MinIO: a listing of a folder shows no open upload.
  const unlisting = (store: ObjectStore) =>
    replacing(store, 'listMultipartUploads', /\/$/, () => ({
      uploads: [],
      cursor: undefined,
      storeTimeMs: service.clock.now(),
    }));

  test.each([
    ['a manifest', 'get', /a4\/.*recording\.json$/],
    ['a page of recordings', 'list', /^attempts\/$/],
  ] as const)('reports that %s could not be read, and leaves no recovery behind', async (_, call, keys) => {
    service = startRetention({ memory: { pageKeys: 4 } });
    for (const attempt of ['a1', 'a2', 'a3', 'a4', 'a5']) await service.uploaded([webm], { attempt });
    service.clock.advance(3 * HOUR_MS);
    let calls = 0;
    const store = replacing(unlisting(service.store), call, keys, (go) => {
      calls += 1;
      if (call === 'get' || calls > 1) throw new StoreError('unavailable', call, 'InternalError');
      return go();
    });
    const report = await service.sweepOn(store, { dueSoon: false });
    expect(report.failed).toBe(1);
    const after = await service.keys('attempts/');
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(await service.keys('attempts/')).toEqual(after);
  });
});

test.each(['InternalError', 'Unknown', 'TimeoutError', 'UnreadableAnswer'])(
  'what is due is deleted though listings that attempts share always fail with %s',
  async (code) => {
    await service.recordMany(3);
    const store = failing(service.store, 'list', /^attempts\/$/, code);
    const report = await service.after(31 * DAY_MS).sweepOn(store, { dueSoon: false });
    expect(report).toMatchObject({ failed: 0, deleted: { recordings: 3 } });
  },
);

test.each(['Unknown', 'UnknownError', 'GatewayTimeout', 'InternalError'])(
  'a gateway that ends every large deletion with %s gets smaller ones',
  async (code) => {
    await service.recordMany(10);
    const store = overriding(service.store, {
      delete: async (targets) => {
        if (targets.length > 5) throw new StoreError('unavailable', 'DeleteObjects', code);
        return service.store.delete(targets);
      },
    });
    const report = await service.after(31 * DAY_MS).sweepOn(store, { dueSoon: false });
    expect(report).toMatchObject({ deleted: { recordings: 10 } });
  },
);

test('a recording that the sweep cut stays truncated, though the store confirms a second completion of it', async () => {
  service = startRetention({ uploads: { partSizeBytes: webm.length } });
  const ref = await service.uploaded([webm, webm]);
  const { uploadId } = await service.readJson<{ uploadId: string }>(recordingKey(ref, 'manifest'));
  await service.put(recordingKey(ref, 'truncated'));
  const media = recordingKey(ref, 'media');
  const first = (await service.store.listParts(media, uploadId))?.slice(0, 1) ?? [];
  // As Ceph RGW, which remembers what it completed, whatever the parts of the second request.
  const remembering = replacing(service.store, 'completeMultipartUpload', media, async () => {
    await service.store.completeMultipartUpload(media, uploadId, first);
    return true;
  });
  expect(await service.complete(ref, remembering)).toMatchObject({ sizeBytes: webm.length, truncated: true });
});

test('abandoned uploads are recovered side by side', async () => {
  for (const attempt of ['a1', 'a2', 'a3', 'a4']) await service.uploaded([webm], { attempt });
  service.clock.advance(3 * HOUR_MS);
  let running = 0;
  let most = 0;
  const store = replacing(service.store, 'listParts', '', async (go) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return go();
  });
  expect(await service.sweepOn(store)).toMatchObject({ salvaged: 4, failed: 0 });
  expect(most).toBeGreaterThan(1);
});

test('an index entry of a participant that leads nowhere, and that the store keeps, leaves the erasure incomplete', async () => {
  const ref = await service.record();
  await service.erase(ref);
  const [key] = [participantKey('p1', ref)];
  await service.put(key);
  const failed = [{ examId: ref.exam, attemptId: ref.attempt, recordingId: ref.recording, code: 'AccessDenied' }];
  const erase = (store: ObjectStore) =>
    eraseParticipant({ ...service.context, store }, CALLER, { tenant: 'acme', participant: 'p1' }, 'erasure');
  await expect(erase(keeping(service.store, key))).rejects.toMatchObject({
    code: 'erasure-incomplete',
    data: { failed },
  });
  expect((await erase(service.store)).receipts).toHaveLength(1);
  expect(await service.keys(key)).toEqual([]);
});

test('an erasure of a participant says so when the store keeps a manifest, whose index entry is deleted by then', async () => {
  const [kept, erased] = [await service.record(), await service.record({ attempt: 'a2' })];
  const erase = (store: ObjectStore) =>
    eraseParticipant({ ...service.context, store }, CALLER, { tenant: 'acme', participant: 'p1' }, 'erasure');
  const receipts = [expect.objectContaining({ recordingId: erased.recording })];
  const failed = [expect.objectContaining({ recordingId: kept.recording, code: 'AccessDenied' })];
  await expect(erase(keeping(service.store, recordingKey(kept, 'manifest')))).rejects.toMatchObject({
    code: 'erasure-incomplete',
    data: { failed, receipts },
  });
  // A store that refuses once is given a second try by the call itself.
  service = startRetention();
  const once = await service.record();
  await service.record({ attempt: 'a2' });
  let refusals = 1;
  const store = replacing(service.store, 'delete', recordingKey(once, 'manifest'), (go) => {
    refusals -= 1;
    return refusals === 0 ? [{ key: recordingKey(once, 'manifest'), code: 'AccessDenied' }] : go();
  });
  expect((await erase(store)).receipts).toHaveLength(2);
});

describe('a completion', () => {
  const refusing = (times: number) => {
    let left = times;
    return replacing(service.store, 'completeMultipartUpload', '', (go) => {
      left -= 1;
      if (left >= 0) throw new StoreError('invalid-parts', 'CompleteMultipartUpload', 'InvalidPart');
      return go();
    });
  };

  test('that the store refuses keeps no timeline: that of the one that succeeds is stored', async () => {
    const ref = await service.uploaded();
    const store = refusing(1);
    const other = { ...TIMELINE, gaps: [{ from: TIMELINE.startedAt, to: TIMELINE.endedAt, reason: 'lid' }] };
    await expect(service.complete(ref, store, { timeline: TIMELINE })).rejects.toMatchObject({ code: 'parts-changed' });
    expect(await service.keys(recordingKey(ref, 'timeline'))).toEqual([]);
    expect(await service.complete(ref, store, { timeline: other })).toMatchObject({ timeline: other });
  });

  const ONE_MORE = [1, 2].map((partNumber) => ({ partNumber, etag: 'x' }));
  test.each(['before', 'meanwhile'])(
    'that names more parts than the sweeper completed %s is refused, and keeps no timeline',
    async (when) => {
      const ref = await service.uploaded();
      const [upload] = (await service.store.listMultipartUploads(recordingKey(ref, 'media'))).uploads;
      const completeFirst = async () => {
        const parts = (await service.store.listParts(recordingKey(ref, 'media'), upload?.uploadId ?? '')) ?? [];
        await service.store.completeMultipartUpload(recordingKey(ref, 'media'), upload?.uploadId ?? '', parts);
      };
      const complete = (store: ObjectStore) => service.complete(ref, store, { parts: ONE_MORE, timeline: TIMELINE });
      if (when === 'before') await completeFirst();
      const refused =
        when === 'before'
          ? complete(service.store)
          : meanwhile(service.store, { when: 'before', call: 'listParts' }, completeFirst, complete);
      await expect(refused).rejects.toMatchObject({ code: 'parts-mismatch' });
      expect(await service.keys(recordingKey(ref, 'timeline'))).toEqual([]);
      const other = { ...TIMELINE, gaps: [{ from: TIMELINE.startedAt, to: TIMELINE.endedAt, reason: 'lid' }] };
      expect(await service.complete(ref, service.store, { timeline: other })).toMatchObject({ timeline: other });
    },
  );

  test('of a recording that is stored does not read its media again', async () => {
    const ref = await service.uploaded();
    let reads = 0;
    const counting = ['getStart', 'getRange'].reduce(
      (store, call) =>
        replacing(store, call as 'getStart' | 'getRange', /\/media$/, (go) => {
          reads += 1;
          return go();
        }),
      service.store,
    );
    const first = await service.complete(ref, counting);
    expect(first).toMatchObject({ state: 'stored' });
    const readOnce = reads;
    expect(readOnce).toBeGreaterThan(0);
    expect(await service.complete(ref, counting)).toEqual(first);
    expect(reads).toBe(readOnce);
  });

  test('of a recording whose media and marker are gone meanwhile is told so', async () => {
    const ref = await service.record();
    const outcome = await meanwhile(
      service.store,
      { when: 'after', call: 'list' },
      () => service.remove(recordingKey(ref, 'stored'), recordingKey(ref, 'media')),
      (seen) => service.complete(ref, seen).catch((error: unknown) => error),
    );
    expect(outcome).toMatchObject({ code: 'upload-gone' });
  });

  test('by the client of an upload that the sweeper marked as truncated and could not complete is whole', async () => {
    const ref = await service.uploaded();
    expect(await service.after(3 * HOUR_MS).sweepOn(refusing(1))).toMatchObject({ salvaged: 0, failed: 1 });
    expect(await service.complete(ref)).toMatchObject({ state: 'stored', truncated: false });
  });
});

test('a store that throttles is not asked for each due attempt alone', async () => {
  await service.recordMany(200);
  let listings = 0;
  const busy = replacing(service.store, 'list', /^attempts\//, () => {
    listings += 1;
    throw new StoreError('unavailable', 'ListObjectsV2', 'SlowDown');
  });
  const report = await service.after(31 * DAY_MS).sweepOn(busy, { dueSoon: false });
  expect(report).toMatchObject({ failed: 200, overdue: 200, deleted: { recordings: 0 } });
  expect(listings).toBeLessThan(10);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 200 } });
});
