// The sweep inside the server: on a cron schedule in UTC, never two at a time.
import { schedule as scheduleCron } from 'node-cron';

export interface Scheduler {
  /** Safe to repeat. Resolves when a run in hand is over. */
  stop(): Promise<void>;
}

/** Runs `run` on a cron schedule; a time that comes while a run is under way is left out. `run` must not reject. */
export function startScheduler(cron: string, run: (signal: AbortSignal) => Promise<void>): Scheduler {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const task = scheduleCron(
    cron,
    () => {
      running ??= run(stopping.signal).finally(() => {
        running = undefined;
      });
    },
    { timezone: 'Etc/UTC' },
  );
  return {
    async stop() {
      stopping.abort();
      await task.destroy();
      await running;
    },
  };
}
