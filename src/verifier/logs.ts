// Checks the logs of receipts: heads, tiles and entries agree; every entry has its receipt, and every receipt its entry.
import { GrowingTree, isSameHash, parseEntry, TILE_WIDTH } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../bucket/documents.ts';
import { keysIn, receiptRef } from '../bucket/inventory.ts';
import { LiveEntries } from '../bucket/live-entries.ts';
import {
  agreesWithItsSignature,
  entryOf,
  type Head,
  leafOf,
  ReceiptLog,
  submitReceipts,
} from '../bucket/receipt-log.ts';
import { DAY_MS } from '../model/durations.ts';
import { toDay } from '../model/times.ts';
import type { VerifyRun } from './run.ts';

/** A receipt comes into its log with the first sweep after the grace period; sweeps may be a day apart. */
const LOGGED_WITHIN_MS = 2 * DAY_MS;

const HEAD_PROBLEMS = {
  missing: 'its tiles are there, and no head',
  unreadable: 'it is torn, or not what a key has signed',
} as const;

/** The logs are read before the receipts: what is in a log then has its receipt. */
export class LogCheck {
  readonly #run: VerifyRun;
  readonly #live = new LiveEntries();
  /** Tenants whose log could not be read to its end: which receipts it has is not known. */
  readonly #unread = new Set<string>();
  /** Submissions that are in a log, and will be removed. */
  readonly #included = new Set<string>();

  constructor(run: VerifyRun) {
    this.#run = run;
  }

  /** Lists `log/`: for each head that counts, and for each 256 entries, two GETs. */
  async readLogs(): Promise<void> {
    const run = this.#run;
    let tenant: string | undefined;
    let isFirst = run.context.signer === undefined;
    for await (const { key, parsed } of keysIn(run.bucket.store, 'log')) {
      if (parsed?.type !== 'log-head' && parsed?.type !== 'log-tile' && parsed?.type !== 'log-entries') {
        await run.report('unknown-key', key, 'in the folder of logs');
        continue;
      }
      if (isFirst) await run.report('log-key-missing', key, 'no signature can be checked');
      isFirst = false;
      if (parsed.tenant !== tenant) {
        tenant = parsed.tenant;
        await this.#readLog(tenant);
      }
    }
    await this.#checkSubmissions();
  }

  async #readLog(tenant: string): Promise<void> {
    const run = this.#run;
    const { store, signer } = run.context;
    const log = new ReceiptLog(store, tenant, signer);
    const stored = await log.head();
    if (stored && typeof stored !== 'string') {
      for (const key of stored.head.included) this.#included.add(key);
      return this.#readEntries(tenant, log, stored.head);
    }
    this.#unread.add(tenant);
    if (stored === 'unknown-key') return run.report('log-key-unknown', log.name, 'its latest head');
    await run.report('log-head-unreadable', log.name, HEAD_PROBLEMS[stored ?? 'missing']);
  }

  /** Grows the tree again, and compares each tile that it fills. */
  async #readEntries(tenant: string, log: ReceiptLog, head: Head): Promise<void> {
    const tree = new GrowingTree();
    const wholeBundles = Math.floor(head.size / TILE_WIDTH);
    for (let index = 0; index < wholeBundles; index += 1) {
      const bundle = await log.readEntries(index);
      if (!bundle) {
        this.#unread.add(tenant);
        await this.#run.report('log-changed', log.name, `entries from ${index * TILE_WIDTH} on are missing or damaged`);
        return;
      }
      for (const entry of bundle) await this.#take(tenant, log, tree, entry);
    }
    for (const entry of head.entries) await this.#take(tenant, log, tree, entry);
    const signed = new GrowingTree(head.size, [head.entries.map(leafOf), ...head.edge]);
    if (!isSameHash(tree.root, signed.root)) {
      await this.#run.report('log-changed', log.name, 'its entries are not those of its checkpoint');
    }
  }

  async #take(tenant: string, log: ReceiptLog, tree: GrowingTree, text: string): Promise<void> {
    const place = tree.size;
    const entry = parseEntry(text);
    if (entry && entry.keptUntil >= toDay(this.#run.context.now())) this.#live.add(tenant, place, entry);
    for (const { level, index, hashes } of tree.append(leafOf(text))) {
      const stored = await log.readTile(level, index).catch((error: unknown) => {
        if (error instanceof RangeError) return [];
        throw error;
      });
      if (hashes.every((hash, at) => stored[at] && isSameHash(hash, stored[at]))) continue;
      await this.#run.report('log-changed', log.name, `tile ${level}/${index} is missing or damaged`);
    }
  }

  /** What should have come into a log by now, and did not. */
  async #checkSubmissions(): Promise<void> {
    const run = this.#run;
    const { store, signer } = run.context;
    for await (const { key, parsed, lastModifiedMs } of keysIn(store, 'log-queue')) {
      if (parsed?.type !== 'log-queue') {
        await run.report('unknown-key', key, 'among the submissions to logs');
        continue;
      }
      if (!signer || this.#included.has(key)) continue;
      const entries = await new ReceiptLog(store, parsed.tenant).readSubmission(signer, key);
      if (entries === 'forged') await run.report('log-submission-forged', key, 'no key has signed it');
      if (entries === 'unknown-key') await run.report('log-key-unknown', key, 'a submission');
      const isOver = run.context.now() - lastModifiedMs > LOGGED_WITHIN_MS + run.context.settleMs;
      if (isOver && entries !== 'missing' && entries !== 'forged') {
        await run.report('log-submission-waiting', key, 'no sweep took it');
      }
    }
  }

  /** Call it with every receipt: checks its signature, and that its log has an entry of it. */
  async see(key: string, receipt: Receipt): Promise<void> {
    const run = this.#run;
    const { context, findings } = run;
    const { signer } = context;
    const entry = entryOf(receipt);
    if (!entry) return findings.skip('receipts-unsigned');
    if (!signer) findings.skip('signatures');
    const agreement = signer && (await agreesWithItsSignature(signer, receipt));
    if (agreement === 'forged') return run.report('receipt-forged', key, 'its signature is not over what it says');
    if (agreement === 'unknown-key')
      await run.report('log-key-unknown', key, 'a receipt: a key is missing, or the receipt is not of this service');
    const isKnown = this.#live.account(entry, receipt.supersedes);
    if (isKnown || !signer || this.#unread.has(receipt.tenantId)) return;
    const ageMs = context.now() - Date.parse(receipt.verifiedAt);
    const isKept = entry.keptUntil >= toDay(context.now());
    if (!isKept || ageMs <= LOGGED_WITHIN_MS + context.settleMs) return;
    // Signed it is, and true: it comes into the log late.
    const act = () => submitReceipts({ ...context, signer }, receipt.tenantId, [receipt]);
    const repair = agreement === 'yes' ? { of: receiptRef(key), act } : undefined;
    await run.report('receipt-not-in-log', key, `verified ${receipt.verifiedAt}`, repair);
  }

  /** After all receipts: reports the entries whose receipt must still be kept and is missing. */
  async finish(): Promise<void> {
    for (const { tenant, place } of this.#live.unaccounted()) {
      const name = new ReceiptLog(this.#run.bucket.store, tenant).name;
      await this.#run.report('receipt-missing', name, `entry ${place} of the log has no receipt`);
    }
  }
}
