// The ObjectStore port on an S3-compatible store.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { StoredPart } from '../../domain/parts.ts';
import {
  type DeleteFailure,
  type DeleteTarget,
  type ListOptions,
  type ListPage,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
  type PutOptions,
  type UploadedPart,
  type UploadPage,
  type VersionPage,
} from '../object-store.ts';
import { isStoreError, StoreError } from '../store-error.ts';
import {
  byKeyThenLatest,
  bytesInRange,
  calling,
  chunksOf,
  cutShort,
  listing,
  readCursor,
  timeOf,
  tooLarge,
  writeCursor,
} from './answers.ts';
import { type S3Settings, storeTimeOf } from './client.ts';
import { isMissing, storeCodeOf } from './errors.ts';

/** The most keys of one DeleteObjects (S3 API). */
const DELETE_BATCH = 1000;
/** What a deletion may be answered with when there is nothing to delete. */
const GONE: readonly string[] = ['NoSuchKey', 'NoSuchVersion', 'NotFound'];
const TAG_ATTEMPTS = 8;
const TAG_PAUSE_MS = 50;
const DEFAULT_CONTENT_TYPE = 'application/json';

/** Told once when the store turns out to lack something that the service can do without. */
export type OnNotice = (notice: 'store-has-no-tagging' | 'store-has-no-batch-delete') => void;

