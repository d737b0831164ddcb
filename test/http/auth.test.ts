// Who gets in: how a token becomes a principal, whose signatures are believed, and for how long.
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import { MINUTE_MS } from '../../src/model/durations.ts';
import type { ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import { type HttpServer, startHttpServer } from '../../src/runtime/http-server.ts';
import { ALL_SCOPES, type Api, type CallOptions, SECRET, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 9);
const NOW = NOW_MS / 1000;
const ACME = { tenant: 'acme' };

function authenticator(options: Partial<AuthOptions> = {}) {
  const claims = { tenantClaim: 'tenant', scopeClaim: 'scope' };
  return createAuthenticator({ keys: { sharedSecret: SECRET }, ...claims, now: () => NOW_MS, ...options });
}

async function header(claims: object, alg = 'HS256', secret = SECRET) {
  const token = new SignJWT({ exp: NOW + 3600, ...claims }).setProtectedHeader({ alg });
  return `Bearer ${await token.sign(new TextEncoder().encode(secret))}`;
}

/** The same at once: jose takes longer. */
function hs256(claims: object): string {
  const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
  return `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const expectRefused = (attempt: Promise<unknown>, code: ProblemCode = 'token-invalid') =>
  expect(attempt).rejects.toMatchObject({ code });

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (claims: object) =>
  ['none', 'nOnE', ''].map((alg) => `Bearer ${encode({ alg, kid: 'ES256' })}.${encode(claims)}.`);

/** The same token with other claims. */
function withClaims(token: string, claims: object): string {
  const [head, , signature] = token.split('.');
  return `${head}.${encode(claims)}.${signature}`;
}

describe('a token signed with the shared secret', () => {
  const set = { tenantClaim: 'https://example.org/org', scopeClaim: 'permissions' };
  const UPLOAD = 'recordings:upload';
  const upload = new Set([UPLOAD]);
  const both = new Set([...upload, 'recordings:review']);
  const hashed = expect.stringMatching(/^sha256:[0-9a-f]{16}$/);
  it.each<[string, object, object, Partial<AuthOptions>]>([
    ['whom it names', { ...ACME, sub: 'auth0|5f7c' }, { tenant: 'acme', actor: 'auth0|5f7c' }, {}],
    ['the attempt it is bound to', { ...ACME, exam: 'e', attempt: 'a' }, { exam: 'e', attempt: 'a' }, {}],
    ['scopes with spaces between', { ...ACME, scope: [...both].join('  ') }, { scopes: both }, {}],
    ['scopes as a list', { ...ACME, scope: [UPLOAD] }, { scopes: upload }, {}],
    ['claims that are set', { [set.tenantClaim]: 'b', permissions: [UPLOAD] }, { tenant: 'b', scopes: upload }, set],
    ['an address as a hash', { ...ACME, sub: 'person@example.org' }, { actor: hashed }, {}],
    ['a long subject as a hash', { ...ACME, sub: 'a'.repeat(129) }, { actor: hashed }, {}],
    ['no subject', ACME, { actor: 'unknown' }, {}],
    ['the issuer and the audience that are set', { ...ACME, iss: 'i', aud: 'a' }, ACME, { issuer: 'i', audience: 'a' }],
  ])('becomes a principal by %s', async (_, claims, principal, options) => {
    expect(await authenticator(options)(await header(claims))).toMatchObject(principal);
  });

  const strict = { issuer: 'https://id.example', audience: 'recordings' };
  const meant = { ...ACME, iss: strict.issuer, aud: strict.audience };
  it.each<[string, object, Partial<AuthOptions>]>([
    ['no tenant', {}, {}],
    ['a tenant that is an address', { tenant: 'a@example.org' }, {}],
    ['a tenant that is a list', { tenant: ['acme'] }, {}],
    ['an attempt without its exam', { ...ACME, attempt: 'a' }, {}],
    ['an exam of another type', { ...ACME, exam: null }, {}],
    ['an attempt that is empty', { ...ACME, exam: 'e', attempt: '' }, {}],
    ['scopes of another type', { ...ACME, scope: 7 }, {}],
    ['no expiry', { ...ACME, exp: undefined }, {}],
    ['a time before which it is not valid', { ...ACME, nbf: NOW + 60 }, {}],
    ['another issuer than is set', { ...meant, iss: 'https://other.example' }, strict],
    ['another audience than is set', { ...meant, aud: 'other' }, strict],
  ])('is refused with %s', async (_, claims, options) => {
    await expectRefused(authenticator(options)(await header(claims)));
  });

  it('is not read from anything else than one header of the scheme Bearer, nor when it is above 8 KiB', async () => {
    for (const value of [undefined, 'Bearer', 'Basic dXNlcjpwYXNz', 'Bearer a b']) {
      await expectRefused(authenticator()(value), 'token-missing');
    }
    for (const value of ['Bearer e30.e30.e30', `Bearer ${'a'.repeat(8193)}`])
      await expectRefused(authenticator()(value));
  });

  it('takes the scheme in any case, and expires for those who were let in with it too', async () => {
    let nowMs = NOW_MS;
    const authenticate = authenticator({ now: () => nowMs });
    const token = (await header({ ...ACME, exp: NOW + 2 })).replace('Bearer', 'bearer');
    for (nowMs of [NOW_MS, NOW_MS + 1999]) expect(await authenticate(token)).toMatchObject(ACME);
    nowMs = NOW_MS + 2000;
    await expectRefused(authenticate(token), 'token-expired');
  });

  it('is refused once any part of it was changed, and by a service with another secret', async () => {
    const authenticate = authenticator();
    const token = await header(ACME);
    expect(await authenticate(token)).toMatchObject(ACME);
    for (const other of [
      token.slice(0, -1),
      token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')),
      token.slice(0, token.lastIndexOf('.') + 1),
      withClaims(token, { tenant: 'other', exp: NOW + 3600 }),
      await header(ACME, 'HS512', SECRET.padEnd(64, 'x')),
      ...unsigned({ ...ACME, exp: NOW + 3600 }),
    ]) {
      await expectRefused(authenticate(other));
    }
    expect(await authenticate(token)).toMatchObject(ACME);
    await expectRefused(authenticator({ keys: { sharedSecret: SECRET.replace('a', 'b') } })(token));
  });
});

const PATH = '/v1/exams/math/recordings';
const ATTEMPT = '/v1/exams/math/attempts/a/recordings';
const ACCEPTED = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
const REFUSED = ['ES384', 'RS512', 'PS384'] as const;
type Alg = (typeof ACCEPTED | typeof REFUSED)[number];
const servers: HttpServer[] = [];
let api: Api;
let pairs: Record<Alg, Awaited<ReturnType<typeof generateKeyPair>>>;

async function serve(body: string, status = 200): Promise<URL> {
  const at = { host: '127.0.0.1', port: 0 };
  const server = await startHttpServer((_req, res) => res.writeHead(status).end(body), at);
  servers.push(server);
  return new URL(`http://127.0.0.1:${server.port}/jwks`);
}

beforeAll(async () => {
  const algs = [...ACCEPTED, ...REFUSED];
  const made = algs.map(async (alg) => [alg, await generateKeyPair(alg, { extractable: true })] as const);
  pairs = Object.fromEntries(await Promise.all(made)) as typeof pairs;
  const keys = algs.map(async (alg) => ({ ...(await exportJWK(pairs[alg].publicKey)), kid: alg, alg, use: 'sig' }));
  api = await startApi({ keys: { jwksUrl: await serve(JSON.stringify({ keys: await Promise.all(keys) })) } });
});

afterAll(() => Promise.all(servers.map((server) => server.close(0))));

const claims = () => {
  const exp = Math.floor(api.service.clock.now() / 1000) + 600;
  return { ...ACME, scope: ALL_SCOPES, sub: 'tester', exp };
};

async function signed(alg: Alg, header: object = {}, payload: object = {}, key = pairs[alg].privateKey) {
  const token = new SignJWT({ ...claims(), ...payload }).setProtectedHeader({ alg, kid: alg, ...header });
  return `Bearer ${await token.sign(key)}`;
}

const get = (authorization: string, by = api) => by.call('get', PATH, { authorization });

describe('a token that is signed with a key of the issuer', () => {
  it.each(ACCEPTED)('is accepted with %s, and reaches the tenant that it names alone', async (alg) => {
    await api.service.begin(ACME);
    const other = await get(await signed(alg, {}, { tenant: 'other' }));
    expect(other).toMatchObject({ status: 200, body: { items: [], nextCursor: null } });
    expect((await get(await signed(alg))).body.items).not.toEqual([]);
  });

  it('is refused with another algorithm, and with the key id of another or of no key', async () => {
    const ofOthers = ['RS256', 'nobody', '__proto__'].map((kid) => signed('ES256', { kid }));
    for (const header of await Promise.all([...REFUSED.map((alg) => signed(alg)), ...ofOthers])) {
      expectProblem(await get(header), 401, 'token-invalid');
    }
  });

  it.each(ACCEPTED)('is refused when the public key of %s was taken for a shared secret', async (alg) => {
    const { publicKey } = pairs[alg];
    const jwk = await exportJWK(publicKey);
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? jwk.x ?? '']) {
      const token = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: alg });
      expectProblem(await get(`Bearer ${await token.sign(Buffer.from(secret.padEnd(32, '=')))}`), 401, 'token-invalid');
    }
  });

  it('is refused without a signature, with other claims than were signed, and with a key of its own', async () => {
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(own.publicKey);
    const jku = (await serve(JSON.stringify({ keys: [{ ...jwk, kid: 'ES256' }] }))).href;
    const ofOwnKey = [{}, { jwk }, { jku }, { x5u: jku }].map((more) => signed('ES256', more, {}, own.privateKey));
    const changed = withClaims(await signed('ES256'), { ...claims(), tenant: 'other' });
    for (const forged of [...unsigned(claims()), changed, ...(await Promise.all(ofOwnKey))]) {
      expectProblem(await get(forged), 401, 'token-invalid');
    }
  });
});

