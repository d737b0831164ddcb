// Who gets in: how a token becomes a principal, whose signatures are believed, and for how long.
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import { type HttpServer, startHttpServer } from '../../src/runtime/http-server.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { ALL_BUT_DATE } from '../kit/clock.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
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
function hs256(claims: object | string): string {
  const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
  return `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const expectRefused = (attempt: Promise<unknown>, code: ProblemCode = 'token-invalid') =>
  expect(attempt).rejects.toMatchObject({ code });

const encode = (value: object | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
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
    ['the participant it is bound to', { ...ACME, participant: 'p-1' }, { participant: 'p-1', exam: undefined }, {}],
    ['a subject that is a number', { ...ACME, sub: 7 }, { actor: '7' }, {}],
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
    ['a participant that is an address', { ...ACME, participant: 'p@example.org' }, {}],
    ['a participant of another type', { ...ACME, participant: null }, {}],
    ['an expiry in milliseconds', { ...ACME, exp: NOW_MS + 3_600_000 }, {}],
    ['an expiry that is a text', { ...ACME, exp: String(NOW + 3600) }, {}],
    ['an expiry that is null', { ...ACME, exp: null }, {}],
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

  it.each([
    '"exp":1e400',
    '"exp":1e300',
    '"exp":9e999,"nbf":0',
    `"exp":${NOW + 60},"nbf":-1e400`,
    `"exp":${NOW + 60},"iat":1e400`,
    '"exp":-1',
    `"exp":${NOW + 60},"nbf":-1`,
    `"exp":${NOW + 60},"iat":"0"`,
    `"exp":${NOW + 60},"nbf":[0]`,
  ])('is refused with a time that never comes, and told which is expected: %s', async (times) => {
    const token = hs256(`{"tenant":"acme",${times}}`);
    const detail = expect.stringMatching(/"(exp|nbf|iat)" .*seconds since 1970/);
    await expect(authenticator()(token)).rejects.toMatchObject({ code: 'token-invalid', message: detail });
  });

  it('lives for a year at most: nothing would withdraw it', async () => {
    const inDays = (days: number) => authenticator()(hs256({ ...ACME, exp: NOW + days * 86_400 }));
    expect(await inDays(366)).toMatchObject(ACME);
    await expectRefused(inDays(366.1));
    await expectRefused(inDays(100_000));
  });

  it('is told as expired before its signature is verified, and while nobody could verify it', async () => {
    const verify = jest.spyOn(crypto.subtle, 'verify');
    const dark = { jwksUrl: new URL('http://127.0.0.1:9/') };
    for (const authenticate of [authenticator(), authenticator({ keys: dark })]) {
      for (const exp of [NOW, NOW - 86_400, 0, 1.5])
        await expectRefused(authenticate(hs256({ ...ACME, exp })), 'token-expired');
    }
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });

  it('has one spelling: no padding, no other unused bits, no other alphabet', async () => {
    const token = await header({ ...ACME, sub: 'a?>' });
    const authenticate = authenticator();
    await authenticate(token);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    // The last of 43 characters has two bits that mean nothing.
    const unused = [1, 2, 3].map((bits) => token.slice(0, -1) + alphabet[last ^ bits]);
    for (const spelling of [...unused, `${token}=`, `${token}==`, token.replaceAll('_', '/').replaceAll('-', '+')]) {
      if (spelling !== token) await expectRefused(authenticate(spelling));
    }
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

async function serve(body: string, status = 200, onRequest = () => {}): Promise<URL> {
  const at = { host: '127.0.0.1', port: 0 };
  const server = await startHttpServer((_req, res) => {
    onRequest();
    res.writeHead(status).end(body);
  }, at);
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

it('keys that could not be fetched are not fetched for every token; those that are known serve on', async () => {
  let nowMs = NOW_MS;
  let status = 500;
  let fetched = 0;
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'known' }] });
  const answer: Parameters<typeof startHttpServer>[0] = (_req, res) => {
    fetched += 1;
    res.writeHead(status).end(keys);
  };
  const server = await startHttpServer(answer, { host: '127.0.0.1', port: 0 });
  servers.push(server);
  const jwksUrl = new URL(`http://127.0.0.1:${server.port}/jwks`);
  const authenticate = authenticator({ keys: { jwksUrl }, now: () => nowMs });
  const tokenOf = async (kid: string) => {
    const token = new SignJWT({ ...ACME, exp: NOW + 600 }).setProtectedHeader({ alg: 'ES256', kid });
    return `Bearer ${await token.sign(privateKey)}`;
  };
  for (let count = 0; count < 10; count += 1) {
    await expectRefused(authenticate(await tokenOf('known')), 'auth-unavailable');
  }
  expect(fetched).toBe(1);
  status = 200;
  nowMs += 5000;
  expect(await authenticate(await tokenOf('known'))).toMatchObject(ACME);
  expect(fetched).toBe(2);
  // A clock that was set back ends the pause too.
  const again = authenticator({ keys: { jwksUrl }, now: () => nowMs });
  status = 500;
  await expectRefused(again(await tokenOf('known')), 'auth-unavailable');
  status = 200;
  nowMs -= 60_000;
  expect(await again(await tokenOf('known'))).toMatchObject(ACME);
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

it('a token is verified once a minute, and the keys are fetched again, when the clock was set back', async () => {
  const monotonic = holdMonotonicClock();
  let nowMs = NOW_MS;
  let fetched = 0;
  const { publicKey, privateKey } = pairs.ES256;
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'ES256' }] });
  const jwksUrl = await serve(body, 200, () => {
    fetched += 1;
  });
  const authenticate = authenticator({ keys: { jwksUrl }, now: () => nowMs });
  const signed = new SignJWT({ ...ACME, exp: NOW + 600 }).setProtectedHeader({ alg: 'ES256', kid: 'ES256' });
  const token = `Bearer ${await signed.sign(privateKey)}`;
  const verify = jest.spyOn(crypto.subtle, 'verify');
  afterThisTest(() => verify.mockRestore());
  const counts = async () => {
    await authenticate(token);
    return { verified: verify.mock.calls.length, fetched };
  };
  expect(await counts()).toEqual({ verified: 1, fetched: 1 });
  nowMs -= HOUR_MS;
  monotonic.advance(MINUTE_MS - 1);
  expect(await counts()).toEqual({ verified: 1, fetched: 1 });
  monotonic.advance(1);
  expect(await counts()).toEqual({ verified: 2, fetched: 2 });
  monotonic.advance(MINUTE_MS);
  expect(await counts()).toEqual({ verified: 3, fetched: 2 });
});

