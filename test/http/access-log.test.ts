// GET …/access-log: who was given a recording, when and why; and every refusal.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import type { AccessLogPage } from '../../src/recordings/access-log.ts';
import { createAuditTrail } from '../../src/storage/audit-trail.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const read = ({ path }: Pick<CreatedRecording, 'path'>, by = api) =>
  by.call<AccessLogPage>('get', `${path}/access-log`, { as: { scope: 'privacy:manage' } });
const link = ({ path }: CreatedRecording, by = api, reason?: string) =>
  by.call('post', `${path}/playback-links`, {
    as: { scope: 'recordings:review', sub: 'reviewer' },
    ...(reason === undefined ? {} : { body: { reason } }),
  });
const eventsIn = ({ items }: AccessLogPage) => items.map(({ event, detail }) => [event, detail]);

describe('the access log', () => {
  it('of a recording that nobody has asked for is empty', async () => {
    expect((await read(await api.create())).body).toEqual({ items: [], nextCursor: null });
  });

  it('tells who was given a link, when and why', async () => {
    const stored = await api.store();
    const answer = await link(stored, api, 'second assessor');
    expect(await read(stored)).toMatchObject({
      status: 200,
      body: {
        items: [
          {
            at: expect.stringMatching(/Z$/),
            event: 'link-issued',
            actor: 'reviewer',
            reason: 'second assessor',
            detail: `until ${String(answer.body.expiresAt)}`,
            requestId: answer.headers['x-request-id'],
          },
        ],
        nextCursor: null,
      },
    });
  });

  it.each([
    ['just after midnight by a process whose clock is behind', MINUTE_MS, -4 * MINUTE_MS],
    ['just before midnight by a process whose clock is ahead', -MINUTE_MS, 4 * MINUTE_MS],
  ])('tells what was written %s', async (_, afterMidnightMs, offMs) => {
    const other = await startApi();
    const { clock, store } = other.service;
    clock.advance(DAY_MS - (clock.now() % DAY_MS) + afterMidnightMs);
    const { ref, path } = await other.create();
    const trail = createAuditTrail(store, () => clock.now() + offMs, randomBytes);
    await trail.record({ event: 'link-issued', ref, actor: 'reviewer', requestId: 'r' });
    expect((await read({ path }, other)).body.items).toHaveLength(1);
  });

  it('tells the whole story, over days and beyond the deletion, until the receipt is gone too', async () => {
    const late = await startApi();
    const stored = await late.store();
    await link(stored, late);
    late.service.clock.advance(3 * DAY_MS);
    await late.call('put', `${stored.path}/restriction`, { body: { reason: 'contested' } });
    await link(stored, late);
    late.service.clock.advance(10 * DAY_MS);
    await late.call('delete', `${stored.path}/restriction`);
    await late.call('get', '/v1/participants/p-1/export');
    late.service.clock.advance(17 * DAY_MS);
    await link(stored, late);
    await late.service.sweep();
    await link(stored, late);
    const story = [
      ['link-issued', expect.stringMatching(/^until /)],
      ['restricted', null],
      ['link-refused', 'recording-restricted'],
      ['unrestricted', null],
      ['exported', expect.stringMatching(/^link until /)],
      ['link-refused', 'recording-expired'],
      ['link-refused', 'recording-deleted'],
    ];
    expect(eventsIn((await read(stored, late)).body)).toEqual(story);
    late.service.clock.advance(300 * DAY_MS);
    expect(eventsIn((await read(stored, late)).body)).toEqual(story);
    late.service.clock.advance(66 * DAY_MS);
    await late.service.sweep();
    expectProblem(await read(stored, late), 404, 'recording-not-found');
  });

  it('has who ordered the erasure', async () => {
    const stored = await api.store();
    await api.call('delete', `${stored.path}?reason=erasure`, { as: { scope: 'privacy:manage', sub: 'desk' } });
    expect((await read(stored)).body.items).toMatchObject([{ event: 'erased', actor: 'desk', reason: 'erasure' }]);
  });

  it('leaves out an event that cannot be read', async () => {
    const stored = await api.store();
    await link(stored, api, 'torn');
    await link(stored, api, 'whole');
    const [torn = ''] = await api.service.keys(
      `audit/${new Date(api.service.clock.now()).toISOString().slice(0, 10)}` + `/acme/math/${stored.ref.attempt}/`,
    );
    await api.service.store.put(torn, Buffer.from('{"at":'));
    expect((await read(stored)).body.items.map(({ reason }) => reason)).toEqual(['whole']);
  });
});
