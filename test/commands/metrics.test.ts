// /metrics of a running `serve`: what is counted, what is never told, and that it needs no store.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { dueMetrics, sweepMetrics } from '../../src/commands/metrics.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { DueStatus } from '../../src/retention/due-status.ts';
import type { SweepReport } from '../../src/retention/sweep-report.ts';
import { type HoledStore, startHoledStore, storeSettings } from '../doctor/support.ts';
import { bodyOf, CALLS, pathOf } from '../http/calls.ts';
import { until } from '../http/expectations.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { type Installation, install } from './process.ts';
import { scrape, scrapeUntil } from './scrape.ts';

const ATTEMPT = '/v1/exams/{exam}/attempts/{attempt}';
const RECORDING = `${ATTEMPT}/recordings/{recording}`;
const IDS = { exam: 'secret-exam', attempt: 'secret-attempt' };
describe('serve', () => {
  let testStore: RealStore;
  let holed: HoledStore;
  let installation: Installation;

  beforeEach(async () => {
    testStore = await openTestStore();
    holed = await startHoledStore(testStore, {});
  });
  afterEach(async () => {
    await installation.remove();
    await holed.close();
    await testStore.close();
  });

  test('counts what happened, by route; no id, name or path is ever told, whatever is called', async () => {
    installation = await install(storeSettings(testStore, holed.endpoint));
    await installation.start();
    const recording = await installation.record();
    // Safe to repeat, and counted once.
    await installation.call('POST', `${recording}/complete`);
    for (const times of [1, 2, 3]) {
      const link = await installation.call('POST', `${recording}/playback-links`);
      expect([times, link.status]).toEqual([times, 201]);
    }
    const open = await installation.create();
    expect((await installation.call('POST', `${open}/playback-links`)).status).toBe(409);

    const { samples } = await scrape(installation.url);
    const value = (name: string) => samples.get(name);
    expect(value('proctoring_recordings_created_total')).toBe(2);
    expect(value('proctoring_recordings_stored_total')).toBe(1);
    expect(value('proctoring_part_urls_total')).toBe(6);
    expect(value('proctoring_playback_links_total{outcome="issued"}')).toBe(3);
    expect(value('proctoring_playback_links_total{outcome="refused"}')).toBe(1);
    expect(value(`http_requests_total{method="POST",route="${RECORDING}/playback-links",status="201"}`)).toBe(3);
    expect(value(`http_requests_total{method="POST",route="${RECORDING}/playback-links",status="409"}`)).toBe(1);
    expect(value(`http_request_duration_seconds_count{method="POST",route="${RECORDING}/playback-links"}`)).toBe(4);
    // 2 recordings of the test, and those of the self-test.
    expect(
      value('proctoring_store_requests_total{operation="CreateMultipartUpload",outcome="ok"}'),
    ).toBeGreaterThanOrEqual(2);
    expect(value('proctoring_store_request_duration_seconds_count{operation="PutObject"}')).toBeGreaterThanOrEqual(6);
    expect(value('proctoring_deletion_lead_seconds')).toBe(86_400);
    expect([...samples.keys()].filter((name) => name.startsWith('proctoring_sweep_'))).toEqual([]);

    const series = samples.size;
    const ids = { ...IDS, recording: open.slice(-36) };
    for (const contract of CALLS) {
      for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
        const sent = bodyOf(contract);
        const init = { ...sent, headers: { ...sent.headers, ...headers } };
        await installation.call(contract.method.toUpperCase(), pathOf(contract, ids), init);
      }
    }
    const list = '/v1/exams/secret-exam/recordings?cursor=secret';
    for (const path of ['/secret-path', '/v1/secret', '/v1/exams/%ff', list]) {
      for (const method of ['GET', 'PATCH', 'PROPFIND', 'REPORT']) await installation.call(method, path);
    }
    const after = await scrape(installation.url);
    expect(after.text).not.toMatch(/secret|acme|tester|nonsense|eyJ|X-Amz|[0-9a-v]{36}/);
    const routes = new Set([...after.samples.keys()].flatMap((name) => /route="([^"]*)"/.exec(name)?.[1] ?? []));
    expect(
      [...routes].filter(
        (route) =>
          !/^(unmatched|\/v1\/(exams\/\{exam\}\/.*|participants\/\{participant\}.*)|\/(readyz|metrics))$/.test(route),
      ),
    ).toEqual([]);
    expect(after.samples.size).toBeGreaterThan(series);
    const perMethod = (name: string) =>
      after.samples.get(`http_requests_total{method="${name}",route="unmatched",status="404"}`);
    expect(perMethod('_OTHER')).toBe(9);
    expect(perMethod('PROPFIND')).toBeUndefined();
  });

  test('tells what it last knew while the store is down, at once', async () => {
    installation = await install(storeSettings(testStore, holed.endpoint));
    await installation.start();
    const before = await scrapeUntil(
      installation.url,
      (samples) => samples.get('proctoring_ready') === 1 && samples.has('proctoring_deletion_status_timestamp_seconds'),
    );
    expect(before.get('proctoring_deletion_sweepable_attempts')).toBe(0);
    expect(before.get('proctoring_deletion_oldest_overdue_seconds')).toBe(0);
    expect(before.has('proctoring_deletion_oldest_due_timestamp_seconds')).toBe(false);

    await holed.close();
    const { samples } = await scrape(installation.url);
    expect(samples.get('proctoring_deletion_sweepable_attempts')).toBe(0);
    const down = await scrapeUntil(installation.url, (scraped) => scraped.get('proctoring_ready') === 0);
    expect(
      [...down.keys()].some((name) => /^proctoring_store_requests_total\{.*outcome="ECONNREFUSED"/.test(name)),
    ).toBe(true);
    expect((await fetch(`${installation.url}/livez`)).status).toBe(200);
    expect((await fetch(`${installation.url}/readyz`)).status).toBe(503);
  });
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
