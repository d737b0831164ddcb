// The webhooks of `serve`: events of the outbox are sent to their endpoints, counted, and logged without URL or secret.
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Settings } from '../config.ts';
import type { Logger } from '../model/logger.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import type { OpenedStore } from './store.ts';

export function webhookMetrics(registry: Registry) {
  const deliveries = new Counter({
    name: 'proctoring_webhook_deliveries_total',
    help: 'Events by what became of them: delivered, failed (and tried again), dropped, expired',
    labelNames: ['result'],
    registers: [registry],
  });
  const backlog = new Gauge({
    name: 'proctoring_webhook_backlog',
    help: 'Objects in the outbox when it was last read, at most 1000 a tenant',
    registers: [registry],
  });
  return { deliveries, backlog };
}

/** Undefined without webhooks: then the outbox is not read. */
export function startWebhooks(
  settings: Settings,
  { store }: OpenedStore,
  logger: Logger,
  registry: Registry,
): Dispatcher | undefined {
  if (settings.webhooks.size === 0) return undefined;
  const { deliveries, backlog } = webhookMetrics(registry);
  const dispatcher = new Dispatcher({
    store,
    endpoints: settings.webhooks,
    settleMs: settings.settleTimeMs,
    now: Date.now,
    random: Math.random,
    onResult: (result, count) => deliveries.inc({ result }, count),
    onBacklog: (objects) => backlog.set(objects),
    onFailure({ tenant, event, recording, code }) {
      logger.warn('an event was not delivered', { tenant, event, recordingId: recording, code });
    },
  });
  dispatcher.start(
    (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {}),
    (error) =>
      logger.warn('the outbox could not be read', { code: isStoreError(error) ? error.storeCode : 'unexpected' }),
  );
  return dispatcher;
}
