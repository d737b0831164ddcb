// Events on their way from the outbox to the endpoints: signed, at least once, and no endpoint holds up another tenant.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashOfReceipt, originOf } from '@proctoring-recordings/receipt-verifier';
import { freePort } from '../../demo/free-port.ts';
import { createReceiver, type RecordingEvent as Taken } from '../../docs/examples/webhook-receiver.ts';
import { type DeletionReason, type Receipt, toBody } from '../../src/bucket/documents.ts';
import { deletionEvent, dueSoonEvent, EVENT_TYPES, type RecordingEvent, storedEvent } from '../../src/bucket/outbox.ts';
import { createSigner } from '../../src/bucket/signer.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { backoffMs, type DeliveryFailure, Dispatcher, type DispatcherOptions } from '../../src/webhooks/dispatcher.ts';
import { postEvent } from '../../src/webhooks/endpoint.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { overriding, replacing } from '../kit/interventions.ts';
import { outboxKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { privateJwk } from '../kit/signer.ts';
import { until } from '../kit/until.ts';
import { isSignedBy, type Receiver, startReceiver } from './receiver.ts';

let service: TestService;
let acme: Receiver;
let beta: Receiver;
let results: Record<string, number>;
let failures: DeliveryFailure[];
let backlog: number;
let dispatcher: Dispatcher;

beforeEach(async () => {
  const events = new Map(['acme', 'beta', 'gone'].map((tenant) => [tenant, new Set(EVENT_TYPES)]));
  // A delivered event must leave no version behind.
  service = startTestService({ memory: { versioned: true }, events });
  [acme, beta] = await Promise.all([startReceiver('a'), startReceiver('b')]);
  [results, failures, backlog] = [{}, [], -1];
  dispatcher = newDispatcher();
});
afterEach(async () => {
  await dispatcher.stop();
  await Promise.all([acme.close(), beta.close(), service.close()]);
});

function newDispatcher(options: Partial<DispatcherOptions> = {}) {
  return new Dispatcher({
    store: service.store,
    endpoints: new Map(Object.entries({ acme: acme.endpoint(), beta: beta.endpoint() })),
    signer: service.context.signer,
    settleMs: HOUR_MS,
    now: service.clock.now,
    random: () => 0,
    onResult(result, count) {
      results[result] = (results[result] ?? 0) + count;
    },
    onBacklog: (objects) => {
      backlog = objects;
    },
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
}

async function round(by = dispatcher) {
  await by.poll();
  await by.idle();
}

function newRef(tenant = 'acme') {
  return { tenant, exam: 'math', attempt: 'a1', recording: newRecordingId(service.clock.now(), randomBytes) };
}

function newEvent(tenant = 'acme'): RecordingEvent {
  const nowMs = service.clock.now();
  return dueSoonEvent(newRef(tenant), nowMs, nowMs + 2 * DAY_MS, nowMs + DAY_MS);
}

/** In one object, after what a warning leaves in the bucket. */
async function write(tenant: string, ...events: RecordingEvent[]): Promise<void> {
  for (const { type, data } of events) {
    const { tenantId, examId: exam, attemptId: attempt, recordingId: recording } = data;
    const marker = recordingKey({ tenant: tenantId, exam, attempt, recording }, 'announced');
    if (type === 'recording.due-soon') await service.store.put(marker, new Uint8Array());
  }
  await service.context.outbox?.add(tenant, events);
}

/** In an object each. */
async function add(tenant: string, count = 1): Promise<RecordingEvent[]> {
  const events = Array.from({ length: count }, () => newEvent(tenant));
  for (const event of events) await write(tenant, event);
  return events;
}

const idsOf = (receiver: Receiver) => receiver.received.map(({ id }) => id);
const waiting = () => service.keys('outbox/');
const NOTHING_PROVEN = { checkpoint: null, receiptHash: null };
const hanging = () => new Promise<number>(() => {});

describe('an event is delivered', () => {
  test('signed, once, to its tenant alone, and then the outbox is empty, of every version too', async () => {
    const [own, others] = [await add('acme', 2), await add('beta', 3)];
    await round();
    await round();
    expect(idsOf(acme).toSorted()).toEqual(own.map(({ id }) => id).toSorted());
    expect(idsOf(beta).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    expect(acme.received.every((received) => isSignedBy(acme.secret, received))).toBe(true);
    // The Standard Webhooks conventions: id, time and signature in the head; type, time and data in the body.
    const [received] = acme.received;
    const { id, ...payload } = own.find((event) => event.id === received?.id) as RecordingEvent;
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    expect(id).toBe(`recording_due_soon_${payload.data.recordingId}`);
    expect(JSON.parse(received?.body ?? '')).toEqual({ ...payload, ...NOTHING_PROVEN });
    expect(Object.keys(payload)).toEqual(['type', 'timestamp', 'data']);
    expect(await waiting()).toEqual([]);
    expect((await service.store.listVersions('outbox/')).versions).toEqual([]);
    expect({ results, failures, backlog }).toEqual({ results: { delivered: 5 }, failures: [], backlog: 0 });
    service.testStore.requests.length = 0;
    await round();
    expect(service.testStore.requests).toHaveLength(1);
  });

  test('with the latest checkpoint of the log of receipts, and a deletion with the hash of its receipt', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const { jws = '' } = await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    service.clock.advance(2 * HOUR_MS);
    const { checkpoints } = await service.sweep();
    await round();
    const bodies = acme.received.map(({ body }) => JSON.parse(body));
    const proofs = Object.fromEntries(
      bodies.map(({ type, checkpoint, receiptHash }) => [type, { checkpoint, receiptHash }]),
    );
    const { acme: checkpoint } = checkpoints;
    expect(proofs).toEqual({
      'recording.stored': { checkpoint, receiptHash: null },
      'recording.erased': { checkpoint, receiptHash: hashOfReceipt(jws) },
    });
    expect(checkpoint).toMatch(/^proctoring-recordings\/acme\n1\n/);
  });

  test('without a checkpoint that no key has signed, and not at all where its receipt was changed', async () => {
    const [erased, changed] = [await service.record(), await service.record({ attempt: 'a2' })];
    service.clock.advance(2 * HOUR_MS);
    for (const ref of [erased, changed]) {
      await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    }
    service.clock.advance(2 * HOUR_MS);
    await service.sweep();
    const rewrite = async (key: string, change: object) => {
      const document = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString());
      await service.store.put(key, Buffer.from(JSON.stringify({ ...document, ...change })));
    };
    const [head = ''] = await service.keys('log/acme/heads/');
    const stranger = await createSigner([privateJwk('stranger')]);
    const size = 2;
    const checkpoint = await stranger.signCheckpoint({ origin: originOf('acme'), size, root: new Uint8Array(32) });
    await rewrite(head, { checkpoint });
    await rewrite(receiptKey(changed), { actor: 'nobody' });
    await round();
    const told = acme.received.map(({ body }) => JSON.parse(body));
    expect(told.map((body) => body.checkpoint)).toEqual([null, null, null]);
    expect(told.filter(({ type }) => type === 'recording.erased')).toMatchObject([
      { data: { recordingId: erased.recording } },
    ]);
    expect(failures).toMatchObject([{ code: 'never-happened', recording: changed.recording }]);
  });

  test('so that the receiver of the documentation takes it by either of two keys, and no other, and not with an old time', async () => {
    const taken: [string, Taken][] = [];
    const server = createReceiver(acme.secret, async (id, taking) => void taken.push([id, taking]));
    const listening = server.listen(0, '127.0.0.1');
    afterThisTest(() => listening.close());
    await once(listening, 'listening');
    const url = new URL(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/`);
    const event = newEvent();
    const { signal } = new AbortController();
    const post = (keys: readonly Uint8Array[], nowMs = Date.now()) =>
      postEvent({ ...acme.endpoint(), url, keys }, { ...event, ...NOTHING_PROVEN }, { nowMs, signal });
    const [own, another] = [acme.endpoint().keys, new Uint8Array(32)];
    expect(await post([...own, another])).toBeUndefined();
    expect(await post([another, ...own])).toBeUndefined();
    expect(taken).toEqual(Array(2).fill([event.id, expect.objectContaining({ type: 'recording.due-soon' })]));
    expect(await post([another])).toBe('http-400');
    expect(await post(own, Date.now() - 10 * MINUTE_MS)).toBe('http-400');
    expect(taken).toHaveLength(2);
  });

  test('not when its tenant wants others only, not without an endpoint, and never from another tenant’s outbox', async () => {
    const key = outboxKey('beta', service.clock.now(), 'strange');
    await service.store.put(key, Buffer.from(JSON.stringify({ version: 1, events: [newEvent('acme')] })));
    await add('acme');
    await add('gone');
    const endpoints = new Map(Object.entries({ acme: acme.endpoint(['recording.erased']), beta: beta.endpoint() }));
    await round(newDispatcher({ endpoints }));
    expect([idsOf(acme), idsOf(beta), results, failures]).toEqual([[], [], { dropped: 1 }, []]);
    expect(await waiting()).toEqual([key, expect.stringContaining('outbox/gone/')]);
  });
});

describe('an endpoint that fails', () => {
  test('gets the event again in time, though the clock was set back meanwhile', async () => {
    const monotonic = holdMonotonicClock();
    acme.answer = () => 500;
    await add('acme');
    await round();
    monotonic.advance(10 * SECOND_MS - 1);
    await round();
    expect(acme.received).toHaveLength(1);
    monotonic.advance(1);
    await round();
    expect(acme.received).toHaveLength(2);
  });

  test('is asked again after its pause, though the clock was set back meanwhile', async () => {
    const monotonic = holdMonotonicClock();
    acme.answer = () => 500;
    await add('acme', 8);
    await round();
    const sent = acme.received.length;
    acme.answer = () => 204;
    monotonic.advance(10 * MINUTE_MS);
    await round();
    expect(acme.received.length - sent).toBe(8);
  });

  test('gets the event again, later and later, under the same id and a new time', async () => {
    acme.answer = () => 500;
    const [event] = await add('acme');
    await round();
    await round();
    expect(acme.received).toHaveLength(1);
    const attempts: number[] = [];
    for (const seconds of [10, 15, 6, 39, 2]) {
      service.clock.advance(seconds * SECOND_MS);
      await round();
      attempts.push(acme.received.length);
    }
    expect(attempts).toEqual([2, 2, 3, 3, 4]);
    acme.answer = () => 202;
    service.clock.advance(80 * SECOND_MS);
    await round();
    expect(new Set(idsOf(acme))).toEqual(new Set([event?.id]));
    expect(new Set(acme.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(5);
    expect(acme.received.every((received) => isSignedBy(acme.secret, received))).toBe(true);
    expect(results).toEqual({ failed: 4, delivered: 1 });
    const recording = event?.data.recordingId;
    expect(failures[0]).toEqual({ tenant: 'acme', event: 'recording.due-soon', recording, code: 'http-500' });
    expect(await waiting()).toEqual([]);
    const hours = (attempts: number, random: number) => backoffMs(attempts, random) / HOUR_MS;
    expect([hours(50, 0), hours(50, 0.5)]).toEqual([6, 4.5]);
  });

  test('is not redirected, and its failure is reported: a status, a network error code, a time-out', async () => {
    acme.answer = () => 307;
    const nobody = { ...beta.endpoint(), url: new URL(`http://127.0.0.1:${await freePort()}/`) };
    await Promise.all([add('acme'), add('beta')]);
    await round(newDispatcher({ endpoints: new Map(Object.entries({ acme: acme.endpoint(), beta: nobody })) }));
    expect(failures.map(({ code }) => code).toSorted()).toEqual(['ECONNREFUSED', 'http-307']);
    expect(acme.received.map(({ path }) => path)).toEqual(['/hook']);
    const timeout = new AbortController();
    acme.answer = () => {
      timeout.abort(new DOMException('too long', 'TimeoutError'));
      return hanging();
    };
    const options = { nowMs: Date.now(), signal: new AbortController().signal, timeout: timeout.signal };
    expect(await postEvent(acme.endpoint(), { ...newEvent(), ...NOTHING_PROVEN }, options)).toBe('timeout');
    // Where fetch refuses an address, its message holds the whole address, with any secret in it.
    const secret = { ...acme.endpoint(), url: new URL('http://user:hidden@127.0.0.1/hook?token=hidden') };
    expect(await postEvent(secret, { ...newEvent(), ...NOTHING_PROVEN }, options)).toBe('network');
  });

  test('or hangs does not hold up another tenant, and is cut by a stop that loses nothing', async () => {
    acme.answer = hanging;
    await add('acme', 50);
    const others = await add('beta', 3);
    await dispatcher.poll();
    await until(() => beta.received.length === 3);
    // A tenant has a few requests under way, and a second look begins no more of them.
    await add('beta');
    while (beta.received.length < 4) await dispatcher.poll();
    expect(idsOf(beta)).toEqual(expect.arrayContaining(others.map(({ id }) => id)));
    expect(acme.received.length).toBeLessThanOrEqual(4);
    expect(backlog).toBeGreaterThanOrEqual(50);
    await dispatcher.stop();
    expect(failures).toEqual([]);
    expect((await waiting()).filter((key) => key.startsWith('outbox/acme/'))).toHaveLength(50);
  });

  test('is left alone for up to ten minutes after five failures in a row, and then gets everything', async () => {
    await add('acme', 10);
    acme.answer = () => (acme.received.length <= 4 ? 503 : 204);
    await round();
    expect(acme.received).toHaveLength(10);
    acme.received.length = 0;
    acme.answer = () => 503;
    const events = await add('acme', 30);
    await round();
    const tried = acme.received.length;
    // Five have failed when it stops; three more were under way.
    expect(tried).toBeGreaterThanOrEqual(5);
    expect(tried).toBeLessThanOrEqual(5 + 3);
    await round();
    expect(acme.received).toHaveLength(tried);
    for (let pauses = 2; pauses <= 10; pauses += 1) {
      const before = acme.received.length;
      service.clock.advance(10 * MINUTE_MS);
      await round();
      expect(acme.received.length).toBeGreaterThan(before);
    }
    const before = acme.received.length;
    service.clock.advance(10 * MINUTE_MS - SECOND_MS);
    await round();
    expect(acme.received).toHaveLength(before);
    acme.answer = () => 200;
    service.clock.advance(HOUR_MS);
    await round();
    expect(idsOf(acme)).toEqual(expect.arrayContaining(events.map(({ id }) => id)));
    expect(await waiting()).toEqual([]);
  });

  test.each([
    ['only that one again', false],
    ['at least once what a process that died had sent or not', true],
  ])('over one event gets the others of its object, and %s', async (_case, isRestarted) => {
    const events = [newEvent(), newEvent(), newEvent()];
    const ids = events.map(({ id }) => id);
    await write('acme', ...events);
    acme.answer = ({ id }) => (id === ids[1] ? 500 : 204);
    await round();
    expect(idsOf(acme)).toEqual(ids);
    acme.answer = () => 204;
    service.clock.advance(10 * SECOND_MS);
    await round(isRestarted ? newDispatcher() : dispatcher);
    expect(idsOf(acme).slice(3)).toEqual(isRestarted ? ids : [ids[1]]);
    expect(await waiting()).toEqual([]);
  });

  test('for a week: then the event is given up, counted and reported', async () => {
    acme.answer = () => 500;
    await write('acme', newEvent(), newEvent());
    await add('gone');
    service.clock.advance(7 * DAY_MS - MINUTE_MS);
    await round();
    expect(await waiting()).toHaveLength(2);
    service.clock.advance(HOUR_MS);
    // What another process has dealt with meanwhile is not reported as expired.
    const store = replacing(service.store, 'get', 'outbox/', async () => undefined);
    await round(newDispatcher({ store }));
    expect(results).not.toHaveProperty('expired');
    await round();
    expect(await waiting()).toEqual([]);
    expect(results).toMatchObject({ expired: 3 });
    expect(failures).toContainEqual(expect.objectContaining({ tenant: 'acme', code: 'expired' }));
  });
});

describe('an event that was written before what it reports', () => {
  const receiptOf = ({ tenant, exam, attempt, recording }: RecordingRef, reason: DeletionReason): Receipt => {
    const at = toIso(service.clock.now());
    return {
      tenantId: tenant,
      examId: exam,
      attemptId: attempt,
      recordingId: recording,
      participantId: 'p1',
      reason,
      deadline: at,
      deletedAt: at,
      verifiedAt: at,
      objects: 3,
      versions: 0,
      bytes: 9,
      actor: 'sweeper',
      chain: { run: 'sweep-20260302T090000000Z-u1', sequence: 1, previous: null },
    };
  };
  const put = (key: string, document?: object) =>
    service.store.put(key, document ? toBody(document) : new Uint8Array());

  test.each(EVENT_TYPES)('waits for it, and is dropped when it does not come: %s', async (type) => {
    const refs = [newRef(), newRef(), newRef(), newRef()] as const;
    const reason = type === 'recording.erased' ? 'erasure' : 'retention';
    const receipts = refs.map((ref) => receiptOf(ref, reason));
    const nowMs = service.clock.now();
    const events = refs.map((ref, index) => {
      if (type === 'recording.stored') return storedEvent(ref, nowMs, nowMs);
      return type === 'recording.due-soon'
        ? dueSoonEvent(ref, nowMs, nowMs, nowMs)
        : deletionEvent(receipts[index] as Receipt);
    });
    await service.context.outbox?.add('acme', events);
    await round();
    expect(acme.received).toEqual([]);
    const marker = type === 'recording.stored' ? 'stored' : 'announced';
    const [first, second, third] = refs;
    const isDeletion = type === 'recording.deleted' || type === 'recording.erased';
    if (isDeletion) await put(receiptKey(first), receipts[0]);
    else await put(recordingKey(first, marker));
    await put(receiptKey(second), receipts[1]);
    await put(recordingKey(third, 'manifest'));
    service.clock.advance(29 * SECOND_MS);
    await round();
    expect(acme.received).toEqual([]);
    service.clock.advance(2 * SECOND_MS);
    await round();
    expect(new Set(idsOf(acme))).toEqual(new Set(events.slice(0, 2).map(({ id }) => id)));
    expect(await waiting()).toHaveLength(1);
    expect(failures).toEqual([]);
    service.clock.advance(HOUR_MS);
    await round();
    expect([results, await waiting()]).toEqual([{ delivered: 2, dropped: 2 }, []]);
    const unseen = events.slice(2).map(({ data }) => data.recordingId);
    const report = { tenant: 'acme', event: type, code: 'never-happened' };
    expect(failures).toEqual(unseen.map((recording) => ({ ...report, recording })));
  });

  test.each([
    ['another reason', (receipt: Receipt): Receipt => ({ ...receipt, reason: 'aborted' })],
    ['another deadline', (receipt: Receipt): Receipt => ({ ...receipt, deadline: toIso(0) })],
    ['another time', (receipt: Receipt): Receipt => ({ ...receipt, deletedAt: toIso(0) })],
    ['a receipt of another recording', (receipt: Receipt): Receipt => ({ ...receipt, attemptId: 'a2' })],
    ['a receipt that cannot be read', () => ({}) as Receipt],
  ])('is not delivered where the receipt says otherwise: %s', async (_, changed) => {
    const ref = newRef();
    const receipt = receiptOf(ref, 'retention');
    await put(receiptKey(ref), changed(receipt));
    await write('acme', deletionEvent(receipt));
    await round();
    service.clock.advance(HOUR_MS + SECOND_MS);
    await round();
    expect([idsOf(acme), results, await waiting()]).toEqual([[], { dropped: 1 }, []]);
  });
});

describe('an object that no process of this service writes is dropped after the grace period, and reported', () => {
  type Forged = Record<string, unknown> & { data: Record<string, unknown> };
  const forgeries: readonly (readonly [string, (event: Forged) => Forged])[] = [
    ['an id with a control character', (event) => ({ ...event, id: `${String(event.id)}\n` })],
    ['an id of another recording', (event) => ({ ...event, id: 'recording_due_soon_x' })],
    ['an id of another type', (event) => ({ ...event, type: 'recording.stored' })],
    ['a type that there is not', (event) => ({ ...event, type: 'recording.paid' })],
    ['a time that is none', (event) => ({ ...event, timestamp: 'now' })],
    ['a deletion without a reason', (event) => ({ ...event, id: idFor('deleted', event), type: 'recording.deleted' })],
    ['a reason of another type', (event) => deletionOf(event, { reason: 'retention' })],
    ['a time of deletion that is not the event’s', (event) => deletionOf(event, { deletedAt: toIso(0) })],
    ['a reason for what is only due soon', (event) => ({ ...event, data: { ...event.data, reason: 'erasure' } })],
  ];
  const idFor = (word: string, { data }: Forged) => `recording_${word}_${String(data.recordingId)}`;
  function deletionOf(event: Forged, data: object): Forged {
    const own = { ...event.data, reason: 'erasure', deletedAt: event.timestamp, ...data };
    return { ...event, id: idFor('erased', event), type: 'recording.erased', data: own };
  }

  async function expectDropped(body: Uint8Array): Promise<void> {
    await service.store.put(outboxKey('acme', service.clock.now(), 'u'), body);
    await round();
    expect(await waiting()).toHaveLength(1);
    service.clock.advance(HOUR_MS + SECOND_MS);
    await round();
    expect([idsOf(acme), results, await waiting()]).toEqual([[], { dropped: 1 }, []]);
    const none = { event: undefined, recording: undefined };
    expect(failures).toEqual([{ tenant: 'acme', code: 'unreadable', ...none }]);
  }

  test.each(forgeries)('%s', async (_, forge) => {
    const event = newEvent();
    await expectDropped(toBody({ version: 1, events: [forge(event as unknown as Forged)] }));
  });

  test.each([
    ['more events than one object has', () => toBody({ version: 1, events: Array(1001).fill(newEvent()) })],
    ['no event', () => toBody({ version: 1, events: [] })],
    ['a torn document', () => Buffer.from('{"version":1')],
    ['a version that is not known', () => toBody({ version: 2, events: [newEvent()] })],
    ['more bytes than are ever read', () => new Uint8Array(MAX_SMALL_OBJECT_BYTES + 1)],
  ])('%s', (_, bodyOf) => expectDropped(bodyOf()));

  test('also where its key has a time that will never come', async () => {
    await service.store.put(outboxKey('acme', service.clock.now() + 1000 * DAY_MS, 'u'), toBody({}));
    service.clock.advance(HOUR_MS + SECOND_MS);
    await round();
    expect([results, await waiting()]).toEqual([{ dropped: 1 }, []]);
  });

  test('and where nobody listens to its tenant, when it expires', async () => {
    await service.store.put(outboxKey('gone', service.clock.now(), 'u'), toBody({}));
    service.clock.advance(7 * DAY_MS + SECOND_MS);
    await round();
    expect([results, await waiting()]).toEqual([{ expired: 1 }, []]);
  });

  test('but none for its age while the clock may be wrong', async () => {
    let mayExpire = false;
    const careful = newDispatcher({ mayExpire: () => mayExpire });
    await service.store.put(outboxKey('gone', service.clock.now(), 'u'), toBody({}));
    await service.store.put(outboxKey('acme', service.clock.now(), 'u'), toBody({}));
    service.clock.step(40 * DAY_MS);
    await round(careful);
    expect([results, (await waiting()).length]).toEqual([{}, 2]);
    mayExpire = true;
    service.clock.advance(DAY_MS);
    await round(careful);
    expect([results, await waiting()]).toEqual([{ expired: 2 }, []]);
  });
});

describe('a store that fails', () => {
  const refusing = () =>
    overriding(service.store, { delete: async ([target]) => [{ key: '', ...target, code: 'AccessDenied' }] });

  test('to delete a delivered event is reported, later and later, and the event is not sent again', async () => {
    await add('acme');
    const refused = newDispatcher({ store: refusing() });
    for (const seconds of [0, 5, 5, 15, 5]) {
      service.clock.advance(seconds * SECOND_MS);
      await round(refused);
    }
    expect(acme.received).toHaveLength(1);
    expect(failures.map(({ code }) => code)).toEqual(Array(3).fill('AccessDenied'));
    expect(results).toEqual({ delivered: 1 });
    expect(await waiting()).toHaveLength(1);
  });

  test('to delete an expired event is reported, and the event counts as expired once it is deleted', async () => {
    await add('gone');
    service.clock.advance(7 * DAY_MS + SECOND_MS);
    const refused = newDispatcher({ store: refusing() });
    for (let polls = 0; polls < 3; polls += 1) await round(refused);
    expect([failures.map(({ code }) => code), results]).toEqual([['AccessDenied'], {}]);
    await round();
    expect([results, await waiting()]).toEqual([{ expired: 1 }, []]);
  });

  test('is not sent a request for each waiting event while it is busy', async () => {
    await add('acme', 20);
    let gets = 0;
    const busy = overriding(service.store, {
      async get() {
        gets += 1;
        throw new StoreError('unavailable', 'GetObject', 'SlowDown');
      },
    });
    await round(newDispatcher({ store: busy }));
    expect(gets).toBeLessThanOrEqual(4);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['SlowDown']));
    await round();
    expect(acme.received).toHaveLength(20);
  });
});

test('an event that fails is attempted at the latest when it expires, and then given up', async () => {
  acme.answer = () => 500;
  await add('acme');
  // Twelve failures, and the next attempt would come six hours later.
  for (let attempts = 0; attempts < 12; attempts += 1) {
    service.clock.advance(6 * HOUR_MS);
    await round();
  }
  service.clock.advance(7 * DAY_MS - 12 * 6 * HOUR_MS - HOUR_MS);
  await round();
  service.clock.advance(HOUR_MS + SECOND_MS);
  await round();
  expect(results).toEqual({ failed: 13, expired: 1 });
  expect(await waiting()).toEqual([]);
});

test('a long outbox of one tenant does not hide the next, nor is it listed to its end', async () => {
  const keys = Array.from({ length: 2001 }, (_, index) => outboxKey('acme', service.clock.now(), `${index}`));
  await Promise.all(keys.map((key) => service.store.put(key, new Uint8Array())));
  const [event] = await add('beta');
  service.testStore.requests.length = 0;
  await round();
  expect([idsOf(beta), backlog]).toEqual([[event?.id], 1001]);
  // Two of the outbox, one for the marker, one for a checkpoint, and one with the versions of the event that was delivered.
  expect(service.testStore.requests.filter(({ operation }) => operation === 'ListObjectsV2')).toHaveLength(5);
});
