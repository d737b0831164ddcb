// Places of audit events in chains: a run for each process, tenant and day, in which a missing or changed event shows.
import { LRUCache } from 'lru-cache';
import { fromDay, toDay } from '../model/times.ts';
import type { AuditChainPlace } from './documents.ts';
import { hashOf } from './receipts.ts';

const MAX_TENANTS = 10_000;
/** Bounds what a check of one run holds in memory. */
const MAX_EVENTS_A_RUN = 10_000;
/** Places of a run that are not known to be stored: each event names them. */
const MAX_OPEN = 100;

interface Run {
  readonly name: string;
  readonly day: string;
  next: number;
  /** The hash of the event that was given a place last. */
  last: string | null;
  /** Written, and not answered yet. */
  readonly pending: Set<number>;
  /** Those that failed, and that no stored event has named yet. */
  readonly lost: Set<number>;
  /** The last that is known to be stored. */
  stored: { readonly sequence: number; readonly hash: string } | undefined;
  /** The end of the run before it, until a stored event has named it. */
  after: AuditChainPlace['after'];
}

/** What is known of an event before it has a place. */
export interface Unplaced {
  readonly tenant: string;
  readonly atMs: number;
  /** A name that no other event has. */
  readonly unique: string;
}

/**
 * The memory of a process. Writes do not wait for each other: the hash of an event is known before it is stored, and an
 * event that follows names the places that are not known to be stored (`lost`, `pending`).
 */
export class AuditChains {
  readonly #runs: LRUCache<string, Run>;

  /** @param maxTenants how many are remembered; one that is forgotten begins a new run */
  constructor(maxTenants = MAX_TENANTS) {
    this.#runs = new LRUCache({ max: maxTenants });
  }

  /** Gives the event the place that comes next, and stores it. @throws what `store` throws */
  async append(
    event: Unplaced,
    toBody: (chain: AuditChainPlace) => Uint8Array,
    store: (body: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const run = this.#runFor(event);
    const sequence = run.next;
    const lost = [...run.lost];
    const pending = [...run.pending];
    const { after } = run;
    const chain: AuditChainPlace = {
      run: run.name,
      sequence,
      previous: run.last,
      ...(lost.length > 0 && { lost }),
      ...(pending.length > 0 && { pending }),
      ...(after && { after }),
    };
    const body = toBody(chain);
    const hash = hashOf(body);
    run.next += 1;
    run.last = hash;
    run.pending.add(sequence);
    try {
      await store(body);
    } catch (error) {
      // It may be stored all the same.
      run.lost.add(sequence);
      throw error;
    } finally {
      run.pending.delete(sequence);
    }
    for (const place of lost) run.lost.delete(place);
    if (run.after === after) run.after = undefined;
    if (sequence > (run.stored?.sequence ?? 0)) run.stored = { sequence, hash };
  }

  #runFor({ tenant, atMs, unique }: Unplaced): Run {
    const day = toDay(atMs);
    const known = this.#runs.get(tenant);
    if (known && known.day === day && known.next <= MAX_EVENTS_A_RUN && known.lost.size + known.pending.size < MAX_OPEN)
      return known;
    const after = known?.stored ? { run: known.name, ...known.stored } : known?.after;
    const run: Run = {
      name: `${day}-${unique}`,
      day,
      next: 1,
      last: null,
      pending: new Set(),
      lost: new Set(),
      stored: undefined,
      after,
    };
    this.#runs.set(tenant, run);
    return run;
  }
}

/** The first millisecond of the day of a run, by its name; undefined of a name that this service does not make. */
export function dayOfRun(run: string): number | undefined {
  return fromDay(run.slice(0, 10));
}
