// POST …/playback-links: what a reviewer is given, for how long, and what is written down first.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { auditPrefix, recordingKey } from '../../src/domain/keys.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const file = enlargeWebm(webm, 12 * MIB);
const store = createInterventions();
let api: Api;
let stored: CreatedRecording;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
  stored = await api.store({}, file);
});

interface Link {
  readonly url: string;
  readonly expiresAt: string;
}

function link({ path }: CreatedRecording, by = api, body?: object) {
  return by.call<Link>('post', `${path}/playback-links`, {
    as: { scope: 'recordings:review' },
    ...(body ? { body } : {}),
  });
}

async function auditOf({ ref }: CreatedRecording, by = api): Promise<Record<string, unknown>[]> {
  const keys = await by.service.keys(auditPrefix(by.service.clock.now(), ref));
  const bodies = await Promise.all(keys.map((key) => by.service.store.get(key)));
  return bodies.map((body) => JSON.parse(Buffer.from(body ?? []).toString()) as Record<string, unknown>);
}

describe('a playback link', () => {
  it('plays the very bytes that were uploaded in parts, and no cache may keep them', async () => {
    const answer = await link(stored);
    expect(answer).toMatchObject({ status: 201, body: { url: expect.any(String), expiresAt: expect.any(String) } });
    const played = await api.service.testStore.fetch(answer.body.url);
    expect(played.status).toBe(200);
    expect(played.headers.get('content-type')).toBe(stored.recording.contentType);
    expect(played.headers.get('cache-control')).toBe('private, no-store');
    expect(Buffer.from(await played.arrayBuffer()).equals(file)).toBe(true);
  });

  it.each([
    ['bytes=0-99', 0, 99],
    [`bytes=${5 * MIB - 10}-${5 * MIB + 9}`, 5 * MIB - 10, 5 * MIB + 9],
    ['bytes=-100', 12 * MIB - 100, 12 * MIB - 1],
    [`bytes=${12 * MIB - 5}-`, 12 * MIB - 5, 12 * MIB - 1],
    [`bytes=${12 * MIB - 5}-${20 * MIB}`, 12 * MIB - 5, 12 * MIB - 1],
  ])('plays from anywhere: %s', async (range, from, to) => {
    const { body } = await link(stored);
    const played = await api.service.testStore.fetch(body.url, { headers: { range } });
    expect(played.status).toBe(206);
    expect(played.headers.get('content-range')).toBe(`bytes ${from}-${to}/${12 * MIB}`);
    expect(Buffer.from(await played.arrayBuffer()).equals(file.subarray(from, to + 1))).toBe(true);
  });

  it('has nothing beyond the end', async () => {
    const { body } = await link(stored);
    expect((await api.service.testStore.fetch(body.url, { headers: { range: `bytes=${12 * MIB}-` } })).status).toBe(
      416,
    );
  });

  it('lives ten minutes', async () => {
    const brief = await startApi();
    const { body } = await link(await brief.store(), brief);
    // A signature has its time in whole seconds.
    const signedMs = brief.service.clock.now() - (brief.service.clock.now() % SECOND_MS);
    expect(Date.parse(body.expiresAt)).toBe(signedMs + 10 * MINUTE_MS);
    expect(new URL(body.url).searchParams.get('X-Amz-Expires')).toBe('600');
    brief.service.clock.advance(10 * MINUTE_MS - SECOND_MS);
    expect((await brief.service.testStore.fetch(body.url)).status).toBe(200);
    brief.service.clock.advance(2 * SECOND_MS);
    expect((await brief.service.testStore.fetch(body.url)).status).toBe(403);
  });

  it('is written to the audit trail, with who asked and why', async () => {
    const created = await api.store();
    const answer = await link(created, api, { reason: 'second assessor' });
    expect(await auditOf(created)).toEqual([
      {
        at: expect.any(String),
        event: 'link-issued',
        tenantId: 'acme',
        examId: 'math',
        attemptId: created.ref.attempt,
        recordingId: created.ref.recording,
        actor: 'tester',
        requestId: answer.headers['x-request-id'],
        reason: 'second assessor',
        detail: `until ${answer.body.expiresAt}`,
      },
    ]);
    await Promise.all([link(created), link(created), link(created)]);
    expect(await auditOf(created)).toHaveLength(4);
  });

  it('is not handed out when the audit trail cannot be written', async () => {
    const created = await api.store();
    const mend = store.failOn('put', 'audit/');
    const answer = await link(created);
    mend();
    expectProblem(answer, 503, 'store-unavailable');
    expect(JSON.stringify(answer)).not.toContain('X-Amz');
    expect(await auditOf(created)).toEqual([]);
  });
});

