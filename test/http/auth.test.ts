// Who gets in: how a token becomes a principal, whose signatures are believed, and for how long.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { signToken } from '../../src/commands/token.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import { HttpError } from '../../src/http/problem-codes.ts';
import { rememberVerified } from '../../src/http/verified-tokens.ts';
import { ALL_SCOPES, type Api, SECRET, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 9);

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
    const scope = 'recordings:upload  recordings:review';
    const claims = { tenant: 'acme', scope, sub: 'client:7', exam: 'e', attempt: 'a' };
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
    ['a tenant that is a list', { tenant: ['acme'] }],
    ['an attempt without its exam', { tenant: 'acme', attempt: 'a' }],
    ['an exam of another type', { tenant: 'acme', exam: null }],
    ['an attempt of another type', { tenant: 'acme', exam: 'e', attempt: 7 }],
    ['an empty exam', { tenant: 'acme', exam: '' }],
    ['scopes of another type', { tenant: 'acme', scope: 7 }],
  ])('is refused with %s', async (_, claims) => {
    expect(await codeOf(authenticator()(await header(claims as JWTPayload)))).toBe('token-invalid');
  });

  it('expires, for those who were let in with it before too', async () => {
    let nowMs = NOW_MS;
    const authenticate = authenticator({ now: () => nowMs });
    const token = await header({ tenant: 'acme' }, 2000);
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 1999;
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 2000;
    expect(await codeOf(authenticate(token))).toBe('token-expired');
    expect(await codeOf(authenticator({ now: () => nowMs })(token))).toBe('token-expired');
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

  it('must be of the issuer and for the audience that are set', async () => {
    const strict = authenticator({ issuer: 'https://id.example', audience: 'recordings' });
    const right = { tenant: 'acme', iss: 'https://id.example', aud: 'recordings' };
    expect(await codeOf(strict(await header(right)))).toBe('accepted');
    expect(await codeOf(strict(await header({ ...right, iss: 'https://other.example' })))).toBe('token-invalid');
    expect(await codeOf(strict(await header({ ...right, aud: 'other' })))).toBe('token-invalid');
  });

  it('is refused with more than 8 KiB', async () => {
    expect(await codeOf(authenticator()(`Bearer ${'a'.repeat(8193)}`))).toBe('token-invalid');
  });

  it.each([undefined, '', 'Bearer', 'Basic dXNlcjpwYXNz', 'Bearer a b'])('is missing from %s', async (value) => {
    expect(await codeOf(authenticator()(value))).toBe('token-missing');
  });
});

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const PATH = '/v1/exams/math/recordings';
const ACCEPTED = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const REFUSED = ['ES384', 'RS512', 'PS384'];
const claims = () => ({
  tenant: 'acme',
  scope: ALL_SCOPES,
  sub: 'tester',
  exp: Math.floor(api.service.clock.now() / SECOND_MS) + 600,
});

