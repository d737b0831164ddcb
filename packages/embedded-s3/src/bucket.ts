// The bucket on disk: its layout, how it is opened after a stop or a crash, and its settings.
//
//   {dataDir}/lock.sqlite                  locked by the process that uses the folder
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
import { join } from 'node:path';
import { DataFiles } from './data-files.ts';
import { Folder, replaceRecord } from './disk.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { Objects } from './objects.ts';
import {
  type ObjectRecord,
  type PartRecord,
  partFileName,
  readRecord,
  readRecords,
  type UploadRecord,
} from './records.ts';
import { Uploads } from './uploads.ts';

/** XML documents are kept as they were sent. */
export interface BucketSettings {
  readonly created: number;
  readonly cors?: string;
  readonly lifecycle?: string;
}

const SETTINGS = 'settings.json';

export class Bucket {
  readonly name: string;
  readonly data: DataFiles;
  readonly objects: Objects;
  readonly uploads: Uploads;
  #settings: BucketSettings;
  readonly #folders: Folders;
  readonly #mutex = new KeyedMutex();

  private constructor(name: string, folders: Folders, settings: BucketSettings, contents: Contents) {
    this.name = name;
    this.#folders = folders;
    this.#settings = settings;
    this.data = new DataFiles(folders.data);
    this.objects = new Objects(folders.objects, folders.temporary, this.data, contents.objects);
    this.uploads = new Uploads(folders, this.data, this.objects, contents);
  }

  /**
   * Opens the bucket, making it when it is new, and removes the leftovers of a crash. The folder must be locked.
   * @throws Error when a record cannot be read
   */
  static async open(dataDir: string, name: string, now: number): Promise<Bucket> {
    const folders = await openFolders(join(dataDir, name));
    const settings = await readSettings(folders, now);
    const contents = await recover(folders);
    const bucket = new Bucket(name, folders, settings, contents);
    const records = [...contents.objects, ...contents.parts];
    await bucket.data.sweep(new Set(records.flatMap((record) => record.segments.map((segment) => segment.file))));
    return bucket;
  }

  get settings(): Readonly<BucketSettings> {
    return this.#settings;
  }

  /** Changes the settings; durable when it returns. */
  async changeSettings(change: Partial<BucketSettings>): Promise<void> {
    await this.#mutex.run(SETTINGS, async () => {
      const next = { ...this.#settings, ...change };
      await replaceRecord(this.#folders.root, SETTINGS, next, this.#folders.temporary);
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
  readonly objects: ObjectRecord[];
  readonly uploads: UploadRecord[];
  readonly parts: PartRecord[];
}

async function openFolders(path: string): Promise<Folders> {
  const inside = async (name: string) => await Folder.open(join(path, name));
  const folders = {
    root: await Folder.open(path),
    objects: await inside('objects'),
    uploads: await inside('uploads'),
    parts: await inside('parts'),
    data: await inside('data'),
    temporary: await inside('temporary'),
  };
  await folders.root.sync();
  return folders;
}

async function readSettings({ root, temporary }: Folders, now: number): Promise<BucketSettings> {
  if ((await root.names()).includes(SETTINGS)) return readRecord<BucketSettings>(root.file(SETTINGS), 'created');
  const settings = { created: now };
  await replaceRecord(root, SETTINGS, settings, temporary);
  await root.sync();
  return settings;
}

/** Reads all records, and ends the uploads that a crash left between the object's record and their own removal. */
async function recover(folders: Folders): Promise<Contents> {
  for (const name of await folders.temporary.names()) await folders.temporary.remove(name);
  const objects = await readRecords<ObjectRecord>(folders.objects, 'segments');
  const completed = new Set(objects.map((object) => object.uploadId));
  const uploads: UploadRecord[] = [];
  for (const upload of await readRecords<UploadRecord>(folders.uploads, 'initiated')) {
    if (completed.has(upload.uploadId)) await folders.uploads.remove(`${upload.uploadId}.json`);
    else uploads.push(upload);
  }
  await folders.uploads.sync();
  const open = new Set(uploads.map((upload) => upload.uploadId));
  const parts: PartRecord[] = [];
  for (const part of await readRecords<PartRecord>(folders.parts, 'segments')) {
    if (open.has(part.uploadId)) parts.push(part);
    else await folders.parts.remove(partFileName(part.uploadId, part.partNumber));
  }
  return { objects, uploads, parts };
}
