// From a login at a real OpenID provider to an upload, by the example of the page; and the settings of each provider's section.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ApiError, ProctoringRecordings } from '@proctoring-recordings/sdk';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';
import * as oidc from 'openid-client';
import { freePort } from '../../demo/free-port.ts';
import { createPlatform } from '../../docs/examples/exam-platform.ts';
import { createSigner } from '../../docs/examples/token-signer.ts';
import { readSettings } from '../../src/config.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import { CREATE_BODY } from '../http/calls.ts';
import { webm } from '../kit/fixtures.ts';
import { type Installation, install } from '../runtime/process.ts';
import { blocksOf, paste, read } from './blocks.ts';

const PAGE = 'docs/identity-providers.md';
const CLIENT = { client_id: 'exam-platform', client_secret: 'a secret of the exam platform' };
const AUDIENCE = 'recordings';

const opened = new AsyncDisposableStack();
afterAll(() => opened.disposeAsync());

async function listen(port: number, listener: RequestListener): Promise<void> {
  const server = createServer(listener);
  await once(server.listen(port, '127.0.0.1'), 'listening');
  opened.defer(() => server.close().closeAllConnections());
}

// What it says of its defaults on a console is for those who deploy it.
for (const level of ['info', 'warn'] as const) jest.spyOn(console, level).mockImplementation(() => {});

/** Logs in at once whoever comes, as the account that `subject` returns. */
async function startProvider(issuer: string, redirectUri: string, subject: () => string): Promise<RequestListener> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [redirectUri] }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'of-the-provider', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a key for the cookies of the provider'] },
    pkce: { required: () => true },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: { devInteractions: { enabled: false } },
    async loadExistingGrant({ oidc: { session, client } }) {
      const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: client?.clientId ?? '' });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();
  const finish = (request: IncomingMessage, response: ServerResponse) =>
    provider.interactionFinished(request, response, { login: { accountId: subject() } });
  return (request, response) =>
    void (request.url?.startsWith('/interaction/') ? finish(request, response) : handle(request, response));
}

