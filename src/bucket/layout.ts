// Every key of the bucket, made and read back in one place (ARCHITECTURE, "The bucket").
import { type AttemptRef, isId, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { fromDay, fromKeyTime, toDay, toKeyTime } from '../model/times.ts';

export const ATTEMPTS_PREFIX = 'attempts/';
export const PARTICIPANTS_PREFIX = 'participants/';
export const DUE_PREFIX = 'due/';
export const RECEIPTS_PREFIX = 'receipts/';
export const AUDIT_PREFIX = 'audit/';
export const OUTBOX_PREFIX = 'outbox/';
/** Throw-away keys, with which the store is tried for seconds. */
export const DOCTOR_PREFIX = 'doctor/';

/**
 * What stands under a recording's prefix. `stored` marks when the media were found whole (a store may give the media a
 * new date when they are tagged), `truncated` an upload that the service completed for its client, `announced` that the
 * event `recording.due-soon` was written.
 */
export const RECORDING_OBJECTS = {
  manifest: 'recording.json',
  media: 'media',
  restricted: 'restricted',
  deleting: 'deleting',
  timeline: 'timeline.json',
  stored: 'stored',
  truncated: 'truncated',
  announced: 'announced',
} as const;
export type RecordingObject = keyof typeof RECORDING_OBJECTS;

const OBJECT_OF_NAME = new Map<string, RecordingObject>(
  (Object.keys(RECORDING_OBJECTS) as RecordingObject[]).map((object) => [RECORDING_OBJECTS[object], object]),
);

/** The audit trail's events (policy 7.1). */
export const AUDIT_EVENTS = [
  'link-issued',
  'link-refused',
  'deleted',
  'erased',
  'restricted',
  'unrestricted',
  'exported',
  'foreign-attempt-refused',
] as const;
export type AuditEvent = (typeof AUDIT_EVENTS)[number];

function id(value: string): string {
  if (!isId(value)) throw new TypeError('a key was asked for with an id that is not valid');
  return value;
}

function recordingId(value: string): string {
  if (!isRecordingId(value)) throw new TypeError('a key was asked for with a recording id that is not valid');
  return value;
}

function attemptPath(ref: AttemptRef): string {
  return `${id(ref.tenant)}/${id(ref.exam)}/${id(ref.attempt)}`;
}

function recordingPath(ref: RecordingRef): string {
  return `${attemptPath(ref)}/${recordingId(ref.recording)}`;
}

export function examPrefix(tenant: string, exam: string): string {
  return `${ATTEMPTS_PREFIX}${id(tenant)}/${id(exam)}/`;
}

export function attemptPrefix(ref: AttemptRef): string {
  return `${ATTEMPTS_PREFIX}${attemptPath(ref)}/`;
}

export function recordingPrefix(ref: RecordingRef): string {
  return `${ATTEMPTS_PREFIX}${recordingPath(ref)}/`;
}

export function recordingKey(ref: RecordingRef, object: RecordingObject): string {
  return recordingPrefix(ref) + RECORDING_OBJECTS[object];
}

export function assessedKey(ref: AttemptRef, completedAtMs: number): string {
  return `${attemptPrefix(ref)}assessed/${toKeyTime(completedAtMs)}`;
}

export function participantPrefix(tenant: string, participant: string): string {
  return `${PARTICIPANTS_PREFIX}${id(tenant)}/${id(participant)}/`;
}

export function participantKey(participant: string, ref: RecordingRef): string {
  const { exam, attempt, recording } = ref;
  return `${participantPrefix(ref.tenant, participant)}${id(exam)}/${id(attempt)}/${recordingId(recording)}`;
}

/** `unique` is a name of the writer's own: a second writer's entry must never be deleted with the first's. */
export function dueAttemptKey(timeMs: number, ref: AttemptRef, unique: string): string {
  return `${DUE_PREFIX}${toKeyTime(timeMs)}/attempt/${attemptPath(ref)}/${unique}`;
}

export function dueReceiptsKey(timeMs: number, unique: string): string {
  return `${DUE_PREFIX}${toKeyTime(timeMs)}/receipts/${unique}`;
}

/** At the head of the queue, so that every sweep reads it without a request: for which orders of tenants it is in line. */
export function dueOrdersKey(digest: string, stage: OrdersStage): string {
  return `${DUE_PREFIX}${toKeyTime(0)}/orders/${digest}-${stage}`;
}

export function receiptKey(ref: RecordingRef): string {
  return `${RECEIPTS_PREFIX}${recordingPath(ref)}.json`;
}

export function auditPrefix(timeMs: number, ref: RecordingRef): string {
  return `${AUDIT_PREFIX}${toDay(timeMs)}/${recordingPath(ref)}/`;
}

export function auditKey(timeMs: number, ref: RecordingRef, event: AuditEvent, unique: string): string {
  return `${auditPrefix(timeMs, ref)}${toKeyTime(timeMs)}-${event}-${unique}.json`;
}

/** `unique` is a name of the writer's own. */
export function outboxKey(tenant: string, timeMs: number, unique: string): string {
  return `${OUTBOX_PREFIX}${id(tenant)}/${toKeyTime(timeMs)}-${unique}.json`;
}

/** Sorts after every key of a tenant's outbox, and before that of the next one. */
export function outboxEnd(tenant: string): string {
  return `${OUTBOX_PREFIX}${id(tenant)}/~`;
}

/** `begun`: brought forward once; `done`: and once more, after the writers that still had the old setting. */
export type OrdersStage = 'begun' | 'done';

export type ParsedKey =
  | { readonly type: 'assessed'; readonly ref: AttemptRef; readonly completedAtMs: number }
  | { readonly type: 'recording'; readonly ref: RecordingRef; readonly object: RecordingObject }
  | { readonly type: 'participant'; readonly participant: string; readonly ref: RecordingRef }
  | { readonly type: 'due-attempt'; readonly timeMs: number; readonly ref: AttemptRef; readonly unique: string }
  | { readonly type: 'due-receipts'; readonly timeMs: number; readonly unique: string }
  | { readonly type: 'due-orders'; readonly timeMs: number; readonly digest: string; readonly stage: OrdersStage }
  | { readonly type: 'receipt'; readonly ref: RecordingRef }
  | { readonly type: 'outbox'; readonly tenant: string; readonly timeMs: number; readonly unique: string }
  | { readonly type: 'audit'; readonly dayMs: number; readonly ref: RecordingRef; readonly name: string };

/** What a key means; undefined when no function of this file could have made it. */
export function parseKey(key: string): ParsedKey | undefined {
  const [root, ...segments] = key.split('/');
  switch (root) {
    case 'attempts':
      return parseAttemptKey(segments);
    case 'participants':
      return parseParticipantKey(segments);
    case 'due':
      return parseDueKey(segments);
    case 'receipts':
      return parseReceiptKey(segments);
    case 'audit':
      return parseAuditKey(segments);
    case 'outbox':
      return parseOutboxKey(segments);
    default:
      return undefined;
  }
}

function attemptRef(segments: readonly string[]): AttemptRef | undefined {
  const [tenant = '', exam = '', attempt = ''] = segments;
  return isId(tenant) && isId(exam) && isId(attempt) ? { tenant, exam, attempt } : undefined;
}

function recordingRef(segments: readonly string[]): RecordingRef | undefined {
  const ref = attemptRef(segments);
  const recording = segments[3] ?? '';
  return ref && isRecordingId(recording) ? { ...ref, recording } : undefined;
}

function parseAttemptKey(segments: readonly string[]): ParsedKey | undefined {
  if (segments.length !== 5) return undefined;
  const last = segments[4] ?? '';
  if (segments[3] === 'assessed') {
    const ref = attemptRef(segments);
    const completedAtMs = fromKeyTime(last);
    return ref && completedAtMs !== undefined ? { type: 'assessed', ref, completedAtMs } : undefined;
  }
  const ref = recordingRef(segments);
  const object = OBJECT_OF_NAME.get(last);
  return ref && object ? { type: 'recording', ref, object } : undefined;
}

function parseParticipantKey(segments: readonly string[]): ParsedKey | undefined {
  const [tenant = '', participant = '', ...rest] = segments;
  const ref = recordingRef([tenant, ...rest]);
  return segments.length === 5 && ref && isId(participant) ? { type: 'participant', participant, ref } : undefined;
}

function parseDueKey(segments: readonly string[]): ParsedKey | undefined {
  const [time = '', kind, ...rest] = segments;
  const timeMs = fromKeyTime(time);
  const unique = rest.at(-1);
  if (timeMs === undefined || !unique) return undefined;
  if (kind === 'receipts' && rest.length === 1) return { type: 'due-receipts', timeMs, unique };
  const orders = kind === 'orders' && rest.length === 1 ? /^([0-9a-f]{16})-(begun|done)$/.exec(unique) : null;
  if (orders) return { type: 'due-orders', timeMs, digest: orders[1] ?? '', stage: orders[2] as OrdersStage };
  const ref = attemptRef(rest);
  return kind === 'attempt' && rest.length === 4 && ref ? { type: 'due-attempt', timeMs, ref, unique } : undefined;
}

function parseReceiptKey(segments: readonly string[]): ParsedKey | undefined {
  const name = segments[3] ?? '';
  if (segments.length !== 4 || !name.endsWith('.json')) return undefined;
  const ref = recordingRef([...segments.slice(0, 3), name.slice(0, -'.json'.length)]);
  return ref ? { type: 'receipt', ref } : undefined;
}

function parseAuditKey(segments: readonly string[]): ParsedKey | undefined {
  const [day = '', ...rest] = segments;
  const dayMs = fromDay(day);
  const ref = recordingRef(rest);
  const name = rest[4];
  return rest.length === 5 && dayMs !== undefined && ref && name ? { type: 'audit', dayMs, ref, name } : undefined;
}

function parseOutboxKey(segments: readonly string[]): ParsedKey | undefined {
  const [tenant = '', name = ''] = segments;
  const match = /^([^-]+)-(.+)\.json$/.exec(name);
  const timeMs = fromKeyTime(match?.[1] ?? '');
  const unique = match?.[2];
  if (segments.length !== 2 || !isId(tenant) || timeMs === undefined || unique === undefined) return undefined;
  return { type: 'outbox', tenant, timeMs, unique };
}
