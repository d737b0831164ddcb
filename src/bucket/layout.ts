// The layout of the bucket: every key is made and parsed here. Only src/bucket imports these functions.
import { type AttemptRef, isId, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { fromDay, fromKeyTime, toDay, toKeyTime } from '../model/times.ts';

/** The tree. The layout is a promise to older buckets: a name is only ever added. */
const TREE = {
  recording: 'attempts/{tenant}/{exam}/{attempt}/{recording}/{object}',
  assessed: 'attempts/{tenant}/{exam}/{attempt}/assessed/{time}',
  assessing: 'attempts/{tenant}/{exam}/{attempt}/assessing/{unique}',
  participant: 'participants/{tenant}/{participant}/{exam}/{attempt}/{recording}',
  'due-attempt': 'due/{time}/attempt/{tenant}/{exam}/{attempt}/{unique}',
  'due-receipts': 'due/{time}/receipts/{unique}',
  'due-orders': 'due/{time}/orders/{digest}-{stage}',
  receipt: 'receipts/{tenant}/{exam}/{attempt}/{recording}.json',
  audit: 'audit/{day}/{tenant}/{exam}/{attempt}/{recording}/{unique}',
  'audit-attempt': 'audit/{day}/{tenant}/{exam}/{attempt}/attempt/{unique}',
  outbox: 'outbox/{tenant}/{time}-{unique}.json',
  'log-head': 'log/{tenant}/heads/{rank}',
  'log-tile': 'log/{tenant}/tile/{level}/{index}',
  'log-entries': 'log/{tenant}/entries/{index}',
  'log-queue': 'log-queue/{tenant}/{unique}',
} as const;

const IDS = new Set(['tenant', 'exam', 'attempt', 'participant']);
const ID_BYTES = 64;
/** No other part of a key is longer: the name of a creation's queue entry is a recording's id and a participant's. */
const OTHER_BYTES = 36 + 1 + ID_BYTES;
/** No key is longer, in bytes. */
export const MAX_KEY_BYTES = Math.max(
  ...Object.values(TREE).map(
    (path) =>
      path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ' '.repeat(IDS.has(name) ? ID_BYTES : OTHER_BYTES)).length,
  ),
);

/** Entries of a log; more than a service writes in a thousand years. */
export const MAX_LOG_SIZE = 999_999_999_999;
const NUMBER_WIDTH = String(MAX_LOG_SIZE).length;

export const ATTEMPTS_PREFIX = 'attempts/';
export const PARTICIPANTS_PREFIX = 'participants/';
export const DUE_PREFIX = 'due/';
export const RECEIPTS_PREFIX = 'receipts/';
export const AUDIT_PREFIX = 'audit/';
export const OUTBOX_PREFIX = 'outbox/';
export const LOG_PREFIX = 'log/';
export const LOG_QUEUE_PREFIX = 'log-queue/';
export const ROOTS = [
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  DUE_PREFIX,
  LOG_QUEUE_PREFIX,
  LOG_PREFIX,
  OUTBOX_PREFIX,
  PARTICIPANTS_PREFIX,
  RECEIPTS_PREFIX,
] as const;
/** Scratch keys with which the store is tried; each exists for seconds. */
export const DOCTOR_PREFIX = 'doctor/';

/**
 * The objects under a recording's prefix. `stored` marks when the media were found whole (a store may give the media a
 * new date when they are tagged), `truncated` an upload that the service completed for its client, `announced` that the
 * event `recording.due-soon` was written, `ahead` when a sweep found that the recording's id is of a time to come.
 */
