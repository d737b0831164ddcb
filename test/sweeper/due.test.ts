// What the metrics tell of the deletion queue, and the warning before a loss.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { createdAtOf } from '../../src/model/ids.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { findDueSoon } from '../../src/sweeper/due-soon.ts';
import { readDueStatus } from '../../src/sweeper/due-status.ts';
import { dueAttemptKey, dueReceiptsKey } from '../kit/keys.ts';
import { type RetentionService, startRetention, timeless } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention({ policy: { byTenantMs: new Map([['brief', 14 * DAY_MS]]) } });
});

describe('the deletion queue at a glance', () => {
  const status = (afterMs = 0) => {
    service.clock.advance(afterMs);
    return readDueStatus(service.sweepContext);
  };
  const NOTHING = { oldestDueMs: undefined, sweepable: 0 };

  test('reports the oldest deadline once its entry is past the grace period, and from the lead on what a sweep would delete', async () => {
    // Receipt entries and unknown keys do not count as recordings.
    await service.put(dueReceiptsKey(service.clock.now() - DAY_MS, 'unique'));
    await service.put('due/nonsense');
    const { recording } = await service.after(2 * HOUR_MS).record();
    const oldestDueMs = createdAtOf(recording) + 30 * DAY_MS;
    await service.record({ attempt: 'a2' });
    expect(await status()).toEqual(NOTHING);
    expect(await status(HOUR_MS + MINUTE_MS)).toEqual({ oldestDueMs, sweepable: 0 });
    expect(await status(29 * DAY_MS - HOUR_MS - 2 * MINUTE_MS)).toEqual({ oldestDueMs, sweepable: 0 });
    expect(await status(2 * MINUTE_MS)).toEqual({ oldestDueMs, sweepable: 2 });
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 2 } });
    expect(await status()).toEqual(NOTHING);
  });

  test('an assessment that is reported late is no alarm while its entry is young', async () => {
    service = startRetention({ policy: { afterAssessmentMs: 7 * DAY_MS } });
    const ref = await service.record();
    service.clock.advance(20 * DAY_MS);
    const oldestDueMs = createdAtOf(ref.recording) + 30 * DAY_MS;
    await service.assess(ref, service.clock.now() - 19 * DAY_MS, [ref.recording]);
    expect(await status()).toEqual({ oldestDueMs, sweepable: 0 });
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 } });
    // The entry of its creation has just been moved, and is young again.
    expect(await status()).toEqual(NOTHING);
    // Until the next sweep it is one: an alarm has to wait for longer than sweeps are apart.
    expect((await status(HOUR_MS + MINUTE_MS)).oldestDueMs).toBeLessThan(service.clock.now());
    await service.sweep();
    expect(await status()).toEqual(NOTHING);
  });

  test('costs two LISTs of a thousand keys, however long the queue is; a store without a time is an error', async () => {
    const ref = { tenant: 'acme', exam: 'math', attempt: 'a1' };
    const nowMs = service.clock.now();
    const keys = Array.from({ length: 1005 }, (_, number) => dueAttemptKey(nowMs + number, ref, `u${number}`));
    await Promise.all(keys.map((key) => service.put(key)));
    service.clock.advance(2 * HOUR_MS);
    service.testStore.requests.length = 0;
    expect(await status()).toEqual({ oldestDueMs: nowMs, sweepable: 1000 });
    expect(service.testStore.requests).toEqual([{ operation: 'ListObjectsV2' }, { operation: 'ListObjectsV2' }]);
    const store = timeless(service.store);
    await expect(readDueStatus({ ...service.sweepContext, store })).rejects.toMatchObject({ storeCode: 'NoDate' });
  });
});

describe('the warning before a loss', () => {
  test('counts by tenant what the sweep will delete unassessed within 72 hours, with the earliest deadline', async () => {
    const brief = await service.record({ tenant: 'brief' });
    const first = await service.record({ attempt: 'a1' });
    await service.record({ attempt: 'a1' });
    await service.begin({ attempt: 'a2' });
    const assessed = await service.record({ attempt: 'a3' });
    await service.erase(await service.record({ attempt: 'a4' }));
    await service.after(DAY_MS).assess(assessed);

    expect(await service.sweep()).toMatchObject({ dueSoonUnassessed: [], dueSoonMore: false });
    service.clock.advance(9 * DAY_MS + HOUR_MS);
    // Of the same tenant, and not due soon.
    await service.record({ tenant: 'brief', attempt: 'a2' });
    const { deleteBy } = await readRecording(service.context, brief);
    expect((await service.sweep()).dueSoonUnassessed).toEqual([{ tenant: 'brief', count: 1, earliest: deleteBy }]);
    expect((await service.after(16 * DAY_MS - 2 * HOUR_MS).sweep()).dueSoonUnassessed).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    const earliest = (await readRecording(service.context, first)).deleteBy;
    expect((await service.sweep()).dueSoonUnassessed).toEqual([{ tenant: 'acme', count: 3, earliest }]);
    service.clock.advance(3 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 3 }, dueSoonUnassessed: [] });
  });

  test('costs nothing while nothing is due soon, and not every sweep has to look', async () => {
    await service.recordMany(4);
    for (const hours of [24, 2]) await service.after(hours * HOUR_MS).sweep();
    expect((await service.sweep()).requests).toBe(7);
    const warned = await service.after(26 * DAY_MS).sweep();
    expect(warned.dueSoonUnassessed).toEqual([expect.objectContaining({ count: 4 })]);
    // Seven, and the four attempts in at most four listings.
    expect(warned.requests).toBeLessThanOrEqual(7 + 4);
    expect(await service.sweep({ dueSoon: false })).toMatchObject({ dueSoonUnassessed: null, requests: 7 });
  });

  test('looks at a bounded number of attempts, the most urgent first, and says that there are more', async () => {
    for (let index = 0; index < 5; index += 1) await service.after(HOUR_MS).record({ attempt: `a${5 - index}` });
    await service.after(2 * HOUR_MS).sweep();
    service.clock.advance(27 * DAY_MS - 2 * HOUR_MS);
    const all = await findDueSoon(service.sweepContext);
    expect(all).toMatchObject({ unassessed: [{ count: 5 }], more: false });
    const some = await findDueSoon(service.sweepContext, { maxAttempts: 2 });
    expect(some).toEqual({ unassessed: [{ ...all.unassessed[0], count: 2 }], more: true });
    expect(await findDueSoon(service.sweepContext, { maxAttempts: 5 })).toMatchObject({ more: false });
    expect(await findDueSoon(service.sweepContext, { signal: AbortSignal.abort() })).toMatchObject({ unassessed: [] });
  });
});

test('a recording is there until its deletableFrom, and the first sweep from then on deletes it', async () => {
  const ref = await service.record();
  await service.after(DAY_MS).assess(ref);
  const { deletableFrom } = await readRecording(service.context, ref);
  service.clock.advance(Date.parse(deletableFrom) - service.clock.now() - 1);
  expect(await service.sweep()).toMatchObject({ deleted: { recordings: 0 } });
  expect((await readRecording(service.context, ref)).deletableFrom).toBe(deletableFrom);
  expect(await service.after(1).sweep()).toMatchObject({ deleted: { recordings: 1 } });
});
