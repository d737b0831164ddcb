// What browsers record is accepted in every spelling of its type, and served as what it is; what is certainly no recording is
// refused; what is doubtful is kept.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/model/durations.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { Created } from '../../src/recordings/create.ts';
import type { RecordingPage } from '../../src/recordings/list.ts';
import {
  box,
  cluster,
  docType,
  ebmlHeader,
  FRONT,
  ftyp,
  page,
  segment,
  simpleBlock,
  trackOf,
  voidOf,
} from '../kit/containers.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { recordingKey } from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { type Api, CREATE_BODY, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { FORM_TAIL } from './calls.ts';
import { expectProblem } from './expectations.ts';

let api: Api;
beforeAll(async () => {
  const base = ['webm', 'matroska', 'mp4', 'ogg'].map((subtype) => `video/${subtype}`);
  api = await startApi({ uploads: { contentTypes: new Set(base) } });
});

const MP4 = Buffer.concat([ftyp('isom', 'mp41'), trackOf('vide'), box('mdat', 'media')]);
const MATROSKA = Buffer.concat([ebmlHeader(docType('matroska')), segment(FRONT, cluster(simpleBlock()))]);
const OGG = Buffer.concat([page(0n, 'OpusHead', { begins: true }), page(0n, 'OpusTags'), page(960n, 'sound')]);
const HTML = Buffer.from('<script>alert(1)</script>');
const PICTURE = Buffer.concat([ftyp('avif', 'mif1'), box('meta', '\0\0\0\0')]);

const complete = ({ path }: CreatedRecording, body?: object) =>
  api.call<Recording>('post', `${path}/complete`, body ? { body } : {});
const attach = async ({ path }: CreatedRecording, file: Uint8Array) =>
  api.agent
    .post(`${path}/content`)
    .set('authorization', await api.authorization())
    .attach('file', Buffer.from(file), 'f');

/** A file that was sent part by part, or through the service, and completed. */
async function sent(by: string, file: Uint8Array, contentType = 'video/webm;codecs=vp8') {
  const created = await api.create({}, { parts: 0, contentType });
  if (by === 'parts') await api.upload(created, file);
  const answer = by === 'parts' ? await complete(created) : await attach(created, file);
  return { created, answer };
}

/** As a browser gets it by a playback link. */
async function played({ path }: Pick<CreatedRecording, 'path'>) {
  const { status, body } = await api.call<{ url: string }>('post', `${path}/playback-links`);
  expect(status).toBe(201);
  const answer = await api.service.testStore.fetch(body.url);
  const [type, disposition] = ['content-type', 'content-disposition'].map((name) => answer.headers.get(name));
  return { type, disposition, bytes: Buffer.from(await answer.arrayBuffer()) };
}

describe('a recording begins with a type', () => {
  it.each([
    ['VIDEO/WEBM', 'video/webm'],
    ['Video/WebM;Codecs=VP8', 'video/webm;codecs=VP8'],
    ['video/webm;  codecs=vp8', 'video/webm;codecs=vp8'],
    ['video/webm ; codecs="vp8, opus"', 'video/webm;codecs=vp8,opus'],
    ['video/mp4;\tCODECS="avc1.42E01E";profiles=isom', 'video/mp4;codecs=avc1.42E01E'],
    ['video/matroska;codecs=vp8,opus', 'video/matroska;codecs=vp8,opus'],
    ['video/x-matroska;codecs=avc1,opus', 'video/x-matroska;codecs=avc1,opus'],
  ])('in any spelling: %s', async (contentType, canonical) => {
    const created = await api.create({}, { contentType });
    expect(created.recording).toMatchObject({ contentType: canonical, container: null });
    expect((await api.call('get', created.path)).body).toMatchObject({ contentType: canonical, container: null });
  });

  it('in JSON of any spelling, once under one key', async () => {
    const path = `/v1/exams/math/attempts/${newAttempt()}/recordings`;
    const ids = new Set<string>();
    for (const [type, contentType] of [
      ['Application/JSON ; charset=utf-8', 'video/webm;codecs=vp8'],
      ['application/json;\tCharset="UTF-8"', 'Video/WebM ; codecs="vp8"'],
      ['application/json', 'video/webm;CODECS=vp8'],
    ]) {
      const headers = { 'content-type': type ?? '', 'Idempotency-Key': 'k' };
      const body = JSON.stringify({ ...CREATE_BODY, contentType });
      const answer = await api.call<Created>('post', path, { headers, body });
      expect(answer.status).toBe(201);
      ids.add(answer.body.recording.recordingId);
    }
    expect(ids.size).toBe(1);
  });
});

