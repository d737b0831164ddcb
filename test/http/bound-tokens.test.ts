// Tokens that are bound: to a participant, and to an attempt, which is of one participant then.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { PROBLEMS } from '../../src/model/errors.ts';
import type { Created } from '../../src/recordings/create.ts';
import type { RecordingPage } from '../../src/recordings/list.ts';
import { createInterventions, type StoreCall } from '../kit/interventions.ts';
import { attemptPrefix, recordingKey } from '../kit/keys.ts';
import {
  type Answer,
  type Api,
  CREATE_BODY,
  type CreatedRecording,
  newAttempt,
  startApi,
  UNKNOWN_RECORDING,
} from './api.ts';
import { bodyOf, CALLS, type ContractCall, isOfRecording, pathOf } from './calls.ts';
import { expectProblem } from './expectations.ts';

const [OWN, OTHER] = ['p-1', 'p-2'];
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const attemptOf = (attempt: string) => ({ tenant: 'acme', exam: 'math', attempt });

function create(attempt: string, participantId: string, claims: object, key?: string) {
  return api.call<Created>('post', `/v1/exams/math/attempts/${attempt}/recordings`, {
    as: { scope: 'recordings:upload', ...claims },
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
    body: { ...CREATE_BODY, participantId },
  });
}
const boundTo = (attempt: string) => ({ exam: 'math', attempt });
const createBound = (attempt: string, participantId: string, key?: string) =>
  create(attempt, participantId, boundTo(attempt), key);

/** Whose recordings the attempt holds. */
async function participantsOf(attempt: string): Promise<string[]> {
  const keys = await api.service.keys(attemptPrefix(attemptOf(attempt)));
  const manifests = keys.filter((key) => key.endsWith('/recording.json'));
  const bodies = await Promise.all(manifests.map((key) => api.service.store.get(key)));
  return bodies.map((body) => JSON.parse(Buffer.from(body ?? []).toString()).participantId);
}

async function erased(): Promise<CreatedRecording> {
  const stored = await api.store();
  await api.call('delete', `${stored.path}?reason=erasure`);
  return stored;
}

