// How long to wait before the next attempt: longer after each failure, and random, so that clients do not retry together.

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** Keeps the power of two small; the maximum is reached before. */
const MAX_DOUBLINGS = 10;

/** A longer Retry-After is cut to this, so that uploads resume soon after the service is available again. */
const MAX_RETRY_AFTER_MS = 120_000;

/**
 * The pause that a Retry-After header gives, in seconds or as a date; 0 when it is absent or unreadable. A date is compared
 * with the response's own `Date`: the clock of the computer may be wrong.
 */
export function retryAfterMs(header: string | null, date: string | null): number {
  const value = header ?? '';
  const askedMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.parse(date ?? '');
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(0, askedMs || 0));
}

/**
 * Full jitter (`random` in [0, 1)): the clients of one exam room that were offline must not all call at once. Nor after a
 * Retry-After, `askedMs`, because each of them got the same: they spread over as long again.
 */
export function pauseMs(attempt: number, random: number, askedMs = 0): number {
  const ownMs = FIRST_PAUSE_MS * 2 ** Math.min(attempt, MAX_DOUBLINGS);
  return askedMs + Math.min(MAX_PAUSE_MS, Math.max(askedMs, ownMs)) * random;
}
