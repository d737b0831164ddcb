// The page at /demo: where it is served, what its answers allow, who gets its tokens, that nothing in it is missing.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import supertest from 'supertest';
import { readSettings } from '../../src/config.ts';
import { en } from '../../src/demo-page/texts/en.ts';
import { nl } from '../../src/demo-page/texts/nl.ts';
import { demoOrigins, demoPage } from '../../src/runtime/demo-page.ts';
import { type Api, SECRET, startApi } from '../http/api.ts';
import { afterThisTest } from '../kit/cleanup.ts';

const PORT = '8654';
const ORIGIN = `http://localhost:${PORT}`;
const STORE = 'http://127.0.0.1:8655';
const EMBEDDED = { PORT, AUTH_SHARED_SECRET: SECRET };
const TOKENS = '/demo/attempts/try-1/tokens';

const serve = (env: Record<string, string>) => startApi({ demo: demoPage(readSettings(env), STORE, SECRET) });
let api: Api;
beforeAll(async () => {
  api = await serve(EMBEDDED);
});

const askToken = ({ agent }: Pick<Api, 'agent'>, role: string, headers: Record<string, string> = { origin: ORIGIN }) =>
  agent.post(`${TOKENS}/${role}`).set({ host: new URL(ORIGIN).host, ...headers });

test.each<[string, Record<string, string>]>([
  ['a store of its own', { ...EMBEDDED, S3_BUCKET: 'bucket', S3_REGION: 'eu' }],
  ['tokens of an identity provider', { PORT, AUTH_JWKS_URL: 'https://login.example/keys' }],
  ['no URLs for uploads', { ...EMBEDDED, UPLOADS: 'proxy' }],
  ['a port chosen by the system', { ...EMBEDDED, PORT: '0' }],
])('with %s there is neither page nor tokens, and its origin is not let in', async (_name, env) => {
  expect(demoOrigins(readSettings(env))).toEqual([]);
  const other = await serve(env);
  for (const path of ['', '/main.js', '/page.css', '/settings']) await other.agent.get(`/demo${path}`).expect(404);
  await askToken(other, 'reviewer').expect(404);
});

test('it is there beside the embedded store, with a shared secret or a generated one', () => {
  const origins = [ORIGIN, `http://127.0.0.1:${PORT}`];
  expect([EMBEDDED, { PORT }].map((env) => demoOrigins(readSettings(env)))).toEqual([origins, origins]);
});

describe('the files', () => {
  test('may load scripts and styles of the service, speak to it and to the store, and nothing else', async () => {
    const { headers } = await api.agent.get('/demo').expect(200).expect('content-type', 'text/html; charset=utf-8');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers['content-security-policy']?.split('; ').sort()).toEqual([
      "base-uri 'none'",
      `connect-src 'self' ${STORE}`,
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      'img-src data:',
      `media-src ${STORE}`,
      "script-src 'self'",
      "style-src 'self'",
    ]);
  });

  test('have no script, style or handler in the HTML, and every file and word that it names is there', async () => {
    const { text: html } = await api.agent.get('/demo');
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/);
    expect(html.match(/<script\b/g)).toHaveLength(1);
    expect(html).toMatch(/<script\b[^>]* src="[^"]+"[^>]*><\/script>/);
    const named = [...html.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path = '']) => path);
    expect(named.sort()).toEqual(['/demo/main.js', '/demo/page.css']);
    const types = { '/demo/main.js': 'text/javascript; charset=utf-8', '/demo/page.css': 'text/css; charset=utf-8' };
    for (const [path, type] of Object.entries(types)) {
      const { text } = await api.agent.get(path).expect(200).expect('content-type', type);
      expect(text.length).toBeGreaterThan(1000);
    }
    const asked = [...html.matchAll(/data-(?:text|label)="(\w+)"/g)].flatMap(([, key]) => key ?? []);
    expect(asked.length).toBeGreaterThan(40);
    expect(asked.filter((key) => typeof en[key as keyof typeof en] !== 'string')).toEqual([]);
    expect([...Object.values(en), ...Object.values(nl)].filter((text) => String(text).trim() === '')).toEqual([]);
  });
});

