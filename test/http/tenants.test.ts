// One tenant never reaches what is another's, though every id that it names is the same; `refusals.test.ts` has each call by itself.
import { createHash } from 'node:crypto';
import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { recordingKey } from '../../src/domain/keys.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { listAll } from '../../src/storage/object-store.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { bodyOf, CALLS, type ContractCall, pathOf } from './calls.ts';
import { expectProblem } from './expectations.ts';

const SITTING = { exam: 'math', attempt: 'attempt' };
const STATES = ['uploading', 'stored', 'restricted', 'erased'] as const;
let api: Api;
const own: Partial<Record<(typeof STATES)[number], CreatedRecording>> = {};

beforeAll(async () => {
  api = await startApi();
  own.uploading = await api.create(SITTING);
  await api.upload(own.uploading, new Uint8Array(1000));
  own.stored = await api.store(SITTING);
  own.restricted = await api.store(SITTING);
  await api.service.store.put(recordingKey(own.restricted.ref, 'restricted'), new Uint8Array());
  own.erased = await api.store(SITTING);
  expect((await api.call('delete', `${own.erased.path}?reason=erasure`)).status).toBe(200);
  // The other tenant has the same exam, attempt and participant.
  await api.store({ ...SITTING, tenant: 'other' });
});

/** Every object of the tenant: its key, size, time and content; and its parts that wait. */
async function everythingOf(tenant: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { key, sizeBytes, lastModifiedMs } of listAll(api.service.store, '')) {
    if (!key.includes(`/${tenant}/`)) continue;
    const content = await api.service.store.get(key);
    const digest = createHash('sha256')
      .update(content ?? '')
      .digest('hex');
    lines.push([key, sizeBytes, lastModifiedMs, digest].join(' '));
  }
  const { body } = await api.call('get', `${own.uploading?.path}/parts`, { as: { tenant } });
  return [...lines, JSON.stringify(body)];
}

const recordingIn = (state: (typeof STATES)[number]) => own[state]?.ref.recording ?? '';

function callAs(tenant: string, call: ContractCall, recording: string) {
  return api.raw(call.method.toUpperCase(), pathOf(call, { ...SITTING, recording }), {
    as: { tenant },
    ...bodyOf(call),
  });
}

it('whatever another tenant calls, in whatever order, changes nothing and shows nothing', async () => {
  const before = await everythingOf('acme');
  const mine = STATES.map(recordingIn);
  const steps = fc.array(fc.record({ call: fc.constantFrom(...CALLS), state: fc.constantFrom(...STATES) }), {
    minLength: 3,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      for (const { call, state } of sequence) {
        const answer = await callAs('other', call, recordingIn(state));
        expect(answer.status).toBeLessThan(500);
        const text = JSON.stringify(answer.body);
        expect(mine.filter((recording) => text.includes(recording))).toEqual([]);
      }
      expect(await everythingOf('acme')).toEqual(before);
    }),
    { numRuns: 8 },
  );
});

it('a list has the recordings of the tenant alone', async () => {
  for (const path of ['/v1/exams/math/recordings', '/v1/exams/math/attempts/attempt/recordings']) {
    const { body } = await api.call<{ items: Recording[] }>('get', path);
    expect(body.items.map(({ recordingId }) => recordingId)).toEqual(
      [own.uploading, own.stored, own.restricted].map((each) => each?.ref.recording),
    );
  }
});

it('a cursor of one tenant shows the other nothing', async () => {
  const { body } = await api.call('get', '/v1/exams/math/recordings?limit=1');
  expect(body.nextCursor).toEqual(expect.any(String));
  const answer = await api.call<{ items: Recording[] }>(
    'get',
    `/v1/exams/math/recordings?cursor=${String(body.nextCursor)}`,
    {
      as: { tenant: 'third' },
    },
  );
  expect(answer.body).toEqual({ items: [], nextCursor: null });
});

it('an assessment is of the attempt of the tenant alone', async () => {
  const completedAt = new Date(api.service.clock.now()).toISOString();
  const path = '/v1/exams/math/attempts/attempt/assessment';
  expect((await api.call('put', path, { as: { tenant: 'fourth' }, body: { completedAt } })).body).toMatchObject({
    recordings: 0,
  });
  expectProblem(await api.call('get', path), 404, 'assessment-not-found');
});
