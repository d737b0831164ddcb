// Deletion receipts: written after their index, chained by hash within a run, so that a missing or changed one shows.
import { createHash } from 'node:crypto';
import { DAY_MS, SECOND_MS } from '../model/durations.ts';
import { newUniqueName, type RandomBytes } from '../model/ids.ts';
import { fromKeyTime, toDay, toKeyTime } from '../model/times.ts';
import type { DeletionQueue } from './deletion-queue.ts';
import { type Receipt, refOf, toBody } from './documents.ts';
import { keyOf } from './layout.ts';
import type { Signer } from './signer.ts';

export type UnchainedReceipt = Omit<Receipt, 'chain' | 'keptUntil' | 'salt' | 'jws'>;

/** A deletion on request has one receipt; a sweep has as many as it deletes. */
export type ReceiptRun = 'request' | 'sweep';

export interface ReceiptChainContext {
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** How long receipts and audit events are kept (policy 8.5). */
  readonly logRetentionMs: number;
  /** Undefined: receipts are not signed, and there is no log of them. */
  readonly signer?: Signer | undefined;
}

const SALT_BYTES = 16;

/** The place in its run that the next receipt takes. */
interface Place {
  readonly run: string;
  /** A run begins at 1. */
  readonly first: number;
  /** The hash of the receipt before it; null at the beginning of a run. */
  readonly previous: string | null;
}

/** The receipts of one run. */
export class ReceiptChain {
  readonly #context: ReceiptChainContext;
  readonly #queue: DeletionQueue;
  readonly #kind: ReceiptRun;
  #next: Place | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: ReceiptChainContext, queue: DeletionQueue, kind: ReceiptRun) {
    this.#context = context;
    this.#queue = queue;
    this.#kind = kind;
  }

  /**
   * Gives a batch the places that come next, and writes the index that names them and leads to their expiry; the caller
   * writes the receipts. One batch after the other: `draftsOf` is called when all batches before this one are written.
   * When the write fails, it may have taken effect or not: this batch may or may not be the last of its run, and the next
   * one begins a new run. So no run has a hole, and no place is given twice. @throws StoreError
   */
  append(draftsOf: () => readonly UnchainedReceipt[]): Promise<readonly Receipt[]> {
    const appended = this.#last.then(async () => {
      const drafts = draftsOf();
      if (drafts.length === 0) return [];
      const { now, logRetentionMs } = this.#context;
      const { run, first, previous } = this.#next ?? this.#newRun();
      this.#next = undefined;
      const expiresAtMs = now() + logRetentionMs;
      const { receipts, last } = await this.#chained({ run, first, previous }, drafts, expiresAtMs);
      const keys = receipts.map((receipt) => keyOf('receipt', refOf(receipt)));
      const index = { version: 1, run, first, previous, keys, ...(last !== null && { last }) } as const;
      await this.#queue.enqueueReceipts(index, expiresAtMs);
      this.#next = { run, first: first + receipts.length, previous: last };
      return receipts;
    });
    this.#last = appended.catch(() => {});
    return appended;
  }

  async #chained({ run, first, previous }: Place, drafts: readonly UnchainedReceipt[], expiresAtMs: number) {
    const receipts: Receipt[] = [];
    let before = previous;
    for (const [index, draft] of drafts.entries()) {
      const chain = { run, sequence: first + index, previous: before };
      const receipt = await this.#signed({ ...draft, chain }, expiresAtMs);
      receipts.push(receipt);
      before = hashOf(toBody(receipt));
    }
    return { receipts, last: before };
  }

  async #signed(receipt: Receipt, expiresAtMs: number): Promise<Receipt> {
    const { signer, randomBytes } = this.#context;
    if (!signer) return receipt;
    const salt = Buffer.from(randomBytes(SALT_BYTES)).toString('base64url');
    // The day before: on the day of its expiry a receipt may be gone.
    const { supersedes = [] } = receipt;
    const claims = { ...receipt, supersedes, keptUntil: toDay(expiresAtMs - DAY_MS), salt };
    return { ...claims, jws: await signer.sign('receipt', toBody(claims)) };
  }

  #newRun(): Place {
    const { now, randomBytes } = this.#context;
    return { run: `${this.#kind}-${toKeyTime(now())}-${newUniqueName(randomBytes)}`, first: 1, previous: null };
  }
}

/** The same receipt, which also replaces others: to the byte, whoever makes it, so that it may be made twice at once. */
export async function replacing(signer: Signer, receipt: Receipt, hashes: readonly string[]): Promise<Receipt> {
  const { jws: _, ...rest } = receipt;
  const claims = { ...rest, supersedes: [...(receipt.supersedes ?? []), ...hashes] };
  return { ...claims, jws: await signer.sign('receipt', toBody(claims)) };
}

/** How long after its deadline a recording was deleted, in milliseconds; 0 when it was in time. */
export function latenessOf({ deadline, deletedAt }: Pick<Receipt, 'deadline' | 'deletedAt'>): number {
  return Math.max(0, Date.parse(deletedAt) - Date.parse(deadline));
}

/** Whole seconds, rounded up: what was late is never reported as 0. */
export function inSeconds(latenessMs: number): number {
  return Math.ceil(latenessMs / SECOND_MS);
}

/** Whether more batches of receipts may belong to this run. */
export function isSweepRun(run: string): boolean {
  return run.startsWith('sweep-');
}

/** When a run began, by its name; undefined of a name that this service does not make. */
export function beganAtOf(run: string): number | undefined {
  return fromKeyTime(run.split('-')[1] ?? '');
}

/** SHA-256 of a receipt as it is stored, in hex. */
export function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
