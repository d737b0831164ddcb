// How a process stops: its signals, what `serve` still serves then, and what it waits for.
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND_MS } from '../model/durations.ts';
import type { HttpServer } from './http-server.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** With `npm start`, Ctrl-C reaches the process twice: from the terminal and from npm. */
const ECHO_MS = 500;
/** This long after the signal connections are cut. What was uploaded until then stays, and the client resumes. */
const CUT_AFTER_MS = 50 * SECOND_MS;

/** Resolves after the time, or when aborted. */
export const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal }).catch(() => {});

/** The first signal aborts `signal`, the second ends the process at once. Disposing removes the handlers. */
export function listenForStop(
  now: () => number = () => performance.now(),
  exit: (code: number) => void = (code) => process.exit(code),
): Disposable & { readonly signal: AbortSignal } {
  const stopping = new AbortController();
  let firstAt = 0;
  const onSignal = (name: NodeJS.Signals) => {
    if (!stopping.signal.aborted) {
      firstAt = now();
      stopping.abort(name);
      // A signal does not end the first process of a container (PID 1), so it exits by itself.
    } else if (now() - firstAt > ECHO_MS) exit(128 + constants.signals[name]);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    /** Aborted by the first signal; the reason is its name. */
    signal: stopping.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

export interface ShutDown {
  readonly server: HttpServer;
  /** Background work. */
  readonly running: readonly ({ stop(): Promise<void> } | undefined)[];
  /** The name of the signal; any other value without one. */
  readonly reason: unknown;
  /** How long new connections are served after SIGTERM. */
  readonly delayMs: number;
  readonly wait: (milliseconds: number) => Promise<void>;
}

/**
 * For `delayMs` new connections are still served, until load balancers have noticed that the process is not ready. Then it
 * waits for running requests and background work.
 */
export async function shutDown({ server, running, reason, delayMs, wait }: ShutDown): Promise<void> {
  server.drain();
  const background = Promise.all(running.map(async (task) => task?.stop()));
  // No delay after Ctrl-C, because a person waits, nor when the bucket must not be used.
  const servedMs = reason === 'SIGTERM' ? delayMs : 0;
  if (servedMs > 0) await wait(servedMs);
  await Promise.all([background, server.close(CUT_AFTER_MS - servedMs)]);
}
