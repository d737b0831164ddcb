// The objects of a bucket: an index in memory over one record file per object.
import type { DataFiles } from './data-files.ts';
import { type Folder, replaceRecord } from './disk.ts';
import { S3Error } from './errors.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { type ObjectRecord, objectFileName, type Records, type Tag } from './records.ts';
import { SortedKeys } from './sorted-keys.ts';

export class Objects {
  readonly #folder: Folder;
  readonly #temporary: Folder;
  readonly #data: DataFiles;
  readonly #records: Map<string, ObjectRecord>;
  /** File names of records that cannot be read. Their objects are neither listed nor gone. */
  readonly #unreadable: Set<string>;
  readonly #mutex = new KeyedMutex();
  /** All keys, in listing order. */
  readonly keys: SortedKeys;

  constructor(folder: Folder, temporary: Folder, data: DataFiles, found: Records<ObjectRecord>) {
    this.#folder = folder;
    this.#temporary = temporary;
    this.#data = data;
    this.#records = new Map(found.records.map((record) => [record.key, record]));
    this.#unreadable = new Set(found.unreadable);
    this.keys = new SortedKeys(this.#records.keys());
  }

  find(key: string): ObjectRecord | undefined {
    return this.#records.get(key);
  }

  /** Whether there are records that cannot be read. */
  get hasUnreadable(): boolean {
    return this.#unreadable.size > 0;
  }

  /** Deletes the records that cannot be read and were written before then, by the clock of the file system. */
  async removeUnreadable(beforeMs: number): Promise<void> {
    for (const name of this.#unreadable) {
      if ((await this.#folder.writtenMs(name)) >= beforeMs) continue;
      await this.#folder.remove(name);
      this.#unreadable.delete(name);
    }
  }

  /** @throws S3Error NoSuchKey; InternalError for an object whose record cannot be read: it is not gone */
  get(key: string): ObjectRecord {
    const record = this.#records.get(key);
    if (record) return record;
    throw new S3Error(this.#unreadable.has(objectFileName(key)) ? 'InternalError' : 'NoSuchKey');
  }

  /**
   * Puts the object, replacing any earlier one of that key; durable when it returns. Its data files must be on disk.
   * When it throws before the record is written, the earlier object stays, and the caller must remove the data files.
   * @throws S3Error PreconditionFailed when the key exists and must not be replaced
   */
  async put(record: ObjectRecord, { onlyIfAbsent = false } = {}): Promise<void> {
    await this.#mutex.run(record.key, async () => {
      const earlier = this.#records.get(record.key);
      if (onlyIfAbsent && earlier !== undefined) throw new S3Error('PreconditionFailed');
      await this.#place(record);
      // A CompleteMultipartUpload that is repeated after a failure puts the same files again.
      const current = new Set(record.segments.map((segment) => segment.file));
      await this.#data.remove((earlier?.segments ?? []).filter((segment) => !current.has(segment.file)));
    });
  }

  /** Deletes the object and its bytes; safe when there is none. */
  async delete(key: string): Promise<void> {
    await this.#mutex.run(key, async () => {
      const record = this.#records.get(key);
      const name = objectFileName(key);
      if (record === undefined && !this.#unreadable.has(name)) return;
      await this.#folder.remove(name);
      this.#unreadable.delete(name);
      this.#records.delete(key);
      this.keys.delete(key);
      await this.#folder.sync();
      await this.#data.remove(record?.segments ?? []);
    });
  }

  /** Replaces the tags; the time of the last modification stays. @throws S3Error NoSuchKey */
  async setTags(key: string, tags: Tag[]): Promise<void> {
    await this.#mutex.run(key, async () => {
      await this.#place({ ...this.get(key), tags });
    });
  }

  async #place(record: ObjectRecord): Promise<void> {
    await replaceRecord(this.#folder, objectFileName(record.key), record, this.#temporary);
    this.#unreadable.delete(objectFileName(record.key));
    this.#records.set(record.key, record);
    this.keys.add(record.key);
    await this.#folder.sync();
  }
}