describe('the tokens', () => {
  test('are given to the page itself: for minutes, for tenant demo, bound to one attempt, one scope each', async () => {
    const scopes = {
      'exam-client': 'recordings:upload',
      reviewer: 'recordings:review',
      'assessment-system': 'assessments:write',
      'privacy-desk': 'privacy:manage',
    };
    for (const [role, scope] of Object.entries(scopes)) {
      const asked = askToken(api, role, { origin: ORIGIN, 'sec-fetch-site': 'same-origin' });
      const { token } = (await asked.expect(200).expect('cache-control', 'no-store')).body;
      const { iat = 0, exp, ...claims } = decodeJwt(token);
      expect(claims).toMatchObject({ tenant: 'demo', exam: 'demo', attempt: 'try-1', scope });
      expect(exp).toBe(iat + 600);
    }
    expect(JSON.stringify(api.log())).not.toMatch(/eyJ/);
  });

  test.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { origin: 'http://localhost:9999', 'sec-fetch-site': 'same-site' }],
    ['a name bound to this address', { origin: `http://evil.example:${PORT}`, 'sec-fetch-site': 'same-origin' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['our origin, but a request from elsewhere', { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }],
    ['a caller that names no origin', {}],
    ['a caller by another name', { origin: ORIGIN, host: `recordings.example:${PORT}` }],
    ['a caller by another port', { origin: ORIGIN, host: 'localhost' }],
    ['a proxy that says for whom', { origin: ORIGIN, forwarded: 'for=192.0.2.1' }],
    ['a proxy that says for whom, as most do', { origin: ORIGIN, 'x-forwarded-for': '127.0.0.1' }],
    ['a proxy that says for which host', { origin: ORIGIN, 'x-forwarded-host': 'recordings.example' }],
    ['a proxy that names itself', { origin: ORIGIN, via: '1.1 proxy' }],
    ['a proxy that gives the address', { origin: ORIGIN, 'x-real-ip': '192.0.2.1' }],
  ])('are refused to %s', async (_name, sent) => {
    const { body, headers } = await askToken(api, 'reviewer', sent).expect(403);
    expect(body).toMatchObject({ code: 'cross-origin' });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test.each([
    ['127.0.0.1', 200],
    ['::1', 200],
    ['192.0.2.1', 403],
  ])('are for this machine alone: from %s the answer is %d', async (from, status) => {
    const seenFrom = createServer((request, response) => {
      Object.defineProperty(request.socket, 'remoteAddress', { value: from });
      api.handler(request, response);
    });
    await askToken({ agent: supertest(seenFrom) }, 'reviewer').expect(status);
  });

  test('are not given to a proxy that hides itself and speaks HTTP 1.0, as no browser does', async () => {
    const server = createServer((request, response) => api.handler(request, response)).listen(0, '127.0.0.1');
    afterThisTest(() => server.close());
    await once(server, 'listening');
    const ask = async (version: string) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const head = [`POST ${TOKENS}/reviewer HTTP/${version}`, `Host: localhost:${PORT}`, `Origin: ${ORIGIN}`];
      socket.write([...head, 'Connection: close', 'Content-Length: 0', '', ''].join('\r\n'));
      return (await text(socket)).slice(0, 'HTTP/1.1 200'.length);
    };
    expect([await ask('1.1'), await ask('1.0')]).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403']);
  });

  test('are given for no other role, and for no attempt with another kind of id', async () => {
    await askToken(api, 'operator').expect(404);
    const host = new URL(ORIGIN).host;
    await api.agent.post('/demo/attempts/a@b/tokens/reviewer').set({ origin: ORIGIN, host }).expect(422);
    await api.agent.get(`${TOKENS}/reviewer`).expect(405);
  });
});
