// What a year brings, from its seed: exams, in seasons and in bursts, and what goes wrong with the store and the machines.
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/model/durations.ts';
import { newRandom, type Random } from '../random.ts';

/** A Thursday. */
export const START_MS = Date.UTC(2026, 0, 1);

/** Tenants and how many of the exams are theirs; what they order is in `RETENTION_BY_TENANT`. */
export const TENANTS = { north: 40, south: 25, east: 12, west: 10, isle: 8, hill: 5 };
export const RETENTION_BY_TENANT = 'isle=3d,hill=10d,west=21d';

export interface Exam {
  readonly tenant: string;
  readonly exam: string;
  readonly number: number;
  readonly startMs: number;
  /** Attempts, each of one participant with one recording or two. */
  readonly seats: readonly number[];
}

const SIZES = [15, 15, 40, 40, 120, 120, 400, 1200, 3000] as const;
/** Of January to December: exams are at the end of terms. */
const SEASONS = [3, 6, 2, 1, 1, 4, 6, 2, 3, 1, 1, 3];
const WEEKEND = 0.05;
const NIGHT = 0.03;

export function exams(seed: number, days: number, wanted: number): Exam[] {
  const random = newRandom(seed, 1);
  const all: Exam[] = [];
  for (let planned = 0, number = 1; planned < wanted; number += 1) {
    const left = wanted - planned;
    // No exam has more than a twentieth of all.
    const size = Math.min(random.pick(SIZES), Math.ceil(wanted / 20), left);
    const seats: number[] = [];
    for (let sum = 0; sum < size; sum += seats.at(-1) ?? 0)
      seats.push(Math.min(random.chance(0.3) ? 2 : 1, size - sum));
    planned += size;
    all.push({
      tenant: random.weighted(TENANTS),
      exam: `exam-${number}`,
      number,
      startMs: dayOf(random, days) + hourOf(random) * HOUR_MS + random.between(0, 3) * 15 * MINUTE_MS,
      seats,
    });
  }
  return all;
}

/** The last days stay quiet, so that the year can be judged. */
function dayOf(random: Random, days: number): number {
  for (;;) {
    const dayMs = START_MS + random.between(0, Math.max(days - 3, 0)) * DAY_MS;
    const day = new Date(dayMs);
    const isWeekend = day.getUTCDay() === 0 || day.getUTCDay() === 6;
    const chance = (SEASONS[day.getUTCMonth()] ?? 1) / Math.max(...SEASONS);
    if (random.chance(chance * (isWeekend ? WEEKEND : 1))) return dayMs;
  }
}

const hourOf = (random: Random) => (random.chance(NIGHT) ? random.between(0, 23) : random.between(8, 17));

/** On working days from nine to five; the first such moment from then on. */
export function atWork(timeMs: number): number {
  let atMs = timeMs;
  const isOff = () => {
    const at = new Date(atMs);
    return at.getUTCDay() === 0 || at.getUTCDay() === 6 || at.getUTCHours() < 9 || at.getUTCHours() >= 17;
  };
  while (isOff()) atMs += HOUR_MS;
  return atMs;
}

/** What goes wrong from one time to another; where both times are one, it is over at once. */
export type Trouble = { readonly fromMs: number; readonly untilMs: number } & (
  | { readonly kind: 'outage' }
  | { readonly kind: 'suspend'; readonly machine: number }
  | { readonly kind: 'step'; readonly machine: number; readonly byMs: number }
  /** Off by what the guard allows. */
  | { readonly kind: 'drift'; readonly machine: number; readonly byMs: number }
  | { readonly kind: 'crash'; readonly machine: number }
  | { readonly kind: 'restart'; readonly machine: number }
  /** A new version: one replica after the other. */
  | { readonly kind: 'deploy' }
);

