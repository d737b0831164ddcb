// Deliberate mistakes, each made at the ports of the code, that a simulated month has to catch: with the promise that is broken then.
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../../src/model/durations.ts';
import type { ScheduleTimers, startSchedule } from '../../../src/runtime/schedule.ts';
import { overriding } from '../../kit/interventions.ts';
import { START_MS, type Trouble } from './calendar.ts';
import type { Mistake } from './replica.ts';
import type { Promised } from './year.ts';

const TEN_MINUTES_MS = 600 * SECOND_MS;
const ON_DAY_6_MS = START_MS + 6 * DAY_MS;

/** Waits for the moment that it computed before the clock was set: for as long as that was set back, nothing runs. */
const startScheduleOfOneClock: typeof startSchedule = (_, run, timers) => {
  const { wait } = timers as ScheduleTimers;
  const stopping = new AbortController();
  const { signal } = stopping;
  const nextMs = () => Math.floor(Date.now() / TEN_MINUTES_MS + 1) * TEN_MINUTES_MS;
  async function watch(): Promise<void> {
    for (let dueMs = nextMs(); !signal.aborted; ) {
      await wait(5 * SECOND_MS, signal);
      if (Date.now() < dueMs) continue;
      dueMs = nextMs();
      void run(signal);
    }
  }
  const watching = watch();
  return {
    async stop() {
      stopping.abort();
      await watching;
    },
  };
};

export const MISTAKES: readonly (Mistake & { readonly breaks: Promised; readonly troubles?: readonly Trouble[] })[] = [
  {
    name: 'there is no deletion margin',
    breaks: 'everything is deleted by its deadline',
    settings: { deleteLeadMs: 0 },
  },
  {
    name: 'the schedule waits while a clock that was set back catches up',
    breaks: 'everything is deleted by its deadline',
    startSchedule: startScheduleOfOneClock,
    troubles: [0, 1].map((machine) => ({
      kind: 'step',
      machine,
      byMs: 5 * DAY_MS,
      fromMs: ON_DAY_6_MS,
      untilMs: ON_DAY_6_MS + HOUR_MS,
    })),
  },
  {
    name: 'a sweep never looks at the clock of the store',
    breaks: 'nothing is deleted early but by a request in the audit trail',
    sweeper: ({ store, now }) => ({
      store: overriding(store, {
        list: async (...given) => ({ ...(await store.list(...given)), storeTimeMs: now() }),
      }),
    }),
  },
  {
    name: 'sweeps come a day too early',
    breaks: 'nothing is deleted early but by a request in the audit trail',
    settings: { deleteLeadMs: 2 * DAY_MS },
  },
  {
    name: 'an erasure is not in the audit trail',
    breaks: 'nothing is deleted early but by a request in the audit trail',
    service: () => ({ audit: { record: async () => {} } }),
  },
  {
    name: 'a sweep submits none of its receipts',
    breaks: 'the receipts and the log of each tenant prove each other',
    sweeper: ({ store }) => ({
      store: overriding(store, {
        put: async (key, body) => (key.startsWith('log-queue/') ? undefined : store.put(key, body)),
      }),
    }),
  },
  {
    name: 'receipts have the deadline of another rule',
    breaks: 'every receipt has the true deadline',
    sweeper: ({ policy }) => ({ policy: { ...policy, byTenantMs: new Map() } }),
  },
];
