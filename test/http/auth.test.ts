// Who gets in: tokens, scopes, and what a bound token reaches.
import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import request from 'supertest';
import { signToken } from '../../src/commands/token.ts';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import { HttpError } from '../../src/http/problem-codes.ts';
import {
  ATTEMPT_PATH,
  bearer,
  CREATE_BODY,
  listen,
  SECRET,
  startService,
  UNKNOWN_RECORDING,
  urlOf,
} from './support.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 9);
const HOUR_MS = 3_600_000;

function authenticator(options: Partial<AuthOptions> = {}) {
  return createAuthenticator({
    keys: { sharedSecret: SECRET },
    tenantClaim: 'tenant',
    scopeClaim: 'scope',
    now: () => NOW_MS,
    ...options,
  });
}

async function header(claims: JWTPayload, ttlMs = HOUR_MS): Promise<string> {
  return `Bearer ${await signToken(SECRET, claims, ttlMs, NOW_MS)}`;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof HttpError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('a token signed with the shared secret', () => {
  it('becomes a principal', async () => {
    const claims = {
      tenant: 'acme',
      scope: 'recordings:upload  recordings:review',
      sub: 'client:7',
      exam: 'e',
      attempt: 'a',
    };
    expect(await authenticator()(await header(claims))).toEqual({
      tenant: 'acme',
      actor: 'client:7',
      scopes: new Set(['recordings:upload', 'recordings:review']),
      exam: 'e',
      attempt: 'a',
    });
  });

  it('takes the scheme in any case, and scopes as a list', async () => {
    const lowercase = (await header({ tenant: 'acme', scope: ['recordings:upload'] })).replace('Bearer', 'bearer');
    expect((await authenticator()(lowercase)).scopes).toEqual(new Set(['recordings:upload']));
  });

  it.each([
    ['person@example.org', /^sha256:[0-9a-f]{16}$/],
    ['a'.repeat(129), /^sha256:[0-9a-f]{16}$/],
    ['auth0|5f7c', /^auth0\|5f7c$/],
    [undefined, /^unknown$/],
  ])('makes the subject %s opaque', async (sub, actor) => {
    const claims = { tenant: 'acme', ...(sub === undefined ? {} : { sub }) };
    expect((await authenticator()(await header(claims))).actor).toMatch(actor);
  });

  it('reads the tenant and the scopes from the claims that are set', async () => {
    const read = authenticator({ tenantClaim: 'https://example.org/org', scopeClaim: 'permissions' });
    const principal = await read(await header({ 'https://example.org/org': 'acme', permissions: 'recordings:review' }));
    expect(principal).toMatchObject({ tenant: 'acme', scopes: new Set(['recordings:review']) });
  });

  it.each([
    ['no tenant', {}],
    ['a tenant that is an address', { tenant: 'a@example.org' }],
    ['a tenant that climbs', { tenant: '../acme' }],
    ['a tenant that is a list', { tenant: ['acme'] }],
    ['an attempt without its exam', { tenant: 'acme', attempt: 'a' }],
    ['an exam of another type', { tenant: 'acme', exam: null }],
    ['an attempt of another type', { tenant: 'acme', exam: 'e', attempt: 7 }],
    ['an empty exam', { tenant: 'acme', exam: '' }],
    ['scopes of another type', { tenant: 'acme', scope: 7 }],
    ['not valid yet', { tenant: 'acme', nbf: NOW_MS / 1000 + 60 }],
  ])('is refused with %s', async (_, claims) => {
    expect(await codeOf(authenticator()(await header(claims as JWTPayload)))).toBe('token-invalid');
  });

  it('expires', async () => {
    const token = await header({ tenant: 'acme' }, 1000);
    expect(await codeOf(authenticator()(token))).toBe('accepted');
    expect(await codeOf(authenticator({ now: () => NOW_MS + 1000 })(token))).toBe('token-expired');
  });

  it('expires for those who were let in with it before', async () => {
    let nowMs = NOW_MS;
    const authenticate = authenticator({ now: () => nowMs });
    const token = await header({ tenant: 'acme' }, 2000);
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 1999;
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 2000;
    expect(await codeOf(authenticate(token))).toBe('token-expired');
  });

  it('opens nothing for a token that is like one that was let in', async () => {
    const authenticate = authenticator();
    const token = await header({ tenant: 'acme' });
    const [head = '', , signature = ''] = token.split('.');
    expect(await codeOf(authenticate(token))).toBe('accepted');
    const others = [
      token.slice(0, -1),
      token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')),
      `${head}.${encode({ tenant: 'other', exp: 9e9 })}.${signature}`,
      token.replace(signature, ''),
    ];
    for (const other of others) expect(await codeOf(authenticate(other))).toBe('token-invalid');
    expect(await codeOf(authenticate(token))).toBe('accepted');
  });

  it('means nothing to a service with another secret, whoever let it in before', async () => {
    const token = await header({ tenant: 'acme' });
    expect(await codeOf(authenticator()(token))).toBe('accepted');
    const other = authenticator({ keys: { sharedSecret: 'another secret of thirty-two bytes or more' } });
    expect(await codeOf(other(token))).toBe('token-invalid');
  });

  it('needs an expiry', async () => {
    const token = await new SignJWT({ tenant: 'acme' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));
    expect(await codeOf(authenticator()(`Bearer ${token}`))).toBe('token-invalid');
  });

  it('must be of the issuer and for the audience that are set', async () => {
    const strict = authenticator({ issuer: 'https://id.example', audience: 'recordings' });
    const right = { tenant: 'acme', iss: 'https://id.example', aud: 'recordings' };
    expect(await codeOf(strict(await header(right)))).toBe('accepted');
    expect(await codeOf(strict(await header({ ...right, iss: 'https://other.example' })))).toBe('token-invalid');
    expect(await codeOf(strict(await header({ ...right, aud: 'other' })))).toBe('token-invalid');
  });

  it.each([
    ['another secret', async () => `Bearer ${await signToken('x'.repeat(40), { tenant: 'acme' }, HOUR_MS, NOW_MS)}`],
    [
      'a changed payload',
      async () => (await header({ tenant: 'acme' })).replace(/\.[^.]+\./, `.${encode({ tenant: 'other', exp: 9e9 })}.`),
    ],
    ['no signature', async () => `Bearer ${encode({ alg: 'none' })}.${encode({ tenant: 'acme', exp: 9e9 })}.`],
    ['no structure', async () => 'Bearer hello'],
    ['more than 8 KiB', async () => `Bearer ${'a'.repeat(8193)}`],
  ])('is refused with %s', async (_, make) => {
    expect(await codeOf(authenticator()(await make()))).toBe('token-invalid');
  });

  it.each([undefined, '', 'Bearer', 'Basic dXNlcjpwYXNz', 'Bearer a b'])('is missing from %s', async (value) => {
    expect(await codeOf(authenticator()(value))).toBe('token-missing');
  });
});

describe('a token signed by an issuer with a JWKS', () => {
  async function issuer() {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }];
    const server = await listen(createServer((_req, res) => res.end(JSON.stringify({ keys }))));
    const sign = (kid: string) =>
      new SignJWT({ tenant: 'acme' }).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime(9e9).sign(privateKey);
    return { server, jwksUrl: new URL(urlOf(server)), sign, publicJwk: keys[0] };
  }

  it('is accepted', async () => {
    const { jwksUrl, sign } = await issuer();
    expect(await codeOf(authenticator({ keys: { jwksUrl } })(`Bearer ${await sign('one')}`))).toBe('accepted');
  });

  it('is refused with a key that the issuer does not have', async () => {
    const { jwksUrl, sign } = await issuer();
    expect(await codeOf(authenticator({ keys: { jwksUrl } })(`Bearer ${await sign('two')}`))).toBe('token-invalid');
  });

  it('is refused when the public key was used as a shared secret', async () => {
    const { jwksUrl, publicJwk } = await issuer();
    const forged = await new SignJWT({ tenant: 'acme' })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setExpirationTime(9e9)
      .sign(Buffer.from(JSON.stringify(publicJwk)));
    expect(await codeOf(authenticator({ keys: { jwksUrl } })(`Bearer ${forged}`))).toBe('token-invalid');
  });

  it('cannot be checked while the issuer is away, which is no fault of the caller', async () => {
    const { jwksUrl, sign, server } = await issuer();
    const token = await sign('one');
    await new Promise((resolve) => {
      server.close(resolve);
    });
    expect(await codeOf(authenticator({ keys: { jwksUrl } })(`Bearer ${token}`))).toBe('auth-unavailable');
  });
});

