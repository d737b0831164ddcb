import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { dueSoonEvent, type EventType, type RecordingEvent, storedEvent } from '../../src/domain/events.ts';
import { newRecordingId, type RecordingRef } from '../../src/domain/ids.ts';
import { outboxKey, receiptKey, recordingKey } from '../../src/domain/keys.ts';
import { createOutbox, type Outbox } from '../../src/storage/outbox.ts';
import {
  createDispatcher,
  type DeliveryFailure,
  type DeliveryResult,
  type Dispatcher,
  type DispatcherOptions,
} from '../../src/webhooks/dispatcher.ts';
import { overriding } from '../kit/interventions.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { isSignedBy, type Receiver, startReceiver } from './receiver.ts';

const ALL: ReadonlySet<EventType> = new Set([
  'recording.stored',
  'recording.due-soon',
  'recording.deleted',
  'recording.erased',
]);

let service: TestService;
let acme: Receiver;
let beta: Receiver;
let outbox: Outbox;
let results: Partial<Record<DeliveryResult, number>>;
let failures: DeliveryFailure[];
let backlog: number;
let dispatcher: Dispatcher;

beforeEach(async () => {
  // A delivered event must leave no version behind.
  service = startTestService({ memory: { versioned: true } });
  [acme, beta] = await Promise.all([startReceiver({ name: 'a' }), startReceiver({ name: 'b' })]);
  const wanted = new Map([
    ['acme', ALL],
    ['beta', ALL],
    ['gone', ALL],
  ]);
  outbox = createOutbox(service.store, service.clock.now, randomBytes, wanted);
  [results, failures, backlog] = [{}, [], -1];
  dispatcher = newDispatcher();
});
afterEach(async () => {
  await dispatcher.stop();
  await Promise.all([acme.close(), beta.close(), service.close()]);
});

