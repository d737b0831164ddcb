// The corruptions on a real store: the embedded one, or the one that TEST_S3_ENDPOINT names. Some of them, or, where
// TEST_ALL is set, all: `ci/full` does so.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listAll, type ObjectStore } from '../../src/objectstore/object-store.ts';
import type { TestService } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { openTestStore } from '../objectstore/stores.ts';
import { newRandom } from '../simulation/random.ts';
import { type Built, build, LATER_MS, OPTIONS } from './bucket.ts';
import { CORRUPTIONS, putMedia } from './corruptions.ts';

/** One of so many in an ordinary run. */
const EVERY = process.env.TEST_ALL ? 1 : 24;
/**
 * An upload that was ended cannot be opened again under its id. And the embedded store's dates of uploads never go back, as
 * the clock does here after each: one that is begun would stay young.
 */
const isLeftOut = (name: string) =>
  name === 'an upload that is not completed is ended' ||
  (name.startsWith('an upload is begun') && !process.env.TEST_S3_ENDPOINT);
const chosen = CORRUPTIONS.filter(({ name }, index) => index % EVERY === 0 && !isLeftOut(name));

let service: TestService;
let bucket: Built;
let restore: () => Promise<void>;

beforeAll(async () => {
  service = startServiceOn(await openTestStore(), OPTIONS);
  bucket = await build(service);
  restore = await remember(service.testStore.store);
});

afterAll(() => service.close());

const isMedia = (key: string) => key.endsWith('/media');

/** Puts everything back that is not as it is now; only dates are new. */
async function remember(store: ObjectStore): Promise<() => Promise<void>> {
  const list = () => Array.fromAsync(listAll(store, ''));
  const known = await Promise.all(
    (await list()).map(async ({ key, etag }) => {
      const tags = isMedia(key) ? await store.tags(key) : undefined;
      return { key, etag, body: (await store.get(key)) ?? new Uint8Array(), tags };
    }),
  );
  const uploadsOf = async () => (await store.listMultipartUploads('')).uploads;
  const open = new Set((await uploadsOf()).map(({ uploadId }) => uploadId));
  return async () => {
    const now = new Map((await list()).map((object) => [object.key, object]));
    for (const { key, etag, body, tags } of known) {
      const found = now.get(key);
      now.delete(key);
      const isSame = found !== undefined && found.etag === etag;
      if (!isSame && isMedia(key)) await putMedia(store, key, body);
      else if (!isSame) await store.put(key, body);
      if (tags) await store.tag(key, tags);
    }
    await store.delete([...now.keys()].map((key) => ({ key })));
    for (const { key, uploadId } of await uploadsOf()) {
      if (!open.has(uploadId)) await store.abortMultipartUpload(key, uploadId);
    }
  };
}

async function kindsLater(): Promise<string[]> {
  service.clock.step(LATER_MS);
  const { findings } = await service.verify();
  service.clock.step(-LATER_MS);
  return findings.map(({ kind }) => kind);
}

test('nothing is wrong with the bucket before', async () => {
  expect(await kindsLater()).toEqual([]);
});

test.each(chosen)('$name', async ({ name, found, plant }) => {
  await plant(bucket, newRandom(1, ...Buffer.from(name)));
  const kinds = await kindsLater();
  await restore();
  if ('undetectable' in found) expect(kinds).toEqual([]);
  else expect(kinds).toEqual(expect.arrayContaining([...found]));
});

test('nothing is wrong with the bucket afterwards', async () => {
  expect(await kindsLater()).toEqual([]);
});