it('a token that is bound to an exam reads what is in it, and withdraws no consent', async () => {
  const bound = async (claims: object) => ({ authorization: await signed('EdDSA', {}, { exam: 'math', ...claims }) });
  for (const path of [PATH, ATTEMPT]) expect((await api.call('get', path, await bound({}))).status).toBe(200);
  expect((await api.call('get', ATTEMPT, await bound({ attempt: 'a' }))).status).toBe(200);
  const withdraw = `${ATTEMPT}/${UNKNOWN_RECORDING}?reason=consent-withdrawn`;
  expectProblem(await api.call('delete', withdraw, await bound({ scope: 'recordings:upload' })), 403, 'scope-missing');
});

describe('the rate limit', () => {
  let limited: Api;
  beforeAll(async () => {
    limited = await startApi({ rateLimitPerMinute: 3 });
  });

  /** How many are let through; a minute that ends meanwhile lets more through, never fewer. */
  async function countOf(options: () => CallOptions | Promise<CallOptions>): Promise<number> {
    for (let accepted = 0; accepted < 10; accepted += 1) {
      const answer = await limited.call('get', PATH, await options());
      if (answer.status !== 429) continue;
      expectProblem(answer, 429, 'rate-limited');
      expect(answer.headers.ratelimit).toBeDefined();
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
      return accepted;
    }
    return Number.POSITIVE_INFINITY;
  }

  it('counts each caller alone, and nobody where no token is needed', async () => {
    for (const sub of ['one', 'two']) {
      const accepted = await countOf(() => ({ as: { sub } }));
      expect(accepted).toBeGreaterThanOrEqual(3);
      expect(accepted).toBeLessThan(10);
    }
    expect((await limited.call('get', '/livez', { as: null })).status).toBe(200);
  });

  it('begins anew when the clock was set back: nobody waits for the minute that was', async () => {
    jest.useFakeTimers({ now: Date.now(), doNotFake: ALL_BUT_DATE });
    afterThisTest(() => jest.useRealTimers());
    const caller = () => ({ as: { sub: 'by a clock that is set back' } });
    expect(await countOf(caller)).toBe(3);
    jest.setSystemTime(Date.now() - HOUR_MS);
    expect(await countOf(caller)).toBe(3);
  });

  it('of a tenant begins anew then too', async () => {
    jest.useFakeTimers({ now: Date.now(), doNotFake: ALL_BUT_DATE });
    afterThisTest(() => jest.useRealTimers());
    const own = await startApi({ tenantRateLimitPerMinute: 1 });
    const statusOf = async () => (await own.call('get', PATH)).status;
    expect([await statusOf(), await statusOf()]).toEqual([200, 429]);
    jest.setSystemTime(Date.now() - HOUR_MS);
    expect([await statusOf(), await statusOf()]).toEqual([200, 429]);
  });

  it('never hides why a token is refused, however many came before from the same address', async () => {
    const expired = hs256({ ...ACME, exp: 1 });
    for (let count = 0; count < 4; count += 1) {
      const garbage = [`Bearer ${randomUUID()}`, hs256({ ...ACME, exp: NOW, sub: String(count) }).slice(0, -2)];
      expectProblem(await limited.call('get', PATH, { as: null }), 401, 'token-missing');
      expectProblem(await limited.call('get', PATH, { authorization: expired }), 401, 'token-expired');
      for (const authorization of garbage) {
        expectProblem(await limited.call('get', PATH, { authorization }), 401, 'token-invalid');
      }
    }
    expect((await limited.call('get', PATH, { as: { sub: 'behind the same proxy' } })).status).toBe(200);
  });

  it('counts a caller, not a token: a renewed one goes on where the one before was', async () => {
    let renewals = 0;
    const renewed = (claims: object) => () => {
      renewals += 1;
      return { as: { ...claims, jti: String(renewals) } };
    };
    expect(await countOf(renewed({ sub: 'renews' }))).toBeLessThan(10);
    // One platform is the subject of the tokens of all its candidates: each of these has counts of its own.
    const bound = ['a', 'b', 'c'].map((exam) => ({ exam, sub: 'renews' }));
    for (const claims of [
      ...bound,
      { participant: 'p' },
      { tenant: 'b', sub: 'renews' },
      { iss: 'x', sub: 'renews' },
    ]) {
      expect((await limited.call('get', PATH, { as: claims })).status).not.toBe(429);
    }
    // Without a subject nothing says which tokens belong together.
    expect(await countOf(renewed({ sub: '' }))).toBe(Number.POSITIVE_INFINITY);
    const one = await limited.authorization({ sub: '' });
    expect(await countOf(() => ({ authorization: one }))).toBeLessThan(10);
    // What it is bound to does.
    expect(await countOf(renewed({ sub: '', exam: 'bound', attempt: 'a' }))).toBeLessThan(10);
    expect(await countOf(renewed({ sub: '', participant: 'bound' }))).toBeLessThan(10);
  });

  it('counts both signatures that a token signed with ES256 has as one caller, and verifies each', async () => {
    let nowMs = NOW_MS;
    const { publicKey, privateKey } = pairs.ES256;
    const jwksUrl = await serve(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'ES256' }] }));
    const authenticate = authenticator({ keys: { jwksUrl }, now: () => nowMs });
    const token = new SignJWT({ ...ACME, exp: NOW + 600 }).setProtectedHeader({ alg: 'ES256', kid: 'ES256' });
    const first = `Bearer ${await token.sign(privateKey)}`;
    const at = first.lastIndexOf('.') + 1;
    const second = first.slice(0, at) + otherSignature(first.slice(at));
    const [a, b] = [await authenticate(first), await authenticate(second)];
    expect(second).not.toBe(first);
    expect(b.id).toBe(a.id);
    nowMs += 1;
    // The signed part is known by now; a signature that is none is refused all the same.
    await expectRefused(authenticate(first.slice(0, at) + Buffer.alloc(64, 7).toString('base64url')));
    expect(await authenticate(first)).toMatchObject(ACME);
  });
});

