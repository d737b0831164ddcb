// POST …/content: a recording that passes through the service.
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { ftyp } from '../kit/containers.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, overriding } from '../kit/interventions.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { mediaKey } from '../kit/service.ts';
import { until } from '../kit/until.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { beginSending, FORM_HEAD, FORM_TAIL, formWith } from './calls.ts';
import { expectDocumented } from './documented.ts';
import { A_MINUTE, createLooks } from './looks.ts';
import { settled } from './settled.ts';

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const partsOf = async ({ path }: CreatedRecording, by = api) =>
  (await by.call<{ parts: object[] }>('get', `${path}/parts`)).body.parts.length;
const stateOf = async ({ path }: CreatedRecording, by = api) => (await by.call('get', path)).body.state;

const attach = ({ path }: CreatedRecording, bytes: Uint8Array, by = api) =>
  by.raw('POST', `${path}/content`, formWith(bytes));

const begin = ({ path }: CreatedRecording, sent: Uint8Array | undefined, length: number, by = api) =>
  beginSending(by, `${path}/content`, sent, length);

async function answerOf(request: ClientRequest): Promise<{ status: number; body: Record<string, unknown> }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = response;
  const body = JSON.parse(await text(response)) as Record<string, unknown>;
  expectDocumented('POST', request.path, { status, headers: headers as Record<string, string>, body });
  return { status, body };
}

async function expectKept(created: CreatedRecording, file: Uint8Array, by = api): Promise<void> {
  const { body } = await by.call<{ url: string }>('post', `${created.path}/playback-links`);
  const played = await by.service.testStore.fetch(body.url);
  expect(Buffer.from(await played.arrayBuffer()).equals(file)).toBe(true);
}

describe('a file that is sent through the service', () => {
  it.each([5 * MIB, 5 * MIB + 1])('of %i bytes, twice at once, is one recording as it was sent', async (sizeBytes) => {
    const created = await api.create();
    const file = enlargeWebm(webm, sizeBytes);
    const answers = await Promise.all([attach(created, file), attach(created, file)]);
    const stored = answers.filter(({ status }) => status === 200);
    // One at a time: the other is refused meanwhile, or comes too late.
    for (const { status } of answers) expect([200, 409, 503]).toContain(status);
    const whole = { ...created.recording, container: 'webm', state: 'stored', storedAt: expect.any(String), sizeBytes };
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.map(({ body }) => body)).toEqual(stored.map(() => whole));
    expect((await api.call('get', created.path)).body).toEqual(whole);
    await expectKept(created, file);
  });

  it('streams: while the store is slow the client waits, and memory holds two parts', async () => {
    const narrow = await startApi({ maxContentUploads: 2, wrap: store.wrap });
    const created = await narrow.create();
    const file = enlargeWebm(webm, 45 * MIB);
    let sentBytes = 0;
    function* form() {
      yield FORM_HEAD;
      for (; sentBytes < file.length; sentBytes += MIB) yield file.subarray(sentBytes, sentBytes + MIB);
      yield FORM_TAIL;
    }
    let partsSent = 0;
    store.watch('uploadPart', () => {
      partsSent += 1;
    });
    const held = store.holdNext('uploadPart');
    const request = await begin(created, undefined, file.length, narrow);
    const answer = answerOf(request);
    const sending = pipeline(Readable.from(form(), { objectMode: true, highWaterMark: 1 }), request);
    await held.reached;
    // Beside the two parts the sockets of the machine hold some; a service that buffered would have taken all of it.
    expect(await settled(() => sentBytes)).toBeLessThan(30 * MIB);
    expect(narrow.service.context.proxiedUploads.buffers.taken).toBe(2);
    expect(partsSent).toBe(0);
    held.release();
    await sending;
    expect(await answer).toMatchObject({ status: 200, body: { state: 'stored', sizeBytes: file.length } });
    expect(partsSent).toBe(9);
    await expectKept(created, file, narrow);
  });

  it.each([
    ['whole', 12 * MIB],
    ['with less of it', 4 * MIB],
  ])('can be sent again %s when the connection broke', async (_, sizeBytes) => {
    const created = await api.create();
    const request = await begin(created, enlargeWebm(webm, 12 * MIB).subarray(0, 11 * MIB), 12 * MIB);
    await until(async () => (await partsOf(created)) === 2);
    const before = api.logged('request-aborted');
    request.destroy();
    await until(() => api.logged('request-aborted') > before);
    expect([await stateOf(created), await partsOf(created)]).toEqual(['uploading', 2]);
    const file = enlargeWebm(webm, sizeBytes);
    expect((await attach(created, file)).body).toMatchObject({ state: 'stored', sizeBytes });
    await expectKept(created, file);
    expect((await api.service.store.listMultipartUploads(mediaKey(created.ref))).uploads).toEqual([]);
  });

  it('needs a new recording where the store, like Ceph, refuses to complete while further parts are there', async () => {
    const strict = await startApi({
      wrap: (whole) =>
        overriding(whole, {
          async completeMultipartUpload(key, uploadId, parts) {
            const stored = (await whole.listParts(key, uploadId)) ?? [];
            if (stored.length > parts.length) throw new StoreError('invalid-parts', 'complete', 'InvalidPart');
            return whole.completeMultipartUpload(key, uploadId, parts);
          },
        }),
    });
    const created = await strict.create();
    await strict.upload(created, enlargeWebm(webm, 6 * MIB));
    const answer = await attach(created, webm, strict);
    expect(answer.body).toMatchObject({ status: 409, code: 'parts-left-over', detail: expect.stringMatching(/abort/) });
    expect((await strict.call('post', `${created.path}/abort`)).status).toBe(204);
    expect((await attach(await strict.create(), webm, strict)).status).toBe(200);
  });
});

