// A cron schedule that leaves no run out, whatever happens to the process and to its clock.
import { createTask } from 'node-cron';
import { SECOND_MS } from '../model/durations.ts';
import { pause } from './shutdown.ts';

/** The wall clock is the process's own: node-cron reads it by itself. */
export interface ScheduleTimers {
  /** Milliseconds that only grow, and may stand still while the machine is suspended. */
  readonly monotonicMs: () => number;
  /** Resolves after the time by that clock, or when aborted. Never rejects. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const PROCESS_TIMERS: ScheduleTimers = { monotonicMs: () => performance.now(), wait: pause };

/** A clock that was set, or a machine that was suspended, is noticed within this time of running. */
const LONGEST_WAIT_MS = 5 * SECOND_MS;
/** A clock that was set by no more delays a run by no more. */
const MAX_STEP_MS = SECOND_MS;

/** Whether it is a cron expression, and has a moment at all: the 30th of February never comes. */
export function isCron(expression: string): boolean {
  try {
    return momentsOf(expression).nextMs() > 0;
  } catch {
    return false;
  }
}

/** The moments of a cron expression in UTC. node-cron computes them; its timers, which leave late ones out, do not run. */
function momentsOf(expression: string): { nextMs(): number } {
  const task = createTask(expression, () => {}, { timezone: 'Etc/UTC' });
  // node-cron keeps a list of the tasks that may still run.
  void task.destroy();
  return {
    /** The first one after now, in milliseconds since the epoch. @throws Error when there is none in a hundred years. */
    nextMs: () => task.getNextRuns(1)[0]?.getTime() ?? Number.NaN,
  };
}

/**
 * Runs `run` at the start, because nobody knows what was missed before it, and then at each moment of a cron expression in
 * UTC. Never twice at once. A moment that passes while the process is busy or during a run, is made up for as soon as that
 * is over; many of them by one run. After the wall clock was set, in either direction, or the machine was suspended, one run
 * is made at once, and the next one at the next moment by the new time. `run` must not reject.
 */
export function startSchedule(
  cron: string,
  run: (signal: AbortSignal) => Promise<void>,
  { monotonicMs, wait }: ScheduleTimers = PROCESS_TIMERS,
) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const moments = momentsOf(cron);
  let isOwed = false;
  let running: Promise<void> | undefined;

  async function runWhatIsOwed(): Promise<void> {
    while (isOwed && !signal.aborted) {
      isOwed = false;
      await run(signal);
    }
    running = undefined;
  }

  function owe(): void {
    isOwed = true;
    running ??= runWhatIsOwed();
  }

  async function watch(): Promise<void> {
    let dueMs = moments.nextMs();
    /** What stands still, but for a step of the wall clock. */
    const offset = () => Date.now() - monotonicMs();
    let offsetMs = offset();
    for (;;) {
      await wait(Math.min(Math.max(dueMs - Date.now(), 0), LONGEST_WAIT_MS), signal);
      if (signal.aborted) return;
      const stepMs = Math.abs(offset() - offsetMs);
      offsetMs = offset();
      if (stepMs <= MAX_STEP_MS && Date.now() < dueMs) continue;
      dueMs = moments.nextMs();
      owe();
    }
  }

  const watching = watch();
  owe();
  return {
    /** Safe to repeat. Resolves when a run in progress is over; no further run begins. */
    async stop(): Promise<void> {
      stopping.abort();
      await watching;
      await running;
    },
  };
}