describe.each(['parts', 'content'])('an upload by %s', (by) => {
  it.each([
    ['WebM', 'video/webm;codecs=vp8', webm, 'webm', 'video/webm;codecs=vp8'],
    ['Matroska announced as WebM', 'video/webm;codecs=h264', MATROSKA, 'matroska', 'video/matroska;codecs=h264'],
    ['WebM announced as Matroska', 'video/matroska;codecs=vp8,opus', webm, 'webm', 'video/webm;codecs=vp8,opus'],
    ['MP4 announced as WebM', 'video/webm;codecs=vp8', MP4, 'mp4', 'video/mp4'],
    ['WebM announced as MP4', 'video/mp4;codecs=avc1', webm, 'webm', 'video/webm'],
    ['Ogg announced as WebM', 'video/webm', OGG, 'ogg', 'video/ogg'],
  ])('of %s is stored and served as what it is', async (_, announced, file, container, contentType) => {
    const { created, answer } = await sent(by, file, announced);
    const view = { state: 'stored', container, contentType, sizeBytes: file.length };
    expect(answer).toMatchObject({ status: 200, body: view });
    const list = await api.call<RecordingPage>('get', `${created.attemptPath}/recordings`);
    expect(list.body.items).toEqual([answer.body]);
    expect((await complete(created)).body).toEqual(answer.body);
    const { type, disposition, bytes } = await played(created);
    expect([type, disposition]).toEqual([contentType, null]);
    expect(bytes.equals(file)).toBe(true);
  });

  it.each([
    ['bytes of no known container', HTML],
    ['a damaged WebM', webm.subarray(0, 300)],
  ])('of %s is kept until its deadline, marked, counted, and only downloaded', async (_, file) => {
    const { counted, clock } = api.service;
    counted.length = 0;
    const { created, answer } = await sent(by, file);
    const view = { state: 'stored', container: 'unrecognized', contentType: 'application/octet-stream' };
    expect(answer).toMatchObject({ status: 200, body: view });
    expect(counted.filter((event) => event === 'recording-unrecognized')).toHaveLength(1);
    clock.advance(DAY_MS);
    expect((await api.call('get', created.path)).body).toEqual(answer.body);
    const { type, disposition, bytes } = await played(created);
    expect([type, disposition]).toEqual(['application/octet-stream', 'attachment']);
    expect(bytes.equals(file)).toBe(true);
    await complete(created);
    expect(counted.filter((event) => event === 'recording-unrecognized')).toHaveLength(1);
  });

  it.each([
    ['a picture', PICTURE, /picture/],
    ['an MP4 of brands alone', ftyp('iso5', 'iso6', 'mp41'), /not a single frame/],
    ['a WebM without a cluster', Buffer.concat([ebmlHeader(docType('webm')), segment(FRONT)]), /not a single frame/],
    ['an Ogg of headers alone', OGG.subarray(0, -33), /not a single frame/],
  ])('of %s is refused, deleted, and has a receipt', async (_, file, detail) => {
    const { created, answer } = await sent(by, file);
    expect(answer.body).toMatchObject({ status: 422, code: 'not-a-recording', detail: expect.stringMatching(detail) });
    await expectNothingLeft(api.service.store, created.ref);
    const again = await complete(created);
    expectProblem(again, 410, 'recording-deleted');
    expect(again.body).toMatchObject({ receipt: { reason: 'not-a-recording', actor: 'service' } });
  });
});

