// Holds a request to the time that it may last: after it nothing more is sent to the store on its behalf.
import { AsyncLocalStorage } from 'node:async_hooks';
import { StoreError } from './store-error.ts';

/** The `storeCode` of a call that was not made because its request had lasted too long. */
export const PAST_DEADLINE = 'RequestPastDeadline';

/** Follows a request through all that it awaits or starts, also what goes on after its response. */
const deadlines = new AsyncLocalStorage<{ readonly atMs: number; readonly now: () => number }>();

/**
 * Runs `act`; once `limitMs` have passed, the store is not called for it any more. Measured by the wall clock, which goes on
 * while a process or its machine is suspended; a timer would not.
 */
export function withinTime<T>(limitMs: number, now: () => number, act: () => T): T {
  return deadlines.run({ atMs: now() + limitMs, now }, act);
}

/**
 * To be called before each attempt at the store. What runs outside of `withinTime` (the sweeper, the self-test) has no limit.
 * @throws StoreError `unavailable`, `RequestPastDeadline`
 */
export function requireTimeLeft(operation: string): void {
  const deadline = deadlines.getStore();
  if (deadline && deadline.now() >= deadline.atMs) throw new StoreError('unavailable', operation, PAST_DEADLINE);
}
