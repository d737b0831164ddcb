// A reviewer's link, the restriction that stops it, and the access log that tells of both.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { auditPrefix, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import type { AccessLogPage } from '../../src/recordings/access-log.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { createAuditTrail } from '../../src/storage/audit-trail.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const DESK = { scope: 'privacy:manage', sub: 'desk' };
const REASON = 'accuracy contested';
type Of = Pick<CreatedRecording, 'path'>;

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const link = ({ path }: Of, by = api, reason?: string) =>
  by.call<{ url: string; expiresAt: string }>('post', `${path}/playback-links`, {
    as: { scope: 'recordings:review', sub: 'reviewer' },
    ...(reason === undefined ? {} : { body: { reason } }),
  });
const readLog = ({ path }: Of, by = api) => by.call<AccessLogPage>('get', `${path}/access-log`, { as: DESK });
const logOf = async (recording: Of, by = api) => (await readLog(recording, by)).body.items;
const restrict = ({ path }: Of, by = api, reason = REASON) =>
  by.call<Recording>('put', `${path}/restriction`, { as: DESK, body: { reason } });
const lift = ({ path }: Of, by = api, query = '', body?: object) =>
  by.call<Recording>('delete', `${path}/restriction${query}`, { as: DESK, ...(body ? { body } : {}) });
const erase = ({ path }: Of) => api.call('delete', `${path}?reason=erasure`, { as: DESK });

