// A process of the service on one machine: the real use cases, and the real schedule with the real sweep.
import { DUE_PREFIX } from '../../../src/bucket/layout.ts';
import type { Signer } from '../../../src/bucket/signer.ts';
import { DAY_MS, MAX_REQUEST_MS, SECOND_MS } from '../../../src/model/durations.ts';
import type { RandomBytes } from '../../../src/model/ids.ts';
import { startStopwatch } from '../../../src/model/stopwatch.ts';
import { MAX_CLOCK_SKEW_MS } from '../../../src/model/times.ts';
import type { ListOptions, ObjectStore } from '../../../src/objectstore/object-store.ts';
import type { Presigner } from '../../../src/objectstore/presigner.ts';
import { requireTimeLeft, withinTime } from '../../../src/objectstore/request-deadline.ts';
import { StoreError } from '../../../src/objectstore/store-error.ts';
import type { RecordingsContext } from '../../../src/recordings/context.ts';
import { type ContextSettings, processMemory, recordingsContext, sweepContext } from '../../../src/runtime/contexts.ts';
import { type ScheduleTimers, startSchedule } from '../../../src/runtime/schedule.ts';
import type { SweepReport } from '../../../src/sweeper/report.ts';
import type { SweepContext } from '../../../src/sweeper/run.ts';
import { SweepRefused, sweep } from '../../../src/sweeper/sweep.ts';
import { intercepting, type StoreCall } from '../../kit/interventions.ts';
import type { MemoryStore } from '../../kit/memory-store.ts';
import type { Random } from '../random.ts';
import type { Machine } from './machine.ts';
import type { Timeline } from './timeline.ts';

/** What a mistake may change: at the ports of the code. */
export interface Mistake {
  readonly name: string;
  readonly settings?: Partial<ContextSettings>;
  readonly service?: (context: RecordingsContext) => Partial<RecordingsContext>;
  readonly sweeper?: (context: SweepContext) => Partial<SweepContext>;
  readonly startSchedule?: typeof startSchedule;
}

/** What all processes share. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly memory: MemoryStore;
  /** Of the network, whose calls are in a fixed order. */
  readonly random: Random;
  readonly settings: ContextSettings;
  readonly cron: string;
  readonly mistake: Mistake | undefined;
  /** Signs receipts; the logs are judged by all that it ever signed. */
  readonly signer: Signer;
  /** Since when the store has not answered; undefined while it does. */
  outageSinceMs: number | undefined;
  /** Makes a call of the store. */
  readonly observe: (method: StoreCall, args: readonly unknown[]) => Promise<unknown>;
  /** Sets the `Date` of this thread, which is what the schedule reads. */
  readonly setDate: (timeMs: number) => void;
  readonly onSwept: (result: SweepReport | 'refused' | 'failed') => void;
}

/** The caller gets no answer. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** What the SDK waits for a store that is down, its attempts included. */
const GIVES_UP_AFTER_MS = 10 * SECOND_MS;
/** When the store goes down, what is on its way may still be done. */
const GOING_DOWN_MS = 30 * SECOND_MS;
/** Of a healthy store: now and then a reply is lost, or a call fails. */
const FAILURE = 0.0005;
const HEAD_KEYS = 100;

interface Connection {
  readonly machine: Machine | undefined;
  isOver: boolean;
  requests: number;
}

/** The store, by network: a call takes effect and is answered after some milliseconds, or fails. */
export function connect(all: Surroundings, connection: Connection): ObjectStore {
  const { timeline, random } = all;
  const deliver = (act: () => void) => {
    const tell = () => {
      if (connection.isOver) return;
      timeline.stir();
      act();
    };
    if (connection.machine) connection.machine.whenAwake(tell);
    else tell();
  };
  return intercepting(all.memory, (method, given) => {
    const args = method === 'list' ? shortened(given) : given;
    requireTimeLeft(method);
    connection.requests += 1;
    return new Promise((resolve, reject) => {
      const isUnlucky = random.chance(FAILURE);
      const isMade = random.chance(0.5);
      const fail = (code: string) => deliver(() => reject(new StoreError('unavailable', method, code)));
      timeline.at(timeline.nowMs + random.between(5, 60), () => {
        const { outageSinceMs } = all;
        const isDown = outageSinceMs !== undefined;
        const isLost = isDown || isUnlucky || connection.isOver;
        if (isLost && !(isMade && timeline.nowMs <= (outageSinceMs ?? timeline.nowMs) + GOING_DOWN_MS)) {
          if (isDown) timeline.at(timeline.nowMs + GIVES_UP_AFTER_MS, () => fail('TimeoutError'));
          else fail('SlowDown');
          return;
        }
        all.observe(method, args).then(
          (answer) => (isLost ? fail('ECONNRESET') : deliver(() => resolve(answer))),
          (error: unknown) => deliver(() => reject(error as Error)),
        );
      });
    });
  });
}

