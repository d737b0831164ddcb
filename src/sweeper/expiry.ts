// Receipts and audit events go after LOG_RETENTION (policy 8.5), at a cost of what expires.
import pMap from 'p-map';
import { parseReceipt, parseReceiptIndex, type ReceiptIndex } from '../bucket/documents.ts';
import { AUDIT_PREFIX, parseKey, recordingPrefix } from '../bucket/layout.ts';
import { DAY_MS } from '../model/durations.ts';
import { type ObjectStore, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import { deleteAll, type Run } from './sweep-run.ts';

/** Deletes the receipts that an index object names, then the index object. What is no receipt is never deleted. */
export async function expireReceipts(run: Run, entries: readonly { readonly key: string }[]): Promise<void> {
  const { context, options, tally } = run;
  for (const { key } of entries) {
    try {
      const body = await context.store.get(key);
      if (!body) continue;
      const index = parseReceiptIndex(body);
      if (!index?.keys.every((name) => parseKey(name)?.type === 'receipt')) {
        tally.problem({ code: 'receipt-index-unreadable' }, key);
        continue;
      }
      const keys = await namedByThisAlone(run, index);
      tally.expired('receipts', keys.length);
      if (options.dryRun) continue;
      const versioned = await run.isVersioned();
      const left = await deleteAll(
        run,
        keys.map((name) => ({ key: name })),
        versioned,
      );
      if (left.size === 0) await deleteAll(run, [{ key }], versioned);
    } catch (error) {
      tally.problem(failureOf(error), key);
    }
  }
}

/**
 * A purge that died after the index was begun again by a later run: the receipt of that one expires with its own index.
 * What cannot be read as a receipt has no other.
 */
async function namedByThisAlone({ context }: Run, index: ReceiptIndex): Promise<string[]> {
  const { store } = context;
  const areOthers = await pMap(index.keys, (key) => isOfAnother(store, key, index.run), {
    concurrency: STORE_CONCURRENCY,
  });
  return index.keys.filter((_, place) => !areOthers[place]);
}

async function isOfAnother(store: ObjectStore, key: string, run: string): Promise<boolean> {
  const parsed = parseKey(key);
  if (parsed?.type !== 'receipt') return false;
  const isWrittenByAnother = async () => {
    const body = await store.get(key);
    return body && (parseReceipt(body, parsed.ref)?.chain.run ?? run) !== run;
  };
  const isOther = await isWrittenByAnother();
  if (isOther !== undefined) return isOther;
  // Not there: a later run may be about to write it, as long as the recording's manifest is.
  const { objects } = await store.list(recordingPrefix(parsed.ref), { limit: 1 });
  return objects.length > 0 || (await isWrittenByAnother()) === true;
}

/** Deletes the oldest days of the audit trail; a run in which nothing expires costs one request. */
export async function expireAuditEvents(run: Run): Promise<void> {
  const { context, options, tally, startedAtMs } = run;
  const keepFromMs = startedAtMs - context.logRetentionMs;
  let after: string | undefined;
  let limit = 1;
  for (;;) {
    const page = await context.store.list(AUDIT_PREFIX, { startAfter: after, limit });
    const expired = [];
    for (const { key } of page.objects) {
      const parsed = parseKey(key);
      if (parsed?.type !== 'audit') tally.problem({ code: 'unknown-key' }, key);
      else if (parsed.dayMs + DAY_MS <= keepFromMs) expired.push({ key });
      else return finish(run, expired);
    }
    await finish(run, expired);
    after = page.objects.at(-1)?.key;
    if (!page.truncated || after === undefined || options.signal?.aborted) return;
    limit = 1000;
  }
}

async function finish(run: Run, expired: readonly { key: string }[]): Promise<void> {
  if (expired.length === 0) return;
  run.tally.expired('auditEvents', expired.length);
  if (!run.options.dryRun) await deleteAll(run, expired, await run.isVersioned());
}
