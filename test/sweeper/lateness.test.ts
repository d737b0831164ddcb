// What was deleted after its deadline is told apart from what was deleted in time, and from what could not be deleted.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { keeping } from '../kit/interventions.ts';
import { type RetentionService, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const IN_TIME = { late: 0, greatestLatenessSeconds: 0 };
const lateBy = (late: number, ms: number) => ({ late, greatestLatenessSeconds: ms / 1000 });

describe('a sweep', () => {
  test('that is in time deletes nothing late, even at the deadline itself', async () => {
    await service.record();
    const deleted = { recordings: 1 };
    expect(await service.after(30 * DAY_MS).sweep()).toMatchObject({ deleted, failed: 0, ...IN_TIME });
  });

  test('that comes years too late counts what it deletes late, and by how much, though nothing fails', async () => {
    const refs = await service.recordMany(2);
    await service.after(HOUR_MS).record({ attempt: 'younger' });
    const report = await service.after(6 * 365 * DAY_MS).sweep();
    expect(report).toMatchObject({ deleted: { recordings: 3 }, failed: 0, overdue: 0, late: 3 });
    const [first] = refs;
    const receipt = first && (await service.receiptOf(first));
    const lateSeconds = (Date.parse(receipt?.deletedAt ?? '') - Date.parse(receipt?.deadline ?? '')) / 1000;
    expect(lateSeconds).toBeGreaterThan(5 * 365 * 24 * 3600);
    expect(report.greatestLatenessSeconds).toBe(Math.ceil(lateSeconds));
    expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 3, late: 3 });
  });

  test('counts a millisecond after the deadline as late, by a second', async () => {
    await service.record();
    expect(await service.after(30 * DAY_MS + 1).sweep()).toMatchObject(lateBy(1, 1000));
  });

  test('counts what it deletes on an order that came before the deadline, and that it is too late to fulfil', async () => {
    const ref = await service.record();
    await expect(service.erase(ref, keeping(service.store, /\/media$/))).rejects.toThrow();
    expect(await service.after(30 * DAY_MS + HOUR_MS).sweep()).toMatchObject(lateBy(1, HOUR_MS));
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'erasure' });
  });

  test('that fails behind the receipt counts it as deleted, once and for all', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS + HOUR_MS);
    const failed = await service.sweepOn(keeping(service.store, /\/recording\.json$/));
    expect(failed).toMatchObject({ failed: 1, overdue: 1, deleted: { recordings: 1 }, ...lateBy(1, HOUR_MS) });
    const finished = await service.after(DAY_MS).sweep();
    expect(finished).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 0 }, provenBefore: 1, ...IN_TIME });
  });
});

describe('a deletion on request', () => {
  test.each([
    ['before its deadline is in time', 30 * DAY_MS - HOUR_MS, IN_TIME],
    ['after its deadline is late', 30 * DAY_MS + HOUR_MS, lateBy(1, HOUR_MS)],
  ])('%s, and counted once', async (_, ageMs, lateness) => {
    const ref = await service.record();
    const receipt = await service.after(ageMs).erase(ref);
    expect(await service.after(HOUR_MS).erase(ref)).toEqual(receipt);
    const counted = service.counted.filter((event) => event === 'recording-deleted-late');
    expect(counted).toHaveLength(lateness.late);
    expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1, ...lateness });
  });
});

test('verify counts what was late by the receipts that are kept, as a figure: nothing is wrong by now', async () => {
  await service.recordMany(2);
  await service.after(30 * DAY_MS - HOUR_MS).sweep();
  await service.record({ attempt: 'late' });
  await service.after(31 * DAY_MS).sweep();
  service.clock.advance(2 * HOUR_MS);
  expect(await service.verify()).toMatchObject({ wrong: 0, findings: [], receipts: 3, ...lateBy(1, DAY_MS) });
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0, ...lateBy(1, DAY_MS) });
  expect(await service.after(366 * DAY_MS).sweep()).toMatchObject({ receiptsExpired: 3 });
  expect(await service.verify()).toMatchObject({ receipts: 0, ...IN_TIME });
});
