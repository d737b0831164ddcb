// A thread of the simulator: runs histories, with a mistake planted or without, and shortens the first that fails.
import { parentPort, workerData } from 'node:worker_threads';
import { type History, runHistory } from './history.ts';
import { findMistake } from './mistakes.ts';
import type { HistoryOptions } from './service.ts';

export type BatchResult = Awaited<ReturnType<typeof runBatch>>;
type Batch = Parameters<typeof runBatch>[0];

/** What the command was called with. */
const { mistake, 'clocks-jump': clocksJump } = workerData as { mistake?: string; 'clocks-jump': boolean };
const options: HistoryOptions = { mistake: mistake === undefined ? undefined : findMistake(mistake), clocksJump };

/** Reads of the final sweeps and the final `verify` are left out: they explain nothing. */
const READ_AT_THE_END = / 0\.\d+ (sweep|verify) +(list|get|isVersioned|tags)/;

/** The run stops at the first history that fails. */
async function runBatch({ from, count }: { readonly from: number; readonly count: number }) {
  const counts: (readonly [what: string, count: number])[] = [];
  let digest = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const history = await runHistory(seed, options);
    digest = (Math.imul(digest, 31) + history.digest) >>> 0;
    counts.push(...history.counts);
    if (!history.violation) continue;
    const shortest = await shrink(history);
    const all = history.happened.length;
    const omitted = `without ${all - shortest.happened.length} of ${all} steps, faults and delays`;
    const failure = [
      `seed ${seed} breaks: ${history.violation.message}`,
      `the shortest history that does, ${omitted}: ${shortest.violation?.message}`,
      ...shortest.trace.lines().filter((line) => !READ_AT_THE_END.test(line)),
    ].join('\n');
    return { from, ran: seed - from + 1, digest, counts, failure };
  }
  return { from, ran: count, digest, counts, failure: undefined };
}

/** Reruns at most: a history takes milliseconds. */
const MAX_RUNS = 600;

/** Leaves out steps, faults and delays as long as the same invariant breaks: the shortest history found, with its trace. */
async function shrink(failing: History): Promise<History> {
  const invariant = failing.violation?.invariant;
  let without = new Set<string>();
  let shortest = failing;
  let runs = 0;

  // Tried all at once first.
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
  return shortest;
}

parentPort?.on('message', (batch: Batch) => {
  void runBatch(batch).then((result) => parentPort?.postMessage(result));
});
