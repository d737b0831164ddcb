// Store calls that may take effect once at most: they are repeated only where the store has refused them.
import { AsyncLocalStorage } from 'node:async_hooks';

const once = new AsyncLocalStorage<boolean>();

/** Store calls of `act` are such calls, if `isOnce`. */
export function sentOnce<T>(isOnce: boolean, act: () => T): T {
  return once.run(isOnce, act);
}

/** Whether the call of this code is such a call. */
export function isSentOnce(): boolean {
  return once.getStore() ?? false;
}
