// node --conditions=source packages/receipt-verifier/test/attacks-main.ts --attacks 5000 --receipts 10000 --seed 1: each must be found.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as verifier from '@proctoring-recordings/receipt-verifier';
import { ATTACKS, type Outcome, openArena } from './attacks.ts';

const KINDS = Object.keys(ATTACKS);

if (isMainThread) await tell();
else await attackAll(workerData);

interface Share {
  readonly receipts: number;
  readonly seeds: readonly number[];
}

/** In a thread. */
async function attackAll({ receipts, seeds }: Share): Promise<void> {
  const arena = await openArena(verifier, receipts);
  for (const { problem, detail } of arena.untouched.findings) {
    parentPort?.postMessage({ kind: 'the untouched file', seed: 0, found: [`${problem}: ${detail}`], isFound: false });
  }
  for (const seed of seeds) {
    const kind = KINDS[seed % KINDS.length] as string;
    parentPort?.postMessage({ ...(await arena.attack(kind, seed)), seed });
  }
}

async function tell(): Promise<void> {
  const { values } = parseArgs({
    options: {
      attacks: { type: 'string', default: '5000' },
      receipts: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const startedMs = performance.now();
  const seeds = Array.from({ length: Number(values.attacks) }, (_, at) => Number(values.seed) + at);
  const threads = Number(values.threads);
  const shares = Array.from({ length: threads }, (_, thread) => seeds.filter((seed) => seed % threads === thread));
  const outcomes: (Outcome & { seed: number })[] = [];
  await Promise.all(
    shares.map((share) => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      new Worker(new URL(import.meta.url), { workerData: { receipts: Number(values.receipts), seeds: share } })
        .on('message', (outcome) => outcomes.push(outcome))
        .once('error', reject)
        .once('exit', resolve);
      return promise;
    }),
  );
  const missed = outcomes.filter(({ isFound }) => !isFound).sort((a, b) => a.seed - b.seed);
  for (const kind of KINDS) {
    const some = outcomes.filter((outcome) => outcome.kind === kind);
    const found = [...new Set(some.flatMap((outcome) => outcome.found))].sort();
    console.log(`${some.filter(({ isFound }) => isFound).length}/${some.length} ${kind} [${found.join(', ')}]`);
  }
  for (const { kind, seed, found } of missed) console.log(`MISSED: ${kind}, seed ${seed}: [${found.join(', ')}]`);
  const found = outcomes.length - missed.length;
  console.log(`${found} of ${seeds.length} attacks of ${KINDS.length} kinds on ${values.receipts} receipts were found`);
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  process.exitCode = missed.length === 0 && found === seeds.length ? 0 : 1;
}
