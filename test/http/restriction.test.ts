// PUT and DELETE …/restriction: kept, described, not played, and deleted on time all the same.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { auditPrefix, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const store = createInterventions();
const DESK = { scope: 'privacy:manage', sub: 'desk' };
const REASON = 'accuracy contested';
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const restrict = ({ path }: Pick<CreatedRecording, 'path'>, reason = REASON, by = api) =>
  by.call<Recording>('put', `${path}/restriction`, { as: DESK, body: { reason } });
const lift = ({ path }: Pick<CreatedRecording, 'path'>, query = '', by = api) =>
  by.call<Recording>('delete', `${path}/restriction${query}`, { as: DESK });
const link = ({ path }: CreatedRecording, by = api) =>
  by.call<{ url: string; expiresAt: string }>('post', `${path}/playback-links`, { as: { scope: 'recordings:review' } });

async function eventsOf({ ref }: CreatedRecording): Promise<{ event: string; actor: string; reason?: string }[]> {
  const keys = await api.service.keys(auditPrefix(api.service.clock.now(), ref));
  const bodies = await Promise.all(keys.map((key) => api.service.store.get(key)));
  return bodies.map((body) => JSON.parse(Buffer.from(body ?? []).toString()));
}

describe('a restriction', () => {
  it('stops playback while it stands, and is lifted by the controller', async () => {
    const stored = await api.store();
    expect(await restrict(stored)).toMatchObject({ status: 200, body: { ...stored.recording, restricted: true } });
    expectProblem(await link(stored), 423, 'recording-restricted');
    expect((await api.call('get', stored.path)).body).toEqual({ ...stored.recording, restricted: true });
    expect(await lift(stored)).toMatchObject({ status: 200, body: stored.recording });
    expect((await link(stored)).status).toBe(201);
  });

  it('leaves earlier links the ten minutes that they have at most', async () => {
    const stored = await api.store();
    const { body } = await link(stored);
    await restrict(stored);
    expect(Date.parse(body.expiresAt)).toBeLessThanOrEqual(api.service.clock.now() + 10 * MINUTE_MS);
    expect(Number(new URL(body.url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(600);
  });

  it('says who ordered and who lifted it, and why', async () => {
    const stored = await api.store();
    await restrict(stored);
    await lift(stored, '?reason=case%20closed');
    await restrict(stored, 'once more');
    await api.call('delete', `${stored.path}/restriction`, { as: DESK, body: { reason: 'in the body' } });
    expect((await eventsOf(stored)).map(({ event, actor, reason }) => [event, actor, reason])).toEqual([
      ['restricted', 'desk', REASON],
      ['unrestricted', 'desk', 'case closed'],
      ['restricted', 'desk', 'once more'],
      ['unrestricted', 'desk', 'in the body'],
    ]);
  });

  it('may be put on twice and lifted twice: the first reason stands, every call is in the audit trail', async () => {
    const stored = await api.store();
    const first = await restrict(stored);
    const mark = await api.service.store.get(recordingKey(stored.ref, 'restricted'));
    expect((await restrict(stored, 'another')).body).toEqual(first.body);
    expect(await api.service.store.get(recordingKey(stored.ref, 'restricted'))).toEqual(mark);
    for (const round of [1, 2]) expect([round, (await lift(stored)).status]).toEqual([round, 200]);
    expect((await eventsOf(stored)).map(({ event }) => event)).toEqual([
      'restricted',
      'restricted',
      'unrestricted',
      'unrestricted',
    ]);
  });

  it('may stand on a recording that is still uploaded', async () => {
    const created = await api.create();
    expect((await restrict(created)).body).toEqual({ ...created.recording, restricted: true });
  });

  it('does not touch the deadline: the recording is deleted on time', async () => {
    const late = await startApi();
    const stored = await late.store();
    expect((await restrict(stored, REASON, late)).body.deleteBy).toBe(stored.recording.deleteBy);
    late.service.clock.advance(30 * DAY_MS);
    await late.service.sweep();
    await expectNothingLeft(late.service.store, stored.ref);
    expectProblem(await restrict(stored, REASON, late), 410, 'recording-deleted');
    expectProblem(await lift(stored, '', late), 410, 'recording-deleted');
  });

  it('is not answered as done when the audit trail cannot be written', async () => {
    const stored = await api.store();
    const mend = store.failOn('put', 'audit/');
    expectProblem(await restrict(stored), 503, 'store-unavailable');
    mend();
    expect((await restrict(stored)).status).toBe(200);
    expect(await eventsOf(stored)).toHaveLength(1);
  });

  it('is not lifted when the audit trail cannot be written', async () => {
    const stored = await api.store();
    await restrict(stored);
    const mend = store.failOn('put', 'audit/');
    expectProblem(await lift(stored), 503, 'store-unavailable');
    mend();
    expectProblem(await link(stored), 423, 'recording-restricted');
    expect((await lift(stored)).status).toBe(200);
  });

  it('that an erasure overtakes leaves nothing behind', async () => {
    const stored = await api.store();
    const held = store.holdNext('put');
    const restricting = restrict(stored);
    await held.reached;
    expect((await api.call('delete', `${stored.path}?reason=erasure`)).status).toBe(200);
    held.release();
    expectProblem(await restricting, 410, 'recording-deleted');
    await expectNothingLeft(api.service.store, stored.ref);
    expect(await api.service.keys(recordingPrefix(stored.ref))).toEqual([]);
  });
});

describe('there is no restriction', () => {
  it.each([{}, { reason: '' }, { reason: 'x'.repeat(201) }, { reason: 7 }, { reason: 'x', until: 'x' }])(
    'with the body %j',
    async (body) => {
      const created = await api.create();
      expectProblem(await api.call('put', `${created.path}/restriction`, { body }), 422, 'invalid-request');
      expect((await api.call('get', created.path)).body).toMatchObject({ restricted: false });
    },
  );
});
