// The ObjectStore port on an S3-compatible store: objects, listings, deletion, uploads. Tags are in tagging.ts.
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  type UploadPartCommandInput,
} from '@aws-sdk/client-s3';
import pMap from 'p-map';
import type { StoredPart } from '../../model/parts.ts';
import { isDispensable } from '../needs.ts';
import {
  type DeleteFailure,
  type DeleteTarget,
  exactly,
  type ListedVersion,
  type ListOptions,
  type ListPage,
  listAllMultipartUploads,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
  type OpenUpload,
  type PutOptions,
  STORE_CONCURRENCY,
  type UploadedPart,
  type UploadPage,
  type VersionPage,
  type WriteOptions,
} from '../object-store.ts';
import { isStoreError, isUndecided, StoreError } from '../store-error.ts';
import { type S3Settings, storeTimeOf } from './client.ts';
import {
  bytesInRange,
  chunksOf,
  goesOn,
  isBare404,
  isMissing,
  storeCodeOf,
  unreadable,
  wholeItems,
} from './responses.ts';
import { sentOnce } from './sent-once.ts';
import { taggingOn } from './tagging.ts';

const DEFAULT_CONTENT_TYPE = 'application/json';

/** The most keys of one DeleteObjects (S3 API). */
const DELETE_BATCH = 1000;
/** The store's codes for a deletion of what does not exist. */
const NOTHING_TO_DELETE: readonly string[] = ['NoSuchKey', 'NoSuchVersion', 'NotFound'];

/** The store lacks an optional capability. */
export type StoreNotice = 'store-has-no-tagging' | 'store-has-no-batch-delete';

export interface BucketPlace extends Pick<S3Settings, 'bucket' | 'keyPrefix'> {
  /** The adapter tries out what the store does with throw-away keys under this prefix. */
  readonly scratchPrefix: string;
}

