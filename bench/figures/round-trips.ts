// Figure 1: what each call asks of the store: its requests, and how many of them it makes one after another.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  abort,
  assess,
  type Caller,
  candidateAt,
  complete,
  create,
  issuePlaybackLink,
  PART_EVERY_MS,
  PARTS,
  type Place,
  putPart,
  read,
  remove,
  serverOf,
  signPart,
} from '../calls.ts';
import { longestChain } from '../chain.ts';
import { type Counts, countsOf, inWords, sumOf } from '../operations.ts';
import { type Service, startService } from '../service.ts';
import { type StoreProxy, startStoreProxy } from '../store-proxy.ts';
import type { Store } from '../stores.ts';
import { median } from '../turns.ts';
import { type Figure, type Measurement, noMore } from './figure.ts';

/** Added to the duration of each request to the store. */
const DELAY_MS = 200;
const SHORT_DELAY_MS = 20;
const MINUTE_MS = 60_000;
/** After a response the service may send more, for at most so many round trips. */
const AFTERWARDS_DELAYS = 3;

export const roundTrips: Figure = {
  number: 1,
  title: 'Round trips to the store',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say }) => {
    await using proxy = await startStoreProxy(store);
    const options = { clock: store.clock };
    const delayMs = short ? SHORT_DELAY_MS : DELAY_MS;
    await using service = await startService(proxy, options);
    await using other = await startService(proxy, options);
    const bench = new Bench({ proxy, store, service, other, delayMs });
    const rounds = short ? 1 : 3;
    const measurements: Measurement[] = [];
    for (const { what, goal, prepare } of callsOf(bench)) {
      say(what);
      const runs: Run[] = [];
      for (let round = 0; round < rounds; round += 1) runs.push(await bench.measure(await prepare()));
      const run = typical(runs);
      measurements.push({
        what: `${what}: round trips`,
        unit: '',
        ours: run.roundTrips,
        details: detailsOf(run),
        goal: goal === undefined ? undefined : noMore(run.roundTrips, goal),
      });
    }
    if (store.clock) {
      say('part URLs, 59 minutes later');
      const later = await bench.measure(await bench.fiftyNineMinutesLater());
      const requests = sumOf(later.counts);
      measurements.push({
        what: 'part URL, 59 minutes after the process has seen the recording: requests',
        unit: '',
        ours: requests,
        details: detailsOf(later),
        goal: { text: 'value = 0', holds: requests === 0 },
      });
      say('a whole recording');
      const whole = await bench.wholeRecording();
      const all = sumOf(whole);
      measurements.push({
        what: `create, ${PARTS} part URLs asked for one by one, complete: requests`,
        unit: '',
        ours: all,
        details: inWords(whole),
        goal: noMore(all, 12),
      });
    }
    return {
      measurements,
      notes: [
        `A proxy between service and store adds ${delayMs} ms to each request. Round trips are the requests of the longest chain ` +
          'of which each began after the one before it had ended; requests at the same time count once. The details give the ' +
          `response time with the delay, and all requests of the call. Each row is the median of ${rounds} recordings. "Cold" is a ` +
          'process that has never seen the recording; "warm" is the process that created it.' +
          (store.clock
            ? ` Between two part URLs of a whole recording ${PART_EVERY_MS / 1000} s pass on the clock of service and store.`
            : ''),
      ],
    };
  },
};

interface Run {
  readonly roundTrips: number;
  readonly counts: Counts;
  readonly responseMs: number;
}

/** A call, and with what it is prepared; `prepare` resolves with the call itself. */
interface MeasuredCall {
  readonly what: string;
  /** Round trips, at most. */
  readonly goal?: number;
  readonly prepare: () => Promise<() => Promise<unknown>>;
}

interface Parts {
  readonly proxy: StoreProxy;
  readonly store: Store;
  /** Creates all recordings. */
  readonly service: Service;
  /** Has seen none of them. */
  readonly other: Service;
  readonly delayMs: number;
}

