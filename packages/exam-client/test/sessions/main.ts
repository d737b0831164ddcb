// npm run simulate:client -- --sessions 1000 --clean 200 --seed 1: plays that many sessions, and tells which rules broke in which.
import { hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Rule } from './oracle.ts';
import type { Judged, Task } from './worker.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    /** Without faults, in addition. */
    clean: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    /** Seeds of sessions with faults that are known to break a rule: they have to, until the list is shorter. */
    known: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: String(availableParallelism()) },
    /** One of mistakes.ts, to see that it is caught. */
    mistake: { type: 'string' },
    /** Prints a story for each rule that broke, with as few faults as it takes. */
    shorten: { type: 'boolean', default: false },
    /** Prints the story of each session. */
    stories: { type: 'boolean', default: false },
  },
});
/** Of one rule, so many sessions are named. */
const NAMED = 12;
const first = Number(values.seed);
const tasks = (count: string, isClean: boolean): Task[] =>
  Array.from({ length: Number(count) }, (_, place) => ({ seed: first + place, isClean }));
const startedMs = performance.now();
const all = await playAll([...tasks(values.clean, true), ...tasks(values.sessions, false)]);
await tell();

/** In the order of the tasks, whatever the number of threads. */
async function playAll(given: readonly Task[]): Promise<Judged[]> {
  const played: Judged[] = [];
  const waiting = [...given.entries()];
  async function runThread(): Promise<void> {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: values });
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [place, task] = next;
      played[place] = await new Promise<Judged>((resolve, reject) => {
        worker.removeAllListeners().once('message', resolve).once('error', reject);
        worker.postMessage(task);
      });
      if (values.stories) console.log(played[place].story.join('\n'));
    }
    await worker.terminate();
  }
  await Promise.all(Array.from({ length: Math.min(Number(values.threads), given.length) }, runThread));
  return played;
}

async function tell(): Promise<void> {
  const failed = all.filter(({ findings }) => findings.length > 0);
  const found = failed.flatMap((judged) => judged.findings.map((finding) => ({ ...judged, ...finding })));
  for (const [rule, broken] of Map.groupBy(found, ({ rule }) => rule)) {
    const sessions = [...new Map(broken.map((one) => [nameOf(one), one])).values()];
    console.log(`${rule}: ${sessions.length} sessions`);
    for (const one of sessions.slice(0, NAMED)) console.log(`  ${nameOf(one)}: ${one.what} [${one.faults.join(', ')}]`);
    const [simplest] = sessions.toSorted((a, b) => a.faults.length - b.faults.length);
    if (simplest && values.shorten) await tellShortest(simplest, rule);
  }
  const recordedBytes = all.reduce((sum, one) => sum + one.recordedBytes, 0);
  const digest = hash('sha256', all.map((one) => one.digest).join(' ')).slice(0, 16);
  console.log(`${all.length} sessions from seed ${first}, ${recordedBytes} bytes recorded, digest ${digest}`);
  const known = new Set(values.known.map((seed) => nameOf({ seed: Number(seed), isClean: false })));
  const failing = new Set(failed.map(nameOf));
  const unknown = [...failing].filter((name) => !known.has(name));
  const healed = [...known].filter((name) => !failing.has(name));
  console.log(
    unknown.length === 0
      ? `every rule holds${known.size > 0 ? ' but in what is known' : ''}`
      : `${unknown.length} sessions failed`,
  );
  for (const name of healed) console.log(`${name} is known to fail, and did not`);
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  process.exitCode = unknown.length + healed.length === 0 ? 0 : 1;
}

/** The same session without the faults that the rule does not need to break. */
async function tellShortest({ seed, isClean }: Judged, rule: Rule): Promise<void> {
  for (const { story, findings } of await playAll([{ seed, isClean, shortenFor: rule }])) {
    for (const line of [...story, ...findings.map((finding) => `${finding.rule}: ${finding.what}`)]) {
      console.log(`    ${line}`);
    }
  }
}

function nameOf({ seed, isClean }: Pick<Judged, 'seed' | 'isClean'>): string {
  return `seed ${seed}${isClean ? ', clean' : ''}`;
}