function newDispatcher(options: Partial<DispatcherOptions> = {}): Dispatcher {
  return createDispatcher({
    store: service.store,
    endpoints: new Map([
      ['acme', acme.endpoint()],
      ['beta', beta.endpoint()],
    ]),
    settleMs: HOUR_MS,
    now: service.clock.now,
    random: () => 0,
    onResult(result, count) {
      results[result] = (results[result] ?? 0) + count;
    },
    onBacklog(objects) {
      backlog = objects;
    },
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
}

async function round(by = dispatcher): Promise<void> {
  await by.poll();
  await by.idle();
}

function newRef(tenant = 'acme'): RecordingRef {
  return { tenant, exam: 'math', attempt: 'a1', recording: newRecordingId(service.clock.now(), randomBytes) };
}

function newEvent(tenant = 'acme'): RecordingEvent {
  return dueSoonEvent(newRef(tenant), service.clock.now(), service.clock.now() + DAY_MS);
}

async function add(tenant: string, count = 1): Promise<RecordingEvent[]> {
  const events = Array.from({ length: count }, () => newEvent(tenant));
  for (const event of events) await outbox.add(tenant, [event]);
  return events;
}

const idsOf = (receiver: Receiver) => receiver.received.map(({ id }) => id);
const waiting = () => service.keys('outbox/');

describe('an event is delivered', () => {
  test('signed, once, and then the outbox is empty, of every version too', async () => {
    const [event] = await add('acme');
    await round();
    await round();
    expect(idsOf(acme)).toEqual([event?.id]);
    expect(acme.received.every((received) => isSignedBy(acme.secret, received))).toBe(true);
    expect(await waiting()).toEqual([]);
    expect((await service.store.listVersions('outbox/')).versions).toEqual([]);
    expect({ results, failures, backlog }).toEqual({ results: { delivered: 1 }, failures: [], backlog: 0 });
  });

  test('only to its tenant', async () => {
    const [own, others] = [await add('acme', 2), await add('beta', 3)];
    await round();
    expect(idsOf(acme).toSorted()).toEqual(own.map(({ id }) => id).toSorted());
    expect(idsOf(beta).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    expect(acme.received.map(({ data }) => data.tenantId)).toEqual(['acme', 'acme']);
  });

  test('never one of another tenant that lies at the wrong place', async () => {
    const key = outboxKey('beta', service.clock.now(), 'strange');
    await service.store.put(key, Buffer.from(JSON.stringify({ version: 1, events: [newEvent('acme')] })));
    await round();
    expect([idsOf(acme), idsOf(beta)]).toEqual([[], []]);
    expect(failures).toEqual([expect.objectContaining({ tenant: 'beta', code: 'unreadable' })]);
    expect(await waiting()).toEqual([key]);
  });

  test('a look into an empty outbox costs one request', async () => {
    service.testStore.requests.length = 0;
    await round();
    expect(service.testStore.requests.map(({ operation }) => operation)).toHaveLength(1);
  });

  test('not when its tenant wants others only, and not without an endpoint', async () => {
    await add('acme');
    await add('gone');
    const picky = newDispatcher({ endpoints: new Map([['acme', acme.endpoint(['recording.erased'])]]) });
    await round(picky);
    expect(idsOf(acme)).toEqual([]);
    expect(results).toEqual({ dropped: 1 });
    expect(await waiting()).toEqual([expect.stringContaining('outbox/gone/')]);
  });
});

describe('an endpoint that fails', () => {
  test('gets the event again, later and later, under the same id and a new time', async () => {
    acme.answer = () => 500;
    const [event] = await add('acme');
    await round();
    await round();
    expect(acme.received).toHaveLength(1);
    for (const [wait, attempts] of [
      [10, 2],
      [15, 2],
      [6, 3],
      [39, 3],
      [2, 4],
    ] as const) {
      service.clock.advance(wait * SECOND_MS);
      await round();
      expect(acme.received).toHaveLength(attempts);
    }
    acme.answer = () => 202;
    service.clock.advance(80 * SECOND_MS);
    await round();
    expect(new Set(idsOf(acme))).toEqual(new Set([event?.id]));
    expect(new Set(acme.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(5);
    expect(acme.received.every((received) => isSignedBy(acme.secret, received))).toBe(true);
    expect(results).toEqual({ failed: 4, delivered: 1 });
    expect(failures[0]).toEqual({
      tenant: 'acme',
      event: 'recording.due-soon',
      recording: event?.data.recordingId,
      code: 'http-500',
    });
    expect(await waiting()).toEqual([]);
  });

  test('or hangs does not hold up another tenant', async () => {
    acme.answer = () => new Promise(() => {});
    await add('acme', 50);
    const others = await add('beta', 3);
    await dispatcher.poll();
    while (beta.received.length < 3) await new Promise(setImmediate);
    // A tenant has a few requests under way, and a second look begins no more of them.
    await add('beta');
    while (beta.received.length < 4) await dispatcher.poll();
    expect(idsOf(beta)).toEqual(expect.arrayContaining(others.map(({ id }) => id)));
    expect(acme.received.length).toBeLessThanOrEqual(4);
    expect(backlog).toBeGreaterThanOrEqual(50);
  });

  test('is left alone for a while after five failures in a row, and then gets everything', async () => {
    acme.answer = () => 503;
    const events = await add('acme', 30);
    await round();
    const tried = acme.received.length;
    expect(tried).toBeLessThanOrEqual(5 + 3);
    await round();
    expect(acme.received).toHaveLength(tried);
    acme.answer = () => 200;
    service.clock.advance(11 * MINUTE_MS);
    await round();
    expect(new Set(idsOf(acme))).toEqual(new Set(events.map(({ id }) => id)));
    expect(await waiting()).toEqual([]);
  });

  test('over one event gets the others of its object, and only that one again', async () => {
    const events = [newEvent(), newEvent(), newEvent()];
    await outbox.add('acme', events);
    acme.answer = ({ id }) => (id === events[1]?.id ? 500 : 204);
    await round();
    expect(idsOf(acme)).toEqual(events.map(({ id }) => id));
    acme.answer = () => 204;
    service.clock.advance(10 * SECOND_MS);
    await round();
    expect(idsOf(acme).slice(3)).toEqual([events[1]?.id]);
    expect(await waiting()).toEqual([]);
  });

  test('gets what a process that died had sent or not: at least once', async () => {
    const events = [newEvent(), newEvent()];
    await outbox.add('acme', events);
    acme.answer = ({ id }) => (id === events[1]?.id ? 500 : 204);
    await round();
    acme.answer = () => 204;
    const restarted = newDispatcher();
    await round(restarted);
    expect(idsOf(acme)).toEqual([...events, ...events].map(({ id }) => id));
    expect(await waiting()).toEqual([]);
  });

  test('for a week: then the event is given up, counted and told', async () => {
    acme.answer = () => 500;
    await outbox.add('acme', [newEvent(), newEvent()]);
    await add('gone');
    service.clock.advance(7 * DAY_MS - MINUTE_MS);
    await round();
    expect(await waiting()).toHaveLength(2);
    service.clock.advance(HOUR_MS);
    await round();
    expect(await waiting()).toEqual([]);
    expect(results).toMatchObject({ expired: 3 });
    expect(failures).toContainEqual(expect.objectContaining({ tenant: 'acme', code: 'expired' }));
  });
});

describe('recording.stored', () => {
  test('waits until its mark is there', async () => {
    const ref = newRef();
    await outbox.add('acme', [storedEvent(ref, service.clock.now(), service.clock.now())]);
    await round();
    expect(acme.received).toEqual([]);
    await service.store.put(recordingKey(ref, 'stored'), new Uint8Array());
    service.clock.advance(31 * SECOND_MS);
    await round();
    expect(acme.received.map(({ type }) => type)).toEqual(['recording.stored']);
  });

  test('is dropped when its mark never came', async () => {
    await outbox.add('acme', [storedEvent(newRef(), service.clock.now(), service.clock.now())]);
    service.clock.advance(HOUR_MS + MINUTE_MS);
    await round();
    expect({ received: acme.received, results, waiting: await waiting() }).toEqual({
      received: [],
      results: { dropped: 1 },
      waiting: [],
    });
  });

  test('is delivered when the recording was deleted since', async () => {
    const ref = newRef();
    await outbox.add('acme', [storedEvent(ref, service.clock.now(), service.clock.now())]);
    await service.store.put(receiptKey(ref), new Uint8Array());
    service.clock.advance(DAY_MS);
    await round();
    expect(acme.received).toHaveLength(1);
  });
});

describe('a long outbox', () => {
  test('of one tenant does not hide the next', async () => {
    acme.answer = () => 500;
    // Two thousand of them, as listings would tell: pages are full of one tenant until it has enough.
    const real = service.store;
    const store = overriding(real, {
      async list(prefix, options = {}) {
        const page = await real.list(prefix, options);
        if (prefix !== 'outbox/' || (options.startAfter ?? '') >= 'outbox/acme/~') return page;
        const from = options.startAfter === undefined ? 0 : Number(options.startAfter.slice(-11, -5)) + 1;
        const objects = Array.from({ length: 1000 }, (_, index) => ({
          key: outboxKey('acme', 0, String(from + index).padStart(6, '0')),
          sizeBytes: 1,
          lastModifiedMs: 0,
        }));
        return { ...page, objects, truncated: true };
      },
    });
    const [event] = await add('beta');
    await round(newDispatcher({ store }));
    expect(idsOf(beta)).toEqual([event?.id]);
    expect(backlog).toBe(1001);
  });
});
