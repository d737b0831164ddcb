// POST …/abort: an upload is given up, by its client or by the store; and what happens when its end meets a completion.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { participantKey } from '../../src/domain/keys.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey, type StoreCall } from '../kit/interventions.ts';
import { type Answer, type Api, type CreatedRecording, startApi } from './api.ts';
import { formWith } from './calls.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const PART_TWO = {
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ parts: [{ partNumber: 2, sizeBytes: 1 }] }),
};
const interventions = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: interventions.wrap });
});

const abort = (path: string, by = api) => by.call('post', `${path}/abort`, { as: { scope: 'recordings:upload' } });

describe('an upload that is given up', () => {
  it('leaves nothing but a receipt, also when several give it up, and no call brings it back', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const answers = await Promise.all([abort(created.path), abort(created.path)]);
    for (const answer of [...answers, await abort(created.path)])
      expect(answer).toMatchObject({ status: 204, body: {} });
    for (const [method, suffix, options] of [
      ['POST', 'complete', {}],
      ['POST', 'parts', PART_TWO],
      ['GET', 'parts', {}],
      ['POST', 'playback-links', {}],
      ['POST', 'content', formWith(webm)],
    ] as const) {
      expectProblem(await api.raw(method, `${created.path}/${suffix}`, options), 410, 'recording-deleted');
    }
    expect((await api.call('get', `${created.attemptPath}/recordings`)).body.items).toEqual([]);
    await expectNothingLeft(api.service.store, created.ref);
    const read = await api.call('get', created.path);
    expectProblem(read, 410, 'recording-deleted');
    const { deleteBy: deadline } = created.recording;
    expect(read.body.receipt).toMatchObject({ reason: 'aborted', actor: 'tester', deadline });
  });

  it('can be given up after its deadline', async () => {
    const late = await startApi();
    const created = await late.create();
    late.service.clock.advance(31 * DAY_MS);
    expect((await abort(created.path, late)).status).toBe(204);
    await expectNothingLeft(late.service.store, created.ref);
  });
});

describe('nothing is given up', () => {
  it('of a recording that is complete', async () => {
    const stored = await api.store();
    expectProblem(await abort(stored.path), 409, 'recording-stored');
    expect((await api.call('get', stored.path)).body).toEqual(stored.recording);
  });

  it('while the recording is still being created, which lasts an hour at most', async () => {
    const young = await startApi();
    const created = await young.create();
    // The marker is the last thing that a creation writes.
    await young.service.store.delete([{ key: participantKey('p-1', created.ref) }]);
    const answer = await abort(created.path, young);
    expectProblem(answer, 409, 'recording-being-created');
    expect(answer.headers['retry-after']).toBe('5');
    young.service.clock.advance(HOUR_MS + 1000);
    expect((await abort(created.path, young)).status).toBe(204);
  });
});

describe('an upload that the store has dropped', () => {
  async function dropped(): Promise<CreatedRecording> {
    const created = await api.create();
    await api.upload(created, webm);
    const { store } = api.service;
    for (const { uploadId } of (await store.listMultipartUploads(mediaKey(created.ref))).uploads) {
      await store.abortMultipartUpload(mediaKey(created.ref), uploadId);
    }
    return created;
  }

  it.each([
    ['GET', 'parts', {}],
    ['POST', 'complete', {}],
    ['POST', 'content', formWith(webm)],
  ])('is known as gone to %s …/%s, and can still be given up', async (method, suffix, options) => {
    const created = await dropped();
    expectProblem(await api.raw(method, `${created.path}/${suffix}`, options), 409, 'upload-gone');
    expect((await abort(created.path)).status).toBe(204);
    await expectNothingLeft(api.service.store, created.ref);
  });
});

const ENDS = {
  abort: (path: string) => api.call('post', `${path}/abort`),
  erase: (path: string) => api.call('delete', `${path}?reason=erasure`),
};

/** Where complete waits, and where what overtakes it waits in turn (or runs through). */
const COMPLETE_AT: readonly StoreCall[] = ['put', 'listParts', 'completeMultipartUpload', 'getStart', 'tag'];
const END_AT: readonly (StoreCall | 'nowhere')[] = ['nowhere', 'abortMultipartUpload', 'delete'];
const CASES = (['abort', 'erase'] as const).flatMap((end) =>
  COMPLETE_AT.flatMap((completeAt) => END_AT.map((endAt) => [end, completeAt, endAt] as const)),
);

describe('complete, held before a call to the store', () => {
  it.each(CASES)('meets %s: it waits at %s, the other at %s', async (end, completeAt, endAt) => {
    const created = await api.create();
    await api.upload(created, webm);
    const heldComplete = interventions.holdNext(completeAt);
    const completing = api.call('post', `${created.path}/complete`, { body: { timeline: TIMELINE } });
    await heldComplete.reached;

    const heldEnd = endAt === 'nowhere' ? undefined : interventions.holdNext(endAt);
    const ending = ENDS[end](created.path);
    await Promise.race([heldEnd?.reached, ending].filter((waited) => waited !== undefined));
    heldComplete.release();
    const completed = await completing;
    heldEnd?.release();
    const ended = await ending;

    expectEither(ended, end === 'abort' ? [204, 409] : [200]);
    if (ended.status === 409) {
      // Complete had won before abort began: nothing was given up.
      expectProblem(ended, 409, 'recording-stored');
      expect(completed.status).toBe(200);
      expect((await api.call('get', created.path)).body).toMatchObject({ state: 'stored', timeline: TIMELINE });
      return;
    }
    expectEither(completed, [200, 410]);
    await expectNothingLeft(api.service.store, created.ref);
    expectProblem(await api.call('get', created.path), 410, 'recording-deleted');
    expect(await api.service.keys(`participants/acme/p-1/math/${created.ref.attempt}/`)).toEqual([]);
  });
});

it('an erasure that is asked for several times at once leaves one receipt', async () => {
  const created = await api.store();
  const answers = await Promise.all([ENDS.erase(created.path), ENDS.erase(created.path), ENDS.erase(created.path)]);
  for (const { status } of answers) expect(status).toBe(200);
  await expectNothingLeft(api.service.store, created.ref);
  expect((await api.call('get', created.path)).body.receipt).toMatchObject({ reason: 'erasure' });
});

function expectEither(answer: Answer<unknown>, statuses: readonly number[]): void {
  expect({ ...answer, isOneOf: statuses.includes(answer.status) }).toMatchObject({ isOneOf: true });
}
