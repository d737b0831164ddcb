// Who gets in: how a token becomes a principal, whose signatures are believed, and for how long.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, type GenerateKeyPairResult, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { signToken } from '../../src/commands/token.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import { HttpError, type ProblemCode } from '../../src/http/problem-codes.ts';
import { rememberVerified } from '../../src/http/verified-tokens.ts';
import { ALL_SCOPES, type Api, SECRET, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 9);
const ACME = { tenant: 'acme' };

function authenticator(options: Partial<AuthOptions> = {}) {
  const claims = { tenantClaim: 'tenant', scopeClaim: 'scope' };
  return createAuthenticator({ keys: { sharedSecret: SECRET }, ...claims, now: () => NOW_MS, ...options });
}

async function header(claims: object, ttlMs = HOUR_MS): Promise<string> {
  return `Bearer ${await signToken(SECRET, claims as JWTPayload, ttlMs, NOW_MS)}`;
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

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same token with other claims. */
function withClaims(token: string, claims: object): string {
  const [head, , signature] = token.split('.');
  return `${head}.${encode(claims)}.${signature}`;
}

describe('a token signed with the shared secret', () => {
  const set = { tenantClaim: 'https://example.org/org', scopeClaim: 'permissions' };
  const upload = new Set(['recordings:upload']);
  const both = new Set([...upload, 'recordings:review']);
  const hashed = expect.stringMatching(/^sha256:[0-9a-f]{16}$/);
  it.each<[string, object, object, Partial<AuthOptions>]>([
    ['whom it names', { ...ACME, sub: 'client:7' }, { tenant: 'acme', actor: 'client:7' }, {}],
    ['the attempt it is bound to', { ...ACME, exam: 'e', attempt: 'a' }, { exam: 'e', attempt: 'a' }, {}],
    ['scopes with spaces between', { ...ACME, scope: [...both].join('  ') }, { scopes: both }, {}],
    ['scopes as a list', { ...ACME, scope: ['recordings:upload'] }, { scopes: upload }, {}],
    ['the tenant claim that is set', { [set.tenantClaim]: 'b' }, { tenant: 'b' }, set],
    ['the scope claim that is set', { [set.tenantClaim]: 'b', permissions: [...upload] }, { scopes: upload }, set],
    ['an address as a hash', { ...ACME, sub: 'person@example.org' }, { actor: hashed }, {}],
    ['a long subject as a hash', { ...ACME, sub: 'a'.repeat(129) }, { actor: hashed }, {}],
    ['an opaque subject', { ...ACME, sub: 'auth0|5f7c' }, { actor: 'auth0|5f7c' }, {}],
    ['no subject', ACME, { actor: 'unknown' }, {}],
  ])('becomes a principal by %s', async (_, claims, principal, options) => {
    expect(await authenticator(options)(await header(claims))).toMatchObject(principal);
  });

  const strict = { issuer: 'https://id.example', audience: 'recordings' };
  const meant = { ...ACME, iss: strict.issuer, aud: strict.audience };
  it.each<[string, string, object, Partial<AuthOptions>]>([
    ['no tenant', 'token-invalid', {}, {}],
    ['a tenant that is an address', 'token-invalid', { tenant: 'a@example.org' }, {}],
    ['a tenant that is a list', 'token-invalid', { tenant: ['acme'] }, {}],
    ['an attempt without its exam', 'token-invalid', { ...ACME, attempt: 'a' }, {}],
    ['an exam of another type', 'token-invalid', { ...ACME, exam: null }, {}],
    ['an attempt of another type', 'token-invalid', { ...ACME, exam: 'e', attempt: 7 }, {}],
    ['an empty exam', 'token-invalid', { ...ACME, exam: '' }, {}],
    ['scopes of another type', 'token-invalid', { ...ACME, scope: 7 }, {}],
    ['the issuer and the audience that are set', 'accepted', meant, strict],
    ['another issuer', 'token-invalid', { ...meant, iss: 'https://other.example' }, strict],
    ['another audience', 'token-invalid', { ...meant, aud: 'other' }, strict],
  ])('with %s: %s', async (_, code, claims, options) => {
    expect(await codeOf(authenticator(options)(await header(claims)))).toBe(code);
  });

  it.each([
    [undefined, 'token-missing'],
    ['', 'token-missing'],
    ['Bearer', 'token-missing'],
    ['Basic dXNlcjpwYXNz', 'token-missing'],
    ['Bearer a b', 'token-missing'],
    [`Bearer ${'a'.repeat(8193)}`, 'token-invalid'],
  ])('is not read from "%.20s": %s', async (value, code) => {
    expect(await codeOf(authenticator()(value))).toBe(code);
  });

  it('takes the scheme in any case, and expires for those who were let in with it too', async () => {
    let nowMs = NOW_MS;
    const authenticate = authenticator({ now: () => nowMs });
    const token = (await header(ACME, 2000)).replace('Bearer', 'bearer');
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 1999;
    expect(await codeOf(authenticate(token))).toBe('accepted');
    nowMs = NOW_MS + 2000;
    expect(await codeOf(authenticate(token))).toBe('token-expired');
  });

  it('opens nothing for a token that is like one that was let in', async () => {
    const authenticate = authenticator();
    const token = await header(ACME);
    expect(await codeOf(authenticate(token))).toBe('accepted');
    const changed = token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
    const unsigned = token.slice(0, token.lastIndexOf('.') + 1);
    for (const other of [token.slice(0, -1), changed, unsigned, withClaims(token, { tenant: 'other', exp: 9e9 })]) {
      expect(await codeOf(authenticate(other))).toBe('token-invalid');
    }
    expect(await codeOf(authenticate(token))).toBe('accepted');
    // Nor does it open a service of another secret.
    const another = authenticator({ keys: { sharedSecret: SECRET.replace('a', 'b') } });
    expect(await codeOf(another(token))).toBe('token-invalid');
  });
});

const PATH = '/v1/exams/math/recordings';
const ACCEPTED = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const REFUSED = ['ES384', 'RS512', 'PS384'];
const pairs = new Map<string, GenerateKeyPairResult>();
const servers: Server[] = [];
let api: Api;

async function serve(body: string, status = 200): Promise<URL> {
  const server = createServer((_req, res) => res.writeHead(status).end(body)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
}

beforeAll(async () => {
  const keys = [];
  for (const alg of [...ACCEPTED, ...REFUSED]) {
    const pair = await generateKeyPair(alg, { extractable: true });
    pairs.set(alg, pair);
    keys.push({ ...(await exportJWK(pair.publicKey)), kid: alg, alg, use: 'sig' });
  }
  api = await startApi({ keys: { jwksUrl: await serve(JSON.stringify({ keys })) } });
});

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

function pairOf(alg: string): GenerateKeyPairResult {
  const pair = pairs.get(alg);
  if (!pair) throw new Error(`no keys of ${alg}`);
  return pair;
}

const nowSeconds = () => Math.floor(api.service.clock.now() / 1000);
const claims = () => ({ ...ACME, scope: ALL_SCOPES, sub: 'tester', exp: nowSeconds() + 600 });

async function signed(alg: string, header: object = {}, payload: object = {}, key = pairOf(alg).privateKey) {
  const token = new SignJWT({ ...claims(), ...payload }).setProtectedHeader({ alg, kid: alg, ...header });
  return `Bearer ${await token.sign(key)}`;
}

const get = (authorization: string, by = api) => by.call('get', PATH, { authorization });

describe('a token that is signed with a key of the issuer', () => {
  it.each(ACCEPTED)('is accepted with %s', async (alg) => {
    expect((await get(await signed(alg))).status).toBe(200);
  });

  it.each<[string, ProblemCode, () => Promise<string>]>([
    ['an algorithm that is not accepted', 'token-invalid', () => signed('ES384')],
    ['RSA that is not accepted', 'token-invalid', () => signed('RS512')],
    ['PSS that is not accepted', 'token-invalid', () => signed('PS384')],
    ['an expiry that is past', 'token-expired', () => signed('ES256', {}, { exp: nowSeconds() - 3000 })],
    ['no expiry', 'token-invalid', () => signed('ES256', {}, { exp: undefined })],
    ['the key id of another', 'token-invalid', () => signed('ES256', { kid: 'RS256' })],
    ['the key id of nobody', 'token-invalid', () => signed('ES256', { kid: 'nobody' })],
    ['a key id that is a path', 'token-invalid', () => signed('ES256', { kid: '../jwks' })],
    ['a key id that every object has', 'token-invalid', () => signed('ES256', { kid: '__proto__' })],
    ['an empty key id', 'token-invalid', () => signed('ES256', { kid: '' })],
  ])('is refused with %s: %s', async (_, code, make) => {
    expectProblem(await get(await make()), 401, code);
  });

  it('reaches the tenant that it names, and no other', async () => {
    await api.service.begin(ACME);
    const other = await get(await signed('ES256', {}, { tenant: 'other' }));
    expect(other.body).toEqual({ items: [], nextCursor: null });
    expect((await get(await signed('ES256'))).body.items).toHaveLength(1);
  });
});

describe('a token that is forged', () => {
  it.each(ACCEPTED)('with the public key of %s for a shared secret is refused', async (alg) => {
    const { publicKey } = pairOf(alg);
    const jwk = await exportJWK(publicKey);
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? jwk.x ?? '']) {
      const token = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: alg });
      expectProblem(await get(`Bearer ${await token.sign(Buffer.from(secret.padEnd(32, '=')))}`), 401, 'token-invalid');
    }
  });

  it('without a signature, or by a change of its claims, is refused', async () => {
    const unsigned = ['none', 'None', ''].map((alg) => `Bearer ${encode({ alg, kid: 'ES256' })}.${encode(claims())}.`);
    for (const forged of [...unsigned, withClaims(await signed('ES256'), { ...claims(), tenant: 'other' })]) {
      expectProblem(await get(forged), 401, 'token-invalid');
    }
  });

  it('with a key of its own, in the header or somewhere else, is refused', async () => {
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(own.publicKey);
    const jku = (await serve(JSON.stringify({ keys: [{ ...jwk, kid: 'ES256' }] }))).href;
    for (const header of [{}, { jwk }, { jku }, { x5u: jku }]) {
      expectProblem(await get(await signed('ES256', header, {}, own.privateKey)), 401, 'token-invalid');
    }
  });
});

