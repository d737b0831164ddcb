// The log of a whole life: it tells what happened, and nothing that is a key to anything.
import { beforeAll, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, SECRET, signedToken, startApi } from './api.ts';

const store = createInterventions();
let api: Api;
let token: string;
const urls: string[] = [];

beforeAll(async () => {
  api = await startApi({ wrap: store.wrap, rateLimitPerMinute: 40 });
  token = await signedToken({ sub: 'lovelace@example.org' }, api.service.clock.now());
  const authorization = `Bearer ${token}`;
  const call = (method: 'get' | 'post' | 'put' | 'delete', path: string, body?: object) =>
    api.call(method, path, { authorization, ...(body ? { body } : {}) });

  const created = await api.create({ exam: 'private-exam', attempt: 'private-attempt' }, { parts: 2 });
  urls.push(...created.upload.parts.map(({ url }) => url));
  const { path, attemptPath } = created;
  const parts = await call('post', `${path}/parts`, { parts: [{ partNumber: 1, sizeBytes: webm.length }] });
  urls.push((parts.body.parts as { url: string }[])[0]?.url ?? '');
  await api.upload(created, webm);
  await call('get', `${path}/parts`);
  await call('post', `${path}/complete`);
  await call('get', `${path}?token=${token}`);
  await call('get', `${attemptPath}/recordings?limit=1&cursor=${token}`);
  const link = await call('post', `${path}/playback-links`, { reason: `Bearer ${token}`.slice(0, 200) });
  urls.push(String(link.body.url));
  await call('put', `${attemptPath}/assessment`, { completedAt: new Date(api.service.clock.now()).toISOString() });
  await api.agent
    .post(`${path}/content`)
    .set('authorization', authorization)
    .attach('file', Buffer.from(webm), 'lovelace.webm');
  // Refusals and failures, whose messages might quote what was sent.
  await call('get', `/v1/exams/${token}/recordings`);
  await call('get', '/v1/exams/lovelace@example.org/recordings?cursor=lovelace@example.org');
  await call('post', `${attemptPath}/recordings`, { participantId: 'lovelace@example.org', [token]: urls });
  await api.call('get', path, { authorization: `${authorization}x` });
  await api.call('get', path, { authorization: `Basic ${Buffer.from(`lovelace:${SECRET}`).toString('base64')}` });
  for (const operation of ['list', 'get'] as const) {
    const mend = store.failOn(operation, 'attempts/');
    await call('get', path);
    mend();
  }
  await call('delete', `${path}?reason=erasure`);
  // A minute that ends meanwhile lets more through.
  for (let status = 0; status !== 429; ) status = (await call('get', path)).status;
  api.service.clock.advance(30 * DAY_MS);
  await api.service.sweep();
});

it('has a line for each request, and no token, signature, secret, address or query in any line', () => {
  const requests = api.log().filter(({ message }) => message === 'request');
  const statuses = requests.map(({ status }) => status);
  expect(statuses).toEqual(expect.arrayContaining([200, 201, 401, 409, 410, 422, 429, 503]));
  expect(requests.length).toBeGreaterThan(40);
  const [, payload = '', signature = ''] = token.split('.');
  const uploadIds = urls.map((url) => new URL(url).searchParams.get('uploadId')).filter((id) => id !== null);
  const signatures = urls.map((url) => new URL(url).searchParams.get('X-Amz-Signature') ?? '?');
  expect(signatures).toHaveLength(4);
  const secrets = [token, payload, signature, SECRET, ...uploadIds, ...signatures, 'SERVICEKEY', 'service-secret'];
  for (const line of api.lines) {
    for (const secret of secrets) expect(line).not.toContain(secret);
    expect(line).not.toMatch(/X-Amz-|Bearer |eyJ|@|lovelace|http:\/\/|\?\w+=|cursor|private-/i);
  }
});
