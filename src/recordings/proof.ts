// What proves deletions without this service: a tenant's whole proof, the proof of one receipt, the step between checkpoints.
import {
  type ConsistencyProof,
  consistencyProof,
  inclusionProof,
  originOf,
  type ProofFile,
  type ReceiptProof,
  rootsFromTiles,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { Bucket } from '../bucket/bucket.ts';
import { entryOf, type Head, ReceiptLog } from '../bucket/receipt-log.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { readReceipts } from './receipts.ts';

/** What the proofs of a tenant are read with; the commands have no more. */
export type ProofContext = Pick<RecordingsContext, 'store' | 'policy' | 'now' | 'randomBytes' | 'signer'>;

/** The public keys of this service; none where it signs nothing. */
export function publicKeys({ signer }: Pick<ProofContext, 'signer'>): ProofFile['keys'] {
  return { keys: [...(signer?.publicJwks.keys ?? [])] };
}

export interface LatestCheckpoint {
  readonly origin: string;
  readonly size: number;
  /** A signed note; null while the log has no entry. */
  readonly checkpoint: string | null;
}

/** @throws ServiceError `log-unreadable` */
export async function latestCheckpoint(
  { store, signer }: Pick<ProofContext, 'store' | 'signer'>,
  tenant: string,
): Promise<LatestCheckpoint> {
  const head = await readHead(new ReceiptLog(store, tenant, signer));
  return { origin: originOf(tenant), size: head?.size ?? 0, checkpoint: head?.checkpoint ?? null };
}

/**
 * The JSON text of a `ProofFile`, chunk by chunk. The log is read as it was at the beginning: receipts that are written
 * meanwhile are too young to be in it. @throws ServiceError `log-unreadable` before the first chunk; StoreError
 */
export async function* proofFile(context: ProofContext, tenant: string): AsyncGenerator<string, void, undefined> {
  const log = new ReceiptLog(context.store, tenant, context.signer);
  const head = await readHead(log);
  const file = { version: 1, tenant, exportedAt: toIso(context.now()), checkpoint: head?.checkpoint ?? null };
  yield `${JSON.stringify(file).slice(0, -1)},"entries":[`;
  let separator = '';
  if (head) {
    for await (const bundle of log.bundles(head)) {
      yield separator + bundle.map((entry) => JSON.stringify(entry)).join(',\n');
      separator = ',\n';
    }
  }
  yield '],"receipts":[';
  separator = '';
  const unsigned: string[] = [];
  const unreadable: string[] = [];
  // Without the signer: changed receipts are exported too, and the checker verifies every signature itself.
  for await (const batch of readReceipts({ ...context, signer: undefined }, { tenant }, {})) {
    for (const { ref, receipt } of batch) {
      if (typeof receipt === 'string') unreadable.push(`${ref.exam}/${ref.attempt}/${ref.recording}`);
      else if (receipt.jws === undefined) unsigned.push(`${ref.exam}/${ref.attempt}/${ref.recording}`);
      else {
        yield `${separator}${JSON.stringify(receipt.jws)}`;
        separator = ',\n';
      }
    }
  }
  const { keys } = publicKeys(context);
  yield `],${JSON.stringify({ unsigned, unreadable, keys: { keys } }).slice(1)}\n`;
}

/** @throws ServiceError `recording-not-found`, `recording-unreadable`, `receipt-not-signed`, `log-unreadable` */
export async function receiptProof(context: ProofContext, ref: RecordingRef): Promise<ReceiptProof> {
  const receipt = await new Bucket(context).readReceipt(ref);
  if (receipt === 'unreadable') throw new ServiceError('recording-unreadable', 'The receipt cannot be read.');
  if (!receipt) throw new ServiceError('recording-not-found', 'There is no receipt of such a recording.');
  const entry = entryOf(receipt);
  if (!entry || receipt.jws === undefined) {
    throw new ServiceError('receipt-not-signed', 'It was written when the service had no key that signs receipts.');
  }
  const log = new ReceiptLog(context.store, ref.tenant, context.signer);
  const head = await readHead(log);
  const index = head && (await whole(log.indexOf(entry, head)));
  const inclusion =
    head === undefined || index === undefined
      ? null
      : { index, hashes: await hashesOf(inclusionOf(log, head, index)), checkpoint: head.checkpoint };
  return { version: 1, receipt: receipt.jws, inclusion, keys: publicKeys(context) };
}

export interface ConsistencyFrom extends Pick<ConsistencyProof, 'hashes'> {
  /** Null while the log has no entry. */
  readonly newer: string | null;
}

/** From the tree of `size` entries to the latest. @throws ServiceError `invalid-request`, `log-unreadable` */
export async function consistencyFrom(
  { store, signer }: Pick<ProofContext, 'store' | 'signer'>,
  tenant: string,
  size: number,
): Promise<ConsistencyFrom> {
  const log = new ReceiptLog(store, tenant, signer);
  const head = await readHead(log);
  const known = head?.size ?? 0;
  if (size > known) {
    const errors = [{ path: 'size', message: `The log has ${known} ${known === 1 ? 'entry' : 'entries'}` }];
    throw new ServiceError('invalid-request', 'The log has fewer entries than that.', { errors });
  }
  if (!head) return { newer: null, hashes: [] };
  const hashes = consistencyProof(size, head.size, rootsFromTiles(log.tilesOf(head)));
  return { newer: head.checkpoint, hashes: await hashesOf(hashes) };
}

function inclusionOf(log: ReceiptLog, head: Head, index: number): Promise<Uint8Array[]> {
  return inclusionProof(index, head.size, rootsFromTiles(log.tilesOf(head)));
}

async function hashesOf(proof: Promise<Uint8Array[]>): Promise<string[]> {
  return (await whole(proof)).map(toBase64);
}

/** @throws ServiceError `log-unreadable` where a tile or a bundle is missing */
async function whole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof RangeError) throw unreadable();
    throw error;
  }
}

async function readHead(log: ReceiptLog): Promise<Head | undefined> {
  const stored = await log.head();
  if (stored === 'unknown-key')
    throw new ServiceError('log-unreadable', 'The log of receipts is signed by a key that this service does not have.');
  if (stored === 'unreadable') throw unreadable();
  return stored?.head;
}

function unreadable(): ServiceError {
  return new ServiceError('log-unreadable', 'A part of the log of receipts is missing or damaged.');
}
