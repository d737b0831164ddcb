// The bucket on disk: its layout, how it is opened after a stop or a crash, and its settings.
//
//   {dataDir}/lock.sqlite                  locked by the process that uses the folder
//   {dataDir}/{bucket}/reserve             room for deletions on a full disk (disk-space.ts)
//   {dataDir}/{bucket}/settings.json       creation date, CORS and lifecycle documents
//   {dataDir}/{bucket}/objects/{sha256 of the key}.json    one record per object, with its key and its data files
//   {dataDir}/{bucket}/uploads/{uploadId}.json             one record per multipart upload
//   {dataDir}/{bucket}/parts/{uploadId}.{number}.json      one record per part
//   {dataDir}/{bucket}/data/{unique}       bytes of an object or part; written once, never changed
//   {dataDir}/{bucket}/temporary/{unique}  records before they are renamed
//
// No key ever becomes a path, so `..`, case, Unicode forms and long segments are all harmless; only hashes and random
// hex do. A record gets its final name after its data is durable, so the two become visible together. Completing an
// upload moves no bytes. Listings come from a sorted index in memory, rebuilt at the start from the records (about
// 1 s for 100,000 objects); the cost is memory, some 0.5 KB per object.
//
// One damaged file stops nothing else. A record that cannot be read stays where it is, until its object is replaced or
// deleted; until then the object is an error, not absent. Its bytes cannot be told from those of interrupted writes: they
// are deleted with the last such record, or when they are as old as anything may be.
import { join } from 'node:path';
import { parseCorsRules } from './cors.ts';
import type { Damage } from './damage.ts';
import { DataFiles } from './data-files.ts';
import { Folder, replaceRecord, UNIQUE_NAME, type Writer } from './disk.ts';
import { DiskSpace, type FreeBytes } from './disk-space.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { Objects } from './objects.ts';
import {
  isTime,
  OBJECTS,
  type ObjectRecord,
  PARTS,
  type PartRecord,
  partFileName,
  type Records,
  readJson,
  readRecords,
  UPLOADS,
  type UploadRecord,
  uploadOfPart,
  uploadOfRecord,
} from './records.ts';
import { Uploads } from './uploads.ts';

/** XML documents are kept as they were sent. */
export interface BucketSettings {
  readonly created: number;
  readonly cors?: string;
  readonly lifecycle?: string;
}

export interface OpenBucketOptions {
  readonly dataDir: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The age at which bytes are deleted that may belong to a record that cannot be read. */
  readonly keepUnknownMs: number;
  readonly onDamage: (damage: Damage) => void;
  readonly writer: Writer;
  readonly freeBytes: FreeBytes;
}

const SETTINGS = 'settings.json';

export class Bucket {
  readonly name: string;
  readonly data: DataFiles;
  readonly objects: Objects;
  readonly uploads: Uploads;
  readonly space: DiskSpace;
  #settings: BucketSettings;
  readonly #folders: Folders;
  readonly #keepUnknownMs: number;
  readonly #mutex = new KeyedMutex();

  private constructor(
    { name, keepUnknownMs }: OpenBucketOptions,
    folders: Folders,
    space: DiskSpace,
    { settings, ...contents }: Contents & { readonly settings: BucketSettings },
  ) {
    this.name = name;
    this.space = space;
    this.#keepUnknownMs = keepUnknownMs;
    this.#folders = folders;
    this.#settings = settings;
    this.data = new DataFiles(folders.data);
    this.objects = new Objects(folders.objects, folders.temporary, this.data, contents.objects);
    this.uploads = new Uploads(folders, this.data, this.objects, contents);
  }

