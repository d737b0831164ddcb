// What goes wrong on the way to the store, on real HTTP: which fault the adapter repairs, and which one is what error.
import { ReadableStream } from 'node:stream/web';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BUCKET, ROOT, startChild, temporaryFolder } from '../../packages/embedded-s3/test/support.ts';
import { MINUTE_MS } from '../../src/model/durations.ts';
import { createS3Client } from '../../src/objectstore/s3/client.ts';
import { S3ObjectStore } from '../../src/objectstore/s3/object-store.ts';
import { CREATE_BODY, startApi } from '../http/api.ts';
import { expectProblem } from '../http/expectations.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import * as faults from '../kit/fault-proxy.ts';
import { webm } from '../kit/fixtures.ts';
import { recordingKey } from '../kit/keys.ts';
import { uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { MEDIA, outcomeOf, text } from '../objectstore/object-store-contract.ts';
import { openTestStore, type RealStore } from '../objectstore/stores.ts';
import { expectToSurviveKills } from './killed-store.ts';

const BYTES = Buffer.from('0123456789');

let proxy: faults.FaultProxy;
let testStore: RealStore;
let objects = 0;
beforeAll(async () => {
  testStore = await openTestStore({
    async through(endpoint) {
      proxy = await faults.startFaultProxy(endpoint);
      return proxy.endpoint;
    },
  });
});
afterAll(async () => {
  proxy.spoil(() => undefined);
  await testStore.close();
  await proxy.close();
});

/** A client of its own, for each has a budget of retries. */
function openStore(idleTimeoutMs?: number): { store: S3ObjectStore; attempts: string[] } {
  const attempts: string[] = [];
  const client = createS3Client(testStore.settings, (_, outcome) => attempts.push(outcome), {
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  });
  afterThisTest(() => client.destroy());
  return { store: new S3ObjectStore(client, { ...testStore.settings, scratchPrefix: 'doctor/' }), attempts };
}

type Target = Awaited<ReturnType<typeof prepare>>;

/** An object that has a tag, and an open upload of its key that has one part. */
async function prepare() {
  const { store } = openStore();
  objects += 1;
  const key = `object-${objects}/media`;
  proxy.spoil(() => undefined);
  await store.put(key, BYTES);
  await store.tag(key, { a: 'b' });
  const uploadId = await store.createMultipartUpload(key, MEDIA);
  return { store, key, uploadId, etag: await store.uploadPart(key, uploadId, 1, BYTES) };
}

async function rangeOf({ store, key }: Target): Promise<string> {
  return Buffer.concat(await Array.fromAsync((await store.getRange(key, 2, 6)) ?? [])).toString();
}
async function complete({ store, key, uploadId, etag }: Target) {
  await store.completeMultipartUpload(key, uploadId, [{ partNumber: 1, sizeBytes: BYTES.length, etag }]);
  // A store may or may not know the upload at the second try; either way the object is whole.
  return text(await store.get(key));
}

const streamPart = ({ store, key, uploadId }: Target) =>
  store.streamPart(key, uploadId, 1, ReadableStream.from([BYTES.subarray(0, 4), BYTES.subarray(4)]), BYTES.length);

/** Each call of the port, and its answer without a fault. */
const CALLS = {
  put: [({ store, key }) => store.put(key, BYTES), undefined],
  get: [async ({ store, key }) => text(await store.get(key)), '0123456789'],
  getStart: [async ({ store, key }) => text(await store.getStart(key, 6)), '012345'],
  getRange: [rangeOf, '234567'],
  list: [async ({ store, key }) => (await store.list(key)).objects.length, 1],
  listVersions: [async ({ store, key }) => (await store.listVersions(key)).versions.length, 1],
  isVersioned: [({ store }) => store.isVersioned(), false],
  delete: [({ store, key }) => store.delete([{ key }]), []],
  tag: [({ store, key }) => store.tag(key, { a: 'c' }), true],
  tags: [({ store, key }) => store.tags(key), { a: 'b' }],
  create: [async ({ store, key }) => typeof (await store.createMultipartUpload(key, MEDIA)), 'string'],
  uploadPart: [async ({ store, key, uploadId }) => typeof (await store.uploadPart(key, uploadId, 1, BYTES)), 'string'],
  streamPart: [async (target) => typeof (await streamPart(target)), 'string'],
  listParts: [async ({ store, key, uploadId }) => (await store.listParts(key, uploadId))?.length, 1],
  complete: [complete, '0123456789'],
  abort: [({ store, key, uploadId }) => store.abortMultipartUpload(key, uploadId), undefined],
  listUploads: [async ({ store, key }) => (await store.listMultipartUploads(key)).uploads.length, 1],
} as const satisfies Record<string, [(target: Target) => Promise<unknown>, answer: unknown]>;

/** It is sent once: its bytes are not kept. */
const STREAMED = { streamPart: 'unavailable' };
const failing = (calls: string) => Object.fromEntries(calls.split(' ').map((call) => [call, 'unavailable']));
const EMPTY = {
  ...failing('getStart getRange list listVersions tags create listParts listUploads'),
  get: '',
  // Where nobody says whether there are versions, they are looked for.
  isVersioned: true,
};
/** Nothing in an object tells the adapter that half is missing: a torn document is reported by its reader. */
const HALF = {
  ...failing('getStart getRange list listVersions isVersioned delete tags create listParts complete listUploads'),
  get: '01234',
};

/** Faults of the first request of a call. Where a call is not named here, its answer is as without a fault. */
test.each<[string, faults.Fault, Record<string, unknown>]>([
  ['is refused with 503', faults.refused('ServiceUnavailable'), STREAMED],
  ['is reset', faults.reset, STREAMED],
  ['loses its reply', faults.replyLost, STREAMED],
  ['has its reply torn', faults.replyTorn, { ...STREAMED, ...failing('get getStart getRange') }],
  ['has half a reply that looks whole', faults.replyShortened, HALF],
  ['has an empty reply', faults.replyEmptied, EMPTY],
])('a request that %s is repeated, or is no answer', async (_, fault, others) => {
  const outcomes: Record<string, unknown> = {};
  for (const [name, [run]] of Object.entries(CALLS)) {
    const target = await prepare();
    proxy.spoil((index) => (index === 1 ? fault : undefined));
    outcomes[name] = await outcomeOf(run(target));
  }
  const withoutFault = Object.entries(CALLS).map(([name, [, answer]]) => [name, answer]);
  expect(outcomes).toEqual({ ...Object.fromEntries(withoutFault), ...others });
});

test.each([
  ['refuses', faults.refused('ServiceUnavailable'), undefined],
  ['resets', faults.reset, undefined],
  ['never answers', faults.replyLost, undefined],
  ['stalls', faults.stalled, 20],
])('a store that %s every time is unavailable after five attempts', async (_, fault, idleTimeoutMs) => {
  const target = await prepare();
  proxy.spoil(() => fault);
  for (const call of [CALLS.put, CALLS.list, CALLS.complete]) {
    const { store, attempts } = openStore(idleTimeoutMs);
    expect(await outcomeOf(call[0]({ ...target, store }))).toBe('unavailable');
    expect(attempts).toHaveLength(5);
  }
});

test.each([10, -10])('by a Date that is %d minutes off nothing is begun, completed or assessed', async (by) => {
  proxy.spoil(() => undefined);
  const service = startServiceOn(testStore);
  const api = await startApi({ service });
  const ref = await service.begin();
  const { recording } = ref;
  await uploadParts(service.context, ref, [webm]);
  const before = await service.keys();
  proxy.spoil(() => faults.clockOff(by * MINUTE_MS));
  const attempt = '/v1/exams/math/attempts/a1';
  const completedAt = new Date(service.clock.now()).toISOString();
  for (const answer of [
    await api.call('post', `${attempt}/recordings`, { body: CREATE_BODY }),
    await api.call('post', `${attempt}/recordings/${recording}/complete`),
    await api.call('put', `${attempt}/assessment`, { body: { completedAt } }),
  ]) {
    expectProblem(answer, 503, 'clock-skew');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
  proxy.spoil(() => undefined);
  // The store has put the parts together: nothing says yet that they are a recording, and for how long it is kept.
  expect((await service.keys()).filter((key) => key !== recordingKey(ref, 'media'))).toEqual(before);
  expect((await api.call('post', `${attempt}/recordings/${recording}/complete`)).status).toBe(200);
});

test('a streamed part is sent once, whatever its store does, and can be sent again', async () => {
  const target = await prepare();
  for (const fault of [faults.refused('SlowDown'), faults.reset, faults.replyLost, faults.stalled]) {
    const { store, attempts } = openStore(20);
    proxy.spoil(() => fault);
    expect(await outcomeOf(streamPart({ ...target, store }))).toBe('unavailable');
    expect(attempts).toHaveLength(1);
    proxy.spoil(() => undefined);
    expect(await streamPart(target)).toBe(target.etag);
  }
});

// A client has 500 tokens: a retry takes 14 (docs/adr/0008).
test('in a storm of InternalError each call asks once, and 35 times more in all', async () => {
  await prepare();
  const { store } = openStore();
  proxy.spoil(() => faults.refused('InternalError'));
  const calls = Array.from({ length: 150 }, () => outcomeOf(store.list('')));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['unavailable']));
  expect(proxy.requests()).toBe(150 + 35);
});

