// The ObjectStore port: what the service needs of a store, guarantee by guarantee. Every implementation passes one suite.
import type { RandomBytes } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import { meaningOf, StoreError } from './store-error.ts';

/** The number of concurrent store calls. */
export const STORE_CONCURRENCY = 32;

/**
 * Guarantees that every implementation gives, and on which the write protocol relies:
 *
 * - Strong consistency: a listing, GET or HEAD that begins after the response to a write or delete shows its effect.
 * - A call that failed may or may not have taken effect (a lost reply): callers repeat it.
 * - Every write is whole or not at all.
 * - Listings are in ascending order of the keys' UTF-8 bytes.
 * - Failures are thrown as `StoreError` and nothing else; "there is none" is `undefined` where a method says so.
 * - "There is none" is never concluded from a response that is refused, empty, cut short, or not from the store.
 * - Every listed item has what its type says, or the listing is `unavailable`. Only the time of a part, of an upload, or of
 *   the response may be missing: NaN where the store sent none. A reader must treat it as "just now".
 */
export interface ObjectStore {
  /** Writes a small object, replacing any of that key. Safe to repeat. */
  put(key: string, body: Uint8Array, options?: WriteOptions): Promise<void>;

  /** The whole of a small object (at most `MAX_SMALL_OBJECT_BYTES`; a larger one is `StoreError` `too-large`). */
  get(key: string): Promise<Uint8Array | undefined>;

  /** The first `length` bytes of an object, fewer when it is shorter. */
  getStart(key: string, length: number): Promise<Uint8Array | undefined>;

  /**
   * `length` bytes of an object from `offset` on, fewer at its end, as they arrive and as they are read. Ending the
   * iteration early closes the connection. The store may close it on a slow reader: `unavailable`.
   */
  getRange(key: string, offset: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined>;

  /** One page of a listing. `storeTimeMs` is the store's own clock when it responded. */
  list(prefix: string, options?: ListOptions): Promise<ListPage>;

  /**
   * One page of all versions and delete markers under a prefix, latest first within a key. In a bucket that was never
   * versioned, the objects themselves.
   */
  listVersions(prefix: string, options?: { cursor?: string | undefined }): Promise<VersionPage>;

  /**
   * Whether the bucket keeps versions: enabled now, or suspended with old ones left. True also where the setting cannot be
   * read but versions can be listed: `listVersions` then finds them all.
   */
  isVersioned(): Promise<boolean>;

  /**
   * Deletes objects, or single versions where `versionId` is given; what does not exist counts as deleted. Resolves with
   * what the store refused, key by key: one refused key stops no other. A caller that wants all or nothing uses
   * `deleteOrThrow`. Any number of keys; the store sees them in batches.
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

  /**
   * As `uploadPart`, for a body that arrives while it is sent: it is never held as a whole, and so is sent once, without
   * retries. When the body fails nothing is stored, and what it threw is thrown. @throws `incomplete-body` for a body that
   * has not exactly `sizeBytes`
   */
  streamPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: AsyncIterable<Uint8Array>,
    sizeBytes: number,
  ): Promise<string>;

  /** All parts that the store has, in order of their numbers; undefined when there is no such upload. */
  listParts(key: string, uploadId: string): Promise<UploadedPart[] | undefined>;

