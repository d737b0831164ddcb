// What every answer has in common: probes and documentation without a token, errors, conditional reads, CORS.
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { RESPONSE_HEADERS } from '../../src/http/response.ts';
import { PROBLEMS, type ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectDocumented } from './documented.ts';
import { expectProblem, expectStrict } from './expectations.ts';

const RECORDINGS = '/v1/exams/exam-1/attempts/attempt-1/recordings';
const NO_RECORDING = `${RECORDINGS}/${UNKNOWN_RECORDING}`;
const TEMPLATE = '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});

it.each([
  ['/livez', 'no-store'],
  ['/readyz', 'no-store'],
  ['/metrics', 'no-store'],
  ['/docs', 'no-cache'],
  ['/docs/problems', 'no-cache'],
  ['/openapi.json', 'no-cache'],
  ['/.well-known/jwks.json', 'no-cache'],
])('%s may be read with any token or none, and nothing else; caches: %s', async (path, cacheControl) => {
  for (const options of [{ as: null }, { authorization: 'Bearer nonsense' }]) {
    const { status, headers } = await api.call('get', path, options);
    expect({ status, caches: headers['cache-control'] }).toEqual({ status: 200, caches: cacheControl });
    expectStrict(headers);
    for (const method of ['post', 'put', 'delete'] as const) {
      const answer = await api.call(method, path, options);
      expectProblem(answer, 405, 'method-not-allowed');
      expect(answer.headers.allow).toBe('GET, HEAD');
    }
  }
  const head = await fetch(api.url + path, { method: 'HEAD' });
  expectDocumented('HEAD', path, { status: head.status, headers: Object.fromEntries(head.headers), body: '' });
  expect(head.status).toBe(200);
  if (cacheControl === 'no-store') return;
  const again = await fetch(api.url + path, { headers: { 'if-none-match': head.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
});

it('the root leads a browser and a script to the documentation', async () => {
  const response = await fetch(api.url, { redirect: 'manual' });
  expect({ status: response.status, location: response.headers.get('location') }).toEqual({
    status: 302,
    location: '/docs',
  });
  expect(await response.text()).toContain('/docs');
});

it('the reference runs the scripts that its policy names and one file of the service, and calls nothing else', async () => {
  const { text, headers } = await api.agent.get('/docs');
  const scripts = [...text.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script = '']) =>
    hash('sha256', script, 'base64'),
  );
  expect(headers['content-security-policy']).toBe(
    `default-src 'none'; script-src 'self' ${scripts.map((script) => `'sha256-${script}'`).join(' ')}; ` +
      "style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  expect([...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address)).toEqual([
    'data:,',
    '/openapi.json',
    '/docs/problems',
    '/docs/scalar.js',
  ]);
});

it('the script of the reference is sent compressed where that is accepted, and again only when it has changed', async () => {
  const script = async (headers: Record<string, string>) => {
    const response = await fetch(`${api.url}/docs/scalar.js`, { headers });
    const { status, headers: received } = response;
    const [encoding, etag] = [received.get('content-encoding'), received.get('etag') ?? ''];
    return { status, encoding, etag, text: await response.text(), type: received.get('content-type') };
  };
  const compressed = await script({ 'accept-encoding': 'gzip' });
  const plain = await script({ 'accept-encoding': 'identity' });
  expect(compressed).toMatchObject({ status: 200, encoding: 'gzip', type: 'text/javascript; charset=utf-8' });
  expect(plain).toMatchObject({ status: 200, encoding: null, text: compressed.text });
  expect(plain.text).toContain('@scalar/api-reference');
  const again = await script({ 'accept-encoding': 'gzip', 'if-none-match': compressed.etag });
  expect(again).toMatchObject({ status: 304, text: '' });
});

it('the script of the reference is held once, however many clients do not read it', async () => {
  const clients = 20;
  const scriptBytes = (await (await fetch(`${api.url}/docs/scalar.js`)).arrayBuffer()).byteLength;
  const before = process.memoryUsage().arrayBuffers;
  const waiting = Array.from({ length: clients }, () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    // It reads the first bytes, and no more.
    const answered = once(socket, 'data').then(() => socket.pause());
    socket.on('error', () => {}).write('GET /docs/scalar.js HTTP/1.1\r\nHost: h\r\n\r\n');
    return { socket, answered };
  });
  try {
    await Promise.all(waiting.map(({ answered }) => answered));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan((clients / 2) * scriptBytes);
  } finally {
    for (const { socket } of waiting) socket.destroy();
  }
});