it('a key that was replaced under its id is accepted for five minutes more, and the new one from then on', async () => {
  const [old, next] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
  let current = old;
  const at = { host: '127.0.0.1', port: 0 };
  const server = await startHttpServer(async (_req, res) => {
    res.end(JSON.stringify({ keys: [{ ...(await exportJWK(current.publicKey)), kid: 'k' }] }));
  }, at);
  servers.push(server);
  // jose keeps keys by the clock of the process.
  const startMs = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(startMs);
  afterThisTest(() => clock.mockRestore());
  const authenticate = authenticator({
    keys: { jwksUrl: new URL(`http://127.0.0.1:${server.port}/`) },
    now: () => Date.now(),
  });
  const signedBy = async ({ privateKey }: typeof old, sub: string) => {
    const payload = { ...ACME, sub, exp: Math.floor(startMs / 1000) + 3600 };
    const token = new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'k' });
    return authenticate(`Bearer ${await token.sign(privateKey)}`);
  };
  expect(await signedBy(old, 'a')).toMatchObject(ACME);
  current = next;
  clock.mockReturnValue(startMs + 5 * MINUTE_MS - 1);
  expect(await signedBy(old, 'b')).toMatchObject(ACME);
  clock.mockReturnValue(startMs + 5 * MINUTE_MS);
  await expectRefused(signedBy(old, 'c'));
  expect(await signedBy(next, 'd')).toMatchObject(ACME);
});

const ORDER_OF_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** Of an ECDSA signature (r, s) the other one, (r, n - s), which anyone can make. */
function otherSignature(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = (ORDER_OF_P256 - s).toString(16).padStart(64, '0');
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]).toString('base64url');
}
