// How `serve` stops: what it still serves, for how long, and what it waits for.
import { SECOND_MS } from '../model/durations.ts';
import type { HttpServer } from './http-server.ts';

/** From the signal on: then connections are cut. What was uploaded until then stays, and the client goes on with it. */
const CUT_AFTER_MS = 50 * SECOND_MS;

export interface ShutDown {
  readonly server: HttpServer;
  /** What runs beside the requests. */
  readonly running: readonly ({ stop(): Promise<void> } | undefined)[];
  /** The name of the signal; anything else where no signal came. */
  readonly reason: unknown;
  /** How long new connections are served after SIGTERM. */
  readonly delayMs: number;
  readonly wait: (milliseconds: number) => Promise<void>;
}

/**
 * Not ready from the signal on. For `delayMs` new connections are still served, until load balancers have noticed; then
 * requests in hand end, and so does the attempt that is being swept.
 */
export async function shutDown({ server, running, reason, delayMs, wait }: ShutDown): Promise<void> {
  server.drain();
  const background = Promise.all(running.map(async (task) => task?.stop()));
  // Who pressed Ctrl-C waits for it, and a bucket that must not be used is not used a second longer.
  const servedMs = reason === 'SIGTERM' ? delayMs : 0;
  if (servedMs > 0) await wait(servedMs);
  await Promise.all([background, server.close(CUT_AFTER_MS - servedMs)]);
}
