// The dispatcher inside the server: looks into the outbox every few seconds, until it is stopped.
import { SECOND_MS } from '../model/durations.ts';
import type { Dispatcher } from './dispatcher.ts';

export const POLL_MS = 10 * SECOND_MS;

export interface Polling {
  /** Safe to repeat. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** `wait` resolves, and does not reject, when the signal is aborted. */
export function startPolling(
  dispatcher: Dispatcher,
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>,
  onError: (error: unknown) => void,
): Polling {
  const stopping = new AbortController();
  const { signal } = stopping;
  async function run(): Promise<void> {
    while (!signal.aborted) {
      await dispatcher.poll().catch(onError);
      await wait(POLL_MS, signal);
    }
  }
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await Promise.all([dispatcher.stop(), running]);
    },
  };
}
