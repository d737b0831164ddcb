// What needs no token (probes, metrics, documentation), what every answer carries, and pages of other origins.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { RESPONSE_HEADERS } from '../../src/http/response-headers.ts';
import { type Api, startApi } from './api.ts';

const RECORDINGS = '/v1/exams/math/attempts/a/recordings';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});

describe.each<[string, RegExp]>([
  ['/livez', /^application\/json/],
  ['/readyz', /^application\/json/],
  ['/metrics', /^text\/plain/],
  ['/openapi.json', /^application\/json/],
  ['/docs', /^text\/html/],
])('%s', (path, type) => {
  it('answers GET and HEAD without a token, and with one that is none', async () => {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await fetch(api.url + path, { method, headers });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toMatch(type);
        expect((await answer.text()).length > 0).toBe(method === 'GET');
      }
    }
  });

  it('has no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await fetch(api.url + path, { method });
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
      expect(await answer.json()).toMatchObject({ code: 'method-not-allowed' });
    }
  });
});

it.each(['/livez', '/docs', '/v1/exams/e/recordings', '/nowhere'])(
  '%s tells browsers to be strict, and not what serves it',
  async (path) => {
    const { headers } = await fetch(api.url + path);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
  },
);

describe('the service', () => {
  it.each([
    [
      () => Promise.resolve({ ready: false, reason: 'the bucket is public' }),
      { ready: false, reason: 'the bucket is public' },
    ],
    [() => Promise.reject(new Error('secret')), { ready: false, reason: 'the check itself failed' }],
  ])('is alive, and not ready: %#', async (isReady, body) => {
    const waiting = await startApi({ isReady });
    expect((await waiting.call('get', '/livez', { as: null })).body).toEqual({ status: 'ok' });
    expect(await waiting.call('get', '/readyz', { as: null })).toMatchObject({ status: 503, body });
  });

  it('measures routes and never ids', async () => {
    const sitting = { exam: 'secret-exam', attempt: 'secret-attempt' };
    const created = await api.create(sitting, { participantId: 'secret-person' });
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
});

describe('a page of another origin', () => {
  const ALLOWED = ['https://exams.example', 'https://review.example:8443'] as const;
  const PREFLIGHT = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
  let open: Api;
  beforeAll(async () => {
    open = await startApi({ corsOrigins: ALLOWED, rateLimitPerMinute: 1000 });
  });

  const send = (origin: string, method = 'GET', headers: Record<string, string> = {}) =>
    fetch(open.url + RECORDINGS, { method, headers: { origin, ...headers } });
  const list = (value: string | null) => (value ?? '').split(',').map((item) => item.trim());

  it.each(ALLOWED)('is answered its preflight without a token, for every method and header: %s', async (origin) => {
    const { status, headers } = await send(origin, 'OPTIONS', PREFLIGHT);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(list(headers.get('access-control-allow-methods'))).toEqual(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);
    expect(list(headers.get('access-control-allow-headers'))).toEqual(
      expect.arrayContaining(['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'X-Request-Id']),
    );
    expect(list(headers.get('vary'))).toContain('Origin');
    // Tokens go in a header: no page may send cookies or certificates along.
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it.each(ALLOWED)('may read every header that is documented, of refusals too: %s', async (origin) => {
    for (const [status, sent] of [[200, { authorization: await open.authorization() }] as const, [401, {}] as const]) {
      const answer = await send(origin, 'GET', sent);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(list(answer.headers.get('access-control-expose-headers'))).toEqual(Object.keys(RESPONSE_HEADERS));
      expect(list(answer.headers.get('vary'))).toContain('Origin');
    }
  });

  it.each([
    'https://evil.example',
    'https://exams.example.evil.example',
    'https://exams.example:444',
    'http://exams.example',
    'https://EXAMS.example',
    'null',
    '*',
  ])('has no permission where it is not set: %s', async (origin) => {
    for (const answer of [await send(origin), await send(origin, 'OPTIONS', PREFLIGHT)]) {
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(list(answer.headers.get('vary'))).toContain('Origin');
    }
  });

  it('has none where none is set, and OPTIONS tells the methods alone', async () => {
    const answer = await fetch(api.url + RECORDINGS, {
      method: 'OPTIONS',
      headers: { origin: ALLOWED[0], ...PREFLIGHT },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD']);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it.each(['/livez', '/metrics', '/docs', '/openapi.json'])('has none for %s', async (path) => {
    const answer = await fetch(open.url + path, { headers: { origin: ALLOWED[0] } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});
