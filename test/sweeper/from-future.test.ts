// What claims to come from the future was written by a clock that was ahead, or by a stranger: it is reported, and kept no
// longer than 30 days from when a sweep sees it.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toKeyTime } from '../../src/model/times.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { boundClaims } from '../../src/sweeper/from-future.ts';
import { bucketOn } from '../kit/bucket.ts';
import { failing, keeping } from '../kit/interventions.ts';
import {
  assessedKey,
  attemptPrefix,
  auditKey,
  dueAttemptKey,
  outboxKey,
  recordingKey,
  recordingPrefix,
} from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { mediaKey } from '../kit/service.ts';
import { type RetentionService, receiptIndex, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const FROM_FUTURE = expect.objectContaining({ code: 'from-future' });

/** What a machine does whose clock is ahead, and is then set right: store and service are on it. */
async function whileAhead<T>(byMs: number, act: () => Promise<T>): Promise<T> {
  service.clock.step(byMs);
  const result = await act();
  service.clock.step(-byMs);
  return result;
}

/** Sweeps hourly, as the schedule does more often. */
async function sweepFor(days: number): Promise<void> {
  for (let hour = 0; hour < days * 24; hour += 6) await service.after(6 * HOUR_MS).sweep();
}

describe.each([2, 40, 400])('a recording that was made by a clock %i days ahead', (days) => {
  test('is reported, kept for a month from then, and no longer', async () => {
    const ref = await whileAhead(days * DAY_MS, () => service.record());
    const seenMs = service.clock.now();
    expect(await service.sweep()).toMatchObject({ problems: [FROM_FUTURE] });
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.after(2 * HOUR_MS).sweep()).toMatchObject({ failed: 0, problems: [] });
    await sweepFor(28);
    expect(await service.stateOf(ref)).toBe('stored');
    await sweepFor(2);
    expect(service.clock.now() - seenMs).toBeLessThan(31 * DAY_MS);
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'retention' });
    await expectNothingLeft(service.store, ref);
  });

  test('is found by verify, and --fix bounds it too', async () => {
    await whileAhead(days * DAY_MS, () => service.record());
    expect(await service.kinds()).toContain('from-future');
    await service.verify({ fix: true });
    await service.after(3 * HOUR_MS).sweep();
    expect(await service.kinds()).toEqual(expect.not.arrayContaining(['no-due-entry']));
    const latest = toKeyTime(service.clock.now() + 30 * DAY_MS);
    expect((await service.due('attempt')).filter((key) => key > `due/${latest}`)).toEqual([]);
  });

  test('and a deletion that fails in its middle leaves it due', async () => {
    const ref = await whileAhead(days * DAY_MS, () => service.record());
    await service.sweep();
    await sweepFor(28);
    // Everything else of it is gone, but the manifest stays once.
    await service.after(DAY_MS).sweepOn(keeping(service.store, /recording\.json$/));
    expect(await service.keys(recordingKey(ref, 'ahead'))).toHaveLength(1);
    await service.sweep();
    await expectNothingLeft(service.store, ref);
  });
});

test('an assessment that claims to come from the future keeps its recordings for a month from when it is seen', async () => {
  const ref = await service.record();
  await service.after(DAY_MS).put(assessedKey(ref, service.clock.now() + 400 * DAY_MS));
  expect(await service.kinds()).toContain('from-future');
  await sweepFor(29);
  // The queue led to it at the deadline that it had unassessed.
  expect(await service.stateOf(ref)).toBe('stored');
  await sweepFor(31);
  await expectNothingLeft(service.store, ref);
});

test.each([
  ['an unknown key', (ref: RecordingRef) => service.put(`${attemptPrefix(ref)}strange`)],
  [
    'a manifest that cannot be read',
    async ({ attempt }: RecordingRef) => {
      const other = await service.record({ attempt });
      await service.put(recordingKey(other, 'manifest'), '{');
    },
  ],
])('%s in its attempt keeps no such recording longer', async (_, obstruct) => {
  const ref = await whileAhead(400 * DAY_MS, () => service.record());
  await obstruct(ref);
  await sweepFor(31);
  expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
  expect(await service.receiptOf(ref)).toMatchObject({ reason: 'retention' });
});

test('its tags tell the deadline that it was given', async () => {
  const ref = await whileAhead(40 * DAY_MS, () => service.record());
  await service.sweep();
  const { deleteBy } = await readRecording(service.context, ref);
  expect(await service.store.tags(mediaKey(ref))).toEqual({ 'delete-by': deleteBy });
});

