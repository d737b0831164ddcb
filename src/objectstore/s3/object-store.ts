// The ObjectStore port on an S3-compatible store.
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { DOCTOR_PREFIX } from '../../bucket/layout.ts';
import type { StoredPart } from '../../model/parts.ts';
import { isDispensable } from '../needs.ts';
import {
  type DeleteFailure,
  type DeleteTarget,
  type ListedVersion,
  type ListOptions,
  type ListPage,
  listAllMultipartUploads,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
  type OpenUpload,
  type PutOptions,
  type UploadedPart,
  type UploadPage,
  type VersionPage,
} from '../object-store.ts';
import { isStoreError, isUnreadable, StoreError } from '../store-error.ts';
import {
  byKeyThenLatest,
  bytesInRange,
  calling,
  chunksOf,
  cutShort,
  discard,
  goesOn,
  needed,
  readCursor,
  timeOf,
  tooLarge,
  unreadable,
  withoutRepeats,
  writeCursor,
} from './answers.ts';
import { type S3Settings, storeTimeOf } from './client.ts';
import { Deletion } from './deletion.ts';
import { isBare404, isMissing, storeCodeOf } from './errors.ts';
import { Tagging } from './tagging.ts';

const DEFAULT_CONTENT_TYPE = 'application/json';

/** Told once when the store turns out to lack something that the service can do without. */
export type OnNotice = (notice: 'store-has-no-tagging' | 'store-has-no-batch-delete') => void;

