// What every use case is given: the store, the clock, the rules. Nothing here is global, so that a test can set the time.
import type { LRUCache } from 'lru-cache';
import type { AuditTrail } from '../bucket/audit-trail.ts';
import type { Manifest, StoredMarker } from '../bucket/documents.ts';
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
  /** Manifests never change. */
  readonly manifestCache: LRUCache<string, Manifest>;
  /** What the marker `stored` says; it never changes either. */
  readonly contentCache: LRUCache<string, StoredContent>;
  /**
   * Recordings that accepted parts when this process saw them last: part URLs of them cost no store request. An upload id
   * never changes, and the store refuses the URLs of an upload that another replica has ended.
   */
  readonly openUploadCache: LRUCache<string, Promise<OpenRecording>>;
  /** Gets what is counted: what happened, and how often. Must not throw. */
  readonly onEvent?: (event: CountedEvent, count: number) => void;
}

/** What a completion has found out about the media. */
export interface StoredContent {
  /** What they are by their content; null where it is not known. */
  readonly container: DetectedContainer | null;
  /** Undefined where the date of the marker counts. */
  readonly storedAtMs: number | undefined;
}

/** A recording that accepts parts. */
export interface OpenRecording {
  readonly manifest: Manifest;
  /** An assessment may have made it earlier since. */
  readonly deadlineMs: number;
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
  context.contentCache.delete(recordingId(ref));
  context.openUploadCache.delete(recordingId(ref));
}

export function rememberOpenUpload(context: RecordingsContext, ref: RecordingRef, open: OpenRecording): void {
  context.manifestCache.set(recordingId(ref), open.manifest);
  context.openUploadCache.set(recordingId(ref), Promise.resolve(open));
}

export function contentOf({ container, storedAt }: StoredMarker): StoredContent {
  const storedAtMs = storedAt === undefined ? undefined : Date.parse(storedAt);
  return { container: container ?? null, storedAtMs };
}

/** Remembers what a completion has found out, and tells an operator of bytes that nobody may be able to play. */
export function noteContent(context: RecordingsContext, ref: RecordingRef, finalized: Finalized): void {
  if (finalized.result !== 'stored' || !finalized.marker) return;
  context.contentCache.set(recordingId(ref), contentOf(finalized.marker));
  if (finalized.marker.container === 'unrecognized') context.onEvent?.('recording-unrecognized', 1);
}
