// A store with a limit, and its clients, on a virtual clock.
import type { Gate } from '../../src/objectstore/gate.ts';

type Clock = Readonly<{ now: () => number; after: (milliseconds: number, act: () => void) => unknown }>;

/** Whether the store takes one more request now. */
export type Limit = (nowMs: number) => boolean;

/** So many requests a second, and as many at once as were not used in the second before. */
export function tokenBucket(perSecond: number): Limit {
  let tokens = perSecond;
  let filledMs = 0;
  return (nowMs) => {
    tokens = Math.min(perSecond, tokens + ((nowMs - filledMs) * perSecond) / 1000);
    filledMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/** So many requests in each second of the clock. */
export function eachSecond(perSecond: number): Limit {
  let second = 0;
  let used = 0;
  return (nowMs) => {
    if (Math.floor(nowMs / 1000) !== second) used = 0;
    second = Math.floor(nowMs / 1000);
    used += 1;
    return used <= perSecond;
  };
}

interface StoreOptions {
  readonly latencyMs: number;
  readonly clock: Clock;
  /** As its `Retry-After` says. Default: it sends none. */
  readonly hintMs?: number;
}

export function startLimitedStore(limit: Limit, { latencyMs, clock, hintMs }: StoreOptions) {
  const counted = { taken: 0, refused: 0 };
  const travel = () => new Promise<void>((resolve) => clock.after(latencyMs / 2, resolve));

  /** A request of a process with this gate, with its retries, as the S3 adapter makes it. */
  async function request(gate: Gate): Promise<void> {
    const turn = await gate.take('PutObject');
    try {
      for (;;) {
        gate.sent(turn);
        await travel();
        const isTaken = limit(clock.now());
        counted[isTaken ? 'taken' : 'refused'] += 1;
        await travel();
        if (isTaken) return gate.answered(turn);
        gate.refused(turn, 'SlowDown');
        await gate.again(turn, 'SlowDown', hintMs);
      }
    } finally {
      gate.end(turn);
    }
  }
  return { counted, request };
}