/** S3 may always answer with fewer keys than were asked for. A sweep reads the head of the queue, and most find nothing due. */
function shortened([prefix, options]: readonly unknown[]): unknown[] {
  const { startAfter, limit } = (options ?? {}) as ListOptions;
  const isHead = prefix === DUE_PREFIX && startAfter === undefined && limit === undefined;
  return isHead ? [prefix, { limit: HEAD_KEYS }] : [prefix, options];
}

/** Nobody plays anything, and the clients send their parts past the URLs. */
const NO_URLS: Presigner = {
  presignPart: () => Promise.reject(new Error('no part URL is asked for')),
  presignPlayback: () => Promise.reject(new Error('no link is asked for')),
};

export type Replica = ReturnType<typeof startReplica>;

/** `serve`, as far as it deletes: its use cases, and its schedule. */
export function startReplica(all: Surroundings, machine: Machine, randomBytes: RandomBytes) {
  const { settings, mistake } = all;
  const now = () => machine.wallMs();
  const serving: Connection = { machine, isOver: false, requests: 0 };
  const sweeping: Connection = { machine, isOver: false, requests: 0 };
  const context = recordingsContext(settings, {
    store: connect(all, serving),
    presigner: NO_URLS,
    memory: processMemory({ maxContentUploads: 1 }, { now: () => machine.monotonicMs() }),
    now,
    randomBytes,
    signer: all.signer,
  });
  const forSweeps = sweepContext(settings, {
    store: connect(all, sweeping),
    now,
    randomBytes,
    signer: all.signer,
    requestCount: () => sweeping.requests,
  });
  const callers = new Set<(error: Error) => void>();
  let sinceReadMs = () => Number.POSITIVE_INFINITY;
  const sweeper = { ...forSweeps, ...mistake?.sweeper?.(forSweeps) };

  async function run(signal: AbortSignal): Promise<void> {
    all.timeline.stir();
    try {
      // What `serve` reads every hour: it deletes nothing, and is most of the work of a year without it.
      const isStale = sinceReadMs() >= DAY_MS;
      if (isStale) sinceReadMs = startStopwatch(now);
      all.onSwept(await sweep(sweeper, { signal, dueSoon: isStale, fromFuture: isStale }));
    } catch (error) {
      all.onSwept(error instanceof SweepRefused ? 'refused' : 'failed');
    }
  }

  /** Of the schedule, which waits for one thing at a time. */
  let goOn = () => {};
  let stopping: AbortSignal | undefined;
  const timers: ScheduleTimers = {
    monotonicMs: () => machine.monotonicMs(),
    wait(ms, signal) {
      if (signal !== stopping) signal.addEventListener('abort', () => goOn());
      stopping = signal;
      return new Promise((resolve) => {
        goOn = () => {
          if (serving.isOver) return;
          all.setDate(now());
          resolve();
        };
        machine.after(ms, goOn);
      });
    },
  };
  all.setDate(now());
  const schedule = (mistake?.startSchedule ?? startSchedule)(all.cron, run, timers);

  return {
    machine,
    /** As `/readyz` tells a load balancer, which asks every few seconds: here it knows at once. */
    get isReady(): boolean {
      return !serving.isOver && !machine.isSuspended && Math.abs(machine.skewMs) <= MAX_CLOCK_SKEW_MS;
    },
    /** Rejects as the use case does, and with `ConnectionLost` when the process ends or its machine is suspended. */
    async ask<T>(act: (context: RecordingsContext) => Promise<T>): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      callers.add(reject);
      const given = { ...context, ...mistake?.service?.(context) };
      withinTime(MAX_REQUEST_MS, now, () => act(given))
        .then(resolve, reject)
        .finally(() => callers.delete(reject));
      return promise;
    },
    hangUp(): void {
      for (const reject of callers) reject(new ConnectionLost('no answer'));
      callers.clear();
    },
    /** As SIGTERM does: the attempts in progress end. */
    stop: () => schedule.stop(),
    /** Nothing is answered to it any more; what it has sent may still be done. */
    kill(): void {
      serving.isOver = true;
      sweeping.isOver = true;
      this.hangUp();
    },
  };
}
