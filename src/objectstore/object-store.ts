// The ObjectStore port: what the service needs of a store, guarantee by guarantee. Every implementation passes one suite.
import type { StoredPart } from '../model/parts.ts';
import { StoreError } from './store-error.ts';

/** Store calls under way at once. */
export const STORE_CONCURRENCY = 32;

/**
 * Guarantees that every implementation gives, and on which the order of writes stands:
 *
 * - Strong consistency: a listing, GET or HEAD that begins after a write or delete was answered shows its effect.
 * - A call that was answered with an error may or may not have taken effect (a lost reply): callers repeat it.
 * - Every write is whole or not at all.
 * - Listings are in ascending order of the keys' UTF-8 bytes.
 * - Failures are thrown as `StoreError` and nothing else; "there is none" is `undefined` where a method says so.
 * - "There is none" is never taken from an answer that is refused, empty, cut short, or of something else than the store.
 * - Every listed item has what its type says, or the listing is `unavailable`. Only the time of a part, of an upload, or of
 *   the answer may be missing: NaN where the store sent none. A reader must treat it as "just now".
 */
export interface ObjectStore {
  /** Writes a small object, replacing any of that key. Safe to repeat. */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void>;

  /** The whole of a small object (at most `MAX_SMALL_OBJECT_BYTES`; a larger one is `StoreError` `too-large`). */
  get(key: string): Promise<Uint8Array | undefined>;

  /** The first `length` bytes of an object, fewer when it is shorter. */
  getStart(key: string, length: number): Promise<Uint8Array | undefined>;

  /**
   * `length` bytes of an object from `offset` on, fewer at its end, as they arrive and as they are asked for. Whoever stops
   * early ends the iteration, which closes the connection. A reader that is slow for long may find it lost: `unavailable`.
   */
  getRange(key: string, offset: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined>;

  /** One page of a listing. `storeTimeMs` is the store's own clock when it answered. */
  list(prefix: string, options?: ListOptions): Promise<ListPage>;

  /**
   * One page of all versions and delete markers under a prefix, latest first within a key. In a bucket that was never
   * versioned, the objects themselves.
   */
  listVersions(prefix: string, options?: { cursor?: string | undefined }): Promise<VersionPage>;

  /**
   * Whether the bucket keeps versions: enabled now, or suspended with old ones left. True also where that cannot be asked
   * but versions can be listed: then `listVersions` finds all there is.
   */
  isVersioned(): Promise<boolean>;

  /**
   * Deletes objects, or single versions where `versionId` is given; what is not there counts as deleted. Resolves with
   * what failed, key by key: one refused key stops no other. Any number of keys; the store sees them in batches.
   */
  delete(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]>;

  /**
   * Replaces the tags of an object. Never throws, and never touches an object of a store whose tagging does not work; the
   * first call tries it out on a throw-away key. False when the tags were not written, for whatever reason.
   */
  tag(key: string, tags: Readonly<Record<string, string>>): Promise<boolean>;

  /** The tags of an object; undefined when the store's tagging does not work, or there is no such object. */
  tags(key: string): Promise<Record<string, string> | undefined>;

  /** Opens an upload and returns its id. Each call opens another. */
  createMultipartUpload(key: string, options: PutOptions): Promise<string>;

  /** Stores one part and returns its ETag; a part of that number is replaced. @throws `no-such-upload` */
  uploadPart(key: string, uploadId: string, partNumber: number, body: Uint8Array): Promise<string>;

  /** All parts that the store has, in order of their numbers; undefined when there is no such upload. */
  listParts(key: string, uploadId: string): Promise<UploadedPart[] | undefined>;

  /**
   * Makes the parts one object, all at once. False when there is no such upload: it was completed or aborted before
   * (look whether the object is there; true again from a store that remembers the completion while it is, such as
   * Ceph RGW). @throws `invalid-parts` when a part is gone, was replaced, or is too small.
   */
  completeMultipartUpload(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<boolean>;

  /** Ends an upload and drops its parts; nothing happens when there is none. Parts in flight may survive it: repeat. */
  abortMultipartUpload(key: string, uploadId: string): Promise<void>;

  /** One page of the uploads that are open under a prefix. */
  listMultipartUploads(prefix: string, options?: { cursor?: string | undefined }): Promise<UploadPage>;
}

/** What `get` reads at most: the service's own documents are far smaller. */
export const MAX_SMALL_OBJECT_BYTES = 4 * 1024 * 1024;

export interface PutOptions {
  readonly contentType: string;
  readonly cacheControl?: string;
}

export interface ListOptions {
  /** Only keys after this one. */
  readonly startAfter?: string | undefined;
  /** At most this many, 1 to 1000 (default 1000). */
  readonly limit?: number;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** By the store's clock. */
  readonly lastModifiedMs: number;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly truncated: boolean;
  readonly storeTimeMs: number;
}

export interface ListedVersion extends ListedObject {
  /** In a bucket that was never versioned undefined or `null` (the word), as the store has it; `delete` takes either. */
  readonly versionId: string | undefined;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
}

export interface VersionPage {
  readonly versions: readonly ListedVersion[];
  readonly cursor: string | undefined;
  readonly storeTimeMs: number;
}

export interface DeleteTarget {
  readonly key: string;
  readonly versionId?: string | undefined;
}

export interface DeleteFailure extends DeleteTarget {
  readonly code: string;
}

export interface UploadedPart extends StoredPart {
  readonly lastModifiedMs: number;
}

export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
}

export interface UploadPage {
  readonly uploads: readonly OpenUpload[];
  readonly cursor: string | undefined;
  readonly storeTimeMs: number;
}

/** All objects under a prefix, page by page, as they are asked for. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
  startAfter?: string,
  onPage: (page: ListPage) => void = () => {},
): AsyncGenerator<ListedObject, void, undefined> {
  let after = startAfter;
  for (;;) {
    const page = await store.list(prefix, { startAfter: after });
    onPage(page);
    yield* page.objects;
    if (!page.truncated) return;
    after = page.objects.at(-1)?.key;
    if (after === undefined) throw new StoreError('unavailable', 'ListObjectsV2', 'CutShort');
  }
}

/** All open uploads under a prefix. */
export async function* listAllMultipartUploads(
  store: ObjectStore,
  prefix: string,
  onPage: (page: UploadPage) => void = () => {},
): AsyncGenerator<OpenUpload, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await store.listMultipartUploads(prefix, { cursor });
    onPage(page);
    yield* page.uploads;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
