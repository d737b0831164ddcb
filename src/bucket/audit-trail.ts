// The audit trail: one object an event, written before the act that it records is answered (policy 7.1, 8.5).
import { pMapIterable } from 'p-map';
import { DAY_MS } from '../model/durations.ts';
import { newUniqueName, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import type { AuditEvent } from '../model/recording.ts';
import { fromDay, toIso, toKeyTime } from '../model/times.ts';
import { type ListedObject, listAll, nextKey, type ObjectStore } from '../objectstore/object-store.ts';
import { type AuditEventDocument, idsOf, parseDocument, toBody } from './documents.ts';
import { AUDIT_PREFIX, keyOf, parseKey, prefixOf } from './layout.ts';

export interface AuditRecord {
  readonly event: AuditEvent;
  readonly ref: RecordingRef;
  readonly actor: string;
  readonly requestId: string;
  readonly reason?: string | undefined;
  /** Why an act was refused, or until when a link lives. */
  readonly detail?: string | undefined;
}

export interface AuditTrail {
  /** Resolves once the event is stored. When it rejects, the act must not be answered as done. */
  record(record: AuditRecord): Promise<void>;
}

/** `onRecorded` gets each stored event, for the log's audit channel. */
export function createAuditTrail(
  store: ObjectStore,
  now: () => number,
  randomBytes: RandomBytes,
  onRecorded: (record: AuditRecord) => void = () => {},
): AuditTrail {
  return {
    async record(record) {
      const atMs = now();
      const { ref, ...rest } = record;
      const name = `${toKeyTime(atMs)}-${record.event}-${newUniqueName(randomBytes)}.json`;
      const key = keyOf('audit', { ...ref, timeMs: atMs, unique: name });
      await store.put(key, toBody({ at: toIso(atMs), ...idsOf(ref), ...rest }));
      onRecorded(record);
    },
  };
}

/** Days listed, and events read, at once. */
const READING_CONCURRENCY = 8;

/** `toKeyTime` begins the name of an event. */
const NAME_TIME_LENGTH = toKeyTime(0).length;

/** An event and its key. */
export interface StoredAuditEvent {
  readonly key: string;
  readonly event: AuditEventDocument;
}

/**
 * What happened to one recording between two times, oldest first; with `after`, only what follows that key, and with
 * `untilMs`, only what is named by an earlier time. Costs a LIST for each day and a GET for each event; holds a few of them
 * in memory. An event that cannot be read is left out: `verify` reports it.
 */
export async function* readAuditEvents(
  store: ObjectStore,
  ref: RecordingRef,
  { fromMs, toMs, after, untilMs }: { fromMs: number; toMs: number; after?: string | undefined; untilMs?: number },
): AsyncGenerator<StoredAuditEvent, void, undefined> {
  const listed = listEvents(store, ref, daysOf(fromMs, toMs, after), after);
  const chosen = untilMs === undefined ? listed : namedBefore(listed, untilMs);
  const events = pMapIterable(chosen, readEvent, { concurrency: READING_CONCURRENCY });
  for await (const event of events) if (event) yield event;

  async function readEvent({ key }: ListedObject): Promise<StoredAuditEvent | undefined> {
    const body = await store.get(key);
    const event = body && parseDocument('auditEvent', body, ref);
    return event && { key, event };
  }
}

async function* namedBefore(
  events: AsyncIterable<ListedObject>,
  untilMs: number,
): AsyncGenerator<ListedObject, void, undefined> {
  const until = toKeyTime(untilMs);
  for await (const event of events) {
    const name = event.key.slice(event.key.lastIndexOf('/') + 1);
    if (name.slice(0, NAME_TIME_LENGTH) < until) yield event;
  }
}

async function* listEvents(
  store: ObjectStore,
  ref: RecordingRef,
  days: readonly number[],
  after: string | undefined,
): AsyncGenerator<ListedObject, void, undefined> {
  const firstPages = pMapIterable(
    days,
    async (dayMs) => {
      const prefix = prefixOf('audit', { ...ref, timeMs: dayMs });
      const startAfter = after?.startsWith(prefix) ? after : undefined;
      return { prefix, page: await store.list(prefix, { startAfter }) };
    },
    { concurrency: READING_CONCURRENCY },
  );
  for await (const { prefix, page } of firstPages) {
    yield* page.objects;
    const next = nextKey(page);
    if (next !== undefined) yield* listAll(store, prefix, next);
  }
}

function daysOf(fromMs: number, toMs: number, after: string | undefined): number[] {
  const parsed = after === undefined ? undefined : parseKey(after);
  const firstMs = Math.max(fromMs, parsed?.type === 'audit' ? parsed.dayMs : 0);
  const days: number[] = [];
  for (let dayMs = firstMs - (firstMs % DAY_MS); dayMs <= toMs; dayMs += DAY_MS) days.push(dayMs);
  return days;
}

/** One LIST of the trail, oldest day first. `dayMs` is undefined of a key that this service cannot have made. */
export async function listAuditTrail(
  store: ObjectStore,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<{ events: readonly { key: string; dayMs: number | undefined }[]; next: string | undefined }> {
  const page = await store.list(AUDIT_PREFIX, { startAfter: after, limit });
  const events = page.objects.map(({ key }) => {
    const parsed = parseKey(key);
    return { key, dayMs: parsed?.type === 'audit' ? parsed.dayMs : undefined };
  });
  return { events, next: nextKey(page) };
}

/** The day and the name of an event, as a cursor; whose event it is comes from the request's path. */
export function auditCursor(key: string): string {
  const segments = key.split('/');
  return `${segments[1]}/${segments.at(-1)}`;
}

/** The key that a cursor of this recording means; undefined for what `auditCursor` cannot have made. */
export function parseAuditCursor(cursor: string, ref: RecordingRef): string | undefined {
  const [day = '', name = '', ...rest] = cursor.split('/');
  const dayMs = fromDay(day);
  if (dayMs === undefined || rest.length > 0 || !/^[\w.-]{1,128}$/.test(name)) return undefined;
  return keyOf('audit', { ...ref, timeMs: dayMs, unique: name });
}