describe('a file is refused', () => {
  it('when it is empty, or when there are two, and the upload stays open; when it is no recording, and nothing is kept', async () => {
    const created = await api.create();
    expect((await attach(created, new Uint8Array())).body).toMatchObject({ status: 422, code: 'file-missing' });
    const request = api.agent.post(`${created.path}/content`).set('authorization', await api.authorization());
    const two = await request.attach('file', Buffer.from(webm), 'one').attach('file', Buffer.from(webm), 'two');
    expect(two.body).toMatchObject({ status: 422, code: 'invalid-request' });
    expect(await stateOf(created)).toBe('uploading');
    expect((await attach(created, webm)).status).toBe(200);
    const another = await api.create({}, { contentType: 'video/mp4' });
    expect((await attach(another, ftyp('avif'))).body).toMatchObject({ status: 422, code: 'not-a-recording' });
    await expectNothingLeft(api.service.store, another.ref);
    const receipt = { reason: 'not-a-recording', actor: 'service', participantId: 'p-1' };
    expect((await attach(another, webm)).body).toMatchObject({ code: 'recording-deleted', receipt });
  });

  it('when it turns out to be above the limit, and the upload stays open', async () => {
    const small = await startApi({ uploads: { maxRecordingBytes: 6 * MIB } });
    const created = await small.create();
    const { body, headers } = formWith(enlargeWebm(webm, 6 * MIB + 1));
    const unannounced = { body, headers: { ...headers, 'transfer-encoding': 'chunked' } };
    const answer = await small.raw('POST', `${created.path}/content`, unannounced);
    expect(answer).toMatchObject({ status: 413, body: { code: 'recording-too-large' } });
    expect(await stateOf(created, small)).toBe('uploading');
    expect((await attach(created, enlargeWebm(webm, 6 * MIB), small)).status).toBe(200);
  });
});

