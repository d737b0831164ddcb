import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import type { SweepContext } from '../../src/retention/sweep-run.ts';
import { verify } from '../../src/retention/verify.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { failing, keeping, overriding } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { due } from './support.ts';

let service: TestService;
beforeEach(() => {
  service = startTestService();
});

/** The sweeper after a restart with `RETENTION_BY_TENANT` as given, in days. */
function ordered(days: Readonly<Record<string, number>>): SweepContext {
  const byTenantMs = new Map(Object.entries(days).map(([tenant, count]) => [tenant, count * DAY_MS]));
  return { ...service.sweepContext, policy: { ...service.sweepContext.policy, byTenantMs } };
}

const isThere = async (ref: RecordingRef) => (await service.keys(recordingPrefix(ref))).length > 0;
const entriesOf = async (ref: RecordingRef) =>
  (await due(service, 'attempt')).filter((key) => key.includes(`/${ref.tenant}/${ref.exam}/${ref.attempt}/`));
const recordsOfOrders = () => due(service, 'orders');
async function recordMany(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await service.record({ attempt: `a${index}` });
}

/** Requests of a sweep that finds nothing to do. */
async function idleRequests(context: SweepContext): Promise<number> {
  const { requests, due, broughtForward } = await sweep(context);
  expect({ due, broughtForward }).toEqual({ due: 0, broughtForward: 0 });
  return requests;
}

describe('a tenant orders a shorter retention', () => {
  test('the next sweep deletes what is now past, assessed or not, with the new deadline, and only that tenant’s', async () => {
    const unassessed = await service.record({ tenant: 'acme', attempt: 'a1' });
    const assessed = await service.record({ tenant: 'acme', attempt: 'a2' });
    const others = await service.record({ tenant: 'beta', attempt: 'a1' });
    service.clock.advance(2 * DAY_MS);
    const completedAtMs = service.clock.now();
    await assessAttempt(service.context, assessed, completedAtMs);
    await assessAttempt(service.context, others, completedAtMs);
    service.clock.advance(15 * DAY_MS);
    const young = await service.record({ tenant: 'acme', attempt: 'a3' });
    expect(await service.sweep()).toMatchObject({ due: 0, deleted: { recordings: 0 } });

    const report = await sweep(ordered({ acme: 14 }));
    expect(report).toMatchObject({ due: 2, failed: 0, deleted: { recordings: 2 }, broughtForward: 3, problems: [] });
    expect(await Promise.all([unassessed, assessed, others, young].map(isThere))).toEqual([false, false, true, true]);
    expect(Date.parse((await readReceipt(service.store, assessed))?.deadline ?? '')).toBe(completedAtMs + 14 * DAY_MS);
    expect(await readReceipt(service.store, unassessed)).toMatchObject({ reason: 'retention' });
    expect(await verify(ordered({ acme: 14 }))).toMatchObject({ wrong: 0 });
    service.clock.advance(2 * HOUR_MS);
    // Tags are derived, and never the truth: `verify --fix` writes them again.
    const { kinds } = await verify(ordered({ acme: 14 }));
    expect(kinds).toEqual([{ kind: 'wrong-tags', found: 1, fixed: 0 }]);
    expect(await verify(ordered({ acme: 14 }), { fix: true })).toMatchObject({ wrong: 0 });
  });

  test('what is not past yet goes at its new time, and not before', async () => {
    const ref = await service.record();
    service.clock.advance(DAY_MS);
    const completedAtMs = service.clock.now();
    await assessAttempt(service.context, ref, completedAtMs);
    const acme = ordered({ acme: 14 });
    expect(await sweep(acme)).toMatchObject({ due: 0, broughtForward: 1 });
    const { deleteBy } = await readRecordingView({ ...service.context, policy: acme.policy }, ref);
    expect(Date.parse(deleteBy)).toBe(completedAtMs + 14 * DAY_MS);
    service.clock.advance(13 * DAY_MS - HOUR_MS);
    expect(await sweep(acme)).toMatchObject({ deleted: { recordings: 0 } });
    expect(await isThere(ref)).toBe(true);
    service.clock.advance(2 * HOUR_MS);
    expect(await sweep(acme)).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    expect(Date.parse((await readReceipt(service.store, ref))?.deletedAt ?? '')).toBeLessThan(
      completedAtMs + 14 * DAY_MS,
    );
    // The entry at the old time leads nowhere any more, and goes when its time comes.
    service.clock.advance(20 * DAY_MS);
    expect(await sweep(acme)).toMatchObject({ due: 0, failed: 0 });
    expect(await entriesOf(ref)).toEqual([]);
  });

  test('an assessment that was reported late is counted from when it was completed', async () => {
    const ref = await service.record();
    const createdMs = service.clock.now();
    service.clock.advance(20 * DAY_MS);
    await assessAttempt(service.context, ref, createdMs);
    expect(await sweep(ordered({ acme: 14 }))).toMatchObject({ deleted: { recordings: 1 }, overdue: 0, failed: 0 });
  });

  test('with a lead of a day, one deletion in hand and others failing, nothing is lost sight of', async () => {
    const stuck = await service.record({ attempt: 'a1' });
    const sound = await service.record({ attempt: 'a2' });
    service.clock.advance(20 * DAY_MS);
    const acme = ordered({ acme: 14 });
    const refused = await sweep({ ...acme, store: keeping(service.store, recordingPrefix(stuck)) });
    expect(refused).toMatchObject({ deleted: { recordings: 1 }, failed: 1, overdue: 1 });
    expect(await isThere(sound)).toBe(false);
    expect(await sweep(acme)).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    expect(await isThere(stuck)).toBe(false);
  });

  test('verify reports what has no entry at its deadline, and --fix does the same as the sweep', async () => {
    const past = await service.record({ attempt: 'a1' });
    service.clock.advance(18 * DAY_MS);
    const later = await service.record({ attempt: 'a2' });
    const others = await service.record({ tenant: 'beta' });
    service.clock.advance(2 * HOUR_MS);
    const acme = ordered({ acme: 14 });
    const found = await verify(acme);
    expect(found.findings.filter(({ kind }) => kind === 'no-due-entry')).toHaveLength(2);
    expect(found.findings.filter(({ kind }) => kind === 'overdue')).toHaveLength(1);
    expect(await verify(acme, { fix: true })).toMatchObject({ wrong: 0 });
    expect(await Promise.all([past, later, others].map(isThere))).toEqual([false, true, true]);
    expect(await verify(acme)).toMatchObject({ wrong: 0 });
  });
});

