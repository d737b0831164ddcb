// The entries of all logs whose receipts must still be kept, in some thirty bytes each.
import type { LogEntry } from '@proctoring-recordings/receipt-verifier';
import { DAY_MS } from '../model/durations.ts';

/** The first eight bytes of a hash: of a million entries two agree by chance once in thirty million. */
const PREFIX_BYTES = 8;

/** An entry, as much as is kept of it. */
export interface LiveEntry {
  readonly tenant: string;
  readonly place: number;
  readonly hash: bigint;
  readonly recording: bigint;
  /** Days since the epoch. */
  readonly keptUntilDay: number;
  readonly generation: number;
}

export class LiveEntries {
  readonly #tenants: string[] = [];
  #count = 0;
  #hashes = new BigUint64Array(1024);
  #recordings = new BigUint64Array(1024);
  #places = new Uint32Array(1024);
  #owners = new Uint32Array(1024);
  #generations = new Uint16Array(1024);
  #days = new Uint32Array(1024);
  /** The places in the arrays, in order of their hashes; undefined while entries are added. */
  #order: Uint32Array | undefined;
  #byRecording: Uint32Array | undefined;
  #seen = new Uint8Array(0);

  add(tenant: string, place: number, { hash, recording, generation, keptUntil }: LogEntry): void {
    if (this.#tenants.at(-1) !== tenant) this.#tenants.push(tenant);
    if (this.#count === this.#hashes.length) this.#grow();
    const at = this.#count;
    this.#hashes[at] = hashPrefixOf(hash);
    this.#recordings[at] = hashPrefixOf(recording);
    this.#places[at] = place;
    this.#owners[at] = this.#tenants.length - 1;
    this.#generations[at] = generation;
    this.#days[at] = dayOf(keptUntil);
    this.#count += 1;
    this.#order = undefined;
    this.#byRecording = undefined;
  }

  /** Marks each entry of this hash; false where there is none. */
  see(hash: string): boolean {
    const found = [...this.#allOf(this.#sorted(), this.#hashes, hashPrefixOf(hash))];
    for (const at of found) this.#seen[at] = 1;
    return found.length > 0;
  }

  /** Marks what a receipt stands for: its own entry, those that it supersedes, and those of its twins; false where it is none. */
  account(entry: LogEntry, supersedes: readonly string[], days: number): boolean {
    const isOwn = this.see(entry.hash);
    for (const hash of supersedes) this.see(hash);
    const twins = [...this.#nearOf(entry, days)];
    for (const at of twins) this.#seen[at] = 1;
    return isOwn || twins.length > 0;
  }

  /** Whether there is an entry of a recording and a generation that is kept until about this day. */
  hasNear(entry: LogEntry, days: number): boolean {
    return this.#nearOf(entry, days).next().done === false;
  }

  *#nearOf({ recording, generation, keptUntil }: LogEntry, days: number): Generator<number, void, undefined> {
    this.#sorted();
    this.#byRecording ??= sortedBy(this.#recordings, this.#count);
    for (const at of this.#allOf(this.#byRecording, this.#recordings, hashPrefixOf(recording))) {
      const isNear = Math.abs((this.#days[at] as number) - dayOf(keptUntil)) <= days;
      if (isNear && this.#generations[at] === generation) yield at;
    }
  }

  /** Those that were not marked, in the order in which they were added. */
  *unseen(): Generator<LiveEntry, void, undefined> {
    this.#sorted();
    for (let at = 0; at < this.#count; at += 1) {
      if (this.#seen[at] === 1) continue;
      yield {
        tenant: this.#tenants[this.#owners[at] as number] as string,
        place: this.#places[at] as number,
        hash: this.#hashes[at] as bigint,
        keptUntilDay: this.#days[at] as number,
        recording: this.#recordings[at] as bigint,
        generation: this.#generations[at] as number,
      };
    }
  }

  /** The places of a value, by binary search. */
  *#allOf(order: Uint32Array, values: BigUint64Array, wanted: bigint): Generator<number, void, undefined> {
    const valueAt = (place: number) => values[order[place] as number] as bigint;
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (valueAt(middle) < wanted) low = middle + 1;
      else high = middle;
    }
    for (; low < order.length && valueAt(low) === wanted; low += 1) yield order[low] as number;
  }

  #sorted(): Uint32Array {
    if (!this.#order) {
      this.#order = sortedBy(this.#hashes, this.#count);
      this.#seen = new Uint8Array(this.#count);
    }
    return this.#order;
  }

  #grow(): void {
    const width = this.#count * 2;
    this.#hashes = extended(this.#hashes, new BigUint64Array(width));
    this.#recordings = extended(this.#recordings, new BigUint64Array(width));
    this.#places = extended(this.#places, new Uint32Array(width));
    this.#owners = extended(this.#owners, new Uint32Array(width));
    this.#generations = extended(this.#generations, new Uint16Array(width));
    this.#days = extended(this.#days, new Uint32Array(width));
  }
}

function sortedBy(values: BigUint64Array, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, at) => at).sort((a, b) => {
    const [first, second] = [values[a] as bigint, values[b] as bigint];
    return first < second ? -1 : first > second ? 1 : 0;
  });
}

function extended<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Days since the epoch, of `2026-11-30`. */
export function dayOf(keptUntil: string): number {
  return Math.floor(Date.parse(keptUntil) / DAY_MS);
}

/** Of a hash in base64url. */
export function hashPrefixOf(hash: string): bigint {
  return Buffer.from(hash, 'base64url').subarray(0, PREFIX_BYTES).readBigUInt64BE();
}
