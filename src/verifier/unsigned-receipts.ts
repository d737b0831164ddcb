// Receipts without a signature. Those from before the first signature cannot be checked; the service did not write later ones.
import { DAY_MS } from '../model/durations.ts';
import type { VerifyRun } from './run.ts';

/** The processes of a service get its key one after the other. */
const SIGNING_WITHIN_MS = 2 * DAY_MS;

interface Unsigned {
  readonly key: string;
  readonly writtenMs: number;
}

/** Which are judged is known when all receipts were read: of more than `windowKeys` the latest are held. */
export class UnsignedReceipts {
  readonly #run: VerifyRun;
  #latest: Unsigned[] = [];
  /** When the earliest signed receipt was written. */
  #signingSinceMs = Number.POSITIVE_INFINITY;

  constructor(run: VerifyRun) {
    this.#run = run;
  }

  add(key: string, writtenMs: number): void {
    this.#latest.push({ key, writtenMs });
    if (this.#latest.length < 2 * this.#run.windowKeys) return;
    this.#latest.sort((a, b) => b.writtenMs - a.writtenMs);
    for (const _ of this.#latest.splice(this.#run.windowKeys)) this.#run.findings.skip('receipts-unsigned');
  }

  /** Of a receipt whose signature is true. */
  addSigned(writtenMs: number): void {
    this.#signingSinceMs = Math.min(this.#signingSinceMs, writtenMs);
  }

  async finish(): Promise<void> {
    const { findings } = this.#run;
    for (const { key, writtenMs } of this.#latest) {
      if (writtenMs <= this.#signingSinceMs + SIGNING_WITHIN_MS) findings.skip('receipts-unsigned');
      else
        await this.#run.report(
          'receipt-unsigned',
          key,
          'the service had signed receipts for more than two days by then',
        );
    }
  }
}
