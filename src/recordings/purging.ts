// Recordings on their way through the steps of a purge, side by side: what fails one of them stops no other.
import pMap from 'p-map';
import type { RecordingState } from '../bucket/attempt.ts';
import type { DeletionReason, Manifest, Receipt } from '../bucket/documents.ts';
import type { Outbox } from '../bucket/outbox.ts';
import type { RandomBytes, RecordingRef } from '../model/ids.ts';
import { type DeleteTarget, type ObjectStore, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { isStoreError, type StoreErrorCode } from '../objectstore/store-error.ts';
import { type Failure, failureOf } from './failure.ts';
import type { UnchainedReceipt } from './receipt-chain.ts';

export interface PurgeContext {
  readonly store: ObjectStore;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** How long receipts and audit events are kept (policy 8.5). */
  readonly logRetentionMs: number;
  /** For the controller's systems; undefined: nobody is told of anything. */
  readonly outbox?: Outbox | undefined;
}

/** A recording that has to go, as it was listed. */
export interface Doomed {
  readonly state: RecordingState;
  /** Whether its `uploads` are all that the store lists. */
  readonly areUploadsListed: boolean;
  readonly reason: DeletionReason;
  readonly actor: string;
  readonly deadlineMs: number;
}

export type PurgeOutcome =
  /** No receipt where nothing was ever recorded: a creation that died before its manifest. */
  | { readonly ref: RecordingRef; readonly receipt: Receipt | undefined; readonly deleted: DeletedCount }
  | { readonly ref: RecordingRef; readonly failure: Failure; readonly deleted: DeletedCount };

/** What a key that may not be deleted is refused by, in a batch or alone. */
export const DELETION = 'DeleteObject';

export interface DeletedCount {
  readonly objects: number;
  readonly versions: number;
  readonly bytes: number;
}

/** Words of a store that asks for patience. */
const BUSY = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'RequestTimeout',
  'TimeoutError',
  'ECONNREFUSED',
  'ECONNRESET',
]);

/** One recording on its way through the steps; a failure takes it out of the steps that follow. */
export interface Purging {
  readonly doomed: Doomed;
  readonly ref: RecordingRef;
  manifest: Manifest | undefined;
  /** What is to be written; undefined when an earlier purge left the receipt. */
  draft: UnchainedReceipt | undefined;
  receipt: Receipt | undefined;
  /** There was an open upload without parts, and nothing else. */
  wasNothing: boolean;
  failure: Failure | undefined;
  /** What went wrong before the media were deleted. */
  unfinished: Failure | undefined;
  deletedAtMs: number;
  /** Everything under the recording's prefix that is still to be deleted. */
  state: RecordingState;
  readonly gone: { objects: number; versions: number; bytes: number };
}

export function newPurging(doomed: Doomed): Purging {
  const gone = { objects: 0, versions: 0, bytes: 0 };
  const { state } = doomed;
  return {
    doomed,
    ref: state.ref,
    state,
    gone,
    manifest: undefined,
    draft: undefined,
    receipt: undefined,
    wasNothing: false,
    failure: undefined,
    unfinished: undefined,
    deletedAtMs: 0,
  };
}

/** Runs a step for each recording that has not failed; what it throws fails that recording alone. */
export async function each(all: readonly Purging[], step: (purging: Purging) => Promise<void>): Promise<void> {
  await pMap(
    all.filter((purging) => !purging.failure),
    async (purging) => {
      try {
        await step(purging);
      } catch (error) {
        purging.failure = failureOf(error);
      }
    },
    { concurrency: STORE_CONCURRENCY },
  );
}

/** The media go on time, whatever else of the recording cannot be dealt with: that fails it later, before its receipt. */
export async function remembering(purging: Purging, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    purging.unfinished ??= failureOf(error);
  }
}

/** Deletes in batches shared by all recordings; a refused key fails its own recording alone. */
export async function deleteAcross(
  store: ObjectStore,
  all: readonly Purging[],
  targetsFor: (purging: Purging) => Promise<readonly (DeleteTarget & { sizeBytes?: number; isCurrent?: boolean })[]>,
): Promise<void> {
  const owners = new Map<string, Purging>();
  const targets: (DeleteTarget & { sizeBytes?: number; isCurrent?: boolean })[] = [];
  await each(all, async (purging) => {
    for (const target of await targetsFor(purging)) {
      owners.set(target.key, purging);
      targets.push(target);
    }
  });
  if (targets.length === 0) return;
  try {
    const failures = await store.delete(targets.map(({ key, versionId }) => ({ key, versionId })));
    const refused = new Set(failures.map(({ key }) => key));
    for (const failure of failures) {
      const purging = owners.get(failure.key);
      if (purging) purging.failure ??= { code: failure.code, operation: DELETION, kind: kindOf(failure.code) };
    }
    for (const target of targets) if (!refused.has(target.key)) count(owners.get(target.key), target);
  } catch (error) {
    const affected = new Set(owners.values());
    // One key can make a store refuse a whole batch. Not when the store is merely busy: that would be an amplifier.
    const isPoisoned = isStoreError(error) && !BUSY.has(error.storeCode) && affected.size > 1;
    if (!isPoisoned) for (const purging of affected) purging.failure ??= failureOf(error);
    else for (const purging of affected) await deleteAcross(store, [purging], targetsFor);
  }
}

function count(purging: Purging | undefined, target: { sizeBytes?: number; isCurrent?: boolean }): void {
  if (!purging) return;
  if (target.isCurrent === false) purging.gone.versions += 1;
  else purging.gone.objects += 1;
  purging.gone.bytes += target.sizeBytes ?? 0;
}

function kindOf(code: string): StoreErrorCode {
  if (code === 'AccessDenied') return 'access-denied';
  return BUSY.has(code) || code === 'InternalError' ? 'unavailable' : 'unexpected';
}

export function toOutcome({ ref, receipt, wasNothing, failure, gone }: Purging): PurgeOutcome {
  const about = { ref, deleted: gone };
  if (failure !== undefined) return { ...about, failure };
  return receipt || wasNothing ? { ...about, receipt } : { ...about, failure: { code: 'no-receipt' } };
}
