// Waiting for a condition, in place of sleeping for a time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Awaits a condition; the test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
