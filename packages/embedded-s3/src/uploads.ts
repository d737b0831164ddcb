// The multipart uploads of a bucket: one record file per upload and per part, all of them in memory too.
import { createHash, randomBytes } from 'node:crypto';
import type { DataFiles } from './data-files.ts';
import { type Folder, replaceRecord } from './disk.ts';
import { S3Error } from './errors.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import type { Objects } from './objects.ts';
import {
  type ObjectRecord,
  type PartRecord,
  partFileName,
  type Records,
  type UploadRecord,
  uploadOfPart,
  uploadOfRecord,
} from './records.ts';
import { compareUtf8 } from './sorted-keys.ts';

/** All parts but the last: 5 MiB (S3 API, "Amazon S3 multipart upload limits"). */
const MIN_PART_BYTES = 5 * 1024 * 1024;
/** Of the time at the beginning of an upload's id, in hex. */
const TIME_LENGTH = 12;

export interface UploadFolders {
  readonly uploads: Folder;
  readonly parts: Folder;
  readonly temporary: Folder;
}

interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, PartRecord>;
  /** File names of parts that cannot be read. They are not listed, so a completion treats them as missing. */
  readonly unreadableParts: string[];
}

function initiatedOf(uploadId: string): number {
  return Number.parseInt(uploadId.slice(0, TIME_LENGTH), 16);
}

function newUpload(record: UploadRecord): Upload {
  return { record, parts: new Map(), unreadableParts: [] };
}

/** A part as CompleteMultipartUpload names it. */
export interface NamedPart {
  readonly partNumber: number;
  readonly etag: string;
}

export class Uploads {
  readonly #folders: UploadFolders;
  readonly #data: DataFiles;
  readonly #objects: Objects;
  readonly #uploads = new Map<string, Upload>();
  /** Uploads whose record cannot be read: they can only be listed by their id, and ended. */
  readonly #unreadable = new Map<string, Upload>();
  readonly #mutex = new KeyedMutex();

  constructor(
    folders: UploadFolders,
    data: DataFiles,
    objects: Objects,
    found: { uploads: Records<UploadRecord>; parts: Records<PartRecord> },
  ) {
    this.#folders = folders;
    this.#data = data;
    this.#objects = objects;
    for (const record of found.uploads.records) this.#uploads.set(record.uploadId, newUpload(record));
    for (const name of found.uploads.unreadable) {
      const uploadId = uploadOfRecord(name);
      this.#unreadable.set(uploadId, newUpload({ uploadId, key: '', headers: {}, initiated: initiatedOf(uploadId) }));
    }
    for (const part of found.parts.records) this.#known(part.uploadId)?.parts.set(part.partNumber, part);
    for (const name of found.parts.unreadable) this.#known(uploadOfPart(name))?.unreadableParts.push(name);
  }

