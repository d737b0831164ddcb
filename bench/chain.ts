// Round trips that follow each other: what a caller waits for, however many requests are made at the same time.

export interface Interval {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** The length of the longest chain of requests of which each began after the one before it had ended. */
export function longestChain(requests: readonly Interval[]): number {
  let length = 0;
  let endMs = Number.NEGATIVE_INFINITY;
  // The one that ends first leaves the most room for others.
  for (const { beganMs, endedMs } of requests.toSorted((a, b) => a.endedMs - b.endedMs)) {
    if (beganMs < endMs) continue;
    length += 1;
    endMs = endedMs;
  }
  return length;
}