interface Pair {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

const pairs = new Map<string, Pair>();
const servers: Server[] = [];
let api: Api;

async function serve(answer: () => { status?: number; body: string }): Promise<URL> {
  const server = createServer((_req, res) => {
    const { status = 200, body } = answer();
    res.writeHead(status, { 'content-type': 'application/jwk-set+json' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
}

beforeAll(async () => {
  for (const alg of [...ACCEPTED, ...REFUSED]) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    pairs.set(alg, { publicKey, privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' } });
  }
  const keys = [...pairs.values()].map(({ jwk }) => jwk);
  api = await startApi({ keys: { jwksUrl: await serve(() => ({ body: JSON.stringify({ keys }) })) } });
});

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

function pairOf(alg: string): Pair {
  const pair = pairs.get(alg);
  if (!pair) throw new Error(`no keys of ${alg}`);
  return pair;
}

async function signed(
  alg: string,
  header: { kid?: string } = { kid: alg },
  payload: JWTPayload = claims(),
): Promise<string> {
  const token = await new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(pairOf(alg).privateKey);
  return `Bearer ${token}`;
}

const get = (authorization: string, by = api) => by.call('get', PATH, { authorization });

describe('a token that is signed with a key of the issuer', () => {
  it.each(ACCEPTED)('is accepted with %s', async (alg) => {
    expect((await get(await signed(alg))).status).toBe(200);
  });

  it.each(REFUSED)('is refused with %s', async (alg) => {
    expectProblem(await get(await signed(alg)), 401, 'token-invalid');
  });

  it('is refused when it has expired, or has no expiry', async () => {
    const { exp, ...forever } = claims();
    expectProblem(await get(await signed('ES256', undefined, { ...forever, exp: exp - 3600 })), 401, 'token-expired');
    expectProblem(await get(await signed('ES256', undefined, forever)), 401, 'token-invalid');
  });

  it('is refused with the key id of another, or of nobody', async () => {
    for (const kid of ['RS256', 'EdDSA', 'nobody', '../jwks', '__proto__', '']) {
      expectProblem(await get(await signed('ES256', { kid })), 401, 'token-invalid');
    }
  });

  it('reaches the tenant that it names, and no other', async () => {
    await api.service.begin({ tenant: 'acme' });
    const other = await get(await signed('ES256', undefined, { ...claims(), tenant: 'other' }));
    expect(other.body).toEqual({ items: [], nextCursor: null });
    expect((await get(await signed('ES256'))).body.items).toHaveLength(1);
  });
});

describe('a token that is forged', () => {
  it('with the public key for a shared secret is refused', async () => {
    for (const alg of ACCEPTED) {
      const { publicKey, jwk } = pairOf(alg);
      for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? jwk.x ?? '']) {
        const key = Buffer.from(secret.padEnd(32, '='));
        const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: alg }).sign(key);
        expectProblem(await get(`Bearer ${token}`), 401, 'token-invalid');
      }
    }
  });

  it('without a signature is refused', async () => {
    for (const alg of ['none', 'None', '']) {
      const forged = `Bearer ${encode({ alg, kid: 'ES256' })}.${encode(claims())}.`;
      expectProblem(await get(forged), 401, 'token-invalid');
    }
  });

  it('with a key of its own, in the header or somewhere else, is refused', async () => {
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(own.publicKey);
    const jku = (await serve(() => ({ body: JSON.stringify({ keys: [{ ...jwk, kid: 'ES256' }] }) }))).href;
    for (const header of [{}, { jwk }, { jku }, { x5u: jku }]) {
      const token = await new SignJWT(claims())
        .setProtectedHeader({ alg: 'ES256', kid: 'ES256', ...header })
        .sign(own.privateKey);
      expectProblem(await get(`Bearer ${token}`), 401, 'token-invalid');
    }
  });

  it('by a change of its claims is refused', async () => {
    const [head = '', , signature = ''] = (await signed('ES256')).split('.');
    const forged = `${head}.${encode({ ...claims(), tenant: 'other' })}.${signature}`;
    expectProblem(await get(forged), 401, 'token-invalid');
  });
});

describe('while the keys of the issuer cannot be had', () => {
  it.each([
    ['its server is down', undefined],
    ['its server fails', { status: 500, body: 'oops' }],
    ['its server answers with something else', { body: '<html>' }],
    ['its server answers with no keys', { body: '{"keys":"none"}' }],
  ])('because %s, nobody is let in and nobody is blamed', async (_, answer) => {
    const jwksUrl = await serve(() => answer ?? { body: '' });
    if (!answer) {
      const down = servers.at(-1)?.close();
      if (down) await once(down, 'close');
    }
    const dark = await startApi({ keys: { jwksUrl } });
    const refused = await get(await signed('ES256'), dark);
    expectProblem(refused, 503, 'auth-unavailable');
    expect(refused.headers['retry-after']).toBe('5');
    expectProblem(await dark.call('get', PATH, { as: null }), 401, 'token-missing');
    expect((await dark.call('get', '/livez', { as: null })).status).toBe(200);
  });
});

function remembering() {
  const clock = { nowMs: NOW_MS };
  const verifications: string[] = [];
  let refusal: Error | undefined;
  const principalFor = rememberVerified(
    async (token) => {
      verifications.push(token);
      if (refusal) throw refusal;
      return { principal: `who has ${token}`, expiresAtMs: NOW_MS + HOUR_MS };
    },
    () => clock.nowMs,
  );
  const refuse = (error: Error | undefined) => {
    refusal = error;
  };
  return { clock, verifications, principalFor, refuse };
}

describe('a token that was verified', () => {
  it('is verified once, and is its own principal each time', async () => {
    const { verifications, principalFor } = remembering();
    for (const token of ['a', 'b', 'a', 'b']) expect(await principalFor(token)).toBe(`who has ${token}`);
    expect(verifications).toEqual(['a', 'b']);
  });

  it('is verified again after a minute, and refused when its key is gone', async () => {
    const { clock, verifications, principalFor, refuse } = remembering();
    await principalFor('a');
    refuse(new Error('the issuer took its key back'));
    clock.nowMs += MINUTE_MS - 1;
    expect(await principalFor('a')).toBe('who has a');
    clock.nowMs += 1;
    await expect(principalFor('a')).rejects.toThrow('took its key back');
    expect(verifications).toEqual(['a', 'a']);
  });

  it('that was refused is verified the next time', async () => {
    const { verifications, principalFor, refuse } = remembering();
    refuse(new Error('the issuer is away'));
    await expect(principalFor('a')).rejects.toThrow('is away');
    refuse(undefined);
    expect(await principalFor('a')).toBe('who has a');
    expect(verifications).toEqual(['a', 'a']);
  });
});

it('a flood of valid tokens takes bounded memory: the oldest are verified again', async () => {
  const { verifications, principalFor } = remembering();
  for (let index = 0; index <= 20_000; index += 1) await principalFor(String(index));
  await principalFor('20000');
  expect(verifications).toHaveLength(20_001);
  await principalFor('0');
  expect(verifications).toHaveLength(20_002);
});

describe('a call', () => {
  let shared: Api;
  beforeAll(async () => {
    shared = await startApi();
  });

  const upload = 'recordings:upload';
  const bound = { scope: upload, exam: 'math', attempt: 'a' };

  it.each([
    ['/v1/exams/math/attempts/a/recordings', { exam: 'math', attempt: 'a' }],
    ['/v1/exams/math/attempts/a/recordings', { exam: 'math' }],
    ['/v1/exams/math/recordings', { exam: 'math' }],
  ])('for %s is open to a token that is bound to %j', async (path, as) => {
    expect((await shared.call('get', path, { as })).status).toBe(200);
  });

  it.each([
    ['privacy:manage', { scope: 'privacy:manage' }, 'erasure', 'recording-not-found'],
    ['an unbound upload token', { scope: upload }, 'consent-withdrawn', 'scope-missing'],
    ['an upload token bound to the exam only', { scope: upload, exam: 'math' }, 'consent-withdrawn', 'scope-missing'],
    ['the bound upload token', bound, 'consent-withdrawn', 'recording-not-found'],
    ['the bound upload token', bound, 'erasure', 'reason-not-allowed'],
    ['a token bound elsewhere', { ...bound, attempt: 'b' }, 'consent-withdrawn', 'wrong-attempt'],
    ['a review token', { scope: 'recordings:review' }, 'consent-withdrawn', 'scope-missing'],
    ['privacy:manage', { scope: 'privacy:manage' }, 'boredom', 'invalid-request'],
  ])('that deletes by %s (%j) for %s: %s', async (_, as, reason, code) => {
    const path = `/v1/exams/math/attempts/a/recordings/${UNKNOWN_RECORDING}?reason=${reason}`;
    expect((await shared.call('delete', path, { as })).body).toMatchObject({ code });
  });
});

describe('the rate limit', () => {
  /** A minute that ends meanwhile lets more calls through, never fewer. */
  async function acceptedBeforeRefusal(limited: Api, next: () => Promise<string>): Promise<number> {
    for (let accepted = 0; ; accepted += 1) {
      const answer = await limited.call('get', PATH, { authorization: await next() });
      if (answer.status !== 429) continue;
      expectProblem(answer, 429, 'rate-limited');
      expect(answer.headers.ratelimit).toBeDefined();
      return accepted;
    }
  }

  it('counts each token by itself', async () => {
    const limited = await startApi({ rateLimitPerMinute: 3 });
    const one = await limited.authorization({ sub: 'one' });
    expect(await acceptedBeforeRefusal(limited, async () => one)).toBeGreaterThanOrEqual(3);
    expect((await limited.call('get', PATH, { as: { sub: 'two' } })).status).toBe(200);
    expect((await limited.call('get', '/livez', { as: null })).status).toBe(200);
  });

  it('counts made-up tokens by their address, and not against those that are real', async () => {
    const limited = await startApi({ rateLimitPerMinute: 2 });
    expect(await acceptedBeforeRefusal(limited, async () => `Bearer ${randomUUID()}`)).toBeGreaterThanOrEqual(2);
    expect((await limited.call('get', PATH)).status).toBe(200);
  });
});
