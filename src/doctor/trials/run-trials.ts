// Runs what the service needs of a store: for `serve`, before it calls itself ready.
import type { RandomBytes } from '../../model/ids.ts';
import type { ObjectStore } from '../../objectstore/object-store.ts';
import { type CheckResult, judged } from '../check.ts';
import { cleanUp, Workspace } from '../workspace.ts';
import { clock } from './clock.ts';
import { LISTING_TRIALS } from './listings.ts';
import { deletion, readWrite, tagging } from './objects.ts';
import type { Trial } from './trial.ts';
import { abort, parts } from './uploads.ts';

/** What fails here makes a store unfit: all that is needed, and tagging, which may do harm. First whether what follows can be deleted. */
export const NEEDED_TRIALS: readonly Trial[] = [clock, readWrite, deletion, abort, ...LISTING_TRIALS, parts, tagging];

export interface TrialDependencies {
  readonly store: ObjectStore;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** Aborted: no further trial begins; what was made is removed all the same. */
  readonly signal?: AbortSignal;
}

/** Until the first that fails: each further one could leave something behind. Never throws. */
export async function runTrials({ store, now, randomBytes, signal }: TrialDependencies): Promise<CheckResult[]> {
  const workspace = new Workspace(store, randomBytes);
  const results: CheckResult[] = [];
  for (const trial of NEEDED_TRIALS) {
    if (signal?.aborted || results.at(-1)?.status === 'failed') break;
    results.push(await judged(trial.id, trial.name, () => trial.run({ store, workspace, now })));
  }
  return [...results, ...(await cleanUp(workspace, 'trials-clean-up'))];
}