describe('a token with a participant', () => {
  const bound = { participant: OWN };

  it('creates recordings of that participant alone, also where the attempt has others', async () => {
    const attempt = newAttempt();
    for (const claims of [bound, { ...bound, ...boundTo(attempt) }]) {
      const before = await participantsOf(attempt);
      expectProblem(await create(attempt, OTHER, claims), 403, 'wrong-participant');
      expect(await participantsOf(attempt)).toEqual(before);
      expect((await create(attempt, OWN, claims)).status).toBe(201);
    }
    const refusal = { channel: 'audit', code: 'wrong-participant', event: 'foreign-participant-refused' };
    expect(api.log()).toContainEqual(expect.objectContaining(refusal));
    const other = await create(attempt, OTHER, { participant: OTHER, ...boundTo(attempt) });
    expect(other.status).toBe(201);
  });

  it('lists the recordings of that participant, in pages that may be short', async () => {
    const attempt = newAttempt();
    const made: string[] = [];
    for (const participantId of [OTHER, OTHER, OWN, OTHER, OWN]) {
      const { ref } = await api.create(attemptOf(attempt), { participantId });
      if (participantId === OWN) made.push(ref.recording);
    }
    const listed: string[] = [];
    const first = `/v1/exams/math/attempts/${attempt}/recordings?limit=2`;
    for (let cursor: string | null = '', pages = 0; cursor !== null && pages < 5; pages += 1) {
      const page: Answer<RecordingPage> = await api.call('get', cursor ? `${first}&cursor=${cursor}` : first, {
        as: bound,
      });
      expect(page.status).toBe(200);
      listed.push(...page.body.items.map(({ recordingId }) => recordingId));
      cursor = page.body.nextCursor;
    }
    expect(listed).toEqual(made);
    const all = await api.call<{ items: unknown[] }>('get', `/v1/exams/math/attempts/${attempt}/recordings`);
    expect(all.body.items).toHaveLength(5);
  });

  async function send(call: ContractCall, { ref }: Pick<CreatedRecording, 'ref'>, claims: JWTPayload = bound) {
    const path = pathOf(call, { ...ref, participant: OTHER });
    return api.raw(call.method.toUpperCase(), path, { ...bodyOf(call), as: claims });
  }
  const isForAll = ({ name }: ContractCall) => /^(create|list of (attempt|exam)|upload settings)$/.test(name);

  it.each(CALLS.filter((call) => !isForAll(call)))('is refused what is of another: $name', async (call) => {
    const uploading = await api.create({}, { participantId: OTHER });
    const stored = await api.store({}, undefined, { participantId: OTHER });
    const deleted = await api.store({}, undefined, { participantId: OTHER });
    await api.call('delete', `${deleted.path}?reason=erasure`);
    const before = await api.service.keys();
    for (const held of [uploading, stored, deleted]) {
      for (const claims of call.path.includes('{attempt}')
        ? [bound, { ...bound, ...boundTo(held.ref.attempt) }]
        : [bound]) {
        // Neither from memory nor from the store.
        api.service.context.manifestCache.clear();
        expectProblem(await send(call, held, claims), 403, 'wrong-participant');
      }
    }
    expect(await api.service.keys()).toEqual(before);
  });

  it.each(CALLS.filter(isOfRecording))('reaches its own, and is told what there is not: $name', async (call) => {
    const isOfStored = /^(read|playback link|complete|erase|restrict|lift a restriction|access log|explanation)$/.test(
      call.name,
    );
    const held = await (isOfStored ? api.store() : call.name === 'receipt proof' ? erased() : api.create());
    const answer = await send(call, held, { ...bound, ...boundTo(held.ref.attempt) });
    expect([200, 201, 204, PROBLEMS['not-a-recording'].status]).toContain(answer.status);
    const unknown = { ...held, ref: { ...held.ref, recording: UNKNOWN_RECORDING } };
    expectProblem(await send(call, unknown), 404, 'recording-not-found');
  });

  it('is told of a deletion of its own, and nothing of one whose description is lost', async () => {
    const held = await api.store();
    const withdraw = `${held.path}?reason=consent-withdrawn`;
    const as = { ...bound, ...boundTo(held.ref.attempt), scope: 'recordings:upload' };
    for (let times = 0; times < 2; times += 1) expect((await api.call('delete', withdraw, { as })).status).toBe(200);
    expectProblem(await api.call('get', held.path, { as: bound }), 410, 'recording-deleted');
    const torn = await api.create();
    await api.service.store.put(recordingKey(torn.ref, 'manifest'), Buffer.from('{'));
    api.service.context.manifestCache.clear();
    for (const call of CALLS.filter(isOfRecording)) {
      expectProblem(await send(call, torn), 503, 'recording-unreadable');
    }
  });

  it('with privacy:manage serves that participant alone', async () => {
    for (const call of CALLS.filter(({ path }) => path.startsWith('/v1/participants/'))) {
      const path = pathOf(call, { participant: 'p-3' });
      const answer = await api.raw(call.method.toUpperCase(), path, { as: { participant: 'p-3' } });
      expect(answer.status).toBe(200);
    }
  });
});

