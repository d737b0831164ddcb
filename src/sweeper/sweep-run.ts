// What the steps of one sweep share: its context, its tally, and how it deletes index entries.
import pMap from 'p-map';
import { targetsOf } from '../bucket/attempt.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import { type DeleteTarget, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import { DELETION, type PurgeContext } from '../recordings/purging.ts';
import type { ReceiptChain } from '../recordings/receipt-chain.ts';
import type { OpenUploads } from './open-uploads.ts';
import type { Tally } from './sweep-report.ts';

export interface SweepContext extends PurgeContext {
  readonly policy: RetentionPolicy;
  /** How long before its deadline a recording is deleted, so that a day's outage breaks no promise. */
  readonly leadMs: number;
  /** Longer than any request may last: nothing younger is tidied away, because its writer may still be running. */
  readonly settleMs: number;
  /** An upload to which nothing was added for this long was abandoned by its client. */
  readonly uploadIdleLimitMs: number;
  /** How many requests the store has seen so far. */
  readonly requestCount: () => number;
  /** Attempts worked on together: their deletes share batches, and memory stays bounded. Default: `CHUNK_ATTEMPTS`. */
  readonly chunkAttempts?: number;
  /** How many keys `verify` holds in memory at once. Default: `WINDOW`. */
  readonly windowKeys?: number;
  readonly onProgress?: (progress: { due: number; deleted: number; failed: number }) => void;
}

export interface SweepOptions {
  /** Change nothing; tell what would go. */
  readonly dryRun?: boolean;
  /** Looks for recordings that will soon be deleted unassessed. Default: true. */
  readonly dueSoon?: boolean;
  /** Finishes the attempts in hand, then stops. */
  readonly signal?: AbortSignal;
}

/** What the steps of one run share. */
export interface Run {
  readonly context: SweepContext;
  readonly options: SweepOptions;
  readonly tally: Tally;
  readonly startedAtMs: number;
  readonly openUploads: OpenUploads;
  /** One for all receipts of the run. */
  readonly chain: ReceiptChain;
  /** Asked of the store once a run, and only when there is something to delete. */
  readonly isVersioned: () => Promise<boolean>;
}

/** Deletes index entries and facts. Resolves with the keys that stay, for the next sweep; they are reported. */
export async function deleteAll(
  run: Run,
  targets: readonly DeleteTarget[],
  versioned: boolean,
): Promise<ReadonlySet<string>> {
  const { context, tally } = run;
  const left = new Set(targets.map(({ key }) => key));
  if (targets.length === 0) return left;
  await guarded(tally, 'index', async () => {
    const exact = versioned
      ? (
          await pMap(targets, ({ key }) => targetsOf(context.store, key, true), { concurrency: STORE_CONCURRENCY })
        ).flat()
      : targets.map(({ key }) => ({ key }));
    const failures = await context.store.delete(exact);
    left.clear();
    for (const { code, key } of failures) {
      left.add(key);
      tally.problem({ code, operation: DELETION }, key);
    }
  });
  return left;
}

/** Runs a step of which a failure must not stop the sweep. */
export async function guarded(tally: Tally, what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    tally.problem(failureOf(error), what);
  }
}
