// The page at /demo: where it is served, what its answers allow, who gets its tokens, that nothing in it is missing.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { demoOrigins, demoPage } from '../../src/commands/demo-page.ts';
import { readSettings } from '../../src/commands/settings.ts';
import { en } from '../../src/demo-page/texts/en.ts';
import { nl } from '../../src/demo-page/texts/nl.ts';
import { type Api, SECRET, startApi } from '../http/api.ts';

const PORT = '8654';
const ORIGIN = `http://localhost:${PORT}`;
const STORE = 'http://127.0.0.1:8655';
const EMBEDDED = { PORT, AUTH_SHARED_SECRET: SECRET };
const JWKS = { AUTH_JWKS_URL: 'https://login.example/keys' };
const TOKENS = '/demo/attempts/try-1/tokens';

const serve = (env: Record<string, string>) => startApi({ demo: demoPage(readSettings(env), STORE, SECRET) });
let api: Api;
beforeAll(async () => {
  api = await serve(EMBEDDED);
});

function askToken(service: Api, role: string, headers: Record<string, string>, attempt = 'try-1') {
  return fetch(`${service.url}/demo/attempts/${attempt}/tokens/${role}`, { method: 'POST', headers });
}

describe('where there is such a page', () => {
  it.each([
    ['a store of its own', { ...EMBEDDED, S3_BUCKET: 'bucket', S3_REGION: 'eu' }],
    ['tokens of somebody else', { PORT, ...JWKS }],
    ['no URLs for uploads', { ...EMBEDDED, UPLOADS: 'proxy' }],
    ['a port that nobody knows', { ...EMBEDDED, PORT: '0' }],
  ])('not with %s: neither page nor tokens, and its origin is not let in', async (_name, env) => {
    expect(demoOrigins(readSettings(env))).toEqual([]);
    const service = await serve(env);
    for (const path of ['/demo', '/demo/main.js', '/demo/page.css', '/demo/settings']) {
      expect((await fetch(service.url + path)).status).toBe(404);
    }
    expect((await askToken(service, 'reviewer', { origin: ORIGIN })).status).toBe(404);
  });

  it('beside the embedded store, with a shared secret or a generated one', () => {
    expect(demoOrigins(readSettings(EMBEDDED))).toEqual([ORIGIN, `http://127.0.0.1:${PORT}`]);
    expect(demoOrigins(readSettings({ PORT }))).toHaveLength(2);
  });
});

describe('the files', () => {
  it('may load scripts and styles of the service, speak to it and to the store, and nothing else', async () => {
    const answer = await fetch(`${api.url}/demo`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('content-security-policy')?.split('; ').sort()).toEqual([
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

  it('have no script, style or handler in the HTML, and every file that it names is answered', async () => {
    const html = await (await fetch(`${api.url}/demo`)).text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/);
    for (const [script] of html.matchAll(/<script[^>]*>[^<]*<\/script>/g)) {
      expect(script).toMatch(/^<script[^>]* src="[^"]+"[^>]*><\/script>$/);
    }
    const named = [...html.matchAll(/(?:src|href)="(\/[^"]*)"/g)].flatMap(([, path]) => path ?? []);
    expect(named.sort()).toEqual(['/demo/main.js', '/demo/page.css']);
    const types = { '/demo/main.js': 'text/javascript; charset=utf-8', '/demo/page.css': 'text/css; charset=utf-8' };
    for (const [path, type] of Object.entries(types)) {
      const answer = await fetch(api.url + path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
      expect((await answer.text()).length).toBeGreaterThan(1000);
    }
  });

  it('ask for words that both languages have', async () => {
    const html = await (await fetch(`${api.url}/demo`)).text();
    const asked = [...html.matchAll(/data-(?:text|label)="(\w+)"/g)].flatMap(([, key]) => key ?? []);
    expect(asked.length).toBeGreaterThan(40);
    for (const key of asked) expect(typeof en[key as keyof typeof en]).toBe('string');
    expect(Object.keys(nl).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      const inDutch = nl[key as keyof typeof nl];
      expect([key, typeof inDutch, String(inDutch).trim() !== '']).toEqual([key, typeof text, true]);
    }
  });
});

describe('the tokens', () => {
  it('are given to the page itself: for minutes, for tenant demo, bound to one attempt, one scope each', async () => {
    const scopes = {
      'exam-client': 'recordings:upload',
      reviewer: 'recordings:review',
      'assessment-system': 'assessments:write',
      'privacy-desk': 'privacy:manage',
    };
    for (const [role, scope] of Object.entries(scopes)) {
      const answer = await askToken(api, role, { origin: ORIGIN, 'sec-fetch-site': 'same-origin' });
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
      const { token } = (await answer.json()) as { token: string };
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
        string,
        number
      >;
      expect(claims).toMatchObject({ tenant: 'demo', exam: 'demo', attempt: 'try-1', scope });
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    }
    expect(JSON.stringify(api.log())).not.toMatch(/eyJ/);
  });

  it.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { origin: 'http://localhost:9999', 'sec-fetch-site': 'same-site' }],
    [
      'a name that was bound to this address',
      { origin: `http://evil.example:${PORT}`, 'sec-fetch-site': 'same-origin' },
    ],
    ['a sandboxed frame', { origin: 'null' }],
    ['our origin, but a request from elsewhere', { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }],
    ['nobody who says', {}],
  ])('are refused to %s', async (_name, headers) => {
    const answer = await askToken(api, 'reviewer', headers);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: 'cross-origin' });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([
    ['127.0.0.1', 200],
    ['::1', 200],
    ['192.0.2.1', 403],
  ])('are for this machine alone: from %s the answer is %d', async (from, status) => {
    const seenFrom = createServer((request, response) => {
      Object.defineProperty(request.socket, 'remoteAddress', { value: from });
      api.handler(request, response);
    }).listen(0, '127.0.0.1');
    await once(seenFrom, 'listening');
    const { port } = seenFrom.address() as AddressInfo;
    const headers = { origin: ORIGIN, connection: 'close' };
    const answer = await fetch(`http://127.0.0.1:${port}${TOKENS}/reviewer`, { method: 'POST', headers });
    seenFrom.close();
    expect(answer.status).toBe(status);
  });

  it('are given for no other role, and for no attempt with another kind of id', async () => {
    expect((await askToken(api, 'operator', { origin: ORIGIN })).status).toBe(404);
    expect((await askToken(api, 'reviewer', { origin: ORIGIN }, 'a@b')).status).toBe(422);
    expect((await fetch(`${api.url}${TOKENS}/reviewer`)).status).toBe(405);
  });
});