export const RECORDING_OBJECTS = {
  manifest: 'recording.json',
  media: 'media',
  restricted: 'restricted',
  deleting: 'deleting',
  timeline: 'timeline.json',
  overview: 'overview',
  stored: 'stored',
  truncated: 'truncated',
  announced: 'announced',
  ahead: 'ahead',
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
  | { readonly type: 'assessing'; readonly ref: AttemptRef }
  | { readonly type: 'participant'; readonly participant: string; readonly ref: RecordingRef }
  | { readonly type: 'due-attempt'; readonly timeMs: number; readonly ref: AttemptRef; readonly unique: string }
  | { readonly type: 'due-receipts'; readonly timeMs: number; readonly unique: string }
  | { readonly type: 'due-orders'; readonly timeMs: number; readonly digest: string; readonly stage: OverrideStage }
  | { readonly type: 'receipt'; readonly ref: RecordingRef }
  | { readonly type: 'audit'; readonly dayMs: number; readonly ref: RecordingRef; readonly name: string }
  | { readonly type: 'audit-attempt'; readonly dayMs: number; readonly ref: AttemptRef; readonly name: string }
  | { readonly type: 'outbox'; readonly tenant: string; readonly timeMs: number; readonly unique: string }
  | { readonly type: 'log-head'; readonly tenant: string; readonly size: number }
  | { readonly type: 'log-tile'; readonly tenant: string; readonly level: number; readonly index: number }
  | { readonly type: 'log-entries'; readonly tenant: string; readonly index: number }
  | { readonly type: 'log-queue'; readonly tenant: string; readonly unique: string };

export type KeyType = keyof typeof TREE;

/** The parts of a key by the names in the tree; times in milliseconds since the epoch. */
export interface KeyParts {
  readonly tenant?: string | undefined;
  readonly exam?: string | undefined;
  readonly attempt?: string | undefined;
  readonly recording?: string;
  readonly object?: RecordingObject;
  readonly participant?: string;
  readonly timeMs?: number;
  /** A name of the writer's own: an entry of a second writer must never be deleted with the first's. */
  readonly unique?: string;
  readonly digest?: string;
  readonly stage?: OverrideStage;
  /** How many entries a log has: a head's rank, by which the largest is listed first. */
  readonly size?: number;
  readonly level?: number;
  readonly index?: number;
}

/** Each kind of key as literals and, between them, the names of its parts. */
const SHAPES = new Map<string, readonly string[]>(
  Object.entries(TREE).map(([type, path]) => [type, path.split(/\{(\w+)\}/)]),
);

const PATTERNS = (Object.keys(TREE) as KeyType[]).map((type) => {
  // A time has no hyphen; the names of writers may have one.
  const segment = (_: string, name: string) => `(?<${name}>${name === 'time' ? '[^/-]+' : '[^/]+'})`;
  const pattern = TREE[type].replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, segment);
  return { type, root: SHAPES.get(type)?.[0] ?? '', pattern: new RegExp(`^${pattern}$`) };
});

/** @throws TypeError when a part is missing, or is no valid id */
export function keyOf(type: KeyType, parts: KeyParts): string {
  return build(type, parts, true);
}

/** The beginning that keys of a kind share, up to the first part that is not given. @throws TypeError for no valid id */
export function prefixOf(type: KeyType, parts: KeyParts): string {
  return build(type, parts, false);
}

/** What is stored of an attempt; of a recording's ref too. */
export function attemptPrefix({ tenant, exam, attempt }: AttemptRef): string {
  return build('recording', { tenant, exam, attempt }, false);
}

function build(type: KeyType, parts: KeyParts, isWhole: boolean): string {
  const shape = SHAPES.get(type) ?? [];
  let key = shape[0] ?? '';
  for (let index = 1; index < shape.length; index += 2) {
    const part = textOf(shape[index] ?? '', parts);
    if (part === undefined && isWhole) throw new TypeError(`a key of type ${type} lacks its ${shape[index]}`);
    if (part === undefined) break;
    key += part + (shape[index + 1] ?? '');
  }
  return key;
}

function textOf(name: string, parts: KeyParts): string | undefined {
  const { timeMs, object, size, level, index } = parts;
  if (name === 'rank') return size === undefined ? undefined : numberText(MAX_LOG_SIZE - size);
  if (name === 'index') return index === undefined ? undefined : numberText(index);
  if (name === 'level') return level === undefined ? undefined : String(level);
  if (name === 'time') return timeMs === undefined ? undefined : toKeyTime(timeMs);
  if (name === 'day') return timeMs === undefined ? undefined : toDay(timeMs);
  if (name === 'object') return object && RECORDING_OBJECTS[object];
  const part = parts[name as Exclude<keyof KeyParts, 'timeMs' | 'object' | 'size' | 'level' | 'index'>];
  const isValid = name === 'recording' ? isRecordingId : IDS.has(name) ? isId : undefined;
  if (part === undefined || !isValid || isValid(part)) return part;
  throw new TypeError(`a key was requested with a ${name} id that is not valid`);
}

