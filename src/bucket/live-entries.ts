// The entries of logs whose receipts must still be kept, in some fifty bytes each: which of them have a receipt, and which
// entries came into their log after they had expired.
import type { LogEntry } from '@proctoring-recordings/receipt-verifier';
import { DAY_MS } from '../model/durations.ts';

/** The first eight bytes of a hash: of a million entries two agree by chance once in thirty million. */
const PREFIX_BYTES = 8;
/** Two simultaneous purges of a recording each write a receipt, and one replaces the other. Their last days differ by at most this. */
const AT_ONCE_DAYS = 2;
/** A receipt comes into its log within this time after it was written, and has not expired by then. */
const LOGGED_WITHIN_MS = 2 * DAY_MS;
/** Where no expired entry follows. */
const NO_DAY = 2 ** 32 - 1;

export interface LiveEntry {
  readonly tenant: string;
  /** Counted from 0. */
  readonly place: number;
}

interface Purge {
  /** The beginning of the hash of its receipt. */
  readonly hash: bigint;
  readonly generation: number;
  /** The last day of its receipt, in days since the epoch. */
  readonly day: number;
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
  /** When the receipt of an entry was written; 0 while it has none. */
  #writtenMs = new Float64Array(1024);
  /** Of the expired entries between an entry and the next: the earliest last day, and where that is. */
  #expiredDays = new Uint32Array(1024);
  #expiredPlaces = new Uint32Array(1024);
  /** The places in the arrays, in order of their recordings; undefined while entries are added. */
  #order: Uint32Array | undefined;
  #accounted = new Uint8Array(0);

  /** Before the first `account`. */
  add(tenant: string, place: number, { hash, recording, generation, keptUntil }: LogEntry): void {
    if (this.#tenants.at(-1) !== tenant) this.#tenants.push(tenant);
    if (this.#count === this.#hashes.length) this.#grow();
    const at = this.#count;
    this.#hashes[at] = prefixOf(hash);
    this.#recordings[at] = prefixOf(recording);
    this.#places[at] = place;
    this.#owners[at] = this.#tenants.length - 1;
    this.#generations[at] = generation;
    this.#days[at] = dayOf(keptUntil);
    this.#expiredDays[at] = NO_DAY;
    this.#count += 1;
    this.#order = undefined;
  }

  /** An entry whose receipt has expired; in order with those that are added. */
  pass(tenant: string, place: number, { keptUntil }: LogEntry): void {
    const before = this.#count - 1;
    if (this.#tenants[this.#owners[before] ?? -1] !== tenant) return;
    const day = dayOf(keptUntil);
    if (day >= (this.#expiredDays[before] as number)) return;
    this.#expiredDays[before] = day;
    this.#expiredPlaces[before] = place;
  }

  /**
   * Marks the entries that a receipt accounts for: its own, those of the receipts that it supersedes, and those of purges of
   * the same recording that were simultaneous with any of these. Returns whether its own or that of a simultaneous purge
   * was found. `writtenMs`: when the receipt was written, for `outOfTime`.
   */
  account(
    { hash, recording, generation, keptUntil }: LogEntry,
    supersedes: readonly string[] = [],
    writtenMs = 0,
  ): boolean {
    const superseded = new Set(supersedes.map(prefixOf));
    const entries = [...this.#entriesOf(prefixOf(recording))];
    const own = { hash: prefixOf(hash), generation, day: dayOf(keptUntil) };
    const stands = [own, ...entries.map((at) => this.#purgeAt(at)).filter((purge) => superseded.has(purge.hash))];
    let isKnown = false;
    for (const at of entries) {
      const purge = this.#purgeAt(at);
      if (isAtOnce(purge, own)) isKnown = true;
      if (purge.hash === own.hash) this.#writtenMs[at] = writtenMs;
      if (stands.some((stand) => isAtOnce(purge, stand))) this.#accounted[at] = 1;
    }
    return isKnown;
  }

  #purgeAt(at: number): Purge {
    return {
      hash: this.#hashes[at] as bigint,
      generation: this.#generations[at] as number,
      day: this.#days[at] as number,
    };
  }

  /** The entries without a receipt that is kept until that day or longer, in the order in which they were added. */
  *unaccounted(since = ''): Generator<LiveEntry, void, undefined> {
    this.#sorted();
    const sinceDay = since === '' ? 0 : dayOf(since);
    for (let at = 0; at < this.#count; at += 1) {
      if (this.#accounted[at] === 1 || (this.#days[at] as number) < sinceDay) continue;
      yield { tenant: this.#tenantAt(at), place: this.#places[at] as number };
    }
  }

  /**
   * The entries that had expired before they came into their log: they stand behind one whose receipt is younger. Between
   * two that are live the earliest only. After all receipts.
   */
  *outOfTime(): Generator<LiveEntry, void, undefined> {
    let loggedMs = 0;
    for (let at = 0; at < this.#count; at += 1) {
      if (this.#owners[at] !== this.#owners[at - 1]) loggedMs = 0;
      loggedMs = Math.max(loggedMs, this.#writtenMs[at] as number);
      const endMs = ((this.#expiredDays[at] as number) + 1) * DAY_MS;
      if (endMs < loggedMs - LOGGED_WITHIN_MS) {
        yield { tenant: this.#tenantAt(at), place: this.#expiredPlaces[at] as number };
      }
    }
  }

  #tenantAt(at: number): string {
    return this.#tenants[this.#owners[at] as number] as string;
  }

  /** By binary search. */
  *#entriesOf(recording: bigint): Generator<number, void, undefined> {
    const order = this.#sorted();
    const recordingAt = (place: number) => this.#recordings[order[place] as number] as bigint;
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (recordingAt(middle) < recording) low = middle + 1;
      else high = middle;
    }
    for (; low < order.length && recordingAt(low) === recording; low += 1) yield order[low] as number;
  }

  #sorted(): Uint32Array {
    if (!this.#order) {
      this.#order = sortedBy(this.#recordings, this.#count);
      this.#accounted = new Uint8Array(this.#count);
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
    this.#writtenMs = extended(this.#writtenMs, new Float64Array(width));
    this.#expiredDays = extended(this.#expiredDays, new Uint32Array(width));
    this.#expiredPlaces = extended(this.#expiredPlaces, new Uint32Array(width));
  }
}

function isAtOnce(purge: Purge, other: Purge): boolean {
  if (purge.hash === other.hash) return true;
  return purge.generation === other.generation && Math.abs(purge.day - other.day) <= AT_ONCE_DAYS;
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
function dayOf(keptUntil: string): number {
  return Math.floor(Date.parse(keptUntil) / DAY_MS);
}

/** Of a hash in base64url. */
function prefixOf(hash: string): bigint {
  return Buffer.from(hash, 'base64url').subarray(0, PREFIX_BYTES).readBigUInt64BE();
}
