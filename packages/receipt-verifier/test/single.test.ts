// One receipt with its place in the log, and the step between two checkpoints.
import { describe, expect, test } from '@jest/globals';
import {
  checkConsistency,
  checkReceipt,
  consistencyProof,
  inclusionProof,
  leafHash,
  MalformedError,
  readPublicKeys,
  rootOf,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { checkpointOf, claimsOf, deletionOf, makeKey, NOW_MS, TENANT } from './service.ts';

const key = makeKey();
const keys = await readPublicKeys({ keys: [key.jwk] });
const deletions = Array.from({ length: 100 }, (_, at) => deletionOf(claimsOf(at, NOW_MS), key));
const entries = deletions.map(({ entry }) => entry);
const leaves = entries.map((entry) => leafHash(Buffer.from(entry)));
const rootOfRange = async (start: number, end: number) => rootOf(leaves.slice(start, end));
const checkpoint = checkpointOf(entries, key);

async function proofOf(index: number) {
  const hashes = (await inclusionProof(index, entries.length, rootOfRange)).map(toBase64);
  return { receipt: deletions[index]?.jws ?? '', inclusion: { index, hashes, checkpoint } };
}

describe('a receipt', () => {
  test('is in the log at its place, and at no other', async () => {
    for (const index of [0, 1, 63, 64, 98, 99]) {
      const proof = await proofOf(index);
      expect(await checkReceipt(proof, keys)).toEqual({ claims: deletions[index]?.claims, isInLog: true });
      for (const other of [index + 1, index - 1, -1, 0.5, 1e20, Number.NaN]) {
        const moved = { ...proof, inclusion: { ...proof.inclusion, index: other } };
        expect(await checkReceipt(moved, keys)).toMatchObject({ isInLog: false });
      }
    }
  });

  test('is not in the log by the proof of another, or without one', async () => {
    const [first, second] = [await proofOf(3), await proofOf(4)];
    expect(await checkReceipt({ ...first, inclusion: second.inclusion }, keys)).toMatchObject({ isInLog: false });
    expect(await checkReceipt({ ...first, inclusion: null }, keys)).toMatchObject({ isInLog: false });
    const none = { ...first.inclusion, hashes: [] };
    expect(await checkReceipt({ ...first, inclusion: none }, keys)).toMatchObject({ isInLog: false });
  });

  test('is not taken with a checkpoint of another tenant, or one that nobody signed', async () => {
    const proof = await proofOf(3);
    for (const other of [checkpointOf(entries, key, 'college'), checkpointOf(entries, makeKey()), 'x']) {
      const swapped = { ...proof, inclusion: { ...proof.inclusion, checkpoint: other } };
      await expect(checkReceipt(swapped, keys)).rejects.toMatchObject({ name: 'CheckpointError' });
    }
  });

  test.each<[string, (hashes: string[]) => unknown]>([
    ['are no list', () => 'x'],
    ['are not texts', () => [7]],
    ['are too short', () => ['AAAA']],
    ['are no base64', (hashes) => hashes.map((hash) => `${hash}!`)],
    ['are too many', () => Array(200).fill(Buffer.alloc(32).toString('base64'))],
  ])('is malformed when the hashes %s', async (_name, spoil) => {
    const proof = await proofOf(3);
    const wrong = { ...proof, inclusion: { ...proof.inclusion, hashes: spoil(proof.inclusion.hashes) as string[] } };
    await expect(checkReceipt(wrong, keys)).rejects.toBeInstanceOf(MalformedError);
  });

  test('of another type is malformed', async () => {
    const { receipt, inclusion } = await proofOf(3);
    const wrong = [
      undefined,
      null,
      7,
      [],
      {},
      { receipt: 7, inclusion },
      { receipt },
      { receipt, inclusion: 7 },
      { receipt, inclusion: [] },
      { receipt, inclusion: { ...inclusion, index: '3' } },
      { receipt, inclusion: { ...inclusion, checkpoint: null } },
    ];
    for (const file of wrong) await expect(checkReceipt(file as never, keys)).rejects.toBeInstanceOf(MalformedError);
  });
});

describe('the step between two checkpoints', () => {
  const at = (size: number) => checkpointOf(entries.slice(0, size), key);
  const step = async (first: number, second: number) => ({
    older: at(first),
    newer: at(second),
    hashes: (await consistencyProof(first, second, rootOfRange)).map(toBase64),
  });

  test('holds where entries were only added, and not backwards', async () => {
    for (const [first, second] of [
      [0, 5],
      [1, 2],
      [7, 100],
      [64, 100],
      [100, 100],
    ] as const) {
      const proof = await step(first, second);
      expect(await checkConsistency(proof, TENANT, keys)).toBe(true);
      if (first === second) continue;
      const backwards = { ...proof, older: proof.newer, newer: proof.older };
      expect(await checkConsistency(backwards, TENANT, keys)).toBe(false);
    }
  });

  test('does not hold for a log that was rewritten', async () => {
    const rewritten = checkpointOf(['x', ...entries.slice(1)], key);
    expect(await checkConsistency({ ...(await step(7, 100)), newer: rewritten }, TENANT, keys)).toBe(false);
    expect(await checkConsistency({ ...(await step(7, 100)), hashes: [] }, TENANT, keys)).toBe(false);
  });

  test('is not taken of another tenant, or malformed', async () => {
    const proof = await step(7, 100);
    await expect(checkConsistency(proof, 'college', keys)).rejects.toMatchObject({ code: 'other-log' });
    for (const wrong of [undefined, [], {}, { ...proof, hashes: 7 }, { ...proof, older: 7 }]) {
      await expect(checkConsistency(wrong as never, TENANT, keys)).rejects.toBeInstanceOf(MalformedError);
    }
  });
});
