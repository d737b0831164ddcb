// Checks one receipt, or the step from one checkpoint to another, without the rest of the log.
import type { JSONWebKeySet } from 'jose';
import { type Checkpoint, openCheckpoint, originOf } from './checkpoint.ts';
import { fromBase64 } from './encoding.ts';
import { entryBytes, entryOfReceipt } from './entry.ts';
import type { PublicKeys } from './keys.ts';
import { openReceipt, type ReceiptClaims } from './receipt.ts';
import { listOfTexts, MalformedError, membersOf, text } from './shape.ts';
import { HASH_BYTES, leafHash, verifyConsistency, verifyInclusion } from './tree.ts';

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

/** Two for each bit of the largest size. */
const MOST_HASHES = 128;

/**
 * What the receipt says, and whether the log of its checkpoint has it; false also where the proof does not claim it.
 * @throws ReceiptError, CheckpointError, MalformedError
 */
export async function checkReceipt(
  file: Pick<ReceiptProof, 'receipt' | 'inclusion'>,
  keys: PublicKeys,
): Promise<{ claims: ReceiptClaims; isInLog: boolean }> {
  const { receipt, inclusion } = membersOf(file, ['fileNoObject']);
  const jws = text(receipt, 'receipt');
  const claims = await openReceipt(jws, keys);
  if (inclusion === null) return { claims, isInLog: false };
  const { index, hashes, checkpoint } = membersOf(inclusion, ['noObject', 'inclusion']);
  if (typeof index !== 'number') throw new MalformedError(['noNumber', 'index']);
  const proof = hashesOf(hashes);
  const { size, root } = await openCheckpoint(text(checkpoint, 'checkpoint'), originOf(claims.tenantId), keys);
  const leaf = leafHash(entryBytes(entryOfReceipt(jws, claims)));
  return { claims, isInLog: verifyInclusion({ index, size, leaf, root, proof }) };
}

/** Whether the newer checkpoint only adds to the older one. @throws CheckpointError, MalformedError */
export async function checkConsistency(file: ConsistencyProof, tenant: string, keys: PublicKeys): Promise<boolean> {
  return verifyConsistency(await openConsistency(file, tenant, keys));
}

/** Both checkpoints, signed for the log of the tenant, and what should lead from one to the other. */
export async function openConsistency(
  file: ConsistencyProof,
  tenant: string,
  keys: PublicKeys,
): Promise<{ first: Checkpoint; second: Checkpoint; proof: readonly Uint8Array[] }> {
  const { older, newer, hashes } = membersOf(file, ['fileNoObject']);
  const proof = hashesOf(hashes);
  const first = await openCheckpoint(text(older, 'older'), originOf(tenant), keys);
  const second = await openCheckpoint(text(newer, 'newer'), originOf(tenant), keys);
  return { first, second, proof };
}

function hashesOf(value: unknown): Uint8Array[] {
  return listOfTexts(value, 'hashes', MOST_HASHES).map((encoded, place) => {
    try {
      const hash = fromBase64(encoded);
      if (hash.length === HASH_BYTES) return hash;
    } catch {
      // Told below.
    }
    throw new MalformedError(['itemNoHash', place, 'hashes']);
  });
}
