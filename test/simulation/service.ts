// The real service and sweeper on the simulated world: the contexts that the use cases are given, one for each request.
import { readSettings } from '../../src/config.ts';
import { DAY_MS, MINUTE_MS } from '../../src/model/durations.ts';
import { ServiceError } from '../../src/model/errors.ts';
import type { AttemptRef } from '../../src/model/ids.ts';
import type { PartToSign } from '../../src/objectstore/presigner.ts';
import { isStoreError } from '../../src/objectstore/store-error.ts';
import type { Caller, RecordingsContext } from '../../src/recordings/context.ts';
import { type ContextSettings, processMemory, recordingsContext, sweepContext } from '../../src/runtime/contexts.ts';
import type { SweepContext } from '../../src/sweeper/run.ts';
import { SweepRefused } from '../../src/sweeper/sweep.ts';
import { overriding } from '../kit/interventions.ts';
import { attemptPrefix } from '../kit/keys.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { checkEffect, tenantsStayApart } from './invariants.ts';
import type { Mistake, UseCase } from './mistakes.ts';
import { Model, REQUEST_LIMIT_MS, type Rules } from './model.ts';
import { newPlan, PART_SIZE_BYTES, START_MS, type Step } from './plan.ts';
import { newRandom, type Random } from './random.ts';
import { Trace } from './trace.ts';
import { Violation } from './violation.ts';
import { ConnectionLost, type Effect, type Process, World } from './world.ts';

export interface HistoryOptions {
  /** Names of steps, faults and delays to leave out: how a history is shrunk. */
  readonly without?: ReadonlySet<string>;
  /** Made by the code under test, to see that it is caught. */
  readonly mistake?: Mistake | undefined;
  /** A sweeper's clock may step in mid-run further than its guard allows: docs/simulation.md, known defects. */
  readonly clocksJump?: boolean;
}

const DEFAULTS = readSettings({});
/** A cache takes its memory at once, and processes of a history are many. */
const KEPT = { maxContentUploads: 100, maxRecordings: 100, maxTenants: 10 };
/** An object is shown before the grace period is over. */
const MOST_EARLY_MS = 55 * MINUTE_MS;

/** One history while it runs. */
export type Simulation = ReturnType<typeof newSimulation>;

export function newSimulation(seed: number, options: HistoryOptions) {
  const { without = new Set<string>(), mistake, clocksJump } = options;
  const { rules, sizes, rates, steps, logs, ...plan } = newPlan(seed);
  const trace = new Trace();
  const dateOf = (key: string) =>
    logs?.areDatedEarly && key.startsWith('log') ? Math.max(world.sentMs, world.nowMs - MOST_EARLY_MS) : world.nowMs;
  const store = new MemoryStore({ ...plan.store, now: () => world.nowMs, dateOf });
  const model = new Model(store, rules, { isSigned: logs !== undefined });
  const onEffect = (effect: Effect) => checkEffect(model, world, effect);
  const world: World = new World(START_MS, { store, trace, rates, without, onCall: tenantsStayApart, onEffect });
  const process = (name: string): Process => ({ name, skewMs: 0, memory: undefined });
  const replicas = [process('replica-1'), process('replica-2')] as const;
  const sweepers = [process('sweeper-1'), process('sweeper-2')] as const;
  const clients = process('client');
  return { seed, steps, logs, world, trace, model, rules, sizes, replicas, sweepers, clients, mistake, clocksJump };
}

/** A step while it is taken: its own random numbers, and its requests by number. */
export type Taking = {
  readonly simulation: Simulation;
  readonly step: Step;
  readonly random: Random;
  requests: number;
};

/** What a caller is told: the answer, or why there is none. */
export type Answer<T> = { readonly value: T } | { readonly refused: ServiceError } | { readonly lost: true };

/** A URL of the simulated store, to be used by a client. */
export interface PartUrl extends PartToSign {
  readonly key: string;
  readonly untilMs: number;
}

/** A request's store, clock, randomness and key: all of its process, with the mistake planted. */
type Means = Pick<SweepContext, 'store' | 'now' | 'randomBytes' | 'signer'>;

