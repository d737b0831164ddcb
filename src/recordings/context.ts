// What every use case is given: the store, the clock, the rules. Nothing here is global, so that a test can set the time.
import type { LRUCache } from 'lru-cache';
import type { AuditTrail } from '../bucket/audit-trail.ts';
import type { Manifest } from '../bucket/documents.ts';
import type { DetectedContainer } from '../model/container.ts';
import { type RecordingRef, recordingId } from '../model/ids.ts';
import type { Presigner } from '../objectstore/presigner.ts';
import type { ExportPlaces } from './export-places.ts';
import type { FinalizeContext, Finalized } from './finalize.ts';
import type { ProxiedUploads } from './proxied-uploads.ts';
import type { PurgeContext } from './purge.ts';

export interface UploadSettings {
  /** `proxy`: no part URL is ever presigned; parts and files come through the service. */
  readonly mode: 'direct' | 'proxy';
  /** The size of every part but the last. */
  readonly partSizeBytes: number;
  readonly maxRecordingBytes: number;
  /** The largest request with a whole file: proxies in front of the service have limits of their own. */
  readonly maxContentBytes: number;
  readonly partUrlTtlMs: number;
  readonly playbackUrlTtlMs: number;
  /** Base media types (`video/webm`) that may be recorded, in lower case. */
  readonly contentTypes: ReadonlySet<string>;
}

export interface RecordingsContext extends FinalizeContext, PurgeContext {
  readonly presigner: Presigner;
  readonly audit: AuditTrail;
  readonly uploads: UploadSettings;
  readonly proxiedUploads: ProxiedUploads;
  readonly exportPlaces: ExportPlaces;
  /** Of the service, as reports name it. */
  readonly version: string;
  /** Manifests never change, so a part URL costs no store request; entries live shortly, because they can be deleted. */
  readonly manifestCache: LRUCache<string, Manifest>;
  /** What stored media are by their content, where it is known; it never changes either. */
  readonly containerCache: LRUCache<string, { readonly container: DetectedContainer | null }>;
  /**
   * Manifests of recordings that accepted parts a moment ago. Bounds the cost of part URLs, and how long a replica may
   * presign for a recording that another one has just deleted.
   */
  readonly openUploadCache: LRUCache<string, Promise<Manifest>>;
  /** Gets what is counted: what happened, and how often. Must not throw. */
  readonly onEvent?: (event: CountedEvent, count: number) => void;
}

/** A count without ids. */
export type CountedEvent =
  | 'recording-created'
  | 'recording-stored'
  | 'recording-unrecognized'
  /** On request, after its deadline. */
  | 'recording-deleted-late'
  | 'part-url'
  | 'link-issued'
  | 'link-refused';

/** Who calls: taken from the token, never from the path or the body. */
export interface Caller {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly requestId: string;
}

export function forget(context: RecordingsContext, ref: RecordingRef): void {
  context.manifestCache.delete(recordingId(ref));
  context.containerCache.delete(recordingId(ref));
  context.openUploadCache.delete(recordingId(ref));
}

/** Remembers what a completion has found out, and tells an operator of bytes that nobody may be able to play. */
export function noteContent(context: RecordingsContext, ref: RecordingRef, finalized: Finalized): void {
  if (finalized.result !== 'stored' || !finalized.found) return;
  context.containerCache.set(recordingId(ref), { container: finalized.found });
  if (finalized.found === 'unrecognized') context.onEvent?.('recording-unrecognized', 1);
}
