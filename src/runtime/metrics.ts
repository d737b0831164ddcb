// The service's own metrics, beside those of HTTP (http/metrics.ts). No label ever holds an id: see docs/adr/0010.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import type { OnStoreRequest } from '../objectstore/s3/client.ts';
import type { CountedEvent, RecordingsContext } from '../recordings/context.ts';
import type { DueStatus } from '../sweeper/due-status.ts';
import type { SweepReport } from '../sweeper/report.ts';

/** From a HEAD on the same machine to the client's own time-out. */
const STORE_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const DUE_STATUS_KEPT_MS = MINUTE_MS;

/** With what Node tells of the process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function storeMetrics(registry: Registry): OnStoreRequest {
  const requests = new Counter({
    name: 'proctoring_store_requests_total',
    help: 'Attempts at the store, retries included, by what came of them: ok, or the error code of the store',
    labelNames: ['operation', 'outcome'],
    registers: [registry],
  });
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

export function recordingMetrics(registry: Registry): NonNullable<RecordingsContext['onEvent']> {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const created = counter('proctoring_recordings_created_total', 'Recordings that were begun');
  const stored = counter('proctoring_recordings_stored_total', 'Recordings that were completed by their client');
  const partUrls = counter('proctoring_part_urls_total', 'URLs for parts that were handed out');
  const links = new Counter({
    name: 'proctoring_playback_links_total',
    help: 'Playback links that were asked for',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ['issued', 'refused']) links.inc({ outcome }, 0);
  const count: Record<CountedEvent, (by: number) => void> = {
    'recording-created': (by) => created.inc(by),
    'recording-stored': (by) => stored.inc(by),
    'part-url': (by) => partUrls.inc(by),
    'link-issued': (by) => links.inc({ outcome: 'issued' }, by),
    'link-refused': (by) => links.inc({ outcome: 'refused' }, by),
  };
  return (event, by) => count[event](by);
}

/** `onScrape` is called, and not awaited, at each scrape: its answer is for the next one. */
export function readyMetric(registry: Registry, onScrape: () => void): (ready: boolean) => void {
  const gauge = new Gauge({
    name: 'proctoring_ready',
    help: 'Whether this process may be sent requests, when it was last asked',
    registers: [registry],
    collect: onScrape,
  });
  return (ready) => gauge.set(Number(ready));
}

export interface DueMetricsDependencies {
  readonly read: () => Promise<DueStatus>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly leadMs: number;
  /** Default: a minute. */
  readonly keptMs?: number;
}

/**
 * Tells what the deletion queue looked like when it was last read. A scrape has it read again when that is a minute ago,
 * and does not wait for it: a store that is down neither fails nor delays the scrape.
 */
export function dueMetrics(registry: Registry, deps: DueMetricsDependencies): void {
  const { read, now, leadMs, keptMs = DUE_STATUS_KEPT_MS } = deps;
  let known: { readonly status: DueStatus; readonly readAtMs: number } | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let isReading = false;

  function refresh(): void {
    if (isReading || now() - askedAtMs < keptMs) return;
    isReading = true;
    askedAtMs = now();
    read()
      .then((status) => {
        known = { status, readAtMs: now() };
      })
      // The time of the last reading tells it.
      .catch(() => {})
      .finally(() => {
        isReading = false;
      });
  }

  // The first of them: what its `collect` sets is told in the same scrape.
  new Gauge({
    name: 'proctoring_deletion_lead_seconds',
    help: 'How long before its deadline a recording is deleted (DELETE_LEAD)',
    registers: [registry],
    collect() {
      this.set(leadMs / SECOND_MS);
      refresh();
      if (!known) return;
      const { oldestDueMs } = known.status;
      if (oldestDueMs === undefined) oldest.remove();
      else oldest.set(oldestDueMs / SECOND_MS);
      overdue.set(Math.max(0, now() - (oldestDueMs ?? Number.POSITIVE_INFINITY)) / SECOND_MS);
      sweepable.set(known.status.sweepable);
      readAt.set(known.readAtMs / SECOND_MS);
    },
  });
  const oldest = gaugeWithoutValue(
    registry,
    'proctoring_deletion_oldest_due_timestamp_seconds',
    'When the oldest settled entry of the deletion queue is due; absent when there is none',
  );
  const overdue = gaugeWithoutValue(
    registry,
    'proctoring_deletion_oldest_overdue_seconds',
    'How long the oldest settled entry of the deletion queue has been past its deadline; 0 when nothing is',
  );
  const sweepable = gaugeWithoutValue(
    registry,
    'proctoring_deletion_sweepable_attempts',
    'Settled entries of the deletion queue that a sweep would take up now, at most 1000',
  );
  const readAt = gaugeWithoutValue(
    registry,
    'proctoring_deletion_status_timestamp_seconds',
    'When the deletion queue was last read',
  );
}

/** What a run of the schedule came to: its report, or why there is none. */
export type SweepResult = SweepReport | 'refused' | 'failed';

/** Only where this process sweeps. */
export function sweepMetrics(registry: Registry): (result: SweepResult) => void {
  const gauge = (name: string, help: string) => gaugeWithoutValue(registry, `proctoring_sweep_${name}`, help);
  const lastSuccess = gauge('last_success_timestamp_seconds', 'When a sweep last ended with nothing failed');
  const duration = gauge('duration_seconds', 'Time of the last sweep');
  const due = gauge('due', 'Recordings that had to go in the last sweep');
  const deleted = gauge('deleted', 'Recordings that the last sweep deleted');
  const failed = gauge('failed', 'What the last sweep could not deal with; it stays due');
  const overdue = gauge('overdue', 'Of the failed, those whose deadline has passed');
  const oldestOverdue = gauge('oldest_overdue_seconds', 'How long the oldest of them is past its deadline');
  const requestsPerRecording = gauge('requests_per_recording', 'Store requests of the last sweep for each deletion');
  const runs = new Counter({
    name: 'proctoring_sweep_runs_total',
    help: 'Sweeps of this process: ok, failed (something stays due), refused (the clock)',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of ['ok', 'failed', 'refused']) runs.inc({ result }, 0);

  return (swept) => {
    if (typeof swept === 'string') {
      runs.inc({ result: swept });
      return;
    }
    const finishedAtMs = Date.parse(swept.finishedAt);
    runs.inc({ result: swept.failed > 0 ? 'failed' : 'ok' });
    if (swept.failed === 0) lastSuccess.set(finishedAtMs / SECOND_MS);
    duration.set((finishedAtMs - Date.parse(swept.startedAt)) / SECOND_MS);
    due.set(swept.due);
    deleted.set(swept.deleted.recordings);
    failed.set(swept.failed);
    overdue.set(swept.overdue);
    oldestOverdue.set(swept.oldestOverdueSeconds);
    if (swept.requestsPerRecording === null) requestsPerRecording.remove();
    else requestsPerRecording.set(swept.requestsPerRecording);
  };
}

/** The library begins with 0, which would be told as a fact before anything is known. */
function gaugeWithoutValue(registry: Registry, name: string, help: string): Gauge {
  const gauge = new Gauge({ name, help, registers: [registry] });
  gauge.remove();
  return gauge;
}
