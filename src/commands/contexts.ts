// From settings to what the use cases and the sweeper are given: the one place where the parts are put together.
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Manifest } from '../domain/documents.ts';
import { MINUTE_MS } from '../domain/durations.ts';
import type { Logger } from '../http/logger.ts';
import type { RecordingsContext } from '../recordings/context.ts';
import type { SweepContext } from '../retention/sweep-run.ts';
import { createAuditTrail } from '../storage/audit-trail.ts';
import type { OpenedStore } from './open-store.ts';
import type { Settings } from './settings.ts';

/** 2,000 running exams' manifests are under 2 MB. */
const MANIFESTS_KEPT = 20_000;
/** How long a replica may hand out part URLs of a recording that another replica deleted: the store refuses them. */
const MANIFEST_TTL_MS = MINUTE_MS;

export function recordingsContext(settings: Settings, opened: OpenedStore, logger: Logger): RecordingsContext {
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
    uploads: settings.uploads,
    manifests: new LRUCache<string, Manifest>({ max: MANIFESTS_KEPT, ttl: MANIFEST_TTL_MS }),
    now: Date.now,
    randomBytes,
    logRetentionMs: settings.logRetentionMs,
  };
}

export function sweepContext(settings: Settings, opened: OpenedStore): SweepContext {
  return {
    store: opened.store,
    policy: settings.policy,
    now: Date.now,
    randomBytes,
    logRetentionMs: settings.logRetentionMs,
    leadMs: settings.deleteLeadMs,
    settleMs: settings.settleTimeMs,
    uploadIdleLimitMs: settings.uploadIdleLimitMs,
    requestCount: () => opened.requestCount(),
  };
}
