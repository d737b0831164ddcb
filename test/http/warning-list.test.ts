// GET …/recordings?assessed=&dueBefore=: what a controller looks at before something is lost, in every combination.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';

interface Page {
  readonly items: Recording[];
  readonly nextCursor: string | null;
}

/** A tenant with an order of its own, and one without; each has the same sittings. */
const TENANTS = { brief: 14, acme: 30 } as const;
type Tenant = keyof typeof TENANTS;

let api: Api;
const made: { tenant: Tenant; recording: CreatedRecording; deadlineMs: number; assessed: boolean }[] = [];

beforeAll(async () => {
  api = await startApi({ policy: { byTenantMs: new Map([['brief', 14 * DAY_MS]]) } });
  const { clock } = api.service;
  for (const [day, attempt] of ['a', 'b', 'c', 'd'].entries()) {
    for (const tenant of Object.keys(TENANTS) as Tenant[]) {
      const retentionMs = TENANTS[tenant] * DAY_MS;
      for (let count = 0; count < 2; count += 1) {
        const recording = await api.create({ tenant, exam: 'law', attempt });
        const deadlineMs = Date.parse(recording.recording.createdAt) + retentionMs;
        made.push({ tenant, recording, deadlineMs, assessed: false });
      }
      if (day % 2 === 0) continue;
      const completedAtMs = clock.now();
      const answer = await api.call('put', `/v1/exams/law/attempts/${attempt}/assessment`, {
        as: { tenant, scope: 'assessments:write' },
        body: { completedAt: new Date(completedAtMs).toISOString() },
      });
      expect(answer.status).toBe(200);
      for (const [index, one] of made.entries()) {
        if (one.tenant !== tenant || one.recording.ref.attempt !== attempt) continue;
        made[index] = { ...one, deadlineMs: completedAtMs + retentionMs, assessed: true };
      }
    }
    clock.advance(DAY_MS);
  }
});

async function walk(tenant: Tenant, path: string, query: string, limit: number): Promise<Recording[]> {
  const items: Recording[] = [];
  let cursor = '';
  for (;;) {
    const answer = await api.call<Page>('get', `${path}?limit=${limit}${query}${cursor}`, {
      as: { tenant, scope: 'recordings:review' },
    });
    expect(answer.status).toBe(200);
    expect(answer.body.items.length).toBeLessThanOrEqual(limit);
    items.push(...answer.body.items);
    if (answer.body.nextCursor === null) return items;
    cursor = `&cursor=${answer.body.nextCursor}`;
  }
}

const combinations = (Object.keys(TENANTS) as Tenant[]).flatMap((tenant) =>
  [undefined, true, false].flatMap((assessed) =>
    [undefined, 0, 1.5, 2.5, 40].map((days) => ({ tenant, assessed, days })),
  ),
);

describe('recordings of an exam, by assessment and deadline', () => {
  it.each(combinations)('%o', async ({ tenant, assessed, days }) => {
    const own = made.filter((one) => one.tenant === tenant);
    const first = Math.min(...own.map(({ deadlineMs }) => deadlineMs));
    const beforeMs = days === undefined ? undefined : first + days * DAY_MS;
    const wanted = own.filter(
      (one) =>
        (assessed === undefined || one.assessed === assessed) && (beforeMs === undefined || one.deadlineMs < beforeMs),
    );
    const before = beforeMs === undefined ? '' : `&dueBefore=${new Date(beforeMs).toISOString()}`;
    const query = `${assessed === undefined ? '' : `&assessed=${assessed}`}${before}`;
    for (const limit of [1, 3, 200]) {
      const items = await walk(tenant, '/v1/exams/law/recordings', query, limit);
      expect(items.map(({ recordingId }) => recordingId).toSorted()).toEqual(
        wanted.map(({ recording }) => recording.ref.recording).toSorted(),
      );
      for (const item of items) {
        const one = own.find(({ recording }) => recording.ref.recording === item.recordingId);
        expect(Date.parse(item.deleteBy)).toBe(one?.deadlineMs);
      }
    }
    const ofAttempt = await walk(tenant, '/v1/exams/law/attempts/a/recordings', query, 1);
    expect(ofAttempt).toHaveLength(wanted.filter(({ recording }) => recording.ref.attempt === 'a').length);
  });

  it('agrees with the warning of the sweep', async () => {
    const { clock, sweepContext } = api.service;
    clock.advance(7 * DAY_MS + HOUR_MS);
    const { dueSoonUnassessed } = await api.service.sweep();
    const untilMs = clock.now() + sweepContext.leadMs + 3 * DAY_MS;
    const query = `&assessed=false&dueBefore=${new Date(untilMs).toISOString()}`;
    const items = await walk('brief', '/v1/exams/law/recordings', query, 200);
    const earliest = items.map(({ deleteBy }) => deleteBy).toSorted()[0];
    expect(items.length).toBeGreaterThan(0);
    expect(dueSoonUnassessed).toEqual([{ tenant: 'brief', count: items.length, earliest }]);
  });
});
