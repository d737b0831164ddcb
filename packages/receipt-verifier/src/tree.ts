// The Merkle tree of RFC 6962, section 2.1: hashes, proofs, and their verification.
import { sha256 } from '@noble/hashes/sha2.js';

export const HASH_BYTES = 32;

/** The hash of an entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return prefixed(0, entry);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return prefixed(1, left, right);
}

function prefixed(prefix: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = sha256.create().update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The root over hashes of one level; the last may be that of a smaller tree. */
export function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  // Pairs from the left, and what has no partner moves up: the split at the largest power of two, from below.
  let level = hashes;
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let at = 0; at + 1 < level.length; at += 2)
      next.push(nodeHash(level[at] as Uint8Array, level[at + 1] as Uint8Array));
    if (level.length % 2 === 1) next.push(level.at(-1) as Uint8Array);
    level = next;
  }
  return level[0] ?? sha256(new Uint8Array());
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The root of the entries from `start` to `end`, wherever the hashes are kept. */
export type RootOfRange = (start: number, end: number) => Promise<Uint8Array>;

/** The audit path of the entry at `index` in a tree of `size` entries (2.1.1), from the entry upwards. */
export async function inclusionProof(index: number, size: number, rootOfRange: RootOfRange): Promise<Uint8Array[]> {
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const split = start + largestPowerOfTwoBelow(end - start);
    if (index < split) {
      proof.push(await rootOfRange(split, end));
      end = split;
    } else {
      proof.push(await rootOfRange(start, split));
      start = split;
    }
  }
  return proof.reverse();
}

/** That the tree of `first` entries is the beginning of the tree of `second` (2.1.2). Empty where one is empty or both are one. */
export async function consistencyProof(first: number, second: number, rootOfRange: RootOfRange): Promise<Uint8Array[]> {
  const proof: Uint8Array[] = [];
  for (const [start, end] of rangesBetween(first, second)) proof.push(await rootOfRange(start, end));
  return proof;
}

/** How many hashes the proof from the tree of `first` entries to that of `second` has. */
export function consistencyLength(first: number, second: number): number {
  return rangesBetween(first, second).length;
}

function rangesBetween(first: number, second: number): [start: number, end: number][] {
  const ranges: [number, number][] = [];
  let [start, end] = [0, second];
  if (first === 0) return [];
  while (first !== end) {
    const split = start + largestPowerOfTwoBelow(end - start);
    if (first <= split) {
      ranges.push([split, end]);
      end = split;
    } else {
      ranges.push([start, split]);
      start = split;
    }
  }
  // The first tree itself is known to whoever checks, unless it is not a whole subtree.
  if (start > 0) ranges.push([start, end]);
  return ranges.reverse();
}

interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export function verifyInclusion({ index, size, leaf, root, proof }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [place, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else hash = nodeHash(hash, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && isSameHash(hash, root);
}

interface Consistency {
  readonly first: { readonly size: number; readonly root: Uint8Array };
  readonly second: { readonly size: number; readonly root: Uint8Array };
  readonly proof: readonly Uint8Array[];
}

/** Whether the second tree only adds to the first. */
export function verifyConsistency({ first, second, proof }: Consistency): boolean {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false;
  if (first.size === second.size) return proof.length === 0 && isSameHash(first.root, second.root);
  if (first.size === 0) return proof.length === 0 && isSameHash(first.root, rootOf([]));
  let [place, last] = [first.size - 1, second.size - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  const path = place === 0 ? [first.root, ...proof] : proof;
  const [seed, ...siblings] = path;
  if (!seed) return false;
  let [older, newer] = [seed, seed];
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else newer = nodeHash(newer, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && isSameHash(older, first.root) && isSameHash(newer, second.root);
}

export function largestPowerOfTwoBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