it.each([
  ['is down', '', 200],
  ['fails', 'oops', 500],
  ['answers with something else', '<html>', 200],
  ['answers with no keys', '{"keys":"none"}', 200],
])('while the server of the keys %s, nobody is let in and nobody is blamed', async (state, body, status) => {
  const dark = await startApi({ keys: { jwksUrl: await serve(body, status) } });
  if (state === 'is down') await new Promise((resolve) => servers.pop()?.close(resolve));
  const refused = await get(await signed('ES256'), dark);
  expectProblem(refused, 503, 'auth-unavailable');
  expect(refused.headers['retry-after']).toBe('5');
  expectProblem(await dark.call('get', PATH, { as: null }), 401, 'token-missing');
  expect((await dark.call('get', '/livez', { as: null })).status).toBe(200);
});

describe('a token that was verified', () => {
  let nowMs = NOW_MS;
  function remembering() {
    const verified: string[] = [];
    const issuer = { refusal: undefined as Error | undefined };
    const principalFor = rememberVerified(
      async (token) => {
        verified.push(token);
        if (issuer.refusal) throw issuer.refusal;
        return { principal: `who has ${token}`, expiresAtMs: NOW_MS + HOUR_MS };
      },
      () => nowMs,
    );
    return { verified, issuer, principalFor };
  }

  it('is verified once a minute, is its own principal each time, and is refused when its key is gone', async () => {
    const { verified, issuer, principalFor } = remembering();
    for (const token of ['a', 'b', 'a', 'b']) expect(await principalFor(token)).toBe(`who has ${token}`);
    expect(verified).toEqual(['a', 'b']);
    issuer.refusal = new Error('the issuer took its key back');
    nowMs += MINUTE_MS - 1;
    expect(await principalFor('a')).toBe('who has a');
    nowMs += 1;
    await expect(principalFor('a')).rejects.toThrow('took its key back');
    // A refusal is not remembered.
    issuer.refusal = undefined;
    expect(await principalFor('a')).toBe('who has a');
    expect(verified).toEqual(['a', 'b', 'a', 'a']);
  });

  it('takes bounded memory: in a flood the oldest are verified again', async () => {
    const { verified, principalFor } = remembering();
    for (let index = 0; index <= 20_000; index += 1) await principalFor(String(index));
    await principalFor('20000');
    expect(verified).toHaveLength(20_001);
    await principalFor('0');
    expect(verified).toHaveLength(20_002);
  });
});

