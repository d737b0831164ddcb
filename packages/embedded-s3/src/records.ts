// The records kept on disk, one JSON file each, and how they are read back at a start.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Segment } from './data-files.ts';
import type { Folder } from './disk.ts';

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

/**
 * Reads every record of a folder. Synchronous, because it happens before the server listens and is three times as
 * fast for tens of thousands of small files.
 * @throws Error when one is unreadable: its data must not be mistaken for unreferenced and swept
 */
export async function readRecords<T extends object>(folder: Folder, required: keyof T & string): Promise<T[]> {
  return (await folder.names()).map((name) => readRecord<T>(folder.file(name), required));
}

/** @throws Error when the file is not a record of this program */
export function readRecord<T extends object>(path: string, required: keyof T & string): T {
  try {
    const record: T = JSON.parse(readFileSync(path, 'utf8'));
    if (required in record) return record;
  } catch (cause) {
    throw new Error(`The record ${path} cannot be read; restore it or move it away`, { cause });
  }
  throw new Error(`The file ${path} is not a record of this program; move it away`);
}
