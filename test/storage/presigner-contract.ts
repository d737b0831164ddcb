// The contract of the Presigner port: what the holder of a URL can do with it, and above all what not.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MIN_PART_SIZE_BYTES } from '../../src/domain/parts.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { Presigner } from '../../src/storage/presigner.ts';
import { type HttpAnswer, type HttpOptions, send } from './http.ts';
import { bytes, type OpenStore, text } from './object-store-contract.ts';

export interface OpenPresigner extends OpenStore {
  readonly presigner: Presigner;
  /** The same, with another clock than the store's. */
  presignerAt(nowMs: number): Presigner;
}

const MEDIA = { contentType: 'video/webm' };
const LIFETIME_SECONDS = 3600;
const HOUR_SECONDS = 3600;
const HOUR_MS = HOUR_SECONDS * 1000;

/** Runs the suite on a store that answers HTTP; the headers of the attack are those of S3. */
export function describePresigner(name: string, open: () => Promise<OpenPresigner>): void {
  describe(name, () => {
    let opened: OpenPresigner;
    let store: ObjectStore;
    let presigner: Presigner;
    let tests = 0;

    beforeAll(async () => {
      opened = await open();
      ({ store, presigner } = opened);
    });

    afterAll(async () => {
      await opened.close();
    });

    function newKey(): string {
      tests += 1;
      return `test ${tests}/ä+b/media`;
    }

    async function newUpload(): Promise<{ key: string; uploadId: string }> {
      const key = newKey();
      return { key, uploadId: await store.createMultipartUpload(key, MEDIA) };
    }

    /** Of five bytes. */
    async function newPartUrl(): Promise<{ key: string; uploadId: string; url: string }> {
      const { key, uploadId } = await newUpload();
      const url = await presigner.presignPart(key, { uploadId, partNumber: 1, sizeBytes: 5 }, LIFETIME_SECONDS);
      return { key, uploadId, url };
    }

    describe('a part URL', () => {
      test('stores exactly one part of exactly its length', async () => {
        const { key, uploadId } = await newUpload();
        const first = new Uint8Array(MIN_PART_SIZE_BYTES).fill(3);
        const last = bytes('last');
        for (const [partNumber, body] of [
          [2, last],
          [1, first],
        ] as const) {
          const url = await presigner.presignPart(
            key,
            { uploadId, partNumber, sizeBytes: body.length },
            LIFETIME_SECONDS,
          );
          expect((await send(url, { method: 'PUT', body })).status).toBe(200);
        }
        const parts = (await store.listParts(key, uploadId)) ?? [];
        expect(parts.map((part) => [part.partNumber, part.sizeBytes])).toEqual([
          [1, first.length],
          [2, last.length],
        ]);
        expect(await store.completeMultipartUpload(key, uploadId, parts)).toBe(true);
        expect((await store.list(key)).objects).toMatchObject([{ sizeBytes: first.length + last.length }]);
      });

      test('stores its part again, as after a lost reply', async () => {
        const { key, uploadId, url } = await newPartUrl();
        for (const body of ['first', 'again']) expect((await send(url, { method: 'PUT', body })).status).toBe(200);
        expect(await store.listParts(key, uploadId)).toHaveLength(1);
      });

      test.each([0, 4, 6, 100_000])('of five bytes refuses %d', async (length) => {
        const { key, uploadId, url } = await newPartUrl();
        const answer = await send(url, { method: 'PUT', body: new Uint8Array(length) });
        expect(answer.status).toBe(403);
        expect(await store.listParts(key, uploadId)).toEqual([]);
      });

      test('refuses a body of no announced length', async () => {
        const { key, uploadId, url } = await newPartUrl();
        const headers = { 'transfer-encoding': 'chunked' };
        expectRefused(await send(url, { method: 'PUT', body: 'chunk', headers }));
        expect(await store.listParts(key, uploadId)).toEqual([]);
      });

      test('is of no use for another part, another key, another upload, or another method', async () => {
        const { key, uploadId } = await newUpload();
        const another = await store.createMultipartUpload(key, MEDIA);
        const url = await presigner.presignPart(key, { uploadId, partNumber: 1, sizeBytes: 5 }, LIFETIME_SECONDS);
        const put = { method: 'PUT', body: 'bytes' };
        const changes: [string, HttpOptions][] = [
          [changed(url, 'partNumber', '2'), put],
          [changed(url, 'uploadId', another), put],
          [changed(url, 'X-Amz-Expires', '600000'), put],
          [changed(url, 'X-Amz-SignedHeaders', 'host'), put],
          [without(url, 'partNumber'), put],
          [without(without(url, 'partNumber'), 'uploadId'), put],
          [url.replace('/media?', '/recording.json?'), put],
          [url, { method: 'GET' }],
          [url, { method: 'POST', body: 'bytes' }],
          [url, { method: 'DELETE' }],
        ];
        for (const [changedUrl, request] of changes) {
          expect({ changedUrl, status: (await send(changedUrl, request)).status }).toEqual({ changedUrl, status: 403 });
        }
        expect(await store.listParts(key, uploadId)).toEqual([]);
        expect(await store.listParts(key, another)).toEqual([]);
        expect((await store.list(key.replace('media', ''))).objects).toEqual([]);
      });

      test('is refused once it has expired', async () => {
        const { key, uploadId } = await newUpload();
        const part = { uploadId, partNumber: 1, sizeBytes: 5 };
        const hourAgo = opened.presignerAt(Date.now() - HOUR_MS);
        const expired = await hourAgo.presignPart(key, part, HOUR_SECONDS - 600);
        expect((await send(expired, { method: 'PUT', body: 'bytes' })).status).toBe(403);
        expect(await store.listParts(key, uploadId)).toEqual([]);
        const alive = await hourAgo.presignPart(key, part, 2 * HOUR_SECONDS);
        expect((await send(alive, { method: 'PUT', body: 'bytes' })).status).toBe(200);
      });

      test.each(['complete', 'abort'] as const)('dies with its upload: %s', async (end) => {
        const { key, uploadId } = await newUpload();
        await store.uploadPart(key, uploadId, 1, bytes('first'));
        const url = await presigner.presignPart(key, { uploadId, partNumber: 1, sizeBytes: 5 }, LIFETIME_SECONDS);
        const parts = (await store.listParts(key, uploadId)) ?? [];
        if (end === 'complete') await store.completeMultipartUpload(key, uploadId, parts);
        else await store.abortMultipartUpload(key, uploadId);
        await store.delete([{ key }]);
        expect((await send(url, { method: 'PUT', body: 'again' })).status).toBe(404);
        expect(await store.listParts(key, uploadId)).toBeUndefined();
        expect((await store.list(key)).objects).toEqual([]);
      });

      test('copies nothing from elsewhere, whatever the length of the body', async () => {
        const victim = newKey();
        await store.put(victim, bytes('secret'));
        const { key, uploadId } = await newUpload();
        const url = await presigner.presignPart(key, { uploadId, partNumber: 1, sizeBytes: 6 }, LIFETIME_SECONDS);
        const path = new URL(url).pathname.replace(encodeURI(key), encodeURI(victim));
        for (const source of [path, path.slice(1)]) {
          for (const body of ['', 'public']) {
            for (const more of [{}, { 'x-amz-copy-source-range': 'bytes=0-5' }]) {
              const headers = { 'x-amz-copy-source': source, ...more };
              expectRefused(await send(url, { method: 'PUT', body, headers }));
            }
          }
        }
        expect(await store.listParts(key, uploadId)).toEqual([]);
      });

      test.each([
        ['x-amz-acl', 'public-read'],
        ['x-amz-grant-read', 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'],
        ['x-amz-tagging', 'delete-by=never'],
        ['x-amz-website-redirect-location', 'http://localhost/'],
      ])('gives %s no effect', async (header, value) => {
        const { key, uploadId, url } = await newPartUrl();
        const answer = await send(url, { method: 'PUT', body: 'bytes', headers: { [header]: value } });
        // A store may refuse it, or store the part as if it were not there.
        if (answer.status !== 200) {
          expectRefused(answer);
          expect(await store.listParts(key, uploadId)).toEqual([]);
          await store.uploadPart(key, uploadId, 1, bytes('bytes'));
        }
        await store.completeMultipartUpload(key, uploadId, (await store.listParts(key, uploadId)) ?? []);
        expect(text(await store.get(key))).toBe('bytes');
        expect((await send(url.replace(/\?.*/, ''))).status).toBe(403);
        expect((await store.tags(key)) ?? {}).toEqual({});
      });
    });

    describe('a playback URL', () => {
      async function stored(): Promise<{ key: string; url: string }> {
        const key = newKey();
        await store.put(key, bytes('0123456789'));
        return {
          key,
          url: await presigner.presignPlayback(key, { contentType: 'video/webm;codecs=vp8,opus' }, LIFETIME_SECONDS),
        };
      }

      test('reads the object with its type, and tells every cache to keep nothing', async () => {
        const { url } = await stored();
        const answer = await send(url);
        expect(answer.status).toBe(200);
        expect(answer.body.toString()).toBe('0123456789');
        expect(answer.headers['content-type']).toBe('video/webm;codecs=vp8,opus');
        expect(answer.headers['cache-control']).toBe('private, no-store');
      });

      test.each([
        ['bytes=0-', '0123456789', '0-9'],
        ['bytes=2-4', '234', '2-4'],
        ['bytes=8-100', '89', '8-9'],
        ['bytes=-3', '789', '7-9'],
      ])('reads the range %s', async (range, body, place) => {
        const { url } = await stored();
        const answer = await send(url, { headers: { range } });
        expect(answer.status).toBe(206);
        expect(answer.body.toString()).toBe(body);
        expect(answer.headers['content-range']).toBe(`bytes ${place}/10`);
        expect(answer.headers['cache-control']).toBe('private, no-store');
      });

      test('answers a range behind the end with 416', async () => {
        const { url } = await stored();
        expect((await send(url, { headers: { range: 'bytes=10-' } })).status).toBe(416);
      });

      test('is of no use for another object, another answer, or another method', async () => {
        const { key, url } = await stored();
        await store.put(key.replace('media', 'other'), bytes('other'));
        const changes: [string, HttpOptions][] = [
          [url.replace('/media?', '/other?'), {}],
          [changed(url, 'response-cache-control', 'public'), {}],
          [changed(url, 'response-content-type', 'text/html'), {}],
          [changed(url, 'X-Amz-Expires', '600000'), {}],
          [url.replace(/\?.*/, ''), {}],
          [url, { method: 'HEAD' }],
          [url, { method: 'PUT', body: 'mine' }],
          [url, { method: 'DELETE' }],
        ];
        for (const [changedUrl, request] of changes) {
          expect({ changedUrl, status: (await send(changedUrl, request)).status }).toEqual({ changedUrl, status: 403 });
        }
        expectRefused(await send(without(url, 'X-Amz-Signature')));
        expect(text(await store.get(key))).toBe('0123456789');
      });

      test('is refused once it has expired', async () => {
        const { key } = await stored();
        const hourAgo = opened.presignerAt(Date.now() - HOUR_MS);
        const urlFor = (seconds: number) => hourAgo.presignPlayback(key, { contentType: 'video/webm' }, seconds);
        expect((await send(await urlFor(HOUR_SECONDS - 600))).status).toBe(403);
        expect((await send(await urlFor(2 * HOUR_SECONDS))).status).toBe(200);
      });

      test('reads nothing once the object is deleted', async () => {
        const { key, url } = await stored();
        await store.delete([{ key }]);
        expect((await send(url)).status).toBe(404);
      });
    });
  });
}

function expectRefused(answer: HttpAnswer): void {
  expect([400, 403, 411, 501]).toContain(answer.status);
}

function changed(url: string, name: string, value: string): string {
  const altered = new URL(url);
  expect(altered.searchParams.has(name)).toBe(true);
  altered.searchParams.set(name, value);
  return altered.href.replaceAll('+', '%20');
}

function without(url: string, name: string): string {
  const altered = new URL(url);
  expect(altered.searchParams.has(name)).toBe(true);
  altered.searchParams.delete(name);
  return altered.href.replaceAll('+', '%20');
}
