// After a tenant ordered less: gives its attempts entries at their earlier deadlines, once for each change of RETENTION_BY_TENANT.
import { createHash } from 'node:crypto';
import pMap from 'p-map';
import { attemptStateOf, currentItems, readAttempt } from '../bucket/attempt.ts';
import { parseRetentionOrders, type RetentionOrders, toBody } from '../bucket/documents.ts';
import { ATTEMPTS_PREFIX, attemptPrefix, DUE_PREFIX, dueAttemptKey, dueOrdersKey, parseKey } from '../bucket/layout.ts';
import { DAY_MS } from '../model/durations.ts';
import { type AttemptRef, newUniqueName } from '../model/ids.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import { toKeyTime } from '../model/times.ts';
import { listTogether } from '../objectstore/list-together.ts';
import { type ListPage, listAll, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { inBatches } from './in-batches.ts';
import { nextDeadline } from './next-deadline.ts';
import { deleteAll, guarded, type Run } from './sweep-run.ts';

/** Attempts listed together. */
const BATCH_ATTEMPTS = 200;
/** Attempts remembered, so that a later entry of theirs is not looked at again; forgotten ones get a second entry at worst. */
const MAX_REMEMBERED = 50_000;

/** A record at the head of the queue: for which orders it was brought in line, and how far. */
interface OrdersRecord {
  readonly key: string;
  readonly digest: string;
  readonly stage: 'begun' | 'done';
  readonly ageMs: number;
}

/**
 * Compares the tenants' orders with the record at the head of the queue, which `head`, the first page of its listing,
 * shows: without a change this costs nothing. After one, the queue is read once, and the attempts of the tenants that
 * ordered less; each that lacks an entry at its deadline is given one. `SETTLE_TIME` later that is done once more, for
 * what processes with the old setting wrote meanwhile. Entries are only added: a crash, or a second sweep at the same
 * time, does no harm, and the record is written last. Resolves with whether there may be new entries.
 */
export async function bringForward(run: Run, head: ListPage): Promise<boolean> {
  const { context, options, tally } = run;
  const orders = Object.fromEntries([...context.policy.byTenantMs].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const digest = createHash('sha256').update(JSON.stringify(orders)).digest('hex').slice(0, 16);
  const records = recordsOf(head);
  if (options.dryRun || isInLine(records, digest, Object.keys(orders).length, context.settleMs)) return false;
  let changed = false;
  await guarded(tally, 'orders of tenants', async () => {
    const known = await Promise.all(records.map(({ key }) => readOrders(run, key)));
    const shortened = shortenedSince(orders, known);
    const isSecond = records.length === 1 && records[0]?.digest === digest;
    changed = shortened.length > 0;
    if (changed && !(await addEntries(run, new Set(shortened)))) return;
    const isOver = !changed || isSecond;
    const key = dueOrdersKey(digest, isOver ? 'done' : 'begun');
    const document: RetentionOrders = { version: 1, retentionMs: orders, shortened: isOver ? [] : shortened };
    const isNeeded = Object.keys(orders).length > 0;
    if (isNeeded) await context.store.put(key, toBody(document));
    const old = records.filter((record) => !isNeeded || record.key !== key);
    if (old.length > 0) await deleteAll(run, old, await run.isVersioned());
  });
  return changed;
}

function recordsOf({ objects, storeTimeMs }: ListPage): OrdersRecord[] {
  return objects.flatMap(({ key, lastModifiedMs }) => {
    const parsed = parseKey(key);
    if (parsed?.type !== 'due-orders') return [];
    return [{ key, digest: parsed.digest, stage: parsed.stage, ageMs: storeTimeMs - lastModifiedMs }];
  });
}

function isInLine(records: readonly OrdersRecord[], digest: string, orders: number, settleMs: number): boolean {
  const [record, ...others] = records;
  if (!record) return orders === 0;
  const isCurrent = others.length === 0 && record.digest === digest;
  return isCurrent && (record.stage === 'done' || record.ageMs <= settleMs);
}

async function readOrders({ context }: Run, key: string): Promise<RetentionOrders | undefined> {
  const body = await context.store.get(key);
  return body && parseRetentionOrders(body);
}

/** Who ordered less than the queue is known to be in line with, and who has the second round to come. */
function shortenedSince(
  orders: Readonly<Record<string, number>>,
  known: readonly (RetentionOrders | undefined)[],
): string[] {
  const before = (tenant: string) =>
    known.length === 0
      ? MAX_RETENTION_MS
      : Math.max(...known.map((record) => record?.retentionMs[tenant] ?? MAX_RETENTION_MS));
  const begun = new Set(known.flatMap((record) => record?.shortened ?? []));
  return Object.entries(orders)
    .filter(([tenant, retentionMs]) => retentionMs < before(tenant) || begun.has(tenant))
    .map(([tenant]) => tenant);
}

/** False when the sweep was told to stop. @throws StoreError */
async function addEntries(run: Run, tenants: ReadonlySet<string>): Promise<boolean> {
  const { context, options, tally } = run;
  const { store, policy, randomBytes } = context;
  for await (const batch of inBatches(firstEntries(run, tenants), BATCH_ATTEMPTS)) {
    if (options.signal?.aborted) return false;
    const prefixes = batch.map(({ ref }) => attemptPrefix(ref));
    const together = await listTogether(store, ATTEMPTS_PREFIX, prefixes);
    await pMap(
      batch,
      async ({ ref, timeMs }) => {
        const listed = together.get(attemptPrefix(ref));
        const attempt = listed ? attemptStateOf(ref, currentItems(listed)) : await readAttempt(store, ref);
        const deadlineMs = nextDeadline(policy, attempt);
        if (deadlineMs === undefined || deadlineMs >= timeMs) return;
        await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(randomBytes)), new Uint8Array());
        tally.broughtForward();
      },
      { concurrency: STORE_CONCURRENCY },
    );
  }
  return true;
}

/** The first entry of each attempt of these tenants, among those that no sweep looks at yet. */
async function* firstEntries(
  { context, startedAtMs }: Run,
  tenants: ReadonlySet<string>,
): AsyncGenerator<{ ref: AttemptRef; timeMs: number }, void, undefined> {
  const seen = new Set<string>();
  const from = `${DUE_PREFIX}${toKeyTime(startedAtMs + context.leadMs)}`;
  for await (const { key } of listAll(context.store, DUE_PREFIX, from)) {
    const parsed = parseKey(key);
    // No attempt has a later entry; what follows are the receipts of a year.
    if (parsed && 'timeMs' in parsed && parsed.timeMs > startedAtMs + MAX_RETENTION_MS + DAY_MS) return;
    if (parsed?.type !== 'due-attempt' || !tenants.has(parsed.ref.tenant)) continue;
    const prefix = attemptPrefix(parsed.ref);
    if (seen.has(prefix)) continue;
    if (seen.size === MAX_REMEMBERED) seen.clear();
    seen.add(prefix);
    yield { ref: parsed.ref, timeMs: parsed.timeMs };
  }
}
