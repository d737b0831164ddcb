// Receipts and audit events go after LOG_RETENTION (policy 8.5), at a cost of what expires.
import { parseReceiptIndex } from '../domain/documents.ts';
import { DAY_MS } from '../domain/durations.ts';
import { AUDIT_PREFIX, parseKey } from '../domain/keys.ts';
import { failureOf } from './purge.ts';
import { deleteAll, type Run } from './sweep-run.ts';

/** Deletes the receipts that an index object names, then the index object. What is no receipt is never deleted. */
export async function expireReceipts(run: Run, entries: readonly { readonly key: string }[]): Promise<void> {
  const { context, options, tally } = run;
  for (const { key } of entries) {
    try {
      const body = await context.store.get(key);
      if (!body) continue;
      const keys = parseReceiptIndex(body)?.keys;
      if (!keys?.every((name) => parseKey(name)?.type === 'receipt')) {
        tally.problem('receipt-index-unreadable', key);
        continue;
      }
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
      if (parsed?.type !== 'audit') tally.problem('unknown-key', key);
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
