// PUT …/parts/{partNumber}: the parts of a recording that pass through the service one by one.
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { SECOND_MS } from '../../src/model/durations.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, overriding } from '../kit/interventions.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { mediaKey } from '../kit/service.ts';
import { until } from '../kit/until.ts';
import { type Answer, type Api, type CreatedRecording, startApi } from './api.ts';
import { beginPart } from './calls.ts';
import { expectDocumented } from './documented.ts';
import { expectProblem } from './expectations.ts';
import { A_MINUTE, createLooks } from './looks.ts';
import { settled } from './settled.ts';

const PART = 5 * MIB;
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const partOf = (file: Uint8Array, partNumber: number) => file.subarray((partNumber - 1) * PART, partNumber * PART);
const put = ({ path }: CreatedRecording, partNumber: number, body: Uint8Array, by = api) =>
  by.raw('PUT', `${path}/parts/${partNumber}`, { body });
const begin = ({ path }: CreatedRecording, sent: Uint8Array | undefined, length = PART, by = api) =>
  beginPart(by, `${path}/parts/1`, sent, length);
const listed = async ({ path }: CreatedRecording, by = api) =>
  (await by.call<{ parts: object[] }>('get', `${path}/parts`)).body.parts;

async function answerOf(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = response;
  const body = JSON.parse(await text(response)) as Answer['body'];
  const answer = { status, headers: headers as Record<string, string>, body };
  expectDocumented('PUT', request.path, answer);
  return answer;
}

async function expectKept(created: CreatedRecording, file: Uint8Array, by = api): Promise<void> {
  const { body } = await by.call<{ url: string }>('post', `${created.path}/playback-links`);
  const played = await by.service.testStore.fetch(body.url);
  expect(Buffer.from(await played.arrayBuffer()).equals(file)).toBe(true);
}

describe.each(['direct', 'proxy'] as const)('where uploads are %s, a part that is sent through the service', (mode) => {
  const file = enlargeWebm(webm, 2 * PART + 1000);
  let by: Api;
  beforeAll(async () => {
    by = await startApi({ uploads: { mode } });
  });

  it('is a part of the recording, in any order and as often as it is sent, and completes with its ETag', async () => {
    const created = await by.create();
    const parts = [];
    for (const partNumber of [3, 1, 2]) {
      const answer = await put(created, partNumber, partOf(file, partNumber), by);
      const sizeBytes = partOf(file, partNumber).length;
      expect(answer).toMatchObject({ status: 200, body: { partNumber, sizeBytes, etag: expect.any(String) } });
      parts.push(answer.body);
    }
    const again = await put(created, 1, partOf(file, 1), by);
    expect(again.body).toEqual(parts[1]);
    const inOrder = [parts[1], parts[2], parts[0]];
    expect(await listed(created, by)).toEqual(inOrder);
    const named = inOrder.map((part) => ({ partNumber: part?.partNumber, etag: part?.etag }));
    const complete = await by.call('post', `${created.path}/complete`, { body: { parts: named } });
    expect(complete.body).toMatchObject({ state: 'stored', sizeBytes: file.length });
    await expectKept(created, file, by);
    by.service.clock.advance(SECOND_MS);
    expectProblem(await put(created, 1, partOf(file, 1), by), 409, 'recording-stored');
  });
});

