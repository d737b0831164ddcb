// Limits how long a request may call the store: after its deadline no further call is sent.
import { AsyncLocalStorage } from 'node:async_hooks';
import { startStopwatch } from '../model/stopwatch.ts';
import { StoreError } from './store-error.ts';

/** The `storeCode` of a call that was not made because its request had lasted too long. */
export const PAST_DEADLINE = 'RequestPastDeadline';

/** Whether a request's time is over. It applies to all async work that the request started, also after its response. */
const deadlines = new AsyncLocalStorage<() => boolean>();

/**
 * Runs `act`; after `limitMs` it can make no store call, also when its machine was suspended meanwhile, and when its clock
 * was set back. Within another `withinTime` the earlier deadline counts.
 */
export function withinTime<T>(limitMs: number, now: () => number, act: () => T): T {
  const elapsedMs = startStopwatch(now);
  const isOuterOver = deadlines.getStore();
  return deadlines.run(() => elapsedMs() >= limitMs || isOuterOver?.() === true, act);
}

/** Tells whether the time of the request that this code belongs to is over, also when it is asked by other code. */
export function currentDeadline(): () => boolean {
  return deadlines.getStore() ?? (() => false);
}

/** What a call throws that was not made because its request had lasted too long. */
export function pastDeadline(operation: string): StoreError {
  return new StoreError('unavailable', operation, PAST_DEADLINE);
}

/**
 * Call it before each attempt at the store. Code outside of `withinTime` (the sweeper, the self-test) has no limit.
 * @throws StoreError `unavailable`, `RequestPastDeadline`
 */
export function requireTimeLeft(operation: string): void {
  if (currentDeadline()()) throw pastDeadline(operation);
}