it('a service whose check fails is alive, and not ready', async () => {
  const waiting = await startApi({ isReady: () => Promise.reject(new Error('secret')) });
  expect((await waiting.call('get', '/livez', { as: null })).body).toEqual({ status: 'ok' });
  const answer = await waiting.call('get', '/readyz', { as: null });
  expect(answer).toMatchObject({ status: 503, body: { ready: false, reason: 'the check itself failed' } });
});

describe('a problem', () => {
  it('has the id of the request and no more than it needs; the log has the template of the route, never the path', async () => {
    const own = await startApi();
    const answer = await own.call('get', NO_RECORDING, { headers: { 'x-request-id': 'my-request.1' } });
    expectProblem(answer, 404, 'recording-not-found');
    expect(answer.headers['x-request-id']).toBe('my-request.1');
    expect(Object.keys(answer.body).sort()).toEqual(['code', 'detail', 'requestId', 'status', 'title', 'type']);
    expect(own.log().filter(({ message }) => message === 'request refused')).toHaveLength(1);
    expect(own.log().filter(({ message }) => message === 'request')).toMatchObject([
      { method: 'GET', route: TEMPLATE, status: 404, tenant: 'acme', actor: 'tester' },
    ]);
    expect(own.lines.join('')).not.toContain('exam-1');
  });

  it('has the members of every problem first, and those of its code after them', async () => {
    const { body } = await api.call('get', `${RECORDINGS}?limit=0`);
    const first = ['type', 'title', 'status', 'detail', 'code', 'requestId'];
    expect(Object.keys(body)).toEqual([...first, 'errors']);
  });

  it.each(['no spaces please', 'ü', '', 'a'.repeat(65), '{"level":"error"}'])(
    'has an id of the service where the caller sent %j',
    async (id) => {
      const headers = { 'x-request-id': Buffer.from(id).toString('latin1') };
      for (const [path, status] of [
        [NO_RECORDING, 404],
        ['/nowhere', 404],
        ['/v1/exams/%zz/recordings', 400],
      ] as const) {
        const answer = await api.raw('GET', path, { headers });
        expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
        expectProblem(answer, status);
      }
      if (id !== '') expect(JSON.stringify(api.log())).not.toContain(JSON.stringify(id).slice(1, -1));
    },
  );

  const cause = new Error('secret at https://10.9.8.7/x?X-Amz-Signature=abc');
  function storeThatIs(kind: 'unavailable' | 'access-denied') {
    const list = () => Promise.reject(new StoreError(kind, 'list', 'NetworkError', { cause }));
    return { wrap: (store: ObjectStore) => overriding(store, { list }) };
  }
  const caused = (by: string) => ({ causes: expect.arrayContaining([expect.stringContaining(by)]) });
  it.each<[ProblemCode, Parameters<typeof startApi>[0], string | undefined, object]>([
    ['store-unavailable', storeThatIs('unavailable'), '5', caused('StoreError unavailable')],
    ['store-refused', storeThatIs('access-denied'), undefined, caused('StoreError access-denied')],
    ['internal', { authenticate: () => Promise.reject(cause) }, undefined, { stack: expect.any(Array) }],
  ])(
    'is logged with its cause; the message of the error appears neither in the log nor in the answer: %s',
    async (code, options, retryAfter, logged) => {
      const broken = await startApi(options);
      const answer = await broken.call('get', RECORDINGS);
      expectProblem(answer, PROBLEMS[code].status, code);
      expect(answer.headers['retry-after']).toBe(retryAfter);
      expect(JSON.stringify(answer)).not.toMatch(/10\.9\.8\.7|NetworkError|StoreError/);
      expect(broken.log()).toContainEqual(expect.objectContaining({ level: 'error', code, ...logged }));
      expect(JSON.stringify(answer) + broken.lines.join('')).not.toContain('secret');
    },
  );
});

