// The log, the metrics and the traces, part by part. Those of a running `serve` are in serve.test.ts.
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Registry } from 'prom-client';
import type { LogLevel } from '../../src/config.ts';
import { requestMetrics } from '../../src/http/request.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { LogFields, Logger } from '../../src/model/logger.ts';
import { Gate } from '../../src/objectstore/gate.ts';
import { SERVING } from '../../src/objectstore/window.ts';
import { createLogger } from '../../src/runtime/logging.ts';
import {
  dueMetrics,
  dueSoonMetric,
  gateMetrics,
  readyMetric,
  recordingMetrics,
  storeMetrics,
  sweepMetrics,
  webhookMetrics,
} from '../../src/runtime/metrics.ts';
import { startTracing } from '../../src/runtime/tracing.ts';
import type { DueStatus } from '../../src/sweeper/due-status.ts';
import { SECRET, startApi } from '../http/api.ts';
import { bodyOf, CALLS, pathOf } from '../http/calls.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { createVirtualClock, START_MS } from '../kit/clock.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { startTestService } from '../kit/service.ts';
import { until } from '../kit/until.ts';
import { startVirtualGate } from '../objectstore/virtual-gate.ts';
import { type Collector, startCollector } from './collector.ts';
import { callerOf, SILENT, scrape } from './process.ts';