export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #keyPrefix: string;
  readonly #onNotice: OnNotice;
  #hasTagging = true;
  #hasBatchDelete = true;

  constructor(client: S3Client, settings: Pick<S3Settings, 'bucket' | 'keyPrefix'>, onNotice: OnNotice = () => {}) {
    this.#client = client;
    this.#bucket = settings.bucket;
    this.#keyPrefix = settings.keyPrefix;
    this.#onNotice = onNotice;
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#keyPrefix + key };
  }

  #keyOf(storedKey: string | undefined): string {
    return (storedKey ?? '').slice(this.#keyPrefix.length);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = { contentType: DEFAULT_CONTENT_TYPE }): Promise<void> {
    await calling('PutObject', () =>
      this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: body, ...headersOf(options) })),
    );
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key, undefined);
  }

  getStart(key: string, length: number): Promise<Uint8Array | undefined> {
    return this.#read(key, `bytes=0-${length - 1}`);
  }

  async getRange(key: string, offset: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    return calling('GetObject', async () => {
      try {
        const Range = `bytes=${offset}-${offset + length - 1}`;
        const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#at(key), Range }));
        return chunksOf(Body as AsyncIterable<Uint8Array>);
      } catch (error) {
        if (isMissing(error)) return undefined;
        if (storeCodeOf(error) === 'InvalidRange') return chunksOf([]);
        throw error;
      }
    });
  }

  async #read(key: string, range: string | undefined): Promise<Uint8Array | undefined> {
    return calling('GetObject', async () => {
      try {
        const output = await this.#client.send(new GetObjectCommand({ ...this.#at(key), Range: range }));
        if ((output.ContentLength ?? 0) > MAX_SMALL_OBJECT_BYTES) {
          (output.Body as { destroy?: () => void } | undefined)?.destroy?.();
          throw tooLarge();
        }
        const body = (await output.Body?.transformToByteArray()) ?? new Uint8Array();
        // A proxy between may have dropped the length.
        if (body.length > MAX_SMALL_OBJECT_BYTES) throw tooLarge();
        if (body.length < bytesInRange(output.ContentRange)) throw cutShort('GetObject');
        return body;
      } catch (error) {
        if (isMissing(error)) return undefined;
        if (storeCodeOf(error) === 'InvalidRange') return new Uint8Array();
        throw error;
      }
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    const output = await listing('ListObjectsV2', () =>
      this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#keyPrefix + prefix,
          StartAfter: options.startAfter === undefined ? undefined : this.#keyPrefix + options.startAfter,
          MaxKeys: options.limit,
        }),
      ),
    );
    const objects = (output.Contents ?? []).map((object) => ({
      key: this.#keyOf(object.Key),
      sizeBytes: object.Size ?? 0,
      lastModifiedMs: timeOf(object.LastModified),
    }));
    return { objects, truncated: output.IsTruncated === true, storeTimeMs: storeTimeOf(output) };
  }

  async listVersions(prefix: string, options: { cursor?: string | undefined } = {}): Promise<VersionPage> {
    const [KeyMarker, VersionIdMarker] = readCursor(options.cursor);
    const output = await listing('ListObjectVersions', () =>
      this.#client.send(
        new ListObjectVersionsCommand({
          Bucket: this.#bucket,
          Prefix: this.#keyPrefix + prefix,
          KeyMarker,
          VersionIdMarker,
        }),
      ),
    );
    const versions = [
      ...(output.Versions ?? []).map((version) => ({ ...version, isDeleteMarker: false })),
      ...(output.DeleteMarkers ?? []).map((marker) => ({ ...marker, Size: 0, isDeleteMarker: true })),
    ].map((version) => ({
      key: this.#keyOf(version.Key),
      sizeBytes: version.Size ?? 0,
      lastModifiedMs: timeOf(version.LastModified),
      versionId: version.VersionId,
      isLatest: version.IsLatest === true,
      isDeleteMarker: version.isDeleteMarker,
    }));
    // The SDK parses versions and delete markers into two lists, which loses the order between them.
    versions.sort(byKeyThenLatest);
    const cursor = output.IsTruncated ? writeCursor(output.NextKeyMarker, output.NextVersionIdMarker) : undefined;
    return { versions, cursor, storeTimeMs: storeTimeOf(output) };
  }

  async isVersioned(): Promise<boolean> {
    try {
      const output = await calling('GetBucketVersioning', () =>
        this.#client.send(new GetBucketVersioningCommand({ Bucket: this.#bucket })),
      );
      return output.Status !== undefined;
    } catch (error) {
      if (isStoreError(error, 'not-implemented')) return false;
      throw error;
    }
  }

  async delete(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (let from = 0; from < targets.length; from += DELETE_BATCH) {
      const batch = targets.slice(from, from + DELETE_BATCH);
      failures.push(...(this.#hasBatchDelete ? await this.#deleteBatch(batch) : await this.#deleteEach(batch)));
    }
    return failures;
  }

  async #deleteBatch(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    try {
      const output = await calling('DeleteObjects', () =>
        this.#client.send(
          new DeleteObjectsCommand({
            Bucket: this.#bucket,
            Delete: {
              Quiet: true,
              Objects: targets.map(({ key, versionId }) => ({ Key: this.#keyPrefix + key, VersionId: versionId })),
            },
          }),
        ),
      );
      return (output.Errors ?? [])
        .filter(({ Code = '' }) => !GONE.includes(Code))
        .map(({ Key, VersionId, Code }) => ({ key: this.#keyOf(Key), versionId: VersionId, code: Code ?? 'Unknown' }));
    } catch (error) {
      // Ceph RGW refuses a whole batch for one key that XML cannot carry, such as \u0001 (measured on 16.2).
      if (isStoreError(error, 'unexpected')) return this.#deleteEach(targets);
      if (!isStoreError(error, 'not-implemented')) throw error;
      this.#hasBatchDelete = false;
      this.#onNotice('store-has-no-batch-delete');
      return this.#deleteEach(targets);
    }
  }

  async #deleteEach(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (const target of targets) {
      try {
        await calling('DeleteObject', () =>
          this.#client.send(new DeleteObjectCommand({ ...this.#at(target.key), VersionId: target.versionId })),
        );
      } catch (error) {
        if (!isStoreError(error) || error.code === 'unavailable') throw error;
        if (!GONE.includes(error.storeCode)) failures.push({ ...target, code: error.storeCode });
      }
    }
    return failures;
  }

  async tag(key: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    if (!this.#hasTagging) return false;
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const done = await this.#tagging('PutObjectTagging', () =>
      this.#client.send(new PutObjectTaggingCommand({ ...this.#at(key), Tagging: { TagSet } })),
    );
    return done !== undefined;
  }

  async tags(key: string): Promise<Record<string, string> | undefined> {
    if (!this.#hasTagging) return undefined;
    const output = await this.#tagging('GetObjectTagging', () =>
      this.#client.send(new GetObjectTaggingCommand(this.#at(key))),
    );
    return output && Object.fromEntries((output.TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
  }

  async #tagging<T>(operation: string, call: () => Promise<T>, attempt = 1): Promise<T | undefined> {
    try {
      return await calling(operation, call);
    } catch (error) {
      // Ceph answers 409 to the second of two calls that tag one object at once.
      if (isStoreError(error) && error.storeCode === 'OperationAborted' && attempt < TAG_ATTEMPTS) {
        await sleep(Math.random() * TAG_PAUSE_MS * attempt);
        return this.#tagging(operation, call, attempt + 1);
      }
      if (isStoreError(error) && isMissing(error.cause)) return undefined;
      if (!isStoreError(error, 'not-implemented')) throw error;
      this.#hasTagging = false;
      this.#onNotice('store-has-no-tagging');
      return undefined;
    }
  }

  async createMultipartUpload(key: string, options: PutOptions): Promise<string> {
    const output = await calling('CreateMultipartUpload', () =>
      this.#client.send(new CreateMultipartUploadCommand({ ...this.#at(key), ...headersOf(options) })),
    );
    if (!output.UploadId) throw new StoreError('unavailable', 'CreateMultipartUpload', 'NoUploadId');
    return output.UploadId;
  }

  async uploadPart(key: string, uploadId: string, partNumber: number, body: Uint8Array): Promise<string> {
    const output = await calling('UploadPart', () =>
      this.#client.send(
        new UploadPartCommand({ ...this.#at(key), UploadId: uploadId, PartNumber: partNumber, Body: body }),
      ),
    );
    return output.ETag ?? '';
  }

  async listParts(key: string, uploadId: string): Promise<UploadedPart[] | undefined> {
    const parts: UploadedPart[] = [];
    let marker: string | undefined;
    do {
      try {
        const output = await listing('ListParts', () =>
          this.#client.send(new ListPartsCommand({ ...this.#at(key), UploadId: uploadId, PartNumberMarker: marker })),
        );
        for (const part of output.Parts ?? []) {
          parts.push({
            partNumber: part.PartNumber ?? 0,
            sizeBytes: part.Size ?? 0,
            etag: part.ETag ?? '',
            lastModifiedMs: timeOf(part.LastModified),
          });
        }
        marker = output.IsTruncated ? output.NextPartNumberMarker : undefined;
      } catch (error) {
        if (isStoreError(error, 'no-such-upload')) return undefined;
        throw error;
      }
    } while (marker !== undefined);
    return parts;
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
      if (isStoreError(error, 'no-such-upload')) return false;
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
      if (!isStoreError(error, 'no-such-upload')) throw error;
    }
  }

  async listMultipartUploads(prefix: string, options: { cursor?: string | undefined } = {}): Promise<UploadPage> {
    const [KeyMarker, UploadIdMarker] = readCursor(options.cursor);
    const output = await listing('ListMultipartUploads', () =>
      this.#client.send(
        new ListMultipartUploadsCommand({
          Bucket: this.#bucket,
          Prefix: this.#keyPrefix + prefix,
          KeyMarker,
          UploadIdMarker,
        }),
      ),
    );
    const uploads = (output.Uploads ?? []).map((upload) => ({
      key: this.#keyOf(upload.Key),
      uploadId: upload.UploadId ?? '',
      initiatedMs: timeOf(upload.Initiated),
    }));
    const cursor = output.IsTruncated ? writeCursor(output.NextKeyMarker, output.NextUploadIdMarker) : undefined;
    return { uploads, cursor, storeTimeMs: storeTimeOf(output) };
  }
}

function headersOf(options: PutOptions): { ContentType: string; CacheControl?: string } {
  return options.cacheControl
    ? { ContentType: options.contentType, CacheControl: options.cacheControl }
    : { ContentType: options.contentType };
}