/** Follows redirects as a browser does, with its cookies by host. */
function browser() {
  const jar = new Map<string, Map<string, string>>();
  return async function visit(url: string): Promise<Response> {
    const { host } = new URL(url);
    const cookies = jar.get(host) ?? new Map<string, string>();
    jar.set(host, cookies);
    const cookie = [...cookies].map((each) => each.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    return location === null ? response : visit(new URL(location, url).href);
  };
}

describe('from login to upload', () => {
  let installation: Installation;
  let platform: string;
  let issuer: string;
  let provider: oidc.Configuration;
  let person = '';
  /** Of the provider, not of the platform: what a careless page would send. */
  const idTokens: string[] = [];

  beforeAll(async () => {
    const [platformPort, providerPort] = [await freePort(), await freePort()];
    platform = `http://localhost:${platformPort}`;
    issuer = `http://localhost:${providerPort}`;
    await listen(providerPort, await startProvider(issuer, `${platform}/callback`, () => person));
    const folder = await mkdtemp(join(tmpdir(), 'test-signer-'));
    opened.defer(() => rm(folder, { recursive: true }));
    await paste(await blocksOf(PAGE, 'sh run'), process.env, folder);
    const pem = await readFile(join(folder, 'token-key.pem'), 'utf8');
    const options = { execute: [oidc.allowInsecureRequests] };
    provider = await oidc.discovery(new URL(issuer), CLIENT.client_id, CLIENT.client_secret, undefined, options);
    provider[oidc.customFetch] = async (...request) => {
      const response = await fetch(...(request as Parameters<typeof fetch>));
      const { id_token: idToken } = (await response.clone().json()) as { id_token?: string };
      if (idToken) idTokens.push(idToken);
      return response;
    };
    const listener = createPlatform({
      provider,
      origin: platform,
      signer: await createSigner(platform, AUDIENCE, pem),
      tenant: 'acme',
      attemptOf: async (subject) =>
        subject === 'visitor'
          ? undefined
          : { exam: 'math-101', attempt: `attempt-of-${subject}`, participant: subject },
    });
    await listen(platformPort, listener);
    installation = await install({
      AUTH_SHARED_SECRET: '',
      AUTH_JWKS_URL: `${platform}/.well-known/jwks.json`,
      AUTH_ISSUER: platform,
      AUTH_AUDIENCE: AUDIENCE,
    });
    opened.defer(() => installation.remove());
    await installation.start();
  });

  async function tokenOf(subject: string): Promise<string> {
    person = subject;
    const visit = browser();
    await visit(`${platform}/login`);
    const response = await visit(`${platform}/recording-token`);
    if (!response.ok) throw new Error(`the platform answered ${response.status}`);
    return response.text();
  }

  function upload(token: string, subject: string) {
    const at = { exam: 'math-101', attempt: `attempt-of-${subject}` };
    const sdk = new ProctoringRecordings({ baseUrl: installation.url, token, maxAttempts: 1 });
    return sdk.upload(at, new Blob([new Uint8Array(webm)]), { ...CREATE_BODY, participantId: subject });
  }

  test('a candidate who has logged in uploads to the own attempt, and to no other', async () => {
    const token = await tokenOf('candidate-1');
    expect(await upload(token, 'candidate-1')).toMatchObject({ state: 'stored', participantId: 'candidate-1' });
    const refused = await upload(token, 'candidate-2').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({ status: 403, code: 'wrong-attempt' });
  });

  test('whoever has not logged in, or takes no exam, is given no token', async () => {
    expect((await fetch(`${platform}/recording-token`)).status).toBe(401);
    await expect(tokenOf('visitor')).rejects.toThrow('403');
    const [visitor, victim] = [browser(), browser()];
    person = 'candidate-3';
    await victim(`${platform}/login`);
    expect((await visitor(`${platform}/callback?code=x&state=y`)).status).toBe(400);
  });

  test("the provider's own login token is refused, also where the service trusts the keys of the provider", async () => {
    await tokenOf('candidate-1');
    const idToken = idTokens.at(-1) ?? '';
    await expect(upload(idToken, 'candidate-1')).rejects.toMatchObject({ status: 401, code: 'token-invalid' });
    const { jwks_uri: jwksUri = '' } = provider.serverMetadata();
    const keys = { jwksUrl: new URL(jwksUri) };
    // `sub` is there, so that its audience is all that is wrong.
    const claims = { tenantClaim: 'sub', scopeClaim: 'scope', now: Date.now };
    const trusting = createAuthenticator({ keys, issuer, audience: AUDIENCE, ...claims });
    await expect(trusting(`Bearer ${idToken}`)).rejects.toThrow('claim "aud"');
    const careless = createAuthenticator({ keys, ...claims });
    expect(await careless(`Bearer ${idToken}`)).toMatchObject({ tenant: 'candidate-1' });
  });
});

const { privateKey, publicKey } = await generateKeyPair('RS256');

/** The part of the page under a heading. */
async function section(title: string): Promise<string> {
  const text = await read(PAGE);
  const [, found = ''] = text.split(`\n## ${title}\n`);
  return found.split('\n## ')[0] ?? '';
}

const block = (text: string, language: string) =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(text)?.[1] ?? '';

describe.each([
  ['Your own signer', 'acme'],
  ['Keycloak', 'acme'],
  ['Microsoft Entra ID', '8f1c2a34-5b6d-4e7f-8a90-123456789abc'],
  ['Auth0', 'acme'],
])('the settings for %s', (title, tenant) => {
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    const jwk = { ...(await exportJWK(publicKey)), kid: 'a', use: 'sig' };
    await listen(port, (_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  });

  async function authenticator() {
    const lines = block(await section(title), 'sh')
      .trim()
      .split('\n');
    const env = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s)));
    expect(Object.keys(env)).toEqual(expect.arrayContaining(['AUTH_JWKS_URL', 'AUTH_ISSUER', 'AUTH_AUDIENCE']));
    const { auth } = readSettings(env);
    const keys = { jwksUrl: new URL(`http://127.0.0.1:${port}`) };
    return createAuthenticator({ ...auth, keys, now: Date.now });
  }

  async function sign(claims: JWTPayload): Promise<string> {
    const exp = Math.floor(Date.now() / 1000) + 300;
    const token = new SignJWT({ ...claims, exp }).setProtectedHeader({ alg: 'RS256', kid: 'a' });
    return `Bearer ${await token.sign(privateKey)}`;
  }

  test('accept the token that the section shows, for its tenant and its scopes', async () => {
    const claims: JWTPayload = JSON.parse(block(await section(title), 'json'));
    expect(await (await authenticator())(await sign(claims))).toMatchObject({
      tenant,
      scopes: expect.objectContaining({ size: expect.any(Number) }),
    });
    const { scopes, actor } = await (await authenticator())(await sign(claims));
    expect([...scopes].some((scope) => /^(recordings|assessments|privacy):/.test(scope))).toBe(true);
    expect(actor).toBe(claims.sub);
  });

  test('refuse one for another audience, and one of another issuer', async () => {
    const claims: JWTPayload = JSON.parse(block(await section(title), 'json'));
    const authenticate = await authenticator();
    await expect(authenticate(await sign({ ...claims, aud: 'another' }))).rejects.toThrow('claim "aud"');
    await expect(authenticate(await sign({ ...claims, iss: 'https://another.example' }))).rejects.toThrow(
      'claim "iss"',
    );
  });
});

test('the action for Auth0 adds the claim that the settings name', async () => {
  const text = await section('Auth0');
  const actions: { onExecutePostLogin?: (event: object, api: object) => Promise<void> } = {};
  runInNewContext(block(text, 'js'), { exports: actions });
  const claims = new Map<string, string>();
  const api = { accessToken: { setCustomClaim: (name: string, value: string) => claims.set(name, value) } };
  await actions.onExecutePostLogin?.({ user: { app_metadata: { tenant: 'acme' } } }, api);
  const [, name = ''] = /^AUTH_TENANT_CLAIM=(.*)$/m.exec(text) ?? [];
  expect([...claims]).toEqual([[name, 'acme']]);
});

test('the page shows both examples as they are in their files', async () => {
  const examples = await blocksOf(PAGE, 'ts');
  for (const name of ['token-signer', 'exam-platform']) {
    expect(examples).toContain(await read(`docs/examples/${name}.ts`));
  }
});
