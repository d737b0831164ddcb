// POST …/content: a recording that passes through the service.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey, overriding } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectDocumented } from './documented.ts';
import { expectNothingLeft, until } from './expectations.ts';
import { settled } from './settled.ts';

const store = createInterventions();
const HEAD = Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n\r\n');
const TAIL = Buffer.from('\r\n--edge--\r\n');
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const digestOf = (file: Uint8Array) => createHash('sha256').update(file).digest('hex');
const partsOf = async ({ path }: CreatedRecording, by = api) =>
  (await by.call<{ parts: object[] }>('get', `${path}/parts`)).body.parts;
const stateOf = async ({ path }: CreatedRecording, by = api) => (await by.call('get', path)).body.state;

async function attach(path: string, bytes: Uint8Array, by = api) {
  const request = by.agent.post(`${path}/content`).set('authorization', await by.authorization());
  const answer = await request.attach('file', Buffer.from(bytes), { filename: 'blob', contentType: 'video/webm' });
  expectDocumented('POST', `${path}/content`, answer);
  return answer;
}

/** A client that sends what it is told to; without a length, in chunks. */
async function open(path: string, length?: number, by = api): Promise<ClientRequest> {
  const request = httpRequest(`${by.url}${path}/content`, {
    method: 'POST',
    headers: {
      authorization: await by.authorization({ scope: 'recordings:upload' }),
      'content-type': 'multipart/form-data; boundary=edge',
      ...(length === undefined ? {} : { 'content-length': String(length + HEAD.length + TAIL.length) }),
    },
    agent: false,
  });
  request.on('error', () => {});
  return request;
}

async function answerOf(request: ClientRequest): Promise<{ status: number; body: Record<string, unknown> }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = response;
  const body = JSON.parse(await text(response)) as Record<string, unknown>;
  expectDocumented('POST', request.path, { status, headers: headers as Record<string, string>, body });
  return { status, body };
}

