// How long a creation may take, and whether the request that wrote something may still be running.
import { MAX_REQUEST_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';

/** From the writing of its manifest on: a try that takes longer neither responds nor begins to give way. */
const DECIDES_WITHIN_MS = 30 * SECOND_MS;

/**
 * Whether the request that wrote something may still be running.
 * @param ageMs the age of the object that it wrote, by the store's clock; NaN counts as young
 */
export function mayBeRunning(ageMs: number): boolean {
  return !(ageMs > MAX_REQUEST_MS);
}

/** @throws ServiceError `recording-being-created` when other requests may take the try for dead */
export function requireInTime(elapsedMs: () => number): void {
  if (elapsedMs() > DECIDES_WITHIN_MS) throw stillBeingCreated();
}

export function stillBeingCreated(): ServiceError {
  return new ServiceError(
    'recording-being-created',
    'Another request for this attempt is running; send this one again.',
  );
}
