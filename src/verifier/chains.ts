// Checks the chains of audit events, a day at a time: by sums, and event by event only where the sums do not add up.
import { createHmac, randomBytes } from 'node:crypto';
import { pMapIterable } from 'p-map';
import { dayOfRun } from '../bucket/audit-chain.ts';
import { eventKeysOf, type HashedEvent, readHashedEvent } from '../bucket/audit-trail.ts';
import type { AuditChainPlace } from '../bucket/documents.ts';
import { DAY_MS } from '../model/durations.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { VerifyRun } from './run.ts';

/** Sums are taken modulo this. */
const MODULUS = 2n ** 256n;

interface Sums {
  readonly tenant: string;
  readonly run: string;
  readonly dayMs: number;
  count: number;
  places: number;
  /** Of each event: its place, and its hash. */
  placed: bigint;
  /** Of each event but the first: the place before it, and the hash that it says is there. */
  linked: bigint;
  beginnings: number;
  last: number;
  lastHash: string;
}

/** An event as a chain knows it. */
export interface ChainedEvent extends HashedEvent {
  readonly key: string;
  readonly tenant: string;
}

/** That a process says where the run ended that it had before. */
interface NamedEnd {
  readonly tenant: string;
  readonly key: string;
  readonly end: NonNullable<AuditChainPlace['after']>;
}

/** An end that was not among what was read. */
type DoubtedEnd = NamedEnd & { readonly dayMs: number };

/** The runs of one day at a time; of runs that are over, their ends, `windowKeys` at most. */
export class Chains {
  readonly #run: VerifyRun;
  /** New in each run, so that nobody can construct events with equal sums. */
  readonly #key = randomBytes(32);
  #sums = new Map<string, Sums>();
  #named: NamedEnd[] = [];
  readonly #ends = new Map<string, { readonly last: number; readonly hash: string }>();
  /** The first day of which an event has a place in a chain. */
  #sinceMs: number | undefined;

  constructor(run: VerifyRun) {
    this.#run = run;
  }

  /** Events come day after day, in any order within one. */
  async add({ event, hash, key, tenant }: ChainedEvent, dayMs: number): Promise<void> {
    const { chain } = event;
    if (!chain) return this.#addUnchained(key, dayMs);
    this.#sinceMs ??= dayMs;
    if (dayOfRun(chain.run) !== dayMs) {
      return this.#run.report('audit-changed', key, `its chain is of another day: ${chain.run}`);
    }
    const id = `${tenant}/${chain.run}`;
    const sums = this.#sums.get(id) ?? newSums(tenant, chain.run, dayMs);
    this.#sums.set(id, sums);
    sums.count += 1;
    sums.places += chain.sequence;
    sums.placed = this.#plus(sums.placed, chain.sequence, hash);
    if (chain.previous === null) sums.beginnings += 1;
    else sums.linked = this.#plus(sums.linked, chain.sequence - 1, chain.previous);
    if (chain.sequence >= sums.last) {
      sums.last = chain.sequence;
      sums.lastHash = hash;
    }
    if (chain.after && this.#named.length < this.#run.windowKeys) {
      this.#named.push({ tenant, key, end: chain.after });
    } else if (chain.after) this.#run.findings.skip('chain-ends');
  }

