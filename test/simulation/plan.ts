// What will be tried in one history: its rules, its store, and who does what when; all from the seed.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { Rules } from './model.ts';
import { newRandom, type Random } from './random.ts';

/** What one actor does; everything else about it is drawn from the seed and its number. */
export interface Step {
  readonly number: number;
  readonly kind: StepKind;
  readonly atMs: number;
  /** The attempt that it is about. Default: drawn by the actor. */
  readonly attempt?: string;
  /** Under which key it begins a recording. Default: drawn by the actor, or none. */
  readonly idempotencyKey?: string | undefined;
}

export const START_MS = Date.UTC(2026, 0, 1);
export const PART_SIZE_BYTES = 16;
/** What a client sends when it creates a recording. */
export const BEGINNING = {
  kind: 'webcam',
  contentType: 'video/mp4',
  consent: { givenAt: '2025-12-01T00:00:00Z', policyVersion: '7' },
} as const;

/** How often each kind of step is taken. */
const FIRST_STEPS = { record: 8, assess: 1, sweep: 1, erase: 1, review: 1 };
const BY_CALLERS = { record: 12, complete: 8, resume: 4, abort: 5, erase: 9, restrict: 4, assess: 12, review: 7 };
const BY_OPERATORS = { sweep: 20, verify: 6, crash: 2, skew: 2, 'step-clock': 4, poison: 2 };
const LATER_STEPS = { ...BY_CALLERS, ...BY_OPERATORS };
export type StepKind = keyof typeof LATER_STEPS | 'overview';

const RULES: Rules = {
  afterAssessmentMs: 10 * DAY_MS,
  unassessedMs: 30 * DAY_MS,
  byTenantMs: new Map([['beta', 3 * DAY_MS]]),
  leadMs: DAY_MS,
  settleMs: HOUR_MS,
  logRetentionMs: 40 * DAY_MS,
};

/** Days pass so that steps meet where something is due: by an assessment or without, at the lead or at the deadline. */
const GAPS_MS = [
  ...[1, 20, 50, 65, 180].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 9, 9.5, 10, 29, 29, 29.5, 30].map((days) => days * DAY_MS),
];
/** The most that a page, a chunk or a window holds: few, so that a few recordings fill several. */
const SIZES = [1, 2, 3, 1000];
/** How close together the steps of one meeting begin. */
const MEETINGS_MS = [200, 200, SECOND_MS, SECOND_MS, 20 * SECOND_MS, 20 * MINUTE_MS, 2 * HOUR_MS];

/** Three of ten stores are like MinIO, or worse. */
const LISTS_UPLOADS = [...Array<'by-prefix'>(7).fill('by-prefix'), 'by-key', 'by-key', 'never'] as const;

export type Plan = ReturnType<typeof newPlan>;

export function newPlan(seed: number) {
  const random = newRandom(seed, 0);
  const failure = random.pick([0, 0, 0.02, 0.06, 0.15]);
  const crash = random.pick([0, 0, 0.005, 0.02]);
  const setting = {
    rules: RULES,
    /** Chances of a call, from 0 to 1. */
    rates: { failure, crash },
    sizes: { chunkAttempts: random.pick(SIZES), windowKeys: random.pick(SIZES) },
    store: {
      pageKeys: random.pick(SIZES),
      minPartSizeBytes: PART_SIZE_BYTES,
      versioned: random.chance(0.15),
      hasTagging: random.chance(0.9),
      remembersCompletions: random.chance(0.5),
      wholeSeconds: random.chance(0.5),
      listsUploads: newRandom(seed, 1000).pick(LISTS_UPLOADS),
    },
  };
  const { steps, logs } = withLogs(newSteps(random), seed);
  return { ...setting, steps: [...steps, ...rushes(steps, seed), ...overviews(steps, seed)], logs };
}

const SIGNED = 0.25;
/** A tenant of long standing has a log that is about to fill a tile of 256, or nothing. */
const BEGUN_WITH = [0, 0, 0, 250, 254, 255, 300] as const;
/** After what was submitted has become old enough for the log, and after the head that has it has. */
const LOG_GAPS_MS = [61, 61, 65, 90, 121, 125, 181, 200, 1440].map((minutes) => minutes * MINUTE_MS);

/** From a step to when something of it is due. */
const DUE_GAPS_MS = [0, 0, 2, 9, 29].map((days) => days * DAY_MS + MINUTE_MS);

