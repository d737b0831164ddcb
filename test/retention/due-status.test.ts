// What the metrics tell of the deletion queue, on a real store with a clock that is turned.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { createdAtOf } from '../../src/domain/ids.ts';
import { dueAttemptKey, dueReceiptsKey } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { readDueStatus } from '../../src/retention/due-status.ts';
import { until } from '../http/expectations.ts';
import { overriding } from '../kit/overriding.ts';
import { startTestService, type TestService } from '../kit/service.ts';

let service: TestService;
beforeEach(async () => {
  service = startTestService();
});
afterEach(() => service.close());

const status = () => readDueStatus(service.sweepContext);

describe('the deletion queue at a glance', () => {
  test('an empty one has no oldest entry', async () => {
    expect(await status()).toEqual({ oldestDueMs: undefined, sweepable: 0 });
  });

  test('tells the deadline of the oldest recording, once its entry is settled', async () => {
    const { recording } = await service.record();
    await service.record({ attempt: 'a2' });
    expect(await status()).toEqual({ oldestDueMs: undefined, sweepable: 0 });
    service.clock.advance(HOUR_MS + MINUTE_MS);
    expect(await status()).toEqual({ oldestDueMs: createdAtOf(recording) + 30 * DAY_MS, sweepable: 0 });
  });

  test('counts what a sweep would take up, from the lead on, and nothing after the sweep', async () => {
    const { recording } = await service.record();
    await service.record({ attempt: 'a2' });
    const deadlineMs = createdAtOf(recording) + 30 * DAY_MS;
    service.clock.advance(29 * DAY_MS - MINUTE_MS);
    expect(await status()).toEqual({ oldestDueMs: deadlineMs, sweepable: 0 });
    service.clock.advance(2 * MINUTE_MS);
    expect(await status()).toEqual({ oldestDueMs: deadlineMs, sweepable: 2 });
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
    expect(await status()).toEqual({ oldestDueMs: undefined, sweepable: 0 });
  });

  test('an assessment that is reported late is no alarm while its entry is young', async () => {
    await service.close();
    service = startTestService({ policy: { afterAssessmentMs: 7 * DAY_MS } });
    const ref = await service.record();
    service.clock.advance(20 * DAY_MS);
    // A store tells whole seconds: what is written in this one would look older than the turn of the clock.
    const turnedAtSecond = Math.floor(Date.now() / SECOND_MS);
    await until(() => Math.floor(Date.now() / SECOND_MS) > turnedAtSecond);
    const deadlineMs = createdAtOf(ref.recording) + 30 * DAY_MS;
    await assessAttempt(service.context, ref, service.clock.now() - 19 * DAY_MS);
    expect(await status()).toEqual({ oldestDueMs: deadlineMs, sweepable: 0 });
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 } });
    expect(await status()).toEqual({ oldestDueMs: deadlineMs, sweepable: 0 });
    // Until the next sweep it is one: whoever is alarmed waits for longer than sweeps are apart.
    service.clock.advance(HOUR_MS + MINUTE_MS);
    expect((await status()).oldestDueMs).toBeLessThan(service.clock.now());
    await service.sweep();
    expect(await status()).toEqual({ oldestDueMs: deadlineMs, sweepable: 0 });
  });

  test('what expires with the receipts, and keys that nobody knows, are no recordings', async () => {
    const { store, clock } = service;
    await store.put(dueReceiptsKey(clock.now() - DAY_MS, 'unique'), new Uint8Array());
    await store.put('due/nonsense', new Uint8Array());
    clock.advance(2 * HOUR_MS);
    expect(await status()).toEqual({ oldestDueMs: undefined, sweepable: 0 });
  });

  test('costs one LIST of a thousand keys, however long the queue is', async () => {
    const { store, clock, testStore } = service;
    const ref = { tenant: 'acme', exam: 'math', attempt: 'a1' };
    const nowMs = clock.now();
    for (let from = 0; from < 1005; from += 67) {
      const numbers = Array.from({ length: 67 }, (_, index) => from + index);
      await Promise.all(
        numbers.map((number) => store.put(dueAttemptKey(nowMs + number, ref, `u${number}`), new Uint8Array())),
      );
    }
    clock.advance(2 * HOUR_MS);
    testStore.requests.length = 0;
    const { oldestDueMs, sweepable } = await status();
    expect(oldestDueMs).toBe(nowMs);
    // A page may have fewer keys than were asked for (S3 API); a busy Ceph gave 972.
    expect(sweepable).toBeGreaterThan(900);
    expect(sweepable).toBeLessThanOrEqual(1000);
    expect(testStore.requests).toEqual([{ operation: 'ListObjectsV2' }]);
  });

  test('a store that sends no time is an error: nothing would ever look overdue', async () => {
    const timeless = overriding(service.store, {
      list: async (prefix, options) => ({ ...(await service.store.list(prefix, options)), storeTimeMs: Number.NaN }),
    });
    await expect(readDueStatus({ ...service.sweepContext, store: timeless })).rejects.toMatchObject({
      storeCode: 'NoDate',
    });
  });
});
