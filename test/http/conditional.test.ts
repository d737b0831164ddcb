// If-None-Match on reads (RFC 9110, 13.1.2), and what may be kept by a cache.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { webm } from '../kit/fixtures.ts';
import { type Api, type CreatedRecording, startApi, UNKNOWN_RECORDING } from './api.ts';
import { expectProblem } from './expectations.ts';

let api: Api;
let created: CreatedRecording;
let etag: string;
beforeAll(async () => {
  api = await startApi();
  created = await api.create();
  etag = (await api.call('get', created.path)).headers.etag ?? '';
});

const ask = (path: string, ifNoneMatch: string, method = 'GET') =>
  api.raw(method, path, { headers: { 'if-none-match': ifNoneMatch } });

describe('a read', () => {
  it('has a strong ETag, and no cache keeps it', async () => {
    const { headers } = await api.call('get', created.path);
    expect(headers.etag).toMatch(/^"[\w-]+"$/);
    expect(headers['cache-control']).toBe('no-store');
  });

  it.each<[string, (tag: string) => string]>([
    ['its tag', (tag) => tag],
    ['its tag made weak by a proxy', (tag) => `W/${tag}`],
    ['a list with its tag', (tag) => `"one", W/"two",${tag} , "three"`],
    ['*', () => '*'],
  ])('is a 304 without a body for %s', async (_, header) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(created.path, header(etag), method);
      expect(answer).toMatchObject({ status: 304, body: {}, headers: { etag, 'x-request-id': expect.any(String) } });
      expect(answer.headers['content-type']).toBeUndefined();
    }
  });

  it('is a 304 for `fetch` too, which adds Cache-Control: no-cache to every request with a tag', async () => {
    const headers = { authorization: await api.authorization(), 'if-none-match': etag };
    expect((await fetch(api.url + created.path, { headers })).status).toBe(304);
  });

  it.each<[string, (tag: string) => string]>([
    ['another tag', () => '"another"'],
    ['its tag without quotes', (tag) => tag.slice(1, -1)],
    ['nothing', () => ''],
    ['what is no tag', () => 'é,"'],
  ])('is whole for %s', async (_, header) => {
    expect(await ask(created.path, header(etag))).toMatchObject({ status: 200, headers: { etag } });
  });

  it('is whole again once something has changed', async () => {
    const other = await api.create();
    const before = (await api.call('get', other.path)).headers.etag ?? '';
    await api.upload(other, webm);
    await api.call('post', `${other.path}/complete`);
    const changed = await ask(other.path, before);
    expect(changed).toMatchObject({ status: 200, body: { state: 'stored' } });
    expect(changed.headers.etag).not.toBe(before);
  });

  it('that is refused is refused, whatever tag is asked for', async () => {
    const nothing = `${created.attemptPath}/recordings/${UNKNOWN_RECORDING}`;
    expectProblem(await ask(nothing, '*'), 404, 'recording-not-found');
    expectProblem(await api.raw('GET', created.path, { as: null, headers: { 'if-none-match': '*' } }), 401);
  });
});

it('what makes or changes something is done, whatever tag is asked for, and has none', async () => {
  const answer = await api.call('post', `${created.path}/parts`, {
    body: { parts: [{ partNumber: 1, sizeBytes: 1 }] },
    headers: { 'if-none-match': '*' },
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.etag).toBeUndefined();
});

describe.each(['/docs', '/openapi.json'])('%s', (path) => {
  it('may be kept by a cache that asks whether it is still the same', async () => {
    const first = await fetch(api.url + path);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const headers = { 'if-none-match': first.headers.get('etag') ?? '' };
    expect((await fetch(api.url + path, { headers })).status).toBe(304);
  });
});

it.each(['/livez', '/readyz', '/metrics', '/nowhere', '/v1/nowhere'])('%s is kept by no cache', async (path) => {
  expect((await fetch(api.url + path)).headers.get('cache-control')).toBe('no-store');
});
