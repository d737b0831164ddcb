// Whether this process may be sent requests: it is not stopping, the self-test is done, and the store responds.
import { randomBytes } from 'node:crypto';
import { DeletionQueue } from '../bucket/deletion-queue.ts';
import type { Readiness } from '../http/routes/service.ts';
import { SECOND_MS } from '../model/durations.ts';
import { clocksDiffer } from '../model/times.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import { pause } from './shutdown.ts';

export interface ReadinessDependencies {
  readonly store: ObjectStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A reason of the process's own; undefined: none. */
  readonly notReady: () => string | undefined;
  /** What patience and the age of an answer are measured by. Default: those of the process. */
  readonly timers?: typeof PROCESS_TIMERS;
}

const PROCESS_TIMERS = {
  /** Milliseconds that only grow. */
  now: () => performance.now(),
  /** Resolves early when aborted. */
  sleep: pause,
};

/** A probe a second must not cost a store request a second. */
const KEPT_MS = 5 * SECOND_MS;
/** A probe does not wait for a store that hangs. */
const PATIENCE_MS = 3 * SECOND_MS;

/** The answer comes within `PATIENCE_MS` and costs at most one LIST in `KEPT_MS`. Never rejects. */
export function createReadiness(deps: ReadinessDependencies): () => Promise<Readiness> {
  const { now, notReady, timers = PROCESS_TIMERS } = deps;
  const queue = new DeletionQueue(deps.store, randomBytes);
  const readSkewMs = async () => now() - (await queue.page({ limit: 1 })).storeTimeMs;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<number | undefined> | undefined;

  /** Undefined when the store fails, or does not respond in time. */
  async function clockSkewMs(): Promise<number | undefined> {
    if (timers.now() - readAt > KEPT_MS) {
      readAt = timers.now();
      reading = readSkewMs().catch(() => undefined);
    }
    const responded = new AbortController();
    const late = timers.sleep(PATIENCE_MS, responded.signal).then(() => undefined);
    return Promise.race([reading, late]).finally(() => responded.abort());
  }

  async function reasonOf(): Promise<string | undefined> {
    const skewMs = await clockSkewMs();
    // A deadline counts from this clock: what is created by a wrong one would be kept too long, or not at all. Reported
    // first, because a self-test cannot succeed by it either.
    if (skewMs !== undefined && clocksDiffer(skewMs, 0)) return "the clock and the store's differ by minutes";
    if (Number.isNaN(skewMs)) return 'the store sends no Date, so deadlines cannot be checked';
    return notReady() ?? (skewMs === undefined ? 'the store does not answer' : undefined);
  }

  return async () => {
    const reason = await reasonOf();
    return { ready: reason === undefined, reason };
  };
}
