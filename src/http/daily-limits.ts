// How often a day a caller may repeat a call that leaves something in the bucket each time.
import { LRUCache } from 'lru-cache';
import { DAY_MS, SECOND_MS } from '../model/durations.ts';
import type { ErrorCode } from '../model/errors.ts';

/** Of what is counted: the names of the path's ids that name it. */
export type Counted = 'attempt' | 'recording' | 'participant';

export interface DailyLimit {
  /** Calls with the same name share a count. */
  readonly name: string;
  readonly of: Counted;
  /** For each of them, a caller, a day of UTC and a process. */
  readonly max: number;
  /** Problems that leave something all the same; other refusals do not count. */
  readonly refusals: readonly ErrorCode[];
}

/** Of a creation that gave way, and had written by then. */
const GAVE_WAY = [
  'recording-being-created',
  'recording-deleted',
  'attempt-assessed',
  'attempt-of-another-participant',
] as const;
/** Each refusal of a link is audited. */
const AUDITED = ['recording-restricted', 'recording-expired', 'recording-deleted', 'recording-not-stored'] as const;

/**
 * Creations, each of which leaves a queue entry for 30 days. An exam has a few recordings; each reload of its page may
 * begin them again, and each repetition under an Idempotency-Key counts.
 */
export const CREATIONS: DailyLimit = { name: 'creations', of: 'attempt', max: 1000, refusals: GAVE_WAY };
/**
 * Playback links and their refusals, each of which is an audit event for twelve months. Three reviewers whose players ask
 * for a new link every ten minutes, day and night, make 432.
 */
export const LINKS: DailyLimit = { name: 'playback links', of: 'recording', max: 500, refusals: AUDITED };
/** A client completes once, and again after a failure; near its deadline each time may write a queue entry. */
export const COMPLETIONS: DailyLimit = {
  name: 'completions',
  of: 'recording',
  max: 500,
  refusals: ['not-a-recording'],
};
/** A client sends one, and again after a failure; near the deadline each time may write a queue entry. */
export const OVERVIEWS: DailyLimit = { name: 'overviews', of: 'recording', max: 500, refusals: [] };
/** People do these, one by one; a program that repeats one while the store is away does it some hundred times. */
export const RESTRICTIONS: DailyLimit = { name: 'restrictions', of: 'recording', max: 500, refusals: [] };
export const ASSESSMENTS: DailyLimit = { name: 'assessments', of: 'attempt', max: 500, refusals: [] };
/** Aborts too. */
export const DELETIONS: DailyLimit = {
  name: 'deletions',
  of: 'recording',
  max: 500,
  refusals: ['recording-restricted'],
};
export const ERASURES: DailyLimit = { name: 'erasures', of: 'participant', max: 500, refusals: [] };
/** Each leaves an audit event for every recording, which every later one reads. */
export const EXPORTS: DailyLimit = { name: 'exports', of: 'participant', max: 100, refusals: [] };

/** Some MB. The count that was used longest ago is forgotten first. */
const KEPT = 50_000;

/** Counts of one process, from midnight to midnight in UTC. A clock that is set to another day, in any direction, begins anew. */
export class DailyLimits {
  readonly #now: () => number;
  readonly #counts = new LRUCache<string, number>({ max: KEPT });
  #day = Number.NaN;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts one more; false when there were as many as may be. */
  count({ name, max }: DailyLimit, id: string): boolean {
    const day = Math.floor(this.#now() / DAY_MS);
    if (day !== this.#day) this.#counts.clear();
    this.#day = day;
    const key = `${name} ${id}`;
    const before = this.#counts.get(key) ?? 0;
    if (before >= max) return false;
    this.#counts.set(key, before + 1);
    return true;
  }

  /** It wrote nothing after all. */
  takeBack({ name }: DailyLimit, id: string): void {
    const key = `${name} ${id}`;
    const counted = this.#counts.get(key);
    if (counted !== undefined) this.#counts.set(key, counted - 1);
  }

  /** Until the next day begins, by the clock as it is now. */
  secondsLeft(): number {
    return Math.ceil((DAY_MS - (this.#now() % DAY_MS)) / SECOND_MS);
  }
}
