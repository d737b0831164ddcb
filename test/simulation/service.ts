// The real service and sweeper on the simulated world: the contexts that the use cases are given, one for each request.
import { LRUCache } from 'lru-cache';
import type { Manifest } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { ServiceError } from '../../src/domain/errors.ts';
import type { AttemptRef } from '../../src/domain/ids.ts';
import { attemptPrefix } from '../../src/domain/keys.ts';
import { ContentUploads } from '../../src/recordings/content-uploads.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { SweepRefused } from '../../src/retention/sweep.ts';
import type { SweepContext } from '../../src/retention/sweep-run.ts';
import { createAuditTrail } from '../../src/storage/audit-trail.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { Presigner } from '../../src/storage/presigner.ts';
import { isStoreError } from '../../src/storage/store-error.ts';
import { Violation } from './invariants.ts';
import type { Mistake, UseCase } from './mistakes.ts';
import { type Model, REQUEST_LIMIT_MS, type Rules } from './model.ts';
import { PART_SIZE_BYTES, type Sizes, type Step } from './plan.ts';
import { newRandom, type Random } from './random.ts';
import { ConnectionLost, type Process, type World } from './world.ts';

/** One history while it runs. */
export interface Simulation {
  readonly seed: number;
  readonly world: World;
  readonly model: Model;
  readonly rules: Rules;
  readonly sizes: Sizes;
  readonly replicas: readonly Process[];
  readonly sweepers: readonly Process[];
  readonly clients: Process;
  /** Made by the code under test, to see that it is caught. */
  readonly mistake: Mistake | undefined;
  /** A sweeper's clock may step in mid-run further than its guard allows: docs/simulation.md, what is known. */
  readonly clocksJump: boolean;
}

/** A step while it is taken: its own random numbers, and its requests by number. */
export interface Taking {
  readonly simulation: Simulation;
  readonly step: Step;
  readonly random: Random;
  requests: number;
}

const UPLOAD_IDLE_LIMIT_MS = 2 * HOUR_MS;
const caches = new WeakMap<Process, { life: number; manifests: LRUCache<string, Manifest> }>();

/** What a caller is told: the answer, or why there is none. */
export type Answer<T> = { readonly value: T } | { readonly refused: ServiceError } | { readonly lost: true };

/** A URL of the simulated store, to be used by a client. */
export interface PartUrl {
  readonly key: string;
  readonly uploadId: string;
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly untilMs: number;
}

/** A call of the API: it reaches one of the replicas, and lasts at most an hour. */
export async function callService<T>(
  taking: Taking,
  attempt: AttemptRef,
  what: UseCase,
  act: (context: RecordingsContext) => Promise<T>,
): Promise<Answer<T>> {
  const { simulation, random } = taking;
  const process = random.pick(simulation.replicas);
  const about = {
    ...newRequest(taking, what),
    tenant: attempt.tenant,
    attempt: attemptPrefix(attempt),
    limitMs: REQUEST_LIMIT_MS,
  };
  const bytes = newRandom(simulation.seed, taking.step.number, taking.requests, 1);
  return answerOf(
    simulation.world.request(process, about, (store) => {
      const now = () => simulation.world.nowMs + process.skewMs;
      const mistake = simulation.mistake?.by.includes(what) ? simulation.mistake : undefined;
      const context = contextOf(simulation, process, { ...store, ...mistake?.store?.(store, now) }, bytes);
      return act({ ...context, ...mistake?.service?.(context) });
    }),
  );
}

/** A run of a command, by a process of its own. */
export async function runCommand<T>(
  taking: Taking,
  process: Process,
  what: UseCase,
  act: (context: SweepContext) => Promise<T>,
): Promise<Answer<T>> {
  const { simulation } = taking;
  const { rules, world } = simulation;
  const about = newRequest(taking, what);
  const bytes = newRandom(simulation.seed, taking.step.number, taking.requests, 1);
  return answerOf(
    world.request(process, about, (store) => {
      const now = () => world.nowMs + process.skewMs;
      // What `verify` finds at the end is the judge of all that went before.
      const isMade = simulation.mistake?.by.includes(what) && !(what === 'verify' && world.isQuiet);
      const mistake = isMade ? simulation.mistake : undefined;
      const context: SweepContext = {
        store: { ...store, ...mistake?.store?.(store, now) },
        policy: policyOf(rules),
        now,
        randomBytes: (length) => bytes.bytes(length),
        logRetentionMs: rules.logRetentionMs,
        leadMs: rules.leadMs,
        settleMs: rules.settleMs,
        uploadIdleLimitMs: UPLOAD_IDLE_LIMIT_MS,
        ...simulation.sizes,
        requestCount: () => 0,
      };
      return act({ ...context, ...mistake?.command?.(context) });
    }),
  );
}

