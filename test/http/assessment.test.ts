// …/assessment: the fact from which the retention is counted.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { AttemptRef } from '../../src/model/ids.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import type { Assessment } from '../../src/recordings/assess.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions, overriding } from '../kit/interventions.ts';
import { assessingKey, attemptPrefix, dueAttemptKey, recordingKey } from '../kit/keys.ts';
import { mediaKey } from '../kit/service.ts';
import { type Api, CREATE_BODY, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const iso = (ms: number) => new Date(ms).toISOString();
/** The present, or so long ago. */
const now = (agoMs = 0) => iso(api.service.clock.now() - agoMs);
const daysAfter = (time: string, days = 30) => iso(Date.parse(time) + days * DAY_MS);

const assess = (attemptPath: string, completedAt: string, by = api, confirm?: readonly string[]) =>
  by.call<Assessment>('put', `${attemptPath}/assessment`, {
    as: { scope: 'assessments:write', sub: 'assessor' },
    body: { completedAt, ...(confirm && { confirm }) },
  });
const deadlineOf = async ({ path }: CreatedRecording) => (await api.call<Recording>('get', path)).body.deleteBy;
const tagsOf = ({ ref }: CreatedRecording) => api.service.store.tags(mediaKey(ref));

async function expectTags(created: CreatedRecording, completedAt: string): Promise<void> {
  const tags = { 'delete-by': daysAfter(completedAt), 'assessment-completed-at': completedAt };
  expect(await tagsOf(created)).toEqual(tags);
}

describe('an assessment', () => {
  it('sets the deadline of every recording of the attempt, and is written on the media', async () => {
    const stored = await api.store();
    const { attemptPath } = stored;
    const sitting = { attempt: stored.ref.attempt };
    const second = await api.store(sitting);
    const open = await api.create(sitting);
    await api.upload(open, webm);
    const elsewhere = await api.store();
    expect(await tagsOf(stored)).toEqual({ 'delete-by': stored.recording.deleteBy });
    expectProblem(await api.call('get', `${attemptPath}/assessment`), 404, 'assessment-not-found');

    const completedAt = now();
    const deleteBy = daysAfter(completedAt);
    const answer = await assess(attemptPath, completedAt);
    const deletableFrom = daysAfter(completedAt, 29);
    expect(answer).toMatchObject({ status: 200, body: { completedAt, deleteBy, deletableFrom, recordings: 3 } });
    for (const each of [stored, second, open]) {
      const { body } = await api.call('get', each.path);
      expect(body).toMatchObject({ deleteBy, deletableFrom, assessment: { completedAt } });
    }
    const completed = await api.call('post', `${open.path}/complete`);
    expect(completed.body).toMatchObject({ state: 'stored', assessment: { completedAt }, deleteBy });
    for (const each of [stored, second, open]) await expectTags(each, completedAt);
    expect((await api.call('get', elsewhere.path)).body).toEqual(elsewhere.recording);

    for (const scope of ['assessments:write', 'recordings:review']) {
      const read = await api.call('get', `${attemptPath}/assessment`, { as: { scope } });
      expect(read).toMatchObject({ status: 200, body: answer.body });
    }
    const inAmsterdam = `${iso(Date.parse(completedAt) + HOUR_MS).slice(0, -1)}+01:00`;
    for (const same of [completedAt, inAmsterdam]) {
      expect(await assess(attemptPath, same)).toMatchObject({ status: 200, body: answer.body });
    }
  });

  it('that is earlier than the one known counts from then on, and a later one moves nothing', async () => {
    const stored = await api.store();
    const [earlier, first, later] = [now(MINUTE_MS), now(), iso(api.service.clock.now() + 1)];
    await assess(stored.attemptPath, first);
    const refused = await assess(stored.attemptPath, later);
    expectProblem(refused, 409, 'assessment-later');
    expect(refused.body).toMatchObject({ completedAt: first });
    await expectTags(stored, first);
    expect((await assess(stored.attemptPath, earlier)).body).toMatchObject({ deleteBy: daysAfter(earlier) });
    expect(await deadlineOf(stored)).toBe(daysAfter(earlier));
    await expectTags(stored, earlier);
    expectProblem(await assess(stored.attemptPath, first), 409, 'assessment-later');
  });

  it('after the deadline of recordings that no sweep has deleted yet deletes their media, and keeps the others', async () => {
    const late = await api.store();
    const sitting = { attempt: late.ref.attempt };
    const torn = await api.store(sitting);
    await api.service.store.put(recordingKey(torn.ref, 'manifest'), Buffer.from('{'));
    api.service.clock.advance(29 * DAY_MS);
    const young = await api.store(sitting);
    api.service.clock.advance(DAY_MS);
    const completedAt = now(HOUR_MS);
    expect((await assess(late.attemptPath, completedAt)).status).toBe(200);
    expect(await deadlineOf(young)).toBe(daysAfter(completedAt));
    const media = (await api.service.keys(attemptPrefix(late.ref))).filter((key) => key.endsWith('/media'));
    expect(media).toEqual([mediaKey(young.ref)]);
    const { body } = await api.call('get', late.path);
    const receipt = { reason: 'retention', deadline: late.recording.deleteBy };
    expect(body).toMatchObject({ code: 'recording-deleted', receipt });
  });

  it('lies neither in the future nor before the first recording, but for five minutes between clocks', async () => {
    const { attemptPath, recording } = await api.create();
    const begun = Date.parse(recording.createdAt);
    for (const future of [now(-5 * MINUTE_MS - 10 * SECOND_MS), '9999-12-31T23:59:59Z']) {
      expectProblem(await assess(attemptPath, future), 422, 'assessment-in-future');
    }
    for (const past of [iso(begun - 5 * MINUTE_MS - 1), '1970-01-01T00:00:00Z']) {
      expectProblem(await assess(attemptPath, past), 422, 'assessment-before-recording');
    }
    expectProblem(await assess(attemptPath, `2026-01-02T10:00:00.${'0'.repeat(40)}Z`), 422, 'invalid-request');
    expect((await assess(attemptPath, now(-5 * MINUTE_MS + 10 * SECOND_MS))).status).toBe(200);
    expect((await assess(attemptPath, iso(begun - 5 * MINUTE_MS))).status).toBe(200);
  });

  it('of an attempt without recordings is kept, and lets none begin; but not while the store is away', async () => {
    const attempt = newAttempt();
    const attemptPath = `/v1/exams/math/attempts/${attempt}`;
    const restore = store.failOn('put', `attempts/acme/math/${attempt}/assessed/`);
    expectProblem(await assess(attemptPath, now()), 503, 'store-unavailable');
    restore();
    expectProblem(await api.call('get', `${attemptPath}/assessment`), 404, 'assessment-not-found');
    expect((await assess(attemptPath, now())).body.recordings).toBe(0);
    const answer = await api.call('post', `${attemptPath}/recordings`, { body: CREATE_BODY });
    expectProblem(answer, 409, 'attempt-assessed');
  });
});

describe('an assessment that would end recordings early', () => {
  const listOf = (answer: { body: unknown }) => (answer.body as { recordings: { recordingId: string }[] }).recordings;

  it('because they began after it is refused with their names, changes nothing, and is done where each is confirmed', async () => {
    const by = await startApi();
    const first = await by.store();
    const sitting = { attempt: first.ref.attempt };
    const completedAt = iso(by.service.clock.now());
    by.service.clock.advance(5 * MINUTE_MS - SECOND_MS);
    const within = await by.store(sitting);
    by.service.clock.advance(HOUR_MS);
    const late = [await by.store(sitting), await by.create(sitting)];
    const before = await by.service.keys();
    const refused = await assess(first.attemptPath, completedAt, by);
    expectProblem(refused, 409, 'assessment-ends-recordings');
    const named = late.map(({ recording: { recordingId, createdAt, deleteBy } }) => ({
      recordingId,
      createdAt,
      deleteBy,
    }));
    expect(refused.body).toMatchObject({ deleteBy: daysAfter(completedAt), recordings: named });
    const [one = '', other = ''] = named.map(({ recordingId }) => recordingId);
    const half = await assess(first.attemptPath, completedAt, by, [one, first.ref.recording]);
    expectProblem(half, 409, 'assessment-ends-recordings');
    expect(listOf(half).map(({ recordingId }) => recordingId)).toEqual([other]);
    expect(await by.service.keys()).toEqual(before);
    for (const confirm of [['x'], [1], 'x', Array(1001).fill(one)]) {
      expectProblem(await assess(first.attemptPath, completedAt, by, confirm as string[]), 422, 'invalid-request');
    }

    const done = await assess(first.attemptPath, completedAt, by, [one, other]);
    expect(done).toMatchObject({ status: 200, body: { completedAt, recordings: 4 } });
    for (const { path } of [first, within, ...late]) {
      expect((await by.call<Recording>('get', path)).body.deleteBy).toBe(daysAfter(completedAt));
    }
    // A repeated report needs no confirmation any more.
    expect(await assess(first.attemptPath, completedAt, by)).toMatchObject({ status: 200, body: done.body });
  });

  it('because its deadline has passed is refused; confirmed, it has them deleted', async () => {
    const by = await startApi({ policy: { afterAssessmentMs: 7 * DAY_MS } });
    const stored = await by.store();
    const completedAt = iso(by.service.clock.now());
    by.service.clock.advance(7 * DAY_MS);
    const refused = await assess(stored.attemptPath, completedAt, by);
    expectProblem(refused, 409, 'assessment-ends-recordings');
    expect(listOf(refused).map(({ recordingId }) => recordingId)).toEqual([stored.ref.recording]);
    expect((await by.call('get', stored.path)).status).toBe(200);
    const confirmed = await assess(stored.attemptPath, completedAt, by, [stored.ref.recording]);
    expect(confirmed).toMatchObject({ status: 200, body: { deleteBy: daysAfter(completedAt, 7) } });
    expectProblem(await by.call('get', stored.path), 410, 'recording-expired');
    expect(await by.service.sweep()).toMatchObject({ deleted: { recordings: 1 } });
    // Where nothing is held, there is nothing to end.
    expectProblem(await assess(`/v1/exams/math/attempts/${newAttempt()}`, completedAt, by), 422, 'assessment-too-old');
  });

  it('is too old whatever is confirmed, when nothing of its time can exist, and leaves no trace', async () => {
    const attempt = newAttempt();
    const before = await api.service.keys();
    const outOfDate = [
      now(30 * DAY_MS + 5 * MINUTE_MS + 1),
      '1970-01-01T00:00:00Z',
      '0001-01-01T00:00:00Z',
      '0000-01-01T00:00:00Z',
    ];
    for (const completedAt of outOfDate) {
      expectProblem(await assess(`/v1/exams/math/attempts/${attempt}`, completedAt), 422, 'assessment-too-old');
    }
    expect(await api.service.keys()).toEqual(before);
  });

  it('and comes at the same time as creations, ends none of them: either gives way', async () => {
    const attempt = newAttempt();
    const attemptPath = `/v1/exams/math/attempts/${attempt}`;
    for (const completedAt of [now(29 * DAY_MS), now(30 * DAY_MS), '1970-01-01T00:00:00Z']) {
      const creates = Array.from({ length: 8 }, () =>
        api.call('post', `${attemptPath}/recordings`, { body: CREATE_BODY }),
      );
      const [assessed, ...created] = await Promise.all([assess(attemptPath, completedAt), ...creates]);
      expect([200, 409, 422]).toContain(assessed.status);
      const begun = created.filter(({ status }) => status === 201);
      for (const { headers } of begun) expect((await api.call('get', String(headers.location))).status).toBe(200);
      const codes = created.filter(({ status }) => status !== 201).map(({ body }) => (body as { code: string }).code);
      for (const code of codes) expect(['attempt-assessed', 'recording-being-created']).toContain(code);
    }
  });

  it('and comes while a recording is being created, has to come again, and changes nothing', async () => {
    const attempt = newAttempt();
    const attemptPath = `/v1/exams/math/attempts/${attempt}`;
    const held = store.holdNext('createMultipartUpload');
    const creating = api.call('post', `${attemptPath}/recordings`, { body: CREATE_BODY });
    await held.reached;
    const before = await api.service.keys();
    expectProblem(await assess(attemptPath, now(29 * DAY_MS)), 409, 'recording-being-created');
    expect(await api.service.keys()).toEqual(before);
    held.release();
    expect((await creating).status).toBe(201);
    expectProblem(await assess(attemptPath, now(29 * DAY_MS)), 422, 'assessment-before-recording');
  });

  it('and comes when a creation has died before its manifest, counts after three minutes', async () => {
    const attempt = newAttempt();
    const attemptPath = `/v1/exams/math/attempts/${attempt}`;
    store.watch('put', (key) => {
      if (String(key).endsWith('/recording.json')) throw new StoreError('unavailable', 'put', 'SlowDown');
    });
    expectProblem(await api.call('post', `${attemptPath}/recordings`, { body: CREATE_BODY }), 503, 'store-unavailable');
    store.watch('put', () => {});
    expectProblem(await assess(attemptPath, now(29 * DAY_MS)), 409, 'recording-being-created');
    api.service.clock.advance(4 * MINUTE_MS);
    expect((await assess(attemptPath, now(29 * DAY_MS))).status).toBe(200);
  });
});

describe('what begins while a back-dated assessment is decided', () => {
  const pathOfAttempt = (attempt: string) => `/v1/exams/math/attempts/${attempt}`;
  const begin = (attempt: string) => api.call('post', `${pathOfAttempt(attempt)}/recordings`, { body: CREATE_BODY });

  /** The assessment waits before this write; `act` runs meanwhile. */
  async function assessingBefore(attempt: string, write: string, act: () => Promise<void>) {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    store.watch('put', async (key) => {
      if (!String(key).includes(`/${attempt}/`) || !String(key).includes(write)) return;
      reach();
      await released;
    });
    const assessing = assess(pathOfAttempt(attempt), now(29 * DAY_MS));
    await reached;
    try {
      await act();
    } finally {
      release();
      store.watch('put', () => {});
    }
    return assessing;
  }

  it('gives way where its claim is there', async () => {
    const attempt = newAttempt();
    const answer = await assessingBefore(attempt, '-assessed-', async () => {
      expectProblem(await begin(attempt), 409, 'recording-being-created');
    });
    expect(answer.status).toBe(200);
    expectProblem(await begin(attempt), 409, 'attempt-assessed');
  });

  it('and is answered before the claim is there, has the assessment refused, and keeps its deadline', async () => {
    const attempt = newAttempt();
    const begun: Awaited<ReturnType<typeof begin>>[] = [];
    const refused = await assessingBefore(attempt, '/assessing-', async () => void begun.push(await begin(attempt)));
    expectProblem(refused, 409, 'assessment-ends-recordings');
    expect(begun.map(({ status }) => status)).toEqual([201]);
    for (const { body, headers } of begun) {
      const { deleteBy } = (body as { recording: Recording }).recording;
      expect((await api.call<Recording>('get', String(headers.location))).body.deleteBy).toBe(deleteBy);
    }
    expect(await api.service.keys(`attempts/acme/math/${attempt}/ass`)).toEqual([]);
    expect((await api.service.keys('due/')).filter((key) => key.includes(`/${attempt}/assessing-`))).toEqual([]);
  });

  it.each([
    ['claim', (ref: AttemptRef) => dueAttemptKey(0, ref, 'assessing-x')],
    ['marker of an earlier version', (ref: AttemptRef) => assessingKey(ref, 'x')],
  ])('of an assessment that died is let begin after an hour, and a sweep takes its %s away', async (_, keyOf) => {
    const own = await startApi();
    const attempt = newAttempt();
    const ref = { tenant: 'acme', exam: 'math', attempt };
    await own.service.store.put(dueAttemptKey(own.service.clock.now() + DAY_MS, ref, 'x'), new Uint8Array());
    await own.service.store.put(keyOf(ref), new Uint8Array());
    const again = () => own.call('post', `${pathOfAttempt(attempt)}/recordings`, { body: CREATE_BODY });
    expectProblem(await again(), 409, 'recording-being-created');
    own.service.clock.advance(HOUR_MS + 1);
    expect((await again()).status).toBe(201);
    own.service.clock.advance(2 * DAY_MS);
    expect(await own.service.sweep()).toMatchObject({ failed: 0 });
    expect(await own.service.keys(keyOf(ref))).toEqual([]);
  });
});

describe('the audit trail of an attempt', () => {
  it('has each assessment with its caller, its time and its deadline, once, in the access log of every recording', async () => {
    const stored = await api.store();
    const other = await api.create({ attempt: stored.ref.attempt });
    const [earlier, first] = [now(MINUTE_MS), now()];
    await assess(stored.attemptPath, first);
    api.service.clock.advance(1);
    await assess(stored.attemptPath, first);
    await api.call('post', `${stored.path}/playback-links`);
    await assess(stored.attemptPath, earlier);
    const logOf = async (path: string) =>
      (await api.call('get', `${path}/access-log`, { as: { scope: 'privacy:manage' } })).body;
    const assessed = (completedAt: string) => {
      const detail = `completed ${completedAt}, deadline ${daysAfter(completedAt)}`;
      return {
        event: 'assessed',
        actor: 'assessor',
        reason: null,
        detail,
        at: expect.any(String),
        requestId: expect.any(String),
      };
    };
    const { items } = await logOf(stored.path);
    expect(items).toEqual([assessed(first), expect.objectContaining({ event: 'link-issued' }), assessed(earlier)]);
    expect((await logOf(other.path)).items).toEqual([assessed(first), assessed(earlier)]);
    const page = (cursor = '') =>
      api.call('get', `${stored.path}/access-log?limit=1${cursor}`, { as: { scope: 'privacy:manage' } });
    const paged: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await page(cursor === '' ? '' : `&cursor=${cursor}`);
      paged.push(...(body.items as unknown[]));
      cursor = body.nextCursor as string | null;
    }
    expect(paged).toEqual(items);
  });

  it('that cannot be written lets no assessment count', async () => {
    const stored = await api.store();
    const restore = store.failOn('put', 'audit/');
    expectProblem(await assess(stored.attemptPath, now()), 503, 'store-unavailable');
    restore();
    expectProblem(await api.call('get', `${stored.attemptPath}/assessment`), 404, 'assessment-not-found');
    expect(await deadlineOf(stored)).toBe(stored.recording.deleteBy);
  });
});

