// Whether this process may be sent requests: it is not stopping, the self-test is done, and the store responds.
import { setTimeout as sleep } from 'node:timers/promises';
import { DUE_PREFIX } from '../bucket/layout.ts';
import type { Readiness } from '../http/routes/service.ts';
import { SECOND_MS } from '../model/durations.ts';
import { clocksDiffer } from '../model/times.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';

export interface ReadinessDependencies {
  readonly store: Pick<ObjectStore, 'list'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A reason of the process's own; undefined: none. */
  readonly notReady: () => string | undefined;
  /** Called with each result. */
  readonly onAnswer: (ready: boolean) => void;
  /** What patience and the age of an answer are measured by. Default: those of the process. */
  readonly timers?: Timers;
}

interface Timers {
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Resolves early when aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const OF_THE_PROCESS: Timers = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {}),
};

/** A probe a second must not cost a store request a second. */
const KEPT_MS = 5 * SECOND_MS;
/** A probe does not wait for a store that hangs. */
const PATIENCE_MS = 3 * SECOND_MS;

/** The answer comes within `PATIENCE_MS` and costs at most one LIST in `KEPT_MS`. Never rejects. */
export function createReadiness(deps: ReadinessDependencies): () => Promise<Readiness> {
  const { store, now, notReady, onAnswer, timers = OF_THE_PROCESS } = deps;
  const readSkewMs = async () => now() - (await store.list(DUE_PREFIX, { limit: 1 })).storeTimeMs;
  const clockSkewMs = remembered(readSkewMs, timers);

  async function reasonOf(): Promise<string | undefined> {
    const skewMs = await withinPatience(clockSkewMs, timers);
    // A deadline counts from this clock: what is created by a wrong one would be kept too long, or not at all. Reported
    // first, because a self-test cannot succeed by it either.
    if (skewMs !== undefined && clocksDiffer(skewMs, 0)) return "the clock and the store's differ by minutes";
    if (Number.isNaN(skewMs)) return 'the store sends no Date, so deadlines cannot be checked';
    return notReady() ?? (skewMs === undefined ? 'the store does not answer' : undefined);
  }

  return async () => {
    const reason = await reasonOf();
    onAnswer(reason === undefined);
    return reason === undefined ? { ready: true } : { ready: false, reason };
  };
}

/** Undefined when the store fails, or does not respond in time. */
async function withinPatience<T>(read: () => Promise<T>, timers: Timers): Promise<T | undefined> {
  const responded = new AbortController();
  const late = timers.sleep(PATIENCE_MS, responded.signal).then(() => undefined);
  try {
    return await Promise.race([read(), late]);
  } catch {
    return undefined;
  } finally {
    responded.abort();
  }
}

/** Reads at most once in `KEPT_MS`. */
function remembered<T>(read: () => Promise<T>, timers: Timers): () => Promise<T> {
  let readAt = Number.NEGATIVE_INFINITY;
  let result: Promise<T> | undefined;
  return () => {
    if (!result || timers.now() - readAt > KEPT_MS) {
      readAt = timers.now();
      result = read();
      // A caller that stopped waiting does not handle it.
      result.catch(() => {});
    }
    return result;
  };
}