describe('an attempt, for a token that is bound to it and names no participant,', () => {
  const CODE = 'attempt-of-another-participant';

  it('is of the participant of its oldest recording; for other tokens it may have several', async () => {
    const attempt = newAttempt();
    expect((await createBound(attempt, OWN)).status).toBe(201);
    for (let times = 0; times < 2; times += 1) {
      expectProblem(await createBound(attempt, OTHER), 409, CODE);
      expect((await createBound(attempt, OWN)).status).toBe(201);
    }
    for (const claims of [{}, { exam: 'math' }, { ...boundTo(attempt), participant: OTHER }]) {
      expect((await create(attempt, OTHER, claims)).status).toBe(201);
    }
    expectProblem(await createBound(attempt, OTHER), 409, CODE);
    expect((await createBound(attempt, OWN)).status).toBe(201);
  });

  it('is free again when all that it held was deleted, and while nothing of it can be read', async () => {
    const attempt = newAttempt();
    const { body } = await createBound(attempt, OWN);
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${body.recording.recordingId}`;
    expect((await api.call('delete', `${path}?reason=consent-withdrawn`, { as: boundTo(attempt) })).status).toBe(200);
    const second = await createBound(attempt, OTHER);
    expect(second.status).toBe(201);
    expectProblem(await createBound(attempt, OWN), 409, CODE);
    const ref = { ...attemptOf(attempt), recording: second.body.recording.recordingId };
    await api.service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{'));
    api.service.context.manifestCache.clear();
    expect((await createBound(attempt, OWN)).status).toBe(201);
  });

  it('stays that of its oldest recording while the store does not say whose that is', async () => {
    const attempt = newAttempt();
    const { body } = await createBound(attempt, OWN);
    api.service.context.manifestCache.clear();
    const ref = { ...attemptOf(attempt), recording: body.recording.recordingId };
    const restore = store.failOn('get', recordingKey(ref, 'manifest'));
    expectProblem(await createBound(attempt, OTHER), 503, 'store-unavailable');
    restore();
    expect(await participantsOf(attempt)).toEqual([OWN]);
  });

  const CALLS_OF_CREATE: StoreCall[] = ['list', 'put', 'createMultipartUpload'];
  const HELD = CALLS_OF_CREATE.flatMap((call) => [1, 2, 3].map((nth) => [call, nth] as const));
  /** The first create waits before its nth call of a kind until the other is answered. */
  async function heldAt(call: StoreCall, nth: number, first: () => Promise<void>, second: () => Promise<void>) {
    let calls = 0;
    store.watch(call, () => {
      calls += 1;
      return calls === nth ? second() : undefined;
    });
    await first();
    store.watch(call, () => undefined);
    if (calls < nth) await second();
  }

  it.each([...HELD, ['at once', 0] as const])(
    'takes one of two participants that begin at once, held at %s %i',
    async (call, nth) => {
      for (const key of [undefined, 'k']) {
        const attempt = newAttempt();
        type Answered = Awaited<ReturnType<typeof createBound>>;
        const answers: Answered[] = [];
        const first = async () => void answers.push(await createBound(attempt, OWN, key && `${key}1`));
        const second = async () => void answers.push(await createBound(attempt, OTHER, key && `${key}2`));
        if (call === 'at once') await Promise.all([first(), second()]);
        else await heldAt(call, nth, first, second);
        const created = answers.filter(({ status }) => status === 201);
        const refused = answers.filter(({ status }) => status !== 201);
        expect(created).toHaveLength(1);
        // Of the one that has not decided yet nobody knows whether it stands.
        for (const { status, body } of refused) {
          expect(status).toBe(409);
          expect([CODE, 'recording-being-created']).toContain((body as unknown as { code: string }).code);
        }
        expect(await participantsOf(attempt)).toEqual(created.map(({ body }) => body.recording.participantId));
        const { participantId = '' } = created[0]?.body.recording ?? {};
        expect((await createBound(attempt, participantId)).status).toBe(201);
        expectProblem(await createBound(attempt, participantId === OWN ? OTHER : OWN), 409, CODE);
      }
    },
  );

  it('asks a create to come again for which a later one did not give way in time', async () => {
    const attempt = newAttempt();
    const claiming = store.holdNext('put');
    const older = createBound(attempt, OWN);
    await claiming.reached;
    api.service.clock.advance(1);
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    store.watch('put', async (key) => {
      if (!String(key).endsWith('/recording.json')) return;
      reached.resolve();
      await held.promise;
    });
    const younger = createBound(attempt, OTHER);
    await reached.promise;
    // It has decided, and has not written its manifest.
    claiming.release();
    expectProblem(await older, 409, 'recording-being-created');
    held.resolve();
    expect((await younger).status).toBe(201);
    expect(await participantsOf(attempt)).toEqual([OTHER]);
  });
});
