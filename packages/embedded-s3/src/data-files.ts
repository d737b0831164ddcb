// The bytes of objects and parts: files that are written once under a unique name and never changed.
import { constants, open } from 'node:fs/promises';
import { type Folder, UNIQUE_NAME, uniqueName } from './disk.ts';

/** Consecutive bytes of an object: one whole data file. */
export interface Segment {
  readonly file: string;
  readonly sizeBytes: number;
}

/** Bytes being sent; `release` must be called once, whether or not they were read. */
export interface OpenRead {
  readonly bytes: AsyncIterable<Buffer>;
  readonly release: () => Promise<void>;
}

export class DataFiles {
  readonly #folder: Folder;
  readonly #readers = new Map<string, number>();
  readonly #removedWhileRead = new Set<string>();
  /** When each was written, by the clock of the file system. */
  readonly #orphans = new Map<string, number>();

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /**
   * Streams a body to disk. When it returns the bytes are durable; when it throws nothing is left.
   * @param onChunk called before each piece; what it throws ends the write
   */
  async write(body: AsyncIterable<Buffer>, onChunk: () => void = () => {}): Promise<Segment[]> {
    const { isEmpty, bytes } = await peek(body);
    // Empty objects, such as marker objects, have only a record.
    if (isEmpty) return [];
    const file = uniqueName();
    const written = { sizeBytes: 0 };
    await this.#folder.write(file, counted(bytes, written, onChunk));
    await this.#folder.sync();
    return [{ file, ...written }];
  }

  /**
   * Opens bytes `start` to `end` (inclusive) across the segments. The files stay until it is released, even when the
   * object is deleted before: a reader gets the old bytes to their end.
   */
  read(segments: readonly Segment[], start: number, end: number): OpenRead {
    const files = segments.map((segment) => segment.file);
    for (const file of files) this.#readers.set(file, (this.#readers.get(file) ?? 0) + 1);
    return {
      bytes: this.#bytes(segments, start, end),
      release: async () => {
        for (const file of files) await this.#release(file);
      },
    };
  }

  async *#bytes(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const { file, sizeBytes } of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, sizeBytes - 1);
      if (from <= to) {
        // A link would lead out of the folder.
        const handle = await open(this.#folder.file(file), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
        const stream: AsyncIterable<Buffer> = handle.createReadStream({ start: from, end: to });
        yield* stream;
      }
      offset += sizeBytes;
    }
  }

  async #release(file: string): Promise<void> {
    const left = (this.#readers.get(file) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(file, left);
      return;
    }
    this.#readers.delete(file);
    if (this.#removedWhileRead.delete(file)) await this.#folder.remove(file);
  }

  /** Removes files that no record refers to any more, those being read at the end of their last reader. Repeatable. */
  async remove(segments: readonly Segment[]): Promise<void> {
    for (const { file } of segments) {
      if (this.#readers.has(file)) this.#removedWhileRead.add(file);
      else await this.#folder.remove(file);
    }
  }

  /**
   * Removes the files that no record refers to: they are left from writes that a crash interrupted before a response. With
   * `keep` they may belong to records that cannot be read, and become orphans instead. Resolves with the names that are not
   * of data files, which are left alone.
   */
  async sweep(referenced: ReadonlySet<string>, { keep }: { readonly keep: boolean }): Promise<string[]> {
    const names = await this.#folder.names();
    for (const name of names.filter((name) => UNIQUE_NAME.test(name) && !referenced.has(name))) {
      if (keep) this.#orphans.set(name, await this.#folder.writtenMs(name));
      else await this.#folder.remove(name);
    }
    return names.filter((name) => !UNIQUE_NAME.test(name));
  }

  /** Removes the orphans that were written before then. */
  async removeOrphans(beforeMs: number): Promise<void> {
    for (const [name, writtenMs] of this.#orphans) {
      if (writtenMs >= beforeMs) continue;
      await this.#folder.remove(name);
      this.#orphans.delete(name);
    }
  }
}

async function* counted(
  bytes: AsyncIterable<Buffer>,
  written: { sizeBytes: number },
  onChunk: () => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    onChunk();
    written.sizeBytes += chunk.length;
    yield chunk;
  }
}

/**
 * Reads the first chunk, so that a failure at the start is thrown here, and returns the whole stream.
 * @throws whatever the stream throws before its first chunk
 */
export async function peek(source: AsyncIterable<Buffer>): Promise<{ isEmpty: boolean; bytes: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { isEmpty: first.done === true, bytes: from(first, iterator) };
}

async function* from(first: IteratorResult<Buffer>, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
