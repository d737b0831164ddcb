// Object lock makes deletion impossible, and so the service's one promise: asked by the doctor and by `serve`.

import { CAPABILITIES } from '../../objectstore/needs.ts';
import type { BucketInspection, ObjectLock } from '../../objectstore/s3/bucket-inspection.ts';
import { isStoreError, isUnreadable } from '../../objectstore/store-error.ts';
import { type CheckResult, failed, info, judged, ok } from '../check.ts';

export const OBJECT_LOCK = { id: 'object-lock', name: CAPABILITIES['object-lock'].name } as const;

const REMEDY = 'Make another bucket without object lock; it cannot be taken away from this one.';

/** Why the service must not use a bucket with object lock. */
export function lockProblem({ defaultRetention }: ObjectLock): string {
  return defaultRetention === undefined
    ? 'The bucket has object lock: a recording can be locked so that it cannot be deleted by its deadline.'
    : `The bucket locks every object (${defaultRetention}): no recording could be deleted by its deadline.`;
}

/** An answer that cannot be read is neither: then the trial of deletion decides, here as in `serve`. */
export async function checkObjectLock(inspection: BucketInspection): Promise<CheckResult> {
  const result = await judged(OBJECT_LOCK.id, OBJECT_LOCK.name, async () => {
    try {
      const lock = await inspection.objectLock();
      return lock ? failed(lockProblem(lock), REMEDY) : ok('Objects are never locked.');
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return info(`The store's answer cannot be read: ${CAPABILITIES['object-lock'].without}.`, null, 'unknown');
    }
  });
  // While nobody knows, nothing is written.
  return result.outcome === 'unproven' ? { ...result, status: 'failed' } : result;
}

/**
 * Whether the bucket locks objects, as `serve` asks: a reason to refuse, or undefined. An answer that
 * cannot be read is not held against it: the trial of deletion decides. @throws StoreError `unavailable`: nobody knows yet
 */
export async function findObjectLock(inspection: BucketInspection, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const lock = await inspection.objectLock(signal);
    return lock && lockProblem(lock);
  } catch (error) {
    if (isStoreError(error) && (error.code !== 'unavailable' || isUnreadable(error))) return undefined;
    throw error;
  }
}