  /** Starts an upload; durable when it returns. Ids sort by the time of their creation. */
  async create(key: string, headers: UploadRecord['headers'], initiated: number): Promise<UploadRecord> {
    const uploadId = initiated.toString(16).padStart(TIME_LENGTH, '0') + randomBytes(20).toString('hex');
    const record: UploadRecord = { uploadId, key, initiated, headers };
    await replaceRecord(this.#folders.uploads, `${uploadId}.json`, record, this.#folders.temporary);
    this.#uploads.set(uploadId, newUpload(record));
    await this.#folders.uploads.sync();
    return record;
  }

  /** @throws S3Error NoSuchUpload when it does not exist or has another key */
  get(uploadId: string, key: string): UploadRecord {
    return this.#find(uploadId, key).record;
  }

  /** The parts that arrived, by number. @throws S3Error NoSuchUpload */
  parts(uploadId: string, key: string): PartRecord[] {
    return [...this.#findAny(uploadId, key).parts.values()].sort((a, b) => a.partNumber - b.partNumber);
  }

  /** Whether the part is the one that is stored under its number. */
  holds(part: PartRecord): boolean {
    return this.#uploads.get(part.uploadId)?.parts.get(part.partNumber) === part;
  }

  /** Whether there are parts whose record cannot be read. */
  get hasUnreadableParts(): boolean {
    const all = [...this.#uploads.values(), ...this.#unreadable.values()];
    return all.some(({ unreadableParts }) => unreadableParts.length > 0);
  }

  /** Ends the uploads whose record cannot be read and that were started before then: their ids say when. */
  async removeUnreadable(beforeMs: number): Promise<void> {
    for (const [uploadId, upload] of this.#unreadable) {
      if (upload.record.initiated < beforeMs)
        await this.#mutex.run(uploadId, () => this.#end(upload, [...upload.parts.values()]));
    }
  }

  /** The uploads in progress, by key (in byte order) and id. */
  list(): UploadRecord[] {
    return [...this.#uploads.values()]
      .map(({ record }) => record)
      .sort((a, b) => compareUtf8(a.key, b.key) || compareUtf8(a.uploadId, b.uploadId));
  }

  /**
   * Adds a part whose bytes are on disk, replacing an earlier one of that number; durable when it returns.
   * @throws S3Error NoSuchUpload when the upload ended while the bytes arrived; the caller must remove them
   */
  async putPart(key: string, part: PartRecord): Promise<void> {
    await this.#mutex.run(part.uploadId, async () => {
      const upload = this.#find(part.uploadId, key);
      const earlier = upload.parts.get(part.partNumber);
      const { parts, temporary } = this.#folders;
      await replaceRecord(parts, partFileName(part.uploadId, part.partNumber), part, temporary);
      upload.parts.set(part.partNumber, part);
      await parts.sync();
      await this.#data.remove(earlier?.segments ?? []);
    });
  }

  /**
   * Makes the object out of the named parts without copying a byte: its record lists their files. The object's record
   * is written first; after a crash before the upload's removal, the next start removes it.
   * @throws S3Error NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall, and those of Objects.put
   */
  async complete(uploadId: string, key: string, named: NamedPart[], lastModified: number): Promise<ObjectRecord> {
    return this.#mutex.run(uploadId, async () => {
      const upload = this.#find(uploadId, key);
      const chosen = choose(upload.parts, named);
      const record: ObjectRecord = {
        key,
        etag: multipartEtag(chosen),
        sizeBytes: chosen.reduce((sum, part) => sum + part.sizeBytes, 0),
        lastModified,
        headers: upload.record.headers,
        tags: [],
        segments: chosen.flatMap((part) => part.segments),
        uploadId,
      };
      await this.#objects.put(record);
      const kept = new Set(chosen);
      await this.#end(
        upload,
        [...upload.parts.values()].filter((part) => !kept.has(part)),
      );
      return record;
    });
  }

  /** Ends the upload and deletes its parts. @throws S3Error NoSuchUpload */
  async abort(uploadId: string, key: string): Promise<void> {
    await this.#mutex.run(uploadId, async () => {
      const upload = this.#findAny(uploadId, key);
      await this.#end(upload, [...upload.parts.values()]);
    });
  }

  #find(uploadId: string, key: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload?.record.key !== key) throw new S3Error('NoSuchUpload');
    return upload;
  }

  /** Also one whose record, and so its key, cannot be read. @throws S3Error NoSuchUpload */
  #findAny(uploadId: string, key: string): Upload {
    return this.#unreadable.get(uploadId) ?? this.#find(uploadId, key);
  }

  #known(uploadId = ''): Upload | undefined {
    return this.#uploads.get(uploadId) ?? this.#unreadable.get(uploadId);
  }

  /** The removal of the upload's record ends it; parts without one are removed at the next start. */
  async #end({ record, parts, unreadableParts }: Upload, dropped: PartRecord[]): Promise<void> {
    await this.#folders.uploads.remove(`${record.uploadId}.json`);
    this.#uploads.delete(record.uploadId);
    this.#unreadable.delete(record.uploadId);
    await this.#folders.uploads.sync();
    for (const name of unreadableParts) await this.#folders.parts.remove(name);
    for (const partNumber of parts.keys()) await this.#folders.parts.remove(partFileName(record.uploadId, partNumber));
    for (const part of dropped) await this.#data.remove(part.segments);
  }
}

function choose(parts: ReadonlyMap<number, PartRecord>, named: NamedPart[]): PartRecord[] {
  const chosen: PartRecord[] = [];
  let previous = 0;
  for (const { partNumber, etag } of named) {
    if (partNumber <= previous) throw new S3Error('InvalidPartOrder');
    previous = partNumber;
    const part = parts.get(partNumber);
    if (part?.etag !== etag) throw new S3Error('InvalidPart');
    chosen.push(part);
  }
  if (chosen.slice(0, -1).some((part) => part.sizeBytes < MIN_PART_BYTES)) throw new S3Error('EntityTooSmall');
  return chosen;
}

/** S3's form: the MD5 of the parts' binary MD5s, and their number. */
function multipartEtag(parts: PartRecord[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part.etag, 'hex');
  return `${hash.digest('hex')}-${parts.length}`;
}
