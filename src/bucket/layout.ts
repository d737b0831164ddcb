// The layout of the bucket: every key is made and parsed here, and no other folder imports this file.
import { type AttemptRef, isId, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { fromDay, fromKeyTime, toDay, toKeyTime } from '../model/times.ts';

/** The tree. The layout is a promise to older buckets: a name is only ever added. */
const TREE = {
  recording: 'attempts/{tenant}/{exam}/{attempt}/{recording}/{object}',
  assessed: 'attempts/{tenant}/{exam}/{attempt}/assessed/{time}',
  participant: 'participants/{tenant}/{participant}/{exam}/{attempt}/{recording}',
  'due-attempt': 'due/{time}/attempt/{tenant}/{exam}/{attempt}/{unique}',
  'due-receipts': 'due/{time}/receipts/{unique}',
  'due-orders': 'due/{time}/orders/{digest}-{stage}',
  receipt: 'receipts/{tenant}/{exam}/{attempt}/{recording}.json',
  audit: 'audit/{day}/{tenant}/{exam}/{attempt}/{recording}/{unique}',
  outbox: 'outbox/{tenant}/{time}-{unique}.json',
} as const;

export const ATTEMPTS_PREFIX = 'attempts/';
export const PARTICIPANTS_PREFIX = 'participants/';
export const DUE_PREFIX = 'due/';
export const RECEIPTS_PREFIX = 'receipts/';
export const AUDIT_PREFIX = 'audit/';
export const OUTBOX_PREFIX = 'outbox/';
export const ROOTS = [
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  DUE_PREFIX,
  OUTBOX_PREFIX,
  PARTICIPANTS_PREFIX,
  RECEIPTS_PREFIX,
] as const;
/** Scratch keys with which the store is tried; each exists for seconds. */
export const DOCTOR_PREFIX = 'doctor/';

/**
 * The objects under a recording's prefix. `stored` marks when the media were found whole (a store may give the media a
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

/** `begun`: requeued once; `done`: requeued again, after the writers that still had the old setting. */
export type OverrideStage = 'begun' | 'done';

export type ParsedKey =
  | { readonly type: 'recording'; readonly ref: RecordingRef; readonly object: RecordingObject }
  | { readonly type: 'assessed'; readonly ref: AttemptRef; readonly completedAtMs: number }
  | { readonly type: 'participant'; readonly participant: string; readonly ref: RecordingRef }
  | { readonly type: 'due-attempt'; readonly timeMs: number; readonly ref: AttemptRef; readonly unique: string }
  | { readonly type: 'due-receipts'; readonly timeMs: number; readonly unique: string }
  | { readonly type: 'due-orders'; readonly timeMs: number; readonly digest: string; readonly stage: OverrideStage }
  | { readonly type: 'receipt'; readonly ref: RecordingRef }
  | { readonly type: 'audit'; readonly dayMs: number; readonly ref: RecordingRef; readonly name: string }
  | { readonly type: 'outbox'; readonly tenant: string; readonly timeMs: number; readonly unique: string };

type KeyType = keyof typeof TREE;
type Segments = Readonly<Partial<Record<string, string>>>;

const PATTERNS = (Object.keys(TREE) as KeyType[]).map((type) => {
  // A time has no hyphen; the names of writers may have one.
  const segment = (_: string, name: string) => `(?<${name}>${name === 'time' ? '[^/-]+' : '[^/]+'})`;
  const pattern = TREE[type].replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, segment);
  return { type, root: TREE[type].slice(0, TREE[type].indexOf('/') + 1), pattern: new RegExp(`^${pattern}$`) };
});

/** What a key means; undefined when no function of this file could have made it. */
export function parseKey(key: string): ParsedKey | undefined {
  for (const { type, root, pattern } of PATTERNS) {
    const segments = key.startsWith(root) ? pattern.exec(key)?.groups : undefined;
    const parsed = segments && toParsed(type, segments);
    if (parsed) return parsed;
  }
  return undefined;
}