  /**
   * Opens the bucket, making it when it is new, and removes the leftovers of a crash. The folder must be locked.
   * What cannot be read is reported, and stops nothing else.
   */
  static async open(options: OpenBucketOptions): Promise<Bucket> {
    const folders = await openFolders(join(options.dataDir, options.name), options.writer);
    const drafts = await folders.temporary.names();
    for (const name of drafts.filter((draft) => UNIQUE_NAME.test(draft))) await folders.temporary.remove(name);
    const settings = await readSettings(folders, options.now);
    const contents = await recover(folders);
    const space = await DiskSpace.open(folders.root, options.freeBytes, options.now);
    const bucket = new Bucket(options, folders, space, { ...contents, settings: settings ?? { created: options.now } });
    const { objects, uploads, parts } = contents;
    const records = [...objects.records, ...parts.records];
    const referenced = new Set(records.flatMap((record) => record.segments.map((segment) => segment.file)));
    const foreignData = await bucket.data.sweep(referenced, { keep: bucket.#hasUnreadable });
    await bucket.removeOrphans(options.now);
    const damage: Damage = {
      unreadable: [
        ...(settings ? [] : [folders.root.file(SETTINGS)]),
        ...objects.unreadable.map((name) => folders.objects.file(name)),
        ...uploads.unreadable.map((name) => folders.uploads.file(name)),
        ...parts.unreadable.map((name) => folders.parts.file(name)),
      ],
      foreign: [
        ...objects.foreign.map((name) => folders.objects.file(name)),
        ...uploads.foreign.map((name) => folders.uploads.file(name)),
        ...parts.foreign.map((name) => folders.parts.file(name)),
        ...foreignData.map((name) => folders.data.file(name)),
        ...drafts.filter((draft) => !UNIQUE_NAME.test(draft)).map((name) => folders.temporary.file(name)),
      ],
    };
    if (damage.unreadable.length + damage.foreign.length > 0) options.onDamage(damage);
    return bucket;
  }

  get #hasUnreadable(): boolean {
    return this.objects.hasUnreadable || this.uploads.hasUnreadableParts;
  }

  /** Removes what cannot be read once it is too old, and bytes that may have belonged to it: with the last of it, or then. */
  async removeOrphans(now: number): Promise<void> {
    const beforeMs = now - this.#keepUnknownMs;
    await this.objects.removeUnreadable(beforeMs);
    await this.uploads.removeUnreadable(beforeMs);
    await this.data.removeOrphans(this.#hasUnreadable ? beforeMs : Number.POSITIVE_INFINITY);
  }

  get settings(): Readonly<BucketSettings> {
    return this.#settings;
  }

  /** Changes the settings; durable when it returns. */
  async changeSettings(change: Partial<BucketSettings>): Promise<void> {
    await this.#mutex.run(SETTINGS, async () => {
      const next = { ...this.#settings, ...change };
      await this.space.forUploads(() => replaceRecord(this.#folders.root, SETTINGS, next, this.#folders.temporary));
      this.#settings = next;
      await this.#folders.root.sync();
    });
  }

  /** To be called when no request is running any more. */
  async close(): Promise<void> {
    for (const folder of Object.values<Folder>({ ...this.#folders })) await folder.close();
  }
}

interface Folders {
  readonly root: Folder;
  readonly objects: Folder;
  readonly uploads: Folder;
  readonly parts: Folder;
  readonly data: Folder;
  readonly temporary: Folder;
}

interface Contents {
  readonly objects: Records<ObjectRecord>;
  readonly uploads: Records<UploadRecord>;
  readonly parts: Records<PartRecord>;
}

async function openFolders(path: string, writer: Writer): Promise<Folders> {
  const inside = async (name: string) => await Folder.open(join(path, name), writer);
  const folders = {
    root: await Folder.open(path, writer),
    objects: await inside('objects'),
    uploads: await inside('uploads'),
    parts: await inside('parts'),
    data: await inside('data'),
    temporary: await inside('temporary'),
  };
  await folders.root.sync();
  return folders;
}

/** Undefined where they cannot be read. */
async function readSettings({ root, temporary }: Folders, now: number): Promise<BucketSettings | undefined> {
  if ((await root.names()).includes(SETTINGS)) {
    const settings = readJson(root.file(SETTINGS));
    return settings && isSettings(settings) ? settings : undefined;
  }
  const settings = { created: now };
  await replaceRecord(root, SETTINGS, settings, temporary);
  await root.sync();
  return settings;
}

function isSettings(value: object): value is BucketSettings {
  const { created, cors, lifecycle } = value as { readonly [name in keyof BucketSettings]: unknown };
  if (!isTime(created) || (lifecycle !== undefined && typeof lifecycle !== 'string')) return false;
  if (cors === undefined) return true;
  try {
    return typeof cors === 'string' && parseCorsRules(cors).length > 0;
  } catch {
    return false;
  }
}

/** Reads all records, and ends the uploads that a crash left between the object's record and their own removal. */
async function recover(folders: Folders): Promise<Contents> {
  const objects = await readRecords(folders.objects, OBJECTS);
  const completed = new Set(objects.records.map((object) => object.uploadId));
  const uploads = await readRecords(folders.uploads, UPLOADS);
  const ended = uploads.records.filter(({ uploadId }) => completed.has(uploadId));
  for (const { uploadId } of ended) await folders.uploads.remove(`${uploadId}.json`);
  await folders.uploads.sync();
  const open = uploads.records.filter(({ uploadId }) => !completed.has(uploadId));
  const known = new Set([...open.map(({ uploadId }) => uploadId), ...uploads.unreadable.map(uploadOfRecord)]);
  const parts = await readRecords(folders.parts, PARTS);
  const isKnown = ({ uploadId }: PartRecord) => known.has(uploadId);
  const isOfKnown = (name: string) => known.has(uploadOfPart(name) ?? '');
  const names = parts.records
    .filter((part) => !isKnown(part))
    .map((part) => partFileName(part.uploadId, part.partNumber));
  for (const name of [...names, ...parts.unreadable.filter((name) => !isOfKnown(name))])
    await folders.parts.remove(name);
  return {
    objects,
    uploads: { ...uploads, records: open },
    parts: { ...parts, records: parts.records.filter(isKnown), unreadable: parts.unreadable.filter(isOfKnown) },
  };
}
