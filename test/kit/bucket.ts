// The bucket layer on any store, for tests that look into a bucket.
import { randomBytes } from 'node:crypto';
import { Bucket } from '../../src/bucket/bucket.ts';
import type { Receipt } from '../../src/bucket/documents.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import type { RetentionPolicy } from '../../src/model/retention.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';

const POLICY: RetentionPolicy = { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() };

export function bucketOn(store: ObjectStore, policy = POLICY): Bucket {
  return new Bucket({ store, policy, now: Date.now, randomBytes });
}

export async function readReceipt(store: ObjectStore, ref: RecordingRef): Promise<Receipt | undefined> {
  const receipt = await bucketOn(store).readReceipt(ref);
  return receipt === 'unreadable' ? undefined : receipt;
}