test('thousands of forged entries hide no real one', async () => {
  const ref = { tenant: 'acme', exam: 'forged', attempt: 'a1' };
  const nowMs = service.clock.now();
  for (let index = 0; index < 2500; index += 1) {
    await service.put(dueAttemptKey(nowMs + 100 * DAY_MS + index, ref, 'x'));
  }
  const real = await whileAhead(400 * DAY_MS, () => service.record());
  await service.sweep();
  expect(await service.keys(recordingKey(real, 'ahead'))).toHaveLength(1);
  const latest = toKeyTime(nowMs + 31 * DAY_MS);
  expect((await service.due('attempt')).filter((key) => key > `due/${latest}`)).toEqual([]);
});

test('a dry run reports, and changes nothing', async () => {
  await whileAhead(40 * DAY_MS, () => service.record());
  const before = await service.keys();
  expect(await service.sweepOn(service.store, { dryRun: true })).toMatchObject({ problems: [FROM_FUTURE] });
  expect(await service.keys()).toEqual(before);
});

test('a dry run foresees the deletion of what only an entry of the future leads to', async () => {
  const ref = await service.record();
  await service.remove(...(await service.due('attempt')));
  await service.put(dueAttemptKey(service.clock.now() + 90 * DAY_MS, ref, 'x'));
  service.clock.advance(30 * DAY_MS);
  expect(await service.sweep({ dryRun: true })).toMatchObject({ due: 1, would: [{ key: recordingPrefix(ref) }] });
  expect(await service.sweep()).toMatchObject({ due: 1, deleted: { recordings: 1 } });
});

test('an entry of the future that leads nowhere is taken away, once an entry of now has the attempt inspected', async () => {
  const ref = { tenant: 'acme', exam: 'math', attempt: 'a1' };
  const key = dueAttemptKey(service.clock.now() + 90 * DAY_MS, ref, 'x');
  await service.put(key);
  expect(await service.sweep()).toMatchObject({ problems: [{ code: 'from-future', keys: [key] }] });
  expect(await service.due('attempt')).toHaveLength(1);
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.keys()).toEqual([]);
});

test('is found at the end of a long queue, behind the receipts of a year', async () => {
  service = startRetention({ memory: { pageKeys: 3 } });
  for (let day = 40; day < 60; day += 1) {
    await service.put(`due/20260701T0000000${day}Z/receipts/u${day}`, receiptIndex());
  }
  const ref = await whileAhead(200 * DAY_MS, () => service.record());
  expect((await service.sweep()).problems).toContainEqual(FROM_FUTURE);
  expect((await service.due('attempt', ref)).filter((key) => key > `due/${toKeyTime(service.clock.now())}~`)).toEqual(
    [],
  );
});

test('what is off by no more than clocks may be is left as it is', async () => {
  await whileAhead(9 * MINUTE_MS, () => service.record());
  expect(await service.sweep()).toMatchObject({ failed: 0, problems: [] });
  expect(await service.kinds()).toEqual([]);
});

test('verify reports audit events, events for webhooks and indexes of receipts of a time to come', async () => {
  const laterMs = service.clock.now() + 2 * DAY_MS;
  const recording = newRecordingId(service.clock.now(), randomBytes);
  const ref = { tenant: 'acme', exam: 'math', attempt: 'a1', recording };
  const index = `due/20270301T000000000Z/receipts/u`;
  const keys = [auditKey(laterMs, ref, 'link-issued', 'u'), outboxKey('acme', laterMs, 'u'), index];
  for (const key of keys.slice(0, 2)) await service.put(key);
  await service.put(index, receiptIndex([], 'sweep-20260601T000000000Z-x'));
  const found = (await service.verify()).findings.filter(({ kind }) => kind === 'from-future');
  expect(found.map(({ key }) => key).sort()).toEqual(keys.sort());
});

test('a marker that the store does not take is tried again, and the attempt stays enqueued', async () => {
  const ref = await whileAhead(40 * DAY_MS, () => service.record());
  const store = failing(service.store, 'put', /\/ahead$/);
  expect((await service.sweepOn(store)).problems).toContainEqual(expect.objectContaining({ code: 'InternalError' }));
  expect(await service.keys(recordingKey(ref, 'ahead'))).toEqual([]);
  await service.after(2 * HOUR_MS).sweep();
  const attempt = await bucketOn(service.store).attempt(ref);
  expect(attempt.deadlineMs(ref)).toBeLessThanOrEqual(service.clock.now() + 30 * DAY_MS);
  // Safe to repeat.
  await boundClaims(bucketOn(service.store), attempt, service.clock.now());
});
