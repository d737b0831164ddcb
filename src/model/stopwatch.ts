// How long ago something was, whatever was done to the clocks since.

/**
 * Starts now; the function that it returns tells the milliseconds since. Of two clocks the one that says more counts: the
 * wall clock goes on while a machine is suspended, and the monotonic clock is never set back. A wall clock that is set
 * forward makes things look older than they are: what is too old, or to be done again, is so early, and never late.
 * @param now milliseconds since the epoch
 */
export function startStopwatch(now: () => number, monotonic: () => number = () => performance.now()): () => number {
  const wallMs = now();
  const monotonicMs = monotonic();
  return () => Math.max(now() - wallMs, monotonic() - monotonicMs);
}
