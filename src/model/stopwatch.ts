// Elapsed time, also when the machine was suspended or its clock was set.

/**
 * Starts now; the function that it returns gives the milliseconds since. The longer of two measurements counts: the wall clock
 * goes on while a machine is suspended, and the monotonic clock is never set back. After the wall clock was set forward it
 * gives too much: a time limit then ends early, and never late.
 * @param now milliseconds since the epoch
 */
export function startStopwatch(now: () => number, monotonic: () => number = () => performance.now()): () => number {
  const wallMs = now();
  const monotonicMs = monotonic();
  return () => Math.max(now() - wallMs, monotonic() - monotonicMs);
}