describe('a part that is sent through the service', () => {
  it('stands beside parts that went straight to the store', async () => {
    const file = enlargeWebm(webm, 3 * PART + 1);
    const created = await api.create();
    await api.upload(created, file, [1, 3]);
    for (const partNumber of [2, 4]) {
      expect((await put(created, partNumber, partOf(file, partNumber))).status).toBe(200);
    }
    const { parts } = (
      await api.call<{ parts: { partNumber: number; etag: string }[] }>('get', `${created.path}/parts`)
    ).body;
    const named = parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
    const complete = await api.call('post', `${created.path}/complete`, { body: { parts: named } });
    expect(complete.body).toMatchObject({ state: 'stored', sizeBytes: file.length });
    await expectKept(created, file);
  });

  it('may come from a page of another origin that is allowed', async () => {
    const open = await startApi({ corsOrigins: ['https://exam.example'] });
    const { path } = await open.create();
    const origin = 'https://exam.example';
    const asked = await open.raw('OPTIONS', `${path}/parts/1`, {
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' },
    });
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': expect.stringContaining('PUT'),
    });
    const sent = await open.raw('PUT', `${path}/parts/1`, { body: webm, headers: { origin } });
    expect(sent.headers['access-control-expose-headers']).toMatch(/Retry-After/);
    expect(sent.status).toBe(200);
  });

  it('streams: while the store is slow the client waits, and memory holds a fraction of the part', async () => {
    const large = await startApi({ uploads: { partSizeBytes: 64 * MIB }, wrap: store.wrap });
    const created = await large.create();
    const file = enlargeWebm(webm, 64 * MIB);
    let sentBytes = 0;
    function* pieces() {
      for (; sentBytes < file.length; sentBytes += MIB) yield file.subarray(sentBytes, sentBytes + MIB);
    }
    const held = store.holdNext('streamPart');
    const request = await begin(created, undefined, file.length, large);
    const answer = answerOf(request);
    const sending = pipeline(Readable.from(pieces(), { objectMode: true, highWaterMark: 1 }), request);
    await held.reached;
    // The sockets of the machine hold some.
    expect(await settled(() => sentBytes)).toBeLessThan(30 * MIB);
    expect(large.service.context.proxiedUploads.buffers.taken).toBe(0);
    held.release();
    await sending;
    expect(await answer).toMatchObject({ status: 200, body: { sizeBytes: file.length } });
    expect((await large.call('post', `${created.path}/complete`)).body).toMatchObject({ state: 'stored' });
    await expectKept(created, file, large);
  });
});

describe('a part of which the client sends less than it announced', () => {
  const replaced = enlargeWebm(webm, PART);

  it.each([
    ['while the store takes it', 3 * MIB, true],
    // So little that the service goes on reading, and notices.
    ['before the store takes any of it', 1000, false],
  ])('is not stored when the connection is cut %s, and the one before it stays', async (_, sentBytes, isTaken) => {
    const created = await api.create();
    const { body: before } = await put(created, 1, replaced);
    const held = store.holdNext('streamPart');
    const request = await begin(created, replaced.subarray(0, sentBytes));
    await held.reached;
    if (isTaken) held.release();
    const refusals = api.logged('request-aborted');
    const cut = api.logged('"aborted":true');
    request.destroy();
    await until(() => api.logged('"aborted":true') > cut);
    held.release();
    await until(() => api.logged('request-aborted') > refusals);
    expect(await listed(created)).toEqual([before]);
    expect((await put(created, 1, webm)).status).toBe(200);
    expect((await api.call('post', `${created.path}/complete`)).body).toMatchObject({ sizeBytes: webm.length });
  });

  describe('and then nothing', () => {
    const looks = createLooks();
    let impatient: Api;
    beforeAll(async () => {
      impatient = await startApi({ every: looks.every, maxContentUploads: 1, wrap: store.wrap });
    });

    it.each([
      ['no byte', undefined],
      ['some of it', replaced.subarray(0, 2 * MIB)],
    ])('after %s is answered 408 and cut off, and makes room for another', async (_, sent) => {
      const created = await impatient.create();
      const request = await begin(created, sent, PART, impatient);
      const closed = once(request, 'close');
      const answer = answerOf(request);
      await until(() => looks.size === 1);
      await until(() => {
        looks.look();
        return looks.size === 0;
      });
      expectProblem(await answer, 408, 'request-idle');
      await closed;
      expect(await listed(created, impatient)).toEqual([]);
      expect((await put(created, 1, webm, impatient)).status).toBe(200);
    });

    it('is not one that waits for the store', async () => {
      const created = await impatient.create();
      const held = store.holdNext('streamPart');
      const sending = put(created, 1, replaced, impatient);
      await held.reached;
      await settled(() => looks.size);
      looks.look(3 * A_MINUTE);
      held.release();
      expect((await sending).body).toMatchObject({ sizeBytes: PART });
    });

    it('is 408 too where the store loses its patience first, and 503 where the store is the slow one', async () => {
      const timeout = new StoreError('unavailable', 'UploadPart', 'RequestTimeout');
      const fails = await startApi({
        wrap: (whole) =>
          overriding(whole, {
            async streamPart(_key, _uploadId, _partNumber, body) {
              const chunks = body[Symbol.asyncIterator]();
              await chunks.next();
              // Either the next one has come by now, or it is waited for.
              const next = chunks.next();
              await Promise.race([next, settled(() => 0)]);
              throw timeout;
            },
          }),
      });
      const created = await fails.create();
      const silent = await begin(created, webm.subarray(0, 1000), PART, fails);
      expectProblem(await answerOf(silent), 408, 'request-idle');
      const answer = await put(created, 1, replaced, fails);
      expectProblem(answer, 503, 'store-unavailable');
      expect(answer.headers['retry-after']).toBe('5');
      expect(await listed(created, fails)).toEqual([]);
    });
  });

  it('gives way when it is slow and another is refused for it, and not otherwise', async () => {
    const looks = createLooks();
    const narrow = await startApi({ maxContentUploads: 2, every: looks.every });
    const [created, others] = [await narrow.create(), await narrow.create()];
    const as = { sub: 'another', scope: 'recordings:upload' };
    const putAs = () => narrow.raw('PUT', `${others.path}/parts/1`, { body: webm, as });
    const slow = await begin(created, replaced.subarray(0, 1000), PART, narrow);
    await until(() => looks.size === 1);
    /** 2 KiB a second. */
    async function aMinute(number: number) {
      slow.write(replaced.subarray(number * 120 * 1024, (number + 1) * 120 * 1024));
      await settled(() => slow.socket?.bytesWritten ?? 0);
      looks.look(A_MINUTE);
    }
    await aMinute(0);
    // Their own share is full: nobody else is kept out.
    expectProblem(await put(others, 1, webm, narrow), 503, 'uploads-busy');
    await aMinute(1);
    expect(looks.size).toBe(1);
    const refused = await putAs();
    expectProblem(refused, 503, 'uploads-busy');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    await aMinute(2);
    expectProblem(await answerOf(slow), 503, 'uploads-busy');
    expect((await putAs()).status).toBe(200);
  });
});

