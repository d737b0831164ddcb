// Builds the contexts of the use cases and of the sweeper from the settings.
import { randomBytes as bytesOfProcess } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AuditChains } from '../bucket/audit-chain.ts';
import { type AuditRecord, createAuditTrail } from '../bucket/audit-trail.ts';
import type { Manifest } from '../bucket/documents.ts';
import { createOutbox } from '../bucket/outbox.ts';
import type { Signer } from '../bucket/signer.ts';
import type { Settings } from '../config.ts';
import { HOUR_MS } from '../model/durations.ts';
import type { RandomBytes } from '../model/ids.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { OpenRecording, RecordingsContext, StoredContent } from '../recordings/context.ts';
import { ExportPlaces } from '../recordings/export-places.ts';
import { ProxiedUploads } from '../recordings/proxied-uploads.ts';
import type { SweepContext } from '../sweeper/run.ts';
import type { Endpoint } from '../webhooks/endpoint.ts';
import { VERSION } from './version.ts';

/** The manifests of 2,000 running exams take less than 2 MB. */
const RECORDINGS_KEPT = 20_000;
/** Of what never changes. A replica may hand out part URLs of what another has deleted for so long: the store refuses them. */
const KEPT_MS = HOUR_MS;

type UsedSettings = 'policy' | 'deleteLeadMs' | 'logRetentionMs' | 'settleTimeMs' | 'uploadIdleLimitMs';
export interface ContextSettings extends Pick<Settings, UsedSettings>, Pick<RecordingsContext, 'uploads'> {
  readonly webhooks: ReadonlyMap<string, Pick<Endpoint, 'events'>>;
}

export interface ContextParts {
  readonly store: ObjectStore;
  /** Milliseconds since the epoch. Default: the clock of the process. */
  readonly now?: () => number;
  readonly randomBytes?: RandomBytes;
  /** Undefined: receipts are not signed. */
  readonly signer?: Signer | undefined;
}

export interface RecordingsParts extends ContextParts, Pick<RecordingsContext, 'presigner' | 'onEvent'> {
  readonly memory: ProcessMemory;
  /** Gets each audit event that was stored. */
  readonly onAudited?: (record: AuditRecord) => void;
}

function commonContext(settings: ContextSettings, parts: ContextParts) {
  const { store, now = Date.now, randomBytes = bytesOfProcess, signer } = parts;
  const { policy, logRetentionMs, deleteLeadMs: leadMs, webhooks } = settings;
  const wanted = new Map([...webhooks].map(([tenant, { events }]) => [tenant, events]));
  // Without webhooks no event is written.
  const outbox = wanted.size === 0 ? undefined : createOutbox(store, now, randomBytes, wanted);
  return { store, now, randomBytes, policy, logRetentionMs, leadMs, outbox, signer, version: VERSION };
}

export function recordingsContext(settings: ContextSettings, parts: RecordingsParts): RecordingsContext {
  const { presigner, memory, onAudited, onEvent = () => {} } = parts;
  const { auditChains, ...caches } = memory;
  const common = commonContext(settings, parts);
  const audit = createAuditTrail(common.store, common.now, common.randomBytes, onAudited, auditChains);
  return { ...common, ...caches, presigner, audit, uploads: settings.uploads, onEvent };
}

/** For the commands that read and change nothing. */
export function readingContext(settings: ContextSettings, parts: ContextParts) {
  return commonContext(settings, parts);
}

export function sweepContext(
  settings: ContextSettings,
  parts: ContextParts & Pick<SweepContext, 'requestCount'>,
): SweepContext {
  const { settleTimeMs: settleMs, uploadIdleLimitMs } = settings;
  return { ...commonContext(settings, parts), settleMs, uploadIdleLimitMs, requestCount: parts.requestCount };
}

interface MemoryLimits {
  readonly maxContentUploads: number;
  readonly maxRecordings?: number;
  readonly maxTenants?: number;
}

export type ProcessMemory = ReturnType<typeof processMemory>;

/** State that a process keeps between requests. `clock` measures the age of what is cached. */
export function processMemory(
  { maxContentUploads, maxRecordings = RECORDINGS_KEPT, maxTenants }: MemoryLimits,
  clock: { now(): number } = performance,
) {
  const kept = { max: maxRecordings, ttl: KEPT_MS, ttlResolution: 0, perf: clock };
  return {
    proxiedUploads: new ProxiedUploads({ max: maxContentUploads }),
    exportPlaces: new ExportPlaces(),
    auditChains: new AuditChains(maxTenants),
    manifestCache: new LRUCache<string, Manifest>(kept),
    contentCache: new LRUCache<string, StoredContent>(kept),
    openUploadCache: new LRUCache<string, Promise<OpenRecording>>(kept),
  };
}
