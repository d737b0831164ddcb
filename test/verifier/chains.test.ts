// The chains of audit events, written by many processes at once whose writes fail, get lost and arrive late: whole as they
// are, and each event that is taken away or changed shows.
import { expect, test } from '@jest/globals';
import { AuditChains } from '../../src/bucket/audit-chain.ts';
import { type AuditTrail, createAuditTrail } from '../../src/bucket/audit-trail.ts';
import type { AuditEventDocument } from '../../src/bucket/documents.ts';
import { hashOf } from '../../src/bucket/receipts.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { overriding } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { newRandom, type Random } from '../simulation/random.ts';

const BY = { actor: 'reviewer', requestId: 'q' } as const;
const ref = (attempt: string, tenant = 'acme') => ({ tenant, exam: 'math', attempt });

function startProcess({ store, clock, context }: TestService, on: ObjectStore = store): AuditTrail {
  return createAuditTrail(on, () => clock.now(), context.randomBytes, undefined, new AuditChains());
}

const auditKinds = async (service: TestService) =>
  (await service.verify()).findings.flatMap(({ kind }) => (kind.startsWith('audit-') ? [kind] : []));

const chainOf = async ({ store }: TestService, key: string) =>
  (JSON.parse(Buffer.from((await store.get(key)) ?? []).toString()) as AuditEventDocument).chain;

/** A store whose writes fail, take effect without an answer, or take effect after the failure was reported. */
function unreliable({ store }: TestService, random: Random): ObjectStore {
  return overriding(store, {
    async put(key, body, options) {
      const kind = random.weighted({ works: 6, fails: 1, 'answer-lost': 1, late: 1, never: 1 });
      if (kind === 'works') return store.put(key, body, options);
      if (kind === 'answer-lost') await store.put(key, body, options);
      if (kind === 'late') setImmediate(() => void store.put(key, body, options));
      // The process dies before it has an answer.
      if (kind === 'never') await new Promise(() => {});
      throw new StoreError('unavailable', 'PutObject', 'SlowDown');
    },
  });
}

/** Its writes fail while the outage is on. */
const failingDuring = ({ store }: TestService, outage: { readonly isOn: boolean }) =>
  overriding(store, {
    put: async (...args) =>
      outage.isOn ? Promise.reject(new StoreError('unavailable', 'PutObject', 'SlowDown')) : store.put(...args),
  });

test('events that are written at once are one chain, and none waits for another', async () => {
  const service = startTestService();
  const held: (() => void)[] = [];
  const store = overriding(service.store, {
    async put(...args) {
      await new Promise<void>((resolve) => held.push(resolve));
      return service.store.put(...args);
    },
  });
  const trail = startProcess(service, store);
  const writes = ['a', 'b', 'c'].map((attempt) => trail.record({ event: 'exported', ref: ref(attempt), ...BY }));
  expect(held).toHaveLength(3);
  for (const write of held.toReversed()) write();
  await Promise.all(writes);
  const keys = await service.keys('audit/');
  const chains = await Promise.all(keys.map((key) => chainOf(service, key)));
  expect(chains.map((chain) => chain?.sequence)).toEqual([1, 2, 3]);
  expect(chains.map((chain) => chain?.pending)).toEqual([undefined, [1], [1, 2]]);
  service.clock.advance(2 * HOUR_MS);
  expect(await auditKinds(service)).toEqual([]);
});

test('a process that goes on names what it failed to store, and only that is excused', async () => {
  const service = startTestService();
  const outage = { isOn: false };
  const trail = startProcess(service, failingDuring(service, outage));
  const write = (attempt: string) => trail.record({ event: 'exported', ref: ref(attempt), ...BY });
  await write('a');
  outage.isOn = true;
  await expect(write('b')).rejects.toThrow();
  outage.isOn = false;
  await write('c');
  await write('d');
  const keys = await service.keys('audit/');
  const chains = await Promise.all(keys.map((key) => chainOf(service, key)));
  expect(chains).toMatchObject([{ sequence: 1 }, { sequence: 3, lost: [2] }, { sequence: 4 }]);
  // Once an event that names it is stored, none needs to.
  expect(chains[2]).not.toHaveProperty('lost');
  service.clock.advance(2 * HOUR_MS);
  expect(await auditKinds(service)).toEqual([]);
  await service.store.delete([{ key: keys[1] ?? '' }]);
  expect(await auditKinds(service)).toEqual(['audit-missing']);
});

