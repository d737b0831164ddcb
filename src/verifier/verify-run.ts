// What the checks of one `verify` share.

import { dueAttemptKey } from '../bucket/layout.ts';
import { type AttemptRef, newUniqueName } from '../model/ids.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import type { SweepContext } from '../sweeper/sweep-run.ts';
import type { FindingKind, Findings } from './verify-report.ts';

export interface VerifyRun {
  readonly context: SweepContext;
  readonly findings: Findings;
  /** Undefined in a run that only reads. */
  readonly repair: boolean;
  /** Things younger than `settleMs` may belong to a request that is still running: they are not judged. */
  readonly isYoung: (timeMs: number) => boolean;
  /** How many keys are held in memory at once, to be looked for in another folder of the bucket. */
  readonly windowKeys: number;
}

/** Reports, and in a repairing run repairs: what the store refuses stays as it is, and is found again. */
export async function report(
  run: VerifyRun,
  kind: FindingKind,
  key: string,
  detail: string,
  repair?: () => Promise<unknown>,
): Promise<void> {
  run.findings.add(kind, key, detail);
  if (!run.repair || !repair) return;
  try {
    await repair();
  } catch (error) {
    if (!isStoreError(error) || error.code === 'unavailable') throw error;
  }
}

/** Leads the sweeper to an attempt: the one way in which anything is ever deleted. */
export function addDueEntry({ context }: VerifyRun, ref: AttemptRef, timeMs: number): Promise<void> {
  return context.store.put(dueAttemptKey(timeMs, ref, newUniqueName(context.randomBytes)), new Uint8Array());
}