/** A call of the API: it reaches one of the replicas, and lasts at most an hour. */
export function callService<T>(
  taking: Taking,
  attempt: AttemptRef,
  what: UseCase,
  act: (context: RecordingsContext, caller: Caller) => Promise<T>,
) {
  const { simulation, random } = taking;
  const caller = { tenant: attempt.tenant, actor: 'somebody', requestId: 'request' };
  const process = random.pick(simulation.replicas);
  return ask(taking, process, what, attempt, (means, mistake) => {
    const context = contextOf(simulation, process, means);
    return act({ ...context, ...mistake?.service?.(context) }, caller);
  });
}

/** A run of a command, by a process of its own. */
export function runCommand<T>(
  taking: Taking,
  process: Process,
  what: UseCase,
  act: (context: SweepContext) => Promise<T>,
): Promise<Answer<T>> {
  const { rules, sizes } = taking.simulation;
  return ask(taking, process, what, undefined, (means, mistake) => {
    const context = { ...sweepContext(settingsOf(rules), { ...means, requestCount: () => 0 }), ...sizes };
    return act({ ...context, ...mistake?.command?.(context) });
  });
}

/** A client's PUT to a part URL, straight to the store. */
export async function putPart(
  taking: Taking,
  ref: AttemptRef,
  url: PartUrl,
  body: Uint8Array,
): Promise<Answer<string>> {
  const { world, clients } = taking.simulation;
  const { key, uploadId, partNumber, untilMs } = url;
  if (untilMs < world.nowMs) return { lost: true };
  return ask(taking, clients, 'part', ref, ({ store }) => store.uploadPart(key, uploadId, partNumber, body));
}

/** Answers with every failure that a caller may see. Anything else is a mistake in the code. */
async function ask<T>(
  taking: Taking,
  process: Process,
  what: UseCase | 'part',
  attempt: AttemptRef | undefined,
  act: (means: Means, mistake: Mistake | undefined) => Promise<T>,
): Promise<Answer<T>> {
  const { simulation, step } = taking;
  const { seed, world } = simulation;
  taking.requests += 1;
  const about = {
    name: `${step.number}.${taking.requests} ${what}`,
    random: newRandom(seed, step.number, taking.requests),
    ...(attempt && { tenant: attempt.tenant, attempt: attemptPrefix(attempt), limitMs: REQUEST_LIMIT_MS }),
  };
  const { bytes: randomBytes } = newRandom(seed, step.number, taking.requests, 1);
  const now = () => world.nowMs + process.skewMs;
  const signer = simulation.model.logs?.signer;
  // What `verify` finds at the end decides whether the history was correct.
  const isJudge = what === 'verify' && world.isQuiet;
  const mistake = !isJudge && simulation.mistake?.by.some((each) => each === what) ? simulation.mistake : undefined;
  try {
    const value = await world.request(process, about, (store) =>
      act({ store: overriding(store, mistake?.store?.(store, now) ?? {}), now, randomBytes, signer }, mistake),
    );
    return { value };
  } catch (error) {
    if (error instanceof ServiceError) return { refused: error };
    if (error instanceof ConnectionLost || isStoreError(error) || error instanceof SweepRefused) return { lost: true };
    if (error instanceof Violation) throw error;
    throw new Violation('nothing fails in an unforeseen way', String(error instanceof Error ? error.stack : error));
  }
}

/** The service's own defaults, but for the rules of the history and parts of a few bytes. */
function settingsOf({ leadMs, settleMs, logRetentionMs, ...policy }: Rules): ContextSettings {
  const uploads = {
    ...DEFAULTS.uploads,
    partSizeBytes: PART_SIZE_BYTES,
    maxRecordingBytes: 5 * PART_SIZE_BYTES,
    contentTypes: new Set(['video/mp4']),
  };
  return { ...DEFAULTS, policy, uploads, deleteLeadMs: leadMs, settleTimeMs: settleMs, logRetentionMs };
}

function contextOf({ rules, world }: Simulation, process: Process, means: Means): RecordingsContext {
  const { now } = means;
  const until = (seconds: number) => now() + Math.min(seconds * 1000, DAY_MS);
  process.memory ??= processMemory(KEPT, { now: () => world.nowMs });
  return recordingsContext(settingsOf(rules), {
    ...means,
    presigner: {
      presignPart: async (key, part, seconds) =>
        JSON.stringify({ key, ...part, untilMs: until(seconds) } satisfies PartUrl),
      presignPlayback: async (key, _, seconds) => JSON.stringify({ key, untilMs: until(seconds) }),
    },
    memory: process.memory,
  });
}
