// Checks one receipt, or the step from one checkpoint to another, without the rest of the log.
import type { JSONWebKeySet } from 'jose';
import { openCheckpoint, originOf } from './checkpoint.ts';
import { fromBase64 } from './encoding.ts';
import { entryBytes, hashOfReceipt } from './entry.ts';
import type { PublicKeys } from './keys.ts';
import { openReceipt, type ReceiptClaims } from './receipt.ts';
import { leafHash, verifyConsistency, verifyInclusion } from './tree.ts';

/** A receipt with its audit path (RFC 6962, 2.1.1) to a checkpoint. */
export interface ReceiptProof {
  readonly version: 1;
  readonly receipt: string;
  /** Null: it is too young to be in the log. */
  readonly inclusion: {
    /** Its place in the log, from 0. */
    readonly index: number;
    /** Base64, from the entry upwards. */
    readonly hashes: readonly string[];
    readonly checkpoint: string;
  } | null;
  readonly keys: JSONWebKeySet;
}

/** That an older checkpoint is the beginning of a newer one (RFC 6962, 2.1.2). */
export interface ConsistencyProof {
  readonly older: string;
  readonly newer: string;
  /** Base64. */
  readonly hashes: readonly string[];
}

/** What the receipt says, and whether the log of its checkpoint has it. @throws ReceiptError, CheckpointError */
export async function checkReceipt(
  { receipt, inclusion }: Pick<ReceiptProof, 'receipt' | 'inclusion'>,
  keys: PublicKeys,
): Promise<{ claims: ReceiptClaims; isInLog: boolean }> {
  const claims = await openReceipt(receipt, keys);
  if (!inclusion) return { claims, isInLog: false };
  const { size, root } = await openCheckpoint(inclusion.checkpoint, originOf(claims.tenantId), keys);
  const leaf = leafHash(entryBytes({ keptUntil: claims.keptUntil, hash: hashOfReceipt(receipt) }));
  const proof = hashesOf(inclusion.hashes);
  return {
    claims,
    isInLog: proof !== undefined && verifyInclusion({ index: inclusion.index, size, leaf, root, proof }),
  };
}

/** Whether the newer checkpoint only adds to the older one. @throws CheckpointError */
export async function checkConsistency(
  { older, newer, hashes }: ConsistencyProof,
  tenant: string,
  keys: PublicKeys,
): Promise<boolean> {
  const [first, second] = [
    await openCheckpoint(older, originOf(tenant), keys),
    await openCheckpoint(newer, originOf(tenant), keys),
  ];
  const proof = hashesOf(hashes);
  return proof !== undefined && verifyConsistency({ first, second, proof });
}

function hashesOf(hashes: readonly string[]): Uint8Array[] | undefined {
  try {
    return hashes.map(fromBase64);
  } catch {
    return undefined;
  }
}
