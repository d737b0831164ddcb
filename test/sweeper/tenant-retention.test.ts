// A tenant that orders a shorter retention, or takes that order back.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { failing, keeping, overriding } from '../kit/interventions.ts';
import { dueAttemptKey, recordingPrefix } from '../kit/keys.ts';
import { type RetentionService, startRetention } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

/** The service after a restart with `RETENTION_BY_TENANT` as given, in days. */
function ordered(days: Readonly<Record<string, number>>): RetentionService {
  const byTenantMs = new Map(Object.entries(days).map(([tenant, count]) => [tenant, count * DAY_MS]));
  const { testStore, clock } = service;
  return startRetention({ on: { testStore, clock }, policy: { byTenantMs } });
}

const areThere = (...refs: RecordingRef[]) =>
  Promise.all(refs.map(async (ref) => (await service.objectsOf(ref)).length > 0));
const stagesOfOrders = async () => (await service.due('orders')).map((key) => key.split('-').at(-1));

/** A sweep that finds nothing to do costs seven requests. */
const expectIdle = async (of: RetentionService) =>
  expect(await of.sweep()).toMatchObject({ due: 0, broughtForward: 0, requests: 7 });

describe('a tenant orders a shorter retention', () => {
  test('the next sweep deletes what is now past, assessed or not, with the new deadline, and only that tenant’s', async () => {
    const unassessed = await service.record({ attempt: 'a1' });
    const assessed = await service.record({ attempt: 'a2' });
    const others = await service.record({ tenant: 'beta', attempt: 'a1' });
    const stuck = await service.record({ attempt: 'a4' });
    service.clock.advance(2 * DAY_MS);
    const completedAtMs = service.clock.now();
    await service.assess(assessed);
    await service.assess(others);
    const young = await service.after(15 * DAY_MS).record({ attempt: 'a3' });
    // The deadline counts from the completion, even if it was reported late.
    await service.assess(stuck, createdAtOf(stuck.recording) + 1);
    expect(await service.sweep()).toMatchObject({ due: 0, deleted: { recordings: 0 } });

    const acme = ordered({ acme: 14 });
    const before = await service.keys();
    const foreseen = await acme.sweep({ dryRun: true });
    expect(foreseen).toMatchObject({ due: 3, broughtForward: 3, deleted: { recordings: 0 } });
    expect(foreseen.would.map(({ key }) => key).sort()).toEqual(
      [unassessed, assessed, stuck].map(recordingPrefix).sort(),
    );
    expect(await service.keys()).toEqual(before);
    const report = await acme.sweepOn(keeping(service.store, recordingPrefix(stuck)));
    expect(report).toMatchObject({ due: 3, failed: 1, overdue: 1, deleted: { recordings: 2 }, broughtForward: 3 });
    expect(await areThere(unassessed, assessed, others, young, stuck)).toEqual([false, false, true, true, true]);
    expect(await service.receiptOf(assessed)).toMatchObject({ deadline: toIso(completedAtMs + 14 * DAY_MS) });
    expect(await service.receiptOf(unassessed)).toMatchObject({ reason: 'retention' });
    expect(await acme.sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    expect(await areThere(stuck)).toEqual([false]);
    expect(await acme.verify()).toMatchObject({ wrong: 0 });
    // Tags are derived, and never the truth: `verify --fix` writes them again.
    expect((await acme.after(2 * HOUR_MS).verify()).kinds).toEqual([{ kind: 'wrong-tags', found: 1, fixed: 0 }]);
    expect(await acme.verify({ fix: true })).toMatchObject({ wrong: 0 });
  });

  test('a tenant with the name of a member that every object has is like any other', async () => {
    const ref = await service.record({ tenant: 'constructor' });
    await service.after(2 * HOUR_MS).sweep();
    await ordered({ acme: 14 }).sweep();
    const both = ordered({ acme: 14, constructor: 14 });
    expect(await both.sweep()).toMatchObject({ broughtForward: 1 });
    expect(await both.after(15 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 1 } });
    expect(await areThere(ref)).toEqual([false]);
  });

  test('what is not past yet goes at its new time, and not before; so does what the old setting wrote meanwhile', async () => {
    const ref = await service.record();
    service.clock.advance(DAY_MS);
    const deadlineMs = service.clock.now() + 14 * DAY_MS;
    await service.assess(ref);
    const acme = ordered({ acme: 14 });
    expect(await acme.sweep()).toMatchObject({ due: 0, broughtForward: 1 });
    expect(await readRecording(acme.context, ref)).toMatchObject({ deleteBy: toIso(deadlineMs) });
    const late = await service.record({ attempt: 'a2' });
    // A sweep that still had the old setting has moved it.
    await service.store.delete((await service.due('attempt', late)).map((key) => ({ key })));
    await service.put(dueAttemptKey(createdAtOf(late.recording) + 30 * DAY_MS, late, 'old'));
    expect(await acme.after(2 * HOUR_MS).sweep()).toMatchObject({ broughtForward: 1 });
    expect(await acme.after(13 * DAY_MS - 3 * HOUR_MS).sweep()).toMatchObject({ deleted: { recordings: 0 } });
    expect(await areThere(ref, late)).toEqual([true, true]);
    expect(await acme.after(2 * HOUR_MS).sweep()).toMatchObject({ deleted: { recordings: 2 }, failed: 0 });
    expect(Date.parse((await service.receiptOf(ref))?.deletedAt ?? '')).toBeLessThan(deadlineMs);
    // The entry at the old time leads nowhere any more, and goes when its time comes.
    expect(await acme.after(20 * DAY_MS).sweep()).toMatchObject({ due: 0, failed: 0 });
    expect(await service.due('attempt', ref)).toEqual([]);
  });

  test('verify reports what has no entry at its deadline, and not what begins from then on; --fix does the same as the sweep', async () => {
    const past = await service.record({ attempt: 'a1' });
    const later = await service.after(18 * DAY_MS).record({ attempt: 'a2' });
    const others = await service.record({ tenant: 'beta' });
    await service.after(2 * HOUR_MS).sweep();
    const acme = ordered({ acme: 14 });
    const begun = await acme.begin({ attempt: 'a3' });
    const { kinds } = await acme.after(2 * HOUR_MS).verify();
    expect(kinds).toContainEqual({ kind: 'no-due-entry', found: 2, fixed: 0 });
    expect(kinds).toContainEqual({ kind: 'overdue', found: 1, fixed: 0 });
    expect(await acme.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await areThere(past, later, others, begun)).toEqual([false, true, true, true]);
    expect(await acme.verify()).toMatchObject({ wrong: 0 });
  });
});

