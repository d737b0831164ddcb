// Figure 3: the start of an exam, on a store that limits nothing, and on one that limits requests; with a sweep beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { SPACES } from '../allowance.ts';
import { CLIENT_TIMEOUT_MS, candidateAt, create, PARTS, signParts } from '../calls.ts';
import { writesOrLists } from '../operations.ts';
import { run, startServer } from '../processes.ts';
import { seedRecordings } from '../seed.ts';
import { MAIN, type Service, startService } from '../service.ts';
import { accessStore } from '../store-access.ts';
import { type SeenRequest, type StoreProxy, startStoreProxy } from '../store-proxy.ts';
import type { Store } from '../stores.ts';
import { type Figure, type Goal, type Measurement, noMore } from './figure.ts';

const DAY_MS = 86_400_000;
const PART_NUMBERS = Array.from({ length: PARTS }, (_, index) => index + 1);
const PLAIN_SERVER = new URL('../peers/plain-server.ts', import.meta.url).pathname;
const PLAIN_SERVER_NAME = "a plain server with the SDK's defaults";
const EVENT_LOOP = 'nodejs_eventloop_lag_p99_seconds';
const SWEEP_SETTINGS = { SETTLE_TIME: '1s' };
/** What has not finished by then does not finish. */
const LONGEST_SWEEP_MS = 1_800_000;
/** What is seeded last is due by then. */
const PAST_SETTLE_TIME_MS = 2000;

interface Size {
  readonly candidates: number;
  readonly arrivalMs: number;
  readonly due: number;
}

export const examStart: Figure = {
  number: 3,
  title: 'The start of an exam',
  stores: ['embedded', 'ceph'],
  measure: async ({ store, short, say }) => {
    const size = short
      ? { candidates: 20, arrivalMs: 1000, due: 20 }
      : { candidates: 2000, arrivalMs: 60_000, due: 10_000 };
    const { candidates, arrivalMs, due } = size;
    const tell = (rushed: Rush) => {
      const [p50, p99] = [0.5, 0.99].map((share) => (quantile(rushed.creationsMs, share) / 1000).toFixed(1));
      say(`  ${rushed.failed} failed; creations: p50 ${p50} s, p99 ${p99} s; ${refusedOf(rushed)} responses 503`);
    };
    say('on a plain store');
    const plain = await onPlainStore(store, size);
    tell(plain.rushed);
    say('on a throttled store');
    const throttled = await onThrottledStore(store, size, 'throttled');
    tell(throttled);
    say('a plain server on the throttled store');
    const peer = await byPlainServer(store, size, plain.perCreation);
    tell(peer);
    say(`on a throttled store, beside a sweep of ${due} due recordings in the same process`);
    const besideOwn = await besideSweep(store, size, 'serve');
    tell(besideOwn);
    say(`on a throttled store, beside a sweep of ${due} due recordings in a process of its own`);
    const besideOther = await besideSweep(store, size, 'sweep');
    tell(besideOther);
    return {
      measurements: [
        ...plain.measurements,
        ...throttledRows(throttled, peer),
        ...besideRows('the scheduler inside serve', besideOwn, throttled),
        ...besideRows('the command sweep', besideOther, throttled),
      ],
      notes: [
        `${candidates} candidates arrive within ${arrivalMs / 1000} s. Each creates its recording, with an Idempotency-Key, and then asks ` +
          `for the URLs of its ${PARTS} parts in one call. A client waits up to ${CLIENT_TIMEOUT_MS / 1000} s for a response, and does not repeat a request that ` +
          'failed. No parts are sent in this minute: a part of 5 MiB at 300 kbit/s is full after 140 s. Response times are those of ' +
          'successful requests, and meet no goal if any candidate failed. Clients, service and store run on one machine.',
        `The throttled store is a proxy that accepts ${SPACES.writesOrLists} requests a second that write or list (PUT, POST, COPY, DELETE, ` +
          `LIST) and ${SPACES.all} in all, the strictest limits that were found (docs/stores.md, DigitalOcean Spaces), and answers 503 SlowDown to those above. Refused requests do not ` +
          'use the allowance. The allowance that is used counts from the first arrival until the last candidate has finished.',
        `The plain server makes as many requests to the store for each creation (${plain.perCreation}), and issues no part URLs. Its ` +
          'response times are those of the creations that succeeded.',
        `Beside the sweep, ${due} recordings are due and are being deleted when the first candidate arrives. The time of the sweep counts ` +
          'from its start, and includes the rush.',
      ],
    };
  },
};

interface Rush {
  readonly seconds: number;
  readonly failed: number;
  readonly creationsMs: readonly number[];
  readonly partUrlsMs: readonly number[];
  readonly requests: readonly SeenRequest[];
}

