// Receipts of one run hang together by hash, so that one that was taken away, or changed, shows.
import { createHash } from 'node:crypto';
import { type Receipt, toBody } from '../bucket/documents.ts';
import { newUniqueName, type RandomBytes } from '../model/ids.ts';
import { fromKeyTime, toKeyTime } from '../model/times.ts';

export type UnchainedReceipt = Omit<Receipt, 'chain'>;

/** Receipts that one index names: they follow each other in their run. */
interface ReceiptBatch {
  readonly run: string;
  /** The sequence number of the first receipt; a run begins at 1. */
  readonly first: number;
  /** The hash of the receipt before the first one; null at the beginning of a run. */
  readonly previous: string | null;
  /** The hash of the last one; null of no receipts. */
  readonly last: string | null;
  readonly receipts: readonly Receipt[];
}

export interface ReceiptChain {
  /**
   * Gives a batch the places that come next, and has its index written. One batch after the other: `draftsOf` is called when
   * all batches before this one are written. When a write fails, it may have taken effect or not: this batch may or may not be
   * the last of its run, and the next one begins a new run. So no run has a hole, and no place is given twice.
   */
  append(
    draftsOf: () => readonly UnchainedReceipt[],
    writeIndex: (batch: ReceiptBatch) => Promise<void>,
  ): Promise<readonly Receipt[]>;
}

/** A deletion on request has one receipt; a sweep has as many as it deletes. */
export type ReceiptRun = 'request' | 'sweep';

interface Place {
  readonly run: string;
  readonly first: number;
  readonly previous: string | null;
}

export function newReceiptChain(
  { now, randomBytes }: { now: () => number; randomBytes: RandomBytes },
  kind: ReceiptRun,
): ReceiptChain {
  const newRun = (): Place => {
    return { run: `${kind}-${toKeyTime(now())}-${newUniqueName(randomBytes)}`, first: 1, previous: null };
  };
  let next: Place | undefined;
  let before: Promise<unknown> = Promise.resolve();
  return {
    append(draftsOf, writeIndex) {
      const appended = before.then(async () => {
        const drafts = draftsOf();
        if (drafts.length === 0) return [];
        const batch = chained(next ?? newRun(), drafts);
        next = undefined;
        await writeIndex(batch);
        next = { run: batch.run, first: batch.first + batch.receipts.length, previous: batch.last };
        return batch.receipts;
      });
      before = appended.catch(() => {});
      return appended;
    },
  };
}

function chained({ run, first, previous }: Place, drafts: readonly UnchainedReceipt[]): ReceiptBatch {
  let last = previous;
  const receipts = drafts.map((draft, index) => {
    const receipt: Receipt = { ...draft, chain: { run, sequence: first + index, previous: last } };
    last = hashOf(toBody(receipt));
    return receipt;
  });
  return { run, first, previous, last, receipts };
}

/** Whether more batches of receipts may belong to this run. */
export function isSweepRun(run: string): boolean {
  return run.startsWith('sweep-');
}

/** When a run began, by its name; undefined of a name that this service does not make. */
export function beganAtOf(run: string): number | undefined {
  return fromKeyTime(run.split('-')[1] ?? '');
}

/** SHA-256 of a receipt as it lies in the bucket, in hex. */
export function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
