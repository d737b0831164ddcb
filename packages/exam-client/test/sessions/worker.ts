// A thread of the simulator of sessions: plays one after the other, and judges them.
import { parentPort, workerData } from 'node:worker_threads';
import { findMistake } from './mistakes.ts';
import { type Finding, judge } from './oracle.ts';
import { Session } from './session.ts';

export interface Judged {
  readonly seed: number;
  readonly isClean: boolean;
  readonly findings: readonly Finding[];
  readonly shortest: readonly string[];
  readonly story: readonly string[];
  readonly digest: string;
  readonly recordedBytes: number;
}

const { mistake } = workerData as { mistake?: string };
const options = { mistake: mistake === undefined ? undefined : findMistake(mistake) };

async function play({ seed, isClean }: { seed: number; isClean: boolean }): Promise<Judged> {
  const outcome = await Session.run(seed, { ...options, isClean });
  const recordedBytes = outcome.films.reduce((sum, { media }) => sum + media.length, 0);
  const shortest = outcome.happened.map(({ fault }) => fault.kind);
  const { lines, digest } = outcome.story;
  return { seed, isClean, findings: judge(outcome), shortest, story: lines, digest, recordedBytes };
}

parentPort?.on('message', (task: Parameters<typeof play>[0]) => {
  play(task).then(
    (judged) => parentPort?.postMessage(judged),
    (error: unknown) => {
      throw new Error(`seed ${task.seed}`, { cause: error });
    },
  );
});
