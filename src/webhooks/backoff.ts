// When an event that could not be delivered is tried again: exponentially later, with jitter, up to days.
import { HOUR_MS, SECOND_MS } from '../model/durations.ts';

const FIRST_MS = 10 * SECOND_MS;
const LONGEST_MS = 6 * HOUR_MS;

/** Milliseconds until the next attempt, after `attempts` failed ones; `random` in [0, 1) takes up to half of it away. */
export function backoffMs(attempts: number, random: number, longestMs: number = LONGEST_MS): number {
  const wholeMs = Math.min(FIRST_MS * 2 ** (attempts - 1), longestMs);
  return Math.round(wholeMs * (1 - random / 2));
}