export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #keyPrefix: string;
  readonly #scratchPrefix: string;
  readonly #onNotice: (notice: StoreNotice) => void;
  readonly tag: ObjectStore['tag'];
  readonly tags: ObjectStore['tags'];
  #hasBatchDelete = true;

  /** `onNotice` is called at most once for each notice. */
  constructor(client: S3Client, place: BucketPlace, onNotice: (notice: StoreNotice) => void = () => {}) {
    this.#client = client;
    this.#bucket = place.bucket;
    this.#keyPrefix = place.keyPrefix;
    this.#scratchPrefix = place.scratchPrefix;
    this.#onNotice = onNotice;
    const at = (key: string) => this.#at(key);
    const onMissing = () => onNotice('store-has-no-tagging');
    const tagging = taggingOn({ client, at, store: this, scratchPrefix: place.scratchPrefix, onMissing });
    this.tag = tagging.tag;
    this.tags = tagging.tags;
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#keyPrefix + key };
  }

  /** A listing with keys outside of the requested prefix is unreadable. */
  #keyOf(operation: string, prefix: string, storedKey: string): string {
    if (!storedKey.startsWith(this.#keyPrefix + prefix)) throw unreadable(operation);
    return storedKey.slice(this.#keyPrefix.length);
  }

  async put(key: string, body: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const { contentType: ContentType = DEFAULT_CONTENT_TYPE, cacheControl: CacheControl, once = false } = options;
    const command = new PutObjectCommand({ ...this.#at(key), Body: body, ContentType, CacheControl });
    await sentOnce(once, () => this.#client.send(command));
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key);
  }

  getStart(key: string, length: number): Promise<Uint8Array | undefined> {
    return this.#read(key, 0, length);
  }

  async #read(key: string, offset?: number, length?: number): Promise<Uint8Array | undefined> {
    const chunks = await this.getRange(key, offset, length);
    if (!chunks) return undefined;
    const body: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of chunks) {
      body.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_SMALL_OBJECT_BYTES) throw new StoreError('too-large', 'GetObject', 'TooLarge');
    }
    return Buffer.concat(body);
  }

  /** Without a length the whole object. Empty when the object ends before the range begins. */
  async getRange(key: string, offset = 0, length?: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    const Range = length === undefined ? undefined : `bytes=${offset}-${offset + length - 1}`;
    try {
      const output = await this.#client.send(new GetObjectCommand({ ...this.#at(key), Range }));
      return chunksOf(output.Body as AsyncIterable<Uint8Array>, Range === undefined ? 0 : bytesInRange(output, offset));
    } catch (error) {
      const { cause } = error as StoreError;
      if (isMissing(cause)) return undefined;
      if (storeCodeOf(cause) === 'InvalidRange') return chunksOf([]);
      // A 404 without a code of S3 counts when a listing shows no such object either.
      if (isBare404(error) && (await this.list(key, { limit: 1 })).objects.length === 0) return undefined;
      throw error;
    }
  }

  async list(prefix: string, { startAfter, limit }: ListOptions = {}): Promise<ListPage> {
    const operation = 'ListObjectsV2';
    const output = await this.#client.send(
      new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#keyPrefix + prefix,
        StartAfter: startAfter === undefined ? undefined : this.#keyPrefix + startAfter,
        MaxKeys: limit,
      }),
    );
    const objects = wholeItems(operation, output.Contents, 'Key', 'Size', 'LastModified').map((object) => ({
      key: this.#keyOf(operation, prefix, object.Key),
      sizeBytes: object.Size,
      lastModifiedMs: object.LastModified.getTime(),
      etag: object.ETag,
    }));
    // A store that ignores StartAfter would send the same page again and again.
    if (startAfter !== undefined && objects.some(({ key }) => key === startAfter)) throw unreadable(operation);
    const isTruncated = output.IsTruncated ?? output.NextContinuationToken !== undefined;
    const truncated = goesOn(operation, isTruncated, objects.length > 0);
    return { objects, truncated, storeTimeMs: storeTimeOf(output) };
  }

  async listVersions(prefix: string, { cursor }: { cursor?: string | undefined } = {}): Promise<VersionPage> {
    const operation = 'ListObjectVersions';
    const from = JSON.parse(cursor ?? '{}') as Cursor;
    const output = await this.#client.send(
      new ListObjectVersionsCommand({
        Bucket: this.#bucket,
        Prefix: this.#keyPrefix + prefix,
        KeyMarker: from.key,
        VersionIdMarker: from.id,
      }),
    );
    const listed = [
      ...(output.Versions ?? []).map((version) => ({ ...version, isDeleteMarker: false })),
      ...(output.DeleteMarkers ?? []).map((marker) => ({ ...marker, Size: 0, ETag: undefined, isDeleteMarker: true })),
    ];
    const versions = wholeItems(operation, listed, 'Key', 'Size', 'LastModified', 'IsLatest').map((version) => ({
      key: this.#keyOf(operation, prefix, version.Key),
      sizeBytes: version.Size,
      lastModifiedMs: version.LastModified.getTime(),
      etag: version.ETag,
      versionId: version.VersionId,
      isLatest: version.IsLatest,
      isDeleteMarker: version.isDeleteMarker,
    }));
    // The SDK parses versions and delete markers into two lists, which loses the order between them.
    versions.sort(byKeyThenLatest);
    const nameOf = (version: ListedVersion) => JSON.stringify([version.key, version.versionId, version.isDeleteMarker]);
    const { NextKeyMarker: key, NextVersionIdMarker: id, IsTruncated: isTruncated = Boolean(key) } = output;
    // With the key alone the next page would leave out the rest of that key's versions.
    const next = id === undefined ? {} : { key, id };
    const { items, cursor: nextCursor } = pageOf(operation, versions, nameOf, { from, next, isTruncated });
    return { versions: items, cursor: nextCursor, storeTimeMs: storeTimeOf(output) };
  }

  async isVersioned(): Promise<boolean> {
    try {
      const output = await this.#client.send(new GetBucketVersioningCommand({ Bucket: this.#bucket }));
      const status: string | undefined = output.Status;
      if (status === undefined || status === 'Enabled' || status === 'Suspended') return status !== undefined;
      // A status that S3 does not define, such as `Disabled`, proves nothing.
      return this.#hasVersions(new StoreError('not-implemented', 'GetBucketVersioning', 'UnknownStatus'));
    } catch (error) {
      if (!isDispensable(error)) throw error;
      return this.#hasVersions(error);
    }
  }

  /** Where versions can be listed, deleting them leaves nothing; where neither operation is known, there are none. */
  async #hasVersions(refusal: unknown): Promise<boolean> {
    try {
      await this.#client.send(
        new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: this.#keyPrefix, MaxKeys: 1 }),
      );
      return true;
    } catch (error) {
      if (isUndecided(error)) throw error;
      if (isStoreError(refusal, 'not-implemented') && isStoreError(error, 'not-implemented')) return false;
      throw refusal;
    }
  }

  /** By DeleteObjects where the store has it and allows it, else key by key. */
  async delete(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (let from = 0; from < targets.length; from += DELETE_BATCH) {
      const batch = targets.slice(from, from + DELETE_BATCH);
      failures.push(...((this.#hasBatchDelete && (await this.#deleteBatch(batch))) || (await this.#deleteEach(batch))));
    }
    return failures;
  }

  /** Undefined: the store did not say which keys it deleted. */
  async #deleteBatch(targets: readonly DeleteTarget[]): Promise<DeleteFailure[] | undefined> {
    const Objects = targets.map(({ key, versionId }) => ({ Key: this.#keyPrefix + key, VersionId: versionId }));
    try {
      const { Errors = [] } = await this.#client.send(
        new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Quiet: true, Objects } }),
      );
      const failures: DeleteFailure[] = [];
      for (const { Key, VersionId: versionId, Code: code = 'Unknown' } of Errors) {
        if (Key === undefined || !Objects.some((object) => object.Key === Key)) return undefined;
        const key = Key.slice(this.#keyPrefix.length);
        if (!NOTHING_TO_DELETE.includes(code)) failures.push({ key, versionId, code });
      }
      return failures;
    } catch (error) {
      if (isStoreError(error, 'not-implemented')) {
        this.#hasBatchDelete = false;
        this.#onNotice('store-has-no-batch-delete');
        return undefined;
      }
      // Ceph RGW refuses a whole batch for one key that XML cannot carry, such as \u0001 (measured on 16.2). And a policy
      // may allow the one operation and not the other.
      if (isDispensable(error) && !isStoreError(error, 'no-such-bucket')) return undefined;
      throw error;
    }
  }

  /** Several at once. After an error that is not about a key alone, no more are sent, and those that were are waited for. */
  async #deleteEach(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    const errors: unknown[] = [];
    const deleteOne = async (target: DeleteTarget) => {
      if (errors.length > 0) return;
      try {
        await this.#client.send(new DeleteObjectCommand({ ...this.#at(target.key), VersionId: target.versionId }));
      } catch (error) {
        if (!isStoreError(error) || error.code === 'unavailable') errors.push(error);
        else if (!NOTHING_TO_DELETE.includes(error.storeCode)) failures.push({ ...target, code: error.storeCode });
      }
    };
    await pMap(targets, deleteOne, { concurrency: STORE_CONCURRENCY });
    if (errors.length > 0) throw errors[0];
    return failures;
  }

  async createMultipartUpload(key: string, options: PutOptions): Promise<string> {
    const { contentType: ContentType, cacheControl: CacheControl } = options;
    const { UploadId } = await this.#client.send(
      new CreateMultipartUploadCommand({ ...this.#at(key), ContentType, CacheControl }),
    );
    if (!UploadId) throw new StoreError('unavailable', 'CreateMultipartUpload', 'NoUploadId');
    return UploadId;
  }

  uploadPart(key: string, uploadId: string, partNumber: number, body: Uint8Array): Promise<string> {
    return this.#sendPart(key, uploadId, partNumber, { Body: body });
  }

  async streamPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: AsyncIterable<Uint8Array>,
    sizeBytes: number,
  ): Promise<string> {
    // The SDK retries no stream, and signs it as UNSIGNED-PAYLOAD, as in the part URLs. It does not notice when it fails.
    const stream = Readable.from(exactly(body, sizeBytes), { objectMode: false });
    const stop = new AbortController();
    let failure: { readonly cause: unknown } | undefined;
    stream.once('error', (cause) => {
      failure = { cause };
      stop.abort();
    });
    try {
      return await this.#sendPart(key, uploadId, partNumber, { Body: stream, ContentLength: sizeBytes }, stop.signal);
    } catch (error) {
      throw failure ? failure.cause : error;
    } finally {
      // The store responded before it had all: its connection still waits for the rest.
      if (!stream.readableEnded) stop.abort();
      stream.destroy();
    }
  }

  async #sendPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Pick<UploadPartCommandInput, 'Body' | 'ContentLength'>,
    abortSignal?: AbortSignal,
  ): Promise<string> {
    try {
      const { ETag } = await this.#client.send(
        new UploadPartCommand({ ...this.#at(key), UploadId: uploadId, PartNumber: partNumber, ...body }),
        { ...(abortSignal && { abortSignal }) },
      );
      if (ETag) return ETag;
    } catch (error) {
      if (!(await this.#isGone(key, uploadId, error))) throw error;
      throw new StoreError('no-such-upload', 'UploadPart', 'NoSuchUpload', { cause: error });
    }
    // Some stores give the ETag only in the listing.
    const part = (await this.listParts(key, uploadId))?.find((stored) => stored.partNumber === partNumber);
    if (!part) throw unreadable('UploadPart');
    return part.etag;
  }

  async listParts(key: string, uploadId: string): Promise<UploadedPart[] | undefined> {
    const operation = 'ListParts';
    const parts = new Map<number, UploadedPart>();
    let marker: string | undefined;
    try {
      do {
        const output = await this.#client.send(
          new ListPartsCommand({ ...this.#at(key), UploadId: uploadId, PartNumberMarker: marker }),
        );
        for (const part of wholeItems(operation, output.Parts, 'PartNumber', 'Size', 'ETag')) {
          const { PartNumber: partNumber, Size: sizeBytes, ETag: etag } = part;
          const lastModifiedMs = part.LastModified?.getTime() ?? Number.NaN;
          // SeaweedFS 4.48 lists a part that was replaced beside the one that replaced it.
          const known = parts.get(partNumber);
          const isReplaced = known !== undefined && known.lastModifiedMs > lastModifiedMs;
          if (!isReplaced) parts.set(partNumber, { partNumber, sizeBytes, etag, lastModifiedMs });
        }
        const next = output.NextPartNumberMarker;
        const leadsOn = Number(next ?? 0) > Number(marker ?? 0);
        marker = goesOn(operation, output.IsTruncated, leadsOn) ? next : undefined;
      } while (marker !== undefined);
    } catch (error) {
      if (await this.#isGone(key, uploadId, error)) return undefined;
      throw error;
    }
    return [...parts.values()];
  }

  /**
   * Whether an upload operation failed because there is no such upload. A 404 without a code of S3, such as a proxy's page,
   * counts only when the listing of the key's uploads lacks the upload too, on a store that was seen to list one so.
   */
  async #isGone(key: string, uploadId: string, error: unknown): Promise<boolean> {
    if (isStoreError(error, 'no-such-upload')) return true;
    if (!isBare404(error) || (await this.#lists(key, uploadId))) return false;
    const trialKey = `${this.#scratchPrefix}upload-listing/${crypto.randomUUID()}/media`;
    const trialId = await this.createMultipartUpload(trialKey, { contentType: DEFAULT_CONTENT_TYPE });
    try {
      return await this.#lists(trialKey, trialId);
    } finally {
      await this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(trialKey), UploadId: trialId }));
    }
  }

  async #lists(key: string, uploadId: string): Promise<boolean> {
    for await (const open of listAllMultipartUploads(this, key)) {
      if (open.key === key && open.uploadId === uploadId) return true;
    }
    return false;
  }

  async completeMultipartUpload(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<boolean> {
    const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }));
    try {
      await this.#client.send(
        new CompleteMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId, MultipartUpload: { Parts } }),
      );
      return true;
    } catch (error) {
      if (await this.#isGone(key, uploadId, error)) return false;
      // Ceph RGW responds with InternalError ("already in progress") for an upload that has ended (measured on 16.2).
      const maybeGone = isStoreError(error) && error.storeCode === 'InternalError';
      if (maybeGone && !(await this.listParts(key, uploadId))) return false;
      throw error;
    }
  }

  async abortMultipartUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId }));
    } catch (error) {
      if (!(await this.#isGone(key, uploadId, error))) throw error;
    }
  }

  async listMultipartUploads(prefix: string, { cursor }: { cursor?: string | undefined } = {}): Promise<UploadPage> {
    const operation = 'ListMultipartUploads';
    const from = JSON.parse(cursor ?? '{}') as Cursor;
    const request = { Bucket: this.#bucket, Prefix: this.#keyPrefix + prefix, KeyMarker: from.key };
    const response = this.#client.send(new ListMultipartUploadsCommand({ ...request, UploadIdMarker: from.id }));
    // versitygw 1.8 refuses its own marker. The service opens one upload of a key, so the key alone is enough to continue.
    const output = await response.catch((error: unknown) => {
      if (from.id === undefined || !isStoreError(error, 'unexpected')) throw error;
      return this.#client.send(new ListMultipartUploadsCommand(request));
    });
    const uploads = wholeItems(operation, output.Uploads, 'Key', 'UploadId').map((upload) => ({
      key: this.#keyOf(operation, prefix, upload.Key),
      uploadId: upload.UploadId,
      initiatedMs: upload.Initiated?.getTime() ?? Number.NaN,
    }));
    const nameOf = (upload: OpenUpload) => JSON.stringify([upload.key, upload.uploadId]);
    const { NextKeyMarker: key, NextUploadIdMarker: id, IsTruncated: isTruncated = Boolean(key) } = output;
    const next = { key, id: id || undefined };
    const { items, cursor: nextCursor } = pageOf(operation, uploads, nameOf, { from, next, isTruncated });
    return { uploads: items, cursor: nextCursor, storeTimeMs: storeTimeOf(output) };
  }
}

/** By key; within a key the latest first, then by the store's times, then as the store listed them. */
function byKeyThenLatest(a: ListedVersion, b: ListedVersion): number {
  return (
    Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) ||
    Number(b.isLatest) - Number(a.isLatest) ||
    b.lastModifiedMs - a.lastModifiedMs
  );
}

/** Where a page begins, and the last item of the one before it: some stores begin with that again (versitygw 1.8). */
interface Cursor {
  readonly key?: string | undefined;
  readonly id?: string | undefined;
  readonly last?: string | undefined;
}

/**
 * Each item once, and not the last one of the page before. No cursor on the last page.
 * @throws StoreError when a truncated listing has no cursor, or the cursor of the same page
 */
function pageOf<T>(
  operation: string,
  listed: readonly T[],
  nameOf: (item: T) => string,
  { from, next, isTruncated }: { readonly from: Cursor; readonly next: Cursor; readonly isTruncated: boolean },
): { items: T[]; cursor: string | undefined } {
  const items = new Map(listed.map((item) => [nameOf(item), item]));
  const last = [...items.keys()].at(-1);
  if (from.last !== undefined) items.delete(from.last);
  const leadsOn = Boolean(next.key) && !(next.key === from.key && next.id === from.id);
  const cursor = goesOn(operation, isTruncated, leadsOn) ? JSON.stringify({ ...next, last }) : undefined;
  return { items: [...items.values()], cursor };
}