/** Of fixed width, so that keys sort by it. */
function numberText(value: number): string {
  return String(value).padStart(NUMBER_WIDTH, '0');
}

/** What a key means; undefined when no function of this file could have made it. */
export function parseKey(key: string): ParsedKey | undefined {
  for (const { type, root, pattern } of PATTERNS) {
    const segments = key.startsWith(root) ? pattern.exec(key)?.groups : undefined;
    const parsed = segments && toParsed(type, segments as unknown as Segments);
    if (parsed) return parsed;
  }
  return undefined;
}

/** The parts that the tree names for a kind; the others are not read for it. */
type Segments = Readonly<Record<'tenant' | 'exam' | 'attempt' | 'recording' | 'participant' | 'object', string>> &
  Readonly<Record<'unique' | 'digest' | 'stage' | 'day' | 'rank' | 'level' | 'index', string>> & {
    readonly time?: string;
  };

function toLogKey(
  type: 'log-head' | 'log-tile' | 'log-entries',
  tenant: string,
  { rank, level, index }: Pick<Segments, 'rank' | 'level' | 'index'>,
): ParsedKey | undefined {
  const isNumber = (text: string) => text.length === NUMBER_WIDTH && /^\d+$/.test(text);
  if (type === 'log-head') {
    return isNumber(rank) ? { type, tenant, size: MAX_LOG_SIZE - Number(rank) } : undefined;
  }
  if (!isNumber(index)) return undefined;
  if (type === 'log-entries') return { type, tenant, index: Number(index) };
  return /^\d$/.test(level) ? { type, tenant, level: Number(level), index: Number(index) } : undefined;
}

function toParsed(type: KeyType, segments: Segments): ParsedKey | undefined {
  const { tenant, exam, attempt, recording, participant, unique, digest, stage, time } = segments;
  const timeMs = time === undefined ? 0 : fromKeyTime(time);
  if (timeMs === undefined) return undefined;
  switch (type) {
    case 'due-receipts':
      return { type, timeMs, unique };
    case 'due-orders':
      if (!/^[0-9a-f]{16}$/.test(digest) || (stage !== 'begun' && stage !== 'done')) return undefined;
      return { type, timeMs, digest, stage };
    case 'outbox':
      return isId(tenant) ? { type, tenant, timeMs, unique } : undefined;
    case 'log-queue':
      // Heads name these keys, and are read only with keys of this length.
      return isId(tenant) && unique.length <= OTHER_BYTES ? { type, tenant, unique } : undefined;
    case 'log-head':
    case 'log-tile':
    case 'log-entries':
      return isId(tenant) ? toLogKey(type, tenant, segments) : undefined;
    default:
      break;
  }
  if (!isId(tenant) || !isId(exam) || !isId(attempt)) return undefined;
  const attemptRef = { tenant, exam, attempt };
  if (type === 'assessed') return { type, ref: attemptRef, completedAtMs: timeMs };
  if (type === 'assessing') return { type, ref: attemptRef };
  if (type === 'due-attempt') return { type, timeMs, ref: attemptRef, unique };
  if (type === 'audit-attempt') {
    const dayMs = fromDay(segments.day);
    return dayMs === undefined ? undefined : { type, dayMs, ref: attemptRef, name: unique };
  }
  if (!isRecordingId(recording)) return undefined;
  const ref = { ...attemptRef, recording };
  if (type === 'receipt') return { type, ref };
  if (type === 'participant') return isId(participant) ? { type, participant, ref } : undefined;
  if (type === 'audit') {
    const dayMs = fromDay(segments.day);
    return dayMs === undefined ? undefined : { type, dayMs, ref, name: unique };
  }
  const object = OBJECT_OF_NAME.get(segments.object);
  return object && { type, ref, object };
}
