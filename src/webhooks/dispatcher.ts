// Brings the outbox to its endpoints: at least once, tenant by tenant, so that a dead endpoint holds up nobody else.
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import { refOf } from '../bucket/documents.ts';
import { OUTBOX_PREFIX, outboxEnd, parseKey, receiptKey, recordingKey } from '../bucket/layout.ts';
import { targetsOf } from '../bucket/listing.ts';
import { type EventType, parseOutboxBody, type RecordingEvent, UNDELIVERED_MS } from '../bucket/outbox.ts';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { backoffMs } from './backoff.ts';
import { type Endpoint, postEvent } from './endpoint.ts';

/** What came of an event. `dropped`: it never happened, or is not wanted any more; `expired`: undelivered for a week. */
export type DeliveryResult = 'delivered' | 'failed' | 'dropped' | 'expired';

export interface DeliveryFailure {
  readonly tenant: string;
  readonly event: EventType | undefined;
  readonly recording: string | undefined;
  /** `http-503`, `timeout`, `ECONNREFUSED`, `unreadable`, a word of the store. */
  readonly code: string;
}

export interface DispatcherOptions {
  readonly store: ObjectStore;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** Longer than any request may last: an event of which the act is not seen by then never happened. */
  readonly settleMs: number;
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onResult?: (result: DeliveryResult, count: number) => void;
  /** How many objects wait in the outbox. */
  readonly onBacklog?: (objects: number) => void;
  readonly onFailure?: (failure: DeliveryFailure) => void;
}

export interface Dispatcher {
  /** Looks into the outbox and begins to deliver what is ready; one LIST while it is empty. @throws StoreError */
  poll(): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Cuts what is under way; it stays in the outbox. Safe to repeat. */
  stop(): Promise<void>;
}

/** Requests under way at one endpoint. */
const ENDPOINT_CONCURRENCY = 4;
/** Objects of a tenant that are held at once, oldest first. */
const MAX_WAITING = 1000;
/** After so many failures in a row the endpoint is left alone for a while. */
const MAX_FAILURES_IN_A_ROW = 5;
const LONGEST_PAUSE_MS = 10 * MINUTE_MS;
/** A mark that is not there yet is looked for again after this time. */
const MARK_MS = 30 * SECOND_MS;
const MAX_REMEMBERED = 100_000;

interface Waiting {
  readonly key: string;
  readonly timeMs: number;
}

/** What this process remembers of an object; forgotten, its events are sent once more, under the same ids. */
interface Progress {
  readonly done: Set<string>;
  attempts: number;
  nextMs: number;
}

