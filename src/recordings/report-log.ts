// Compares the log of receipts with the receipts of a report: finds deletions without a receipt, and late deletions.
import { parseEntry, TILE_WIDTH } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../bucket/documents.ts';
import { LiveEntries } from '../bucket/live-entries.ts';
import { entryOf, type Head, type ReceiptLog } from '../bucket/receipt-log.ts';
import { DAY_MS } from '../model/durations.ts';
import { toDay } from '../model/times.ts';

/** A sweep adds a receipt to the log within this time. So entries are in the order of the deletions, up to this difference. */
const IN_ORDER_WITHIN_MS = 3 * DAY_MS;

/** The log entries whose receipts must still be kept after today. Each takes about fifty bytes of memory. */
export class LogComparison {
  readonly #live = new LiveEntries();
  #late = 0;
  readonly #loggedBeforeMs: number;
  #unlogged = 0;

  private constructor(nowMs: number) {
    this.#loggedBeforeMs = nowMs - IN_ORDER_WITHIN_MS;
  }

  /** For a tenant without a log: every signed receipt counts as missing from it. */
  static ofNone(nowMs: number): LogComparison {
    return new LogComparison(nowMs);
  }

  /** Reads the log backwards as far as receipts are kept, 256 entries per GET. Undefined if entries are missing or damaged. */
  static async read(
    log: Pick<ReceiptLog, 'bundlesFromEnd'>,
    tenant: string,
    head: Pick<Head, 'size' | 'entries'>,
    nowMs: number,
  ): Promise<LogComparison | undefined> {
    const comparison = new LogComparison(nowMs);
    const right = Math.floor(head.size / TILE_WIDTH);
    let reached = comparison.#add(tenant, right, head.entries, nowMs);
    if (reached === 'on') {
      for await (const { index, bundle = [] } of log.bundlesFromEnd(head.size)) {
        reached = bundle.length === 0 ? 'damaged' : comparison.#add(tenant, index, bundle, nowMs);
        if (reached !== 'on') break;
      }
    }
    return reached === 'damaged' ? undefined : comparison;
  }

  /** Whether to go on to the bundle before this one: `end` where the receipts of all its entries expired long ago. */
  #add(tenant: string, index: number, entries: readonly string[], nowMs: number): 'on' | 'end' | 'damaged' {
    const [today, longBefore] = [toDay(nowMs), toDay(nowMs - IN_ORDER_WITHIN_MS)];
    let isOver = entries.length > 0;
    for (const [at, text] of entries.entries()) {
      const entry = parseEntry(text);
      if (!entry) return 'damaged';
      if (entry.keptUntil >= longBefore) isOver = false;
      // A receipt that expires today may be deleted before this report reads it.
      if (entry.keptUntil <= today) continue;
      this.#live.add(tenant, index * TILE_WIDTH + at, entry);
      if (entry.leadSeconds < 0) this.#late += 1;
    }
    return isOver ? 'end' : 'on';
  }

  /** Must be called with every receipt of the report. */
  see(receipt: Receipt): void {
    const entry = entryOf(receipt);
    const isLogged = !entry || this.#live.account(entry, receipt.supersedes);
    if (!isLogged && Date.parse(receipt.verifiedAt) < this.#loggedBeforeMs) this.#unlogged += 1;
  }

  /** How many signed receipts should be in the log but are not. Valid after every receipt was passed to `see`. */
  get unlogged(): number {
    return this.#unlogged;
  }

  /** How many entries show a deletion after its deadline. */
  get late(): number {
    return this.#late;
  }

  /** How many entries have no receipt. Valid after every receipt was passed to `see`. */
  countMissing(): number {
    return [...this.#live.unaccounted()].length;
  }
}
