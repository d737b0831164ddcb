// The webhooks of `serve`: what is in the outbox goes to its endpoints; counted, and logged without a URL or a secret.
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../http/logger.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { createDispatcher } from '../webhooks/dispatcher.ts';
import { type Polling, startPolling } from '../webhooks/polling.ts';
import type { OpenedStore } from './open-store.ts';
import type { Settings } from './settings.ts';

/** Undefined without webhooks: then nobody looks into the outbox. */
export function startWebhooks(
  settings: Settings,
  { store }: OpenedStore,
  logger: Logger,
  registry: Registry,
): Polling | undefined {
  if (settings.webhooks.size === 0) return undefined;
  const deliveries = new Counter({
    name: 'proctoring_webhook_deliveries_total',
    help: 'What came of events: delivered, failed (and tried again), dropped, expired',
    labelNames: ['result'],
    registers: [registry],
  });
  const backlog = new Gauge({
    name: 'proctoring_webhook_backlog',
    help: 'Objects in the outbox when it was last looked into, at most 1000 a tenant',
    registers: [registry],
  });
  const dispatcher = createDispatcher({
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
  return startPolling(
    dispatcher,
    (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {}),
    (error) =>
      logger.warn('the outbox could not be read', { code: isStoreError(error) ? error.storeCode : 'unexpected' }),
  );
}