export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #keyPrefix: string;
  readonly #deletion: Deletion;
  readonly #tagging: Tagging;

  constructor(client: S3Client, settings: Pick<S3Settings, 'bucket' | 'keyPrefix'>, onNotice: OnNotice = () => {}) {
    this.#client = client;
    this.#bucket = settings.bucket;
    this.#keyPrefix = settings.keyPrefix;
    const at = (key: string) => this.#at(key);
    this.#deletion = new Deletion({ client, at, onMissing: () => onNotice('store-has-no-batch-delete') });
    this.#tagging = new Tagging({ client, at, store: this, onMissing: () => onNotice('store-has-no-tagging') });
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#keyPrefix + key };
  }

  /** A listing that names other keys than were asked for is none. */
  #keyOf(operation: string, prefix: string, storedKey = ''): string {
    if (!storedKey.startsWith(this.#keyPrefix + prefix)) throw unreadable(operation);
    return storedKey.slice(this.#keyPrefix.length);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = { contentType: DEFAULT_CONTENT_TYPE }): Promise<void> {
    await calling('PutObject', () =>
      this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: body, ...headersOf(options) })),
    );
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key);
  }

  getStart(key: string, length: number): Promise<Uint8Array | undefined> {
    return this.#read(key, length);
  }

  async getRange(key: string, offset: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#reading(key, chunksOf([]), async () => {
      const output = await this.#get(key, { offset, length });
      return chunksOf(output.Body as AsyncIterable<Uint8Array>, output.announced);
    });
  }

  async #read(key: string, length?: number): Promise<Uint8Array | undefined> {
    return this.#reading(key, new Uint8Array(), async () => {
      const output = await this.#get(key, length === undefined ? undefined : { offset: 0, length });
      if ((output.ContentLength ?? 0) > MAX_SMALL_OBJECT_BYTES) {
        discard(output);
        throw tooLarge();
      }
      const body = (await output.Body?.transformToByteArray()) ?? new Uint8Array();
      // A proxy between may have dropped the length.
      if (body.length > MAX_SMALL_OBJECT_BYTES) throw tooLarge();
      if (body.length < output.announced) throw cutShort('GetObject');
      return body;
    });
  }

  async #get(
    key: string,
    range?: { offset: number; length: number },
  ): Promise<GetObjectCommandOutput & { announced: number }> {
    const Range = range && `bytes=${range.offset}-${range.offset + range.length - 1}`;
    const output = await this.#client.send(new GetObjectCommand({ ...this.#at(key), Range }));
    try {
      return { ...output, announced: range ? bytesInRange(output, range.offset) : 0 };
    } catch (error) {
      discard(output);
      throw error;
    }
  }

  /** Undefined when there is no such object, and `empty` when it ends before the range begins. */
  async #reading<T>(key: string, empty: T, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await calling('GetObject', read);
    } catch (error) {
      const { cause } = error as StoreError;
      if (isMissing(cause)) return undefined;
      if (storeCodeOf(cause) === 'InvalidRange') return empty;
      // A 404 that is not in the store's words counts when a listing says so too.
      if (isBare404(cause) && (await this.list(key, { limit: 1 })).objects.length === 0) return undefined;
      throw error;
    }
  }

  async list(prefix: string, { startAfter, limit }: ListOptions = {}): Promise<ListPage> {
    const operation = 'ListObjectsV2';
    const output = await calling(operation, () =>
      this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#keyPrefix + prefix,
          StartAfter: startAfter === undefined ? undefined : this.#keyPrefix + startAfter,
          MaxKeys: limit,
        }),
      ),
    );
    const objects = (output.Contents ?? []).map((object) => ({
      key: this.#keyOf(operation, prefix, object.Key),
      sizeBytes: needed(operation, object.Size),
      lastModifiedMs: timeOf(needed(operation, object.LastModified)),
    }));
    // A store that ignores where to start would be asked for the same page without end.
    if (startAfter !== undefined && objects.some(({ key }) => key === startAfter)) throw unreadable(operation);
    const isTruncated = output.IsTruncated ?? output.NextContinuationToken !== undefined;
    const truncated = goesOn(operation, isTruncated, objects.length > 0);
    return { objects, truncated, storeTimeMs: storeTimeOf(output) };
  }

  async listVersions(prefix: string, { cursor }: { cursor?: string | undefined } = {}): Promise<VersionPage> {
    const operation = 'ListObjectVersions';
    const from = readCursor(cursor);
    const output = await calling(operation, () =>
      this.#client.send(
        new ListObjectVersionsCommand({
          Bucket: this.#bucket,
          Prefix: this.#keyPrefix + prefix,
          KeyMarker: from.key,
          VersionIdMarker: from.id,
        }),
      ),
    );
    const listed = [
      ...(output.Versions ?? []).map((version) => ({ ...version, isDeleteMarker: false })),
      ...(output.DeleteMarkers ?? []).map((marker) => ({ ...marker, Size: 0, isDeleteMarker: true })),
    ].map((version) => ({
      key: this.#keyOf(operation, prefix, version.Key),
      sizeBytes: needed(operation, version.Size),
      lastModifiedMs: timeOf(needed(operation, version.LastModified)),
      versionId: version.VersionId,
      isLatest: needed(operation, version.IsLatest),
      isDeleteMarker: version.isDeleteMarker,
    }));
    const nameOf = (version: ListedVersion) => JSON.stringify([version.key, version.versionId, version.isDeleteMarker]);
    const versions = withoutRepeats(listed, nameOf, from.last);
    // The SDK parses versions and delete markers into two lists, which loses the order between them.
    versions.sort(byKeyThenLatest);
    const { NextKeyMarker: key, NextVersionIdMarker: id } = output;
    // By the key alone the next page would leave out what is left of that key's versions.
    const leadsOn = Boolean(key) && id !== undefined && !(key === from.key && id === from.id);
    const last = versions.at(-1);
    const isLast = !goesOn(operation, output.IsTruncated ?? Boolean(key), leadsOn);
    return {
      versions,
      cursor: isLast ? undefined : writeCursor({ key, id, last: last && nameOf(last) }),
      storeTimeMs: storeTimeOf(output),
    };
  }

  async isVersioned(): Promise<boolean> {
    try {
      const output = await calling('GetBucketVersioning', () =>
        this.#client.send(new GetBucketVersioningCommand({ Bucket: this.#bucket })),
      );
      const status: string | undefined = output.Status;
      if (status === undefined || status === 'Enabled' || status === 'Suspended') return status !== undefined;
      // A word that is not of S3, such as `Disabled`, says nothing.
      return this.#hasVersions(new StoreError('not-implemented', 'GetBucketVersioning', 'UnknownStatus'));
    } catch (error) {
      if (!isDispensable(error)) throw error;
      return this.#hasVersions(error);
    }
  }

  /** Where versions can be listed, a deletion by them leaves nothing; where nobody knows them, there are none. */
  async #hasVersions(refusal: unknown): Promise<boolean> {
    try {
      await calling('ListObjectVersions', () =>
        this.#client.send(new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: this.#keyPrefix, MaxKeys: 1 })),
      );
      return true;
    } catch (error) {
      if (isStoreError(error, 'unavailable') && !isUnreadable(error)) throw error;
      if (isStoreError(refusal, 'not-implemented') && isStoreError(error, 'not-implemented')) return false;
      throw refusal;
    }
  }

  delete(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    return this.#deletion.delete(targets);
  }

  tag(key: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    return this.#tagging.tag(key, tags);
  }

  tags(key: string): Promise<Record<string, string> | undefined> {
    return this.#tagging.tags(key);
  }

  async createMultipartUpload(key: string, options: PutOptions): Promise<string> {
    const output = await calling('CreateMultipartUpload', () =>
      this.#client.send(new CreateMultipartUploadCommand({ ...this.#at(key), ...headersOf(options) })),
    );
    if (!output.UploadId) throw new StoreError('unavailable', 'CreateMultipartUpload', 'NoUploadId');
    return output.UploadId;
  }

  async uploadPart(key: string, uploadId: string, partNumber: number, body: Uint8Array): Promise<string> {
    const operation = 'UploadPart';
    try {
      const { ETag } = await calling(operation, () =>
        this.#client.send(
          new UploadPartCommand({ ...this.#at(key), UploadId: uploadId, PartNumber: partNumber, Body: body }),
        ),
      );
      if (ETag) return ETag;
    } catch (error) {
      if (!(await this.#isGone(key, uploadId, error))) throw error;
      throw new StoreError('no-such-upload', operation, 'NoSuchUpload', { cause: error });
    }
    // Some stores tell it only in the listing.
    const part = (await this.listParts(key, uploadId))?.find((stored) => stored.partNumber === partNumber);
    return needed(operation, part?.etag);
  }

  async listParts(key: string, uploadId: string): Promise<UploadedPart[] | undefined> {
    const operation = 'ListParts';
    const parts: UploadedPart[] = [];
    let marker: string | undefined;
    do {
      try {
        const output = await calling(operation, () =>
          this.#client.send(new ListPartsCommand({ ...this.#at(key), UploadId: uploadId, PartNumberMarker: marker })),
        );
        for (const part of output.Parts ?? []) {
          parts.push({
            partNumber: needed(operation, part.PartNumber),
            sizeBytes: needed(operation, part.Size),
            etag: needed(operation, part.ETag),
            lastModifiedMs: timeOf(part.LastModified),
          });
        }
        const next = output.NextPartNumberMarker;
        const leadsOn = Number(next ?? 0) > Number(marker ?? 0);
        marker = goesOn(operation, output.IsTruncated, leadsOn) ? next : undefined;
      } catch (error) {
        if (await this.#isGone(key, uploadId, error)) return undefined;
        throw error;
      }
    } while (marker !== undefined);
    return latestOfEach(parts);
  }

  /**
   * Whether an upload operation failed because there is no such upload. A 404 that is not in the store's words, such as a
   * proxy's page, counts only when the listing of the key's uploads lacks it too, on a store that was seen to list one so.
   */
  async #isGone(key: string, uploadId: string, error: unknown): Promise<boolean> {
    if (isStoreError(error, 'no-such-upload')) return true;
    if (!isBare404(error) || (await this.#lists(key, uploadId))) return false;
    const trialKey = `${DOCTOR_PREFIX}upload-listing/${crypto.randomUUID()}/media`;
    const trialId = await this.createMultipartUpload(trialKey, { contentType: DEFAULT_CONTENT_TYPE });
    try {
      return await this.#lists(trialKey, trialId);
    } finally {
      await calling('AbortMultipartUpload', () =>
        this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(trialKey), UploadId: trialId })),
      );
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
      await calling('CompleteMultipartUpload', () =>
        this.#client.send(
          new CompleteMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId, MultipartUpload: { Parts } }),
        ),
      );
      return true;
    } catch (error) {
      if (await this.#isGone(key, uploadId, error)) return false;
      // Ceph RGW says InternalError ("already in progress") of an upload that is gone (measured on 16.2).
      const maybeGone = isStoreError(error) && error.storeCode === 'InternalError';
      if (maybeGone && !(await this.listParts(key, uploadId))) return false;
      throw error;
    }
  }

  async abortMultipartUpload(key: string, uploadId: string): Promise<void> {
    try {
      await calling('AbortMultipartUpload', () =>
        this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId })),
      );
    } catch (error) {
      if (!(await this.#isGone(key, uploadId, error))) throw error;
    }
  }

  async listMultipartUploads(prefix: string, { cursor }: { cursor?: string | undefined } = {}): Promise<UploadPage> {
    const operation = 'ListMultipartUploads';
    const from = readCursor(cursor);
    const ask = (UploadIdMarker?: string) =>
      calling(operation, () =>
        this.#client.send(
          new ListMultipartUploadsCommand({
            Bucket: this.#bucket,
            Prefix: this.#keyPrefix + prefix,
            KeyMarker: from.key,
            UploadIdMarker,
          }),
        ),
      );
    // versitygw 1.8 refuses its own marker. The service opens one upload of a key, so the key alone leads on as well.
    const output = await ask(from.id).catch((error: unknown) => {
      if (from.id === undefined || !isStoreError(error, 'unexpected')) throw error;
      return ask();
    });
    const listed = (output.Uploads ?? []).map((upload) => ({
      key: this.#keyOf(operation, prefix, upload.Key),
      uploadId: needed(operation, upload.UploadId),
      initiatedMs: timeOf(upload.Initiated),
    }));
    const nameOf = (upload: OpenUpload) => JSON.stringify([upload.key, upload.uploadId]);
    const uploads = withoutRepeats(listed, nameOf, from.last);
    const { NextKeyMarker: key, NextUploadIdMarker } = output;
    const id = NextUploadIdMarker || undefined;
    const leadsOn = Boolean(key) && !(key === from.key && id === from.id);
    const last = uploads.at(-1);
    const isLast = !goesOn(operation, output.IsTruncated ?? Boolean(key), leadsOn);
    return {
      uploads,
      cursor: isLast ? undefined : writeCursor({ key, id, last: last && nameOf(last) }),
      storeTimeMs: storeTimeOf(output),
    };
  }
}

/** SeaweedFS 4.48 lists a part that was replaced beside the one that replaced it. */
function latestOfEach(parts: readonly UploadedPart[]): UploadedPart[] {
  const latest = new Map<number, UploadedPart>();
  for (const part of parts) {
    const known = latest.get(part.partNumber);
    if (!known || !(known.lastModifiedMs > part.lastModifiedMs)) latest.set(part.partNumber, part);
  }
  return [...latest.values()];
}

function headersOf(options: PutOptions): { ContentType: string; CacheControl?: string } {
  return options.cacheControl
    ? { ContentType: options.contentType, CacheControl: options.cacheControl }
    : { ContentType: options.contentType };
}
