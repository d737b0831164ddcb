// The options of Uppy against the real service, without Uppy: what each call does, and what it does on a bad day.
// With Uppy in a browser: test/browser/uppy.test.ts.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../../src/model/durations.ts';
import { listAllMultipartUploads } from '../../../src/objectstore/object-store.ts';
import { type Api, newAttempt, startApi } from '../../../test/http/api.ts';
import { rememberUpload } from '../../../test/http/remembered-upload.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { MIB, webm } from '../../../test/kit/fixtures.ts';
import { type AwsS3Options, awsS3Options, type RecordingOptions } from '../src/index.ts';
import { pauseS } from '../src/service.ts';

const PART = 5 * MIB;
/** Two parts. */
const FILM = Buffer.concat([webm, Buffer.alloc(PART)]);
const FILE = { id: 'uppy-camera/webm-1e-video/webm-5242980-1', type: 'video/webm', size: FILM.length };
const CONSENT = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' };

let api: Api;
beforeAll(async () => {
  api = await startApi({ uploads: { partSizeBytes: PART } });
});

interface Place {
  readonly attempt: string;
  readonly uppy: AwsS3Options;
}

async function open(options: Partial<RecordingOptions> = {}): Promise<Place> {
  const attempt = options.attempt ?? newAttempt();
  const getToken = async () => (await api.authorization({ exam: 'math', attempt })).replace('Bearer ', '');
  const ids = { exam: 'math', attempt, participantId: 'p-1', kind: 'webcam', consent: CONSENT } as const;
  return { attempt, uppy: await awsS3Options({ service: `${api.url}/`, ...ids, getToken, ...options }) };
}

/** Until the end of the test the reply to each request is what `spoil` makes of it. */
function spoilt(spoil: (path: string, reply: () => Promise<Response>, init: RequestInit) => Promise<Response>): void {
  const { fetch } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { fetch }));
  Object.assign(globalThis, {
    fetch: (url: string, init: RequestInit) => spoil(new URL(url).pathname, () => fetch(url, init), init),
  });
}

/** PUTs parts as Uppy 5 does, by default all. */
async function putParts({ uppy }: Place, uploadId: string, numbers = [1, 2]): Promise<void> {
  for (const partNumber of numbers) {
    const body = new Blob([FILM.subarray((partNumber - 1) * PART, partNumber * PART)]);
    const { method, url } = await uppy.signPart(FILE, { uploadId, partNumber, body });
    const bytes = new Uint8Array(await body.arrayBuffer());
    expect((await api.service.testStore.fetch(url, { method, body: bytes })).status).toBe(200);
  }
}

async function recordingsOf({ attempt }: Place): Promise<{ recordingId: string; state: string; sizeBytes: number }[]> {
  const path = `/v1/exams/math/attempts/${attempt}/recordings`;
  return (await api.call<{ items: never[] }>('get', path)).body.items;
}

/** What S3 would answer to a request of Uppy 6. */
async function answerTo(uppy: AwsS3Options, request: Parameters<AwsS3Options['signRequest']>[0]): Promise<string> {
  const { url } = await uppy.signRequest(request);
  expect(url).toMatch(/^data:application\/xml,/);
  return decodeURIComponent(url.slice(url.indexOf(',') + 1));
}