describe('a file that is larger than a request may be', () => {
  const refusal = { code: 'content-too-large', maxContentBytes: 6 * MIB, partSizeBytes: 5 * MIB };
  let limited: Api;
  beforeAll(async () => {
    limited = await startApi({ uploads: { maxContentBytes: 6 * MIB } });
  });

  it('is refused before a byte of it has come, with the way that is left, and that way is open', async () => {
    const created = await limited.create();
    const request = await begin(created, undefined, 7 * MIB, limited);
    const answer = await answerOf(request);
    request.destroy();
    expect(answer).toMatchObject({ status: 413, body: refusal });
    expect(answer.body.detail).toMatch(/PUT .*parts\/\{partNumber\}/);
    expect([await stateOf(created, limited), await partsOf(created, limited)]).toEqual(['uploading', 0]);
    const file = enlargeWebm(webm, 7 * MIB);
    for (const partNumber of [1, 2]) {
      const body = file.subarray((partNumber - 1) * 5 * MIB, partNumber * 5 * MIB);
      expect((await limited.raw('PUT', `${created.path}/parts/${partNumber}`, { body })).status).toBe(200);
    }
    expect((await limited.call('post', `${created.path}/complete`)).body).toMatchObject({ sizeBytes: 7 * MIB });
    await expectKept(created, file, limited);
  });

  it('is refused when it turns out to be, and one of that very size is not', async () => {
    const created = await limited.create();
    const { body, headers } = formWith(enlargeWebm(webm, 6 * MIB + 1));
    const unannounced = { body, headers: { ...headers, 'transfer-encoding': 'chunked' } };
    const answer = await limited.raw('POST', `${created.path}/content`, unannounced);
    expect(answer).toMatchObject({ status: 413, body: refusal });
    const formBytes = FORM_HEAD.length + FORM_TAIL.length;
    const above = enlargeWebm(webm, 6 * MIB - formBytes + 1);
    expect(await attach(created, above, limited)).toMatchObject({ status: 413, body: refusal });
    expect((await attach(created, enlargeWebm(webm, 6 * MIB - formBytes), limited)).status).toBe(200);
  });

  it('is refused as too large for a recording where that is what it is', async () => {
    const small = await startApi({ uploads: { maxContentBytes: 6 * MIB, maxRecordingBytes: 6 * MIB } });
    const answer = await attach(await small.create(), enlargeWebm(webm, 7 * MIB), small);
    expect(answer).toMatchObject({ status: 413, body: { code: 'recording-too-large' } });
  });
});

it('a client that asks before it sends the file is told to go on, or refused without it', async () => {
  const limited = await startApi({ uploads: { maxContentBytes: 6 * MIB } });
  const ask = async (sizeBytes: number) => {
    const { path } = await limited.create();
    const { body, headers } = formWith(enlargeWebm(webm, sizeBytes));
    const authorization = await limited.authorization();
    const request = httpRequest(`${limited.url}${path}/content`, {
      method: 'POST',
      headers: { ...headers, authorization, expect: '100-continue', 'content-length': body.length },
    });
    const answer = answerOf(request);
    let isAsked = false;
    request.once('continue', () => {
      isAsked = true;
      request.end(body);
    });
    request.flushHeaders();
    const { status } = await answer;
    request.destroy();
    return { status, isAsked };
  };
  expect(await ask(7 * MIB)).toEqual({ status: 413, isAsked: false });
  expect(await ask(2 * MIB)).toEqual({ status: 200, isAsked: true });
});

describe('a file that stops coming', () => {
  const looks = createLooks();
  let impatient: Api;
  beforeAll(async () => {
    impatient = await startApi({ every: looks.every, wrap: store.wrap });
  });

  it.each([
    ['before its first byte', undefined, 0],
    ['in its middle', enlargeWebm(webm, 12 * MIB).subarray(0, 6 * MIB), 1],
  ])('%s is answered 408 and cut off; what has arrived stays', async (_, sent, arrived) => {
    const created = await impatient.create();
    const request = await begin(created, sent, 12 * MIB, impatient);
    const closed = once(request, 'close');
    const answer = answerOf(request);
    await until(async () => looks.size === 1 && (await partsOf(created, impatient)) === arrived);
    await until(() => {
      looks.look();
      return looks.size === 0;
    });
    expect(await answer).toMatchObject({ status: 408, body: { code: 'request-idle' } });
    await closed;
    expect(await partsOf(created, impatient)).toBe(arrived);
    expect((await attach(created, webm, impatient)).status).toBe(200);
  });

  it('is not one that waits for the store', async () => {
    const created = await impatient.create();
    const held = store.holdNext('uploadPart');
    const sending = attach(created, enlargeWebm(webm, 12 * MIB), impatient);
    await held.reached;
    const { buffers } = impatient.service.context.proxiedUploads;
    await until(() => buffers.taken === 2);
    await settled(() => buffers.waiting);
    looks.look(3 * A_MINUTE);
    held.release();
    expect((await sending).body).toMatchObject({ state: 'stored', sizeBytes: 12 * MIB });
  });
});

