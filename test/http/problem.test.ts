// How calls fail: every refusal is a problem with a stable code, and no input brings the service down.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { PROBLEMS } from '../../src/http/problem-codes.ts';
import { until } from './expectations.ts';
import { ATTEMPT_PATH, bearer, CREATE_BODY, type Service, startService, UNKNOWN_RECORDING } from './support.ts';

const RECORDINGS = `${ATTEMPT_PATH}/recordings`;
const NO_RECORDING = `${RECORDINGS}/${UNKNOWN_RECORDING}`;

async function send(service: Service, method: 'post' | 'put', path: string, body: string | object | undefined) {
  const call = request(service.server)
    [method](path)
    .set('authorization', await bearer());
  return body === undefined ? call : call.set('content-type', 'application/json').send(body);
}

async function get(service: Service, path: string) {
  return request(service.server)
    .get(path)
    .set('authorization', await bearer());
}

interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: { code?: string; requestId?: string };
}

/** As it is, without the tidying of paths and headers that a client does. */
async function raw(service: Service, method: string, path: string, headers: Record<string, string> = {}) {
  const { port } = new URL(service.url);
  const authorization = await bearer();
  return new Promise<RawAnswer>((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, method, path, headers: { authorization, ...headers } }, (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += String(chunk);
      });
      res.on('end', () => {
        resolve({ status: res.statusCode, headers: res.headers, body: text ? JSON.parse(text) : {} });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('a problem', () => {
  it('has the members of RFC 9457, a code and the id of the request', async () => {
    const service = await startService();
    const answer = await request(service.server)
      .get(NO_RECORDING)
      .set('authorization', await bearer())
      .set('x-request-id', 'my-request.1');
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['x-request-id']).toBe('my-request.1');
    expect(answer.body).toEqual({
      type: '/docs#problem-recording-not-found',
      title: PROBLEMS['recording-not-found'].title,
      status: 404,
      detail: expect.any(String),
      code: 'recording-not-found',
      requestId: 'my-request.1',
    });
  });

  it.each(['no spaces please', 'ü', '', 'a'.repeat(65), 'a'.repeat(10_000), '<script>', '{"level":"error"}', 'a\tb'])(
    'gets an id of the service where the caller sent %j',
    async (id) => {
      const service = await startService();
      const sent = { 'x-request-id': Buffer.from(id).toString('latin1') };
      for (const path of ['/livez', NO_RECORDING, '/nowhere', '/v1/exams/%zz/recordings']) {
        const { headers, body } = await raw(service, 'GET', path, sent);
        expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
        expect(body.requestId ?? headers['x-request-id']).toBe(headers['x-request-id']);
      }
      expect(JSON.stringify(service.log())).not.toContain(JSON.stringify(id || 'never').slice(1, -1));
    },
  );

  it('is logged once, with the template of the route and never the path', async () => {
    const service = await startService();
    await get(service, NO_RECORDING);
    const lines = service.log();
    expect(lines.filter((line) => line.message === 'request refused')).toHaveLength(1);
    expect(lines.filter((line) => line.message === 'request')).toEqual([
      expect.objectContaining({
        method: 'GET',
        route: '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}',
        status: 404,
        tenant: 'acme',
        actor: 'tester',
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('exam-1');
    expect(await service.metrics.metrics()).toContain(
      'route="/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}"',
    );
  });
});

describe('a path', () => {
  it.each([
    ['/v1/exams/../attempts/a/recordings', 422, 'invalid-id'],
    ['/v1/exams/a%2fb/recordings', 422, 'invalid-id'],
    ['/v1/exams/%2e%2e/recordings', 422, 'invalid-id'],
    ['/v1/exams/%00/recordings', 422, 'invalid-id'],
    ['/v1/exams/%C3%A9/recordings', 422, 'invalid-id'],
    [`/v1/exams/${'a'.repeat(65)}/recordings`, 422, 'invalid-id'],
    ['/v1/exams/p@example.org/recordings', 422, 'invalid-id'],
    ['/v1/exams/_a/recordings', 422, 'invalid-id'],
    ['/v1/exams/%zz/recordings', 400, 'malformed-path'],
    ['/v1/exams/%ff/recordings', 400, 'malformed-path'],
    [`${RECORDINGS}/nonsense`, 404, 'recording-not-found'],
    [`${RECORDINGS}/..`, 404, 'recording-not-found'],
    ['/v1/Exams/a/recordings', 404, 'not-found'],
    ['/v1/exams/a/recordings/', 404, 'not-found'],
    ['/v1/exams//recordings', 404, 'not-found'],
    ['/v1', 404, 'not-found'],
    ['/', 404, 'not-found'],
    ['/v1/__proto__', 404, 'not-found'],
  ])('%s is a %i %s', async (path, status, code) => {
    const service = await startService();
    expect(await raw(service, 'GET', path)).toMatchObject({ status, body: { status, code } });
  });

  it('names the id that is wrong', async () => {
    const service = await startService();
    const answer = await get(service, '/v1/exams/exam-1/attempts/p@example.org/recordings');
    expect(answer.body.errors).toEqual([{ path: 'attempt', message: expect.stringContaining('e-mail') }]);
  });

  it.each([
    ['DELETE', RECORDINGS, 'POST, GET, HEAD'],
    ['PATCH', NO_RECORDING, 'GET, HEAD, DELETE'],
    ['POST', '/livez', 'GET, HEAD'],
  ])('does not have %s, and %s says what it has', async (method, path, allow) => {
    const service = await startService();
    const answer = await fetch(service.url + path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe(allow);
    expect(await answer.json()).toMatchObject({ code: 'method-not-allowed' });
  });
});

describe('a body', () => {
  const assessment = `${ATTEMPT_PATH}/assessment`;
  const valid = { completedAt: '2026-11-02T10:00:00Z' };

  it.each([
    ['cut off', '{"completedAt":', 400, 'malformed-json'],
    ['an array', '[]', 422, 'invalid-request'],
    ['a string', '"2026-11-02T10:00:00Z"', 422, 'invalid-request'],
    ['null', 'null', 422, 'invalid-request'],
    ['absent', undefined, 422, 'invalid-request'],
    ['empty', '{}', 422, 'invalid-request'],
    ['with another key', { ...valid, force: true }, 422, 'invalid-request'],
    ['with __proto__', `{"completedAt":"2026-11-02T10:00:00Z","__proto__":{"isAdmin":true}}`, 422, 'invalid-request'],
    [
      'with constructor',
      `{"completedAt":"2026-11-02T10:00:00Z","constructor":{"prototype":{}}}`,
      422,
      'invalid-request',
    ],
    ['without an offset', { completedAt: '2026-11-02T10:00:00' }, 422, 'invalid-request'],
    ['with a day that is none', { completedAt: '2026-02-30T10:00:00Z' }, 422, 'invalid-request'],
    ['with a number for a time', { completedAt: 1_793_000_000 }, 422, 'invalid-request'],
    ['too large', { completedAt: 'x'.repeat(70_000) }, 413, 'body-too-large'],
    ['deep', '['.repeat(20_000) + ']'.repeat(20_000), 422, 'invalid-request'],
  ])('that is %s is refused', async (_, body, status, code) => {
    const service = await startService();
    expect((await send(service, 'put', assessment, body)).body).toMatchObject({ status, code });
  });

  it('takes the last of a member that stands twice', async () => {
    const service = await startService();
    const at = (hour: string) => `"completedAt":"2026-11-02T${hour}:00:00Z"`;
    const answer = await send(service, 'put', assessment, `{${at('09')},${at('10')}}`);
    expect(answer.body).toMatchObject({ completedAt: '2026-11-02T10:00:00.000Z' });
  });

  it('names the keys that are not known', async () => {
    const service = await startService();
    const answer = await send(service, 'put', assessment, { ...valid, force: true });
    expect(answer.body.errors).toEqual([{ path: 'force', message: 'Is not known here' }]);
  });

  it.each([
    ['text/plain', {}],
    ['application/x-www-form-urlencoded', {}],
    ['application/json; charset=latin1', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('of the type %s (%j) is a 415', async (contentType, headers) => {
    const service = await startService();
    const answer = await request(service.server)
      .put(assessment)
      .set({ authorization: await bearer(), 'content-type': contentType, ...headers })
      .send(JSON.stringify(valid));
    expect(answer.body).toMatchObject({ status: 415, code: 'unsupported-media-type' });
  });

  it.each([
    ['no consent', { consent: undefined }, 'consent-missing'],
    ['null for consent', { consent: null }, 'consent-missing'],
    ['consent without a version', { consent: { givenAt: '2026-11-02T10:00:00Z' } }, 'invalid-request'],
    ['an e-mail address for the participant', { participantId: 'p@example.org' }, 'invalid-request'],
    ['a type that is not allowed', { contentType: 'video/mp4' }, 'content-type-not-allowed'],
    ['a type that is none', { contentType: 'video/webm\r\nx: y' }, 'content-type-not-allowed'],
    ['another kind', { kind: 'keyboard' }, 'invalid-request'],
    ['too many parts', { parts: 1001 }, 'invalid-request'],
    ['half a part', { parts: 0.5 }, 'invalid-request'],
  ])('that starts a recording with %s is a 422', async (_, change, code) => {
    const service = await startService();
    const answer = await send(service, 'post', RECORDINGS, { ...CREATE_BODY, ...change });
    expect(answer.body).toMatchObject({ status: 422, code });
  });

  it.each([
    ['no part', { parts: [] }],
    ['a part twice', { parts: [part(1), part(1)] }],
    ['part 0', { parts: [part(0)] }],
    ['part 10001', { parts: [part(10_001)] }],
    ['an empty part', { parts: [{ partNumber: 1, sizeBytes: 0 }] }],
    ['1001 parts', { parts: Array.from({ length: 1001 }, (__, index) => part(index + 1)) }],
  ])('that asks for %s is a 422', async (_, body) => {
    const service = await startService();
    const answer = await send(service, 'post', `${NO_RECORDING}/parts`, body);
    expect(answer.body).toMatchObject({ status: 422, code: 'invalid-request' });
  });

  const [start, end] = ['2026-11-02T10:00:00Z', '2026-11-02T11:00:00+01:00'];
  it.each([
    ['nothing', undefined, 404],
    ['an empty object', {}, 404],
    ['parts in order', { parts: [etag(1), etag(3)] }, 404],
    ['ten thousand parts', { parts: Array.from({ length: 10_000 }, (__, index) => etag(index + 1)) }, 404],
    ['a timeline', { timeline: { startedAt: start, endedAt: end, gaps: [] } }, 404],
    ['parts out of order', { parts: [etag(2), etag(1)] }, 422],
    ['a part twice', { parts: [etag(1), etag(1)] }, 422],
    ['a timeline that ends early', { timeline: { startedAt: end, endedAt: '2026-11-02T09:00:00Z', gaps: [] } }, 422],
    ['a long reason', { timeline: { startedAt: start, endedAt: start, gaps: [gap('x'.repeat(201))] } }, 422],
    [
      '1001 gaps',
      { timeline: { startedAt: start, endedAt: start, gaps: Array.from({ length: 1001 }, () => gap('x')) } },
      422,
    ],
  ])('that completes with %s is checked before anything else', async (_, body, status) => {
    const service = await startService();
    expect((await send(service, 'post', `${NO_RECORDING}/complete`, body)).status).toBe(status);
  });

  it('is not read from a caller who may not call', async () => {
    const service = await startService();
    const answer = await request(service.server).put(assessment).set('content-type', 'text/plain').send('{');
    expect(answer.body).toMatchObject({ status: 401 });
  });
});

describe('a query', () => {
  it.each([
    'limit=0',
    'limit=201',
    'limit=',
    'limit=1e1',
    'limit=1&limit=2',
    'limit[]=1',
    'assessed=TRUE',
    'assessed=1',
    'dueBefore=tomorrow',
    'duebefore=2026-11-02T10:00:00Z',
    'cursor=',
  ])('with %s is a 422', async (query) => {
    const service = await startService();
    expect((await get(service, `${RECORDINGS}?${query}`)).body).toMatchObject({ status: 422, code: 'invalid-request' });
  });

  it('may name a limit and filters', async () => {
    const service = await startService();
    const answer = await get(service, `${RECORDINGS}?limit=200&assessed=false&dueBefore=2026-12-02T10:00:00%2B01:00`);
    expect(answer.body).toEqual({ items: [], nextCursor: null });
  });
});

describe('an upload through the service', () => {
  const webm = Buffer.concat([Buffer.from('1a45dfa39f4282847765626d', 'hex'), Buffer.alloc(200_000, 7)]);

  async function startRecording(service: Service): Promise<string> {
    const created = await send(service, 'post', RECORDINGS, { ...CREATE_BODY, parts: 0 });
    return `${created.headers.location}/content`;
  }

  async function upload(service: Service, path: string, field: string, bytes: Buffer) {
    const answer = request(service.server)
      .post(path)
      .set('authorization', await bearer());
    return answer.attach(field, bytes, { filename: 'blob', contentType: 'video/webm' });
  }

  it('becomes a recording', async () => {
    const service = await startService();
    const answer = await upload(service, await startRecording(service), 'file', webm);
    expect(answer.body).toMatchObject({ state: 'stored', sizeBytes: webm.length });
  });

  it.each([
    ['of another field', 'video', 'invalid-request', 422],
    ['of a field that nests', 'file[a][b]', 'invalid-request', 422],
  ])('%s is refused', async (_, field, code, status) => {
    const service = await startService();
    const answer = await upload(service, await startRecording(service), field, webm);
    expect(answer.body).toMatchObject({ code, status });
  });

  it('beyond the limit is refused, whether its length is announced or not', async () => {
    const service = await startService({ maxRecordingBytes: 100_000 });
    const path = await startRecording(service);
    expect((await upload(service, path, 'file', webm)).body).toMatchObject({
      status: 413,
      code: 'recording-too-large',
    });
    const form = formOf(webm);
    const chunked = await fetch(service.url + path, {
      method: 'POST',
      headers: { authorization: await bearer(), 'content-type': form.contentType },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(form.body);
          controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expect(await chunked.json()).toMatchObject({ status: 413, code: 'recording-too-large' });
  });

  it('without a file is a 422', async () => {
    const service = await startService();
    const answer = await request(service.server)
      .post(await startRecording(service))
      .set('authorization', await bearer())
      .field('note', 'no file');
    expect(answer.body).toMatchObject({ status: 422, code: 'file-missing' });
  });

  it('that is no form is a 415', async () => {
    const service = await startService();
    const answer = await request(service.server)
      .post(await startRecording(service))
      .set({ authorization: await bearer(), 'content-type': 'video/webm' })
      .send(webm);
    expect(answer.body).toMatchObject({ status: 415, code: 'unsupported-media-type' });
  });

  it.each([
    ['that ends early', (form: Buffer) => form.subarray(0, form.length - 20)],
    ['that has no boundary', () => Buffer.from('nothing')],
    ['that is empty', () => Buffer.alloc(0)],
  ])('in a form %s is a 400, and nothing is completed', async (_, cut) => {
    const service = await startService();
    const path = await startRecording(service);
    const { body, contentType } = formOf(webm);
    const answer = await request(service.server)
      .post(path)
      .set({ authorization: await bearer(), 'content-type': contentType })
      .send(cut(body));
    expect(answer.body).toMatchObject({ status: 400, code: 'malformed-form' });
    expect((await get(service, path.replace('/content', ''))).body).toMatchObject({ state: 'uploading' });
  });

  it('to a recording that does not exist is refused before its body is read', async () => {
    const service = await startService();
    const answer = await upload(service, `${NO_RECORDING}/content`, 'file', webm);
    expect(answer.body).toMatchObject({ status: 404, code: 'recording-not-found' });
  });

  it('whose client goes away harms nothing, and can be sent again', async () => {
    const service = await startService();
    const path = await startRecording(service);
    const { body, contentType } = formOf(webm);
    const headers = { authorization: await bearer(), 'content-type': contentType, 'content-length': body.length };
    const client = httpRequest(service.url + path, { method: 'POST', headers });
    client.on('error', () => {});
    await new Promise((resolve) => client.write(body.subarray(0, 100_000), resolve));
    client.destroy();
    const logged = () => service.log() as { message?: string; code?: string; aborted?: boolean }[];
    await until(() => logged().some(({ message, aborted }) => message === 'request' && aborted === true));
    expect(logged()).toContainEqual(expect.objectContaining({ message: 'request refused', code: 'request-aborted' }));
    expect((await upload(service, path, 'file', webm)).status).toBe(200);
  });
});

describe('a failure behind the service', () => {
  it('of the store is a 503 that asks to try again, and shows nothing of the store', async () => {
    const service = await startService();
    await service.closeStore();
    const answer = await get(service, RECORDINGS);
    expect(answer.body).toMatchObject({ status: 503, code: 'store-unavailable' });
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1|recordings\/v1/);
    expect(service.log()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        code: 'store-unavailable',
        causes: expect.arrayContaining([expect.stringContaining('StoreError unavailable')]),
      }),
    );
  });

  it('that nobody foresaw is a 500 without its message', async () => {
    const service = await startService({
      authenticate: () => Promise.reject(new Error('secret at https://store.example/x?X-Amz-Signature=abc')),
    });
    const answer = await request(service.server).get(RECORDINGS);
    expect(answer.body).toMatchObject({ status: 500, code: 'internal' });
    expect(answer.text + JSON.stringify(service.log())).not.toContain('secret');
    expect(service.log()).toContainEqual(expect.objectContaining({ code: 'internal', stack: expect.any(Array) }));
  });
});

describe('readiness', () => {
  it.each([
    [
      () => Promise.resolve({ ready: false, reason: 'the bucket is public' }),
      { ready: false, reason: 'the bucket is public' },
    ],
    [() => Promise.reject(new Error('secret')), { ready: false, reason: 'the check itself failed' }],
  ])('is a 503 while it is missing', async (isReady, body) => {
    const service = await startService({ isReady });
    const answer = await request(service.server).get('/readyz');
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual(body);
    expect((await request(service.server).get('/livez')).body).toEqual({ status: 'ok' });
  });
});

function part(partNumber: number) {
  return { partNumber, sizeBytes: 5_242_880 };
}

function etag(partNumber: number) {
  return { partNumber, etag: '"d41d8cd98f00b204e9800998ecf8427e"' };
}

function gap(reason: string) {
  return { from: '2026-11-02T10:00:00Z', to: '2026-11-02T10:00:00Z', reason };
}

function formOf(file: Buffer): { body: Buffer; contentType: string } {
  const head = '--edge\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--edge--\r\n')]);
  return { body, contentType: 'multipart/form-data; boundary=edge' };
}
