// What a test has to close or remove at its end, said where it is opened.
import { afterEach } from '@jest/globals';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test; the last one comes first. */
export function afterThisTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}