test('the first event of a new day names the last one before it, until one that does so is stored', async () => {
  const service = startTestService();
  const outage = { isOn: false };
  const trail = startProcess(service, failingDuring(service, outage));
  const write = (attempt: string) => trail.record({ event: 'exported', ref: ref(attempt), ...BY });
  await write('a');
  await write('b');
  service.clock.advance(DAY_MS);
  outage.isOn = true;
  await expect(write('c')).rejects.toThrow();
  outage.isOn = false;
  await write('d');
  await write('e');
  const keys = await service.keys('audit/');
  const [first, second, third, fourth] = await Promise.all(keys.map((key) => chainOf(service, key)));
  expect(third).toMatchObject({ sequence: 2, after: { run: first?.run, sequence: second?.sequence } });
  expect(fourth).not.toHaveProperty('after');
  service.clock.advance(2 * HOUR_MS);
  expect(await auditKinds(service)).toEqual([]);
});

test('events that are linked in another order than their places show, though each is linked to one', async () => {
  const service = startTestService();
  const trail = startProcess(service);
  for (const attempt of ['a', 'b', 'c', 'd']) {
    await trail.record({ event: 'exported', ref: ref(attempt), ...BY });
    service.clock.advance(1);
  }
  const keys = await service.keys('audit/');
  const [first = '', second = '', third = '', fourth = ''] = keys;
  const hash = async (key: string) => hashOf((await service.store.get(key)) ?? new Uint8Array());
  const link = async (key: string, before: string) => {
    const event = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString());
    const chain = { ...event.chain, previous: await hash(before) };
    await service.store.put(key, Buffer.from(JSON.stringify({ ...event, chain })));
  };
  service.clock.advance(2 * HOUR_MS);
  expect(await auditKinds(service)).toEqual([]);
  await link(third, first);
  await link(second, third);
  await link(fourth, second);
  service.clock.advance(2 * HOUR_MS);
  expect(await auditKinds(service)).toContain('audit-changed');
});

test('an event that claims a place far away costs no more than the events that there are', async () => {
  const service = startTestService();
  const trail = startProcess(service);
  for (const attempt of ['a', 'b', 'c']) await trail.record({ event: 'exported', ref: ref(attempt), ...BY });
  const [, , last = ''] = await service.keys('audit/');
  const event = JSON.parse(Buffer.from((await service.store.get(last)) ?? []).toString());
  const far = { ...event, chain: { ...event.chain, sequence: 1_000_000_000, lost: [4] } };
  await service.store.put(last, Buffer.from(JSON.stringify(far)));
  service.clock.advance(2 * HOUR_MS);
  const startedAtMs = performance.now();
  const { findings } = await service.verify();
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  expect(findings).toMatchObject([
    { kind: 'audit-missing', key: last, detail: `places 3 to 999999999 of run ${event.chain.run}, before it` },
  ]);
});

test('events that name ends of runs which never were cost one more reading of their day, however many they are', async () => {
  const service = startTestService();
  const trail = startProcess(service);
  for (let event = 0; event < 20; event += 1) await trail.record({ event: 'exported', ref: ref('a'), ...BY });
  service.clock.advance(2 * HOUR_MS);
  const { requests } = await service.verify();
  for (const [index, key] of (await service.keys('audit/')).entries()) {
    const event = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString());
    const after = { run: `${event.at.slice(0, 10)}-never${index}`, sequence: 1, hash: '0'.repeat(64) };
    await service.store.put(key, Buffer.from(JSON.stringify({ ...event, chain: { ...event.chain, after } })));
  }
  service.clock.advance(2 * HOUR_MS);
  const report = await service.verify();
  expect(report.findings.filter(({ kind }) => kind === 'audit-missing')).toHaveLength(20);
  // The run that does not add up any more is read again as well.
  expect(report.requests).toBeLessThan(requests + 2 * 21 + 1);
});

