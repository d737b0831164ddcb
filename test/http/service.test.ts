// What needs no token: probes, metrics and the documentation; and what holds for every path.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, startApi } from './api.ts';
import { bodyOf, CALLS, pathOf } from './calls.ts';
import { expectProblem } from './expectations.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const OPEN = [
  ['/livez', /^application\/json/],
  ['/readyz', /^application\/json/],
  ['/metrics', /^text\/plain/],
  ['/openapi.json', /^application\/json/],
  ['/docs', /^text\/html/],
] as const;

describe.each(OPEN)('%s', (path, type) => {
  it('answers without a token, to GET and HEAD', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(api.url + path, { method });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(type);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('x-powered-by')).toBeNull();
      expect((await answer.text()).length > 0).toBe(method === 'GET');
    }
  });

  it('answers the same with a token that is none', async () => {
    const answer = await fetch(api.url + path, { headers: { authorization: 'Bearer nonsense' } });
    expect(answer.status).toBe(200);
  });

  it('has no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await fetch(api.url + path, { method });
      expect({ method, status: answer.status, allow: answer.headers.get('allow') }).toEqual({
        method,
        status: 405,
        allow: 'GET, HEAD',
      });
      expect(await answer.json()).toMatchObject({ code: 'method-not-allowed' });
    }
  });
});

describe('the service', () => {
  it('is alive, and not ready while its store is not', async () => {
    const waiting = await startApi({ ready: false });
    expect((await waiting.call('get', '/livez', { as: null })).status).toBe(200);
    expect(await waiting.call('get', '/readyz', { as: null })).toMatchObject({ status: 503, body: { ready: false } });
  });

  it('documents every call of the contract, its statuses too', async () => {
    const { body } = await api.call<{ paths: Record<string, Record<string, { responses: object }>> }>(
      'get',
      '/openapi.json',
      {
        as: null,
      },
    );
    for (const { path, method } of CALLS) {
      const statuses = Object.keys(body.paths[path]?.[method]?.responses ?? {});
      expect({ path, method, statuses }).toMatchObject({
        statuses: expect.arrayContaining(['401', '403', '429', '503']),
      });
    }
  });

  it('measures routes and never ids', async () => {
    const created = await api.create(
      { exam: 'secret-exam', attempt: 'secret-attempt' },
      { participantId: 'secret-person' },
    );
    await api.call('get', created.path);
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toContain('route="/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}"');
    expect(metrics).toMatch(/http_requests_total\{method="POST",route="[^"]*",status="201"\} \d/);
    expect(metrics).not.toMatch(/secret|[0-9a-v]{36}/);
  });

  it('keeps the number of its measurements small, whatever paths are asked for', async () => {
    for (let number = 0; number < 20; number += 1) await api.call('get', `/nothing/${number}`, { as: null });
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toContain('route="unmatched",status="404"');
    expect(metrics).not.toContain('/nothing');
  });

  it.each([
    '/v2',
    '/v1/exams',
    '/v1/exams/math',
    '/v1/exams/math/attempts/a',
    '/v1/exams/math/recordings/',
    '/V1/exams/math/recordings',
    '/v1/exams/math/attempts/a/recordings/r/parts/1',
    '/.env',
    '/admin',
  ])('has nothing at %s', async (path) => {
    const answer = await api.raw('GET', path);
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ code: 'not-found', requestId: answer.headers['x-request-id'] });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('refuses methods that a call does not have, and says which it has', async () => {
    const path = '/v1/exams/math/attempts/a/assessment';
    for (const method of ['POST', 'DELETE', 'PATCH']) {
      const answer = await api.raw(method, path);
      expectProblem(answer, 405, 'method-not-allowed');
      expect(answer.headers.allow).toBe('PUT, GET, HEAD');
    }
  });

  it.each(CALLS)('refuses a parameter that means nothing: $name', async (call) => {
    const path = pathOf({ ...call, query: '' }, {});
    const answer = await api.raw(call.method.toUpperCase(), `${path}?force=true`, bodyOf(call));
    expectProblem(answer, 422, 'invalid-request');
    expect(answer.body.errors).toContainEqual({ path: 'force', message: 'Is not known here' });
  });

  it('limits the rate of a caller, and says when to come back', async () => {
    const limited = await startApi({ rateLimitPerMinute: 3 });
    const path = '/v1/exams/math/recordings';
    const authorization = await limited.authorization();
    for (let count = 0; count < 3; count += 1)
      expect((await limited.call('get', path, { authorization })).status).toBe(200);
    const refused = await limited.call('get', path, { authorization });
    expectProblem(refused, 429, 'rate-limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await limited.call('get', path, { as: { sub: 'another' } })).status).toBe(200);
    expect((await limited.call('get', '/livez', { as: null })).status).toBe(200);
  });
});