async function sha256Of(created: CreatedRecording, by = api): Promise<string> {
  const { body } = await by.call<{ url: string }>('post', `${created.path}/playback-links`);
  const hash = createHash('sha256');
  for await (const chunk of (await by.service.testStore.fetch(body.url)).body ?? []) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

describe('a file that is sent through the service', () => {
  it.each([5 * MIB, 5 * MIB + 1])('of %i bytes becomes a recording, and is kept as it is', async (sizeBytes) => {
    const created = await api.create();
    const file = enlargeWebm(webm, sizeBytes);
    const answer = await attach(created.path, file);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ ...created.recording, state: 'stored', storedAt: expect.any(String), sizeBytes });
    expect(await sha256Of(created)).toBe(digestOf(file));
  });

  it('streams: while the store is slow the client waits, and memory holds two parts', async () => {
    const created = await api.create();
    const sizeBytes = 45 * MIB;
    const hash = createHash('sha256');
    let sentBytes = 0;
    function* form() {
      yield HEAD;
      for (let at = 0; at < 45; at += 1) {
        const chunk = at === 0 ? enlargeWebm(webm, MIB) : Buffer.alloc(MIB, at);
        hash.update(chunk);
        sentBytes += chunk.length;
        yield chunk;
      }
      yield TAIL;
    }
    let partsBeside = 0;
    store.watch('uploadPart', () => {
      partsBeside += 1;
    });
    const held = store.holdNext('uploadPart');
    const request = await open(created.path, sizeBytes);
    const answer = answerOf(request);
    const sending = pipeline(Readable.from(form(), { objectMode: true, highWaterMark: 1 }), request);
    await held.reached;
    // Two parts, and what the sockets of the machine take: a service that buffered would have taken all of it.
    expect(await settled(() => sentBytes)).toBeLessThan(30 * MIB);
    expect(partsBeside).toBe(0);
    held.release();
    await sending;
    expect(await answer).toMatchObject({ status: 200, body: { state: 'stored', sizeBytes } });
    expect(partsBeside).toBe(9);
    expect(await sha256Of(created)).toBe(hash.digest('hex'));
  });

  it.each([
    ['whole', 12 * MIB],
    ['with less of it', 4 * MIB],
  ])('can be sent again %s when the connection broke', async (_, sizeBytes) => {
    const created = await api.create();
    const request = await open(created.path, 12 * MIB);
    request.write(HEAD);
    request.write(enlargeWebm(webm, 12 * MIB).subarray(0, 11 * MIB));
    await until(async () => (await partsOf(created)).length === 2);
    const aborts = () => api.lines.filter((line) => line.includes('request-aborted')).length;
    const before = aborts();
    request.destroy();
    await until(() => aborts() > before);
    expect([await stateOf(created), (await partsOf(created)).length]).toEqual(['uploading', 2]);
    const file = enlargeWebm(webm, sizeBytes);
    expect((await attach(created.path, file)).body).toMatchObject({ state: 'stored', sizeBytes });
    expect(await sha256Of(created)).toBe(digestOf(file));
    expect((await api.service.store.listMultipartUploads(mediaKey(created.ref))).uploads).toEqual([]);
  });

  it('is sent elsewhere when the store drops no part that is left, as Ceph does', async () => {
    const strict = await startApi({
      wrap: (whole) =>
        overriding(whole, {
          async completeMultipartUpload(key, uploadId, parts) {
            const stored = await whole.listParts(key, uploadId);
            if ((stored?.length ?? 0) > parts.length) throw new StoreError('invalid-parts', 'complete', 'InvalidPart');
            return whole.completeMultipartUpload(key, uploadId, parts);
          },
        }),
    });
    const created = await strict.create();
    await strict.upload(created, enlargeWebm(webm, 6 * MIB));
    const answer = await attach(created.path, webm, strict);
    expect(answer.body).toMatchObject({ status: 409, code: 'parts-left-over', detail: expect.stringMatching(/abort/) });
    expect((await strict.call('post', `${created.path}/abort`)).status).toBe(204);
    expect((await attach((await strict.create()).path, webm, strict)).status).toBe(200);
  });

  it('twice at once is one recording', async () => {
    const created = await api.create();
    const answers = await Promise.all([attach(created.path, webm), attach(created.path, webm)]);
    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'stored', sizeBytes: webm.length });
  });

  it('leaves nothing when the recording is erased meanwhile', async () => {
    const created = await api.create();
    const held = store.holdNext('uploadPart');
    const sending = attach(created.path, webm);
    await held.reached;
    expect((await api.call('delete', `${created.path}?reason=consent-withdrawn`)).status).toBe(200);
    held.release();
    expect([409, 410]).toContain((await sending).status);
    await expectNothingLeft(api.service.store, created.ref);
  });
});

