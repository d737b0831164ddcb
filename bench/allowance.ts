// What a provider allows an account: so many requests a second that write or list, and so many in all.
import { type Operation, writesOrLists } from './operations.ts';

export interface Allowance {
  readonly writesOrLists: number;
  readonly all: number;
}

/** DigitalOcean Spaces, for each bucket, as a community answer of unknown date says; docs/stores.md has what its pages say. */
export const SPACES: Allowance = { writesOrLists: 150, all: 240 };

/** Token buckets that hold what is allowed in one second. A refused request takes nothing from them. */
export class Meter {
  readonly #writesOrLists: Bucket;
  readonly #all: Bucket;

  constructor(allowance: Allowance, nowMs: () => number = () => performance.now()) {
    this.#writesOrLists = new Bucket(allowance.writesOrLists, nowMs);
    this.#all = new Bucket(allowance.all, nowMs);
  }

  accepts(operation: Operation): boolean {
    const buckets = writesOrLists(operation) ? [this.#all, this.#writesOrLists] : [this.#all];
    if (!buckets.every((bucket) => bucket.hasOne())) return false;
    for (const bucket of buckets) bucket.takeOne();
    return true;
  }
}

class Bucket {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #level: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#level = perSecond;
    this.#filledAtMs = nowMs();
  }

  hasOne(): boolean {
    const nowMs = this.#nowMs();
    this.#level = Math.min(this.#perSecond, this.#level + ((nowMs - this.#filledAtMs) * this.#perSecond) / 1000);
    this.#filledAtMs = nowMs;
    return this.#level >= 1;
  }

  takeOne(): void {
    this.#level -= 1;
  }
}