class Bench {
  readonly #proxy: StoreProxy;
  readonly #store: Store;
  readonly #delayMs: number;
  readonly service: Service;
  readonly other: Service;
  #attempts = 0;

  constructor({ proxy, store, service, other, delayMs }: Parts) {
    this.#proxy = proxy;
    this.#store = store;
    this.#delayMs = delayMs;
    this.service = service;
    this.other = other;
  }

  async measure(call: () => Promise<unknown>): Promise<Run> {
    this.#proxy.delayBy(this.#delayMs);
    const first = this.#proxy.seen.length;
    const beganMs = performance.now();
    await call();
    const endedMs = performance.now();
    await sleep(AFTERWARDS_DELAYS * this.#delayMs);
    this.#proxy.delayBy(0);
    const seen = this.#proxy.seen.slice(first);
    return {
      roundTrips: longestChain(seen.filter((request) => request.endedMs <= endedMs)),
      counts: countsOf(seen.map(({ operation }) => operation)),
      responseMs: endedMs - beganMs,
    };
  }

  newAttempt(): Place {
    this.#attempts += 1;
    return { exam: `calls-${this.#attempts}`, attempt: `a${this.#attempts}` };
  }

  /** Where the clock can be advanced. */
  async pass(ms: number): Promise<void> {
    await this.#store.clock?.advance(ms);
  }

  get canAdvance(): boolean {
    return this.#store.clock !== undefined;
  }

  nowMs(): number {
    return this.#store.clock?.nowMs() ?? Date.now();
  }

  /** An open upload with one part. */
  async opened(): Promise<{ at: Required<Place>; candidate: Caller }> {
    const attempt = this.newAttempt();
    const candidate = await candidateAt(this.service, attempt);
    const at = await create(candidate, attempt);
    await putPart(await signPart(candidate, at));
    await this.pass(PART_EVERY_MS);
    return { at, candidate };
  }

  async stored(): Promise<{ at: Required<Place>; candidate: Caller }> {
    const { at, candidate } = await this.opened();
    await complete(candidate, at);
    await this.pass(10 * MINUTE_MS);
    return { at, candidate: await candidateAt(this.service, at) };
  }

  async fiftyNineMinutesLater(): Promise<() => Promise<unknown>> {
    const { at } = await this.opened();
    await this.pass(59 * MINUTE_MS - PART_EVERY_MS);
    const candidate = await candidateAt(this.service, at);
    return () => signPart(candidate, at, 2);
  }

  async wholeRecording(): Promise<Counts> {
    const attempt = this.newAttempt();
    const candidate = await candidateAt(this.service, attempt);
    const first = this.#proxy.seen.length;
    const at = await create(candidate, attempt, crypto.randomUUID());
    for (let partNumber = PARTS; partNumber >= 1; partNumber -= 1) {
      await this.pass(PART_EVERY_MS);
      const url = await signPart(candidate, at, partNumber);
      if (partNumber === 1) await putPart(url);
    }
    await this.pass(PART_EVERY_MS);
    await complete(candidate, at);
    const seen = this.#proxy.seen.slice(first).map(({ operation }) => operation);
    return countsOf(seen.filter((operation) => operation !== 'UploadPart'));
  }
}

function callsOf(bench: Bench): MeasuredCall[] {
  const { service, other } = bench;
  const creation = (bound: boolean, keyed: boolean): MeasuredCall => ({
    what: `create (token ${bound ? 'bound to the attempt' : 'not bound'}, ${keyed ? 'with' : 'without'} Idempotency-Key)`,
    goal: 3,
    async prepare() {
      const at = bench.newAttempt();
      const caller = bound ? await candidateAt(service, at) : await serverOf(service);
      return () => create(caller, at, keyed ? crypto.randomUUID() : undefined);
    },
  });
  const completion = (isWarm: boolean, hasTimeline: boolean): MeasuredCall => ({
    what: `complete (${isWarm ? 'warm' : 'cold'}, ${hasTimeline ? 'with' : 'without'} timeline)`,
    goal: 5,
    async prepare() {
      const { at } = await bench.opened();
      const caller = await candidateAt(isWarm ? service : other, at);
      const endedAt = new Date(bench.nowMs()).toISOString();
      const startedAt = new Date(bench.nowMs() - MINUTE_MS).toISOString();
      return () => complete(caller, at, hasTimeline ? { startedAt, endedAt, gaps: [] } : undefined);
    },
  });
  const partUrl = (isWarm: boolean): MeasuredCall => ({
    what: `part URL (${isWarm ? 'warm' : 'cold'})`,
    ...(isWarm && { goal: 0 }),
    async prepare() {
      const { at } = await bench.opened();
      const caller = await candidateAt(isWarm ? service : other, at);
      return () => signPart(caller, at, 2);
    },
  });
  const assessment = (agoMs: number, when: string): MeasuredCall => ({
    what: `assess an attempt with one stored recording (assessed ${when})`,
    goal: 4,
    async prepare() {
      const { at } = await bench.stored();
      const caller = await serverOf(service);
      return () => assess(caller, at, bench.nowMs() - agoMs);
    },
  });
  const playback = (isWarm: boolean): MeasuredCall => ({
    what: `playback link (${isWarm ? 'warm' : 'cold'})`,
    goal: 2,
    async prepare() {
      const { at } = await bench.stored();
      const caller = await serverOf(isWarm ? service : other);
      return () => issuePlaybackLink(caller, at);
    },
  });
  const deletion = (isStored: boolean): MeasuredCall => ({
    what: `delete on request (${isStored ? 'stored recording' : 'open upload'})`,
    goal: 9,
    async prepare() {
      const { at } = isStored ? await bench.stored() : await bench.opened();
      const caller = await serverOf(service);
      return () => remove(caller, at, 'erasure');
    },
  });
  const reading = (what: string, isOne: boolean): MeasuredCall => ({
    what,
    async prepare() {
      const { at } = await bench.stored();
      const caller = await serverOf(service);
      return () => read(caller, isOne ? at : { exam: at.exam, attempt: at.attempt });
    },
  });
  return [
    creation(true, true),
    creation(true, false),
    creation(false, true),
    creation(false, false),
    partUrl(false),
    partUrl(true),
    completion(true, false),
    completion(true, true),
    completion(false, false),
    completion(false, true),
    assessment(0, 'now'),
    // No recording is six minutes old where time cannot be advanced.
    ...(bench.canAdvance ? [assessment(6 * MINUTE_MS, 'six minutes ago')] : []),
    playback(false),
    playback(true),
    deletion(true),
    deletion(false),
    {
      what: 'withdraw consent (stored recording)',
      async prepare() {
        const { at, candidate } = await bench.stored();
        return () => remove(candidate, at, 'consent-withdrawn');
      },
    },
    {
      what: 'abort an upload',
      async prepare() {
        const { at, candidate } = await bench.opened();
        return () => abort(candidate, at);
      },
    },
    reading('list the recordings of an attempt', false),
    reading('read a recording', true),
  ];
}

/** The run in the middle: what happens in the background now and then is not of the call. */
function typical(runs: readonly Run[]): Run {
  const middle = median(runs.map(({ counts }) => sumOf(counts)));
  const sorted = runs.toSorted((a, b) => Math.abs(sumOf(a.counts) - middle) - Math.abs(sumOf(b.counts) - middle));
  const [run] = sorted;
  if (!run) throw new Error('no call was measured');
  return run;
}

function detailsOf({ counts, responseMs }: Run): string {
  return `${(responseMs / 1000).toFixed(2)} s; ${sumOf(counts)} requests: ${inWords(counts)}`;
}