test('in a storm of SlowDown few requests are sent, and every call fails in well under a minute', async () => {
  await prepare();
  const { store } = openStore();
  proxy.spoil(() => faults.refused('SlowDown'));
  const startedMs = performance.now();
  const calls = Array.from({ length: 150 }, () => store.list('').catch((error: unknown) => error));
  const errors = await Promise.all(calls);
  expect(performance.now() - startedMs).toBeLessThan(45_000);
  for (const error of errors) expect(error).toMatchObject({ code: 'unavailable', storeCode: 'SlowDown' });
  expect(proxy.requests()).toBeLessThan(50);
});

test('while one request in five fails, every call succeeds, for a quarter more requests', async () => {
  const { store, key } = await prepare();
  proxy.spoil((index) => (index % 5 === 0 ? faults.refused('InternalError') : undefined));
  for (let call = 0; call < 40; call += 1) expect(text(await store.get(key))).toBe('0123456789');
  expect(proxy.requests()).toBe(49);
});

test('the embedded store is killed under uploads and sweeps, and loses nothing', async () => {
  const dataDir = await temporaryFolder();
  let child = await startChild(dataDir);
  const { endpoint } = child;
  const place = { region: 'us-east-1', bucket: BUCKET, keyPrefix: '', forcePathStyle: true };
  const opened = await openTestStore({ started: { endpoint, credentials: ROOT, ...place } });
  afterThisTest(() => opened.close());
  async function start(): Promise<void> {
    child = await startChild(dataDir, new URL(endpoint).port);
  }
  await expectToSurviveKills(opened, { kill: () => child.kill(), start });
});