describe('there is no playback link', () => {
  it('of a recording that is not complete', async () => {
    const created = await api.create();
    expectProblem(await link(created), 409, 'recording-not-stored');
    expect(await auditOf(created)).toEqual([
      expect.objectContaining({ event: 'link-refused', detail: 'recording-not-stored' }),
    ]);
  });

  it('of one that is restricted, and the refusal is in the audit trail', async () => {
    const created = await api.store();
    await api.service.store.put(recordingKey(created.ref, 'restricted'), new Uint8Array());
    expectProblem(await link(created), 423, 'recording-restricted');
    expect(await auditOf(created)).toEqual([expect.objectContaining({ event: 'link-refused', actor: 'tester' })]);
    expect((await api.call('get', created.path)).body).toEqual({ ...created.recording, restricted: true });
  });

  it('of one that was erased, or never was', async () => {
    const created = await api.store();
    await api.call('delete', `${created.path}?reason=erasure`);
    expectProblem(await link(created), 410, 'recording-deleted');
    expect(await auditOf(created)).toEqual([
      expect.objectContaining({ event: 'erased' }),
      expect.objectContaining({ event: 'link-refused', detail: 'recording-deleted', actor: 'tester' }),
    ]);
    const before = await api.service.keys('audit/');
    const unknown = { ...created, path: `${created.attemptPath}/recordings/${UNKNOWN_RECORDING}` };
    expectProblem(await link(unknown), 404, 'recording-not-found');
    // What never was leaves no trace: nobody can fill the bucket with made-up ids.
    expect(await api.service.keys('audit/')).toEqual(before);
  });
});

describe('the deadline of a recording', () => {
  it('ends a link early, and then all links', async () => {
    const late = await startApi();
    const created = await late.store();
    const deadlineMs = Date.parse(created.recording.deleteBy);
    late.service.clock.advance(deadlineMs - late.service.clock.now() - MINUTE_MS);
    const { body } = await link(created, late);
    expect(Date.parse(body.expiresAt)).toBeLessThanOrEqual(deadlineMs);
    expect(Number(new URL(body.url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(60);
    late.service.clock.advance(MINUTE_MS);
    const refused = await link(created, late);
    expectProblem(refused, 410, 'recording-expired');
    expect(refused.body).toMatchObject({ deadline: created.recording.deleteBy });
    expect(await auditOf(created, late)).toEqual([
      expect.objectContaining({ event: 'link-issued' }),
      expect.objectContaining({ event: 'link-refused', detail: 'recording-expired' }),
    ]);
  });

  it('comes with the assessment', async () => {
    const late = await startApi({ policy: { afterAssessmentMs: DAY_MS } });
    const created = await late.store();
    const completedAt = created.recording.createdAt;
    await late.call('put', `${created.attemptPath}/assessment`, { body: { completedAt } });
    late.service.clock.advance(DAY_MS - MINUTE_MS);
    expect(Date.parse((await link(created, late)).body.expiresAt)).toBeLessThanOrEqual(
      Date.parse(completedAt) + DAY_MS,
    );
    late.service.clock.advance(MINUTE_MS);
    expectProblem(await link(created, late), 410, 'recording-expired');
  });
});
