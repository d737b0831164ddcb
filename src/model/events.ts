// What the controller's systems are told of (docs/webhooks.md): ids and times, never a link to media.
import { z } from 'zod';
import { DELETION_REASONS, type DeletionReason, type Receipt } from '../bucket/documents.ts';
import { ID_PATTERN, isRecordingId, type RecordingRef } from './ids.ts';
import { toIso } from './times.ts';

export const EVENT_TYPES = ['recording.stored', 'recording.due-soon', 'recording.deleted', 'recording.erased'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

const id = z.string().regex(ID_PATTERN);
const time = z.iso.datetime({ precision: 3 });

const recordingEvent = z.object({
  /** The same however often it is written or sent: a recording has at most one event of a type. */
  id: z.string(),
  type: z.enum(EVENT_TYPES),
  /** When it happened. */
  timestamp: time,
  data: z.object({
    tenantId: id,
    examId: id,
    attemptId: id,
    recordingId: z.string().refine(isRecordingId),
    deleteBy: time,
    /** Of a deletion. */
    deletedAt: time.optional(),
    reason: z.enum(DELETION_REASONS).optional(),
  }),
});

const outboxDocument = z.object({ version: z.literal(1), events: z.array(recordingEvent).min(1) });

export type RecordingEvent = z.infer<typeof recordingEvent>;

/** Deletions that somebody asked for. */
const ERASURES: ReadonlySet<DeletionReason> = new Set(['erasure', 'consent-withdrawn', 'controller-instruction']);

export function storedEvent(ref: RecordingRef, atMs: number, deadlineMs: number): RecordingEvent {
  return newEvent('recording.stored', toIso(atMs), { ...idsOf(ref), deleteBy: toIso(deadlineMs) });
}

/** Nobody has assessed it, and it will be deleted soon. */
export function dueSoonEvent(ref: RecordingRef, atMs: number, deadlineMs: number): RecordingEvent {
  return newEvent('recording.due-soon', toIso(atMs), { ...idsOf(ref), deleteBy: toIso(deadlineMs) });
}

export function deletionEvent(receipt: Omit<Receipt, 'chain'>): RecordingEvent {
  const { tenantId, examId, attemptId, recordingId, deadline, deletedAt, reason } = receipt;
  const type = ERASURES.has(reason) ? 'recording.erased' : 'recording.deleted';
  return newEvent(type, deletedAt, { tenantId, examId, attemptId, recordingId, deleteBy: deadline, deletedAt, reason });
}

export function refOf({ data }: RecordingEvent): RecordingRef {
  return { tenant: data.tenantId, exam: data.examId, attempt: data.attemptId, recording: data.recordingId };
}

export function toOutboxBody(events: readonly RecordingEvent[]): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, events }));
}

/** Undefined for a document that is truncated, of another shape, or with an event of another tenant than its key says. */
export function parseOutboxBody(body: Uint8Array, tenant: string): RecordingEvent[] | undefined {
  try {
    const { events } = outboxDocument.parse(JSON.parse(Buffer.from(body).toString('utf8')));
    return events.every(({ data }) => data.tenantId === tenant) ? events : undefined;
  } catch {
    return undefined;
  }
}

function idsOf({ tenant, exam, attempt, recording }: RecordingRef) {
  return { tenantId: tenant, examId: exam, attemptId: attempt, recordingId: recording };
}

function newEvent(type: EventType, timestamp: string, data: RecordingEvent['data']): RecordingEvent {
  // No full stop: the signature joins id, time and body with them.
  return { id: `${type.replaceAll(/[.-]/g, '_')}_${data.recordingId}`, type, timestamp, data };
}