describe('what the parser of Node refuses', () => {
  /** The whole answer, as it came. */
  async function send(bytes: string): Promise<string> {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(bytes, 'latin1');
    return text(socket);
  }

  const HOST = 'Host: h\r\n';
  it.each<[string, string, ProblemCode]>([
    ['bytes that are no HTTP', 'nonsense\r\n\r\n', 'malformed-request'],
    ['a method that there is not', `FETCH / HTTP/1.1\r\n${HOST}\r\n`, 'malformed-request'],
    ['20 kB of headers', `GET / HTTP/1.1\r\n${HOST}X-Request-Id: ${'a'.repeat(20_000)}\r\n\r\n`, 'headers-too-large'],
  ])('is a problem with an id, and the end of the connection: %s', async (_, bytes, code) => {
    const [head = '', body = ''] = (await send(bytes)).split('\r\n\r\n');
    const { status, title } = PROBLEMS[code];
    const requestId = /^X-Request-Id: ([\w-]{36})$/m.exec(head)?.[1];
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    for (const line of ['Content-Type: application/problem+json', 'Cache-Control: no-store', 'Connection: close']) {
      expect(head.split('\r\n')).toContain(line);
    }
    const type = `/docs#problem-${code}`;
    expect(JSON.parse(body)).toEqual({ type, title, status, detail: `${title}.`, code, requestId });
  });

  it.each([
    ['an id of 10 kB', `X-Request-Id: ${'a'.repeat(10_000)}`],
    ['an unknown expectation', 'Expect: the best'],
  ])('does not include %s', async (_, header) => {
    const answer = await send(`GET /livez HTTP/1.1\r\n${HOST}Connection: close\r\n${header}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  });
});

describe('a read', () => {
  let created: CreatedRecording;
  let etag: string;
  beforeAll(async () => {
    created = await api.create();
    etag = (await api.call('get', created.path)).headers.etag ?? '';
  });
  const ask = (path: string, ifNoneMatch: string, method = 'GET') =>
    api.raw(method, path, { headers: { 'if-none-match': ifNoneMatch } });

  it('has a strong ETag, and is a 304 without a body for it, weak or in a list too, and for *', async () => {
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const header of [etag, `W/${etag}`, `"one", W/"two",${etag} , "three"`, '*']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(created.path, header, method);
        expect(answer).toMatchObject({ status: 304, body: {}, headers: { etag, 'x-request-id': expect.any(String) } });
        expect(answer.headers['content-type']).toBeUndefined();
      }
    }
    // `fetch` adds Cache-Control: no-cache to every request with a tag.
    const headers = { authorization: await api.authorization(), 'if-none-match': etag };
    expect((await fetch(api.url + created.path, { headers })).status).toBe(304);
  });

  it('is whole for any other tag, and where something has changed; a refusal is one whatever the tag', async () => {
    for (const other of ['"another"', etag.slice(1, -1), '', 'é,"']) {
      expect(await ask(created.path, other)).toMatchObject({ status: 200, headers: { etag } });
    }
    expectProblem(await ask(NO_RECORDING, '*'), 404, 'recording-not-found');
    expectProblem(await api.raw('GET', created.path, { as: null, headers: { 'if-none-match': '*' } }), 401);
    await api.upload(created, webm);
    // Calls that change something succeed, and have no ETag.
    const completed = await ask(`${created.path}/complete`, '*', 'POST');
    expect([completed.status, completed.headers.etag]).toEqual([200, undefined]);
    const changed = await ask(created.path, etag);
    expect(changed).toMatchObject({ status: 200, body: { state: 'stored' }, headers: { 'cache-control': 'no-store' } });
    expect(changed.headers.etag).not.toBe(etag);
  });
});

describe('a page of another origin', () => {
  const ALLOWED = ['https://exams.example', 'https://review.example:8443'] as const;
  let open: Api;
  beforeAll(async () => {
    open = await startApi({ corsOrigins: ALLOWED });
  });

  const send = (origin: string, headers = {}, url = open.url + RECORDINGS, method = 'GET') =>
    fetch(url, { method, headers: { origin, ...headers } });
  const preflight = (origin: string, url?: string) =>
    send(origin, { 'access-control-request-method': 'PUT' }, url, 'OPTIONS');
  const list = ({ headers }: Response, name: string) => (headers.get(name) ?? '').split(/ *, */);
  // Tokens are sent in a header: pages may not send cookies or client certificates.
  const permissionOf = (answer: Response) => ({
    origin: answer.headers.get('access-control-allow-origin'),
    credentials: answer.headers.get('access-control-allow-credentials'),
    varies: list(answer, 'vary').includes('Origin'),
  });

  it.each(ALLOWED)('needs no token for its preflight, and may read every documented header: %s', async (origin) => {
    const before = await preflight(origin);
    expect(before.status).toBe(204);
    expect(list(before, 'access-control-allow-methods')).toEqual(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);
    const allowed = ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'X-Request-Id'];
    expect(list(before, 'access-control-allow-headers')).toEqual(expect.arrayContaining(allowed));
    const [read, refused] = [await send(origin, { authorization: await open.authorization() }), await send(origin)];
    expect([read.status, refused.status]).toEqual([200, 401]);
    for (const answer of [before, read, refused]) {
      expect(permissionOf(answer)).toEqual({ origin, credentials: null, varies: true });
      if (answer === before) continue;
      expect(list(answer, 'access-control-expose-headers')).toEqual(Object.keys(RESPONSE_HEADERS));
    }
  });

  it('may read the clock of the service, whatever the answer, and when to ask again', async () => {
    const [origin] = ALLOWED;
    const answers = [await send(origin, { authorization: await open.authorization() }), await send(origin)];
    for (const answer of answers) {
      const exposed = list(answer, 'access-control-expose-headers');
      expect(exposed).toEqual(expect.arrayContaining(['Date', 'ETag', 'Retry-After']));
      expect(answer.headers.get('date')).toBe(new Date(open.service.clock.now()).toUTCString());
    }
  });

  it.each([
    'https://evil.example',
    'https://exams.example.evil.example',
    'https://exams.example:444',
    'http://exams.example',
    'null',
  ])('has no permission where it is not set: %s', async (origin) => {
    for (const answer of [await send(origin), await preflight(origin)]) {
      expect(permissionOf(answer)).toEqual({ origin: null, credentials: null, varies: true });
    }
  });

  describe('that is not allowed is logged when it asks for permission', () => {
    const warnings = (of: Api) => of.log().filter(({ code }) => code === 'origin-not-allowed');

    it.each<[string, readonly string[]]>([
      ['and others are allowed', ALLOWED],
      ['and none is', []],
    ])('once each, without its URL, %s', async (_, corsOrigins) => {
      const own = await startApi({ corsOrigins });
      const url = own.url + RECORDINGS;
      for (const origin of ['http://exams.example', 'https://exams.example:444', 'http://exams.example', 'null']) {
        await preflight(origin, url);
      }
      expect(warnings(own)).toEqual([
        expect.objectContaining({ level: 'warn', host: 'exams.example', detail: 'the scheme is http' }),
        expect.objectContaining({ level: 'warn', host: 'exams.example:444', detail: 'the scheme is https' }),
        expect.objectContaining({ level: 'warn', host: 'null' }),
      ]);
    });

    it('but not what is allowed, or is no preflight, or no origin of a page', async () => {
      const own = await startApi({ corsOrigins: ALLOWED });
      const url = own.url + RECORDINGS;
      await preflight(ALLOWED[0], url);
      await send('https://evil.example', {}, url, 'OPTIONS');
      await send('https://evil.example', { 'access-control-request-method': 'PUT' }, url);
      for (const odd of [
        '',
        'evil',
        `https://${'a'.repeat(300)}.example`,
        'https://evil.example/path?secret',
        'https://user:secret@evil.example',
      ]) {
        await preflight(odd, url);
      }
      expect(warnings(own)).toEqual([]);
    });

    it('as long as there are not too many', async () => {
      const own = await startApi({ corsOrigins: ALLOWED });
      for (let n = 0; n < 110; n += 1) await preflight(`https://evil-${n}.example`, own.url + RECORDINGS);
      expect(warnings(own)).toHaveLength(100);
    });
  });

  it('has no permission where no origin is configured (OPTIONS then only lists the methods), nor outside /v1', async () => {
    const answer = await preflight(ALLOWED[0], api.url + RECORDINGS);
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD']);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    for (const path of ['/livez', '/metrics', '/docs', '/openapi.json']) {
      expect(permissionOf(await send(ALLOWED[0], {}, open.url + path))).toMatchObject({ origin: null });
    }
  });
});