describe('the options', () => {
  it('have the part size of the service, and use parts for every file', async () => {
    const { uppy } = await open();
    expect([uppy.getChunkSize(), uppy.shouldUseMultipart]).toEqual([PART, true]);
  });

  it('of version 5 make a recording of a file', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    await putParts(place, uploadId);
    const etag = expect.stringMatching(/^".+"$/);
    expect(await place.uppy.listParts(FILE, { uploadId })).toEqual(
      [1, 2].map((PartNumber) => ({ PartNumber, ETag: etag })),
    );
    const location = `${api.url}/v1/exams/math/attempts/${place.attempt}/recordings/${uploadId}`;
    expect(await place.uppy.completeMultipartUpload(FILE, { uploadId })).toEqual({ location, key: uploadId });
    const stored = { recordingId: uploadId, state: 'stored', sizeBytes: FILE.size, kind: 'webcam', consent: CONSENT };
    expect(await recordingsOf(place)).toMatchObject([stored]);
  });

  it('of version 6 make a recording of a file', async () => {
    const { uppy, attempt } = await open();
    const key = uppy.generateObjectKey(FILE);
    const [, uploadId = ''] = /<UploadId>(.*)<\/UploadId>/.exec(await answerTo(uppy, { method: 'POST', key })) ?? [];
    for (const partNumber of [1, 2]) {
      const { url } = await uppy.signRequest({ method: 'PUT', key, uploadId, partNumber });
      const body = FILM.subarray((partNumber - 1) * PART, partNumber * PART);
      expect((await api.service.testStore.fetch(url, { method: 'PUT', body })).status).toBe(200);
    }
    const listed = await answerTo(uppy, { method: 'GET', key, uploadId });
    expect([...listed.matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>[^"<]+<\/ETag>/g)].map(([, n]) => n)).toEqual([
      '1',
      '2',
    ]);
    const completed = await answerTo(uppy, { method: 'POST', key, uploadId });
    expect(completed).toContain(
      `<Location>${api.url}/v1/exams/math/attempts/${attempt}/recordings/${uploadId}</Location>`,
    );
    expect(completed).toContain(`<Key>${uploadId}</Key>`);
  });

  it('of both versions delete what is given up', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    const aborted = place.uppy.abortMultipartUpload(FILE, { uploadId });
    const key = place.uppy.generateObjectKey(FILE);
    const [, next = ''] = /<UploadId>(.*)<\/UploadId>/.exec(await answerTo(place.uppy, { method: 'POST', key })) ?? [];
    await aborted;
    expect(next).not.toBe(uploadId);
    await answerTo(place.uppy, { method: 'DELETE', key, uploadId: next });
    expect(await recordingsOf(place)).toEqual([]);
  });
});

