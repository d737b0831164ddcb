// A thread of the simulator of sessions: plays one after the other, and judges them.
import { parentPort, workerData } from 'node:worker_threads';
import { findMistake } from './mistakes.ts';
import { type Finding, judge, type Rule } from './oracle.ts';
import { newPlan } from './plan.ts';
import { Session } from './session.ts';

export interface Judged {
  readonly seed: number;
  readonly isClean: boolean;
  readonly findings: readonly Finding[];
  readonly faults: readonly string[];
  readonly story: readonly string[];
  readonly digest: string;
  readonly recordedBytes: number;
}

const { mistake } = workerData as { mistake?: string };
const options = { mistake: mistake === undefined ? undefined : findMistake(mistake) };

export interface Task {
  readonly seed: number;
  readonly isClean: boolean;
  /** Leaves out what this rule does not need to break. */
  readonly shortenFor?: Rule;
}

async function play({ seed, isClean, shortenFor }: Task): Promise<Judged> {
  const without = shortenFor === undefined ? new Set<number>() : await needless(seed, isClean, shortenFor);
  const outcome = await Session.run(seed, { ...options, isClean, without });
  const recordedBytes = outcome.films.reduce((sum, { media }) => sum + media.length, 0);
  const { lines, digest } = outcome.story;
  const faults = outcome.happened.map(({ fault }) => fault.kind);
  return { seed, isClean, findings: judge(outcome), faults, story: lines, digest, recordedBytes };
}

/** The faults without which the rule is still broken. */
async function needless(seed: number, isClean: boolean, rule: Rule): Promise<Set<number>> {
  let without = new Set<number>();
  for (const place of newPlan(seed, isClean).faults.keys()) {
    const attempted = new Set([...without, place]);
    const outcome = await Session.run(seed, { ...options, isClean, without: attempted });
    if (judge(outcome).some((finding) => finding.rule === rule)) without = attempted;
  }
  return without;
}

parentPort?.on('message', (task: Task) => {
  play(task).then(
    (judged) => parentPort?.postMessage(judged),
    (error: unknown) => {
      throw new Error(`seed ${task.seed}`, { cause: error });
    },
  );
});
