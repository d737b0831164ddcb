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
  /** Why this process is not ready, apart from the store; undefined when it is. */
  readonly notReady: () => string | undefined;
  /** Measure the time-out and the age of the last result. Default: those of the process. */
  readonly timers?: typeof PROCESS_TIMERS;
}

const PROCESS_TIMERS = {
  /** Milliseconds that only grow. */
  now: () => performance.now(),
  /** Resolves early when aborted. */
  sleep: pause,
};

/** A result is reused for this long, so that frequent probes do not each cost a store request. */
const KEPT_MS = 5 * SECOND_MS;
/** A probe waits no longer for the store. */
const PATIENCE_MS = 3 * SECOND_MS;

/** The check resolves within `PATIENCE_MS` and costs at most one LIST in `KEPT_MS`. Never rejects. */
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
    // Deadlines are counted from this clock: with a wrong one a recording would be kept too long, or not at all. Reported
    // first, because the self-test fails with a wrong clock too.
    if (skewMs !== undefined && clocksDiffer(skewMs, 0))
      return 'the clocks of this machine and of the store differ by more than five minutes';
    if (Number.isNaN(skewMs)) return 'the store sends no Date header, so deadlines cannot be checked';
    return notReady() ?? (skewMs === undefined ? 'the store does not respond' : undefined);
  }

  return async () => {
    const reason = await reasonOf();
    return { ready: reason === undefined, reason };
  };
}