test('a longer retention again brings nothing back, deletes nothing early, and never passes 30 days', async () => {
  const gone = await service.record({ attempt: 'a1' });
  const kept = await service.after(10 * DAY_MS).record({ attempt: 'a2' });
  const createdMs = service.clock.now();
  const [shorter, general, longer] = [ordered({ acme: 14 }), ordered({}), ordered({ acme: 30 })];
  expect(await shorter.after(5 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 1 } });
  await shorter.after(2 * HOUR_MS).sweep();
  for (let day = 0; day < 23; day += 1) {
    expect(await general.sweep()).toMatchObject({ deleted: { recordings: 0 }, failed: 0 });
    service.clock.advance(DAY_MS);
  }
  expect(await areThere(gone, kept)).toEqual([false, true]);
  expect(await stagesOfOrders()).toEqual([]);
  expect(await longer.after(2 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 1 } });
  const { deadline = '' } = (await service.receiptOf(kept)) ?? {};
  expect(Date.parse(deadline)).toBeLessThanOrEqual(createdMs + 30 * DAY_MS);
});

test('an order that was longer for a while is carried out once more', async () => {
  const [shorter, longer] = [ordered({ acme: 14 }), ordered({ acme: 20 })];
  for (const each of [shorter, longer]) await each.sweep();
  const ref = await service.record();
  expect(await longer.after(16 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 0 } });
  expect(await shorter.sweep()).toMatchObject({ deleted: { recordings: 1 } });
  expect(await areThere(ref)).toEqual([false]);
});

