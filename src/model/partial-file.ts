// A file of which only some pieces are read: the walk through its elements decides which.

/** Bytes from `offset` on: `length` of them, fewer where the file ends, none where it ends before. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

const READ_BYTES = 64 * 1024;
/** Beside the start. Browsers need none; a file that needs more is undecided. */
export const MAX_READS = 16;
/** One or two for each element, of which the smallest has two bytes: bounds the time of the processor. Browsers need few. */
export const MAX_LOOKS = 20_000;

/** The file is damaged or cut off, or would take too many reads: nothing certain can be said about it. */
export class Undecided extends Error {
  override readonly name = 'Undecided';
}

/** Is read forwards: no place that is asked for lies before an earlier one. */
export class PartialFile {
  readonly #read: ReadBytes;
  #piece: Uint8Array;
  #pieceAt = 0;
  /** Undefined until a read came to the end; the piece at hand then ends with the file. */
  #endsAt: number | undefined;
  #readsLeft = MAX_READS;
  #looksLeft = MAX_LOOKS;

  /** @param wanted how many bytes `start` has, unless the file is shorter */
  constructor(start: Uint8Array, wanted: number, read: ReadBytes) {
    this.#piece = start;
    this.#read = read;
    if (start.length < wanted) this.#endsAt = start.length;
  }

  /**
   * `length` bytes from `offset` on, fewer where the file ends sooner, none at its very end.
   * @throws Undecided when the file ends before `offset`, or was looked at or read too often
   */
  async at(offset: number, length: number): Promise<Uint8Array> {
    if (this.#looksLeft === 0) throw new Undecided('it has too many elements');
    this.#looksLeft -= 1;
    const has = offset >= this.#pieceAt && offset + length <= this.#pieceAt + this.#piece.length;
    if (!has && this.#endsAt === undefined) await this.#readFrom(offset);
    if (offset > (this.#endsAt ?? Number.POSITIVE_INFINITY)) throw new Undecided('it is cut off');
    const from = offset - this.#pieceAt;
    return this.#piece.subarray(from, from + length);
  }

  async #readFrom(offset: number): Promise<void> {
    if (this.#readsLeft === 0 || !Number.isSafeInteger(offset + READ_BYTES)) throw new Undecided('it is too long');
    this.#readsLeft -= 1;
    // With the byte before it, which tells the very end of a file from what lies beyond.
    this.#pieceAt = Math.max(0, offset - 1);
    this.#piece = await this.#read(this.#pieceAt, READ_BYTES);
    if (this.#piece.length === 0) throw new Undecided('it is cut off');
    if (this.#piece.length < READ_BYTES) this.#endsAt = this.#pieceAt + this.#piece.length;
  }
}
