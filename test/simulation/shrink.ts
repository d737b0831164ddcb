// Makes a failing history short: leaves out steps, faults and delays as long as the same invariant still breaks.
import { type History, type HistoryOptions, runHistory } from './history.ts';

/** Reruns at most: a history takes milliseconds. */
const MAX_RUNS = 600;

/** The shortest history that was found, with its trace. */
export async function shrink(failing: History, options: HistoryOptions): Promise<History> {
  const invariant = failing.violation?.invariant;
  let without = new Set<string>();
  let shortest = failing;
  let runs = 0;

  /** Leaves out all of these at once when the failure survives that. */
  async function leaveOut(names: readonly string[]): Promise<boolean> {
    if (runs === MAX_RUNS || names.length === 0) return false;
    runs += 1;
    const attempted = new Set([...without, ...names]);
    const history = await runHistory(failing.seed, { ...options, without: attempted });
    if (history.violation?.invariant !== invariant) return false;
    without = attempted;
    shortest = history;
    return true;
  }

  for (let before = Number.POSITIVE_INFINITY; shortest.happened.length < before; ) {
    before = shortest.happened.length;
    for (let size = before; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < shortest.happened.length; from += size) {
        if (await leaveOut(shortest.happened.slice(from, from + size))) from -= size;
      }
    }
  }
  return runHistory(failing.seed, { ...options, without, keepsTrace: true });
}
