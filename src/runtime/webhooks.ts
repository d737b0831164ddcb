// The webhooks of `serve`: events of the outbox are sent to their endpoints, counted, and logged without URL or secret.
import type { Registry } from 'prom-client';
import { isStoreError } from '../objectstore/store-error.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { webhookMetrics } from './metrics.ts';
import { pause } from './shutdown.ts';
import type { CommandContext } from './store.ts';

/** Undefined without webhooks: then the outbox is not read. */
export function startWebhooks({ settings, opened, logger }: CommandContext, registry: Registry) {
  if (settings.webhooks.size === 0) return undefined;
  const { deliveries, backlog } = webhookMetrics(registry);
  const dispatcher = new Dispatcher({
    store: opened.store,
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
  dispatcher.start(pause, (error) =>
    logger.warn('the outbox could not be read', { code: isStoreError(error) ? error.storeCode : 'unexpected' }),
  );
  return dispatcher;
}
