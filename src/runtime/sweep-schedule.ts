// The schedule of the sweep inside `serve`, and what its runs tell the metrics and the log.
import type { Registry } from 'prom-client';
import type { Logger } from '../http/logger.ts';
import { findDueSoon } from '../sweeper/due-soon.ts';
import { type Scheduler, startScheduler } from '../sweeper/scheduler.ts';
import { SweepRefused, sweep } from '../sweeper/sweep.ts';
import { sweepContext } from './contexts.ts';
import { createDueSoonGauge } from './due-soon-gauge.ts';
import { sweepMetrics } from './metrics.ts';
import type { OpenedStore } from './open-store.ts';
import type { Settings } from './settings.ts';
import type { Tracing } from './tracing.ts';

/** Undefined where something else sweeps; what will be lost unassessed is told all the same. */
export function startSweeps(
  settings: Settings,
  opened: OpenedStore,
  logger: Logger,
  metrics: Registry,
  tracing: Tracing,
): Scheduler | undefined {
  const context = sweepContext(settings, opened.connect());
  const read = settings.sweepSchedule === undefined ? () => findDueSoon(context) : undefined;
  const dueSoon = createDueSoonGauge(metrics, { logger, now: Date.now, read });
  if (settings.sweepSchedule === undefined) return undefined;
  const onSwept = sweepMetrics(metrics);
  return startScheduler(settings.sweepSchedule, async (signal) => {
    try {
      const report = await tracing.inSpan('sweep', () => sweep(context, { signal, dueSoon: dueSoon.isStale() }));
      onSwept(report);
      if (report.dueSoonUnassessed) dueSoon.tell({ unassessed: report.dueSoonUnassessed, more: report.dueSoonMore });
      const { startedAt, finishedAt, due, deleted, kept, failed, overdue, oldestOverdueSeconds } = report;
      const { requests, requestsPerRecording } = report;
      const counts = { due, ...deleted, kept, failed, overdue, oldestOverdueSeconds, requests, requestsPerRecording };
      logger[failed > 0 ? 'error' : 'info']('swept', { startedAt, finishedAt, ...counts });
    } catch (error) {
      const isRefused = error instanceof SweepRefused;
      onSwept(isRefused ? 'refused' : 'failed');
      const code = isRefused ? error.code : 'sweep-failed';
      logger.error('the sweep did not run', { code, detail: error instanceof Error ? error.message : String(error) });
    }
  });
}
