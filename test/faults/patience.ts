// What a client does after a 503: the same again, until it is answered or has lost patience.
import { setTimeout as sleep } from 'node:timers/promises';
import { isStoreError } from '../../src/storage/store-error.ts';

const PAUSE_MS = 100;

/** @throws the last StoreError after `tries`, and at once whatever is not the store's absence */
export async function patiently<T>(call: () => Promise<T>, tries = 4): Promise<T> {
  for (let left = tries - 1; left > 0; left -= 1) {
    try {
      return await call();
    } catch (error) {
      if (!isStoreError(error, 'unavailable')) throw error;
      await sleep(PAUSE_MS);
    }
  }
  return call();
}
