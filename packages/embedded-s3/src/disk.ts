// Folders whose files appear whole or not at all, and survive a power cut once a call has returned.
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** True for the error of a system call with that code, such as ENOENT. */
export function isSystemError(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

export type Content = string | Uint8Array | AsyncIterable<Uint8Array>;

/** A file that is open for writing. */
export interface OpenFile {
  writeFile(content: Content): Promise<void>;
  appendFile(bytes: Uint8Array): Promise<void>;
}

/** Writes the content of a new file: where a disk may fail. */
export type Writer = (file: OpenFile, content: Content) => Promise<void>;

export const writeToDisk: Writer = (file, content) => file.writeFile(content);

/** A folder kept open, so that renames and removals in it can be made durable (fsync of a directory). */
export class Folder {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #writer: Writer;
  /** The fsync that has not begun yet, which later callers share. */
  #waiting: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, writer: Writer) {
    this.path = path;
    this.#handle = handle;
    this.#writer = writer;
  }

  /** Opens the folder, making it (and its parents) when missing. */
  static async open(path: string, writer: Writer): Promise<Folder> {
    await mkdir(path, { recursive: true });
    return new Folder(path, await open(path, 'r'), writer);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async names(): Promise<string[]> {
    return readdir(this.path);
  }

  /**
   * Resolves when every change made in the folder before this call is durable. Calls that arrive while one
   * fsync runs share the next one, so a thousand deletions need only a few.
   */
  async sync(): Promise<void> {
    if (this.#waiting === undefined) {
      const turn = this.#last.then(async () => {
        this.#waiting = undefined;
        await this.#handle.sync();
      });
      this.#waiting = turn;
      this.#last = turn.catch(() => undefined);
    }
    await this.#waiting;
  }

  /** Writes a new file and makes its content durable (not yet its name: see sync). When it throws nothing is left. */
  async write(name: string, content: Content): Promise<void> {
    const handle = await open(this.file(name), 'wx');
    try {
      await this.#writer(handle, content);
      await handle.sync();
    } catch (error) {
      await handle.close();
      await rm(this.file(name), { force: true });
      throw error;
    }
    await handle.close();
  }

  /** In bytes; undefined where the file does not exist. */
  async sizeOf(name: string): Promise<number | undefined> {
    return (await this.#stat(name))?.size;
  }

  /** When the file was last written; now where it does not exist. */
  async writtenMs(name: string): Promise<number> {
    return (await this.#stat(name))?.mtimeMs ?? Date.now();
  }

  async #stat(name: string): Promise<Stats | undefined> {
    try {
      return await stat(this.file(name));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Removes the file; one that does not exist is no error. Durable only after sync(). */
  async remove(name: string): Promise<void> {
    try {
      await unlink(this.file(name));
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** What `uniqueName` makes. */
export const UNIQUE_NAME: RegExp = /^[0-9a-f]{32}$/;

/** A unique name in lower-case hex: the same on file systems that fold case. */
export function uniqueName(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Writes a record to the temporary folder and renames it, which replaces an earlier one in one step.
 * When it throws, the folder is as it was. Durable only after `folder.sync()`.
 */
export async function replaceRecord(folder: Folder, name: string, record: object, temporary: Folder): Promise<void> {
  const draft = uniqueName();
  await temporary.write(draft, JSON.stringify(record));
  try {
    await rename(temporary.file(draft), folder.file(name));
  } catch (error) {
    await temporary.remove(draft);
    throw error;
  }
}
