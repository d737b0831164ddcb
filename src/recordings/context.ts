// What every use case is given: the store, the clock, the rules. Nothing here is global, so that a test can turn time.
import type { LRUCache } from 'lru-cache';
import type { AuditTrail } from '../bucket/audit-trail.ts';
import type { Manifest } from '../bucket/documents.ts';
import type { RandomBytes } from '../model/ids.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import type { Presigner } from '../objectstore/presigner.ts';
import type { ContentUploads } from './content-uploads.ts';
import type { PurgeContext } from './purging.ts';

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
  /** How long before its deadline the sweeper deletes a recording. */
  readonly leadMs: number;
  readonly uploads: UploadSettings;
  readonly contentUploads: ContentUploads;
  /** Manifests never change, so a part URL costs no store request; entries live shortly, because they can be deleted. */
  readonly manifests: LRUCache<string, Manifest>;
  /**
   * Manifests of recordings that were seen to take parts a moment ago: what bounds the cost of part URLs, and how long a
   * replica may sign for a recording that another one has just deleted.
   */
  readonly takingParts: LRUCache<string, Promise<Manifest>>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** Told of what is counted: what happened, and how often. Must not throw. */
  readonly onEvent?: (event: RecordingEvent, count: number) => void;
}

/** A count names nobody. */
export type RecordingEvent = 'recording-created' | 'recording-stored' | 'part-url' | 'link-issued' | 'link-refused';

/** Who calls: taken from the token, never from the path or the body. */
export interface Caller {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly requestId: string;
}
