// Receipts of one run hang together by hash, so that one that was taken away, or changed, shows.
import { createHash } from 'node:crypto';
import { type Receipt, toBody } from '../domain/documents.ts';
import { newUniqueName, type RandomBytes } from '../domain/ids.ts';
import { toKeyTime } from '../domain/times.ts';

export type UnchainedReceipt = Omit<Receipt, 'chain'>;

export interface ReceiptChain {
  readonly run: string;
  /** The sequence number of the next receipt, from 1. */
  readonly next: number;
  /** The hash of the last one; null before the first. */
  readonly previous: string | null;
  /** The receipt with its place in the chain. */
  add(receipt: UnchainedReceipt): Receipt;
}

/** A deletion on request has one receipt; a sweep has as many as it deletes. */
export type ReceiptRun = 'request' | 'sweep';

export function newReceiptChain(
  { now, randomBytes }: { now: () => number; randomBytes: RandomBytes },
  kind: ReceiptRun,
): ReceiptChain {
  const run = `${kind}-${toKeyTime(now())}-${newUniqueName(randomBytes)}`;
  let sequence = 0;
  let previous: string | null = null;
  return {
    run,
    get next() {
      return sequence + 1;
    },
    get previous() {
      return previous;
    },
    add(unchained) {
      sequence += 1;
      const receipt: Receipt = { ...unchained, chain: { run, sequence, previous } };
      previous = hashOf(toBody(receipt));
      return receipt;
    },
  };
}

/** Whether more batches of receipts may belong to this run. */
export function isSweepRun(run: string): boolean {
  return run.startsWith('sweep-');
}

/** SHA-256 of a receipt as it lies in the bucket, in hex. */
export function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