/**
 * Some services sign receipts. Logs grow where sweeps come an hour after others: those are steps of their own, from random
 * numbers of their own, beside the others. Erasures submit while sweeps list.
 */
function withLogs(steps: readonly Step[], seed: number) {
  const random = newRandom(seed, 1001);
  if (!random.chance(SIGNED)) return { steps, logs: undefined };
  const more: Step[] = [];
  const add = (kind: StepKind, atMs: number) => void more.push({ number: 2001 + more.length, kind, atMs });
  for (let meetings = random.between(2, 4); meetings > 0; meetings -= 1) {
    let atMs = random.pick(steps).atMs + random.pick(DUE_GAPS_MS);
    for (let left = random.between(2, 4); left > 0; left -= 1) {
      const spreadMs = random.pick(MEETINGS_MS);
      for (let sweeps = random.between(1, 2); sweeps > 0; sweeps -= 1) add('sweep', atMs + random.between(0, spreadMs));
      if (random.chance(0.3)) add('erase', atMs + random.between(0, spreadMs));
      if (random.chance(0.3)) add('erase', atMs + random.between(0, spreadMs));
      atMs += random.pick(LOG_GAPS_MS);
    }
  }
  // Submissions and heads are dated when their PUT begins.
  const areDatedEarly = random.chance(0.5);
  return { steps: [...steps, ...more], logs: { begunWith: random.pick(BEGUN_WITH), areDatedEarly } };
}

const RUSHED = 0.1;
/** In an attempt that all of them are about. */
const IN_RUSH = { record: 12, abort: 4, erase: 2, assess: 3 };
const RUSHES_MS = [50, 200, SECOND_MS, 3 * SECOND_MS, 10 * MINUTE_MS];

/** In some histories many callers are at work on one attempt in the same second: from random numbers of their own. */
function rushes(steps: readonly Step[], seed: number): Step[] {
  const random = newRandom(seed, 1002);
  if (!random.chance(RUSHED)) return [];
  const more: Step[] = [];
  for (let rush = random.between(1, 3); rush > 0; rush -= 1) {
    const startMs = random.pick(steps).atMs + random.between(0, HOUR_MS);
    const spreadMs = random.pick(RUSHES_MS);
    const idempotencyKey = random.chance(0.5) ? 'k1' : undefined;
    for (let left = random.between(4, 9); left > 0; left -= 1) {
      const kind = random.weighted(IN_RUSH);
      const delayMs = kind === 'record' ? 0 : random.between(0, SECOND_MS);
      const atMs = startMs + random.between(0, spreadMs) + delayMs;
      more.push({ number: 3001 + more.length, kind, atMs, attempt: `rush-${rush}`, idempotencyKey });
    }
  }
  return more;
}

const WITH_OVERVIEWS = 0.15;
/** Beside what else happens to the recording, or where it is due. */
const OVERVIEW_GAPS_MS = [0, 0, 0, 0, 2, 9, 29].map((days) => days * DAY_MS);

/** In some histories clients send overviews: from random numbers of their own, beside the other steps. */
function overviews(steps: readonly Step[], seed: number): Step[] {
  const random = newRandom(seed, 1003);
  if (!random.chance(WITH_OVERVIEWS)) return [];
  const uploads = steps.filter(({ kind }) => kind === 'record');
  const moments = [...steps, ...uploads, ...uploads];
  return Array.from({ length: random.between(3, 8) }, (_, index) => {
    const atMs =
      random.pick(moments).atMs + random.pick(OVERVIEW_GAPS_MS) + random.between(0, random.pick(MEETINGS_MS));
    return { number: 4001 + index, kind: 'overview', atMs };
  });
}

function newSteps(random: Random): Step[] {
  const steps: Step[] = [];
  let atMs = START_MS;
  for (let meetings = random.between(2, 6); meetings > 0; meetings -= 1) {
    const weights: Partial<Record<StepKind, number>> = steps.length === 0 ? FIRST_STEPS : LATER_STEPS;
    const spreadMs = random.pick(MEETINGS_MS);
    // Many attempts that are due together make several chunks.
    const isCrowd = steps.length === 0 && random.chance(0.3);
    for (let left = isCrowd ? random.between(5, 9) : random.between(1, 5); left > 0; left -= 1) {
      const kind = isCrowd ? 'record' : random.weighted(weights);
      steps.push({ number: steps.length + 1, kind, atMs: atMs + random.between(0, spreadMs) });
    }
    atMs += random.pick(GAPS_MS) + random.between(0, 1) * random.between(0, HOUR_MS);
  }
  return steps;
}
