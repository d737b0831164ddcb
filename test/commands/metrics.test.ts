// What the metrics tell of the deletion queue and of sweeps, and how many of them there can be. That `serve` has all of them: serve.test.ts.
import { describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { dueMetrics, sweepMetrics } from '../../src/commands/metrics.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { DueStatus } from '../../src/retention/due-status.ts';
import type { SweepReport } from '../../src/retention/sweep-report.ts';
import { bodyOf, CALLS, pathOf } from '../http/calls.ts';
import { until } from '../http/expectations.ts';
import { scrape } from './process.ts';
import { startReplica } from './replica.ts';

test('routes are known ones, methods those that are served, and no id is told, whatever is called', async () => {
  const replica = await startReplica();
  const recording = (await replica.create()).slice(-36);
  const ids = { exam: 'secret-exam', attempt: 'secret-attempt', participant: 'secret-person', recording };
  for (const contract of CALLS) {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
      const sent = bodyOf(contract);
      const init = { ...sent, headers: { ...sent.headers, ...headers } };
      await replica.call(contract.method.toUpperCase(), pathOf(contract, ids), init);
    }
  }
  const paths = ['/secret-path', '/v1/secret', '/v1/exams/%ff', '/v1/exams/secret-exam/recordings?cursor=secret'];
  for (const path of paths) {
    for (const method of ['GET', 'PATCH', 'PROPFIND', 'REPORT']) await replica.call(method, path);
  }
  const samples = await scrape(replica);
  const told = [...samples.keys()];
  expect(told.join()).not.toMatch(/secret|acme|tester|nonsense|eyJ|X-Amz|[0-9a-v]{36}/);
  const routes = new Set(told.map((name) => /route="([^"]*)"/.exec(name)?.[1]));
  routes.delete('unmatched');
  expect([...routes].toSorted()).toEqual([...new Set(CALLS.map(({ path }) => path))].toSorted());
  expect(samples.get('http_requests_total{method="_OTHER",route="unmatched",status="404"}')).toBe(9);
  expect(told.filter((name) => /PROPFIND|REPORT|PATCH/.test(name))).toEqual([]);
});

describe('the deletion queue in the metrics', () => {
  const names = {
    oldest: 'proctoring_deletion_oldest_due_timestamp_seconds',
    overdue: 'proctoring_deletion_oldest_overdue_seconds',
    sweepable: 'proctoring_deletion_sweepable_attempts',
    readAt: 'proctoring_deletion_status_timestamp_seconds',
    lead: 'proctoring_deletion_lead_seconds',
  } as const;

  function start(read: () => Promise<DueStatus>) {
    const registry = new Registry();
    const clock = { nowMs: 1_800_000_000_000 };
    dueMetrics(registry, { read, now: () => clock.nowMs, leadMs: DAY_MS });
    async function values(): Promise<Partial<Record<keyof typeof names, number>>> {
      const metrics = await registry.getMetricsAsJSON();
      const found = Object.entries(names).flatMap(([short, name]) => {
        const value = metrics.find((metric) => metric.name === name)?.values[0]?.value;
        return value === undefined ? [] : [[short, value]];
      });
      return Object.fromEntries(found) as Partial<Record<keyof typeof names, number>>;
    }
    return { clock, values };
  }

  test('nothing is told before it was read; then how late its oldest entry is, at every scrape', async () => {
    let status: DueStatus = { oldestDueMs: 1_800_000_000_000 + HOUR_MS, sweepable: 7 };
    const { clock, values } = start(async () => status);
    expect(await values()).toEqual({ lead: 86_400 });
    await until(async () => 'readAt' in (await values()));
    const known = { lead: 86_400, oldest: 1_800_003_600, sweepable: 7, readAt: 1_800_000_000 };
    expect(await values()).toEqual({ ...known, overdue: 0 });

    clock.nowMs += 59_000;
    expect(await values()).toEqual({ ...known, overdue: 0 });
    status = { oldestDueMs: undefined, sweepable: 0 };
    clock.nowMs += 2 * HOUR_MS;
    expect(await values()).toEqual({ ...known, overdue: 3659 });
    await until(async () => !('oldest' in (await values())));
    expect(await values()).toEqual({ lead: 86_400, overdue: 0, sweepable: 0, readAt: 1_800_007_259 });
  });

  test('is read once a minute at most, and a store that fails leaves the last reading and its time', async () => {
    let asked = 0;
    let isDown = false;
    const { clock, values } = start(async () => {
      asked += 1;
      if (isDown) throw new Error('down');
      return { oldestDueMs: undefined, sweepable: 1 };
    });
    await until(async () => 'readAt' in (await values()));
    for (let times = 0; times < 10; times += 1) await values();
    expect(asked).toBe(1);
    isDown = true;
    clock.nowMs += 60_000;
    await until(async () => (await values()) && asked === 2);
    expect(await values()).toEqual({ lead: 86_400, overdue: 0, sweepable: 1, readAt: 1_800_000_000 });
    isDown = false;
    clock.nowMs += 60_000;
    await until(async () => (await values()).readAt === 1_800_000_120);
    expect(asked).toBe(3);
  });
});

test('a sweep with failures is no success, and a refused one changes nothing but its count', async () => {
  const registry = new Registry();
  const onSwept = sweepMetrics(registry);
  const sweepValues = async (name: string) => {
    const metrics = await registry.getMetricsAsJSON();
    return metrics.find((metric) => metric.name === `proctoring_sweep_${name}`)?.values;
  };
  const report = {
    startedAt: '2026-11-02T09:00:00.000Z',
    finishedAt: '2026-11-02T09:00:02.500Z',
    due: 3,
    deleted: { recordings: 2, objects: 8, versions: 0, bytes: 1 },
    failed: 1,
    overdue: 1,
    oldestOverdueSeconds: 60,
    requests: 10,
    requestsPerRecording: 5,
  } as SweepReport;
  expect(await sweepValues('due')).toEqual([]);
  onSwept(report);
  onSwept('refused');
  expect(await sweepValues('last_success_timestamp_seconds')).toEqual([]);
  expect(await sweepValues('duration_seconds')).toMatchObject([{ value: 2.5 }]);
  expect(await sweepValues('overdue')).toMatchObject([{ value: 1 }]);
  expect(await sweepValues('runs_total')).toMatchObject([{ value: 0 }, { value: 1 }, { value: 1 }]);
  onSwept({ ...report, failed: 0, overdue: 0, oldestOverdueSeconds: 0 });
  expect(await sweepValues('last_success_timestamp_seconds')).toMatchObject([{ value: 1_793_610_002.5 }]);
});