describe('the log', () => {
  function logged(level: LogLevel, act: (logger: Logger) => void): Record<string, unknown>[] {
    const stream = new PassThrough();
    act(createLogger({ level, now: () => Date.UTC(2026, 10, 2), stream }));
    const lines = String(stream.read()).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  test('has one JSON document a line, by its clock and with named fields alone; audit events at every level', () => {
    const unnamed = { url: 'https://x', authorization: 'y', level: 'error', message: 'z' };
    const lines = logged('error', (log) => {
      log.warn('no');
      log.debug('no');
      log.error('the store is away', { status: 200, causes: ['A b'], ...unnamed } as LogFields);
      log.audit('link issued', { actor: 'a' });
    });
    const time = '2026-11-02T00:00:00.000Z';
    expect(lines).toEqual([
      { time, level: 'error', message: 'the store is away', status: 200, causes: ['A b'] },
      { time, level: 'info', channel: 'audit', message: 'link issued', actor: 'a' },
    ]);
  });

  test.each([
    ['a token after its scheme, in any case', 'got BEARER s3cret-text'],
    ['a JWT alone', 'got eyJhbGciOi.eyJzdWIi.s3cret'],
    ['a signature', 'x-amz-signature=s3cret&b=1'],
    ['a credential', 'X-Amz-Credential: s3cret'],
    ['a token of a session', 'x-amz-security-token: s3cret'],
    ['the password of a URL', 'at https://user:s3cret@host/path'],
    ['the query of a URL', 'at https://host/path?key=s3cret'],
    ['an e-mail address', 'from s3cret@example.org'],
  ])('%s is taken out of every field', (_, text) => {
    const [line = {}] = logged('info', (log) => log.info(text, { detail: text, causes: [text] }));
    for (const field of [line.message, line.detail, line.causes]) {
      expect(String(field)).toContain('[redacted]');
      expect(String(field)).not.toContain('s3cret');
    }
  });

  test('long and strange text is shortened', () => {
    const detail = `${'://a'.repeat(100_000)}\n\u0000`;
    const [line] = logged('info', (log) => log.info('a@'.repeat(1_000_000), { detail }));
    expect(JSON.stringify(line).length).toBeLessThan(5_000);
  });
});

describe('the metrics', () => {
  test('routes and methods are those of the API, and no id is a label, whatever is called', async () => {
    const { url, service } = await startApi();
    const { call, create } = callerOf(url, service.clock.now, SECRET);
    const recording = (await create()).slice(-36);
    const ids = { exam: 'secret-exam', attempt: 'secret-attempt', participant: 'secret-person', recording };
    for (const contract of CALLS) {
      for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
        const sent = bodyOf(contract);
        const path = pathOf(contract, ids);
        await call(contract.method.toUpperCase(), path, { ...sent, headers: { ...sent.headers, ...headers } });
      }
    }
    const paths = ['/secret-path', '/v1/secret', '/v1/exams/%ff', '/v1/exams/secret-exam/recordings?cursor=secret'];
    for (const path of paths) {
      for (const method of ['GET', 'PATCH', 'PROPFIND', 'REPORT']) await call(method, path);
    }
    const samples = await scrape({ url });
    const reported = [...samples.keys()];
    expect(reported.join()).not.toMatch(/secret|acme|tester|nonsense|eyJ|X-Amz|[0-9a-v]{36}/);
    const routes = new Set(reported.map((name) => /route="([^"]*)"/.exec(name)?.[1]));
    routes.delete('unmatched');
    expect(routes).toEqual(new Set(CALLS.map(({ path }) => path)));
    expect(samples.get('http_requests_total{method="_OTHER",route="unmatched",status="404"}')).toBe(9);
    expect(reported.filter((name) => /PROPFIND|REPORT|PATCH/.test(name))).toEqual([]);
  });

  test('a label never holds an id: whatever is declared, its labels are these', () => {
    const registry = new Registry();
    for (const declare of [requestMetrics, storeMetrics, recordingMetrics, sweepMetrics]) declare(registry);
    readyMetric(registry, async () => ({ ready: true }));
    const read = () => Promise.reject(new Error('not read'));
    dueMetrics(registry, { read, now: Date.now, leadMs: 0 });
    dueSoonMetric(registry, { read, now: Date.now, logger: SILENT });
    webhookMetrics(registry);
    gateMetrics(registry, new Gate());
    const declared = registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
    expect(declared.length).toBeGreaterThan(20);
    const labels = new Set(declared.flatMap(({ labelNames }) => labelNames));
    expect([...labels].sort()).toEqual(['method', 'operation', 'outcome', 'result', 'route', 'status', 'urgency']);
  });

  test('the gate before the store reports its window, who waits, and what was refused', async () => {
    const registry = new Registry();
    const { gate, call, refuse, settle } = startVirtualGate();
    gateMetrics(registry, gate);
    call(
      Array.from({ length: SERVING.start + 3 }, () => 'read'),
      { urgency: 'read' },
    );
    await settle();
    expect(await valuesOf(registry, 'store_waiting')).toEqual([0, 3, 0]);
    await refuse();
    expect(await valuesOf(registry, 'store_window')).toEqual([gate.windowSize]);
    for (let scrapes = 0; scrapes < 2; scrapes += 1) {
      expect(await valuesOf(registry, 'store_refusals_total')).toEqual([0, SERVING.start, 0]);
    }
  });

  test('what is due soon is summed over all tenants, read for a scrape at most once an hour, and logged by tenant', async () => {
    const registry = new Registry();
    const clock = createVirtualClock();
    const warned: (LogFields | undefined)[] = [];
    const unassessed = [
      { tenant: 'acme', count: 2, earliest: '2026-11-03T00:00:00.000Z' },
      { tenant: 'beta', count: 3, earliest: '2026-11-04T00:00:00.000Z' },
    ];
    const read = jest.fn(async () => ({ unassessed, more: false }));
    const logger = { ...SILENT, warn: (_message: string, fields?: LogFields) => void warned.push(fields) };
    dueSoonMetric(registry, { read, now: clock.now, logger });
    const values = () => valuesOf(registry, 'due_soon_unassessed');
    expect(await values()).toEqual([]);
    await until(async () => (await values())?.[0] === 5);
    expect(await registry.metrics()).not.toMatch(/acme|beta/);
    expect(warned).toMatchObject([
      { tenant: 'acme', count: 2 },
      { tenant: 'beta', count: 3 },
    ]);
    clock.advance(HOUR_MS);
    unassessed.length = 0;
    await until(async () => (await values())?.[0] === 0);
    expect(read).toHaveBeenCalledTimes(2);
  });

  async function valuesOf(registry: Registry, name: string): Promise<number[] | undefined> {
    const metric = (await registry.getMetricsAsJSON()).find((reported) => reported.name === `proctoring_${name}`);
    return metric?.values.map(({ value }) => value);
  }

  test('the deletion queue is read once a minute at most; how late it is, is computed at every scrape', async () => {
    const registry = new Registry();
    const clock = createVirtualClock();
    const began = START_MS / 1000;
    let status: DueStatus | undefined = { oldestDueMs: clock.now() + HOUR_MS, sweepable: 7 };
    const read = jest.fn(async () => {
      if (!status) throw new Error('down');
      return status;
    });
    dueMetrics(registry, { read, now: clock.now, leadMs: DAY_MS });
    const names = ['oldest_due_timestamp_seconds', 'oldest_overdue_seconds', 'sweepable_attempts'];
    const reported = () =>
      Promise.all([...names, 'status_timestamp_seconds'].map((name) => valuesOf(registry, `deletion_${name}`)));
    expect(await reported()).toEqual([[], [], [], []]);
    expect(await valuesOf(registry, 'deletion_lead_seconds')).toEqual([86_400]);
    await until(async () => (await reported())[3]?.length === 1);
    for (const passedMs of [0, 59_000]) {
      clock.advance(passedMs);
      expect([await reported(), read.mock.calls.length]).toEqual([[[began + 3600], [0], [7], [began]], 1]);
    }
    // When the store fails, the last reading and its time stay.
    status = undefined;
    clock.advance(2 * HOUR_MS);
    await until(async () => (await reported()) && read.mock.calls.length === 2);
    expect(await reported()).toEqual([[began + 3600], [3659], [7], [began]]);
    status = { oldestDueMs: undefined, sweepable: 0 };
    clock.advance(60_000);
    await until(async () => (await reported())[0]?.length === 0);
    expect([await reported(), read.mock.calls.length]).toEqual([[[], [0], [0], [began + 7319]], 3]);
  });

  test('both are read again in time, though the clock was set back meanwhile', async () => {
    const monotonic = holdMonotonicClock();
    const registry = new Registry();
    const now = () => START_MS;
    const read = jest.fn(async () => ({ oldestDueMs: undefined, sweepable: 1 }));
    const readDueSoon = jest.fn(async () => ({ unassessed: [], more: false }));
    dueMetrics(registry, { read, now, leadMs: DAY_MS });
    const { isStale } = dueSoonMetric(registry, { read: readDueSoon, now, logger: SILENT });
    const calls = async () => {
      await registry.metrics();
      await until(async () => read.mock.results.length === read.mock.calls.length);
      return [read.mock.calls.length, readDueSoon.mock.calls.length, isStale()];
    };
    await calls();
    await until(() => !isStale());
    monotonic.advance(MINUTE_MS - 1);
    expect(await calls()).toEqual([1, 1, false]);
    monotonic.advance(1);
    expect(await calls()).toEqual([2, 1, false]);
    monotonic.advance(HOUR_MS - MINUTE_MS);
    expect(isStale()).toBe(true);
    await calls();
    await until(() => !isStale());
    expect([read.mock.calls.length, readDueSoon.mock.calls.length]).toEqual([3, 2]);
  });

  test('a sweep with failures is no success, and a refused one changes nothing but its count', async () => {
    const registry = new Registry();
    const onSwept = sweepMetrics(registry);
    const swept = (name: string) => valuesOf(registry, `sweep_${name}`);
    const times = { startedAt: '2026-11-02T09:00:00.000Z', finishedAt: '2026-11-02T09:00:02.500Z' };
    const figures = {
      failed: 1,
      overdue: 1,
      requestsPerRecording: 5,
      late: 2,
      greatestLatenessSeconds: 90,
      provenBefore: 3,
    };
    const report = { ...(await startTestService().sweep()), ...times, ...figures };
    expect(await swept('due')).toEqual([]);
    onSwept(report, 2500);
    onSwept('refused', 10);
    expect(await swept('last_success_timestamp_seconds')).toEqual([]);
    expect(await swept('duration_seconds')).toEqual([2.5]);
    expect(await swept('overdue')).toEqual([1]);
    const lateness = ['late', 'greatest_lateness_seconds', 'proven_before'];
    expect(await Promise.all(lateness.map(swept))).toEqual([[2], [90], [3]]);
    expect(await swept('runs_total')).toEqual([0, 1, 1]);
    onSwept({ ...report, failed: 0 }, 2500);
    expect(await swept('last_success_timestamp_seconds')).toEqual([1_793_610_002.5]);
  });
});