function toParsed(type: KeyType, segments: Segments): ParsedKey | undefined {
  const { tenant = '', participant = '', unique = '', digest = '', stage } = segments;
  const timeMs = segments.time === undefined ? 0 : fromKeyTime(segments.time);
  if (timeMs === undefined) return undefined;
  switch (type) {
    case 'due-receipts':
      return { type, timeMs, unique };
    case 'due-orders':
      if (!/^[0-9a-f]{16}$/.test(digest) || (stage !== 'begun' && stage !== 'done')) return undefined;
      return { type, timeMs, digest, stage };
    case 'outbox':
      return isId(tenant) ? { type, tenant, timeMs, unique } : undefined;
    default:
      break;
  }
  const { exam = '', attempt = '', recording = '' } = segments;
  if (!isId(tenant) || !isId(exam) || !isId(attempt)) return undefined;
  const attemptRef = { tenant, exam, attempt };
  if (type === 'assessed') return { type, ref: attemptRef, completedAtMs: timeMs };
  if (type === 'due-attempt') return { type, timeMs, ref: attemptRef, unique };
  if (!isRecordingId(recording)) return undefined;
  const ref = { ...attemptRef, recording };
  if (type === 'receipt') return { type, ref };
  if (type === 'participant') return isId(participant) ? { type, participant, ref } : undefined;
  if (type === 'audit') {
    const dayMs = fromDay(segments.day ?? '');
    return dayMs === undefined ? undefined : { type, dayMs, ref, name: unique };
  }
  const object = OBJECT_OF_NAME.get(segments.object ?? '');
  return object && { type, ref, object };
}

function id(value: string): string {
  if (!isId(value)) throw new TypeError('a key was requested with an id that is not valid');
  return value;
}

function attemptPath({ tenant, exam, attempt }: AttemptRef): string {
  return `${id(tenant)}/${id(exam)}/${id(attempt)}`;
}

function recordingPath(ref: RecordingRef): string {
  if (!isRecordingId(ref.recording)) throw new TypeError('a key was requested with a recording id that is not valid');
  return `${attemptPath(ref)}/${ref.recording}`;
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
  return participantPrefix(ref.tenant, participant) + recordingPath(ref).slice(ref.tenant.length + 1);
}

/** `unique` is a name of the writer's own: a second writer's entry must never be deleted with the first's. */
export function dueAttemptKey(timeMs: number, ref: AttemptRef, unique: string): string {
  return `${DUE_PREFIX}${toKeyTime(timeMs)}/attempt/${attemptPath(ref)}/${unique}`;
}

export function dueReceiptsKey(timeMs: number, unique: string): string {
  return `${DUE_PREFIX}${toKeyTime(timeMs)}/receipts/${unique}`;
}

/** At the head of the queue, so that every sweep reads it without a request of its own. */
export function dueOrdersKey(digest: string, stage: OverrideStage): string {
  return `${DUE_PREFIX}${toKeyTime(0)}/orders/${digest}-${stage}`;
}

export function receiptKey(ref: RecordingRef): string {
  return `${RECEIPTS_PREFIX}${recordingPath(ref)}.json`;
}

export function auditPrefix(timeMs: number, ref: RecordingRef): string {
  return `${AUDIT_PREFIX}${toDay(timeMs)}/${recordingPath(ref)}/`;
}

export function auditKey(timeMs: number, ref: RecordingRef, event: string, unique: string): string {
  return `${auditPrefix(timeMs, ref)}${toKeyTime(timeMs)}-${event}-${unique}.json`;
}

export function outboxKey(tenant: string, timeMs: number, unique: string): string {
  return `${OUTBOX_PREFIX}${id(tenant)}/${toKeyTime(timeMs)}-${unique}.json`;
}

/** Sorts after every key of a tenant's outbox, and before that of the next one. */
export function outboxEnd(tenant: string): string {
  return `${OUTBOX_PREFIX}${id(tenant)}/~`;
}