/** A client's PUT to a part URL, straight to the store. */
export async function putPart(
  taking: Taking,
  attempt: AttemptRef,
  url: PartUrl,
  body: Uint8Array,
): Promise<Answer<string>> {
  const { world, clients } = taking.simulation;
  if (url.untilMs < world.nowMs) return { lost: true };
  const about = {
    ...newRequest(taking, 'part'),
    tenant: attempt.tenant,
    attempt: attemptPrefix(attempt),
    limitMs: REQUEST_LIMIT_MS,
  };
  return answerOf(
    world.request(clients, about, (store) => store.uploadPart(url.key, url.uploadId, url.partNumber, body)),
  );
}

function newRequest(taking: Taking, what: string): { name: string; random: Random } {
  const { simulation, step } = taking;
  taking.requests += 1;
  const name = `${step.number}.${taking.requests} ${what}`;
  return { name, random: newRandom(simulation.seed, step.number, taking.requests) };
}

/** Every failure that a caller may see. Anything else is a mistake in the code. */
async function answerOf<T>(call: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await call };
  } catch (error) {
    if (error instanceof ServiceError) return { refused: error };
    if (error instanceof ConnectionLost || isStoreError(error) || error instanceof SweepRefused) return { lost: true };
    if (error instanceof Violation) throw error;
    throw new Violation('nothing fails in an unforeseen way', String(error instanceof Error ? error.stack : error));
  }
}

function policyOf(rules: Rules): RecordingsContext['policy'] {
  const { afterAssessmentMs, unassessedMs, byTenantMs } = rules;
  return { afterAssessmentMs, unassessedMs, byTenantMs };
}

function contextOf(
  { world, rules }: Simulation,
  process: Process,
  store: ObjectStore,
  bytes: Random,
): RecordingsContext {
  const now = () => world.nowMs + process.skewMs;
  const randomBytes = (length: number) => bytes.bytes(length);
  return {
    store,
    presigner: presignerOf(now),
    audit: createAuditTrail(store, now, randomBytes),
    policy: policyOf(rules),
    leadMs: rules.leadMs,
    uploads: {
      mode: 'direct',
      partSizeBytes: PART_SIZE_BYTES,
      maxRecordingBytes: 5 * PART_SIZE_BYTES,
      partUrlTtlMs: HOUR_MS,
      playbackUrlTtlMs: 10 * MINUTE_MS,
      contentTypes: new Set(['video/mp4']),
    },
    manifests: manifestsOf(process, now),
    takingParts: new LRUCache<string, Promise<Manifest>>({ max: 1 }),
    contentUploads: new ContentUploads({ max: 1, idleMs: MINUTE_MS }),
    now,
    randomBytes,
    logRetentionMs: rules.logRetentionMs,
  };
}

/** The memory of a process, gone with it. */
function manifestsOf(process: Process, now: () => number): LRUCache<string, Manifest> {
  const known = caches.get(process);
  if (known?.life === process.life) return known.manifests;
  const perf = { now };
  const manifests = new LRUCache<string, Manifest>({ max: 100, ttl: MINUTE_MS, ttlResolution: 0, perf });
  caches.set(process, { life: process.life, manifests });
  return manifests;
}

function presignerOf(now: () => number): Presigner {
  const until = (expiresInSeconds: number) => now() + Math.min(expiresInSeconds * 1000, DAY_MS);
  return {
    async presignPart(key, part, expiresInSeconds) {
      const url: PartUrl = { key, ...part, untilMs: until(expiresInSeconds) };
      return JSON.stringify(url);
    },
    async presignPlayback(key, _, expiresInSeconds) {
      return JSON.stringify({ key, untilMs: until(expiresInSeconds) });
    },
  };
}