/** Candidates arrive evenly; each does what `sit` does, which throws when anything fails. */
async function rush(
  proxy: StoreProxy,
  { candidates, arrivalMs }: Size,
  sit: (index: number, times: { creationsMs: number[]; partUrlsMs: number[] }) => Promise<void>,
): Promise<Rush> {
  const first = proxy.seen.length;
  const times = { creationsMs: [] as number[], partUrlsMs: [] as number[] };
  const beganAtMs = performance.now();
  const outcomes = await Promise.allSettled(
    Array.from({ length: candidates }, async (_, index) => {
      await sleep((arrivalMs * index) / candidates);
      await sit(index, times);
    }),
  );
  return {
    ...times,
    seconds: (performance.now() - beganAtMs) / 1000,
    failed: outcomes.filter(({ status }) => status === 'rejected').length,
    requests: proxy.seen.slice(first),
  };
}

function candidatesOf(service: Service, exam: string): Parameters<typeof rush>[2] {
  return async (index, { creationsMs, partUrlsMs }) => {
    const attempt = { exam, attempt: `a${index}` };
    const caller = await candidateAt(service, attempt);
    const at = await timed(creationsMs, () => create(caller, attempt, crypto.randomUUID()));
    await timed(partUrlsMs, () => signParts(caller, at, PART_NUMBERS));
  };
}

async function timed<Result>(times: number[], act: () => Promise<Result>): Promise<Result> {
  const beganAtMs = performance.now();
  const result = await act();
  times.push(performance.now() - beganAtMs);
  return result;
}

async function onPlainStore(store: Store, size: Size) {
  await using proxy = await startStoreProxy(store);
  await using service = await startService(proxy);
  const single = { exam: 'single', attempt: 'a1' };
  const before = proxy.seen.length;
  await create(await candidateAt(service, single), single, crypto.randomUUID());
  const perCreation = proxy.seen.length - before;
  // Each reading begins the next one's window.
  await service.metric(EVENT_LOOP);
  const cpuBefore = await service.cpuSeconds();
  const rushed = await rush(proxy, size, candidatesOf(service, 'plain'));
  const cpuMs = ((await service.cpuSeconds()) - cpuBefore) * 1000;
  const lagMs = (await service.metric(EVENT_LOOP)) * 1000;
  const { residentMib } = await service.memory();
  const { failed, creationsMs, partUrlsMs, requests } = rushed;
  const what = (name: string) => `plain store: ${name}`;
  const measurements: Measurement[] = [
    { what: what('candidates that failed'), unit: '', ours: failed, goal: noMore(failed, 0) },
    ...quantiles(what('create a recording'), creationsMs),
    ...quantiles(what('part URLs'), partUrlsMs),
    { what: what('requests to the store per candidate'), unit: '', ours: requests.length / size.candidates },
    { what: what('CPU time of the service per candidate'), unit: 'ms', ours: cpuMs / size.candidates },
    { what: what('event loop delay of the service, p99'), unit: 'ms', ours: lagMs },
    { what: what('memory of the service after the run'), unit: 'MiB', ours: residentMib },
  ];
  return { measurements, perCreation, rushed };
}

async function onThrottledStore(store: Store, size: Size, exam: string): Promise<Rush> {
  await using proxy = await startStoreProxy(store);
  await using service = await startService(proxy);
  proxy.allow(SPACES);
  return await rush(proxy, size, candidatesOf(service, exam));
}

async function byPlainServer(store: Store, size: Size, perCreation: number): Promise<Rush> {
  await using proxy = await startStoreProxy(store);
  const env = { ...process.env, ...proxy.env, STORE_REQUESTS: String(perCreation) };
  await using server = await startServer(PLAIN_SERVER, [], { env, path: '/ready' });
  proxy.allow(SPACES);
  return await rush(proxy, size, async (index, { creationsMs }) => {
    await timed(creationsMs, async () => {
      const options = { method: 'POST', signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS) };
      const answer = await fetch(`${server.url}/recordings/a${index}`, options);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`a creation was answered ${answer.status}`);
    });
  });
}

interface RushBesideSweep extends Rush {
  /** NaN: it did not finish. */
  readonly sweepSeconds: number;
}

/** The sweep is made by the scheduler of the same process, or by the command in a process of its own. */
async function besideSweep(store: Store, size: Size, by: 'serve' | 'sweep'): Promise<RushBesideSweep> {
  using access = accessStore(store);
  const exam = `due-beside-${by}`;
  const createdAtMs = Date.now() - 31 * DAY_MS;
  await seedRecordings(access.store, size.due, { createdAtMs, retentionMs: 30 * DAY_MS, name: exam });
  await sleep(PAST_SETTLE_TIME_MS);
  await using proxy = await startStoreProxy(store);
  // A scheduler sweeps when it starts, and then every ten minutes.
  const env = { ...SWEEP_SETTINGS, SWEEP_SCHEDULE: by === 'serve' ? '*/10 * * * *' : 'off' };
  await using service = await startService(proxy, { env });
  proxy.allow(SPACES);
  const sweepBeganMs = performance.now();
  const isOver = async () => {
    if (performance.now() - sweepBeganMs > LONGEST_SWEEP_MS) return true;
    return (await access.store.list(`attempts/acme/${exam}/`, { limit: 1 })).objects.length === 0;
  };
  const sweeping = (by === 'serve' ? untilTrue(isOver) : sweepUntil(isOver, proxy)).then(
    () => (performance.now() - sweepBeganMs) / 1000,
  );
  const firstDeletion = () => proxy.seen.some(({ operation }) => operation === 'DeleteObjects');
  await untilTrue(async () => firstDeletion());
  const result = await rush(proxy, size, candidatesOf(service, `beside-${by}`));
  const seconds = await sweeping;
  return { ...result, sweepSeconds: seconds * 1000 > LONGEST_SWEEP_MS ? Number.NaN : seconds };
}