describe('a deadline', () => {
  it('is that of the earlier of two on the media too, whichever writes its tags last', async () => {
    const stored = await api.store();
    const [earlier, later] = [now(MINUTE_MS), now()];
    const held = store.holdNext('tag');
    const slow = assess(stored.attemptPath, later);
    await held.reached;
    expect((await assess(stored.attemptPath, earlier)).status).toBe(200);
    held.release();
    expect(await slow).toMatchObject({ status: 200, body: { completedAt: earlier, deleteBy: daysAfter(earlier) } });
    await expectTags(stored, earlier);
  });

  it('is sooner for a tenant that ordered so; nothing is shown after it, and a late report deletes', async () => {
    const short = await startApi({ policy: { byTenantMs: new Map([['acme', 14 * DAY_MS]]) } });
    const created = await short.store();
    short.service.clock.advance(20 * DAY_MS);
    const { createdAt } = created.recording;
    const deleteBy = daysAfter(createdAt, 14);
    const read = await short.call('get', created.path);
    expectProblem(read, 410, 'recording-expired');
    expect(read.body.deadline).toBe(deleteBy);
    expect((await assess(created.attemptPath, createdAt, short)).body).toMatchObject({ deleteBy, recordings: 0 });
    expectProblem(await short.call('get', created.path), 410, 'recording-deleted');
  });
});

