// Checks the objects of one log: its head counts each of them, or it is an earlier head of the same log.
import {
  GrowingTree,
  HASH_BYTES,
  isSameHash,
  rootsFromTiles,
  TILE_WIDTH,
} from '@proctoring-recordings/receipt-verifier';
import type { InventoryKey } from '../bucket/inventory.ts';
import { edgeOf, type Head, type ReceiptLog } from '../bucket/receipt-log.ts';
import type { VerifyRun } from './run.ts';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** No entry has more than 118 bytes, behind two with its length. */
const MAX_BUNDLE_BYTES = TILE_WIDTH * 120;

export class LogObjects {
  readonly #run: VerifyRun;
  readonly #log: ReceiptLog;
  readonly #head: Head;
  /** The root that the log had when it had that many entries. */
  readonly #rootAt: (size: number) => Promise<Uint8Array>;

  constructor(run: VerifyRun, log: ReceiptLog, head: Head) {
    this.#run = run;
    this.#log = log;
    this.#head = head;
    const rootOfRange = rootsFromTiles(log.tilesOf(head));
    this.#rootAt = (size) => rootOfRange(0, size);
  }

  /** What is young may be of a sweep that is at work, or died: the next one writes the same, and a head that counts it. */
  async see({ key, parsed, lastModifiedMs, sizeBytes }: InventoryKey): Promise<void> {
    const { context, startedAtMs } = this.#run;
    const isYoung = !(startedAtMs - lastModifiedMs > context.settleMs);
    if (this.#isCounted(parsed) || (isYoung && mayBe(parsed, sizeBytes))) return;
    if (parsed?.type === 'log-head' && parsed.size > 0) return this.#seeHead(key, parsed.size, lastModifiedMs);
    await this.#run.report('unknown-key', key, 'the head of its log does not count it');
  }

  #isCounted(parsed: InventoryKey['parsed']): boolean {
    const { size } = this.#head;
    if (parsed?.type === 'log-head') return parsed.size === size;
    if (parsed?.type === 'log-entries') return (parsed.index + 1) * TILE_WIDTH <= size;
    return parsed?.type === 'log-tile' && (parsed.index + 1) * TILE_WIDTH ** (parsed.level + 1) <= size;
  }

  /** One that was replaced stays until the log grows again. */
  async #seeHead(key: string, size: number, lastModifiedMs: number): Promise<void> {
    const run = this.#run;
    const head = await this.#log.readHead({ key, size, lastModifiedMs });
    if (head === undefined) return;
    if (head === 'unknown-key') return run.report('log-key-unknown', key, 'an earlier head');
    if (head === 'unreadable') return run.report('unknown-key', key, 'no key has signed it as an earlier head');
    if (await this.#continues(head)) return;
    await run.report('log-changed', key, 'this earlier head is no beginning of the log');
  }

  /** A tile that is missing or damaged is reported where it is read. */
  async #continues(earlier: Head): Promise<boolean> {
    try {
      return isSameHash(new GrowingTree(earlier.size, edgeOf(earlier)).root, await this.#rootAt(earlier.size));
    } catch (error) {
      if (error instanceof RangeError) return true;
      throw error;
    }
  }
}

/** Whether a sweep may have written something of that size. */
function mayBe(parsed: InventoryKey['parsed'], sizeBytes: number): boolean {
  if (parsed?.type === 'log-tile') return sizeBytes === TILE_BYTES;
  return parsed?.type === 'log-head' || sizeBytes <= MAX_BUNDLE_BYTES;
}