it('of which nothing comes for ten seconds gives way then, when another is refused for it', async () => {
  const looks = createLooks();
  const narrow = await startApi({ maxContentUploads: 2, every: looks.every });
  const [created, others] = [await narrow.create(), await narrow.create()];
  const as = { sub: 'another', scope: 'recordings:upload' };
  const putAs = () => narrow.raw('PUT', `${others.path}/parts/1`, { body: webm, as });
  const silent = await begin(created, undefined, PART, narrow);
  await until(() => looks.size === 1);
  looks.look();
  expectProblem(await putAs(), 503, 'uploads-busy');
  // Something came.
  silent.write(webm.subarray(0, 1));
  await settled(() => silent.socket?.bytesWritten ?? 0);
  looks.look();
  expect(looks.size).toBe(1);
  expectProblem(await putAs(), 503, 'uploads-busy');
  looks.look();
  expectProblem(await answerOf(silent), 503, 'uploads-busy');
  expect((await putAs()).status).toBe(200);
});

describe('a part that is under way', () => {
  it('when the store fails is 503 with Retry-After, and can be sent again', async () => {
    const created = await api.create();
    const recover = store.failOn('streamPart', mediaKey(created.ref));
    const away = await put(created, 1, enlargeWebm(webm, PART));
    recover();
    expectProblem(away, 503, 'store-unavailable');
    expect(away.headers['retry-after']).toBe('5');
    expect((await put(created, 1, webm)).status).toBe(200);
  });

  it.each(['withdrawn', 'aborted'])('when its recording is %s leaves nothing behind, and is refused', async (end) => {
    const created = await api.create();
    const held = store.holdNext('streamPart');
    const request = await begin(created, webm.subarray(0, 1000), webm.length);
    const answer = answerOf(request);
    // It was let in: what it still has to send comes after the deletion.
    await held.reached;
    held.release();
    const [method, path] =
      end === 'aborted'
        ? (['post', `${created.path}/abort`] as const)
        : (['delete', `${created.path}?reason=consent-withdrawn`] as const);
    expect([200, 204]).toContain((await api.call(method, path)).status);
    request.end(webm.subarray(1000));
    // What was given up before a part arrived leaves no receipt either.
    const [status, code] =
      end === 'aborted' ? ([404, 'recording-not-found'] as const) : ([410, 'recording-deleted'] as const);
    expectProblem(await answer, status, code);
    await expectNothingLeft(api.service.store, created.ref);
    expectProblem(await put(created, 1, webm), status, code);
  });

  it('when its recording is completed is refused, and changes nothing', async () => {
    const created = await api.create();
    expect((await put(created, 1, webm)).status).toBe(200);
    const held = store.holdNext('streamPart');
    const request = await begin(created, new Uint8Array(10), 1000);
    const answer = answerOf(request);
    await held.reached;
    held.release();
    expect((await api.call('post', `${created.path}/complete`)).body).toMatchObject({ state: 'stored' });
    request.end(new Uint8Array(990));
    expectProblem(await answer, 409, 'recording-stored');
    await expectKept(created, webm);
  });
});
