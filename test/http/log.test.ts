// The log of a recording's whole life. Every log is checked for secrets when its `startApi` closes.
import { expect, it } from '@jest/globals';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type CallOptions, SECRET, startApi } from './api.ts';
import { formWith } from './calls.ts';

it('the log has a line for each request, and in none a key, an address, a query or whom it is about', async () => {
  const store = createInterventions();
  const own = await startApi({ wrap: store.wrap });
  const address = 'lovelace@example.org';
  const authorization = await own.authorization({ sub: address });
  const token = authorization.slice('Bearer '.length);
  const created = await own.create({ exam: 'private-exam', attempt: 'private-attempt' }, { parts: 2 });
  const { path, attemptPath } = created;
  const ask = (method: 'get' | 'post' | 'delete', at: string, options: CallOptions = {}) =>
    own.call(method, at, { authorization, ...options });
  await own.upload(created, webm);
  await ask('post', `${path}/complete`);
  const link = await ask('post', `${path}/playback-links`, { body: { reason: authorization.slice(0, 200) } });
  const urls = [...created.upload.parts.map(({ url }) => url), String(link.body.url)];
  await ask('post', `${path}/content`, formWith(webm));
  await ask('get', `${path}?token=${token}`);
  for (const exam of [token, address]) await ask('get', `/v1/exams/${exam}/recordings?cursor=${exam}`);
  await ask('post', `${attemptPath}/recordings`, { body: { participantId: address, [token]: urls } });
  const basic = `Basic ${Buffer.from(`lovelace:${SECRET}`).toString('base64')}`;
  for (const wrong of [`${authorization}x`, basic]) await ask('get', path, { authorization: wrong });
  const restore = store.failOn('list', 'attempts/');
  await ask('get', path);
  restore();
  await ask('delete', `${path}?reason=erasure`);
  await ask('get', path);

  const statuses = own.log().flatMap(({ message, status }) => (message === 'request' ? [status] : []));
  expect(statuses).toEqual([201, 200, 200, 201, 409, 422, 422, 422, 422, 401, 401, 503, 200, 410]);
  const parameters = urls.flatMap((url) => [...new URL(url).searchParams]);
  const keys = parameters.flatMap(([name, value]) => (/^(uploadId|X-Amz-Signature)$/.test(name) ? [value] : []));
  expect(keys).toHaveLength(5);
  for (const key of [...keys, ...token.split('.'), ...basic.split(' '), SECRET, 'SERVICEKEY', 'lovelace', 'private-']) {
    expect(own.lines.join('')).not.toContain(key);
  }
});
