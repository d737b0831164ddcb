// An end of a recording that meets another one: whichever wins, what is deleted stays deleted.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { webm } from '../kit/fixtures.ts';
import { createInterventions, type StoreCall } from '../kit/interventions.ts';
import type { Answer, Api } from './api.ts';
import { startApi } from './api.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const TIMELINE = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
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
    const heldComplete = store.holdNext(completeAt);
    const completing = api.call('post', `${created.path}/complete`, { body: { timeline: TIMELINE } });
    await heldComplete.reached;

    const heldEnd = endAt === 'nowhere' ? undefined : store.holdNext(endAt);
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

describe('an erasure', () => {
  it('that is asked for several times at once leaves one receipt', async () => {
    const created = await api.store();
    const answers = await Promise.all([ENDS.erase(created.path), ENDS.erase(created.path), ENDS.erase(created.path)]);
    for (const answer of answers) expect(answer.status).toBe(200);
    await expectNothingLeft(api.service.store, created.ref);
    const read = await api.call('get', created.path);
    expectProblem(read, 410, 'recording-deleted');
    expect(read.body.receipt).toMatchObject({ reason: 'erasure' });
  });
});

function expectEither(answer: Answer<unknown>, statuses: readonly number[]): void {
  expect({ ...answer, isOneOf: statuses.includes(answer.status) }).toMatchObject({ isOneOf: true });
}
