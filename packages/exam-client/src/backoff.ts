// How long to wait before the next attempt: longer each time, and different from client to client.

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** Beyond it the pause is the longest anyway. */
const MAX_DOUBLINGS = 10;

/** A longer Retry-After is cut to this: a service that is available again should not be left idle. */
const MAX_RETRY_AFTER_MS = 120_000;

/** The pause that a Retry-After header gives, in seconds or as a date; 0 when it is absent or unreadable. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  const value = header ?? '';
  const askedMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(0, askedMs || 0));
}

/** `random` lies between 0 and 1: full jitter, so that a whole hall that was offline does not call at once. */
export function pauseMs(attempt: number, random: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, MAX_DOUBLINGS)) * random;
}
