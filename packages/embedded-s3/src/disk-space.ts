// A full disk: what deletes must still work. A reserve of a few MiB is given up for it, and made again when there is room.
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { type Folder, isSystemError } from './disk.ts';
import { S3Error } from './errors.ts';

const RESERVE = 'reserve';
/** Room for the small documents of some hundred deletions, each of which gives back more than it takes. */
const RESERVE_BYTES = 4 * 1024 * 1024;
const CHECKED_EVERY_MS = 5_000;

/** Bytes that can still be written to the file system of a path; infinite where it does not say. */
export type FreeBytes = (path: string) => Promise<number>;

export async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize, blocks } = await statfs(path);
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

export class DiskSpace {
  readonly #folder: Folder;
  readonly #freeBytes: FreeBytes;
  #hasReserve: boolean;
  #isFull = false;
  #checkedMs = Number.NEGATIVE_INFINITY;

  private constructor(folder: Folder, freeBytes: FreeBytes, hasReserve: boolean) {
    this.#folder = folder;
    this.#freeBytes = freeBytes;
    this.#hasReserve = hasReserve;
  }

  /** @param folder where the reserve is kept */
  static async open(folder: Folder, freeBytes: FreeBytes, now: number): Promise<DiskSpace> {
    const space = new DiskSpace(folder, freeBytes, (await folder.sizeOf(RESERVE)) === RESERVE_BYTES);
    await space.check(now);
    return space;
  }

  /** Whether uploads are refused. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Looks, every few seconds, whether the disk is full, and makes the reserve again when there is room for it. */
  async check(now: number): Promise<void> {
    if (Math.abs(now - this.#checkedMs) < CHECKED_EVERY_MS) return;
    this.#checkedMs = now;
    const free = await this.#freeBytes(this.#folder.path);
    if (free < RESERVE_BYTES) this.#isFull = true;
    if (free < 2 * RESERVE_BYTES) return;
    this.#isFull = !(await this.#makeReserve());
  }

  /** Writes something large, or something that leads to it. @throws S3Error InsufficientStorage on a full disk */
  async forUploads<T>(write: () => Promise<T>): Promise<T> {
    this.requireRoom();
    try {
      return await write();
    } catch (error) {
      throw this.#asFull(error);
    }
  }

  /** Writes a small document, on a full disk with the room of the reserve. @throws S3Error InsufficientStorage without it */
  async forDocuments<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      const full = this.#asFull(error);
      if (!(full instanceof S3Error && full.code === 'InsufficientStorage') || !this.#hasReserve) throw full;
    }
    this.#hasReserve = false;
    await this.#folder.remove(RESERVE);
    try {
      return await write();
    } catch (error) {
      throw this.#asFull(error);
    }
  }

  /** For what is written in pieces: others may have given up the reserve meanwhile. @throws S3Error InsufficientStorage */
  requireRoom(): void {
    if (this.#isFull) throw new S3Error('InsufficientStorage');
  }

  #asFull(error: unknown): unknown {
    if (!isSystemError(error, 'ENOSPC') && !isSystemError(error, 'EDQUOT')) return error;
    this.#isFull = true;
    return new S3Error('InsufficientStorage');
  }

  async #makeReserve(): Promise<boolean> {
    if (this.#hasReserve) return true;
    try {
      await this.#folder.remove(RESERVE);
      // File systems that compress would keep no room for zeros.
      await this.#folder.write(RESERVE, randomBytes(RESERVE_BYTES));
      this.#hasReserve = true;
    } catch (error) {
      this.#asFull(error);
    }
    return this.#hasReserve;
  }
}
