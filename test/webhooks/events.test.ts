import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { EVENT_TYPES, type EventType, parseOutboxBody, type RecordingEvent } from '../../src/domain/events.ts';
import { parseKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { type CrashPlan, crashing, overriding } from '../kit/interventions.ts';
import { CALLER, startTestService, type TestService, type TestServiceOptions, uploadParts } from '../kit/service.ts';

let service: TestService;
afterEach(() => service.close());

function start(options: TestServiceOptions & { types?: readonly EventType[] } = {}): void {
  const events = new Map([['acme', new Set(options.types ?? EVENT_TYPES)]]);
  service = startTestService({ events, wrap: intercepted, ...options });
}

/** Runs before each write. */
let beforePut: (key: string) => unknown;
beforeEach(() => {
  beforePut = () => {};
});
const intercepted = (store: ObjectStore) =>
  overriding(store, {
    async put(key, body, options) {
      await beforePut(key);
      return store.put(key, body, options);
    },
  });

/** The store refuses to write what has this in its key. */
function refuse(part: string): void {
  beforePut = (key) => {
    if (key.includes(part)) throw new StoreError('unavailable', 'put', 'Refused');
  };
}

const allow = () => {
  beforePut = () => {};
};
const announced = async () => (await service.keys('attempts/')).filter((key) => key.endsWith('/announced'));

/** What waits in the outbox, oldest first. */
async function written(): Promise<RecordingEvent[]> {
  const events: RecordingEvent[] = [];
  for (const key of await service.keys('outbox/')) {
    const parsed = parseKey(key);
    const body = await service.store.get(key);
    if (parsed?.type !== 'outbox' || !body) throw new Error(`${key} is not of the outbox`);
    events.push(...(parseOutboxBody(body, parsed.tenant) ?? []));
  }
  return events;
}
const typesOf = (events: readonly RecordingEvent[]) => events.map(({ type }) => type);

describe('events are written', () => {
  test('when a recording is stored, due soon, and deleted; once each, with ids and times and nothing else', async () => {
    start();
    const ref = await service.record();
    await completeRecording(service.context, ref, {});
    service.clock.advance(27 * DAY_MS);
    for (let hour = 0; hour < 3; hour += 1) {
      await service.sweep();
      service.clock.advance(HOUR_MS);
    }
    service.clock.advance(2 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    const events = await written();
    expect(typesOf(events)).toEqual(['recording.stored', 'recording.due-soon', 'recording.deleted']);
    const { tenant: tenantId, exam: examId, attempt: attemptId, recording: recordingId } = ref;
    const receipt = await readReceipt(service.store, ref);
    const ids = { tenantId, examId, attemptId, recordingId, deleteBy: receipt?.deadline };
    expect(events.map(({ data }) => data)).toEqual([
      ids,
      ids,
      { ...ids, reason: 'retention', deletedAt: receipt?.deletedAt },
    ]);
    // Without the random id, which may well have a p1 in it.
    expect(JSON.stringify(events).replaceAll(recordingId, '')).not.toMatch(/http|Signature|media|p1/);
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test('when somebody asked for the deletion: erased; when an upload was given up: deleted', async () => {
    start();
    const ref = await service.record();
    service.clock.advance(1);
    await eraseRecording(service.context, CALLER, ref, 'consent-withdrawn');
    await eraseRecording(service.context, CALLER, ref, 'consent-withdrawn');
    const begun = await service.begin({ attempt: 'a2' });
    service.clock.advance(1);
    await abortRecording(service.context, CALLER, begun);
    const events = await written();
    expect(typesOf(events)).toEqual(['recording.stored', 'recording.erased', 'recording.deleted']);
    expect(events[1]).toMatchObject({ id: `recording_erased_${ref.recording}`, data: { reason: 'consent-withdrawn' } });
    expect(events[2]?.data).toMatchObject({ reason: 'aborted', recordingId: begun.recording });
  });

  test('many in one object where a sweep deletes many, of each tenant its own', async () => {
    const events = new Map(['acme', 'beta'].map((tenant) => [tenant, new Set<EventType>(['recording.deleted'])]));
    start({ events });
    for (let index = 0; index < 5; index += 1) await service.record({ attempt: `a${index}` });
    await service.record({ tenant: 'beta' });
    await service.record({ tenant: 'other' });
    service.clock.advance(30 * DAY_MS);
    service.testStore.requests.length = 0;
    expect(await service.sweep()).toMatchObject({ deleted: { recordings: 7 }, failed: 0 });
    expect((await service.keys('outbox/')).map((key) => key.split('/')[1])).toEqual(['acme', 'beta']);
    expect(await written()).toHaveLength(6);
  });

  test('by nobody and for nobody, unless somebody wants them', async () => {
    service = startTestService();
    const ref = await service.record();
    await eraseRecording(service.context, CALLER, ref, 'erasure');
    await service.record({ attempt: 'a2' });
    service.clock.advance(27 * DAY_MS);
    await service.sweep();
    service.clock.advance(3 * DAY_MS);
    await service.sweep();
    expect(await service.keys('outbox/')).toEqual([]);
    await service.close();
    start({ types: ['recording.erased'] });
    await service.record();
    service.clock.advance(27 * DAY_MS);
    await service.sweep();
    expect([await service.keys('outbox/'), await announced()]).toEqual([[], []]);
  });
});

describe('a deletion is not held up', () => {
  test('by a store that refuses the event: the media are gone on time, the next sweep writes event and receipt', async () => {
    start();
    const ref = await service.record();
    const others = await service.record({ tenant: 'beta' });
    service.clock.advance(30 * DAY_MS);
    refuse('outbox/');
    expect(await service.sweep()).toMatchObject({ failed: 1, deleted: { recordings: 1 } });
    expect(await service.keys(recordingPrefix(others))).toEqual([]);
    expect(await service.keys(recordingPrefix(ref))).toEqual([recordingKey(ref, 'manifest')]);
    expect(await readReceipt(service.store, ref)).toBeUndefined();
    allow();
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(typesOf(await written())).toEqual(['recording.stored', 'recording.deleted']);
    expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention' });
  });

  test('by an erasure whose event is refused: the call fails, the media are gone, and it is safe to repeat', async () => {
    start();
    const ref = await service.record();
    service.clock.advance(1);
    refuse('outbox/');
    const erase = () => eraseRecording(service.context, CALLER, ref, 'erasure');
    await expect(erase()).rejects.toMatchObject({ code: 'unavailable' });
    const left = ['deleting', 'manifest'] as const;
    expect(await service.keys(recordingPrefix(ref))).toEqual(left.map((name) => recordingKey(ref, name)));
    allow();
    expect(await erase()).toMatchObject({ reason: 'erasure' });
    expect(typesOf(await written())).toEqual(['recording.stored', 'recording.erased']);
  });
});

describe('a crash', () => {
  test.each([
    ['before', false],
    ['after', true],
  ])(
    'of a sweep %s any store call loses no event of a deletion, and repeats it under the same id at most',
    async (_, afterEffect) => {
      let calls = 1;
      for (let call = 1; call <= calls; call += 1) {
        const plan: CrashPlan = { call, afterEffect, made: undefined };
        start({ wrap: (store) => crashing(store, plan), types: ['recording.deleted'] });
        const ref = await service.record();
        service.clock.advance(30 * DAY_MS);
        plan.made = 0;
        await service.sweep().catch((error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }));
        if (plan.made >= call) calls = call + 1;
        plan.made = undefined;
        service.clock.advance(HOUR_MS);
        await service.sweep();
        const ids = (await written()).map(({ id }) => id);
        expect({ call, ids: [...new Set(ids)] }).toEqual({ call, ids: [`recording_deleted_${ref.recording}`] });
        expect(await readReceipt(service.store, ref)).toBeDefined();
        if (call < calls) await service.close();
      }
      expect(calls).toBeGreaterThan(6);
    },
  );

  test('of a completion before its mark leaves an event that the next completion repeats', async () => {
    start();
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    refuse('/stored');
    await expect(completeRecording(service.context, ref, {})).rejects.toMatchObject({ code: 'unavailable' });
    allow();
    await completeRecording(service.context, ref, {});
    expect((await written()).map(({ id }) => id)).toEqual(Array(2).fill(`recording_stored_${ref.recording}`));
  });
});

describe('recording.due-soon', () => {
  test('is not written for what is assessed, and a deletion that overtakes its mark leaves nothing behind', async () => {
    start();
    const ref = await service.record();
    const assessed = await service.record({ attempt: 'a2' });
    service.clock.advance(DAY_MS);
    await assessAttempt(service.context, assessed, service.clock.now());
    service.clock.advance(26 * DAY_MS);
    beforePut = async (key) => {
      if (key.endsWith('/announced')) await eraseRecording(service.context, CALLER, ref, 'erasure');
    };
    await service.sweep();
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
    expect(await announced()).toEqual([]);
    expect(typesOf(await written()).toSorted()).toEqual([
      'recording.due-soon',
      'recording.erased',
      'recording.stored',
      'recording.stored',
    ]);
    service.clock.advance(2 * HOUR_MS);
    const { kinds } = await service.verify();
    expect(kinds).toEqual([{ kind: 'event-overdue', found: 2, fixed: 0 }]);
  });
});

test('verify knows the outbox, and reports and deletes what nobody ever delivered', async () => {
  start();
  await service.record();
  service.clock.advance(2 * DAY_MS);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
  service.clock.advance(7 * DAY_MS);
  const { kinds } = await service.verify();
  expect(kinds).toEqual([{ kind: 'event-overdue', found: 1, fixed: 0 }]);
  await service.store.put('outbox/strange', new Uint8Array());
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 1 });
  expect(await service.keys('outbox/')).toEqual(['outbox/strange']);
});
