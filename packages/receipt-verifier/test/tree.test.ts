// The Merkle tree against the definitions of RFC 6962 as they are written, and against its published test vectors.
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  consistencyProof,
  GrowingTree,
  inclusionProof,
  leafHash,
  type ReadTile,
  rootsFromTiles,
  verifyConsistency,
  verifyInclusion,
} from '@proctoring-recordings/receipt-verifier';

const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Section 2.1, word for word. */
function mth(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return sha256();
  if (entries.length === 1) return sha256(Buffer.of(0), entries[0] as Uint8Array);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256(Buffer.of(1), mth(entries.slice(0, k)), mth(entries.slice(k)));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const VECTOR = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (entry) => Buffer.from(entry, 'hex'),
);

function grow(entries: readonly Uint8Array[]) {
  const tree = new GrowingTree();
  const tiles = new Map<string, readonly Uint8Array[]>();
  for (const entry of entries) {
    for (const { level, index, hashes } of tree.append(leafHash(entry))) tiles.set(`${level}/${index}`, hashes);
  }
  const readTile: ReadTile = async (level, index) => tiles.get(`${level}/${index}`) ?? tree.edge[level] ?? [];
  return { tree, rootOfRange: rootsFromTiles(readTile) };
}

test('the root of a published test vector', () => {
  expect(hex(grow(VECTOR).tree.root)).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  expect(hex(new GrowingTree().root)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

const manyEntries = Array.from({ length: 70_000 }, (_, index) => Buffer.from(`entry ${index}`));

test('a growing tree has the root that the definition gives, across the borders of tiles', () => {
  for (const size of [1, 2, 3, 255, 256, 257, 511, 512, 513, 1000]) {
    const entries = manyEntries.slice(0, size);
    expect(hex(grow(entries).tree.root)).toBe(hex(mth(entries)));
  }
  expect(hex(grow(manyEntries).tree.root)).toBe(hex(mth(manyEntries)));
});

test('a tree that is continued from its edge is the same tree', () => {
  const first = new GrowingTree();
  for (const entry of manyEntries.slice(0, 700)) first.append(leafHash(entry));
  const second = new GrowingTree(first.size, first.edge);
  for (const entry of manyEntries.slice(700, 1300)) second.append(leafHash(entry));
  expect(hex(second.root)).toBe(hex(mth(manyEntries.slice(0, 1300))));
  expect(first.size).toBe(700);
});

describe('proofs', () => {
  test.each([1, 2, 7, 8, 255, 256, 257, 600, 70_000])(
    'of inclusion in a tree of %i entries hold, and for no other entry, place or root',
    async (size) => {
      const { tree, rootOfRange } = grow(manyEntries.slice(0, size));
      const { root } = tree;
      for (const index of [0, 1, 5, 254, 255, 256, 511, size - 1].filter((place) => place < size)) {
        const leaf = leafHash(manyEntries[index] as Uint8Array);
        const proof = await inclusionProof(index, size, rootOfRange);
        expect(verifyInclusion({ index, size, leaf, root, proof })).toBe(true);
        const spoiled = [
          { index: index + 1 },
          { index: -1 },
          { leaf: leafHash(Buffer.from('another')) },
          { root: leafHash(root) },
          { proof: [...proof, root] },
          ...(proof.length > 0
            ? [{ proof: proof.slice(1) }, { proof: proof.toReversed().map((hash) => leafHash(hash)) }]
            : []),
        ];
        for (const wrong of spoiled) {
          expect(verifyInclusion({ index, size, leaf, root, proof, ...wrong })).toBe(false);
        }
      }
    },
  );

  test('of consistency hold between any two sizes, and not for another beginning', async () => {
    const sizes = [0, 1, 2, 3, 4, 6, 7, 8, 255, 256, 257, 300, 512, 600];
    const roots = new Map(sizes.map((size) => [size, mth(manyEntries.slice(0, size))]));
    const { rootOfRange } = grow(manyEntries.slice(0, 600));
    const other = mth([Buffer.from('other'), ...manyEntries.slice(1, 300)]);
    for (const [first, root] of roots) {
      for (const [second, secondRoot] of roots) {
        if (second < first) continue;
        // Proofs for a smaller tree come from the tiles of the larger one.
        const proof = await consistencyProof(first, second, rootOfRange);
        const newer = { size: second, root: secondRoot };
        expect([first, second, verifyConsistency({ first: { size: first, root }, second: newer, proof })]).toEqual([
          first,
          second,
          true,
        ]);
        if (first === 0) continue;
        expect(verifyConsistency({ first: { size: first, root: other }, second: newer, proof })).toBe(false);
        expect(verifyConsistency({ first: { size: first, root }, second: { size: second, root: other }, proof })).toBe(
          false,
        );
        expect(verifyConsistency({ first: { size: first, root }, second: newer, proof: [...proof, root] })).toBe(false);
      }
    }
    const [smaller, larger] = [
      { size: 2, root: other },
      { size: 1, root: other },
    ];
    expect(verifyConsistency({ first: smaller, second: larger, proof: [] })).toBe(false);
  });
});
