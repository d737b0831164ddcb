// The outbox: events for the controller's systems (docs/webhooks.md), kept in the bucket until they are delivered.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { DAY_MS } from '../model/durations.ts';
import { ID_PATTERN, isRecordingId, newUniqueName, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import { ERASURE_REASONS } from '../model/recording.ts';
import { toIso } from '../model/times.ts';
import { nextKey, type ObjectStore } from '../objectstore/object-store.ts';
import {
  DELETION_REASONS,
  type DeletionReason,
  idsOf,
  parseJson,
  type Receipt,
  readAs,
  readDocument,
  refOf,
  toBody,
} from './documents.ts';
import { keyOf, OUTBOX_PREFIX, parseKey, prefixOf } from './layout.ts';
import { hasObject } from './listing.ts';
import { entryOf, isForged } from './receipt-log.ts';
import type { Signer } from './signer.ts';

export const EVENT_TYPES = ['recording.stored', 'recording.due-soon', 'recording.deleted', 'recording.erased'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

const id = z.string().regex(ID_PATTERN);
const time = z.iso.datetime({ precision: 3 });

/** Bounds an object to half a megabyte. */
const MAX_EVENTS_PER_OBJECT = 1000;

/** Ids and times, never a link to media. Only what the functions below make is an event: it will be signed. */
const recordingEvent = z
  .object({
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
      /** Of a warning: from then on it may already be gone. Earlier versions did not write it. */
      deletableFrom: time.optional(),
      /** Of a deletion. */
      deletedAt: time.optional(),
      reason: z.enum(DELETION_REASONS).optional(),
    }),
  })
  .refine(({ id, type, data }) => id === eventId(type, data.recordingId))
  .refine(({ type, timestamp, data: { deletedAt, reason } }) =>
    reason === undefined
      ? deletedAt === undefined && !isDeletion(type)
      : deletedAt === timestamp && type === deletionType(reason),
  )
  .refine(({ type, data }) => data.deletableFrom === undefined || type === 'recording.due-soon');

const outboxDocument = z.object({
  version: z.literal(1),
  events: z.array(recordingEvent).min(1).max(MAX_EVENTS_PER_OBJECT),
});

export type RecordingEvent = z.infer<typeof recordingEvent>;

/** Deletions on request. */
const ERASURES: ReadonlySet<DeletionReason> = new Set(ERASURE_REASONS);

export function storedEvent(ref: RecordingRef, atMs: number, deadlineMs: number): RecordingEvent {
  return newEvent('recording.stored', toIso(atMs), { ...idsOf(ref), deleteBy: toIso(deadlineMs) });
}

/** It was not assessed, and will be deleted soon. */
export function dueSoonEvent(
  ref: RecordingRef,
  atMs: number,
  deadlineMs: number,
  deletableFromMs: number,
): RecordingEvent {
  const times = { deleteBy: toIso(deadlineMs), deletableFrom: toIso(deletableFromMs) };
  return newEvent('recording.due-soon', toIso(atMs), { ...idsOf(ref), ...times });
}

/** The members of a receipt that its event repeats. */
type DeletionFacts = Pick<
  Receipt,
  'tenantId' | 'examId' | 'attemptId' | 'recordingId' | 'deadline' | 'deletedAt' | 'reason'
>;

export function deletionEvent(receipt: DeletionFacts): RecordingEvent {
  const { tenantId, examId, attemptId, recordingId, deadline, deletedAt, reason } = receipt;
  const data = { tenantId, examId, attemptId, recordingId, deleteBy: deadline, deletedAt, reason };
  return newEvent(deletionType(reason), deletedAt, data);
}

function deletionType(reason: DeletionReason): EventType {
  return ERASURES.has(reason) ? 'recording.erased' : 'recording.deleted';
}

function isDeletion(type: EventType): boolean {
  return type === 'recording.deleted' || type === 'recording.erased';
}

function newEvent(type: EventType, timestamp: string, data: RecordingEvent['data']): RecordingEvent {
  return { id: eventId(type, data.recordingId), type, timestamp, data };
}

/** No full stop: the signature joins id, time and body with them. */
function eventId(type: EventType, recording: string): string {
  return `${type.replaceAll(/[.-]/g, '_')}_${recording}`;
}

export function toOutboxBody(events: readonly RecordingEvent[]): Uint8Array {
  return toBody({ version: 1, events });
}

/**
 * The events of an object, as long as it exists. `unreadable`: it is too large, truncated, of another shape, or has an event
 * that this service does not make, or one of another tenant than its key says. @throws StoreError
 */
