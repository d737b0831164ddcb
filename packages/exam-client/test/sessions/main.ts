// npm run simulate:client -- --sessions 1000 --seed 1: plays that many sessions, and tells which rules broke in which.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Judged } from './worker.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    /** Without faults, in addition. */
    clean: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: String(availableParallelism()) },
    /** One of mistakes.ts, to see that it is caught. */
    mistake: { type: 'string' },
    /** Prints the story of every session. */
    stories: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const waiting = [
  ...Array.from({ length: Number(values.clean) }, (_, place) => ({ seed: first + place, isClean: true })),
  ...Array.from({ length: Number(values.sessions) }, (_, place) => ({ seed: first + place, isClean: false })),
];
const all: Judged[] = [];
const startedMs = performance.now();
await Promise.all(Array.from({ length: Number(values.threads) }, runThread));
tell();

async function runThread(): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: values });
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const task = next;
    const judged = await new Promise<Judged>((resolve, reject) => {
      worker.removeAllListeners().once('message', resolve).once('error', reject);
      worker.postMessage(task);
    });
    all.push(judged);
    if (values.stories) console.log(judged.story.join('\n'));
  }
  await worker.terminate();
}

function tell(): void {
  const failed = all.filter(({ findings }) => findings.length > 0);
  const [example] = failed.sort((a, b) => a.story.length - b.story.length);
  if (example) {
    console.log(`seed ${example.seed}${example.isClean ? ', clean' : ''}:`);
    for (const line of [...example.story, ...example.findings.map(({ rule, what }) => `${rule}: ${what}`)]) {
      console.log(`  ${line}`);
    }
  }
  const byRule = Map.groupBy(
    failed.flatMap(({ seed, isClean, findings, shortest }) =>
      [...new Set(findings.map(({ rule }) => rule))].map((rule) => {
        const what = findings.find((finding) => finding.rule === rule)?.what ?? '';
        return { rule, what, seed: isClean ? `${seed} (clean)` : String(seed), faults: shortest };
      }),
    ),
    ({ rule }) => rule,
  );
  for (const [rule, found] of byRule) {
    console.log(`${rule}: ${found.length} sessions`);
    for (const { seed, what, faults } of found.slice(0, 12)) console.log(`  seed ${seed}: ${what} [${faults.join(', ')}]`);
  }
  const recorded = all.reduce((sum, { recordedBytes }) => sum + recordedBytes, 0);
  console.log(`${all.length} sessions from seed ${first}: ${failed.length} failed, ${recorded} bytes recorded`);
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