describe('a call', () => {
  let shared: Api;
  beforeAll(async () => {
    shared = await startApi();
  });

  const attempt = '/v1/exams/math/attempts/a/recordings';
  const upload = { scope: 'recordings:upload' };
  const bound = { ...upload, exam: 'math', attempt: 'a' };
  const deletion = (reason: string) => `${attempt}/${UNKNOWN_RECORDING}?reason=${reason}`;

  it.each<['get' | 'delete', string, number | ProblemCode, JWTPayload]>([
    ['get', attempt, 200, { exam: 'math', attempt: 'a' }],
    ['get', attempt, 200, { exam: 'math' }],
    ['get', PATH, 200, { exam: 'math' }],
    ['delete', deletion('erasure'), 'recording-not-found', { scope: 'privacy:manage' }],
    ['delete', deletion('boredom'), 'invalid-request', { scope: 'privacy:manage' }],
    ['delete', deletion('consent-withdrawn'), 'scope-missing', upload],
    ['delete', deletion('consent-withdrawn'), 'scope-missing', { ...upload, exam: 'math' }],
    ['delete', deletion('consent-withdrawn'), 'recording-not-found', bound],
    ['delete', deletion('erasure'), 'reason-not-allowed', bound],
    ['delete', deletion('consent-withdrawn'), 'wrong-attempt', { ...bound, attempt: 'b' }],
    ['delete', deletion('consent-withdrawn'), 'scope-missing', { scope: 'recordings:review' }],
  ])('%s %s is answered with %s to a token of %j', async (method, path, answered, as) => {
    const { status, body } = await shared.call(method, path, { as });
    expect(body.code ?? status).toBe(answered);
  });
});

describe('the rate limit', () => {
  it.each([
    ['each token by itself', 'the same'],
    ['made-up tokens by their address, and not against those that are real', 'made up'],
  ])('counts %s', async (_, kind) => {
    const limited = await startApi({ rateLimitPerMinute: 3 });
    const same = await limited.authorization({ sub: 'one' });
    const next = () => (kind === 'the same' ? same : `Bearer ${randomUUID()}`);
    let accepted = 0;
    let answer = await get(next(), limited);
    // A minute that ends meanwhile lets more calls through, never fewer.
    for (; answer.status !== 429; accepted += 1) answer = await get(next(), limited);
    expect(accepted).toBeGreaterThanOrEqual(3);
    expectProblem(answer, 429, 'rate-limited');
    expect(answer.headers.ratelimit).toBeDefined();
    expect((await limited.call('get', PATH, { as: { sub: 'two' } })).status).toBe(200);
    expect((await limited.call('get', '/livez', { as: null })).status).toBe(200);
  });
});
