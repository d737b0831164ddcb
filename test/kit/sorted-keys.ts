// Many keys in the order of their bytes: a store lists from any place on, and writes between two others cost little.

/** Keys of a block; a block of more is divided. Adding to one moves the rest of it alone. */
const MAX_BLOCK = 1024;

export class SortedKeys {
  /** In order, and none is empty. */
  readonly #blocks: string[][] = [];
  /** Keys sort as JavaScript's strings do. */
  #arePlain = true;

  /** The key must not be there. */
  add(key: string): void {
    this.#arePlain &&= isPlain(key);
    const place = this.#place(key);
    const block = this.#blocks[place.block] ?? this.#blocks.at(-1);
    if (!block) this.#blocks.push([key]);
    else if (place.block === this.#blocks.length) block.push(key);
    else block.splice(place.index, 0, key);
    if (!block || block.length <= MAX_BLOCK) return;
    const at = Math.min(place.block, this.#blocks.length - 1);
    this.#blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
  }

  /** The key must be there. */
  delete(key: string): void {
    const place = this.#place(key);
    const block = this.#blocks[place.block];
    block?.splice(place.index, 1);
    if (block?.length === 0) this.#blocks.splice(place.block, 1);
  }

  /** Gives the keys from this place on to `visit`, until it returns false. */
  visitFrom(place: string, visit: (key: string) => boolean): void {
    let { block, index } = this.#place(place);
    for (; block < this.#blocks.length; block += 1) {
      for (const keys = this.#blocks[block] ?? []; index < keys.length; index += 1) {
        if (!visit(keys[index] ?? '')) return;
      }
      index = 0;
    }
  }

  /** Of the first key that is not before this one. */
  #place(key: string): { block: number; index: number } {
    const isBefore = this.#arePlain && isPlain(key) ? (a = '') => a < key : (a = '') => compareKeys(a, key) < 0;
    const block = firstThat(this.#blocks.length, (at) => !isBefore(this.#blocks[at]?.at(-1)));
    const keys = this.#blocks[block] ?? [];
    return { block, index: firstThat(keys.length, (at) => !isBefore(keys[at])) };
  }
}

/** By halving: the first of the places from 0 on at which it holds, as it does at all later ones; `length` where it does at none. */
function firstThat(length: number, holds: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The order of their UTF-8 bytes: that of JavaScript's strings, but for surrogates, which come after U+FFFF there. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (isPlain(a) && isPlain(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isPlain(key: string): boolean {
  return !/[\ud800-\uffff]/.test(key);
}