describe('a file', () => {
  it('has one recording, whatever replies are lost and however often the page is loaded', async () => {
    let lost = 0;
    spoilt(async (path, reply) => {
      const answer = await reply();
      if (!path.endsWith('/recordings') || ++lost > 1) return answer;
      throw new TypeError('Failed to fetch');
    });
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    const { uppy } = await open({ attempt: place.attempt });
    expect(await uppy.createMultipartUpload(FILE)).toMatchObject({ uploadId });
    expect(await recordingsOf(place)).toHaveLength(1);
    expect(await uppy.createMultipartUpload({ ...FILE, id: 'another' })).not.toMatchObject({ uploadId });
  });

  it('that was stored is stored again as another recording when it is added again', async () => {
    const place = await open();
    for (const count of [1, 2]) {
      const { uploadId } = await place.uppy.createMultipartUpload(FILE);
      await putParts(place, uploadId);
      await place.uppy.completeMultipartUpload(FILE, { uploadId });
      expect(await recordingsOf(place)).toHaveLength(count);
    }
  });

  it('whose completion was not heard of has all of its parts: nothing is sent twice', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    await putParts(place, uploadId);
    await place.uppy.completeMultipartUpload(FILE, { uploadId });
    const parts = await place.uppy.listParts(FILE, { uploadId });
    expect(parts.map(({ PartNumber }) => PartNumber)).toEqual([1, 2]);
    expect(await place.uppy.completeMultipartUpload(FILE, { uploadId })).toMatchObject({ key: uploadId });
    expect(await recordingsOf(place)).toHaveLength(1);
  });

  it('whose recording was completed without its rest is not called stored, and becomes another recording', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    await putParts(place, uploadId, [1]);
    const path = `/v1/exams/math/attempts/${place.attempt}/recordings/${uploadId}/complete`;
    expect((await api.call('post', path)).status).toBe(200);
    const refused = { code: 'recording-stored', message: expect.stringMatching(/again/) };
    await expect(place.uppy.completeMultipartUpload(FILE, { uploadId })).rejects.toMatchObject(refused);
    // Uppy would not send part 1 again before it has failed.
    await expect(place.uppy.listParts(FILE, { uploadId })).rejects.toMatchObject(refused);
    expect(await place.uppy.listParts(FILE, { uploadId })).toEqual([]);
    await putParts(place, uploadId);
    const { key } = await place.uppy.completeMultipartUpload(FILE, { uploadId });
    expect(await recordingsOf(place)).toMatchObject([
      { recordingId: uploadId, sizeBytes: PART },
      { recordingId: key, sizeBytes: FILE.size },
    ]);
    // A page that was loaded again begins with the second at once.
    const { uppy } = await open({ attempt: place.attempt });
    const [first] = await uppy.listParts(FILE, { uploadId });
    expect(first).toBeUndefined();
  });

  it('whose upload the store has dropped becomes another recording', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    const { store } = api.service;
    for await (const upload of listAllMultipartUploads(store, '')) {
      if (upload.key.includes(uploadId)) await store.abortMultipartUpload(upload.key, upload.uploadId);
    }
    const { uppy } = await open({ attempt: place.attempt });
    expect(await uppy.listParts(FILE, { uploadId })).toEqual([]);
    await putParts({ ...place, uppy }, uploadId);
    expect(await uppy.completeMultipartUpload(FILE, { uploadId })).not.toMatchObject({ key: uploadId });
  });

  it('whose recording was deleted on request is not resumed', async () => {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    const path = `/v1/exams/math/attempts/${place.attempt}/recordings/${uploadId}?reason=consent-withdrawn`;
    expect((await api.call('delete', path)).status).toBe(200);
    await expect(place.uppy.listParts(FILE, { uploadId })).rejects.toMatchObject({ code: 'recording-deleted' });
    expect(await recordingsOf(place)).toEqual([]);
  });

  it.each([
    ['is empty', 0, 'file-missing'],
    ['is larger than a recording may be', 2 ** 50, 'recording-too-large'],
  ])('that %s is refused before there is a recording', async (_, size, code) => {
    const place = await open();
    const refused = { code, message: expect.stringMatching(new RegExp(`^${code}: .+`)) };
    await expect(place.uppy.createMultipartUpload({ ...FILE, size })).rejects.toMatchObject(refused);
    const key = place.uppy.generateObjectKey({ ...FILE, size });
    await expect(place.uppy.signRequest({ method: 'PUT', key })).rejects.toMatchObject(refused);
    expect(await recordingsOf(place)).toEqual([]);
  });

  it('of which a recording with parts of another size was begun becomes another recording', async () => {
    let isFirst = true;
    spoilt(async (path, reply) => {
      const answer = await reply();
      if (!path.endsWith('/recordings') || !isFirst) return answer;
      isFirst = false;
      const created = (await answer.json()) as { upload: object };
      return Response.json({ ...created, upload: { ...created.upload, partSizeBytes: 2 * PART } });
    });
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    expect((await recordingsOf(place)).map(({ recordingId }) => recordingId)).toEqual([expect.any(String), uploadId]);
  });

  it('is refused when the part size has changed since the page was loaded', async () => {
    let isFirst = true;
    spoilt(async (path, reply) => {
      if (path !== '/v1/upload-settings' || !isFirst) return reply();
      isFirst = false;
      return Response.json({ partSizeBytes: 2 * PART, maxRecordingBytes: FILE.size });
    });
    const { uppy } = await open();
    await expect(uppy.createMultipartUpload(FILE)).rejects.toMatchObject({ code: 'part-size-changed' });
  });
});