it.each([6, -6])(
  'by a clock %i minutes off nothing is created, assessed, completed, played or deleted',
  async (minutes) => {
    let offMs = 0;
    const wrap = (store: ObjectStore) =>
      overriding(store, {
        async list(...args) {
          const page = await store.list(...args);
          return { ...page, storeTimeMs: page.storeTimeMs + offMs };
        },
      });
    const skewed = await startApi({ wrap });
    const [stored, open] = [await skewed.store(), await skewed.create()];
    await skewed.upload(open, webm);
    // Another process has seen it.
    skewed.service.context.openUploadCache.clear();
    offMs = minutes * MINUTE_MS;
    const before = await skewed.service.keys();
    for (const [method, path, body] of [
      ['post', `${stored.attemptPath}/recordings`, CREATE_BODY],
      ['put', `${stored.attemptPath}/assessment`, { completedAt: stored.recording.createdAt }],
      ['post', `${open.path}/parts`, { parts: [{ partNumber: 1, sizeBytes: 1 }] }],
      ['post', `${open.path}/complete`, {}],
      ['post', `${stored.path}/playback-links`, {}],
      ['get', stored.path, undefined],
      ['delete', `${stored.path}?reason=erasure`, undefined],
    ] as const) {
      expectProblem(await skewed.call(method, path, body ? { body } : {}), 503, 'clock-skew');
    }
    expect(await skewed.service.keys()).toEqual(before);
  },
);
