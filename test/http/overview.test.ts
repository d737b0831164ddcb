// PUT …/overview, and the way of an overview to a reviewer's player and into an export.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import type { PlaybackLink } from '../../src/model/recording.ts';
import type { AccessLogPage } from '../../src/recordings/access-log.ts';
import type { ExportedRecording } from '../../src/recordings/export.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { JPEG, overviewOf } from '../kit/overview.ts';
import { until } from '../kit/until.ts';
import { type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { beginPart } from './calls.ts';
import { expectProblem } from './expectations.ts';

const OVERVIEW = overviewOf();
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const put = ({ path }: CreatedRecording, body: Buffer = OVERVIEW, by = api) =>
  by.raw('PUT', `${path}/overview`, { body, headers: { 'content-type': 'application/octet-stream' } });
const link = ({ path }: CreatedRecording, body: object = {}) =>
  api.call<PlaybackLink>('post', `${path}/playback-links`, { body });
const logOf = async ({ path }: CreatedRecording) =>
  (await api.call<AccessLogPage>('get', `${path}/access-log`)).body.items;

async function stored(participantId = 'p-1'): Promise<CreatedRecording> {
  const created = await api.create({}, { participantId });
  expect((await put(created)).status).toBe(204);
  await api.upload(created, webm);
  await api.call('post', `${created.path}/complete`);
  return created;
}

describe('an overview', () => {
  it('is accepted again and again, until its recording is complete', async () => {
    const created = await api.create();
    const other = overviewOf(Buffer.concat([JPEG, Buffer.from('other')]));
    expect(await put(created)).toMatchObject({ status: 204, body: {} });
    expect((await put(created, other)).status).toBe(204);
    const key = recordingKey(created.ref, 'overview');
    expect(Buffer.from((await api.service.store.get(key)) ?? [])).toEqual(other);
    await api.upload(created, webm);
    await api.call('post', `${created.path}/complete`);
    expectProblem(await put(created), 409, 'recording-stored');
    expect(Buffer.from((await api.service.store.get(key)) ?? [])).toEqual(other);
  });

  it('is refused of a recording that was deleted, with its receipt', async () => {
    const created = await api.create();
    await api.call('delete', `${created.path}?reason=erasure`);
    const refused = await put(created);
    expectProblem(refused, 410, 'recording-deleted');
    expect(refused.body).toHaveProperty('receipt');
  });

  it('takes a place among the uploads through the service, and none stays when its client goes away', async () => {
    const few = await startApi({ maxContentUploads: 1 });
    const created = await few.create();
    const begun = await beginPart(few, `${created.path}/overview`, OVERVIEW.subarray(0, 10), OVERVIEW.length);
    const { buffers } = few.service.context.proxiedUploads;
    await until(() => buffers.taken === 1);
    expectProblem(await put(created, OVERVIEW, few), 503, 'uploads-busy');
    begun.destroy();
    await until(() => buffers.taken === 0);
    expect(await few.service.keys(recordingKey(created.ref, 'overview'))).toEqual([]);
    expect((await put(created, OVERVIEW, few)).status).toBe(204);
  });

  it('that announces too much is refused before any of it is read', async () => {
    const created = await api.create();
    const begun = await beginPart(api, `${created.path}/overview`, undefined, 3 * 1024 * 1024);
    const [response] = (await once(begun, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    begun.destroy();
  });
});

describe('a playback link', () => {
  it('comes with one to the very overview, for as long, by one entry of the access log', async () => {
    const created = await stored();
    const { body } = await link(created);
    const fetched = await api.service.testStore.fetch(body.overviewUrl ?? '');
    expect(Buffer.from(await fetched.arrayBuffer())).toEqual(OVERVIEW);
    expect(fetched.headers.get('content-type')).toBe('application/octet-stream');
    const lifeOf = (url: string) => ['X-Amz-Date', 'X-Amz-Expires'].map((name) => new URL(url).searchParams.get(name));
    expect(lifeOf(body.overviewUrl ?? '')).toEqual(lifeOf(body.url));
    expect(await logOf(created)).toMatchObject([{ event: 'link-issued', detail: `until ${body.expiresAt}` }]);
  });

  it('of a recording without an overview has none, and a restricted recording has neither', async () => {
    expect((await link(await api.store())).body).toMatchObject({ url: expect.any(String), overviewUrl: null });
    const created = await stored();
    await api.call('put', `${created.path}/restriction`, { body: { reason: 'contested' } });
    const refused = await link(created);
    expectProblem(refused, 423, 'recording-restricted');
    expect(JSON.stringify(refused)).not.toContain('X-Amz');
  });

  it('that replaces one of the same viewing is told from a new viewing', async () => {
    const created = await api.store();
    const expiries = [];
    for (const renewal of [undefined, false, true]) expiries.push((await link(created, { renewal })).body.expiresAt);
    const [first, second, third] = expiries.map((expiresAt) => `until ${expiresAt}`);
    expect((await logOf(created)).map(({ detail }) => detail)).toEqual([first, second, `${third}, a renewal`]);
    expectProblem(await link(created, { renewal: 'yes' }), 422, 'invalid-request');
  });
});

describe('an export', () => {
  const path = (participant: string, query = '') => `/v1/participants/${participant}/export${query}`;

  it('has a link to the overview, or the overview itself in an archive', async () => {
    const who = `person-${newAttempt()}`;
    await stored(who);
    await api.store({}, webm, { participantId: who });
    const { body } = await api.call<{ recordings: ExportedRecording[] }>('get', path(who));
    expect(body.recordings).toMatchObject([
      { link: { overviewUrl: expect.any(String) }, overviewFile: null },
      { link: { overviewUrl: null }, overviewFile: null },
    ]);

    const headers = { authorization: await api.authorization() };
    const answer = await fetch(api.url + path(who, '?format=zip'), { headers });
    const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
    const { recordings } = JSON.parse(Buffer.from(files['manifest.json'] ?? []).toString()) as typeof body;
    const [covered, bare] = recordings;
    expect(Buffer.from(files[covered?.overviewFile ?? ''] ?? [])).toEqual(OVERVIEW);
    expect(Buffer.from(files[covered?.file ?? ''] ?? []).equals(webm)).toBe(true);
    expect(bare?.overviewFile).toBeNull();
    expect(Object.keys(files)).toHaveLength(4);
  });

  it('of a restricted recording has neither, unless the desk asks for it', async () => {
    const who = `person-${newAttempt()}`;
    const created = await stored(who);
    await api.call('put', `${created.path}/restriction`, { body: { reason: 'contested' } });
    const headers = { authorization: await api.authorization() };
    for (const [query, count] of [
      ['?format=zip', 1],
      ['?format=zip&includeRestricted=true', 3],
    ] as const) {
      const answer = await fetch(api.url + path(who, query), { headers });
      expect(Object.keys(unzipSync(new Uint8Array(await answer.arrayBuffer())))).toHaveLength(count);
    }
  });
});