describe('a file is refused', () => {
  it('when it is empty, or when there are two, and the upload stays open', async () => {
    const created = await api.create();
    const empty = await attach(created.path, new Uint8Array());
    expect(empty.body).toMatchObject({ status: 422, code: 'file-missing' });
    const request = api.agent.post(`${created.path}/content`).set('authorization', await api.authorization());
    const two = await request.attach('file', Buffer.from(webm), 'one').attach('file', Buffer.from(webm), 'two');
    expect(two.body).toMatchObject({ status: 422, code: 'invalid-request' });
    expect(await stateOf(created)).toBe('uploading');
    expect((await attach(created.path, webm)).status).toBe(200);
  });

  it('when it is no recording, and nothing is kept', async () => {
    const created = await api.create();
    const answer = await attach(created.path, Buffer.from('MZ, not a recording'));
    expect(answer.body).toMatchObject({ status: 422, code: 'not-a-recording' });
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('when it turns out to be above the limit, and the upload stays open', async () => {
    const small = await startApi({ uploads: { maxRecordingBytes: 6 * MIB } });
    const created = await small.create();
    const request = await open(created.path, undefined, small);
    request.write(HEAD);
    request.write(enlargeWebm(webm, 6 * MIB + 1));
    request.end(TAIL);
    expect(await answerOf(request)).toMatchObject({ status: 413, body: { code: 'recording-too-large' } });
    expect(await stateOf(created, small)).toBe('uploading');
    expect((await attach(created.path, enlargeWebm(webm, 6 * MIB), small)).status).toBe(200);
  });
});

describe('a file that stops coming', () => {
  /** What the service does whenever the time is over in which a byte should have come. */
  const looks = new Set<() => void>();
  const every = (_ms: number, look: () => void) => {
    looks.add(look);
    return () => looks.delete(look);
  };
  let impatient: Api;
  beforeAll(async () => {
    impatient = await startApi({ content: { every }, wrap: store.wrap });
  });

  function look(): void {
    for (const each of looks) each();
  }

  it.each([
    ['before its first byte', 0],
    ['in its middle', 6 * MIB],
  ])('%s is answered 408 and cut off; what has arrived stays', async (_, sentBytes) => {
    const created = await impatient.create();
    const request = await open(created.path, 12 * MIB, impatient);
    request.flushHeaders();
    if (sentBytes > 0) request.write(HEAD);
    request.write(enlargeWebm(webm, 12 * MIB).subarray(0, sentBytes));
    const closed = once(request, 'close');
    const answer = answerOf(request);
    const arrived = sentBytes > 0 ? 1 : 0;
    await until(async () => looks.size === 1 && (await partsOf(created, impatient)).length === arrived);
    look();
    await until(() => {
      look();
      return looks.size === 0;
    });
    expect(await answer).toMatchObject({ status: 408, body: { code: 'request-idle' } });
    await closed;
    expect(await partsOf(created, impatient)).toHaveLength(arrived);
    expect((await attach(created.path, webm, impatient)).status).toBe(200);
  });

  it('is not one that waits for the store', async () => {
    const created = await impatient.create();
    const held = store.holdNext('uploadPart');
    const sending = attach(created.path, enlargeWebm(webm, 12 * MIB), impatient);
    await held.reached;
    const { buffers } = impatient.service.context.contentUploads;
    await until(() => buffers.taken === 2);
    await settled(() => buffers.waiting);
    for (let count = 0; count < 3; count += 1) look();
    held.release();
    expect((await sending).body).toMatchObject({ state: 'stored', sizeBytes: 12 * MIB });
  });
});

describe('more files at once', () => {
  const file = enlargeWebm(webm, 8 * MIB);
  /** Sends the first bytes of a file, which stay in a buffer. */
  async function begin(created: CreatedRecording, by: Api): Promise<ClientRequest> {
    const request = await open(created.path, file.length, by);
    request.write(HEAD);
    request.write(file.subarray(0, MIB));
    return request;
  }

  it('than may be sent are refused with 503 and Retry-After, until one of them has ended', async () => {
    const crowded = await startApi({ content: { max: 2 } });
    const { buffers } = crowded.service.context.contentUploads;
    const stalled = [await begin(await crowded.create(), crowded), await begin(await crowded.create(), crowded)];
    await until(() => buffers.taken === 2);
    const { path } = await crowded.create();
    const refused = await attach(path, webm, crowded);
    expect(refused.body).toMatchObject({ status: 503, code: 'uploads-busy' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    stalled[0]?.destroy();
    await until(async () => (await attach(path, webm, crowded)).status === 200);
    stalled[1]?.destroy();
  });

  it('than there is memory for take turns: a slow one holds its part, the others all come through', async () => {
    const shared = await startApi({ content: { max: 3 } });
    const slow = await shared.create();
    const request = await begin(slow, shared);
    const others = [await shared.create(), await shared.create()];
    const answers = await Promise.all(others.map(({ path }) => attach(path, file, shared)));
    for (const { status } of answers) expect(status).toBe(200);
    request.write(file.subarray(MIB));
    request.end(TAIL);
    expect(await answerOf(request)).toMatchObject({ status: 200 });
    for (const created of [slow, ...others]) expect(await sha256Of(created, shared)).toBe(digestOf(file));
  });

  it('than there is memory for: one that comes too slowly is refused, and the others come through', async () => {
    let nowMs = 0;
    const shared = await startApi({ content: { max: 3, now: () => nowMs } });
    const { buffers } = shared.service.context.contentUploads;
    const slow = await begin(await shared.create(), shared);
    const another = await begin(await shared.create(), shared);
    await until(() => buffers.taken === 2);
    const answered = attach((await shared.create()).path, file, shared);
    await until(() => buffers.waiting === 1);
    nowMs += 6 * MINUTE_MS;
    slow.write(file.subarray(MIB, 2 * MIB));
    expect(await answerOf(slow)).toMatchObject({ status: 503, body: { code: 'uploads-busy' } });
    expect((await answered).body).toMatchObject({ state: 'stored', sizeBytes: file.length });
    another.destroy();
  });
});
