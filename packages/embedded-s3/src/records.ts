// The records kept on disk, one JSON file each, and how they are read back at a start.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Segment } from './data-files.ts';
import { type Folder, UNIQUE_NAME } from './disk.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface ObjectRecord {
  readonly key: string;
  /** Standard headers that are stored and sent back: content-type, cache-control, content-disposition, … */
  readonly headers: Record<string, string>;
  readonly tags: Tag[];
  /** Without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch, whole seconds: what the Last-Modified header can say. */
  readonly lastModified: number;
  /** The object's bytes in order: one file, or one for each part. */
  readonly segments: Segment[];
  /** The multipart upload it was completed from. */
  readonly uploadId?: string;
}

export interface UploadRecord {
  readonly uploadId: string;
  readonly key: string;
  /** The standard headers of the object that it becomes. */
  readonly headers: Record<string, string>;
  readonly initiated: number;
}

export interface PartRecord {
  readonly uploadId: string;
  readonly partNumber: number;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly lastModified: number;
  readonly segments: Segment[];
}

/** The file name of an object's record: safe for any key, of one length, and without letters that differ in case. */
export function objectFileName(key: string): string {
  return `${createHash('sha256').update(key).digest('hex')}.json`;
}

export function partFileName(uploadId: string, partNumber: number): string {
  return `${uploadId}.${partNumber}.json`;
}

/** Standard headers of a PUT or CreateMultipartUpload that are kept with the object. */
export const STORED_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
];

/** A value that a header can carry. */
export const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const OBJECT_NAME = /^[0-9a-f]{64}\.json$/;
const UPLOAD_NAME = /^[0-9a-f]{1,128}\.json$/;
const PART_NAME = /^([0-9a-f]{1,128})\.[1-9]\d{0,4}\.json$/;

/** What a record is, and what its file is called. A file is trusted no more than a stranger's: its names become paths. */
export interface RecordKind<T> {
  readonly name: RegExp;
  nameOf(record: T): string;
  isRecord(value: object): boolean;
}

export const OBJECTS: RecordKind<ObjectRecord> = {
  name: OBJECT_NAME,
  nameOf: ({ key }) => objectFileName(key),
  isRecord: (value) => {
    const { key, tags, uploadId } = value as Partial<ObjectRecord>;
    return (
      isText(key) &&
      isContent(value) &&
      areHeaders(value) &&
      areTags(tags) &&
      (uploadId === undefined || isText(uploadId))
    );
  },
};

export const UPLOADS: RecordKind<UploadRecord> = {
  name: UPLOAD_NAME,
  nameOf: ({ uploadId }) => `${uploadId}.json`,
  isRecord: (value) => {
    const { key, initiated } = value as Partial<UploadRecord>;
    return isText(key) && isTime(initiated) && areHeaders(value);
  },
};

export const PARTS: RecordKind<PartRecord> = {
  name: PART_NAME,
  nameOf: ({ uploadId, partNumber }) => partFileName(uploadId, partNumber),
  isRecord: isContent,
};

/** The upload that a record's file name names. */
export function uploadOfRecord(name: string): string {
  return name.replace('.json', '');
}

/** The upload that a part's file belongs to, by its name. */
export function uploadOfPart(name: string): string | undefined {
  return PART_NAME.exec(name)?.[1];
}

const ETAG = /^[0-9a-f]{32}(-\d{1,5})?$/;

function isContent(value: object): boolean {
  const { etag, sizeBytes, lastModified, segments } = value as Partial<ObjectRecord>;
  if (!isText(etag) || !ETAG.test(etag) || !isTime(lastModified) || !Array.isArray(segments)) return false;
  let sum = 0;
  for (const { file, sizeBytes: size } of segments as readonly Partial<Segment>[]) {
    if (!isText(file) || !UNIQUE_NAME.test(file) || !isSize(size)) return false;
    sum += size;
  }
  return isSize(sizeBytes) && sizeBytes === sum;
}

function areHeaders(value: object): boolean {
  const { headers } = value as { headers?: unknown };
  if (typeof headers !== 'object' || headers === null) return false;
  return Object.entries(headers).every(
    ([name, text]: [string, unknown]) => STORED_HEADERS.includes(name) && isText(text) && HEADER_VALUE.test(text),
  );
}

function areTags(tags: unknown): boolean {
  return (
    Array.isArray(tags) && (tags as readonly Partial<Tag>[]).every(({ key, value }) => isText(key) && isText(value))
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function isTime(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}

/** What is in a folder. */
export interface Records<T> {
  readonly records: T[];
  /** Names of records that cannot be read. They stay where they are, until they are replaced or deleted. */
  readonly unreadable: string[];
  /** Names that this program does not make. They are left alone. */
  readonly foreign: string[];
}

/**
 * Reads every record of a folder. One that is torn hides no other. Synchronous, because it happens before the server listens
 * and is three times as fast for tens of thousands of small files.
 */
export async function readRecords<T extends object>(folder: Folder, kind: RecordKind<T>): Promise<Records<T>> {
  const found: Records<T> = { records: [], unreadable: [], foreign: [] };
  for (const name of await folder.names()) {
    const record = kind.name.test(name) ? readRecord(folder.file(name), kind, name) : undefined;
    if (record) found.records.push(record);
    else found[kind.name.test(name) ? 'unreadable' : 'foreign'].push(name);
  }
  return found;
}

function readRecord<T extends object>(path: string, kind: RecordKind<T>, name: string): T | undefined {
  const value = readJson(path);
  try {
    if (!value || !kind.isRecord(value)) return undefined;
  } catch {
    // A list with null in it, for example.
    return undefined;
  }
  const record = value as T;
  return kind.nameOf(record) === name ? record : undefined;
}

/** Undefined for a file that cannot be read, or is no JSON object. */
export function readJson(path: string): object | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