it.each([
  ['is down', '', 200],
  ['fails', 'oops', 500],
  ['answers with something else', '<html>', 200],
  ['answers with no keys', '{"keys":"none"}', 200],
])('while the server of the keys %s, every token is refused with 503, not with 401', async (state, body, status) => {
  const dark = await startApi({ keys: { jwksUrl: await serve(body, status) } });
  if (state === 'is down') await servers.pop()?.close(0);
  const refused = await get(await signed('ES256'), dark);
  expectProblem(refused, 503, 'auth-unavailable');
  expect(refused.headers['retry-after']).toBe('5');
  expectProblem(await dark.call('get', PATH, { as: null }), 401, 'token-missing');
  expect((await dark.call('get', '/livez', { as: null })).status).toBe(200);
});

it('a token is verified once a minute, is its own principal each time, and a refusal is not remembered', async () => {
  let nowMs = NOW_MS;
  const authenticate = authenticator({ now: () => nowMs });
  const verify = jest.spyOn(crypto.subtle, 'verify');
  const [a, b] = [await header({ ...ACME, sub: 'a' }), await header({ ...ACME, sub: 'b' })];
  const later = await header({ ...ACME, sub: 'later', nbf: NOW + 1 });
  for (const [token, actor] of [
    [a, 'a'],
    [b, 'b'],
    [a, 'a'],
    [b, 'b'],
  ] as const) {
    expect(await authenticate(token)).toMatchObject({ actor });
  }
  expect(verify).toHaveBeenCalledTimes(2);
  await expectRefused(authenticate(later));
  nowMs += MINUTE_MS - 1;
  await authenticate(a);
  expect(await authenticate(later)).toMatchObject({ actor: 'later' });
  expect(verify).toHaveBeenCalledTimes(4);
  nowMs += 1;
  expect(await authenticate(a)).toMatchObject({ actor: 'a' });
  expect(verify).toHaveBeenCalledTimes(5);
  // In a flood the oldest are forgotten, so that memory stays bounded.
  const flood = Array.from({ length: 20_000 }, (_, count) => hs256({ ...ACME, exp: NOW + 3600, sub: String(count) }));
  for (const token of flood) await authenticate(token);
  verify.mockClear();
  await authenticate(flood[0] ?? '');
  expect(verify).not.toHaveBeenCalled();
  await authenticate(a);
  expect(verify).toHaveBeenCalledTimes(1);
  verify.mockRestore();
});

