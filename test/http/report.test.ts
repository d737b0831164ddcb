// GET /v1/report: the auditor's report, as JSON and as a page; of a whole tenant, to nobody who is bound to less.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/model/durations.ts';
import type { Report } from '../../src/recordings/report-schema.ts';
import { type Api, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const DESK = { scope: 'privacy:manage' };
let api: Api;
beforeAll(async () => {
  api = await startApi();
  const { path } = await api.store({ exam: 'history' });
  await api.call('delete', `${path}?reason=erasure`);
  await api.store({ exam: 'history' });
});

const read = (query = '', as = {}) => api.call<Report>('get', `/v1/report${query}`, { as: { ...DESK, ...as } });

describe('the report', () => {
  it('is of the tenant of the token, and of the period that is asked for', async () => {
    const { status, body } = await read();
    expect(status).toBe(200);
    expect(body).toMatchObject({ tenantId: 'acme', verdict: { answer: 'yes' }, totals: { deleted: 1, held: 1 } });
    expect((await read('', { tenant: 'other' })).body).toMatchObject({ tenantId: 'other', totals: { held: 0 } });
    const from = new Date(api.service.clock.now() + 2).toISOString();
    api.service.clock.advance(DAY_MS);
    const to = '2099-01-01T01:00:00%2B01:00';
    expect((await read(`?from=${from}&to=${to}`)).body).toMatchObject({ period: { from }, totals: { deleted: 0 } });
  });

  it('takes a day as its first moment in UTC', async () => {
    const { body } = await read('?from=2026-01-01&to=2099-12-31');
    expect(body).toMatchObject({ period: { from: '2026-01-01T00:00:00.000Z' } });
  });

  it.each([
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from: Must be before to.'],
    ['from=2026-01-02&to=2026-01-02', 'from: Must be before to.'],
    ['from=2099-01-01T00:00:00Z', 'from: Must be before now.'],
    ['from=2026-02-30', 'from: Must be a day in UTC, such as 2026-11-02, or a time '],
    ['to=1793000000', 'to: Must be a day in UTC, such as 2026-11-02, or a time '],
    ['since=2026-01-01T00:00:00Z', 'since: Is not known here.'],
  ])('refuses a period that is none: %s', async (query, detail) => {
    const answer = await read(`?${query}`);
    expectProblem(answer, 422, 'invalid-request');
    expect(answer.body).toMatchObject({ detail: expect.stringContaining(detail) });
  });

  it.each([
    [{ exam: 'history' }, 'wrong-attempt'],
    [{ exam: 'history', attempt: 'a' }, 'wrong-attempt'],
    [{ participant: 'p-1' }, 'wrong-participant'],
  ] as const)('is refused to a token that is bound: %j', async (bound, code) => {
    expectProblem(await read('', bound), 403, code);
  });

  it('is a page where that is preferred, to be saved under a name', async () => {
    const headers = {
      authorization: await api.authorization(DESK),
      accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
    };
    const answer = await fetch(`${api.url}/v1/report`, { headers });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-disposition': expect.stringMatching(/^attachment; filename=deletion-report-acme-\d{4}-\d\d-\d\d\.html$/),
      'cache-control': 'no-store',
      vary: expect.stringContaining('Accept'),
    });
    expect(await answer.text()).toMatch(/^<!doctype html>[\s\S]*Was everything deleted in time\?/);
  });

  it('takes a place among the exports, and gives it back', async () => {
    const { exportPlaces } = api.service.context;
    const release = Promise.withResolvers<void>();
    const held = ['one', 'two'].map(() => exportPlaces.whileMaking('acme', () => release.promise));
    expectProblem(await read(), 503, 'exports-busy');
    release.resolve();
    await Promise.all(held);
    expect((await read()).status).toBe(200);
    expectProblem(await read('?from=2099-01-01T00:00:00Z'), 422, 'invalid-request');
    for (let again = 0; again < 3; again += 1) expect((await read()).status).toBe(200);
  });
});
