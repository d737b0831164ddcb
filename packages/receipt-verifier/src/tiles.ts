// The tree in tiles of 256 hashes (C2SP tlog-tiles): grown entry by entry, and read back for proofs.
import { largestPowerOfTwoBelow, type RootOfRange, rootOf } from './tree.ts';

export const TILE_WIDTH = 256;

/** The right edge of a tree: of each level the hashes after the last full tile. Level 0 has the hashes of entries. */
export type Edge = readonly (readonly Uint8Array[])[];

export interface Tile {
  /** Each level has the roots of the tiles of the one below. */
  readonly level: number;
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
}

/** A tree that grows at its right edge; what is left of it needs no memory. */
export class GrowingTree {
  #size: number;
  readonly #edge: Uint8Array[][];

  constructor(size = 0, edge: Edge = []) {
    this.#size = size;
    this.#edge = edge.map((hashes) => [...hashes]);
  }

  get size(): number {
    return this.#size;
  }

  get edge(): Edge {
    return this.#edge;
  }

  get root(): Uint8Array {
    let tail: Uint8Array[] = [];
    for (const hashes of this.#edge) {
      const nodes = [...hashes, ...tail];
      tail = nodes.length === 0 ? [] : [rootOf(nodes)];
    }
    return rootOf(tail);
  }

  /** The tiles that this hash of an entry fills, lowest first. */
  append(leaf: Uint8Array): Tile[] {
    this.#size += 1;
    return this.#push(0, leaf);
  }

  #push(level: number, hash: Uint8Array): Tile[] {
    const hashes = this.#edge[level] ?? [];
    this.#edge[level] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return [];
    this.#edge[level] = [];
    const index = this.#size / TILE_WIDTH ** (level + 1) - 1;
    return [{ level, index, hashes }, ...this.#push(level + 1, rootOf(hashes))];
  }
}

/** The hashes of a tile, whether it is full or at the right edge. */
export type ReadTile = (level: number, index: number) => Promise<readonly Uint8Array[]>;

/** Roots of ranges that begin where a subtree may begin, as proofs need them. */
export function rootsFromTiles(readTile: ReadTile): RootOfRange {
  async function rootOfRange(start: number, end: number): Promise<Uint8Array> {
    const count = end - start;
    const isWhole = count === 1 || largestPowerOfTwoBelow(count) * 2 === count;
    if (!isWhole) {
      const split = start + largestPowerOfTwoBelow(count);
      return rootOf([await rootOfRange(start, split), await rootOfRange(split, end)]);
    }
    let level = 0;
    let width = 1;
    while (width * TILE_WIDTH <= count) {
      width *= TILE_WIDTH;
      level += 1;
    }
    const first = start / width;
    const hashes = await readTile(level, Math.floor(first / TILE_WIDTH));
    const within = hashes.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + count / width);
    if (within.length !== count / width)
      throw new RangeError(`tile ${level}/${Math.floor(first / TILE_WIDTH)} is too short`);
    return rootOf(within);
  }
  return rootOfRange;
}
