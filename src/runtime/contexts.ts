// From settings to what the use cases and the sweeper are given: the one place where the parts are put together.
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { createAuditTrail } from '../bucket/audit-trail.ts';
import type { Manifest } from '../bucket/documents.ts';
import { createOutbox, type Outbox } from '../bucket/outbox.ts';
import type { Settings } from '../config.ts';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { RecordingsContext } from '../recordings/context.ts';
import { ProxiedUploads } from '../recordings/part-buffers.ts';
import type { SweepContext } from '../sweeper/run.ts';
import type { OpenedStore, StoreConnection } from './store.ts';

/** 2,000 running exams' manifests are under 2 MB. */
const MANIFESTS_KEPT = 20_000;
const MANIFEST_TTL_MS = MINUTE_MS;
/** Longer than a phone loses its network for; a client that was cut off sends its file again. */
const CONTENT_IDLE_MS = MINUTE_MS;
/** How long a replica may hand out part URLs of a recording that another replica deleted: the store refuses them. */
const TAKING_PARTS_TTL_MS = SECOND_MS;

export function recordingsContext(
  settings: Settings,
  opened: OpenedStore,
  logger: Logger,
  onEvent: NonNullable<RecordingsContext['onEvent']>,
): RecordingsContext {
  const { store, presigner } = opened;
  return {
    store,
    presigner,
    audit: createAuditTrail(store, Date.now, randomBytes, ({ ref, ...event }) =>
      logger.audit(event.event, {
        requestId: event.requestId,
        actor: event.actor,
        tenant: ref.tenant,
        examId: ref.exam,
        attemptId: ref.attempt,
        recordingId: ref.recording,
        event: event.event,
        detail: event.detail,
      }),
    ),
    policy: settings.policy,
    leadMs: settings.deleteLeadMs,
    uploads: settings.uploads,
    proxiedUploads: new ProxiedUploads({ max: settings.maxContentUploads, idleMs: CONTENT_IDLE_MS }),
    manifestCache: new LRUCache<string, Manifest>({ max: MANIFESTS_KEPT, ttl: MANIFEST_TTL_MS }),
    openUploadCache: new LRUCache<string, Promise<Manifest>>({ max: MANIFESTS_KEPT, ttl: TAKING_PARTS_TTL_MS }),
    now: Date.now,
    randomBytes,
    logRetentionMs: settings.logRetentionMs,
    onEvent,
    outbox: outboxOf(settings, opened.store),
  };
}

/** Undefined without webhooks: then an event costs nothing. */
function outboxOf({ webhooks }: Settings, store: ObjectStore): Outbox | undefined {
  if (webhooks.size === 0) return undefined;
  const wanted = new Map([...webhooks].map(([tenant, { events }]) => [tenant, events]));
  return createOutbox(store, Date.now, randomBytes, wanted);
}

export function sweepContext(
  settings: Settings,
  { store, requestCount }: Pick<StoreConnection, 'store' | 'requestCount'>,
): SweepContext {
  return {
    store,
    policy: settings.policy,
    now: Date.now,
    randomBytes,
    logRetentionMs: settings.logRetentionMs,
    outbox: outboxOf(settings, store),
    leadMs: settings.deleteLeadMs,
    settleMs: settings.settleTimeMs,
    uploadIdleLimitMs: settings.uploadIdleLimitMs,
    requestCount,
  };
}
