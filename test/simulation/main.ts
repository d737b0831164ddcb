// npm run simulate -- --histories 10000 --seed 1: tries that many histories, and prints the first failure, shortened.
import { hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { BatchResult } from './worker.ts';

/** The digest is over batches of this size, so that it does not depend on the number of threads. */
const BATCH_HISTORIES = 50;

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: String(availableParallelism()) },
    /** One of mistakes.ts, to see that it is caught. */
    mistake: { type: 'string' },
    /** Clocks of sweepers step in mid-run by more than the guard allows: docs/simulation.md, known defects. */
    'clocks-jump': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const histories = Number(values.histories);
const batches = Array.from({ length: Math.ceil(histories / BATCH_HISTORIES) }, (_, index) => {
  const from = seed + index * BATCH_HISTORIES;
  return { from, count: Math.min(BATCH_HISTORIES, seed + histories - from) };
});
const results: BatchResult[] = [];
const startedMs = performance.now();

await Promise.all(Array.from({ length: Number(values.threads) }, runThread));
tell(results.toSorted((a, b) => a.from - b.from));

/** Takes batch after batch until none is left, or one has failed; those before it are finished, so the first is found. */
async function runThread(): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: values });
  for (let batch = batches.shift(); batch; batch = batches.shift()) {
    const result = await new Promise<BatchResult>((resolve, reject) => {
      worker.removeAllListeners().once('message', resolve).once('error', reject);
      worker.postMessage(batch);
    });
    results.push(result);
    if (result.failure) batches.length = 0;
  }
  await worker.terminate();
}

function tell(all: readonly BatchResult[]): void {
  const failed = all.find(({ failure }) => failure);
  const counted = all.slice(0, failed && all.indexOf(failed) + 1);
  const ran = counted.reduce((sum, batch) => sum + batch.ran, 0);
  const totals = new Map<string, number>();
  for (const [name, number] of counted.flatMap(({ counts }) => counts)) {
    totals.set(name, (totals.get(name) ?? 0) + number);
  }
  const digest = hash('sha256', counted.map((batch) => batch.digest).join(' '));
  for (const name of [...totals.keys()].sort()) console.log(`${name.padEnd(14)} ${totals.get(name)}`);
  console.log(`${ran} histories from seed ${seed}, digest ${digest.slice(0, 16)}`);
  console.log(failed?.failure ?? 'every invariant holds');
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  process.exitCode = failed ? 1 : 0;
}