/** Two at once, or in two processes, may deliver an event twice. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { store, endpoints, now, random } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Map<string, Promise<void>>();
  const pauses = new Map<string, { failures: number; untilMs: number }>();
  /** Asked at most once a poll. */
  let versioned: Promise<boolean> | undefined;
  const remembered = new LRUCache<string, Progress>({ max: MAX_REMEMBERED });

  /** Tenant by tenant: what one of them has waiting hides nothing of the next. */
  async function listWaiting(): Promise<Map<string, Waiting[]>> {
    const waiting = new Map<string, Waiting[]>();
    let after: string | undefined;
    for (;;) {
      const page = await store.list(OUTBOX_PREFIX, { startAfter: after });
      let tenant: string | undefined;
      for (const { key } of page.objects) {
        const parsed = parseKey(key);
        if (parsed?.type !== 'outbox') continue;
        tenant = parsed.tenant;
        const own = waiting.get(tenant) ?? [];
        if (own.length < MAX_WAITING) own.push({ key, timeMs: parsed.timeMs });
        waiting.set(tenant, own);
      }
      const last = page.objects.at(-1)?.key;
      if (!page.truncated || last === undefined) return waiting;
      const isFull = tenant !== undefined && (waiting.get(tenant)?.length ?? 0) >= MAX_WAITING;
      after = tenant !== undefined && isFull ? outboxEnd(tenant) : last;
    }
  }

  async function remove(key: string): Promise<void> {
    versioned ??= store.isVersioned();
    const failures = await store.delete(await targetsOf(store, key, await versioned));
    if (failures.length === 0) remembered.delete(key);
  }

  async function expire(tenant: string, { key }: Waiting): Promise<void> {
    const body = await store.get(key);
    if (!body) return;
    await remove(key);
    options.onResult?.('expired', parseOutboxBody(body, tenant)?.length ?? 1);
    options.onFailure?.({ tenant, event: undefined, recording: undefined, code: 'expired' });
  }

  /** A round of one tenant. */
  async function deliverAll(tenant: string, waiting: readonly Waiting[]): Promise<void> {
    const endpoint = endpoints.get(tenant);
    let failuresInARow = 0;
    const isOver = () => signal.aborted || failuresInARow >= MAX_FAILURES_IN_A_ROW;

    async function deliver(event: RecordingEvent): Promise<boolean> {
      if (!endpoint) return false;
      const code = await postEvent(endpoint, event, { nowMs: now(), signal });
      if (signal.aborted && code !== undefined) return false;
      failuresInARow = code === undefined ? 0 : failuresInARow + 1;
      options.onResult?.(code === undefined ? 'delivered' : 'failed', 1);
      if (code !== undefined) {
        options.onFailure?.({ tenant, event: event.type, recording: event.data.recordingId, code });
      }
      return code === undefined;
    }

    /** Every event of an object; the object goes when all of them are through. */
    async function deliverObject({ key }: Waiting, progress: Progress): Promise<void> {
      const body = await store.get(key);
      if (!body) return;
      const events = parseOutboxBody(body, tenant);
      if (!events) throw new Unreadable();
      let failed = false;
      for (const event of events) {
        if (progress.done.has(event.id)) continue;
        if (isOver()) break;
        const verdict = endpoint?.events.has(event.type)
          ? await verdictOf(store, event, now() - options.settleMs)
          : 'no';
        if (verdict === 'unknown') {
          progress.nextMs = now() + MARK_MS;
          continue;
        }
        if (verdict === 'no') options.onResult?.('dropped', 1);
        const isThrough = verdict === 'no' || (await deliver(event));
        if (isThrough) progress.done.add(event.id);
        else failed = true;
      }
      if (failed) putOff(progress);
      else if (events.every((event) => progress.done.has(event.id))) await remove(key);
    }

    function putOff(progress: Progress): void {
      progress.attempts += 1;
      progress.nextMs = now() + backoffMs(progress.attempts, random());
    }

    await pMap(
      waiting,
      async (object) => {
        const progress = remembered.get(object.key) ?? { done: new Set<string>(), attempts: 0, nextMs: 0 };
        if (isOver()) return;
        try {
          if (now() - object.timeMs > UNDELIVERED_MS) return await expire(tenant, object);
          if (!endpoint || progress.nextMs > now()) return;
          remembered.set(object.key, progress);
          await deliverObject(object, progress);
        } catch (error) {
          putOff(progress);
          const code = isStoreError(error)
            ? error.storeCode
            : error instanceof Unreadable
              ? 'unreadable'
              : 'unexpected';
          options.onFailure?.({ tenant, event: undefined, recording: undefined, code });
        }
      },
      { concurrency: ENDPOINT_CONCURRENCY },
    );
    if (failuresInARow === 0) pauses.delete(tenant);
    else if (failuresInARow >= MAX_FAILURES_IN_A_ROW) {
      const failures = (pauses.get(tenant)?.failures ?? 0) + 1;
      pauses.set(tenant, { failures, untilMs: now() + backoffMs(failures, random(), LONGEST_PAUSE_MS) });
    }
  }

  return {
    async poll() {
      versioned = undefined;
      const waiting = await listWaiting();
      options.onBacklog?.([...waiting.values()].reduce((sum, own) => sum + own.length, 0));
      for (const [tenant, own] of waiting) {
        const isPaused = (pauses.get(tenant)?.untilMs ?? 0) > now();
        if (signal.aborted || isPaused || running.has(tenant)) continue;
        running.set(
          tenant,
          deliverAll(tenant, own).finally(() => running.delete(tenant)),
        );
      }
    },
    async idle() {
      await Promise.all(running.values());
    },
    async stop() {
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}

/**
 * `recording.stored` is written before its mark: it holds once the mark is there, or a receipt of what was deleted
 * since; it never happened when neither is there and its request is over.
 */
async function verdictOf(
  store: ObjectStore,
  event: RecordingEvent,
  settledMs: number,
): Promise<'yes' | 'no' | 'unknown'> {
  if (event.type !== 'recording.stored') return 'yes';
  const ref = refOf(event.data);
  for (const key of [recordingKey(ref, 'stored'), receiptKey(ref)]) {
    const { objects } = await store.list(key, { limit: 1 });
    if (objects.length > 0) return 'yes';
  }
  return Date.parse(event.timestamp) < settledMs ? 'no' : 'unknown';
}

class Unreadable extends Error {
  override readonly name = 'Unreadable';
}
