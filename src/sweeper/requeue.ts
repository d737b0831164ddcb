// After a shorter retention override: enqueues the attempts of the tenant earlier, once for each change of RETENTION_BY_TENANT.
import { createHash } from 'node:crypto';
import pMap from 'p-map';
import type { AttemptEntry, OverridesEntry, QueuePage } from '../bucket/deletion-queue.ts';
import type { RetentionOverrides } from '../bucket/documents.ts';
import { actOnEach, inBatches } from '../bucket/listing.ts';
import { DAY_MS } from '../model/durations.ts';
import { attemptId } from '../model/ids.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import type { Foresee, SweepRun } from './run.ts';

/** Attempts listed together. */
const BATCH_ATTEMPTS = 200;
const BATCHES_AT_ONCE = 3;
/** Attempts remembered, so that their later entries are skipped; a forgotten one gets a second entry at worst. */
const MAX_REMEMBERED = 50_000;

/**
 * Compares the retention overrides with the record at the head of the queue, which is nearly always in its first page:
 * without a change this costs nothing. After one, the queue is read once, and the attempts of the tenants whose
 * retention became shorter; each that lacks an entry at its deadline is given one. After the grace period that is done
 * once more, for what processes with the old setting wrote meanwhile. Entries are only added: a crash, or a second
 * sweep at the same time, does no harm, and the record is written last. Resolves with whether there may be new entries.
 * A dry run writes none, and has those that would be due inspected by `foresee`.
 */
export async function requeueForOverrides(run: SweepRun, head: QueuePage, foresee: Foresee): Promise<boolean> {
  const { bucket, context } = run;
  const { queue } = bucket;
  const overrides = Object.fromEntries([...context.policy.byTenantMs].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const digest = createHash('sha256').update(JSON.stringify(overrides)).digest('hex').slice(0, 16);
  const isNeeded = Object.keys(overrides).length > 0;
  let changed = false;
  await run.guard('orders of tenants', async () => {
    const records = await queue.overrides(head);
    if (records.length === 0 ? !isNeeded : isCurrent(run, records, digest)) return;
    const documents = await Promise.all(records.map(({ key }) => queue.readOverrides(key)));
    const shortened = shortenedSince(overrides, documents);
    const isSecond = records.length === 1 && records[0]?.digest === digest;
    changed = shortened.length > 0;
    if (changed && !(await requeue(run, new Set(shortened), foresee))) return;
    if (run.options.dryRun) return;
    const isDone = !changed || isSecond;
    const document: RetentionOverrides = { version: 1, retentionMs: overrides, shortened: isDone ? [] : shortened };
    const key = isNeeded ? await queue.putOverrides(digest, isDone ? 'done' : 'begun', document) : undefined;
    await run.remove(records.map((record) => record.key).filter((old) => old !== key));
  });
  return changed;
}

function isCurrent(run: SweepRun, [record, ...others]: readonly OverridesEntry[], digest: string): boolean {
  if (record?.digest !== digest || others.length > 0) return false;
  return record.stage === 'done' || record.ageMs <= run.context.settleMs;
}

/** Tenants with a shorter retention than the queue is known to agree with, and those whose second round is to come. */
function shortenedSince(
  overrides: Readonly<Record<string, number>>,
  documents: readonly (RetentionOverrides | 'unreadable' | undefined)[],
): string[] {
  const known = documents.map((document) => (document === 'unreadable' ? undefined : document));
  // Maps: a tenant may be called `constructor`.
  const retentions = known.map((document) => new Map(Object.entries(document?.retentionMs ?? {})));
  const before = (tenant: string) =>
    retentions.length === 0
      ? MAX_RETENTION_MS
      : Math.max(...retentions.map((of) => of.get(tenant) ?? MAX_RETENTION_MS));
  const begun = new Set(known.flatMap((document) => document?.shortened ?? []));
  return Object.entries(overrides)
    .filter(([tenant, retentionMs]) => retentionMs < before(tenant) || begun.has(tenant))
    .map(([tenant]) => tenant);
}

/** False when the sweep was stopped. @throws StoreError */
async function requeue(run: SweepRun, tenants: ReadonlySet<string>, foresee: Foresee): Promise<boolean> {
  const { bucket, context, options, startedAtMs, tally } = run;
  async function requeueBatch(batch: readonly AttemptEntry[]): Promise<void> {
    const entries = new Map(batch.map((entry) => [attemptId(entry.ref), entry]));
    const attempts = await bucket.attempts(batch.map(({ ref }) => ref));
    const brought = attempts.flatMap((attempt): AttemptEntry[] => {
      const deadlineMs = attempt.nextDeadlineMs();
      const entry = entries.get(attemptId(attempt.ref));
      return deadlineMs === undefined || !entry || deadlineMs >= entry.timeMs ? [] : [{ ...entry, timeMs: deadlineMs }];
    });
    if (options.dryRun) {
      tally.count('broughtForward', brought.length);
      return foresee(brought.filter(({ timeMs }) => timeMs <= startedAtMs + context.leadMs));
    }
    await pMap(
      brought,
      async ({ ref, timeMs }) => {
        await bucket.queue.enqueue(ref, timeMs);
        tally.count('broughtForward');
      },
      { concurrency: STORE_CONCURRENCY },
    );
  }

  const batches = inBatches(firstEntries(run, tenants), BATCH_ATTEMPTS);
  await actOnEach(batches, requeueBatch, { concurrency: BATCHES_AT_ONCE });
  return !run.isStopped;
}

/** The first entry of each attempt of these tenants, among those that no sweep inspects yet. */
async function* firstEntries(
  run: SweepRun,
  tenants: ReadonlySet<string>,
): AsyncGenerator<AttemptEntry, void, undefined> {
  const { bucket, context, startedAtMs } = run;
  const seen = new Set<string>();
  for await (const entry of bucket.queue.entries({ fromMs: startedAtMs + context.leadMs })) {
    // No attempt has a later entry; the receipts of a year follow.
    if (run.isStopped || entry.timeMs > startedAtMs + MAX_RETENTION_MS + DAY_MS) return;
    if (entry.type !== 'attempt' || !tenants.has(entry.ref.tenant) || seen.has(attemptId(entry.ref))) continue;
    if (seen.size === MAX_REMEMBERED) seen.clear();
    seen.add(attemptId(entry.ref));
    yield entry;
  }
}
