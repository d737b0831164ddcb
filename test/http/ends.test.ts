// How an upload ends: it becomes a recording, is aborted or erased; nothing brings back what was deleted.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { StoredPart } from '../../src/model/parts.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { participantKey } from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { mediaKey, uploadParts } from '../kit/service.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { bodyOf, formWith, OF_RECORDING, pathOf } from './calls.ts';
import { expectProblem } from './expectations.ts';

const file = enlargeWebm(webm, 12 * MIB);
const TIMELINE = {
  startedAt: '2026-01-02T09:00:00Z',
  endedAt: '2026-01-02T11:00:00+01:00',
  gaps: [{ from: '2026-01-02T09:10:00Z', to: '2026-01-02T09:11:00Z', reason: 'lost connection' }],
  anchors: [{ at: '2026-01-02T09:05:00Z', mediaSeconds: 0.75 }],
};
const interventions = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: interventions.wrap });
});

const complete = ({ path, ref }: CreatedRecording, body: object = {}, by = api) =>
  by.call('post', `${path}/complete`, { as: { scope: 'recordings:upload', exam: 'math', attempt: ref.attempt }, body });
const sign = ({ path }: CreatedRecording, by = api) =>
  by.call('post', `${path}/parts`, { body: { parts: [{ partNumber: 1, sizeBytes: 1000 }] } });
const partsOf = async ({ path }: CreatedRecording) =>
  (await api.call<{ parts: StoredPart[] }>('get', `${path}/parts`)).body.parts;
const ENDS = {
  abort: ({ path }: CreatedRecording, by = api) =>
    by.call('post', `${path}/abort`, { as: { scope: 'recordings:upload' } }),
  erase: ({ path }: CreatedRecording, by = api) => by.call('delete', `${path}?reason=erasure`),
  complete: (created: CreatedRecording) => complete(created, { timeline: TIMELINE }),
};

async function uploaded(): Promise<CreatedRecording> {
  const created = await api.create({}, { parts: 2 });
  await api.upload(created, webm);
  return created;
}

