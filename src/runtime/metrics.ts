// The service's own metrics, beside those of HTTP (http/request.ts). No label ever holds an id: see docs/adr/0010.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Readiness } from '../http/routes/service.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import type { Gate } from '../objectstore/gate.ts';
import type { OnStoreRequest } from '../objectstore/s3/client.ts';
import { URGENCIES } from '../objectstore/work.ts';
import type { CountedEvent, RecordingsContext } from '../recordings/context.ts';
import type { DueStatus } from '../sweeper/due-status.ts';
import type { DueSoonReport, SweepReport } from '../sweeper/report.ts';
import type { SweepContext } from '../sweeper/run.ts';

/** Buckets from a HEAD on the same machine to the client's own time-out. */
const STORE_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** A registry with Node's metrics of the process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Functions that declare metrics. */
function declaring(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name, help, labelNames, registers }),
    /** Absent until it is set: the library begins with 0, which would be reported before anything is known. */
    gauge(name: string, help: string): Gauge {
      const gauge = new Gauge({ name, help, registers });
      gauge.remove();
      return gauge;
    },
  };
}

export function storeMetrics(registry: Registry): OnStoreRequest {
  const requests = declaring(registry).counter(
    'proctoring_store_requests_total',
    'Attempts at the store, retries included, by outcome: ok, or the error code of the store',
    'operation',
    'outcome',
  );
  const durations = new Histogram({
    name: 'proctoring_store_request_duration_seconds',
    help: 'Time of an attempt at the store',
    labelNames: ['operation'],
    buckets: STORE_BUCKETS_SECONDS,
    registers: [registry],
  });
  return (operation, outcome, durationMs) => {
    requests.inc({ operation, outcome });
    durations.observe({ operation }, durationMs / SECOND_MS);
  };
}

/** How the process shares the store between its calls, and with others. */
export function gateMetrics(registry: Registry, gate: Pick<Gate, 'windowSize' | 'waiting' | 'refusals'>): void {
  const registers = [registry];
  const labelNames = ['urgency'] as const;
  new Gauge({
    name: 'proctoring_store_window',
    help: 'How many requests to the store may be in flight; it shrinks when the store throttles',
    registers,
    collect() {
      this.set(gate.windowSize);
    },
  });
  new Gauge({
    name: 'proctoring_store_waiting',
    help: 'Requests to the store that wait to be sent, by urgency: upload, read, background',
    labelNames,
    registers,
    collect() {
      for (const urgency of URGENCIES) this.set({ urgency }, gate.waiting(urgency));
    },
  });
  new Counter({
    name: 'proctoring_store_refusals_total',
    help: 'Attempts at the store which it refused because it throttles or is unavailable, by urgency',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const urgency of URGENCIES) this.inc({ urgency }, gate.refusals(urgency));
    },
  });
}

export function recordingMetrics(registry: Registry): NonNullable<RecordingsContext['onEvent']> {
  const { counter } = declaring(registry);
  const links = counter('proctoring_playback_links_total', 'Playback links that were requested', 'outcome');
  for (const outcome of ['issued', 'refused']) links.inc({ outcome }, 0);
  const counters: Record<CountedEvent, Counter.Internal> = {
    'recording-created': counter('proctoring_recordings_created_total', 'Recordings that were begun'),
    'recording-stored': counter('proctoring_recordings_stored_total', 'Recordings that were completed by their client'),
    'recording-unrecognized': counter(
      'proctoring_recordings_unrecognized_total',
      'Recordings that were stored though their bytes are of no known container',
    ),
    'recording-deleted-late': counter(
      'proctoring_recordings_deleted_late_total',
      'Recordings that a request deleted after their deadline; those of sweeps are in proctoring_sweep_late',
    ),
    'part-url': counter('proctoring_part_urls_total', 'URLs for parts that were handed out'),
    'link-issued': links.labels('issued'),
    'link-refused': links.labels('refused'),
  };
  return (event, by) => counters[event].inc(by);
}

/** Records the results of `isReady`. A scrape calls it without waiting: the next scrape reports the result. */
export function readyMetric(registry: Registry, isReady: () => Promise<Readiness>): () => Promise<Readiness> {
  const name = 'proctoring_ready';
  const help = 'Whether this process was ready for requests at the last check';
  const gauge = new Gauge({ name, help, registers: [registry], collect: () => void watched() });
  async function watched(): Promise<Readiness> {
    const readiness = await isReady();
    gauge.set(Number(readiness.ready));
    return readiness;
  }
  return watched;
}

/** Reads at most once in `keptMs`, and never twice at the same time. After a failure the last result stays. */
function readAtMostOnceIn<T>(keptMs: number, now: () => number, read: () => Promise<T>, onRead: (result: T) => void) {
  let elapsedMs = () => Number.POSITIVE_INFINITY;
  let isReading = false;
  return () => {
    if (isReading || elapsedMs() < keptMs) return;
    isReading = true;
    elapsedMs = startStopwatch(now);
    void read()
      .then(onRead, () => {})
      .finally(() => {
        isReading = false;
      });
  };
}

/**
 * Reports the state of the deletion queue at its last reading. A scrape starts another reading after a minute, and does not
 * wait for it: a store that is down neither fails nor delays the scrape.
 */