describe('a file whose upload has ended at another replica, while this one still signs URLs for it', () => {
  /** Sends a part; `end` ends the upload; the next part is signed, and refused by the store. */
  async function endElsewhere(end: (path: string) => Promise<unknown>) {
    const place = await open();
    const { uploadId } = await place.uppy.createMultipartUpload(FILE);
    await putParts(place, uploadId, [1]);
    const { attempt } = place;
    const sign = await rememberUpload(api, { tenant: 'acme', exam: 'math', attempt, recording: uploadId });
    await end(`/v1/exams/math/attempts/${attempt}/recordings/${uploadId}`);
    spoilt((path, reply, { method, body }) => {
      const isSigned = method === 'POST' && path.endsWith(`/${uploadId}/parts`);
      return isSigned ? sign(typeof body === 'string' ? body : '') : reply();
    });
    const body = new Blob([FILM.subarray(PART)]);
    const { url } = await place.uppy.signPart(FILE, { uploadId, partNumber: 2, body });
    const put = { method: 'PUT', body: new Uint8Array(await body.arrayBuffer()) };
    expect((await api.service.testStore.fetch(url, put)).status).toBe(404);
    return { place, uploadId };
  }

  const sweepAfter = (ms: number) => async () => {
    api.service.clock.advance(ms);
    await api.service.sweep();
  };

  it.each([
    ['by a withdrawal', (path: string) => api.call('delete', `${path}?reason=consent-withdrawn`)],
    ['by its deadline', sweepAfter(400 * DAY_MS)],
  ])('%s is not continued when Uppy tries again', async (_, end) => {
    const { place, uploadId } = await endElsewhere(end);
    await expect(place.uppy.listParts(FILE, { uploadId })).rejects.toMatchObject({ code: 'recording-deleted' });
    const key = place.uppy.generateObjectKey(FILE);
    const again = place.uppy.signRequest({ method: 'GET', key, uploadId });
    await expect(again).rejects.toMatchObject({ code: 'recording-deleted' });
    expect(await recordingsOf(place)).toEqual([]);
    // Version 5 does not ask: it begins the file anew.
    expect(await place.uppy.createMultipartUpload(FILE)).not.toMatchObject({ uploadId });
  });

  it('by the sweep becomes another recording when Uppy tries again', async () => {
    const { place, uploadId } = await endElsewhere(sweepAfter(3 * HOUR_MS));
    // Version 6 tries again by listing the parts: of a file that it has begun to send it sends only the rest.
    await expect(place.uppy.listParts(FILE, { uploadId })).rejects.toMatchObject({ code: 'recording-stored' });
    // Version 5 begins anew.
    const { uploadId: next } = await place.uppy.createMultipartUpload(FILE);
    await putParts(place, next);
    expect(await place.uppy.completeMultipartUpload(FILE, { uploadId: next })).toMatchObject({ key: next });
    expect(await recordingsOf(place)).toMatchObject([
      { recordingId: uploadId, sizeBytes: PART, truncated: true },
      { recordingId: next, sizeBytes: FILE.size },
    ]);
  });
});

describe('a call', () => {
  it('asks for a new token after a 401, once, and keeps it', async () => {
    const tokens = ['expired'];
    const place = await open();
    const valid = (await api.authorization()).replace('Bearer ', '');
    const { uppy } = await open({ attempt: place.attempt, getToken: async () => tokens.shift() ?? valid });
    await uppy.createMultipartUpload(FILE);
    let asked = 0;
    const getToken = async () => `wrong-${++asked}`;
    await expect(open({ getToken })).rejects.toMatchObject({ code: 'token-invalid' });
    expect(asked).toBe(2);
  });

  it('says what the service said, with its code', async () => {
    const place = await open();
    const refused = {
      code: 'invalid-request',
      message: expect.stringMatching(/^invalid-request: The body is not valid/),
    };
    await expect(place.uppy.createMultipartUpload({ ...FILE, type: '' })).rejects.toMatchObject(refused);
  });

  it('is repeated after a refusal that passes, and when there was no answer or the half of one', async () => {
    let asked = 0;
    spoilt(async (_, reply) => {
      asked += 1;
      if (asked === 1) return new Response('', { status: 503, headers: { 'retry-after': '0' } });
      if (asked === 2) throw new TypeError('Failed to fetch');
      if (asked > 3) return reply();
      const torn = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) });
      return new Response(torn);
    });
    expect((await open()).uppy.getChunkSize()).toBe(PART);
    expect(asked).toBe(4);
  });

  it.each([
    ['the token cannot be had', { getToken: () => Promise.reject(new Error('no session')) }, /^no-token: .*no session/],
    ['nobody answers', { service: 'http://127.0.0.1:9' }, /^unreachable: /],
  ])('fails with words when %s', async (_, options, message) => {
    await expect(open(options)).rejects.toThrow(message);
  });

  it('is repeated after a random pause, longer from try to try, and after what it is asked to wait', () => {
    const between = (tries: number, asked: number) => [0, 1].map((random) => pauseS(tries, asked, random));
    expect([1, 2, 3].map((tries) => between(tries, 0))).toEqual([
      [0, 1],
      [0, 2],
      [0, 4],
    ]);
    // Every page is asked for the same: they spread over as long again.
    expect([between(1, 5), between(1, 60)]).toEqual([
      [5, 10],
      [60, 90],
    ]);
  });

  it('takes an answer that is not from the service for what it is', async () => {
    spoilt(async () => new Response('<html>', { status: 404 }));
    await expect(open()).rejects.toMatchObject({ code: 'http-404' });
  });
});