describe('a longer retention again', () => {
  test('brings nothing back, deletes nothing early, and never passes 30 days', async () => {
    const gone = await service.record({ attempt: 'a1' });
    service.clock.advance(10 * DAY_MS);
    const kept = await service.record({ attempt: 'a2' });
    const createdMs = service.clock.now();
    service.clock.advance(5 * DAY_MS);
    expect(await sweep(ordered({ acme: 14 }))).toMatchObject({ deleted: { recordings: 1 } });
    service.clock.advance(2 * HOUR_MS);
    await sweep(ordered({ acme: 14 }));

    const none = ordered({});
    for (let day = 0; day < 23; day += 1) {
      expect(await sweep(none)).toMatchObject({ deleted: { recordings: 0 }, failed: 0 });
      service.clock.advance(DAY_MS);
    }
    expect(await isThere(kept)).toBe(true);
    expect(await isThere(gone)).toBe(false);
    expect(await recordsOfOrders()).toEqual([]);
    service.clock.advance(2 * DAY_MS);
    expect(await sweep(ordered({ acme: 30 }))).toMatchObject({ deleted: { recordings: 1 } });
    expect(Date.parse((await readReceipt(service.store, kept))?.deadline ?? '')).toBeLessThanOrEqual(
      createdMs + 30 * DAY_MS,
    );
  });

  test('and shorter once more is found once more', async () => {
    await sweep(ordered({ acme: 14 }));
    await sweep(ordered({ acme: 20 }));
    const ref = await service.record();
    service.clock.advance(16 * DAY_MS);
    expect(await sweep(ordered({ acme: 20 }))).toMatchObject({ deleted: { recordings: 0 } });
    expect(await sweep(ordered({ acme: 14 }))).toMatchObject({ deleted: { recordings: 1 } });
    expect(await isThere(ref)).toBe(false);
  });
});

