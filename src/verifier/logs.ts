// Checks the logs of receipts: heads, tiles and entries agree; every entry has its receipt, and every receipt its entry.
import { GrowingTree, isSameHash, parseEntry, type Tile } from '@proctoring-recordings/receipt-verifier';
import type { Receipt } from '../bucket/documents.ts';
import { type InventoryKey, keysIn, receiptRef } from '../bucket/inventory.ts';
import { actOnEach } from '../bucket/listing.ts';
import { LiveEntries } from '../bucket/live-entries.ts';
import {
  agreesWithItsSignature,
  entryOf,
  type Head,
  leafOf,
  ReceiptLog,
  submitReceipts,
} from '../bucket/receipt-log.ts';
import type { Signer } from '../bucket/signer.ts';
import { DAY_MS } from '../model/durations.ts';
import { toDay } from '../model/times.ts';
import { LogObjects } from './log-objects.ts';
import type { VerifyRun } from './run.ts';
import { UnsignedReceipts } from './unsigned-receipts.ts';

/** A receipt comes into its log with the first sweep after the grace period; sweeps may be a day apart. */
const LOGGED_WITHIN_MS = 2 * DAY_MS;
/** A receipt that has expired is deleted within that time, or its index is found. */
const EXPIRED_WITHIN_MS = 2 * DAY_MS;

/** Tiles read at once, of 8 KiB each. */
const TILES_AT_ONCE = 8;

const HEAD_PROBLEMS = {
  missing: 'its tiles are there, and no head',
  unreadable: 'it is torn, or not what a key has signed',
} as const;

/** The logs are read before the receipts: what is in a log then has its receipt. */
export class LogCheck {
  readonly #run: VerifyRun;
  readonly #live = new LiveEntries();
  /** What is submitted, and in no log yet. */
  readonly #waiting = new LiveEntries();
  readonly #unsigned: UnsignedReceipts;
  /** Tenants whose log could not be read to its end: which receipts it has is not known. */
  readonly #unread = new Set<string>();
  /** Submissions that are in a log, and will be removed. */
  readonly #included = new Set<string>();

  constructor(run: VerifyRun) {
    this.#run = run;
    this.#unsigned = new UnsignedReceipts(run);
  }

  /** Lists `log/`: for each head that counts, and for each 256 entries, two GETs. */
  async readLogs(): Promise<void> {
    const run = this.#run;
    let tenant: string | undefined;
    let objects: LogObjects | undefined;
    let isFirst = run.context.signer === undefined;
    for await (const object of keysIn(run.bucket.store, 'log')) {
      const { key, parsed } = object;
      if (parsed?.type !== 'log-head' && parsed?.type !== 'log-tile' && parsed?.type !== 'log-entries') {
        await run.report('unknown-key', key, 'in the folder of logs');
        continue;
      }
      if (isFirst) await run.report('log-key-missing', key, 'no signature can be checked');
      isFirst = false;
      if (parsed.tenant !== tenant) {
        tenant = parsed.tenant;
        objects = await this.#readLog(tenant);
      }
      await objects?.see(object);
    }
    await this.#checkSubmissions();
  }