it('a first frame is found behind as much else as a file may have', async () => {
  const late = [ebmlHeader(voidOf(100_000), docType('webm')), segment(voidOf(7 * MIB), cluster(simpleBlock()))];
  expect((await sent('parts', Buffer.concat(late))).answer.body).toMatchObject({ container: 'webm' });
  const none = [ebmlHeader(docType('webm')), segment(voidOf(7 * MIB))];
  expect((await sent('parts', Buffer.concat(none))).answer.body).toMatchObject({ code: 'not-a-recording' });
});

describe('a form', () => {
  const formOf = (encoding: string, file: string | Uint8Array) => {
    const head = `--edge\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: VIDEO/WebM ; x="\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), Buffer.from(file), FORM_TAIL]);
  };
  const headers = { 'content-type': 'Multipart/Form-Data ;\tBoundary="edge"' };

  it.each(['base64', 'Quoted-Printable', 'x-uuencode'])(
    'with a file in %s is refused before anything is changed',
    async (encoding) => {
      const created = await api.create({}, { parts: 0 });
      await api.upload(created, webm);
      const before = (await api.call('get', `${created.path}/parts`)).body;
      const body = formOf(encoding, Buffer.from(webm).toString('base64'));
      const answer = await api.raw('POST', `${created.path}/content`, { headers, body });
      expectProblem(answer, 415, 'unsupported-media-type');
      expect(answer.body.detail).toContain(`Content-Transfer-Encoding: ${encoding.toLowerCase()}`);
      expect((await api.call('get', `${created.path}/parts`)).body).toEqual(before);
      expect((await attach(created, webm)).status).toBe(200);
    },
  );

  it.each(['binary', '8BIT', '7bit'])(
    'with a file in %s is taken as it is, whatever the case of its own type',
    async (encoding) => {
      const created = await api.create();
      const answer = await api.raw('POST', `${created.path}/content`, { headers, body: formOf(encoding, webm) });
      expect(answer).toMatchObject({ status: 200, body: { container: 'webm', sizeBytes: webm.length } });
    },
  );
});

describe('what was stored before', () => {
  it('has no container, is served as it was announced, and is never judged again', async () => {
    const { created } = await sent('parts', MP4);
    const media = recordingKey(created.ref, 'media');
    await api.service.store.put(media, PICTURE);
    await api.service.store.put(recordingKey(created.ref, 'stored'), Buffer.from('{"version":1,"parts":[]}'));
    api.service.context.contentCache.clear();
    const view = { state: 'stored', container: null, contentType: 'video/webm;codecs=vp8' };
    expect((await api.call('get', created.path)).body).toMatchObject(view);
    expect((await played(created)).type).toBe('video/webm;codecs=vp8');
    expect((await complete(created)).body).toMatchObject(view);
    expect(await api.service.keys(media)).toEqual([media]);
  });

  it('with a marker that cannot be read is served as it was announced', async () => {
    const { created } = await sent('parts', MP4);
    await api.service.store.put(recordingKey(created.ref, 'stored'), Buffer.from('{'));
    api.service.context.contentCache.clear();
    expect((await played(created)).type).toBe('video/webm;codecs=vp8');
  });

  it.each(['text/html', 'image/svg+xml', 'video/webm;codecs="vp8\\\n"', ''])(
    'under a manifest of type %j is never served',
    async (contentType) => {
      const { created } = await sent('parts', webm);
      const key = recordingKey(created.ref, 'manifest');
      const manifest = JSON.parse(Buffer.from((await api.service.store.get(key)) ?? []).toString()) as object;
      await api.service.store.put(key, Buffer.from(JSON.stringify({ ...manifest, contentType })));
      api.service.context.manifestCache.clear();
      const link = await api.call('post', `${created.path}/playback-links`);
      expectProblem(link, 503, 'recording-unreadable');
    },
  );
});
