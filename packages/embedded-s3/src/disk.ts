// Folders whose files appear whole or not at all, and survive a power cut once a call has returned.
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** True for the error of a system call with that code, such as ENOENT. */
export function isSystemError(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** A folder kept open, so that renames and removals in it can be made durable (fsync of a directory). */
export class Folder {
  readonly path: string;
  readonly #handle: FileHandle;
  /** The fsync that has not begun yet, which later callers share. */
  #waiting: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Opens the folder, making it (and its parents) when missing. */
  static async open(path: string): Promise<Folder> {
    await mkdir(path, { recursive: true });
    return new Folder(path, await open(path, 'r'));
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

  /** When the file was last written; now where it does not exist. */
  async writtenMs(name: string): Promise<number> {
    try {
      return (await stat(this.file(name))).mtimeMs;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return Date.now();
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

/** A unique name in lower-case hex: the same on file systems that fold case. */
export function uniqueName(): string {
  return randomBytes(16).toString('hex');
}

/** Writes a new file of that name and makes its content durable (not yet its name: see Folder.sync). */
export async function writeNewFile(path: string, content: string | AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
}

/**
 * Writes a record to the temporary folder and renames it, which replaces an earlier one in one step.
 * When it throws, the folder is as it was. Durable only after `folder.sync()`.
 */
export async function replaceRecord(folder: Folder, name: string, record: object, temporary: Folder): Promise<void> {
  const draft = temporary.file(uniqueName());
  await writeNewFile(draft, JSON.stringify(record));
  try {
    await rename(draft, folder.file(name));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
