// What the steps of one sweep share: its context, its bucket, its tally, and how it deletes what the queue leads to.
import { Bucket, type BucketContext, DELETION } from '../bucket/bucket.ts';
import type { AttemptEntry } from '../bucket/deletion-queue.ts';
import { ReceiptChain } from '../bucket/receipts.ts';
import { isOutage, isStoreError } from '../objectstore/store-error.ts';
import { failureOf } from '../recordings/failure.ts';
import type { FinalizeContext } from '../recordings/finalize.ts';
import type { PurgeContext } from '../recordings/purge.ts';
import { Tally } from './report.ts';

export interface SweepContext extends BucketContext, FinalizeContext, PurgeContext {
  /**
   * The grace period, longer than any request may last: nothing younger is tidied away, because its writer may still be
   * running.
   */
  readonly settleMs: number;
  /** An upload to which nothing was added for this long was abandoned by its client. */
  readonly uploadIdleLimitMs: number;
  /** How many requests the store has received so far. */
  readonly requestCount: () => number;
  /** Attempts processed together: their deletes share batches, and memory stays bounded. Default: `CHUNK_ATTEMPTS`. */
  readonly chunkAttempts?: number;
  /** How many keys `verify` holds in memory at once. Default: `WINDOW`. */
  readonly windowKeys?: number;
  readonly onProgress?: (progress: { due: number; deleted: number; failed: number }) => void;
}

export interface SweepOptions {
  /** Changes nothing; reports what would be deleted. */
  readonly dryRun?: boolean;
  /** Searches recordings that will soon be deleted unassessed. Default: true. */
  readonly dueSoon?: boolean;
  /** Searches the end of the queue for what claims to come from the future. Default: true. */
  readonly fromFuture?: boolean;
  /** Finishes the attempts in progress, then stops. */
  readonly signal?: AbortSignal;
}

/** Inspects what entries lead to that a dry run does not write. */
export type Foresee = (entries: readonly AttemptEntry[]) => Promise<void>;

export class SweepRun {
  readonly context: SweepContext;
  readonly options: SweepOptions;
  readonly bucket: Bucket;
  readonly tally = new Tally();
  /** Attempts that a dry run has inspected: it deletes nothing, so that later entries would have them counted again. */
  readonly foreseen = new Set<string>();
  /** Whether entries were added that a page of the queue, listed before, does not show. */
  haveClaimsMoved = false;
  /** One for all receipts of the run. */
  readonly chain: ReceiptChain;
  /** What is due is judged by the time at which the run began. */
  readonly startedAtMs: number;

  constructor(context: SweepContext, options: SweepOptions = {}) {
    this.context = context;
    this.options = options;
    this.bucket = new Bucket(context);
    this.chain = new ReceiptChain(context, this.bucket.queue, 'sweep');
    this.startedAtMs = context.now();
  }

  get isStopped(): boolean {
    return this.options.signal?.aborted === true;
  }

  /** Whether something of that age may belong to a request that is still running. What has no age is young. */
  isYoung(ageMs: number): boolean {
    return !(ageMs > this.context.settleMs);
  }

  /** Deletes keys permanently. Resolves with those that stay for the next sweep, which are reported. */
  async remove(keys: readonly string[]): Promise<ReadonlySet<string>> {
    if (keys.length === 0) return new Set();
    const left = new Set<string>();
    try {
      await this.bucket.removeKeys([...new Set(keys)], ({ code, key }) => {
        left.add(key);
        this.tally.problem({ code, operation: DELETION }, key);
      });
      return left;
    } catch (error) {
      // A large request, or one key of it, can be what fails.
      const half = Math.ceil(keys.length / 2);
      if (half < keys.length && isStoreError(error) && !isOutage(error)) {
        return new Set([...(await this.remove(keys.slice(0, half))), ...(await this.remove(keys.slice(half)))]);
      }
      this.tally.problem(failureOf(error), keys[0] ?? '');
      return new Set(keys);
    }
  }

  /** Runs a step whose failure must not stop the sweep: it is reported, and resolves with undefined. */
  async guard<T>(step: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      this.tally.problem(failureOf(error), step);
      return undefined;
    }
  }
}
