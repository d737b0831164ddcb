// The outbox: events for the controller's systems, kept in the bucket until they are delivered.
import { DAY_MS } from '../model/durations.ts';
import { type EventType, type RecordingEvent, toOutboxBody } from '../model/events.ts';
import { newUniqueName, type RandomBytes } from '../model/ids.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import { outboxKey } from './layout.ts';

export interface Outbox {
  /** Whether anybody is to be told: what nobody wants costs nothing. */
  wants(tenant: string, type: EventType): boolean;
  /** Resolves once the events that somebody wants are stored: one object for each thousand. */
  add(tenant: string, events: readonly RecordingEvent[]): Promise<void>;
}

/** An event that nobody took for this long is given up. */
export const UNDELIVERED_MS = 7 * DAY_MS;
/** Bounds an object to half a megabyte. */
const MAX_EVENTS_AN_OBJECT = 1000;

/** `wanted`: the types that are sent, by tenant. */
export function createOutbox(
  store: Pick<ObjectStore, 'put'>,
  now: () => number,
  randomBytes: RandomBytes,
  wanted: ReadonlyMap<string, ReadonlySet<EventType>>,
): Outbox {
  const wants = (tenant: string, type: EventType) => wanted.get(tenant)?.has(type) ?? false;
  return {
    wants,
    async add(tenant, events) {
      const rest = events.filter(({ type }) => wants(tenant, type));
      while (rest.length > 0) {
        const key = outboxKey(tenant, now(), newUniqueName(randomBytes));
        await store.put(key, toOutboxBody(rest.splice(0, MAX_EVENTS_AN_OBJECT)));
      }
    },
  };
}
