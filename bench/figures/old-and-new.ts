// Figure 5: what a recording costs this version and an earlier one, by turns in one run.
import { join } from 'node:path';
import pMap from 'p-map';
import { candidateAt, complete, create, PART_EVERY_MS, PARTS, type Place, putPart, signPart } from '../calls.ts';
import { type Counts, countsOf, inWords, sumOf } from '../operations.ts';
import { MAIN, type Service, startService } from '../service.ts';
import { type StoreProxy, startStoreProxy } from '../store-proxy.ts';
import { openStore } from '../stores.ts';
import { median } from '../turns.ts';
import type { Figure, Measurement } from './figure.ts';

const CONCURRENCY = 8;

export const oldAndNew: Figure = {
  number: 5,
  title: 'An earlier version beside this one',
  stores: ['embedded'],
  needs: 'baseline',
  measure: async ({ short, say, baseline }) => {
    if (baseline === undefined) throw new Error('--baseline names no folder');
    await using ours = await Version.start(MAIN);
    await using theirs = await Version.start(join(baseline, 'dist', 'main.js'));
    const [recordings, rounds] = short ? [4, 1] : [60, 5];
    const measurements: Measurement[] = [];
    for (const [what, everyMs] of [
      ['part URLs in immediate succession', 0],
      [`part URLs ${PART_EVERY_MS / 1000} s apart`, PART_EVERY_MS],
    ] as const) {
      say(`${what}: to warm up`);
      await ours.record(recordings, everyMs);
      await theirs.record(recordings, everyMs);
      const runs: { ours: Cost; theirs: Cost }[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        say(`${what}: round ${round} of ${rounds}`);
        runs.push({ ours: await ours.record(recordings, everyMs), theirs: await theirs.record(recordings, everyMs) });
      }
      const row = (name: string, unit: string, of: (cost: Cost) => number): Measurement => {
        const ratio = median(runs.map((run) => of(run.ours) / of(run.theirs)));
        return {
          what: `${what}: ${name}`,
          unit,
          ours: median(runs.map((run) => of(run.ours))),
          peer: { name: 'the earlier version', value: median(runs.map((run) => of(run.theirs))) },
          ratio,
        };
      };
      const cpu = row('CPU time of the service for a recording', 'ms', ({ cpuMs }) => cpuMs);
      const last = runs.at(-1);
      measurements.push(
        { ...cpu, goal: { text: 'ratio ≤ 2/3', holds: (cpu.ratio ?? Number.NaN) <= 2 / 3 } },
        {
          ...row('requests to the store for a recording', '', ({ requests }) => requests),
          details: last && `${inWords(last.ours.counts)}; the earlier version: ${inWords(last.theirs.counts)}`,
        },
      );
    }
    return {
      measurements,
      notes: [
        `A recording: create, ${PARTS} part URLs asked for one by one, complete. One part is sent to the store. Each version has an ` +
          `embedded store of its own, with the same code. ${rounds} rounds of ${recordings} recordings by turns, ${CONCURRENCY} at once; the ` +
          `medians. In the rows of part URLs ${PART_EVERY_MS / 1000} s apart, the clock of service and store is advanced. The goal is two ` +
          'thirds. The details are the requests of all recordings of a round.',
      ],
    };
  },
};

interface Cost {
  readonly cpuMs: number;
  readonly requests: number;
  readonly counts: Counts;
}

/** A version of the service, with a store of its own. */
class Version implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #service: Service;
  readonly #proxy: StoreProxy;
  readonly #advance: (ms: number) => Promise<void>;
  #rounds = 0;

  private constructor(
    resources: AsyncDisposableStack,
    service: Service,
    proxy: StoreProxy,
    advance: (ms: number) => Promise<void>,
  ) {
    this.#resources = resources;
    this.#service = service;
    this.#proxy = proxy;
    this.#advance = advance;
  }

  static async start(main: string): Promise<Version> {
    await using stack = new AsyncDisposableStack();
    const store = stack.use(await openStore('embedded', 0));
    const { clock } = store;
    const proxy = stack.use(await startStoreProxy(store));
    const service = stack.use(await startService(proxy, { main, clock }));
    return new Version(stack.move(), service, proxy, async (ms) => clock?.advance(ms));
  }

  /** The cost of one of `count` recordings. */
  async record(count: number, everyMs: number): Promise<Cost> {
    this.#rounds += 1;
    const exam = `round-${this.#rounds}`;
    const attempts = Array.from({ length: count }, (_, index): Place => ({ exam, attempt: `a${index}` }));
    const first = this.#proxy.seen.length;
    const cpuBefore = await this.#service.cpuSeconds();
    const places = await pMap(
      attempts,
      async (attempt) => create(await candidateAt(this.#service, attempt), attempt, crypto.randomUUID()),
      { concurrency: CONCURRENCY },
    );
    if (everyMs === 0) await pMap(places, (at) => this.#signAll(at), { concurrency: CONCURRENCY });
    else await this.#signInStep(places, everyMs);
    await pMap(places, async (at) => complete(await candidateAt(this.#service, at), at), { concurrency: CONCURRENCY });
    const cpuMs = (((await this.#service.cpuSeconds()) - cpuBefore) * 1000) / count;
    const seen = this.#proxy.seen.slice(first).map(({ operation }) => operation);
    const counts = countsOf(seen.filter((operation) => operation !== 'UploadPart'));
    return { cpuMs, counts, requests: sumOf(counts) / count };
  }

  async #signAll(at: Required<Place>): Promise<void> {
    for (let partNumber = PARTS; partNumber >= 1; partNumber -= 1) await this.#signOne(at, partNumber);
  }

  async #signInStep(places: readonly Required<Place>[], everyMs: number): Promise<void> {
    for (let partNumber = PARTS; partNumber >= 1; partNumber -= 1) {
      await this.#advance(everyMs);
      await pMap(places, (at) => this.#signOne(at, partNumber), { concurrency: CONCURRENCY });
    }
    await this.#advance(everyMs);
  }

  async #signOne(at: Required<Place>, partNumber: number): Promise<void> {
    const url = await signPart(await candidateAt(this.#service, at), at, partNumber);
    if (partNumber === 1) await putPart(url);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
