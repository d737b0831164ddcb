// A thread of the simulator: runs the histories that it is asked for, with a mistake planted or without.
import { parentPort, workerData } from 'node:worker_threads';
import { type HistoryOptions, runHistory } from './history.ts';
import { findMistake } from './mistakes.ts';
import { shrink } from './shrink.ts';

export interface Batch {
  readonly from: number;
  readonly count: number;
}

export interface BatchResult {
  readonly from: number;
  /** How many were run: none after the first that failed. */
  readonly ran: number;
  readonly digest: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: { readonly seed: number; readonly report: string } | undefined;
}

export interface WorkerData {
  /** One of mistakes.ts. */
  readonly mistake?: string | undefined;
  readonly clocksJump: boolean;
}

const { mistake, clocksJump } = workerData as WorkerData;
const options: HistoryOptions = { mistake: mistake === undefined ? undefined : findMistake(mistake), clocksJump };

/** What the sweeps and `verify` of the end only read explains nothing. */
const READ_AT_THE_END = / 0\.\d+ (sweep|verify) +(list|get|isVersioned|tags)/;

async function runBatch({ from, count }: Batch): Promise<BatchResult> {
  const counts = new Map<string, number>();
  let digest = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const history = await runHistory(seed, options);
    digest = (Math.imul(digest, 31) + history.digest) >>> 0;
    for (const [name, number] of history.counts) counts.set(name, (counts.get(name) ?? 0) + number);
    if (!history.violation) continue;
    const breaks = `seed ${seed} breaks: ${history.violation.message}`;
    const shortest = await shrink(history, options);
    const report = [
      breaks,
      `the shortest history that does, without ${history.happened.length - shortest.happened.length} of ${history.happened.length} steps, faults and delays: ${shortest.violation?.message}`,
      ...shortest.trace.filter((line) => !READ_AT_THE_END.test(line)),
    ].join('\n');
    return { from, ran: seed - from + 1, digest, counts, failure: { seed, report } };
  }
  return { from, ran: count, digest, counts, failure: undefined };
}

parentPort?.on('message', (batch: Batch) => {
  void runBatch(batch).then((result) => parentPort?.postMessage(result));
});