describe('a playback link', () => {
  it('plays the very bytes that were uploaded in parts, from anywhere, and no cache may keep them', async () => {
    const file = enlargeWebm(webm, 12 * MIB);
    const stored = await api.store({}, file);
    const { status, body } = await link(stored);
    expect(status).toBe(201);
    const played = await api.service.testStore.fetch(body.url);
    expect(played.status).toBe(200);
    expect(played.headers.get('content-type')).toBe(stored.recording.contentType);
    expect(played.headers.get('cache-control')).toBe('private, no-store');
    expect(Buffer.from(await played.arrayBuffer()).equals(file)).toBe(true);
    const [from, to] = [5 * MIB - 10, 5 * MIB + 9];
    const part = await api.service.testStore.fetch(body.url, { headers: { range: `bytes=${from}-${to}` } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(file.subarray(from, to + 1))).toBe(true);
  });

  it('lives ten minutes', async () => {
    const { body } = await link(await api.store());
    const { clock, testStore } = api.service;
    // A signature has its time in whole seconds.
    const signedMs = clock.now() - (clock.now() % SECOND_MS);
    expect(Date.parse(body.expiresAt)).toBe(signedMs + 10 * MINUTE_MS);
    clock.advance(10 * MINUTE_MS - SECOND_MS);
    expect((await testStore.fetch(body.url)).status).toBe(200);
    clock.advance(2 * SECOND_MS);
    expect((await testStore.fetch(body.url)).status).toBe(403);
  });

  it.each([false, true])('ends at the deadline, and there is none from then on; assessed: %s', async (isAssessed) => {
    const late = await startApi({ policy: { afterAssessmentMs: DAY_MS } });
    const created = await late.store();
    if (isAssessed) {
      const body = { completedAt: created.recording.createdAt };
      await late.call('put', `${created.attemptPath}/assessment`, { body });
    }
    const { deleteBy } = (await late.call<Recording>('get', created.path)).body;
    const { clock } = late.service;
    clock.advance(Date.parse(deleteBy) - clock.now() - MINUTE_MS);
    const { body } = await link(created, late);
    expect(Date.parse(body.expiresAt)).toBeLessThanOrEqual(Date.parse(deleteBy));
    expect(Number(new URL(body.url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(60);
    clock.advance(MINUTE_MS);
    const refused = await link(created, late);
    expectProblem(refused, 410, 'recording-expired');
    expect(refused.body).toMatchObject({ deadline: deleteBy });
  });

  it('is written down before it is handed out, with who asked and why', async () => {
    const created = await api.store();
    const mend = store.failOn('put', 'audit/');
    const failed = await link(created);
    mend();
    expectProblem(failed, 503, 'store-unavailable');
    expect(JSON.stringify(failed)).not.toContain('X-Amz');
    expect((await readLog(created)).body).toEqual({ items: [], nextCursor: null });

    const { body, headers } = await link(created, api, 'second assessor');
    const event = {
      at: new Date(api.service.clock.now()).toISOString(),
      event: 'link-issued',
      actor: 'reviewer',
      requestId: headers['x-request-id'],
      reason: 'second assessor',
      detail: `until ${body.expiresAt}`,
    };
    expect((await readLog(created)).body).toEqual({ items: [event], nextCursor: null });
    const [key = ''] = await api.service.keys(auditPrefix(api.service.clock.now(), created.ref));
    expect(JSON.parse(Buffer.from((await api.service.store.get(key)) ?? []).toString())).toEqual({
      ...event,
      tenantId: 'acme',
      examId: 'math',
      attemptId: created.ref.attempt,
      recordingId: created.ref.recording,
    });
    await Promise.all([link(created), link(created), link(created)]);
    expect(await logOf(created)).toHaveLength(4);
  });

  it('is refused for a recording that is not complete or was erased, which is written down too', async () => {
    const [uploading, erased] = [await api.create(), await api.store()];
    expectProblem(await link(uploading), 409, 'recording-not-stored');
    expect(await logOf(uploading)).toMatchObject([{ event: 'link-refused', detail: 'recording-not-stored' }]);
    await erase(erased);
    expectProblem(await link(erased), 410, 'recording-deleted');
    expect(await logOf(erased)).toMatchObject([
      { event: 'erased', actor: 'desk', reason: 'erasure' },
      { event: 'link-refused', actor: 'reviewer', detail: 'recording-deleted' },
    ]);
    const before = await api.service.keys('audit/');
    expectProblem(await link({ path: `${erased.attemptPath}/recordings/${UNKNOWN_RECORDING}` }), 404);
    // What never was leaves no trace: nobody can fill the bucket with made-up ids.
    expect(await api.service.keys('audit/')).toEqual(before);
  });
});

describe('the access log', () => {
  it.each([
    ['just after midnight by a process whose clock is behind', MINUTE_MS, -4 * MINUTE_MS],
    ['just before midnight by a process whose clock is ahead', -MINUTE_MS, 4 * MINUTE_MS],
  ])('tells what was written %s', async (_, afterMidnightMs, offMs) => {
    const other = await startApi();
    const { clock, store } = other.service;
    clock.advance(DAY_MS - (clock.now() % DAY_MS) + afterMidnightMs);
    const created = await other.create();
    const trail = createAuditTrail(store, () => clock.now() + offMs, randomBytes);
    await trail.record({ event: 'link-issued', ref: created.ref, actor: 'reviewer', requestId: 'r' });
    expect(await logOf(created, other)).toHaveLength(1);
  });

  it('tells the whole story, over days and beyond the deletion, until the receipt is gone too', async () => {
    const late = await startApi();
    const stored = await late.store();
    await link(stored, late, 'torn');
    // What cannot be read is left out.
    const [torn = ''] = await late.service.keys(auditPrefix(late.service.clock.now(), stored.ref));
    await late.service.store.put(torn, Buffer.from('{"at":'));
    await link(stored, late);
    late.service.clock.advance(3 * DAY_MS);
    await restrict(stored, late);
    await link(stored, late);
    late.service.clock.advance(10 * DAY_MS);
    await lift(stored, late, '?reason=case%20closed');
    await late.call('get', '/v1/participants/p-1/export');
    late.service.clock.advance(17 * DAY_MS);
    await link(stored, late);
    await late.service.sweep();
    await link(stored, late);
    const story = [
      { event: 'link-issued', detail: expect.stringMatching(/^until /) },
      { event: 'restricted', actor: 'desk', reason: REASON, detail: null },
      { event: 'link-refused', actor: 'reviewer', detail: 'recording-restricted' },
      { event: 'unrestricted', actor: 'desk', reason: 'case closed', detail: null },
      { event: 'exported', detail: expect.stringMatching(/^link until /) },
      { event: 'link-refused', detail: 'recording-expired' },
      { event: 'link-refused', detail: 'recording-deleted' },
    ];
    expect(await logOf(stored, late)).toMatchObject(story);
    late.service.clock.advance(300 * DAY_MS);
    expect(await logOf(stored, late)).toMatchObject(story);
    late.service.clock.advance(66 * DAY_MS);
    await late.service.sweep();
    expectProblem(await readLog(stored, late), 404, 'recording-not-found');
  });
});

describe('a restriction', () => {
  it('stops playback while it stands, and may be put on twice and lifted twice', async () => {
    const stored = await api.store();
    const mark = () => api.service.store.get(recordingKey(stored.ref, 'restricted'));
    const restricted = { status: 200, body: { ...stored.recording, restricted: true } };
    expect(await restrict(stored)).toMatchObject(restricted);
    const first = await mark();
    expect(await restrict(stored, api, 'another')).toMatchObject(restricted);
    // The first reason stands; the audit trail has both.
    expect(await mark()).toEqual(first);
    expectProblem(await link(stored), 423, 'recording-restricted');
    expect((await api.call('get', stored.path)).body).toEqual(restricted.body);
    expect(await lift(stored)).toMatchObject({ status: 200, body: stored.recording });
    expect((await link(stored)).status).toBe(201);
    expect((await lift(stored, api, '', { reason: 'in the body' })).status).toBe(200);
    expect((await logOf(stored)).map(({ event, reason }) => [event, reason])).toEqual([
      ['restricted', REASON],
      ['restricted', 'another'],
      ['link-refused', null],
      ['unrestricted', null],
      ['link-issued', null],
      ['unrestricted', 'in the body'],
    ]);
  });

  it.each(['create', 'store'] as const)('does not touch the deadline: all is deleted on time (%s)', async (how) => {
    const late = await startApi();
    const created = await late[how]();
    expect((await restrict(created, late)).body).toEqual({ ...created.recording, restricted: true });
    late.service.clock.advance(30 * DAY_MS);
    await late.service.sweep();
    await expectNothingLeft(late.service.store, created.ref);
    expectProblem(await restrict(created, late), 410, 'recording-deleted');
    expectProblem(await lift(created, late), 410, 'recording-deleted');
  });

  it('is neither put on nor lifted as done while the audit trail cannot be written', async () => {
    const stored = await api.store();
    const fails = async (act: typeof restrict) => {
      const mend = store.failOn('put', 'audit/');
      expectProblem(await act(stored), 503, 'store-unavailable');
      mend();
    };
    await fails(restrict);
    expect((await restrict(stored)).status).toBe(200);
    await fails(lift);
    expectProblem(await link(stored), 423, 'recording-restricted');
    expect((await lift(stored)).status).toBe(200);
    expect((await logOf(stored)).map(({ event }) => event)).toEqual(['restricted', 'link-refused', 'unrestricted']);
  });

  it('that an erasure overtakes leaves nothing behind', async () => {
    const stored = await api.store();
    const held = store.holdNext('put');
    const restricting = restrict(stored);
    await held.reached;
    expect((await erase(stored)).status).toBe(200);
    held.release();
    expectProblem(await restricting, 410, 'recording-deleted');
    expect(await api.service.keys(recordingPrefix(stored.ref))).toEqual([]);
  });
});
