// The looks of the service at the pace of bodies, every ten seconds; the test has them come when it wants.
import type { Every } from '../../src/http/pace.ts';

/** How many looks a minute has. */
export const A_MINUTE = 6;

export function createLooks() {
  const looks = new Set<() => void>();
  const every: Every = (ms, look) => {
    // The total limit of a stream is none of them.
    if (ms > 60_000) return () => {};
    looks.add(look);
    return () => looks.delete(look);
  };
  return {
    every,
    /** How many bodies are looked at. */
    get size() {
      return looks.size;
    },
    /** Some of them in a row, during which no byte arrives. */
    look(times = 1) {
      for (let count = 0; count < times; count += 1) for (const each of looks) each();
    },
  };
}
