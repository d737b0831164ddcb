// Checks the audit trail: each event is read, fits its key and its chain, and what it says is what the bucket shows.
import { pMapIterable, pMapSkip } from 'p-map';
import { isEventKey, parseEventName, readHashedEvent } from '../bucket/audit-trail.ts';
import { type InventoryKey, keysIn } from '../bucket/inventory.ts';
import { DAY_MS } from '../model/durations.ts';
import { attemptId, type RecordingRef } from '../model/ids.ts';
import { STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { Chains } from './chains.ts';
import { EventFacts } from './facts.ts';
import type { VerifyRun } from './run.ts';

/** One GET an event. Holds the sums of the runs of one day, and what the events of a window say, in memory. */
export async function verifyAuditTrail(run: VerifyRun): Promise<void> {
  const chains = new Chains(run);
  const facts = new EventFacts(run);
  let day: number | undefined;
  const read = async (object: InventoryKey) => (await readEvent(run, object)) ?? pMapSkip;
  const events = pMapIterable(keysIn(run.bucket.store, 'audit'), read, { concurrency: STORE_CONCURRENCY });
  for await (const found of events) {
    if (day !== undefined && day !== found.dayMs) await chains.close();
    day = found.dayMs;
    await chains.add(found, found.dayMs);
    await facts.add(found);
    run.progress();
  }
  await chains.close();
  await facts.flush();
}

/** Undefined where nothing is left to check. */
async function readEvent(run: VerifyRun, object: InventoryKey) {
  const { key, parsed, lastModifiedMs } = object;
  const named = isEventKey(parsed) ? parseEventName(parsed.name) : undefined;
  if (!isEventKey(parsed) || !named) {
    await run.report('unknown-key', key, 'in the audit trail');
    return undefined;
  }
  const { dayMs, ref } = parsed;
  run.findings.counts.auditEvents += 1;
  if (run.isExpiring(dayMs, -2 * DAY_MS)) {
    await run.report('log-overdue', key, 'an audit event');
    return undefined;
  }
  const isAhead = run.isFromFuture(dayMs) || run.isFromFuture(named.atMs);
  if (isAhead) await run.report('from-future', key, 'an audit event');
  else await run.reportIfAhead(key, 'its time', named.atMs, lastModifiedMs);
  const found = await readHashedEvent(run.bucket.store, key);
  if (!found) return undefined;
  if (found === 'unreadable') {
    await run.report('unreadable', key, 'an audit event');
    return undefined;
  }
  const { event } = found;
  const { tenantId, examId, attemptId: attempt, recordingId: recording } = event;
  const own = { tenant: tenantId, exam: examId, attempt };
  const isOfRef = attemptId(own) === attemptId(ref) && recording === ('recording' in ref ? ref.recording : undefined);
  const atMs = Date.parse(event.at);
  const isOfDay = atMs >= dayMs && atMs < dayMs + DAY_MS;
  if (!isOfRef) await run.report('audit-changed', key, 'it is about another recording or attempt');
  else if (atMs !== named.atMs || event.event !== named.event || !isOfDay) {
    await run.report('audit-changed', key, `it says ${event.event} at ${event.at}, and its key another`);
  }
  return { ...found, key, dayMs, atMs, ref: ref as RecordingRef | typeof ref, tenant: ref.tenant };
}
