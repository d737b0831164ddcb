// Who was given a recording, when and why, and who was refused: read from the audit trail (policy 7.1, 9.1).

import {
  type AuditPlace,
  auditCursor,
  parseAuditCursor,
  readAuditEvents,
  type StoredAuditEvent,
} from '../bucket/audit-trail.ts';
import { Bucket } from '../bucket/bucket.ts';
import type { AuditEventDocument } from '../bucket/documents.ts';
import { DAY_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import type { AccessLogEntry } from '../model/recording.ts';
import { MAX_LIFE_MS } from '../model/retention.ts';
import { MAX_CLOCK_SKEW_MS } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';

export interface AccessLogPage {
  readonly items: AccessLogEntry[];
  readonly nextCursor: string | null;
}

/** What the audit trail of a recording is read with. */
export type TrailContext = Pick<RecordingsContext, 'store' | 'now' | 'logRetentionMs'>;

/**
 * One page of what is known of a recording's use, oldest first; after its deletion too, for as long as the audit trail has
 * it, and of the assessments of its attempt. Costs two LISTs for each day since its creation, several at once.
 * @throws ServiceError `recording-not-found`
 */
export async function readAccessLog(
  context: RecordingsContext,
  ref: RecordingRef,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<AccessLogPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  await requireKnown(context, ref);
  const items: AccessLogEntry[] = [];
  for await (const stored of accessesOf(context, ref, { after })) {
    items.push(toEntry(stored.event));
    if (items.length === limit) return { items, nextCursor: writeCursor(stored) };
  }
  return { items, nextCursor: null };
}

/** All entries from before `untilMs`, read as they are consumed. */
export async function* accessLogOf(
  context: RecordingsContext,
  ref: RecordingRef,
  untilMs: number,
): AsyncGenerator<AccessLogEntry, void, undefined> {
  for await (const { event } of accessesOf(context, ref, { untilMs })) yield toEntry(event);
}

/**
 * The events of the recording itself, from the time in which it can have been kept, without those of its whole attempt. Of an
 * id that nobody has given out it costs as much: 120 LISTs at most.
 */
export async function* eventsOf(
  context: TrailContext,
  ref: RecordingRef,
): AsyncGenerator<AuditEventDocument, void, undefined> {
  const toMs = createdAtOf(ref.recording) + MAX_LIFE_MS + DAY_MS;
  for await (const { event } of accessesOf(context, ref, { toMs })) if (event.recordingId !== undefined) yield event;
}

function accessesOf(
  context: TrailContext,
  ref: RecordingRef,
  {
    toMs: lastMs = Number.POSITIVE_INFINITY,
    ...range
  }: { readonly toMs?: number; readonly after?: AuditPlace | undefined; readonly untilMs?: number } = {},
): AsyncIterable<StoredAuditEvent> {
  const nowMs = context.now();
  // Each process may be off by this much from the store: near midnight another one wrote into another day.
  const toMs = Math.min(lastMs, nowMs + 2 * MAX_CLOCK_SKEW_MS);
  // The sweep deletes whole days: what is older is deleted, or about to be.
  const fromMs = Math.max(createdAtOf(ref.recording) - 2 * MAX_CLOCK_SKEW_MS, nowMs - context.logRetentionMs - DAY_MS);
  return readAuditEvents(context.store, ref, { fromMs, toMs, ...range });
}

function toEntry({ at, event, actor, reason, detail, requestId }: AuditEventDocument): AccessLogEntry {
  return { at, event, actor, reason: reason ?? null, detail: detail ?? null, requestId };
}

/** It exists, is being deleted, or left a receipt or, where somebody has removed that, an event. */
async function requireKnown(context: RecordingsContext, ref: RecordingRef): Promise<void> {
  const bucket = new Bucket(context);
  const objects = (await bucket.recording(ref))?.objects;
  // What the receipt says does not matter here, nor whether it can be read.
  if (objects?.manifest || objects?.deleting || (await bucket.readReceipt(ref))) return;
  for await (const _ of eventsOf(context, ref)) return;
  throw new ServiceError('recording-not-found', 'There is no such recording.');
}

function writeCursor(place: AuditPlace): string {
  return Buffer.from(auditCursor(place)).toString('base64url');
}

function readCursor(cursor: string): AuditPlace {
  const place = parseAuditCursor(Buffer.from(cursor, 'base64url').toString());
  if (place) return place;
  const message = 'is not a cursor of this list';
  throw new ServiceError('invalid-request', `cursor ${message}.`, { errors: [{ path: 'cursor', message }] });
}
