// Checks the outbox: events that wait for webhooks are parsed, and tell of what the bucket shows.

import { refOf } from '../bucket/documents.ts';
import { type InventoryKey, keysIn } from '../bucket/inventory.ts';
import { actOnEach } from '../bucket/listing.ts';
import { evidenceOf, type RecordingEvent, readEvents, UNDELIVERED_MS } from '../bucket/outbox.ts';
import { DAY_MS } from '../model/durations.ts';
import type { VerifyRun } from './run.ts';

/** A GET for each object, and a few requests for each event in it: what waits is little. */
export async function verifyOutbox(run: VerifyRun): Promise<void> {
  await actOnEach(keysIn(run.bucket.store, 'outbox'), (object) => checkObject(run, object));
}

async function checkObject(run: VerifyRun, { key, parsed, lastModifiedMs }: InventoryKey): Promise<void> {
  const { bucket, context } = run;
  if (parsed?.type !== 'outbox') return run.report('unknown-key', key, 'in the outbox');
  const { tenant, timeMs } = parsed;
  const writtenMs = Math.min(timeMs, lastModifiedMs);
  // The server that would give it up has no webhooks any more.
  if (writtenMs + UNDELIVERED_MS + DAY_MS <= context.now()) {
    return run.report('event-overdue', key, 'never delivered', { act: () => bucket.removeKey(key) });
  }
  if (run.isFromFuture(timeMs)) await run.report('from-future', key, 'an event for a webhook');
  else await run.reportIfAhead(key, 'its time', timeMs, lastModifiedMs);
  if (run.isYoung(writtenMs)) return;
  const events = await readEvents(bucket.store, { tenant, key, writtenMs });
  if (events === 'unreadable') await run.report('unreadable', key, 'events for a webhook');
  else for (const event of events ?? []) if (!(await isBorneOut(run, event))) await reportUnproven(run, key, event);
}

async function reportUnproven(run: VerifyRun, key: string, { id, type }: RecordingEvent): Promise<void> {
  await run.report('event-unproven', key, `${type}, ${id}`);
}

/** An event is written first: what it tells of may have failed since, and be done again with times of its own. */
async function isBorneOut({ bucket, context }: VerifyRun, event: RecordingEvent): Promise<boolean> {
  const { type, data } = event;
  if (await evidenceOf(context, event)) return true;
  const ref = refOf(data);
  if (await bucket.hasRecording(ref)) return true;
  const receipt = await bucket.readReceipt(ref);
  if (!receipt || receipt === 'unreadable') return false;
  const isDeletion = type === 'recording.deleted' || type === 'recording.erased';
  return !isDeletion || Date.parse(data.deletedAt ?? '') < Date.parse(receipt.deletedAt);
}