describe('what it costs', () => {
  test('an idle sweep stays at three requests, before the change and after its two rounds', async () => {
    await recordMany(6);
    await service.record({ tenant: 'beta' });
    expect(await idleRequests(service.sweepContext)).toBe(3);
    const acme = ordered({ acme: 14 });

    const first = await sweep(acme);
    expect(first).toMatchObject({ broughtForward: 6, failed: 0 });
    // The queue twice, the six attempts in at most six listings, six entries, the record.
    expect(first.requests).toBeLessThanOrEqual(3 + 2 + 6 + 6 + 1);
    expect(await idleRequests(acme)).toBe(3);

    service.clock.advance(2 * HOUR_MS);
    expect((await recordsOfOrders())[0]).toMatch(/-begun$/);
    expect((await sweep(acme)).broughtForward).toBe(0);
    expect((await recordsOfOrders()).map((key) => key.slice(-5))).toEqual(['-done']);
    expect(await idleRequests(acme)).toBe(3);
    expect(await recordsOfOrders()).toHaveLength(1);
  });

  test('another tenant’s order reads that tenant’s attempts alone', async () => {
    await service.record({ tenant: 'acme' });
    await service.record({ tenant: 'beta' });
    await sweep(ordered({ acme: 14 }));
    service.clock.advance(2 * HOUR_MS);
    await sweep(ordered({ acme: 14 }));
    const listed: string[] = [];
    const store = overriding(service.store, {
      list(prefix, options) {
        if (prefix === 'attempts/') listed.push(options?.startAfter ?? '');
        return service.store.list(prefix, options);
      },
    });
    expect(await sweep({ ...ordered({ acme: 14, beta: 7 }), store })).toMatchObject({ broughtForward: 1 });
    expect(listed).toEqual([expect.stringContaining('attempts/beta/')]);
  });
});

describe('in between', () => {
  test('what a process with the old setting writes after the first round is found by the second', async () => {
    const acme = ordered({ acme: 14 });
    await service.record({ attempt: 'a0' });
    await sweep(acme);
    const late = await service.record({ attempt: 'a1' });
    expect(await entriesOf(late)).toHaveLength(1);
    service.clock.advance(2 * HOUR_MS);
    expect(await sweep(acme)).toMatchObject({ broughtForward: 1 });
    service.clock.advance(13 * DAY_MS);
    expect(await sweep(acme)).toMatchObject({ deleted: { recordings: 2 }, failed: 0 });
  });

  test('a round that fails, or is stopped, is done again by the next sweep', async () => {
    await recordMany(3);
    const acme = ordered({ acme: 14 });
    const store = failing(service.store, 'put', /\/attempt\/acme\/math\/a1\//, 'SlowDown');
    expect(await sweep({ ...acme, store })).toMatchObject({ failed: 1 });
    expect(await recordsOfOrders()).toEqual([]);
    expect(await sweep(acme, { signal: AbortSignal.abort() })).toMatchObject({ broughtForward: 0 });
    expect(await sweep(acme, { dryRun: true })).toMatchObject({ broughtForward: 0 });
    expect(await recordsOfOrders()).toEqual([]);
    expect(await sweep(acme)).toMatchObject({ failed: 0 });
    expect(await recordsOfOrders()).toHaveLength(1);
    service.clock.advance(13 * DAY_MS + HOUR_MS);
    expect(await sweep(acme)).toMatchObject({ deleted: { recordings: 3 } });
  });

  test('over many pages, and where attempts have to be listed one by one, all are found', async () => {
    service = startTestService({ memory: { pageKeys: 2 } });
    await recordMany(5);
    const store = failing(service.store, 'list', /^attempts\/$/, 'SlowDown');
    expect(await sweep({ ...ordered({ acme: 14 }), store })).toMatchObject({ broughtForward: 5, failed: 0 });
    service.clock.advance(10 * DAY_MS);
    const warned = await sweep({ ...ordered({ acme: 14 }), store });
    expect(warned).toMatchObject({ dueSoonUnassessed: [{ tenant: 'acme', count: 5 }], dueSoonMore: false });
    service.clock.advance(3 * DAY_MS + HOUR_MS);
    expect(await sweep({ ...ordered({ acme: 14 }), store })).toMatchObject({ deleted: { recordings: 5 }, failed: 0 });
  });

  test('an unreadable record is taken for no knowledge at all', async () => {
    const acme = ordered({ acme: 14 });
    await sweep(acme);
    service.clock.advance(2 * HOUR_MS);
    await sweep(acme);
    const [record = ''] = await recordsOfOrders();
    await service.store.put(record, Buffer.from('{'));
    await service.record();
    expect(await sweep(ordered({ acme: 14, beta: 29 }))).toMatchObject({ broughtForward: 1, failed: 0 });
    expect(await recordsOfOrders()).toHaveLength(1);
  });
});