  /** Undefined where the log cannot be read, which is reported. */
  async #readLog(tenant: string): Promise<LogObjects | undefined> {
    const run = this.#run;
    const { store, signer } = run.context;
    const log = new ReceiptLog(store, tenant, signer);
    const stored = await log.head();
    if (stored && typeof stored !== 'string') {
      for (const key of stored.head.included) this.#included.add(key);
      await this.#readEntries(tenant, log, stored.head);
      return new LogObjects(run, log, stored.head);
    }
    this.#unread.add(tenant);
    if (stored === 'unknown-key') await run.report('log-key-unknown', log.name, 'its latest head');
    else await run.report('log-head-unreadable', log.name, HEAD_PROBLEMS[stored ?? 'missing']);
    return undefined;
  }

  /** Grows the tree again, and compares each tile that it fills. */
  async #readEntries(tenant: string, log: ReceiptLog, head: Head): Promise<void> {
    const tree = new GrowingTree();
    const take = (text: string) => this.#take(tenant, tree, text);
    async function* tiles(): AsyncGenerator<Tile, void, undefined> {
      for await (const bundle of log.bundles(head)) yield* bundle.flatMap(take);
    }
    await actOnEach(tiles(), (tile) => this.#checkTile(log, tile), { concurrency: TILES_AT_ONCE });
    if (tree.size < head.size) {
      this.#unread.add(tenant);
      await this.#run.report('log-changed', log.name, `entries from ${tree.size} on are missing or damaged`);
      return;
    }
    const signed = new GrowingTree(head.size, [head.entries.map(leafOf), ...head.edge]);
    if (!isSameHash(tree.root, signed.root)) {
      await this.#run.report('log-changed', log.name, 'its entries are not those of its checkpoint');
    }
  }

  /** The tiles that the entry fills. */
  #take(tenant: string, tree: GrowingTree, text: string): Tile[] {
    const place = tree.size;
    const entry = parseEntry(text);
    if (entry && entry.keptUntil >= toDay(this.#run.context.now() - EXPIRED_WITHIN_MS)) {
      this.#live.add(tenant, place, entry);
    } else if (entry) this.#live.pass(tenant, place, entry);
    return tree.append(leafOf(text));
  }

  async #checkTile(log: ReceiptLog, { level, index, hashes }: Tile): Promise<void> {
    const stored = await log.readTile(level, index).catch((error: unknown) => {
      if (error instanceof RangeError) return [];
      throw error;
    });
    if (hashes.every((hash, at) => stored[at] && isSameHash(hash, stored[at]))) return;
    await this.#run.report('log-changed', log.name, `tile ${level}/${index} is missing or damaged`);
  }

  /** What should have come into a log by now, and did not. */
  async #checkSubmissions(): Promise<void> {
    const { store, signer } = this.#run.context;
    for await (const { key, parsed, lastModifiedMs } of keysIn(store, 'log-queue')) {
      if (parsed?.type !== 'log-queue') await this.#run.report('unknown-key', key, 'among the submissions to logs');
      else if (signer && !this.#included.has(key)) {
        await this.#checkSubmission(parsed.tenant, signer, { key, lastModifiedMs });
      }
    }
  }

  async #checkSubmission(
    tenant: string,
    signer: Signer,
    submission: Pick<InventoryKey, 'key' | 'lastModifiedMs'>,
  ): Promise<void> {
    const run = this.#run;
    const { key, lastModifiedMs } = submission;
    const entries = await new ReceiptLog(run.bucket.store, tenant).readSubmission(signer, submission);
    if (entries === 'missing') return;
    if (entries === 'forged') return run.report('log-submission-forged', key, 'no key has signed it');
    if (entries === 'expired') return run.report('log-submission-expired', key, 'no sweep takes it');
    if (entries === 'unknown-key') await run.report('log-key-unknown', key, 'a submission: the log waits for its key');
    else {
      for (const [place, text] of entries.entries()) {
        const entry = parseEntry(text);
        if (entry) this.#waiting.add(tenant, place, entry);
      }
    }
    const isOver = run.context.now() - lastModifiedMs > LOGGED_WITHIN_MS + run.context.settleMs;
    if (isOver) await run.report('log-submission-waiting', key, 'no sweep took it');
  }

  /** Call it with every receipt: checks its signature, and that its log has an entry of it. */
  async see(key: string, receipt: Receipt): Promise<void> {
    const run = this.#run;
    const { context, findings } = run;
    const { signer } = context;
    const entry = entryOf(receipt);
    const writtenMs = Date.parse(receipt.verifiedAt);
    if (!entry) return this.#unsigned.add(key, writtenMs);
    if (!signer) findings.skip('signatures');
    const agreement = signer && (await agreesWithItsSignature(signer, receipt));
    if (agreement === 'forged') return run.report('receipt-forged', key, 'its signature is not over what it says');
    if (agreement === 'unknown-key')
      await run.report('log-key-unknown', key, 'a receipt: a key is missing, or the receipt is not of this service');
    if (agreement === 'yes') this.#unsigned.addSigned(writtenMs);
    const isKnown = this.#live.account(entry, receipt.supersedes, writtenMs);
    const isKept = entry.keptUntil >= toDay(context.now());
    if (isKnown || !isKept || this.#unread.has(receipt.tenantId)) return;
    const isOver = context.now() - writtenMs > LOGGED_WITHIN_MS + context.settleMs;
    if (!isOver || !signer) return findings.skip('receipts-unlogged');
    // A genuine receipt is submitted again, unless it already waits in the queue.
    const canCome = agreement === 'yes' && !this.#waiting.account(entry);
    const act = () => submitReceipts({ ...context, signer }, receipt.tenantId, [receipt]);
    const repair = canCome ? { of: receiptRef(key), act } : undefined;
    await run.report('receipt-not-in-log', key, `verified ${receipt.verifiedAt}`, repair);
  }

  /** After all receipts. */
  async finish(): Promise<void> {
    const run = this.#run;
    await this.#unsigned.finish();
    const nameOf = (tenant: string) => new ReceiptLog(run.bucket.store, tenant).name;
    for (const { tenant, place } of this.#live.unaccounted(toDay(run.context.now()))) {
      await run.report('receipt-missing', nameOf(tenant), `entry ${place} of the log has no receipt`);
    }
    for (const { tenant, place } of this.#live.outOfTime()) {
      await run.report(
        'log-entry-expired',
        nameOf(tenant),
        `entry ${place} of the log is older than what is before it`,
      );
    }
  }
}
