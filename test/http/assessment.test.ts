// …/assessment: the fact from which the retention is counted.
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey } from '../kit/interventions.ts';
import { type Answer, type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

interface Assessment {
  readonly completedAt: string;
  readonly deleteBy: string;
  readonly recordings: number;
}

const iso = (ms: number) => new Date(ms).toISOString();
const after30Days = (completedAt: string) => iso(Date.parse(completedAt) + 30 * DAY_MS);

function assess(attemptPath: string, completedAt: string, by = api): Promise<Answer<Assessment>> {
  return by.call('put', `${attemptPath}/assessment`, { as: { scope: 'assessments:write' }, body: { completedAt } });
}

async function deadlineOf({ path }: CreatedRecording, by = api): Promise<string> {
  return (await by.call<Recording>('get', path)).body.deleteBy;
}

describe('an assessment', () => {
  it('sets the deadline of every recording of the attempt, and is written on the media', async () => {
    const stored = await api.store();
    const sitting = { attempt: stored.ref.attempt };
    const second = await api.store(sitting);
    const open = await api.create(sitting);
    const elsewhere = await api.store();
    expect(await api.service.store.tags(mediaKey(stored.ref))).toEqual({ 'delete-by': stored.recording.deleteBy });

    const completedAt = iso(api.service.clock.now());
    const deleteBy = after30Days(completedAt);
    const answer = await assess(stored.attemptPath, completedAt);
    expect(answer).toMatchObject({ status: 200, body: { completedAt, deleteBy, recordings: 3 } });
    for (const each of [stored, second, open]) {
      expect((await api.call('get', each.path)).body).toMatchObject({ deleteBy, assessment: { completedAt } });
    }
    for (const { ref } of [stored, second]) {
      expect(await api.service.store.tags(mediaKey(ref))).toEqual({
        'delete-by': deleteBy,
        'assessment-completed-at': completedAt,
      });
    }
    expect((await api.call('get', elsewhere.path)).body).toEqual(elsewhere.recording);
  });

  it('can be read by who writes and by who reviews', async () => {
    const { attemptPath } = await api.create();
    const { body } = await assess(attemptPath, iso(api.service.clock.now()));
    for (const scope of ['assessments:write', 'recordings:review']) {
      expect(await api.call('get', `${attemptPath}/assessment`, { as: { scope } })).toMatchObject({
        status: 200,
        body,
      });
    }
  });

  it('is not known before it is reported', async () => {
    const { attemptPath } = await api.create();
    expectProblem(await api.call('get', `${attemptPath}/assessment`), 404, 'assessment-not-found');
  });

  it('may be reported again', async () => {
    const { attemptPath } = await api.create();
    const completedAt = iso(api.service.clock.now());
    const first = await assess(attemptPath, completedAt);
    expect(await assess(attemptPath, completedAt)).toMatchObject({ status: 200, body: first.body });
    const inAmsterdam = `${iso(Date.parse(completedAt) + HOUR_MS).slice(0, -1)}+01:00`;
    expect(await assess(attemptPath, inAmsterdam)).toMatchObject({ status: 200, body: first.body });
  });

  it('that is later than the one known is refused, and nothing moves', async () => {
    const created = await api.create();
    const completedAt = iso(api.service.clock.now() - MINUTE_MS);
    await assess(created.attemptPath, completedAt);
    const later = await assess(created.attemptPath, iso(Date.parse(completedAt) + 1));
    expectProblem(later, 409, 'assessment-later');
    expect(later.body).toMatchObject({ completedAt });
    expect(await deadlineOf(created)).toBe(after30Days(completedAt));
  });

  it('that is earlier than the one known counts from then on', async () => {
    const stored = await api.store();
    const first = iso(api.service.clock.now());
    const earlier = iso(api.service.clock.now() - MINUTE_MS);
    await assess(stored.attemptPath, first);
    expect((await assess(stored.attemptPath, earlier)).body).toMatchObject({ deleteBy: after30Days(earlier) });
    expect(await deadlineOf(stored)).toBe(after30Days(earlier));
    expect(await api.service.store.tags(mediaKey(stored.ref))).toMatchObject({ 'assessment-completed-at': earlier });
    expectProblem(await assess(stored.attemptPath, first), 409, 'assessment-later');
  });

  it('that comes after the deadline of a recording which no sweep has deleted yet deletes it, and keeps the others', async () => {
    const late = await api.store();
    api.service.clock.advance(29 * DAY_MS);
    const young = await api.store({ attempt: late.ref.attempt });
    api.service.clock.advance(DAY_MS);
    const completedAt = iso(api.service.clock.now() - HOUR_MS);
    expect(await assess(late.attemptPath, completedAt)).toMatchObject({ status: 200, body: { recordings: 1 } });
    const gone = await api.call('get', late.path);
    expectProblem(gone, 410, 'recording-deleted');
    expect(gone.body).toMatchObject({ receipt: { reason: 'retention', deadline: late.recording.deleteBy } });
    expect(await deadlineOf(young)).toBe(after30Days(completedAt));
    expect(await api.service.keys('attempts/')).not.toContain(mediaKey(late.ref));
  });

  it('is not refused for one whose manifest cannot be read: its media go, and the others get their deadline', async () => {
    const late = await api.store();
    await api.service.store.put(recordingKey(late.ref, 'manifest'), Buffer.from('{'));
    api.service.clock.advance(29 * DAY_MS);
    const young = await api.store({ attempt: late.ref.attempt });
    api.service.clock.advance(DAY_MS);
    const completedAt = iso(api.service.clock.now() - HOUR_MS);
    expect((await assess(late.attemptPath, completedAt)).status).toBe(200);
    expect(await deadlineOf(young)).toBe(after30Days(completedAt));
    expect(await api.service.keys('attempts/')).not.toContain(mediaKey(late.ref));
  });

  it('in the future is refused, but for five minutes between clocks', async () => {
    const { attemptPath } = await api.create();
    const now = api.service.clock.now();
    expectProblem(await assess(attemptPath, iso(now + 5 * MINUTE_MS + 10 * SECOND_MS)), 422, 'assessment-in-future');
    expectProblem(await assess(attemptPath, '9999-12-31T23:59:59Z'), 422, 'assessment-in-future');
    expect((await assess(attemptPath, iso(now + 5 * MINUTE_MS - 10 * SECOND_MS))).status).toBe(200);
  });

  it('before the first recording is refused, but for five minutes between clocks', async () => {
    const { attemptPath, recording } = await api.create();
    const begun = Date.parse(recording.createdAt);
    expectProblem(await assess(attemptPath, iso(begun - 5 * MINUTE_MS - 1)), 422, 'assessment-before-recording');
    expectProblem(await assess(attemptPath, '1970-01-01T00:00:00Z'), 422, 'assessment-before-recording');
    expect((await assess(attemptPath, iso(begun - 5 * MINUTE_MS))).status).toBe(200);
  });

  it('of an attempt without recordings is kept, and lets none begin', async () => {
    const attemptPath = `/v1/exams/math/attempts/${newAttempt()}`;
    expect((await assess(attemptPath, iso(api.service.clock.now()))).body.recordings).toBe(0);
    const body = {
      participantId: 'p',
      kind: 'audio',
      contentType: 'audio/webm',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
    };
    expectProblem(await api.call('post', `${attemptPath}/recordings`, { body }), 409, 'attempt-assessed');
  });

  it.each([
    '',
    'now',
    '2026-01-02',
    '2026-01-02T10:00:00',
    '2026-02-30T10:00:00Z',
    '2026-01-02T25:00:00Z',
    '2026-01-02 10:00:00Z',
    '20260102T100000Z',
    '+012026-01-02T10:00:00Z',
    `2026-01-02T10:00:00.${'0'.repeat(40)}Z`,
  ])('at "%s" is refused', async (completedAt) => {
    const { attemptPath } = await api.create();
    expectProblem(await assess(attemptPath, completedAt), 422, 'invalid-request');
  });

  it('while the store is away is not confirmed, and can be reported again', async () => {
    const { attemptPath, ref } = await api.create();
    const completedAt = iso(api.service.clock.now());
    const mend = store.failOn('put', `attempts/acme/math/${ref.attempt}/assessed/`);
    expectProblem(await assess(attemptPath, completedAt), 503, 'store-unavailable');
    mend();
    expectProblem(await api.call('get', `${attemptPath}/assessment`), 404, 'assessment-not-found');
    expect((await assess(attemptPath, completedAt)).status).toBe(200);
  });
});

describe('a deadline', () => {
  it('never moves later, whatever is reported in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -6 * 60, max: 6 * 60 }), { minLength: 2, maxLength: 6 }),
        async (seconds) => {
          const created = await api.create();
          const begun = Date.parse(created.recording.createdAt);
          let deadline: string | undefined;
          for (const offset of seconds) {
            const answer = await assess(created.attemptPath, iso(begun + offset * SECOND_MS));
            expect([200, 409, 422]).toContain(answer.status);
            const next = await deadlineOf(created);
            if (deadline !== undefined) expect(next <= deadline).toBe(true);
            if (answer.status === 200) {
              expect(answer.body.deleteBy).toBe(next);
              deadline = next;
            }
          }
        },
      ),
      { numRuns: 10 },
    );
  });

  it('is that of the earliest of several that are reported at once', async () => {
    const stored = await api.store();
    const now = api.service.clock.now();
    const times = [0, 1, 2, 3, 4].map((minutes) => iso(now - minutes * MINUTE_MS));
    const answers = await Promise.all(times.map((completedAt) => assess(stored.attemptPath, completedAt)));
    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect(answers.at(-1)?.status).toBe(200);
    expect(await deadlineOf(stored)).toBe(after30Days(times.at(-1) ?? ''));
  });

  it('is written on media that are completed after the assessment', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const completedAt = iso(api.service.clock.now());
    await assess(created.attemptPath, completedAt);
    const { body } = await api.call('post', `${created.path}/complete`);
    expect(body).toMatchObject({ state: 'stored', assessment: { completedAt }, deleteBy: after30Days(completedAt) });
    expect(await api.service.store.tags(mediaKey(created.ref))).toEqual({
      'delete-by': after30Days(completedAt),
      'assessment-completed-at': completedAt,
    });
  });

  it('is that of the earlier of two on the media too, whichever writes its tags last', async () => {
    const stored = await api.store();
    const later = iso(api.service.clock.now());
    const earlier = iso(api.service.clock.now() - MINUTE_MS);
    const held = store.holdNext('tag');
    const slow = assess(stored.attemptPath, later);
    await held.reached;
    expect((await assess(stored.attemptPath, earlier)).status).toBe(200);
    held.release();
    expect(await slow).toMatchObject({ status: 200, body: { completedAt: earlier, deleteBy: after30Days(earlier) } });
    expect(await api.service.store.tags(mediaKey(stored.ref))).toEqual({
      'delete-by': after30Days(earlier),
      'assessment-completed-at': earlier,
    });
  });

  it.each(['getStart', 'tag'] as const)(
    'is written on media whose completion it overtook before its %s',
    async (call) => {
      const created = await api.create();
      await api.upload(created, webm);
      const held = store.holdNext(call);
      const completing = api.call('post', `${created.path}/complete`);
      await held.reached;
      const completedAt = iso(api.service.clock.now());
      await assess(created.attemptPath, completedAt);
      held.release();
      expect((await completing).body).toMatchObject({ deleteBy: after30Days(completedAt) });
      expect(await api.service.store.tags(mediaKey(created.ref))).toMatchObject({
        'assessment-completed-at': completedAt,
      });
    },
  );

  it('is sooner for a tenant that ordered so; nothing is shown after it, and a late report deletes', async () => {
    const short = await startApi({ policy: { byTenantMs: new Map([['acme', 14 * DAY_MS]]) } });
    const created = await short.store();
    const other = await short.store({ tenant: 'other' });
    short.service.clock.advance(20 * DAY_MS);
    const completedAt = created.recording.createdAt;
    const deleteBy = iso(Date.parse(completedAt) + 14 * DAY_MS);
    const read = await short.call('get', created.path);
    expectProblem(read, 410, 'recording-expired');
    expect(read.body.deadline).toBe(deleteBy);
    expect((await assess(created.attemptPath, completedAt, short)).body).toMatchObject({ deleteBy, recordings: 0 });
    expectProblem(await short.call('get', created.path), 410, 'recording-deleted');
    const as = { tenant: 'other' };
    const answer = await short.call('put', `${other.attemptPath}/assessment`, {
      as,
      body: { completedAt: other.recording.createdAt },
    });
    expect(answer.body.deleteBy).toBe(after30Days(other.recording.createdAt));
  });
});
