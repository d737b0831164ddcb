// How long a creation may take, and whether the request that wrote something may still be running.
import { MAX_REQUEST_MS, MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';

/** From its claim to the reply to its manifest: a creation that takes longer is not answered with a recording. */
const DECIDES_WITHIN_MS = 2 * MINUTE_MS;
/** A creation whose claim is older has decided, or never will. */
const DECIDED_AFTER_MS = 3 * MINUTE_MS;
/** The store's clock may cut to whole seconds. */
const CUT_MS = SECOND_MS;

/**
 * Whether the request that wrote something may still be running.
 * @param ageMs the age of the object that it wrote, by the store's clock; NaN counts as young
 */
export function mayBeRunning(ageMs: number): boolean {
  return !(ageMs > MAX_REQUEST_MS);
}

/**
 * Whether a creation may still be answered with its recording.
 * @param ageMs the age of its claim, by the store's clock; NaN counts as young
 */
export function mayDecide(ageMs: number): boolean {
  return !(ageMs > DECIDED_AFTER_MS);
}

/**
 * Whether a manifest came too late for its creation to be answered with it, while others may have taken that for dead. No
 * creation lasts longer than a request: a manifest with a later date was given it by something else, as by a restore.
 * @param claimedMs when the creation was claimed, and `writtenMs` when the manifest was written, by the store's clock
 */
export function isLate(claimedMs: number, writtenMs: number): boolean {
  const elapsedMs = writtenMs - claimedMs;
  return elapsedMs > DECIDES_WITHIN_MS + CUT_MS && mayBeRunning(elapsedMs);
}

/** Whether other requests may have taken a creation for dead whose claim is that old. */
export function isTooLate(ageMs: () => number): boolean {
  return ageMs() > DECIDES_WITHIN_MS;
}

const CHANGED: ReadonlySet<string> = new Set(['recording-not-found', 'recording-deleted', 'recording-stored']);

/** For a recording that was deleted, or completed, since it was listed: the caller has to look again. @throws always */
export function tellToRepeat(error: unknown): never {
  throw error instanceof ServiceError && CHANGED.has(error.code) ? stillBeingCreated() : error;
}

export function stillBeingCreated(): ServiceError {
  return new ServiceError(
    'recording-being-created',
    'Another request for this attempt is running; send this one again.',
  );
}