/** A run that failed in part is followed by another, as its schedule would. */
async function sweepUntil(isOver: () => Promise<boolean>, proxy: StoreProxy): Promise<void> {
  const env = { ...process.env, ...proxy.env, ...SWEEP_SETTINGS };
  while (!(await isOver())) await run(process.execPath, [MAIN, 'sweep'], env).catch(() => undefined);
}

async function untilTrue(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(500);
}

function throttledRows(ours: Rush, peer: Rush): Measurement[] {
  const what = (name: string) => `throttled store: ${name}`;
  const theirs = (value: number) => ({ name: PLAIN_SERVER_NAME, value });
  const quantileRow = (name: string, share: number, mostSeconds?: number): Measurement => {
    const seconds = quantile(ours.creationsMs, share) / 1000;
    return {
      what: what(`create a recording: response time, ${name}`),
      unit: 's',
      ours: seconds,
      peer: theirs(quantile(peer.creationsMs, share) / 1000),
      goal: mostSeconds === undefined ? undefined : ofAll(ours, noMore(seconds, mostSeconds, 's')),
    };
  };
  const [used, usedByPeer] = [ours, peer].map(usedShares) as [Shares, Shares];
  return [
    {
      what: what('candidates that failed'),
      unit: '',
      ours: ours.failed,
      peer: theirs(peer.failed),
      goal: noMore(ours.failed, 0),
    },
    quantileRow('p50', 0.5),
    quantileRow('p99', 0.99, 30),
    quantileRow('longest', 1),
    ...quantiles(what('part URLs'), ours.partUrlsMs),
    { what: what('responses 503 SlowDown'), unit: '', ours: refusedOf(ours), peer: theirs(refusedOf(peer)) },
    {
      what: what('used of the allowance for requests that write or list'),
      unit: '%',
      ours: used.writesOrLists,
      peer: theirs(usedByPeer.writesOrLists),
    },
    { what: what('used of the allowance for all requests'), unit: '%', ours: used.all, peer: theirs(usedByPeer.all) },
  ];
}

function besideRows(by: string, ours: RushBesideSweep, alone: Rush): Measurement[] {
  const what = (name: string) => `throttled store, beside a sweep by ${by}: ${name}`;
  const compared = (name: string, share: number): Measurement => {
    const [seconds, aloneSeconds] = [ours, alone].map(({ creationsMs }) => quantile(creationsMs, share) / 1000);
    const ratio = (seconds ?? Number.NaN) / (aloneSeconds ?? Number.NaN);
    return {
      what: what(`create a recording: response time, ${name}`),
      unit: 's',
      ours: seconds ?? Number.NaN,
      peer: { name: 'the same without a sweep', value: aloneSeconds ?? Number.NaN },
      ratio,
      goal: ofAll(ours, { text: 'ratio ≤ 1.1', holds: ratio <= 1.1 }),
    };
  };
  const { failed, sweepSeconds } = ours;
  return [
    { what: what('candidates that failed'), unit: '', ours: failed, goal: noMore(failed, 0) },
    compared('p50', 0.5),
    compared('p99', 0.99),
    { what: what('responses 503 SlowDown during the rush'), unit: '', ours: refusedOf(ours) },
    {
      what: what('time until the sweep has deleted everything'),
      unit: 's',
      ours: sweepSeconds,
      goal: { text: 'finishes', holds: Number.isFinite(sweepSeconds) },
    },
  ];
}

/** Times of those who succeeded meet no goal while others failed. */
function ofAll({ failed }: Rush, { text, holds }: Goal): Goal {
  return { text, holds: holds && failed === 0 };
}

function refusedOf({ requests }: Rush): number {
  return requests.filter(({ status }) => status === 503).length;
}

interface Shares {
  readonly writesOrLists: number;
  readonly all: number;
}

/** In percent, of what was accepted. */
function usedShares({ requests, seconds }: Rush): Shares {
  const accepted = requests.filter(({ status }) => status !== 503);
  const writing = accepted.filter(({ operation }) => writesOrLists(operation));
  return {
    writesOrLists: (100 * writing.length) / (SPACES.writesOrLists * seconds),
    all: (100 * accepted.length) / (SPACES.all * seconds),
  };
}

function quantiles(call: string, timesMs: readonly number[]): Measurement[] {
  const row = (name: string, share: number): Measurement => ({
    what: `${call}: response time, ${name}`,
    unit: 'ms',
    ours: quantile(timesMs, share),
  });
  return [row('p50', 0.5), row('p99', 0.99), row('longest', 1)];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