  /** A day is over, or the trail. */
  async close(): Promise<void> {
    const sums = [...this.#sums.values()];
    this.#sums = new Map();
    for (const each of sums) {
      if (!this.#addsUp(each) && !this.#isExpiring(each.dayMs)) await checkRun(this.#run, each);
      if (this.#ends.size < this.#run.windowKeys) {
        this.#ends.set(`${each.tenant}/${each.run}`, { last: each.last, hash: each.lastHash });
      }
    }
    const named = this.#named;
    this.#named = [];
    const doubted: DoubtedEnd[] = [];
    for (const each of named) {
      const dayMs = dayOfRun(each.end.run);
      const known = this.#ends.get(`${each.tenant}/${each.end.run}`);
      if (dayMs === undefined) await this.#run.report('audit-changed', each.key, `no run is called ${each.end.run}`);
      else if (this.#isExpiring(dayMs)) this.#run.findings.skip('chain-ends');
      else if (!known || !isEnd(known, each.end)) doubted.push({ ...each, dayMs });
    }
    // They may have been listed before their last events were written: each day is read once more.
    const byDay = Map.groupBy(doubted, ({ tenant, dayMs }) => `${tenant}/${dayMs}`);
    for (const ofDay of byDay.values()) await checkEnds(this.#run, ofDay);
  }

  /** The processes of an upgrade are replaced within a day. */
  async #addUnchained(key: string, dayMs: number): Promise<void> {
    if (this.#sinceMs !== undefined && dayMs > this.#sinceMs + DAY_MS) {
      await this.#run.report('audit-unchained', key, 'all events have one since a day before');
    } else this.#run.findings.skip('events-unchained');
  }

  #plus(sum: bigint, place: number, hash: string): bigint {
    const mac = createHmac('sha256', this.#key).update(`${place} ${hash}`).digest('hex');
    return (sum + BigInt(`0x${mac}`)) % MODULUS;
  }

  /** Whether every place is taken once, and every event names the hash of the event at the place before it. */
  #addsUp({ count, places, placed, linked, beginnings, last, lastHash }: Sums): boolean {
    const areWhole = count === last && places === (last * (last + 1)) / 2 && beginnings === 1;
    return areWhole && placed === this.#plus(linked, last, lastHash);
  }

  #isExpiring(dayMs: number): boolean {
    return this.#run.isExpiring(dayMs + DAY_MS, DAY_MS);
  }
}

function isEnd({ last, hash }: { last: number; hash: string }, end: NamedEnd['end']): boolean {
  return last > end.sequence || (last === end.sequence && hash === end.hash);
}

function newSums(tenant: string, run: string, dayMs: number): Sums {
  const none = { count: 0, places: 0, placed: 0n, linked: 0n, beginnings: 0, last: 0, lastHash: '' };
  return { tenant, run, dayMs, ...none };
}

interface Placed {
  readonly key: string;
  readonly hash: string;
  readonly chain: AuditChainPlace;
  readonly atMs: number;
}

/** Lists and reads the events of a day anew. */
async function* placedOn(
  { bucket }: VerifyRun,
  tenant: string,
  dayMs: number,
): AsyncGenerator<Placed, void, undefined> {
  const read = async (key: string) => ({ key, found: await readHashedEvent(bucket.store, key) });
  const events = pMapIterable(eventKeysOf(bucket.store, tenant, dayMs), read, { concurrency: STORE_CONCURRENCY });
  for await (const { key, found } of events) {
    if (!found || found === 'unreadable' || !found.event.chain) continue;
    const { event, hash } = found;
    yield { key, hash, chain: found.event.chain, atMs: Date.parse(event.at) };
  }
}

/** A run has few enough events to be held in memory. */
async function readRun(
  verifyRun: VerifyRun,
  tenant: string,
  dayMs: number,
  run: string,
): Promise<Map<number, Placed[]>> {
  const places = new Map<number, Placed[]>();
  for await (const placed of placedOn(verifyRun, tenant, dayMs)) {
    const { chain, key } = placed;
    if (chain.run !== run) continue;
    // A store may give a page twice.
    const others = (places.get(chain.sequence) ?? []).filter((other) => other.key !== key);
    places.set(chain.sequence, [...others, placed]);
  }
  return places;
}

/** Of one tenant, and all of one day. */
async function checkEnds(run: VerifyRun, named: readonly DoubtedEnd[]): Promise<void> {
  const [first] = named;
  if (!first) return;
  const wanted = new Set(named.map(({ end }) => end.run));
  const ends = new Map<string, Placed>();
  for await (const placed of placedOn(run, first.tenant, first.dayMs)) {
    const { chain } = placed;
    if (wanted.has(chain.run) && chain.sequence > (ends.get(chain.run)?.chain.sequence ?? 0))
      ends.set(chain.run, placed);
  }
  for (const { key, end } of named) {
    const placed = ends.get(end.run);
    const last = placed?.chain.sequence ?? 0;
    if (placed && isEnd({ last, hash: placed.hash }, end)) continue;
    if (placed && last === end.sequence) {
      await run.report('audit-changed', placed.key, `the last of run ${end.run}, as ${key} says`);
    } else await run.report('audit-missing', key, `place ${end.sequence} of run ${end.run}, which it names`);
  }
}

/** Names what does not add up. What is younger than the grace period may be on its way. */
async function checkRun(run: VerifyRun, { tenant, run: name, dayMs }: Sums): Promise<void> {
  const places = await readRun(run, tenant, dayMs, name);
  const all = [...places.values()].flat();
  const latest = all.reduce<Placed | undefined>(
    (a, b) => (a && a.chain.sequence >= b.chain.sequence ? a : b),
    undefined,
  );
  const excused = new Set([...all.flatMap(({ chain }) => chain.lost ?? []), ...(latest?.chain.pending ?? [])]);
  const judged = all.filter(({ atMs }) => !run.isYoung(atMs)).map(({ chain }) => chain.sequence);
  // Somebody may have written more events than a call takes arguments.
  const end = judged.reduce((greatest, sequence) => Math.max(greatest, sequence), 0);
  let next = 1;
  // An event may claim a place far away: only those that there are, and that are excused, are counted through.
  for (const sequence of [...places.keys()].sort((a, b) => a - b)) {
    const [placed, ...others] = places.get(sequence) ?? [];
    if (!placed || sequence > end) continue;
    while (next < sequence && excused.has(next)) next += 1;
    if (next < sequence) {
      const which = next === sequence - 1 ? `place ${next}` : `places ${next} to ${sequence - 1}`;
      await run.report('audit-missing', placed.key, `${which} of run ${name}, before it`);
    }
    next = sequence + 1;
    for (const { key } of others) {
      await run.report('audit-changed', key, `${placed.key} has the same place ${sequence} in run ${name}`);
    }
    const before = places.get(sequence - 1);
    const isFirst = sequence === 1;
    const isLinked = isFirst
      ? placed.chain.previous === null
      : !before || before.some(({ hash }) => hash === placed.chain.previous);
    if (isLinked) continue;
    const which = isFirst ? 'it is not the beginning' : `it, or the one after it, ${placed.key}`;
    await run.report('audit-changed', before?.[0]?.key ?? placed.key, `${which} of run ${name}`);
  }
}