test('a rush of creations does not hide with which retentions the queue agrees', async () => {
  service = startRetention({ memory: { pageKeys: 3 } });
  const acme = ordered({ acme: 14 });
  await acme.sweep();
  await acme.after(2 * HOUR_MS).sweep();
  expect(await stagesOfOrders()).toEqual(['done']);
  for (const attempt of ['a1', 'a2', 'a3', 'a4']) await service.begin({ attempt });
  const written: string[] = [];
  const store = overriding(service.store, {
    put(key, body) {
      written.push(key);
      return service.store.put(key, body);
    },
  });
  expect(await acme.sweepOn(store)).toMatchObject({ broughtForward: 0, failed: 0 });
  expect(written).toEqual([]);
});

test('an idle sweep stays at seven requests, before the change and after its two rounds, each of that tenant alone', async () => {
  await service.recordMany(6);
  await service.record({ tenant: 'beta' });
  await expectIdle(service);
  await service.after(2 * HOUR_MS).sweep();
  const acme = ordered({ acme: 14 });

  const first = await acme.sweep();
  expect(first).toMatchObject({ broughtForward: 6, failed: 0 });
  // The queue twice, the six attempts in at most six listings, six entries, the record.
  expect(first.requests).toBeLessThanOrEqual(6 + 2 + 6 + 6 + 1);
  await expectIdle(acme);

  service.clock.advance(2 * HOUR_MS);
  expect((await stagesOfOrders())[0]).toBe('begun');
  expect((await acme.sweep()).broughtForward).toBe(0);
  expect(await stagesOfOrders()).toEqual(['done']);
  await expectIdle(acme);
  expect(await stagesOfOrders()).toHaveLength(1);

  const listed: string[] = [];
  const store = overriding(service.store, {
    list(prefix, options) {
      if (prefix === 'attempts/') listed.push(options?.startAfter ?? '');
      return service.store.list(prefix, options);
    },
  });
  expect(await ordered({ acme: 14, beta: 7 }).sweepOn(store)).toMatchObject({ broughtForward: 1 });
  expect(listed).toEqual([expect.stringContaining('attempts/beta/')]);

  // A record that cannot be read counts as no record.
  for (const key of await service.due('orders')) await service.put(key, '{');
  const unreadable = await service.record({ attempt: 'a9' });
  await service.put(dueAttemptKey(createdAtOf(unreadable.recording) + 30 * DAY_MS, unreadable, 'old'));
  expect(await ordered({ acme: 14, beta: 8 }).sweep()).toMatchObject({ broughtForward: 1, failed: 0 });
  expect(await service.due('orders')).toHaveLength(1);
});

test('a round that fails, or is stopped, is done again; over many pages, and where attempts are listed one by one', async () => {
  service = startRetention({ memory: { pageKeys: 2 } });
  await service.recordMany(5);
  await service.after(2 * HOUR_MS).sweep();
  const acme = ordered({ acme: 14 });
  const oneByOne = failing(service.store, 'list', /^attempts\/$/, 'UnreadableAnswer');
  const store = failing(oneByOne, 'put', /\/attempt\/acme\/math\/a1\//, 'SlowDown');
  expect(await acme.sweepOn(store)).toMatchObject({ failed: 1 });
  expect(await acme.sweepOn(oneByOne, { signal: AbortSignal.abort() })).toMatchObject({ broughtForward: 0 });
  expect(await acme.sweepOn(oneByOne, { dryRun: true })).toMatchObject({ due: 0 });
  expect(await stagesOfOrders()).toEqual([]);
  expect((await acme.sweepOn(oneByOne)).failed).toBe(0);
  for (const name of ['a0', 'a1', 'a4'])
    expect((await service.due('attempt', { tenant: 'acme', exam: 'math', attempt: name })).length).toBeGreaterThan(1);
  expect(await stagesOfOrders()).toEqual(['begun']);
  service.clock.advance(10 * DAY_MS);
  const dueSoonUnassessed = [expect.objectContaining({ tenant: 'acme', count: 5 })];
  expect(await acme.sweepOn(oneByOne)).toMatchObject({ dueSoonUnassessed, dueSoonMore: false });
  const { deleted, failed } = await acme.after(3 * DAY_MS + HOUR_MS).sweepOn(oneByOne);
  expect([deleted.recordings, failed]).toEqual([5, 0]);
});