export function dueMetrics(
  registry: Registry,
  { leadMs, now, read }: Pick<SweepContext, 'leadMs' | 'now'> & { read: () => Promise<DueStatus> },
): void {
  const gauge = (name: string, help: string) => declaring(registry).gauge(`proctoring_deletion_${name}`, help);
  let known: DueStatus | undefined;
  const refresh = readAtMostOnceIn(MINUTE_MS, now, read, (status) => {
    known = status;
    if (status.oldestDueMs === undefined) oldest.remove();
    else oldest.set(status.oldestDueMs / SECOND_MS);
    sweepable.set(status.sweepable);
    readAt.set(now() / SECOND_MS);
  });
  // Registered first, so that the same scrape reports what its `collect` sets.
  new Gauge({
    name: 'proctoring_deletion_lead_seconds',
    help: 'How long before its deadline a recording is deleted (DELETE_LEAD)',
    registers: [registry],
    collect() {
      this.set(leadMs / SECOND_MS);
      if (known) overdue.set(Math.max(0, now() - (known.oldestDueMs ?? Number.POSITIVE_INFINITY)) / SECOND_MS);
      refresh();
    },
  });
  const oldest = gauge(
    'oldest_due_timestamp_seconds',
    'When the oldest entry of the deletion queue past its grace period is due; absent when there is none',
  );
  const overdue = gauge(
    'oldest_overdue_seconds',
    'How long the oldest of these entries has been past its deadline; 0 when nothing is',
  );
  const sweepable = gauge('sweepable_attempts', 'Of these entries, those that a sweep would take up now, at most 1000');
  const readAt = gauge('status_timestamp_seconds', 'When the deletion queue was last read');
}

export interface DueSoonDependencies {
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Set where this process does not sweep: a scrape calls it, and does not wait for it. */
  readonly read: (() => Promise<DueSoonReport>) | undefined;
}

/** Recordings that will soon be deleted unassessed, counted at most once an hour. The log has the counts by tenant. */
export function dueSoonMetric(registry: Registry, { logger, now, read }: DueSoonDependencies) {
  let elapsedMs = () => Number.POSITIVE_INFINITY;
  const refresh = read && readAtMostOnceIn(HOUR_MS, now, read, set);
  const name = 'proctoring_due_soon_unassessed';
  const help =
    'Recordings of all tenants that will be deleted unassessed within 72 hours; absent until they are counted';
  const gauge = new Gauge({ name, help, registers: [registry], collect: () => refresh?.() });
  gauge.remove();

  function set({ unassessed, more }: DueSoonReport): void {
    elapsedMs = startStopwatch(now);
    gauge.set(unassessed.reduce((sum, { count }) => sum + count, 0));
    for (const { tenant, count, earliest } of unassessed) {
      const detail = `the first by ${earliest}${more ? '; there are more' : ''}`;
      logger.warn('recordings will be deleted unassessed within 72 hours', { tenant, count, detail });
    }
  }
  return { isStale: () => elapsedMs() >= HOUR_MS, set };
}

export function webhookMetrics(registry: Registry) {
  const results = 'Events by result: delivered, failed (and retried), dropped, expired';
  const deliveries = declaring(registry).counter('proctoring_webhook_deliveries_total', results, 'result');
  const name = 'proctoring_webhook_backlog';
  const help = 'Objects in the outbox when it was last read, at most 1000 a tenant';
  return { deliveries, backlog: new Gauge({ name, help, registers: [registry] }) };
}

/** The result of a scheduled run: its report, or why there is none. */
export type SweepResult = SweepReport | 'refused' | 'failed';

/** Only where this process sweeps. */
export function sweepMetrics(registry: Registry): (result: SweepResult, durationMs: number) => void {
  const gauge = (name: string, help: string) => declaring(registry).gauge(`proctoring_sweep_${name}`, help);
  const lastSuccess = gauge('last_success_timestamp_seconds', 'When a sweep last ended with nothing failed');
  const duration = gauge('duration_seconds', 'Time of the last sweep');
  const due = gauge('due', 'Recordings that were due in the last sweep');
  const deleted = gauge('deleted', 'Recordings that the last sweep proved deleted by receipts of its own');
  const late = gauge('late', 'Of these, those that were deleted after their deadline');
  const greatestLateness = gauge(
    'greatest_lateness_seconds',
    'How long after its deadline the latest of them was deleted; 0 when none was late',
  );
  const provenBefore = gauge('proven_before', 'Recordings due in the last sweep that another run had proven deleted');
  const failed = gauge('failed', 'What the last sweep failed to delete; it stays due');
  const overdue = gauge('overdue', 'Of the failed, those whose deadline has passed');
  const oldestOverdue = gauge('oldest_overdue_seconds', 'How long the oldest of them is past its deadline');
  const requestsPerRecording = gauge('requests_per_recording', 'Store requests of the last sweep for each deletion');
  const runs = declaring(registry).counter(
    'proctoring_sweep_runs_total',
    'Sweeps of this process: ok, failed (something stays due), refused (the clock)',
    'result',
  );
  for (const result of ['ok', 'failed', 'refused']) runs.inc({ result }, 0);

  return (swept, durationMs) => {
    if (typeof swept === 'string') {
      runs.inc({ result: swept });
      return;
    }
    const finishedAtMs = Date.parse(swept.finishedAt);
    runs.inc({ result: swept.failed > 0 ? 'failed' : 'ok' });
    if (swept.failed === 0) lastSuccess.set(finishedAtMs / SECOND_MS);
    duration.set(durationMs / SECOND_MS);
    due.set(swept.due);
    deleted.set(swept.deleted.recordings);
    late.set(swept.late);
    greatestLateness.set(swept.greatestLatenessSeconds);
    provenBefore.set(swept.provenBefore);
    failed.set(swept.failed);
    overdue.set(swept.overdue);
    oldestOverdue.set(swept.oldestOverdueSeconds);
    if (swept.requestsPerRecording === null) requestsPerRecording.remove();
    else requestsPerRecording.set(swept.requestsPerRecording);
  };
}
