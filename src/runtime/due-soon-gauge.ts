// The warning before a loss as a metric: looked for at most once an hour, by the sweeps of this process or for a scrape.
import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '../http/logger.ts';
import { HOUR_MS } from '../model/durations.ts';
import type { DueSoonReport } from '../sweeper/report.ts';

export interface DueSoonGauge {
  /** Whether it is time to look again. */
  isStale(): boolean;
  tell(report: DueSoonReport): void;
}

export interface DueSoonGaugeDependencies {
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where no sweep of this process tells: asked after a scrape, which does not wait for it. */
  readonly read?: (() => Promise<DueSoonReport>) | undefined;
}

const KEPT_MS = HOUR_MS;

export function createDueSoonGauge(registry: Registry, { logger, now, read }: DueSoonGaugeDependencies): DueSoonGauge {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const isStale = () => now() - toldAtMs >= KEPT_MS;
  const gauge = new Gauge({
    name: 'proctoring_due_soon_unassessed',
    help: 'Recordings that will be deleted unassessed within 72 hours',
    labelNames: ['tenant'],
    registers: [registry],
    collect() {
      if (!read || !isStale()) return;
      toldAtMs = now();
      // A store that is down fails no scrape; the next hour asks again.
      read().then(tell, () => {});
    },
  });

  function tell({ unassessed, more }: DueSoonReport): void {
    toldAtMs = now();
    gauge.reset();
    for (const { tenant, count, earliest } of unassessed) {
      gauge.set({ tenant }, count);
      const detail = `the first by ${earliest}${more ? '; there are more' : ''}`;
      logger.warn('recordings will be deleted unassessed within 72 hours', { tenant, count, detail });
    }
  }
  return { isStale, tell };
}