test('a process remembers a bounded number of tenants, of events of a run and of writes without an answer', async () => {
  const chains = new AuditChains();
  const runs = new Map<string, number>();
  const append = (tenant: string, unique: string, store = async () => {}) =>
    chains.append(
      { tenant, atMs: 0, unique },
      (chain) => {
        runs.set(chain.run, Math.max(chain.sequence, runs.get(chain.run) ?? 0));
        expect((chain.pending ?? []).length + (chain.lost ?? []).length).toBeLessThan(100);
        return Buffer.from(chain.run);
      },
      store,
    );
  for (let event = 0; event < 10_001; event += 1) await append('busy', `e${event}`);
  expect([...runs]).toEqual([
    ['1970-01-01-e0', 10_000],
    ['1970-01-01-e10000', 1],
  ]);
  runs.clear();
  for (let event = 0; event < 150; event += 1) void append('stalled', `s${event}`, () => new Promise(() => {}));
  expect([...runs.values()]).toEqual([100, 50]);
  for (let tenant = 0; tenant < 10_000; tenant += 1) await append(`t${tenant}`, `t${tenant}`);
  runs.clear();
  await append('busy', 'again');
  expect([...runs]).toEqual([['1970-01-01-again', 1]]);
});

test.each([1, 2, 3, 4])(
  'whatever fails, nothing is wrong, and each event that is removed or changed shows (%d)',
  async (seed) => {
    const random = newRandom(seed);
    const service = startTestService();
    for (let day = 0; day < 4; day += 1) {
      for (let process = 0; process < 3; process += 1) {
        const trail = startProcess(service, random.chance(0.7) ? unreliable(service, random) : service.store);
        for (let event = random.between(1, 12); event > 0; event -= 1) {
          service.clock.advance(random.pick([0, 0, 1, MINUTE_MS]));
          const tenant = random.pick(['acme', 'beta']);
          // Its process may never have an answer.
          void trail.record({ event: 'exported', ref: ref(`a${event}`, tenant), ...BY }).catch(() => {});
          if (random.chance(0.7)) await new Promise((resolve) => setImmediate(resolve));
        }
      }
      service.clock.advance(DAY_MS - HOUR_MS);
    }
    // What is late arrives.
    await new Promise((resolve) => setImmediate(resolve));
    service.clock.advance(2 * HOUR_MS);
    expect(await auditKinds(service)).toEqual([]);

    const events = await Promise.all(
      (await service.keys('audit/')).map(async (key) => ({ key, chain: await chainOf(service, key) })),
    );
    for (const { key, chain } of events) {
      const run = events.filter((other) => other.chain?.run === chain?.run);
      const last = run.toSorted((a, b) => (b.chain?.sequence ?? 0) - (a.chain?.sequence ?? 0))[0];
      const named = run.some((other) => other.chain?.lost?.includes(chain?.sequence ?? 0));
      const isOpen = last?.chain?.pending?.includes(chain?.sequence ?? 0);
      // Nothing follows it, or its writer did not know that it was stored.
      if (last?.key === key || named || isOpen) continue;
      const body = await service.store.get(key);
      await service.store.delete([{ key }]);
      expect(await auditKinds(service)).toContain('audit-missing');
      await service.store.put(
        key,
        Buffer.from(
          Buffer.from(body ?? [])
            .toString()
            .replace('"reviewer"', '"nobody"'),
        ),
      );
      const next = run.find((other) => other.chain?.sequence === (chain?.sequence ?? 0) + 1);
      if (next) expect(await auditKinds(service)).toContain('audit-changed');
      await service.store.put(key, body ?? new Uint8Array());
    }
  },
);