  /**
   * Makes the parts one object, all at once. False when there is no such upload: it was completed or aborted before
   * (check whether the object exists). Ceph RGW remembers a completion while the object exists: then true again.
   * @throws `invalid-parts` when a part is missing, was replaced, or is too small.
   */
  completeMultipartUpload(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<boolean>;

  /** Ends an upload and drops its parts; nothing happens when there is none. Parts in flight may survive it: repeat. */
  abortMultipartUpload(key: string, uploadId: string): Promise<void>;

  /** One page of the uploads that are open under a prefix. */
  listMultipartUploads(prefix: string, options?: { cursor?: string | undefined }): Promise<UploadPage>;
}

/** The bytes of a body, which must be exactly so many: it fails before an implementation can store any other. */
export async function* exactly(body: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  for await (const chunk of body) {
    receivedBytes += chunk.length;
    if (receivedBytes > sizeBytes) break;
    yield chunk;
  }
  if (receivedBytes !== sizeBytes) throw new StoreError('incomplete-body', 'UploadPart', 'IncompleteBody');
}

/** The most that `get` reads: the service's own documents are far smaller. */
export const MAX_SMALL_OBJECT_BYTES = 4 * 1024 * 1024;

export interface PutOptions {
  readonly contentType: string;
  readonly cacheControl?: string;
}

export interface WriteOptions extends Partial<PutOptions> {
  /**
   * It takes effect once at most: it is sent again only where the store has refused it. So once the object can be seen, no
   * more of this call comes. A lost reply fails the call. Default: false.
   */
  readonly once?: boolean;
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
  /** Changes with the content; how it is computed depends on the store. Undefined where the store lists none. */
  readonly etag?: string | undefined;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** There is another page; then this one is not empty. */
  readonly truncated: boolean;
  readonly storeTimeMs: number;
}

export interface ListedVersion extends ListedObject {
  /** In a bucket that was never versioned, undefined or the word `null`, depending on the store; `delete` takes either. */
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

/** All objects under a prefix, a page at a time, as they are consumed. */
export async function* listPages(
  store: ObjectStore,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<ListPage, void, undefined> {
  let after = startAfter;
  do {
    const page = await store.list(prefix, { startAfter: after });
    yield page;
    after = nextKey(page);
  } while (after !== undefined);
}

/** The key after which a listing continues; undefined at its end. */
export function nextKey({ objects, truncated }: ListPage): string | undefined {
  return truncated ? objects.at(-1)?.key : undefined;
}

/** All objects under a prefix. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<ListedObject, void, undefined> {
  for await (const page of listPages(store, prefix, startAfter)) yield* page.objects;
}

/** All open uploads under a prefix. */
export async function* listAllMultipartUploads(
  store: ObjectStore,
  prefix: string,
  onPage?: (page: UploadPage) => void,
): AsyncGenerator<OpenUpload, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await store.listMultipartUploads(prefix, { cursor });
    onPage?.(page);
    yield* page.uploads;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Deletes all targets. @throws StoreError with the code of the first key that the store refused; the others are deleted */
export async function deleteOrThrow(
  store: Pick<ObjectStore, 'delete'>,
  targets: readonly DeleteTarget[],
): Promise<void> {
  const [failure] = await store.delete(targets);
  if (failure) throw refusalOf(failure);
}

/** The operation is `DeleteObject`, also for a key that was refused in a batch. */
export function refusalOf({ code }: DeleteFailure): StoreError {
  return new StoreError(meaningOf(code) ?? 'unexpected', 'DeleteObject', code);
}

/** Parts in flight may survive an abort (S3 API, AbortMultipartUpload), so one may not be enough. */
const MAX_ABORTS = 5;

/**
 * Aborts an upload until ListParts says that there is no such upload: a listing of uploads proves nothing, because
 * some stores leave uploads out of it. Resolves with the bytes of the deleted parts. Safe to repeat, and to run twice at once.
 * `listed`: its parts, where the caller has just listed them. @throws StoreError; `UploadStaysOpen` when the store still lists
 * its parts
 */
export async function endUpload(
  store: ObjectStore,
  key: string,
  uploadId: string,
  listed?: readonly UploadedPart[],
): Promise<number> {
  const dropped = new Map<string, number>();
  let parts = listed ?? (await store.listParts(key, uploadId));
  for (let aborts = 0; parts; aborts += 1) {
    for (const { partNumber, etag, sizeBytes } of parts) dropped.set(`${partNumber} ${etag}`, sizeBytes);
    if (aborts === MAX_ABORTS) throw new StoreError('unexpected', 'AbortMultipartUpload', 'UploadStaysOpen');
    await store.abortMultipartUpload(key, uploadId);
    parts = await store.listParts(key, uploadId);
  }
  return [...dropped.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

export interface UploadListingTrial {
  readonly store: ObjectStore;
  readonly randomBytes: RandomBytes;
  readonly now: () => number;
  readonly settleMs: number;
}

/**
 * Whether the store lists open uploads by a folder (MinIO lists them by exact key alone): opens an upload under
 * `scratchPrefix`, searches a listing of its folder for it, and aborts it. Three requests. No trial lasts as long as
 * `settleMs`: an older upload was left by a trial that crashed, and is aborted. @throws StoreError
 */
export async function listsUploadsByFolder(trial: UploadListingTrial, scratchPrefix: string): Promise<boolean> {
  const { store, randomBytes, now, settleMs } = trial;
  const folder = `${scratchPrefix}upload-listing/`;
  const key = `${folder}${Buffer.from(randomBytes(16)).toString('hex')}/media`;
  const uploadId = await store.createMultipartUpload(key, { contentType: 'application/octet-stream' });
  try {
    const listed = await Array.fromAsync(listAllMultipartUploads(store, folder));
    for (const upload of listed) {
      if (now() - upload.initiatedMs > settleMs) await endUpload(store, upload.key, upload.uploadId);
    }
    return listed.some((upload) => upload.uploadId === uploadId);
  } finally {
    await store.abortMultipartUpload(key, uploadId);
  }
}