describe('the traces', () => {
  let collector: Collector;
  beforeEach(async () => {
    collector = await startCollector();
    afterThisTest(() => collector.close());
    const own = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' };
    const others = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
    const replaced = jest.replaceProperty(process, 'env', { ...Object.fromEntries(others), ...own });
    afterThisTest(() => replaced.restore());
  });

  test('a collector that never answers holds up neither what is traced nor the end', async () => {
    const tracing = await startTracing('http/json', SILENT);
    const { promise, resolve: speak } = Promise.withResolvers<void>();
    collector.silence = promise;
    await expect(tracing.inSpan('run', () => Promise.reject(new RangeError('secret')))).rejects.toThrow(RangeError);
    await tracing.close();
    speak();
    await tracing.close();
    expect(collector.spans).toMatchObject([{ name: 'run', failed: true, attributes: { 'error.type': 'RangeError' } }]);
    expect(String(collector.bodies)).not.toContain('secret');
  });

  test('a collector that refuses traces is reported once', async () => {
    const warned: string[] = [];
    const tracing = await startTracing('http/protobuf', { ...SILENT, warn: (message) => warned.push(message) });
    collector.status = 400;
    for (const name of ['a', 'b']) await tracing.inSpan(name, async () => {});
    await tracing.close();
    expect(collector.bodies).toHaveLength(2);
    expect(warned).toEqual([expect.stringContaining('traces cannot be delivered')]);
  });
});