describe('a recording', () => {
  it('is stored whatever its timeline says: what cannot be true is left out, and it is marked', async () => {
    const created = await uploaded();
    const timeline = {
      startedAt: '1970-01-01t00:00:00z',
      endedAt: '2999-12-31T23:59:60Z',
      gaps: [{ from: '1800-01-01T00:00:00Z', to: '1800-01-02T00:00:00Z', reason: 'never' }],
    };
    const answer = await complete(created, { timeline });
    const { createdAt } = created.recording;
    const kept = { startedAt: createdAt, endedAt: expect.any(String), gaps: [], doubtful: true };
    expect(answer).toMatchObject({ status: 200, body: { state: 'stored', timeline: kept } });
    const lengthMs = Date.parse((answer.body.timeline as typeof timeline).endedAt) - Date.parse(createdAt);
    expect(lengthMs).toBeLessThan(MINUTE_MS);
    expect((await api.call('get', created.path)).body).toEqual(answer.body);
  });

  it('is complete without parts and timeline, whether they are absent or null', async () => {
    for (const body of [{ parts: null, timeline: null }, { timeline: null }, {}]) {
      expect(await complete(await uploaded(), body)).toMatchObject({ status: 200, body: { timeline: null } });
    }
  });

  it('is complete when all its parts have come, in whatever order, and takes no more of them then', async () => {
    const created = await api.create();
    expect((await complete(created)).body).toMatchObject({ code: 'parts-missing', partNumbers: [1] });
    await api.upload(created, file, [3, 1]);
    expect(await partsOf(created)).toEqual([
      { partNumber: 1, sizeBytes: 5 * MIB, etag: expect.any(String) },
      { partNumber: 3, sizeBytes: 2 * MIB, etag: expect.any(String) },
    ]);
    // The timeline of a call that is refused is not kept.
    const other = { ...TIMELINE, gaps: [] };
    expect((await complete(created, { timeline: other })).body).toMatchObject({ status: 409, partNumbers: [2] });
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading', timeline: null });
    await api.upload(created, file, [2]);
    const stored = await complete(created, { timeline: TIMELINE });
    const whole = { state: 'stored', container: 'webm', storedAt: expect.stringMatching(/Z$/), sizeBytes: file.length };
    expect(stored).toMatchObject({ status: 200, body: { ...created.recording, ...whole, timeline: TIMELINE } });
    expect((await complete(created, { timeline: other })).body).toEqual(stored.body);
    expect((await api.call('get', created.path)).body).toEqual(stored.body);
    api.service.clock.advance(SECOND_MS);
    expectProblem(await sign(created), 409, 'recording-stored');
    expectProblem(await api.call('get', `${created.path}/parts`), 409, 'recording-stored');
    expectProblem(await api.call('post', `${created.path}/abort`), 409, 'recording-stored');
  });

  it('is not complete with a part in the middle that is too small, nor while the store is away, until it is asked again', async () => {
    const created = await api.create();
    const parts = [file.subarray(0, 5 * MIB), file.subarray(0, 1000), file.subarray(10 * MIB)];
    await uploadParts(api.service.context, created.ref, parts);
    expect((await complete(created)).body).toMatchObject({ code: 'parts-mismatch', partNumbers: [2] });
    await api.upload(created, file, [2]);
    const recover = interventions.failOn('completeMultipartUpload', mediaKey(created.ref));
    const away = await complete(created);
    recover();
    expectProblem(away, 503, 'store-unavailable');
    expect(away.headers['retry-after']).toBe('5');
    expect((await complete(created)).body).toMatchObject({ sizeBytes: file.length });
  });

  it('is complete with the very parts that the client names, with the quotes of an ETag or without', async () => {
    const created = await api.create();
    await api.upload(created, file);
    const parts = (await partsOf(created)).map(({ partNumber, etag }) => {
      return { partNumber, etag: partNumber === 1 ? etag : etag.replaceAll('"', '') };
    });
    const wrong = { partNumber: 2, etag: '"0123456789abcdef"' };
    for (const [named, status, code] of [
      [[...parts, { ...wrong, partNumber: 4 }], 409, 'parts-missing'],
      [parts.slice(0, 2), 409, 'parts-mismatch'],
      [[], 409, 'parts-mismatch'],
      [parts.with(1, wrong), 409, 'parts-mismatch'],
      [parts.with(0, { partNumber: 1, etag: '' }), 422, 'invalid-request'],
    ] as const) {
      expectProblem(await complete(created, { parts: named }), status, code);
    }
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
    expect((await complete(created, { parts })).body).toMatchObject({ state: 'stored', sizeBytes: file.length });
  });

  it('is not complete above the limit, nor after its deadline, when there are no part URLs for it either', async () => {
    const small = await startApi({ uploads: { maxRecordingBytes: 6 * MIB } });
    const created = await small.create();
    await small.upload(created, enlargeWebm(webm, 7 * MIB));
    expectProblem(await complete(created, {}, small), 413, 'recording-too-large');
    expect((await small.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
    await small.upload(created, enlargeWebm(webm, 6 * MIB), [2]);
    small.service.clock.advance(30 * DAY_MS);
    expectProblem(await sign(created, small), 410, 'recording-expired');
    const answer = await complete(created, {}, small);
    expectProblem(answer, 410, 'recording-expired');
    expect(answer.body).toMatchObject({ deadline: created.recording.deleteBy });
    expect(await small.service.keys('attempts/')).toEqual([expect.stringMatching(/recording\.json$/)]);
  });
});

describe.each([
  ['abort', 204, 'aborted'],
  ['erase', 200, 'erasure'],
] as const)('%s', (end, status, reason) => {
  it('leaves nothing of an upload but a receipt, also when several ask for it, and no call brings it back', async () => {
    const created = await uploaded();
    const answers = await Promise.all([ENDS[end](created), ENDS[end](created), ENDS[end](created)]);
    expect(answers.map((answer) => answer.status)).toEqual([status, status, status]);
    const { receipt } = (await api.call('get', created.path)).body;
    const { deleteBy: deadline } = created.recording;
    expect(receipt).toMatchObject({ reason, actor: 'tester', participantId: 'p-1', deadline });
    if (end === 'erase') for (const { body } of answers) expect(body).toMatchObject({ reason, deadline });
    for (const part of created.upload.parts) {
      expect((await api.service.putPart(part, new Uint8Array(5 * MIB))).status).toBe(404);
    }
    for (const call of OF_RECORDING) {
      const answer = await api.raw(call.method.toUpperCase(), pathOf(call, created.ref), bodyOf(call));
      if (call.name === 'erase') expect(answer).toMatchObject({ status: 200, body: receipt as object });
      else if (call.name === 'receipt proof') expect(answer).toMatchObject({ status: 200, body: { inclusion: null } });
      else if (call.name === 'abort') expect(answer.status).toBe(204);
      else if (call.name === 'access log') expect(answer).toMatchObject({ status: 200, body: { nextCursor: null } });
      else if (call.name === 'explanation') expect(answer).toMatchObject({ status: 200, body: { receipt } });
      else {
        expectProblem(answer, 410, 'recording-deleted');
        expect(answer.body.receipt).toEqual(receipt);
      }
    }
    await expectNothingLeft(api.service.store, created.ref);
    expect(await api.service.keys(participantKey('p-1', created.ref))).toEqual([]);
    expect((await api.call('get', `${created.attemptPath}/recordings`)).body.items).toEqual([]);
  });

  it('works as soon as the recording can be seen, and after the deadline too', async () => {
    const by = await startApi();
    const { service } = by;
    const [young, late] = [await by.create(), await by.create()];
    for (const created of [young, late]) await by.upload(created, webm);
    expect((await ENDS[end](young, by)).status).toBe(status);
    service.clock.advance(31 * DAY_MS);
    expect((await ENDS[end](late, by)).status).toBe(status);
    for (const { path, ref } of [young, late]) {
      expect((await by.call('get', path)).body.receipt).toMatchObject({ reason });
      await expectNothingLeft(service.store, ref);
    }
  });
});

it('an upload that the store has dropped is known as gone, and can still be given up', async () => {
  const created = await uploaded();
  const { store } = api.service;
  for (const { uploadId } of (await store.listMultipartUploads(mediaKey(created.ref))).uploads) {
    await store.abortMultipartUpload(mediaKey(created.ref), uploadId);
  }
  for (const [method, suffix, options] of [
    ['GET', 'parts', {}],
    ['POST', 'complete', {}],
    ['POST', 'content', formWith(webm)],
  ] as const) {
    expectProblem(await api.raw(method, `${created.path}/${suffix}`, options), 409, 'upload-gone');
  }
  expect((await ENDS.abort(created)).status).toBe(204);
  await expectNothingLeft(store, created.ref);
});

const CASES = (['put', 'listParts', 'completeMultipartUpload', 'getStart', 'tag'] as const).flatMap((call) =>
  (['abort', 'erase', 'complete'] as const).map((end) => [call, end] as const),
);

/** Orders in which the other call is held as well are left to the simulator. */
describe('complete, held before a call to the store', () => {
  it.each(CASES)('at %s is overtaken by %s', async (call, end) => {
    const created = await uploaded();
    const held = interventions.holdNext(call);
    const completing = ENDS.complete(created);
    await held.reached;
    const ended = await ENDS[end](created);
    held.release();
    const completed = await completing;
    const read = await api.call('get', created.path);
    // An abort that begins when the upload is completed is refused: nothing was given up.
    const isTooLate = end === 'abort' && (call === 'put' || call === 'getStart' || call === 'tag');
    if (end === 'complete' || isTooLate) {
      if (end === 'complete') expect(ended.status).toBe(200);
      else expectProblem(ended, 409, 'recording-stored');
      expect(read.body).toMatchObject({ state: 'stored', timeline: TIMELINE });
      // Each of two that complete may be the one that marks the time.
      expect(completed).toMatchObject({ status: 200, body: { ...read.body, storedAt: expect.any(String) } });
      return;
    }
    expect(ended.status).toBe(end === 'abort' ? 204 : 200);
    expect([200, 410]).toContain(completed.status);
    expectProblem(read, 410, 'recording-deleted');
    // A marker that the completion wrote after the deletion goes with the next sweep.
    if (call === 'put') {
      expect(await api.service.keys(mediaKey(created.ref))).toEqual([]);
      api.service.clock.advance(2 * HOUR_MS);
      await api.service.sweep();
    }
    await expectNothingLeft(api.service.store, created.ref);
    expect(await api.service.keys(participantKey('p-1', created.ref))).toEqual([]);
  });
});

it('an abort that a completion overtakes is refused, and the recording stays', async () => {
  const created = await uploaded();
  const held = interventions.holdNext('abortMultipartUpload');
  const aborting = ENDS.abort(created);
  await held.reached;
  expect((await complete(created)).status).toBe(200);
  held.release();
  expectProblem(await aborting, 409, 'recording-stored');
  expect((await api.call('get', created.path)).body).toMatchObject({ state: 'stored' });
});

it('media that are completed as their deadline passes are deleted again', async () => {
  const created = await uploaded();
  const { clock } = api.service;
  clock.advance(Date.parse(created.recording.deleteBy) - clock.now() - MINUTE_MS);
  const held = interventions.holdNext('completeMultipartUpload');
  const completing = complete(created);
  await held.reached;
  clock.advance(2 * MINUTE_MS);
  held.release();
  expectProblem(await completing, 410, 'recording-expired');
  expect(await api.service.keys(mediaKey(created.ref))).toEqual([]);
});