it('a token that is bound to an exam reads what is in it, and withdraws no consent', async () => {
  const bound = async (claims: object) => ({ authorization: await signed('EdDSA', {}, { exam: 'math', ...claims }) });
  for (const path of [PATH, ATTEMPT]) expect((await api.call('get', path, await bound({}))).status).toBe(200);
  expect((await api.call('get', ATTEMPT, await bound({ attempt: 'a' }))).status).toBe(200);
  const withdraw = `${ATTEMPT}/${UNKNOWN_RECORDING}?reason=consent-withdrawn`;
  expectProblem(await api.call('delete', withdraw, await bound({ scope: 'recordings:upload' })), 403, 'scope-missing');
});

it('the rate limit counts each caller alone, and made-up tokens by their address, not against those that are real', async () => {
  const limited = await startApi({ rateLimitPerMinute: 3 });
  /** How many are let through; a minute that ends meanwhile lets more through, never fewer. */
  async function countOf(options: () => CallOptions): Promise<number> {
    for (let accepted = 0; accepted < 10; accepted += 1) {
      const answer = await limited.call('get', PATH, options());
      if (answer.status !== 429) continue;
      expectProblem(answer, 429, 'rate-limited');
      expect(answer.headers.ratelimit).toBeDefined();
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
      return accepted;
    }
    throw new Error('no request was one too many');
  }
  expect(await countOf(() => ({ authorization: `Bearer ${randomUUID()}` }))).toBeGreaterThanOrEqual(3);
  for (const sub of ['one', 'two']) expect(await countOf(() => ({ as: { sub } }))).toBeGreaterThanOrEqual(3);
  expect((await limited.call('get', '/livez', { as: null })).status).toBe(200);
});
