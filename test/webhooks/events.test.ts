// What is written into the outbox, when, and that no deletion waits for it.
import { afterEach, describe, expect, test } from '@jest/globals';
import { EVENT_TYPES, type EventType } from '../../src/bucket/outbox.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { recordingKey, recordingPrefix } from '../kit/keys.ts';
import { CALLER, uploadParts } from '../kit/service.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

let service: RetentionService;
let store: ReturnType<typeof createInterventions>;
afterEach(() => service.close());

function start(types: Readonly<Record<string, readonly EventType[]>> = { acme: EVENT_TYPES }): void {
  store = createInterventions();
  const events = new Map(Object.entries(types).map(([tenant, wanted]) => [tenant, new Set(wanted)]));
  service = startRetention({ events, wrap: store.wrap });
}

const erase = (ref: RecordingRef, reason: 'erasure' | 'consent-withdrawn') =>
  eraseRecording(service.context, CALLER, ref, reason);
const announced = async () => (await service.keys('attempts/')).filter((key) => key.endsWith('/announced'));

const typesWritten = async () => (await service.events()).map(({ type }) => type);

describe('events are written', () => {
  test('when a recording is stored, due soon, and deleted; once each, with ids and times and nothing else', async () => {
    start();
    const ref = await service.record();
    await service.complete(ref);
    service.clock.advance(27 * DAY_MS);
    for (let hour = 0; hour < 3; hour += 1) {
      await service.sweep();
      service.clock.advance(HOUR_MS);
    }
    expect(await service.after(2 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    expect(await typesWritten()).toEqual(['recording.stored', 'recording.due-soon', 'recording.deleted']);
    const { tenant: tenantId, exam: examId, attempt: attemptId, recording: recordingId } = ref;
    const receipt = await service.receiptOf(ref);
    const ids = { tenantId, examId, attemptId, recordingId, deleteBy: receipt?.deadline };
    const deletion = { ...ids, reason: 'retention', deletedAt: receipt?.deletedAt };
    const events = await service.events();
    const deletableFrom = new Date(Date.parse(receipt?.deadline ?? '') - DAY_MS).toISOString();
    expect(events.map(({ data }) => data)).toEqual([ids, { ...ids, deletableFrom }, deletion]);
    // Without the random id, which may well have a p1 in it.
    expect(JSON.stringify(events).replaceAll(recordingId, '')).not.toMatch(/http|Signature|media|p1/);
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test('when the deletion was requested: erased; when an upload was aborted: deleted', async () => {
    start();
    const ref = await service.record();
    service.clock.advance(1);
    for (let call = 0; call < 2; call += 1) await erase(ref, 'consent-withdrawn');
    const begun = await service.begin({ attempt: 'a2' });
    await uploadParts(service.context, begun, [webm]);
    service.clock.advance(1);
    await abortRecording(service.context, CALLER, begun);
    expect(await service.events()).toMatchObject([
      { type: 'recording.stored' },
      { id: `recording_erased_${ref.recording}`, type: 'recording.erased', data: { reason: 'consent-withdrawn' } },
      { type: 'recording.deleted', data: { reason: 'aborted', recordingId: begun.recording } },
    ]);
  });

  test('many in one object where a sweep deletes many, of each tenant its own', async () => {
    start({ acme: ['recording.deleted'], beta: ['recording.deleted'] });
    await service.recordMany(5);
    await service.record({ tenant: 'beta' });
    await service.record({ tenant: 'other' });
    expect(await service.after(30 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 7 }, failed: 0 });
    expect((await service.keys('outbox/')).map((key) => key.split('/')[1])).toEqual(['acme', 'beta']);
    expect(await service.events()).toHaveLength(6);
  });

  test.each([
    ['by nobody and for nobody, where nobody wants any', undefined],
    ['not of another type than is wanted', { acme: ['recording.erased'] }],
  ] as const)('%s', async (_, types) => {
    if (types) start(types);
    else service = startRetention();
    if (!types) await erase(await service.record({ attempt: 'a2' }), 'erasure');
    await service.record();
    await service.after(27 * DAY_MS).sweep();
    expect(await announced()).toEqual([]);
    expect(await service.after(3 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 1 } });
    expect(await service.keys('outbox/')).toEqual([]);
  });
});

test('a deletion is not held up by a store that refuses its event: the media go on time, event and receipt come with the next try', async () => {
  start();
  const due = await service.record();
  const others = await service.record({ tenant: 'beta' });
  const young = await service.after(30 * DAY_MS).record({ attempt: 'a2' });
  service.clock.advance(1);
  const allow = store.failOn('put', 'outbox/');
  expect(await service.sweep()).toMatchObject({ failed: 1, deleted: { recordings: 1 } });
  await expect(erase(young, 'erasure')).rejects.toMatchObject({ code: 'unavailable' });
  const kept = [recordingKey(due, 'manifest'), recordingKey(young, 'deleting'), recordingKey(young, 'manifest')];
  expect(await service.keys('attempts/')).toEqual(kept);
  expect(await service.keys(recordingPrefix(others))).toEqual([]);
  for (const ref of [due, young]) expect(await service.receiptOf(ref)).toBeUndefined();
  allow();
  expect(await erase(young, 'erasure')).toMatchObject({ reason: 'erasure' });
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
  expect(await service.receiptOf(due)).toMatchObject({ reason: 'retention' });
  const types = ['recording.deleted', 'recording.erased', 'recording.stored', 'recording.stored'];
  expect((await typesWritten()).toSorted()).toEqual(types);
});

test('a completion that dies before its mark leaves an event that the next completion repeats', async () => {
  start();
  const ref = await service.uploaded();
  const allow = store.failOn('put', /\/stored$/);
  await expect(service.complete(ref)).rejects.toMatchObject({ code: 'unavailable' });
  allow();
  await service.complete(ref);
  expect((await service.events()).map(({ id }) => id)).toEqual(Array(2).fill(`recording_stored_${ref.recording}`));
});

test('recording.due-soon is not written for what is assessed, and a deletion that overtakes its mark leaves nothing behind', async () => {
  start();
  const ref = await service.record();
  const assessed = await service.record({ attempt: 'a2' });
  await service.after(DAY_MS).assess(assessed);
  service.clock.advance(26 * DAY_MS);
  store.watch('put', async (key) => {
    if (String(key).endsWith('/announced')) await erase(ref, 'erasure');
  });
  await service.sweep();
  expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  expect(await announced()).toEqual([]);
  const types = ['recording.due-soon', 'recording.erased', 'recording.stored', 'recording.stored'];
  expect((await typesWritten()).toSorted()).toEqual(types);
});

test('verify reads the outbox, and reports and deletes what was never delivered', async () => {
  start();
  await service.record();
  expect(await service.after(2 * DAY_MS).verify()).toMatchObject({ wrong: 0 });
  const { kinds } = await service.after(7 * DAY_MS).verify();
  expect(kinds).toEqual([{ kind: 'event-overdue', found: 1, fixed: 0 }]);
  await service.store.put('outbox/strange', new Uint8Array());
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 1 });
  expect(await service.keys('outbox/')).toEqual(['outbox/strange']);
});
