// How a recording ends: its upload is given up or it is erased, nothing brings it back, and what a completion meets then.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { participantKey } from '../../src/domain/keys.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { bodyOf, formWith, OF_RECORDING, pathOf } from './calls.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const interventions = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: interventions.wrap });
});

const ENDS = {
  abort: (path: string, by = api) => by.call('post', `${path}/abort`, { as: { scope: 'recordings:upload' } }),
  erase: (path: string, by = api) => by.call('delete', `${path}?reason=erasure`, { as: { scope: 'privacy:manage' } }),
  complete: (path: string, by = api) => by.call('post', `${path}/complete`, { body: { timeline: TIMELINE } }),
};

async function uploaded(): Promise<CreatedRecording> {
  const created = await api.create({}, { parts: 2 });
  await api.upload(created, webm);
  return created;
}

describe.each([
  ['abort', 204, 'aborted'],
  ['erase', 200, 'erasure'],
] as const)('%s', (end, status, reason) => {
  it('leaves nothing of an upload but a receipt, also when several ask for it, and no call brings it back', async () => {
    const created = await uploaded();
    const answers = await Promise.all([ENDS[end](created.path), ENDS[end](created.path), ENDS[end](created.path)]);
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
      else if (call.name === 'abort') expect(answer.status).toBe(204);
      else if (call.name === 'access log') expect(answer).toMatchObject({ status: 200, body: { nextCursor: null } });
      else {
        expectProblem(answer, 410, 'recording-deleted');
        expect(answer.body.receipt).toEqual(receipt);
      }
    }
    await expectNothingLeft(api.service.store, created.ref);
    expect(await api.service.keys(participantKey('p-1', created.ref))).toEqual([]);
    expect((await api.call('get', `${created.attemptPath}/recordings`)).body.items).toEqual([]);
  });

  it('waits while the recording is still being created, an hour at most, and comes after the deadline too', async () => {
    const by = await startApi();
    const { service } = by;
    const [young, late] = [await by.create(), await by.create()];
    // The marker is the last thing that a creation writes.
    await service.store.delete([{ key: participantKey('p-1', young.ref) }]);
    const answer = await ENDS[end](young.path, by);
    expectProblem(answer, 409, 'recording-being-created');
    expect(answer.headers['retry-after']).toBe('5');
    service.clock.advance(HOUR_MS + MINUTE_MS);
    expect((await ENDS[end](young.path, by)).status).toBe(status);
    service.clock.advance(31 * DAY_MS);
    expect((await ENDS[end](late.path, by)).status).toBe(status);
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
  expect((await ENDS.abort(created.path)).status).toBe(204);
  await expectNothingLeft(store, created.ref);
});

const CASES = (['put', 'listParts', 'completeMultipartUpload', 'getStart', 'tag'] as const).flatMap((call) =>
  (['abort', 'erase', 'complete'] as const).map((end) => [call, end] as const),
);

/** The simulator tries where the other one may wait in turn. */
describe('complete, held before a call to the store', () => {
  it.each(CASES)('at %s is overtaken by %s', async (call, end) => {
    const created = await uploaded();
    const held = interventions.holdNext(call);
    const completing = ENDS.complete(created.path);
    await held.reached;
    const ended = await ENDS[end](created.path);
    held.release();
    const completed = await completing;
    const read = await api.call('get', created.path);
    if (end === 'complete' || ended.status === 409) {
      // An abort is refused when complete had won before it began: nothing was given up.
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
    await expectNothingLeft(api.service.store, created.ref);
    expect(await api.service.keys(participantKey('p-1', created.ref))).toEqual([]);
  });
});
