// node --conditions=source write-log.ts FILE: a log as this package makes it, for the programs beside it, which were not written by us.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import {
  consistencyProof,
  GrowingTree,
  inclusionProof,
  leafHash,
  originOf,
  type ReadTile,
  rootsFromTiles,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { claimsOf, DAY_MS, deletionOf, makeKey, NOW_MS, signCheckpoint, TENANT } from '../service.ts';

const RECEIPTS = 1_400;
const SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 1_000, RECEIPTS];
const PLACES = [0, 1, 2, 6, 255, 256, 510, 511, 999, RECEIPTS - 1];

const key = makeKey();
const origin = originOf(TENANT);
const deletions = Array.from({ length: RECEIPTS }, (_, at) =>
  deletionOf(claimsOf(`é ${at}`, NOW_MS - (RECEIPTS - at) * (DAY_MS / 4)), key),
);
const tiles: { level: number; index: number; hashes: string[] }[] = [];
const tree = new GrowingTree();
const checkpoints: string[] = [];
for (const { entry } of deletions) {
  for (const { level, index, hashes } of tree.append(leafHash(Buffer.from(entry)))) {
    tiles.push({ level, index, hashes: hashes.map(toBase64) });
  }
  if (SIZES.includes(tree.size)) checkpoints.push(signCheckpoint({ origin, size: tree.size, root: tree.root }, key));
}
const readTile: ReadTile = async (level, index) => {
  const tile = tiles.find((one) => one.level === level && one.index === index);
  return tile ? tile.hashes.map((hash) => Buffer.from(hash, 'base64')) : (tree.edge[level] ?? []);
};
const rootOfRange = rootsFromTiles(readTile);

const inclusion = [];
const consistency = [];
for (const [place, size] of SIZES.entries()) {
  for (const index of PLACES.filter((one) => one < size)) {
    inclusion.push({ index, size, hashes: (await inclusionProof(index, size, rootOfRange)).map(toBase64) });
  }
  for (const first of SIZES.slice(0, place)) {
    consistency.push({ first, second: size, hashes: (await consistencyProof(first, size, rootOfRange)).map(toBase64) });
  }
}

/** As C2SP signed-note writes keys: name, hash, and the key with its type before it. */
const typed = Buffer.of(1, ...key.publicBytes);
const keyHash = createHash('sha256').update(`${origin}\n`).update(typed).digest('hex').slice(0, 8);
const [path = ''] = process.argv.slice(2);
await writeFile(
  path,
  JSON.stringify({
    verifier: `${origin}+${keyHash}+${typed.toString('base64')}`,
    checkpoints,
    entries: deletions.map(({ entry }) => entry),
    tiles,
    inclusion,
    consistency,
    keys: { keys: [key.jwk] },
    receipts: deletions.slice(0, 20).map(({ jws, claims, entry }) => ({ jws, claims, entry })),
  }),
);
