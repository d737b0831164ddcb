// The audit trail: one object an event, written before the act that it records is answered (policy 7.1, 8.5).
import { pMapIterable } from 'p-map';
import { DAY_MS } from '../model/durations.ts';
import { type AttemptRef, newUniqueName, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import { AUDIT_EVENTS, type AuditEvent } from '../model/recording.ts';
import { fromDay, fromKeyTime, toDay, toIso, toKeyTime } from '../model/times.ts';
import {
  type ListedObject,
  type ListPage,
  listAll,
  nextKey,
  type ObjectStore,
  STORE_CONCURRENCY,
} from '../objectstore/object-store.ts';
import { AuditChains } from './audit-chain.ts';
import { type AuditEventDocument, idsOf, parseDocument, readAs, readDocument, toBody } from './documents.ts';
import { AUDIT_PREFIX, keyOf, type ParsedKey, parseKey, prefixOf } from './layout.ts';
import { hashOf } from './receipts.ts';

export interface AuditRecord {
  readonly event: AuditEvent;
  /** What it is about: one recording, or all of an attempt. */
  readonly ref: RecordingRef | AttemptRef;
  readonly actor: string;
  readonly requestId: string;
  readonly reason?: string | undefined;
  /** Why an act was refused, until when a link lives, or what an assessment has set. */
  readonly detail?: string | undefined;
}

export interface AuditTrail {
  /** Resolves once the event is stored. When it rejects, the act must not be answered as done. */
  record(record: AuditRecord): Promise<void>;
}

/** `onRecorded` gets each stored event, for the log's audit channel; `chains` are those of the process. */
export function createAuditTrail(
  store: Pick<ObjectStore, 'put'>,
  now: () => number,
  randomBytes: RandomBytes,
  onRecorded: (record: AuditRecord) => void = () => {},
  chains = new AuditChains(),
): AuditTrail {
  return {
    async record(record) {
      const atMs = now();
      const { ref, ...rest } = record;
      const unique = newUniqueName(randomBytes);
      const name = `${toKeyTime(atMs)}-${record.event}-${unique}.json`;
      const key = keyOf(keyTypeOf(ref), { ...ref, timeMs: atMs, unique: name });
      await chains.append(
        { tenant: ref.tenant, atMs, unique },
        (chain) => toBody({ at: toIso(atMs), ...idsOf(ref), ...rest, chain }),
        (body) => store.put(key, body),
      );
      onRecorded(record);
    },
  };
}

/** What the name of an event says, `{time}-{event}-{unique}.json`; undefined of a name that this service does not make. */
export function parseEventName(name: string): { readonly atMs: number; readonly event: AuditEvent } | undefined {
  const [, time = '', rest = ''] = /^([^-]+)-(.+)\.json$/.exec(name) ?? [];
  const atMs = fromKeyTime(time);
  const event = AUDIT_EVENTS.find((each) => rest.startsWith(`${each}-`));
  return atMs === undefined || !event ? undefined : { atMs, event };
}

/** Events of an attempt are beside those of its recordings. */
function keyTypeOf(ref: RecordingRef | AttemptRef): 'audit' | 'audit-attempt' {
  return 'recording' in ref ? 'audit' : 'audit-attempt';
}

/** Days listed, and events read, at once: those of a recording's whole life take two rounds. */
const READING_CONCURRENCY = STORE_CONCURRENCY;

/** `toKeyTime` begins the name of an event. */
const NAME_TIME_LENGTH = toKeyTime(0).length;

/** The place of an event in what is known of a recording: its day, then its name, which begins with its time. */
export interface AuditPlace {
  readonly dayMs: number;
  readonly name: string;
}

export interface StoredAuditEvent extends AuditPlace {
  readonly event: AuditEventDocument;
}

/**
 * What happened to one recording and to its whole attempt between two times, oldest first; with `after`, only what follows
 * that place, and with `untilMs`, only what is named by an earlier time. Costs two LISTs for each day and a GET for each event; holds a few of them in memory. An event that cannot be
 * read is left out: `verify` reports it.
 */
export async function* readAuditEvents(
  store: ObjectStore,
  ref: RecordingRef,
  { fromMs, toMs, after, untilMs }: { fromMs: number; toMs: number; after?: AuditPlace | undefined; untilMs?: number },
): AsyncGenerator<StoredAuditEvent, void, undefined> {
  const listed = listEvents(store, ref, daysOf(fromMs, toMs, after), after);
  const chosen = untilMs === undefined ? listed : namedBefore(listed, untilMs);
  const events = pMapIterable(chosen, readEvent, { concurrency: READING_CONCURRENCY });
  for await (const event of events) if (event) yield event;

  async function readEvent({ key, of, dayMs, name }: ListedEvent): Promise<StoredAuditEvent | undefined> {
    const event = await readDocument(store, key, 'auditEvent', of);
    return event && event !== 'unreadable' ? { dayMs, name, event } : undefined;
  }
}

interface ListedEvent extends AuditPlace {
  readonly key: string;
  readonly of: RecordingRef | AttemptRef;
}

async function* namedBefore(
  events: AsyncIterable<ListedEvent>,
  untilMs: number,
): AsyncGenerator<ListedEvent, void, undefined> {
  const until = toKeyTime(untilMs);
  for await (const event of events) if (event.name.slice(0, NAME_TIME_LENGTH) < until) yield event;
}

async function* listEvents(
  store: ObjectStore,
  ref: RecordingRef,
  days: readonly number[],
  after: AuditPlace | undefined,
): AsyncGenerator<ListedEvent, void, undefined> {
  const { tenant, exam, attempt } = ref;
  const folders = [ref, { tenant, exam, attempt }];
  const listed = pMapIterable(
    days,
    (dayMs) =>
      Promise.all(
        folders.map(async (of) => {
          const prefix = prefixOf(keyTypeOf(of), { ...of, timeMs: dayMs });
          const startAfter = after?.dayMs === dayMs ? prefix + after.name : undefined;
          return { of, dayMs, prefix, page: await store.list(prefix, { startAfter }) };
        }),
      ),
    { concurrency: READING_CONCURRENCY },
  );
  for await (const firstPages of listed) yield* inOrder(firstPages.map((folder) => eventsIn(store, folder)));
}

async function* eventsIn(
  store: ObjectStore,
  { of, dayMs, prefix, page }: Pick<ListedEvent, 'of' | 'dayMs'> & { readonly prefix: string; readonly page: ListPage },
): AsyncGenerator<ListedEvent, void, undefined> {
  const toEvent = ({ key }: ListedObject) => ({ key, of, dayMs, name: key.slice(prefix.length) });
  yield* page.objects.map(toEvent);
  const next = nextKey(page);
  if (next === undefined) return;
  for await (const object of listAll(store, prefix, next)) yield toEvent(object);
}

/** Merges lists that are in order by themselves. */
async function* inOrder(
  lists: readonly AsyncGenerator<ListedEvent, void, undefined>[],
): AsyncGenerator<ListedEvent, void, undefined> {
  const heads = await Promise.all(lists.map(async (list) => ({ list, head: (await list.next()).value })));
  for (;;) {
    const first = heads.reduce((a, b) => (b.head && !(a.head && a.head.name <= b.head.name) ? b : a));
    if (!first.head) return;
    yield first.head;
    first.head = (await first.list.next()).value;
  }
}

function daysOf(fromMs: number, toMs: number, after: AuditPlace | undefined): number[] {
  const firstMs = Math.max(fromMs, after?.dayMs ?? 0);
  const days: number[] = [];
  for (let dayMs = firstMs - (firstMs % DAY_MS); dayMs <= toMs; dayMs += DAY_MS) days.push(dayMs);
  return days;
}

/** An event and the hash of its bytes. Whether it fits its key is not checked. */
export interface HashedEvent {
  readonly event: AuditEventDocument;
  readonly hash: string;
}

/** Undefined: the key does not exist. `unreadable`: its body is not an audit event. @throws StoreError */
export function readHashedEvent(store: ObjectStore, key: string): Promise<HashedEvent | 'unreadable' | undefined> {
  return readAs(store, key, (body) => {
    const event = parseDocument('auditEvent', body);
    return event && { event, hash: hashOf(body) };
  });
}

type EventKey = ParsedKey & { readonly type: 'audit' | 'audit-attempt' };

/** Whether a key is one of the audit trail. */
export function isEventKey(parsed: ParsedKey | undefined): parsed is EventKey {
  return parsed?.type === 'audit' || parsed?.type === 'audit-attempt';
}

/** The keys of a tenant's events of one day. @throws StoreError */
export async function* eventKeysOf(store: ObjectStore, tenant: string, dayMs: number): AsyncGenerator<string, void> {
  for await (const { key } of listAll(store, prefixOf('audit', { tenant, timeMs: dayMs }))) yield key;
}

/** One LIST of the trail, oldest day first. `dayMs` is undefined of a key that this service cannot have made. */
export async function listAuditTrail(
  store: ObjectStore,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<{ events: readonly { key: string; dayMs: number | undefined }[]; next: string | undefined }> {
  const page = await store.list(AUDIT_PREFIX, { startAfter: after, limit });
  const events = page.objects.map(({ key }) => {
    const parsed = parseKey(key);
    return { key, dayMs: isEventKey(parsed) ? parsed.dayMs : undefined };
  });
  return { events, next: nextKey(page) };
}

/** A place as text. */
export function auditCursor({ dayMs, name }: AuditPlace): string {
  return `${toDay(dayMs)}/${name}`;
}

/** The place that a cursor means; undefined for what `auditCursor` cannot have made. */
export function parseAuditCursor(cursor: string): AuditPlace | undefined {
  const [day = '', name = '', ...rest] = cursor.split('/');
  const dayMs = fromDay(day);
  if (dayMs === undefined || rest.length > 0 || !/^[\w.-]{1,128}$/.test(name)) return undefined;
  return { dayMs, name };
}
