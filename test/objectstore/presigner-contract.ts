// The contract of the Presigner port: what the holder of a URL can do with it, and above all what not. What other
// headers would do is among the attacks of the doctor (test/doctor/doctor.test.ts).
// ci/known-differences lists some of these tests by name: change a name in both places.
import { once } from 'node:events';
import { type IncomingMessage, request as requestOf } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import type { RawRequest } from '../../src/doctor/raw-http.ts';
import { MIN_PART_SIZE_BYTES } from '../../src/model/parts.ts';
import { bytes, MEDIA, openBeforeAll, partsOf, text } from './object-store-contract.ts';
import type { RealStore } from './stores.ts';

/** Plain HTTP, as a browser or a thief of the URL would send it; `to`: a host other than the URL's. */
export async function send(url: string, { method = 'GET', headers = {}, body }: RawRequest = {}, to = url) {
  const { hostname, port } = new URL(to);
  const { host, pathname, search } = new URL(url);
  const path = pathname + search;
  const request = requestOf({ hostname, port, method, path, headers: { host, ...headers }, agent: false }).end(body);
  // A store may refuse before it has read all of the body, and close the connection.
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

const HOUR_SECONDS = 3600;
const PUT_FIVE = { method: 'PUT', body: 'bytes' };

/** Runs the suite on a store that answers HTTP; the headers of the attack are those of S3. */
export function describePresigner(name: string, open: () => Promise<RealStore>): void {
  describe(name, () => {
    let store: RealStore['store'];
    let presigner: RealStore['presigner'];
    let presignerAt: RealStore['presignerAt'];
    let tests = 0;
    openBeforeAll(open, (opened) => {
      ({ store, presigner, presignerAt } = opened);
    });

    const newKey = () => `test ${++tests}/ä+b/media`;

    test('a URL is refused once it has expired, and not before', async () => {
      const key = newKey();
      await store.put(key, bytes('media'));
      const part = { uploadId: await store.createMultipartUpload(key, MEDIA), partNumber: 1, sizeBytes: 5 };
      const hourAgo = presignerAt(Date.now() - HOUR_SECONDS * 1000);
      async function answersFor(seconds: number) {
        const put = await send(await hourAgo.presignPart(key, part, seconds), PUT_FIVE);
        return [put.status, (await send(await hourAgo.presignPlayback(key, MEDIA, seconds))).status];
      }
      expect(await answersFor(HOUR_SECONDS - 600)).toEqual([403, 403]);
      expect(await store.listParts(key, part.uploadId)).toEqual([]);
      expect(await answersFor(2 * HOUR_SECONDS)).toEqual([200, 200]);
    });

    /** An upload, and the URL of its first part, of five bytes unless it says otherwise. */
    async function begin(sizeBytes = 5) {
      const key = newKey();
      const uploadId = await store.createMultipartUpload(key, MEDIA);
      const url = await presigner.presignPart(key, { uploadId, partNumber: 1, sizeBytes }, HOUR_SECONDS);
      return { key, uploadId, url };
    }

    test('a part URL stores exactly one part of exactly its length, announced beforehand', async () => {
      const first = new Uint8Array(MIN_PART_SIZE_BYTES).fill(3);
      const { key, uploadId, url } = await begin(first.length);
      const second = await presigner.presignPart(key, { uploadId, partNumber: 2, sizeBytes: 4 }, HOUR_SECONDS);
      expect((await send(second, { method: 'PUT', body: 'last' })).status).toBe(200);
      expect((await send(url, { method: 'PUT', body: first })).status).toBe(200);
      const parts = await partsOf(store, key, uploadId);
      expect(parts.map((part) => part.sizeBytes)).toEqual([first.length, 4]);
      expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(true);
      expect((await store.list(key)).objects).toMatchObject([{ sizeBytes: first.length + 4 }]);

      const five = await begin();
      for (const length of [0, 4, 6, 100_000]) {
        const { status } = await send(five.url, { method: 'PUT', body: new Uint8Array(length) });
        expect({ length, status }).toEqual({ length, status: 403 });
      }
      expectRefused(await send(five.url, { ...PUT_FIVE, headers: { 'transfer-encoding': 'chunked' } }));
      expect(await store.listParts(five.key, five.uploadId)).toEqual([]);
    });

    test('a part URL stores its part again, as after a lost reply', async () => {
      const { key, uploadId, url } = await begin();
      for (const body of ['first', 'again']) expect((await send(url, { method: 'PUT', body })).status).toBe(200);
      expect(await store.listParts(key, uploadId)).toHaveLength(1);
    });

    test('a part URL is of no use for another part, another key, another upload, or another method', async () => {
      const { key, uploadId, url } = await begin();
      const another = await store.createMultipartUpload(key, MEDIA);
      await expectForbidden([
        [changed(url, 'partNumber', '2'), PUT_FIVE],
        [changed(url, 'uploadId', another), PUT_FIVE],
        [changed(url, 'X-Amz-Expires', '600000'), PUT_FIVE],
        [changed(url, 'X-Amz-SignedHeaders', 'host'), PUT_FIVE],
        [changed(url, 'partNumber'), PUT_FIVE],
        [changed(changed(url, 'partNumber'), 'uploadId'), PUT_FIVE],
        [url.replace('/media?', '/recording.json?'), PUT_FIVE],
        [url, { method: 'GET' }],
        [url, { method: 'POST', body: 'bytes' }],
        [url, { method: 'DELETE' }],
      ]);
      expect(await store.listParts(key, uploadId)).toEqual([]);
      expect(await store.listParts(key, another)).toEqual([]);
      expect((await store.list(key.replace('media', ''))).objects).toEqual([]);
    });

    test('a part URL copies nothing from elsewhere, whatever the length of the body', async () => {
      const victim = newKey();
      await store.put(victim, bytes('secret'));
      const { key, uploadId, url } = await begin(6);
      const path = new URL(await presigner.presignPlayback(victim, MEDIA, HOUR_SECONDS)).pathname;
      for (const body of ['', 'public']) {
        for (const more of [{}, { 'x-amz-copy-source-range': 'bytes=0-5' }]) {
          for (const source of [path, path.slice(1)]) {
            expectRefused(await send(url, { method: 'PUT', body, headers: { 'x-amz-copy-source': source, ...more } }));
          }
        }
      }
      expect(await store.listParts(key, uploadId)).toEqual([]);
    });

    const AS_RECORDED = { contentType: 'video/webm;codecs=vp8,opus' };

    async function stored() {
      const key = newKey();
      await store.put(key, bytes('0123456789'));
      return { key, url: await presigner.presignPlayback(key, AS_RECORDED, HOUR_SECONDS) };
    }

    test('a playback URL reads the object with its type, and its ranges, and tells every cache to keep nothing', async () => {
      const { key, url } = await stored();
      for (const [range, status, body, place] of [
        [undefined, 200, '0123456789', undefined],
        ['bytes=0-', 206, '0123456789', 'bytes 0-9/10'],
        ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
        ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
        ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ] as const) {
        const answer = await send(url, range ? { headers: { range } } : {});
        expect({ range, status: answer.status, body: answer.body.toString() }).toEqual({ range, status, body });
        expect(answer.headers['content-range']).toBe(place);
        expect(answer.headers['content-type']).toBe(AS_RECORDED.contentType);
        expect(answer.headers['cache-control']).toBe('private, no-store');
      }
      expect((await send(url, { headers: { range: 'bytes=10-' } })).status).toBe(416);
      await store.delete([{ key }]);
      expect((await send(url)).status).toBe(404);
    });

    test('a playback URL for a download tells the browser to save what it reads', async () => {
      const { key, url } = await stored();
      expect((await send(url)).headers['content-disposition']).toBeUndefined();
      const options = { contentType: 'application/octet-stream', isDownload: true };
      const download = await presigner.presignPlayback(key, options, HOUR_SECONDS);
      const answer = await send(download);
      expect([answer.status, answer.headers['content-disposition']]).toEqual([200, 'attachment']);
      expect(answer.headers['content-type']).toBe('application/octet-stream');
      await expectForbidden([[changed(download, 'response-content-disposition', 'inline'), {}]]);
    });

    test('a playback URL is of no use for another object, another answer, or another method', async () => {
      const { key, url } = await stored();
      await store.put(key.replace('media', 'other'), bytes('other'));
      await expectForbidden([
        [url.replace('/media?', '/other?'), {}],
        [changed(url, 'response-cache-control', 'public'), {}],
        [changed(url, 'response-content-type', 'text/html'), {}],
        [changed(url, 'X-Amz-Expires', '600000'), {}],
        [url.replace(/\?.*/, ''), {}],
        [url, { method: 'HEAD' }],
        [url, { method: 'PUT', body: 'mine' }],
        [url, { method: 'DELETE' }],
      ]);
      expectRefused(await send(changed(url, 'X-Amz-Signature')));
      expect(text(await store.get(key))).toBe('0123456789');
    });
  });
}

/** Each of them, so that one that is not shows which. */
async function expectForbidden(requests: readonly (readonly [url: string, request: RawRequest])[]): Promise<void> {
  for (const [url, request] of requests) {
    expect({ url, request, ...(await send(url, request)) }).toMatchObject({ url, request, status: 403 });
  }
}

function expectRefused({ status }: Awaited<ReturnType<typeof send>>): void {
  expect([400, 403, 411, 501]).toContain(status);
}

/** The URL with another value of a parameter that it has, or without it. */
function changed(url: string, name: string, value?: string): string {
  const altered = new URL(url);
  expect(altered.searchParams.has(name)).toBe(true);
  if (value === undefined) altered.searchParams.delete(name);
  else altered.searchParams.set(name, value);
  return altered.href.replaceAll('+', '%20');
}
