// Pages of other origins: those in CORS_ORIGINS may call and read what they need, no other may.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { RESPONSE_HEADERS } from '../../src/http/response-headers.ts';
import { ATTEMPT_PATH, bearer, type Service, startService } from './support.ts';

const ALLOWED = ['https://exams.example', 'https://review.example:8443'] as const;
const RECORDINGS = `${ATTEMPT_PATH}/recordings`;
let service: Service;
beforeEach(async () => {
  service = await startService({ corsOrigins: ALLOWED, rateLimitPerMinute: 10 });
});

function send(origin: string, method = 'GET', headers: Record<string, string> = {}): Promise<Response> {
  return fetch(service.url + RECORDINGS, { method, headers: { origin, ...headers } });
}
const list = (value: string | null) => (value ?? '').split(',').map((item) => item.trim());

describe.each(ALLOWED)('a page of %s', (origin) => {
  it('is answered its preflight without a token, for every method and header of the API', async () => {
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
    const { status, headers } = await send(origin, 'OPTIONS', asked);
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

  it('may read every header that is documented, of refusals too', async () => {
    for (const headers of [{ authorization: await bearer() }, {}]) {
      const answer = await send(origin, 'GET', headers);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(list(answer.headers.get('access-control-expose-headers'))).toEqual(Object.keys(RESPONSE_HEADERS));
      expect(list(answer.headers.get('vary'))).toContain('Origin');
    }
  });
});

describe.each([
  'https://evil.example',
  'https://exams.example.evil.example',
  'https://exams.example:444',
  'http://exams.example',
  'https://EXAMS.example',
  'null',
  '*',
])('a page of %s', (origin) => {
  it('is told of no permission', async () => {
    const asked = { 'access-control-request-method': 'PUT' };
    for (const answer of [await send(origin), await send(origin, 'OPTIONS', asked)]) {
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(list(answer.headers.get('vary'))).toContain('Origin');
    }
  });
});

it('without the setting no page is let in, and OPTIONS tells the methods alone', async () => {
  const closed = await startService();
  const answer = await fetch(closed.url + RECORDINGS, {
    method: 'OPTIONS',
    headers: { origin: ALLOWED[0], 'access-control-request-method': 'POST' },
  });
  expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD']);
  expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
});

it('what needs no token is for no page of another origin either', async () => {
  for (const path of ['/livez', '/metrics', '/docs', '/openapi.json']) {
    const answer = await fetch(service.url + path, { headers: { origin: ALLOWED[0] } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  }
});
