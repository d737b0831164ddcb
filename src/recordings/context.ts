// What every use case is given: the store, the clock, the rules. Nothing here is global, so that a test can turn time.
import type { LRUCache } from 'lru-cache';
import type { RetentionPolicy } from '../domain/deadlines.ts';
import type { Manifest } from '../domain/documents.ts';
import type { RandomBytes } from '../domain/ids.ts';
import type { PurgeContext } from '../retention/purge.ts';
import type { AuditTrail } from '../storage/audit-trail.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Presigner } from '../storage/presigner.ts';

export interface UploadSettings {
  /** `proxy`: no part URL is ever handed out; recordings come through the service. */
  readonly mode: 'direct' | 'proxy';
  /** The size of every part but the last. */
  readonly partSizeBytes: number;
  readonly maxRecordingBytes: number;
  readonly partUrlTtlMs: number;
  readonly playbackUrlTtlMs: number;
  /** Base media types (`video/webm`) that may be recorded. */
  readonly contentTypes: ReadonlySet<string>;
}

export interface RecordingsContext extends PurgeContext {
  readonly store: ObjectStore;
  readonly presigner: Presigner;
  readonly audit: AuditTrail;
  readonly policy: RetentionPolicy;
  readonly uploads: UploadSettings;
  /** Manifests never change, so a part URL costs no store request; entries live shortly, because they can be deleted. */
  readonly manifests: LRUCache<string, Manifest>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
}

/** Who calls: taken from the token, never from the path or the body. */
export interface Caller {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly requestId: string;
}
