// The audit trail: one object an event, written before the act that it records is answered (policy 7.1, 8.5).
import { pMapIterable } from 'p-map';
import { DAY_MS } from '../model/durations.ts';
import { newUniqueName, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { type ListedObject, listAll, type ObjectStore } from '../objectstore/object-store.ts';
import { type AuditEventDocument, parseAuditEvent } from './documents.ts';
import { type AuditEvent, auditKey, auditPrefix, parseKey } from './layout.ts';

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

/** `onRecorded` is told of each stored event, for the log's audit channel. */
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
      const document = {
        at: toIso(atMs),
        tenantId: ref.tenant,
        examId: ref.exam,
        attemptId: ref.attempt,
        recordingId: ref.recording,
        ...rest,
      };
      await store.put(
        auditKey(atMs, ref, record.event, newUniqueName(randomBytes)),
        Buffer.from(JSON.stringify(document)),
      );
      onRecorded(record);
    },
  };
}

/** Days listed, and events read, at once. */
const READING_CONCURRENCY = 8;

/** An event, and the key that it has. */
export interface StoredAuditEvent {
  readonly key: string;
  readonly event: AuditEventDocument;
}

/**
 * What happened to one recording between two times, oldest first; with `after`, only what follows that key. Costs a LIST
 * for each day and a GET for each event; holds a few of them in memory. An event that cannot be read is left out:
 * `verify` reports it.
 */
export async function* readAuditEvents(
  store: ObjectStore,
  ref: RecordingRef,
  { fromMs, toMs, after }: { fromMs: number; toMs: number; after?: string | undefined },
): AsyncGenerator<StoredAuditEvent, void, undefined> {
  const events = pMapIterable(listEvents(store, ref, daysOf(fromMs, toMs, after), after), readEvent, {
    concurrency: READING_CONCURRENCY,
  });
  for await (const event of events) if (event) yield event;

  async function readEvent({ key }: ListedObject): Promise<StoredAuditEvent | undefined> {
    const body = await store.get(key);
    const event = body && parseAuditEvent(body, ref);
    return event && { key, event };
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
      const prefix = auditPrefix(dayMs, ref);
      const startAfter = after?.startsWith(prefix) ? after : undefined;
      return { prefix, ...(await store.list(prefix, { startAfter })) };
    },
    { concurrency: READING_CONCURRENCY },
  );
  for await (const { prefix, objects, truncated } of firstPages) {
    yield* objects;
    const last = objects.at(-1);
    if (truncated && last) yield* listAll(store, prefix, last.key);
  }
}

function daysOf(fromMs: number, toMs: number, after: string | undefined): number[] {
  const parsed = after === undefined ? undefined : parseKey(after);
  const firstMs = Math.max(fromMs, parsed?.type === 'audit' ? parsed.dayMs : 0);
  const days: number[] = [];
  for (let dayMs = firstMs - (firstMs % DAY_MS); dayMs <= toMs; dayMs += DAY_MS) days.push(dayMs);
  return days;
}
