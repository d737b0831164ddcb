// What the metrics tell of the deletion queue and of sweeps, and how many of them there can be. That `serve` has all of them: serve.test.ts.
import { expect, test } from '@jest/globals';
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

async function valuesOf(registry: Registry, name: string): Promise<number[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.find((metric) => metric.name === `proctoring_${name}`)?.values.map(({ value }) => value) ?? [];
}

test('the deletion queue is told when it was read, once a minute at most; how late it is, at every scrape', async () => {
  const registry = new Registry();
  const startMs = 1_800_000_000_000;
  let nowMs = startMs;
  let asked = 0;
  let status: DueStatus | undefined = { oldestDueMs: startMs + HOUR_MS, sweepable: 7 };
  async function read(): Promise<DueStatus> {
    asked += 1;
    if (!status) throw new Error('down');
    return status;
  }
  dueMetrics(registry, { read, now: () => nowMs, leadMs: DAY_MS });
  async function told(): Promise<number[][]> {
    const names = ['oldest_due_timestamp_seconds', 'oldest_overdue_seconds', 'sweepable_attempts'];
    const all = [...names, 'status_timestamp_seconds'].map((name) => valuesOf(registry, `deletion_${name}`));
    return Promise.all(all);
  }
  expect(await told()).toEqual([[], [], [], []]);
  expect(await valuesOf(registry, 'deletion_lead_seconds')).toEqual([86_400]);
  await until(async () => (await told())[3]?.length === 1);
  expect([await told(), asked]).toEqual([[[1_800_003_600], [0], [7], [1_800_000_000]], 1]);
  nowMs += 59_000;
  expect([await told(), asked]).toEqual([[[1_800_003_600], [0], [7], [1_800_000_000]], 1]);

  // A store that fails leaves the last reading and its time.
  status = undefined;
  nowMs += 2 * HOUR_MS;
  await until(async () => (await told()) && asked === 2);
  expect(await told()).toEqual([[1_800_003_600], [3659], [7], [1_800_000_000]]);
  status = { oldestDueMs: undefined, sweepable: 0 };
  nowMs += 60_000;
  await until(async () => (await told())[0]?.length === 0);
  expect([await told(), asked]).toEqual([[[], [0], [0], [1_800_007_319]], 3]);
});

test('a sweep with failures is no success, and a refused one changes nothing but its count', async () => {
  const registry = new Registry();
  const onSwept = sweepMetrics(registry);
  const swept = (name: string) => valuesOf(registry, `sweep_${name}`);
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
  expect(await swept('due')).toEqual([]);
  onSwept(report);
  onSwept('refused');
  expect(await swept('last_success_timestamp_seconds')).toEqual([]);
  expect(await swept('duration_seconds')).toEqual([2.5]);
  expect(await swept('overdue')).toEqual([1]);
  expect(await swept('runs_total')).toEqual([0, 1, 1]);
  onSwept({ ...report, failed: 0, overdue: 0, oldestOverdueSeconds: 0 });
  expect(await swept('last_success_timestamp_seconds')).toEqual([1_793_610_002.5]);
});
