// For libraries that measure time by the wall clock: after it was set back, what they keep would stay young until it has
// caught up.
import { SECOND_MS } from './durations.ts';

/** The function that it returns tells whether the clock was set back since its last call, by more than a second. */
export function createSetBackDetector(now: () => number): () => boolean {
  let latestMs = now();
  return () => {
    const nowMs = now();
    const wasSetBack = nowMs < latestMs - SECOND_MS;
    latestMs = wasSetBack ? nowMs : Math.max(latestMs, nowMs);
    return wasSetBack;
  };
}