const KINDS = { outage: 5, suspend: 4, step: 5, drift: 2, crash: 2, restart: 2, deploy: 2, both: 2 };
/** Less than the deletion margin: what a sweep takes has to fit in too. */
const LONGEST_MS = 20 * HOUR_MS;
/** Where the other machine is well, it lasts for longer. */
const LONGEST_ALONE_MS = 4 * DAY_MS;
const STEPS_MS = [6, 7, 11, 30, 61, 180, 600, 1440, 2 * 1440, 5 * 1440, 30 * 1440, 400 * 1440].map(
  (minutes) => minutes * MINUTE_MS,
);

/**
 * One trouble, or several at once, after the other. Nothing keeps all sweeps from working for longer than `LONGEST_MS`, and
 * between two such times everything works for hours.
 */
export function troubles(seed: number, days: number): Trouble[] {
  const untilMs = START_MS + (days - 1) * DAY_MS;
  const random = newRandom(seed, 2);
  const all: Trouble[] = [];
  for (let fromMs = START_MS + DAY_MS; ; ) {
    fromMs += random.between(4 * HOUR_MS, 3 * DAY_MS);
    const next = troubleFrom(random, fromMs);
    const endMs = Math.max(...next.map((trouble) => trouble.untilMs));
    if (endMs > untilMs) return all;
    all.push(...next);
    fromMs = endMs;
  }
}

/** The same year with an outage of this length about the middle, and no other trouble beside it. */
export function withOutage(planned: readonly Trouble[], days: number, hours: number): Trouble[] {
  let fromMs = START_MS + Math.round(days / 2) * DAY_MS + 9 * HOUR_MS;
  // What is due on the morning of a Thursday was recorded, or assessed, on working days.
  while (new Date(fromMs).getUTCDay() !== 4) fromMs += DAY_MS;
  const untilMs = fromMs + hours * HOUR_MS;
  const isBeside = (trouble: Trouble) => trouble.fromMs < untilMs + DAY_MS && trouble.untilMs > fromMs - DAY_MS;
  return [...planned.filter((trouble) => !isBeside(trouble)), { kind: 'outage', fromMs, untilMs }];
}

function troubleFrom(random: Random, fromMs: number): Trouble[] {
  const kind = random.weighted(KINDS);
  const lastMs = duration(random, 3 * MINUTE_MS, LONGEST_MS);
  const untilMs = fromMs + lastMs;
  const machine = random.between(0, 1);
  const machines = random.chance(0.4) ? [0, 1] : [machine];
  const aloneMs = machines.length === 2 ? untilMs : fromMs + duration(random, HOUR_MS, LONGEST_ALONE_MS);
  const byMs = random.pick(STEPS_MS) * random.pick([-1, 1]);
  switch (kind) {
    case 'outage':
      return [{ kind, fromMs, untilMs }];
    case 'suspend':
      return machines.map((each) => ({ kind, fromMs, untilMs: aloneMs, machine: each }));
    case 'step':
      return machines.map((each) => ({ kind, fromMs, untilMs: aloneMs, machine: each, byMs }));
    case 'drift': {
      const driftMs = random.between(-280, 280) * 1000;
      return [{ kind, fromMs, untilMs: fromMs + duration(random, HOUR_MS, 10 * DAY_MS), machine, byMs: driftMs }];
    }
    case 'both':
      // The store is down while a clock is set, or a machine is suspended when the store comes back.
      return [
        { kind: 'outage', fromMs, untilMs: fromMs + lastMs * 0.7 },
        { kind: 'step', fromMs: fromMs + lastMs * 0.1, untilMs, machine, byMs },
        { kind: 'suspend', fromMs: fromMs + lastMs * 0.3, untilMs, machine: 1 - machine },
      ];
    default:
      return [{ kind, fromMs, untilMs: fromMs, machine }];
  }
}

/** Short ones are as frequent as long ones. */
function duration(random: Random, shortestMs: number, longestMs: number): number {
  return Math.round(shortestMs * (longestMs / shortestMs) ** (random.between(0, 1000) / 1000));
}