describe('more files at once', () => {
  const file = enlargeWebm(webm, 8 * MIB);
  const KIB = 1024;
  /** So few that they arrive at once: when a buffer is taken, none of them is on its way any more. */
  const FIRST_BYTES = KIB;
  const beginOne = (created: CreatedRecording, by: Api, sub = 'tester') =>
    beginSending(by, `${created.path}/content`, file.subarray(0, FIRST_BYTES), file.length, { sub });
  const attachAs = (sub: string, { path }: CreatedRecording, bytes: Uint8Array, by: Api) =>
    by.raw('POST', `${path}/content`, { ...formWith(bytes), as: { sub, scope: 'recordings:upload' } });

  it('than one caller may send are refused with 503 and Retry-After, until they have ended; others send', async () => {
    const crowded = await startApi({ maxContentUploads: 16 });
    const { buffers } = crowded.service.context.proxiedUploads;
    const stalled: ClientRequest[] = [];
    for (let count = 0; count < 8; count += 1) stalled.push(await beginOne(await crowded.create(), crowded));
    // Of the memory they have their share too.
    await until(() => buffers.taken === 2 && buffers.waiting === 6);
    const created = await crowded.create();
    const refused = await attach(created, webm, crowded);
    expect(refused.body).toMatchObject({ status: 503, code: 'uploads-busy', detail: expect.stringMatching(/token/) });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await attachAs('another', await crowded.create(), webm, crowded)).status).toBe(200);
    for (const request of stalled) request.destroy();
    await until(async () => (await attach(created, webm, crowded)).status === 200);
  });

  it('of one recording are refused while the first comes', async () => {
    const created = await api.create();
    const first = await beginOne(created, api);
    const answer = answerOf(first);
    await until(() => api.service.context.proxiedUploads.buffers.taken === 1);
    expect((await attach(created, webm)).body).toMatchObject({ status: 503, code: 'uploads-busy' });
    first.write(file.subarray(FIRST_BYTES));
    first.end(FORM_TAIL);
    expect(await answer).toMatchObject({ status: 200 });
    await expectKept(created, file);
  });

  it('than there is memory for wait; one that comes too slowly meanwhile is refused, the others come through', async () => {
    const looks = createLooks();
    const shared = await startApi({ maxContentUploads: 4, every: looks.every });
    const { buffers } = shared.service.context.proxiedUploads;
    const [created, waiting] = [await shared.create(), await shared.create()];
    const slow = await beginOne(await shared.create(), shared, 'slow');
    const another = await beginOne(created, shared, 'another');
    await until(() => buffers.taken === 2);
    const answered = attachAs('waiting', waiting, file, shared);
    await until(() => buffers.waiting === 1);
    // 2 KiB a second, which is enough where nobody waits, and 32.
    for (let count = 0; count < A_MINUTE; count += 1) {
      const sent = (kib: number) => Math.max(FIRST_BYTES, count * 10 * kib * KIB);
      slow.write(file.subarray(sent(2), (count + 1) * 20 * KIB));
      another.write(file.subarray(sent(32), (count + 1) * 320 * KIB));
      await settled(() => (slow.socket?.bytesWritten ?? 0) + (another.socket?.bytesWritten ?? 0));
      looks.look();
    }
    expect(await answerOf(slow)).toMatchObject({ status: 503, body: { code: 'uploads-busy' } });
    expect((await answered).body).toMatchObject({ state: 'stored', sizeBytes: file.length });
    another.write(file.subarray(32 * 60 * KIB));
    another.end(FORM_TAIL);
    expect(await answerOf(another)).toMatchObject({ status: 200 });
    for (const each of [created, waiting]) await expectKept(each, file, shared);
  });
});
