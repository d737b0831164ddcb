import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { findDueSoon } from '../../src/retention/due-soon.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { startTestService, type TestService } from '../kit/service.ts';

let service: TestService;
beforeEach(async () => {
  service = startTestService({ policy: { byTenantMs: new Map([['brief', 14 * DAY_MS]]) } });
});
afterEach(() => service.close());

describe('the warning before a loss', () => {
  test('counts by tenant what the sweep will delete unassessed within 72 hours, with the earliest deadline', async () => {
    const brief = await service.record({ tenant: 'brief' });
    const first = await service.record({ attempt: 'a1' });
    await service.record({ attempt: 'a1' });
    await service.begin({ attempt: 'a2' });
    const assessed = await service.record({ attempt: 'a3' });
    const erased = await service.record({ attempt: 'a4' });
    await deleteRecording(service.context, erased, { reason: 'erasure', actor: 'desk' });
    service.clock.advance(DAY_MS);
    await assessAttempt(service.context, assessed, service.clock.now());

    expect(await service.sweep()).toMatchObject({ dueSoonUnassessed: [], dueSoonMore: false });
    service.clock.advance(9 * DAY_MS + HOUR_MS);
    const { deleteBy } = await readRecordingView(service.context, brief);
    expect((await service.sweep()).dueSoonUnassessed).toEqual([{ tenant: 'brief', count: 1, earliest: deleteBy }]);
    service.clock.advance(16 * DAY_MS - 2 * HOUR_MS);
    expect((await service.sweep()).dueSoonUnassessed).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    const report = await service.sweep();
    const earliest = (await readRecordingView(service.context, first)).deleteBy;
    expect(report).toMatchObject({ due: 0, dueSoonUnassessed: [{ tenant: 'acme', count: 3, earliest }] });
    service.clock.advance(3 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 3 }, dueSoonUnassessed: [] });
  });

  test('says the same as the list of an exam with assessed=false and dueBefore, by the tenant’s own retention', async () => {
    await service.record({ tenant: 'brief', attempt: 'a1' });
    service.clock.advance(10 * DAY_MS + HOUR_MS);
    await service.record({ tenant: 'brief', attempt: 'a2' });
    const report = await findDueSoon(service.sweepContext);
    expect(report.unassessed).toEqual([expect.objectContaining({ tenant: 'brief', count: 1 })]);
  });

  test('costs nothing while nothing is due soon, and not every sweep has to look', async () => {
    for (let index = 0; index < 4; index += 1) await service.record({ attempt: `a${index}` });
    service.clock.advance(DAY_MS);
    await service.sweep();
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    expect((await service.sweep()).requests).toBe(3);
    service.clock.advance(26 * DAY_MS);
    const warned = await service.sweep();
    expect(warned.dueSoonUnassessed).toEqual([expect.objectContaining({ count: 4 })]);
    // Three, and the four attempts in at most four listings.
    expect(warned.requests).toBeLessThanOrEqual(3 + 4);
    const left = await sweep(service.sweepContext, { dueSoon: false });
    expect(left).toMatchObject({ dueSoonUnassessed: null, requests: 3 });
  });

  test('looks at a bounded number of attempts, the most urgent first, and says that there are more', async () => {
    for (let index = 0; index < 5; index += 1) {
      await service.record({ attempt: `a${5 - index}` });
      service.clock.advance(HOUR_MS);
    }
    service.clock.advance(27 * DAY_MS);
    const all = await findDueSoon(service.sweepContext);
    expect(all).toMatchObject({ unassessed: [{ count: 5 }], more: false });
    const some = await findDueSoon(service.sweepContext, { maxAttempts: 2 });
    expect(some).toEqual({ unassessed: [{ ...all.unassessed[0], count: 2 }], more: true });
    expect(await findDueSoon(service.sweepContext, { maxAttempts: 5 })).toMatchObject({ more: false });
    expect(await findDueSoon(service.sweepContext, { signal: AbortSignal.abort() })).toMatchObject({ unassessed: [] });
  });
});