describe('a call', () => {
  it('without a token is a 401 that says how', async () => {
    const { server } = await startService();
    const answer = await request(server).get(`${ATTEMPT_PATH}/recordings`);
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ code: 'token-missing', status: 401 });
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it('takes no token from the query', async () => {
    const { server } = await startService();
    const token = (await bearer()).slice('Bearer '.length);
    const answer = await request(server).get(`${ATTEMPT_PATH}/recordings?access_token=${token}`);
    expect(answer.body).toMatchObject({ code: 'token-missing' });
  });

  it.each([
    ['post', '/recordings', 'recordings:review', 'recordings:upload'],
    ['get', '/recordings', 'recordings:upload', 'recordings:review'],
    ['put', '/assessment', 'recordings:review', 'assessments:write'],
    ['get', '/assessment', 'recordings:upload', 'assessments:write or recordings:review'],
  ] as const)('%s %s with %s alone is refused, and told what it needs', async (method, path, scope, needed) => {
    const { server } = await startService();
    const answer = await request(server)
      [method](ATTEMPT_PATH + path)
      .set('authorization', await bearer({ scope }));
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ code: 'scope-missing' });
    expect(answer.body.detail).toContain(needed);
  });

  it('with a bound token reaches its own sitting alone', async () => {
    const { server } = await startService();
    const authorization = await bearer({ exam: 'exam-1', attempt: 'attempt-1' });
    const codeAt = async (path: string) => {
      const answer = await request(server).get(path).set('authorization', authorization);
      return answer.status === 200 ? 'ok' : answer.body.code;
    };
    expect(await codeAt(`${ATTEMPT_PATH}/recordings`)).toBe('ok');
    expect(await codeAt('/v1/exams/exam-1/attempts/attempt-2/recordings')).toBe('wrong-attempt');
    expect(await codeAt('/v1/exams/exam-2/attempts/attempt-1/recordings')).toBe('wrong-attempt');
    expect(await codeAt('/v1/exams/exam-1/recordings')).toBe('wrong-attempt');
    expect(await codeAt(`${ATTEMPT_PATH}/recordings/${UNKNOWN_RECORDING}`)).toBe('recording-not-found');
  });

  it('for a recording of another tenant is a 404', async () => {
    const { server } = await startService();
    const created = await request(server)
      .post(`${ATTEMPT_PATH}/recordings`)
      .set('authorization', await bearer())
      .send(CREATE_BODY);
    expect(created.status).toBe(201);
    const path = created.headers.location ?? '';
    expect(
      (
        await request(server)
          .get(path)
          .set('authorization', await bearer())
      ).status,
    ).toBe(200);
    const foreign = await request(server)
      .get(path)
      .set('authorization', await bearer({ tenant: 'other' }));
    expect(foreign.body).toMatchObject({ status: 404, code: 'recording-not-found' });
  });
});