export function readEvents(
  store: Pick<ObjectStore, 'get'>,
  { tenant, key }: WaitingEvents,
): Promise<RecordingEvent[] | 'unreadable' | undefined> {
  return readAs(store, key, (body) => {
    const events = parseJson(outboxDocument, body)?.events;
    return events?.every(({ data }) => data.tenantId === tenant) ? events : undefined;
  });
}

export interface Outbox {
  /** Whether a webhook of this tenant subscribes to it: an event without a subscriber costs nothing. */
  wants(tenant: string, type: EventType): boolean;
  /** Resolves once the events that have a subscriber are stored: one object for each thousand. @throws StoreError */
  add(tenant: string, events: readonly RecordingEvent[]): Promise<void>;
}

/** An event that was not delivered for this long is given up. */
export const UNDELIVERED_MS = 7 * DAY_MS;

/** `subscriptions`: the types that are sent, by tenant. */
export function createOutbox(
  store: Pick<ObjectStore, 'put'>,
  now: () => number,
  randomBytes: RandomBytes,
  subscriptions: ReadonlyMap<string, ReadonlySet<EventType>>,
): Outbox {
  const wants = (tenant: string, type: EventType) => subscriptions.get(tenant)?.has(type) ?? false;
  return {
    wants,
    async add(tenant, events) {
      const rest = events.filter(({ type }) => wants(tenant, type));
      while (rest.length > 0) {
        const key = keyOf('outbox', { tenant, timeMs: now(), unique: newUniqueName(randomBytes) });
        await store.put(key, toOutboxBody(rest.splice(0, MAX_EVENTS_PER_OBJECT)));
      }
    },
  };
}

/** An object of the outbox, by its key. */
export interface WaitingEvents {
  readonly tenant: string;
  readonly key: string;
  /** By its key, but no later than by the store's clock: a key may have any time. */
  readonly writtenMs: number;
}

/**
 * The objects of each tenant, oldest first and at most `maxPerTenant`: the listing skips the rest of such a tenant, so that
 * the next is not delayed. One LIST while the outbox is empty. @throws StoreError
 */
export async function listOutbox(
  store: Pick<ObjectStore, 'list'>,
  maxPerTenant: number,
): Promise<Map<string, WaitingEvents[]>> {
  const waiting = new Map<string, WaitingEvents[]>();
  let startAfter: string | undefined;
  for (;;) {
    const page = await store.list(OUTBOX_PREFIX, { startAfter });
    let tenant: string | undefined;
    for (const { key, lastModifiedMs } of page.objects) {
      const parsed = parseKey(key);
      if (parsed?.type !== 'outbox') continue;
      tenant = parsed.tenant;
      const own = waiting.get(tenant) ?? [];
      if (own.length < maxPerTenant) own.push({ tenant, key, writtenMs: Math.min(parsed.timeMs, lastModifiedMs) });
      waiting.set(tenant, own);
    }
    const next = nextKey(page);
    if (next === undefined) return waiting;
    const isFull = tenant !== undefined && (waiting.get(tenant)?.length ?? 0) >= maxPerTenant;
    // Sorts after every key of the tenant.
    startAfter = tenant !== undefined && isFull ? `${prefixOf('outbox', { tenant })}~` : next;
  }
}

/** What in the bucket proves that an event happened. */
export interface Evidence {
  /** Of a deletion: what the log of receipts says for its receipt; null of any other event, and of a receipt without a signature. */
  readonly receiptHash: string | null;
}

/**
 * Events are written before their act. This looks for the act: the media were found whole, the warning was given, or there
 * is an unchanged receipt with the reason and the times of the event. After a deletion its receipt also proves the other
 * events. Undefined: nothing proves it. @throws StoreError
 */
export async function evidenceOf(
  { store, signer }: { readonly store: ObjectStore; readonly signer?: Signer | undefined },
  { type, data }: RecordingEvent,
): Promise<Evidence | undefined> {
  const ref = refOf(data);
  const receiptKey = keyOf('receipt', ref);
  if (!isDeletion(type)) {
    const object = type === 'recording.stored' ? 'stored' : 'announced';
    const isShown =
      (await hasObject(store, keyOf('recording', { ...ref, object }))) || (await hasObject(store, receiptKey));
    return isShown ? { receiptHash: null } : undefined;
  }
  const receipt = await readDocument(store, receiptKey, 'receipt', ref);
  if (!receipt || receipt === 'unreadable' || !isDeepStrictEqual(deletionEvent(receipt).data, data)) return undefined;
  if (await isForged(signer, receipt)) return undefined;
  return { receiptHash: entryOf(receipt)?.hash ?? null };
}
