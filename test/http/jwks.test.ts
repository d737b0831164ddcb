// Tokens of an issuer that publishes its keys: which signatures are believed, by a real key server.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { ALL_SCOPES, type Api, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const PATH = '/v1/exams/math/recordings';
const ACCEPTED = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const REFUSED = ['ES384', 'RS512', 'PS384'];
const claims = () => ({ tenant: 'acme', scope: ALL_SCOPES, sub: 'tester', exp: Math.floor(Date.now() / 1000) + 600 });

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
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

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