describe('deleting', () => {
  const path = `${ATTEMPT_PATH}/recordings/${UNKNOWN_RECORDING}`;
  const upload = 'recordings:upload';
  const bound = { scope: upload, exam: 'exam-1', attempt: 'attempt-1' };

  it.each([
    ['privacy:manage', { scope: 'privacy:manage' }, 'erasure', 'recording-not-found'],
    ['an unbound upload token', { scope: upload }, 'consent-withdrawn', 'scope-missing'],
    ['an upload token bound to the exam only', { scope: upload, exam: 'exam-1' }, 'consent-withdrawn', 'scope-missing'],
    ['the bound upload token', bound, 'consent-withdrawn', 'recording-not-found'],
    ['the bound upload token', bound, 'erasure', 'reason-not-allowed'],
    ['a token bound elsewhere', { ...bound, attempt: 'attempt-2' }, 'consent-withdrawn', 'wrong-attempt'],
    ['a review token', { scope: 'recordings:review' }, 'consent-withdrawn', 'scope-missing'],
    ['privacy:manage', { scope: 'privacy:manage' }, 'boredom', 'invalid-request'],
  ])('by %s (%j) for %s: %s', async (_, claims, reason, code) => {
    const { server } = await startService();
    const answer = await request(server)
      .delete(`${path}?reason=${reason}`)
      .set('authorization', await bearer(claims));
    expect(answer.body).toMatchObject({ code });
  });
});

describe('the rate limit', () => {
  it('counts each token by itself', async () => {
    const { server } = await startService({ rateLimitPerMinute: 2 });
    const get = async (authorization: string) =>
      request(server).get(`${ATTEMPT_PATH}/recordings`).set('authorization', authorization);
    const one = await bearer({ sub: 'one' });
    expect((await get(one)).status).toBe(200);
    expect((await get(one)).status).toBe(200);
    const refused = await get(one);
    expect(refused.body).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers.ratelimit).toBeDefined();
    expect((await get(await bearer({ sub: 'two' }))).status).toBe(200);
  });

  it('counts made-up tokens by their address, and not against those that are real', async () => {
    const { server } = await startService({ rateLimitPerMinute: 2 });
    const get = async (authorization: string) =>
      request(server).get(`${ATTEMPT_PATH}/recordings`).set('authorization', authorization);
    const statuses = [];
    for (const guess of ['a', 'b', 'c']) statuses.push((await get(`Bearer ${guess}`)).status);
    expect(statuses).toEqual([401, 401, 429]);
    expect((await get(await bearer())).status).toBe(200);
  });
});

it('never writes a token or an address into the log', async () => {
  const { server, log } = await startService();
  const authorization = await bearer({ sub: 'person@example.org' });
  await request(server).get(`${ATTEMPT_PATH}/recordings?cursor=person@example.org`).set('authorization', authorization);
  await request(server).get('/v1/exams/a@example.org/recordings').set('authorization', authorization);
  await request(server).get(`${ATTEMPT_PATH}/recordings`).set('authorization', `${authorization}x`);
  const text = JSON.stringify(log());
  expect(log().length).toBeGreaterThanOrEqual(3);
  expect(text).not.toMatch(/eyJ|@|cursor/);
});

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
