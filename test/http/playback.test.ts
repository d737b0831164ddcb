// A reviewer's link, the restriction that stops it, and the access log that records both.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createAuditTrail } from '../../src/bucket/audit-trail.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { AccessLogPage } from '../../src/recordings/access-log.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { auditPrefix, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

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
  it('plays the very bytes that were uploaded, for ten minutes', async () => {
    const stored = await api.store();
    const { status, body } = await link(stored);
    expect(status).toBe(201);
    const { clock, testStore } = api.service;
    // A signature has its time in whole seconds.
    const signedMs = clock.now() - (clock.now() % SECOND_MS);
    expect(Date.parse(body.expiresAt)).toBe(signedMs + 10 * MINUTE_MS);
    clock.advance(10 * MINUTE_MS - SECOND_MS);
    const played = await testStore.fetch(body.url);
    expect(played.status).toBe(200);
    expect(played.headers.get('content-type')).toBe(stored.recording.contentType);
    expect(played.headers.get('cache-control')).toBe('private, no-store');
    expect(Buffer.from(await played.arrayBuffer()).equals(webm)).toBe(true);
    clock.advance(2 * SECOND_MS);
    expect((await testStore.fetch(body.url)).status).toBe(403);
  });

  it.each([
    ['of a recording that nobody assessed', 30],
    ['that an assessment brings', 1],
  ])('does not outlive the deadline %s', async (_, days) => {
    const own = await startApi({ policy: { afterAssessmentMs: DAY_MS } });
    const stored = await own.store();
    const completedAt = stored.recording.createdAt;
    if (days === 1) await own.call('put', `${stored.attemptPath}/assessment`, { body: { completedAt } });
    const deadlineMs = Date.parse(completedAt) + days * DAY_MS;
    const { clock } = own.service;
    clock.advance(deadlineMs - MINUTE_MS - clock.now());
    const { body } = await link(stored, own);
    expect(Date.parse(body.expiresAt)).toBeLessThanOrEqual(deadlineMs);
    expect(Number(new URL(body.url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(60);
    clock.advance(MINUTE_MS);
    const refused = await link(stored, own);
    expectProblem(refused, 410, 'recording-expired');
    expect(refused.body).toMatchObject({ deadline: new Date(deadlineMs).toISOString() });
  });

  it('is audited before it is handed out or refused, with its caller and reason', async () => {
    const [created, begun] = [await api.store(), await api.create()];
    const restore = store.failOn('put', 'audit/');
    const failed = await link(created);
    expectProblem(failed, 503, 'store-unavailable');
    expect(JSON.stringify(failed)).not.toContain('X-Amz');
    expectProblem(await link(begun), 503, 'store-unavailable');
    restore();
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
    await Promise.all([link(created), link(created), link(created)]);
    expect(await logOf(created)).toHaveLength(4);
  });

  it('is refused for a recording that is not complete or was erased, which is written down too', async () => {
    const created = await api.create();
    expectProblem(await link(created), 409, 'recording-not-stored');
    await erase(created);
    expectProblem(await link(created), 410, 'recording-deleted');
    expect(await logOf(created)).toMatchObject([
      { event: 'link-refused', detail: 'recording-not-stored' },
      { event: 'erased', actor: 'desk', reason: 'erasure' },
      { event: 'link-refused', actor: 'reviewer', detail: 'recording-deleted' },
    ]);
  });
});

describe('the access log', () => {
  it.each([
    ['just after midnight by a process whose clock is behind', MINUTE_MS, -4 * MINUTE_MS],
    ['just before midnight by a process whose clock is ahead', -MINUTE_MS, 4 * MINUTE_MS],
  ])('has what was written %s', async (_, afterMidnightMs, offMs) => {
    const other = await startApi();
    const { clock, store } = other.service;
    clock.advance(DAY_MS - (clock.now() % DAY_MS) + afterMidnightMs);
    const created = await other.create();
    const trail = createAuditTrail(store, () => clock.now() + offMs, randomBytes);
    await trail.record({ event: 'link-issued', ref: created.ref, actor: 'reviewer', requestId: 'r' });
    expect(await logOf(created, other)).toHaveLength(1);
  });

  it('has every event, over days and after the deletion, until the receipt expires too', async () => {
    const late = await startApi();
    const [stored, ...others] = [await late.store(), await late.create(), await late.store()] as const;
    await link(stored, late, 'torn');
    // What cannot be read is left out.
    const [torn = ''] = await late.service.keys(auditPrefix(late.service.clock.now(), stored.ref));
    await late.service.store.put(torn, Buffer.from('{"at":'));
    await link(stored, late);
    late.service.clock.advance(3 * DAY_MS);
    await restrict(stored, late);
    for (const other of others) {
      expect((await restrict(other, late)).body).toEqual({ ...other.recording, restricted: true });
    }
    await link(stored, late);
    late.service.clock.advance(10 * DAY_MS);
    await lift(stored, late, '?reason=case%20closed');
    await late.call('get', '/v1/participants/p-1/export');
    late.service.clock.advance(17 * DAY_MS);
    await link(stored, late);
    await late.service.sweep();
    // A restriction does not move the deadline.
    for (const { ref } of others) await expectNothingLeft(late.service.store, ref);
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
  it('stops playback until it is lifted, may be set twice and lifted twice, and is audited before it takes effect', async () => {
    const stored = await api.store();
    const mark = () => api.service.store.get(recordingKey(stored.ref, 'restricted'));
    const restricted = { status: 200, body: { ...stored.recording, restricted: true } };
    const expectFailure = async (act: typeof restrict) => {
      const restore = store.failOn('put', 'audit/');
      expectProblem(await act(stored), 503, 'store-unavailable');
      restore();
    };
    await expectFailure(restrict);
    expect(await restrict(stored)).toMatchObject(restricted);
    const first = await mark();
    expect(await restrict(stored, api, 'another')).toMatchObject(restricted);
    // The first reason is kept; the audit trail records both.
    expect(await mark()).toEqual(first);
    await expectFailure(lift);
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

  it.each([
    ['restricted', { status: 423, code: 'recording-restricted', act: restrict }],
    ['erased', { status: 410, code: 'recording-deleted', act: erase }],
  ] as const)('no link is handed out of what was %s while its link was audited', async (_, { status, code, act }) => {
    const stored = await api.store();
    const held = store.holdNext('put');
    const linking = link(stored);
    await held.reached;
    expect((await act(stored)).status).toBe(200);
    api.service.clock.advance(2 * SECOND_MS);
    held.release();
    expectProblem(await linking, status, code);
    expect(await logOf(stored)).toContainEqual(expect.objectContaining({ event: 'link-refused', detail: code }));
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
