// What goes wrong on the way to the store, on real HTTP: which fault the adapter repairs, and which one is what error.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/durations.ts';
import { createS3Client } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { CREATE_BODY, startApi } from '../http/api.ts';
import { expectProblem } from '../http/expectations.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { outcomeOf, text } from '../storage/object-store-contract.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { expectToSurviveKills } from './killed-store.ts';
import * as faults from './proxy.ts';

const CHILD = new URL('../local-s3/crash-child.ts', import.meta.url).pathname;
const BYTES = Buffer.from('0123456789');
const MEDIA = { contentType: 'video/webm' };
/** A client has 500 tokens: a retry takes 5 after SlowDown, and 14 after any other trouble (docs/adr/0008). */
const RETRY_BUDGETS = [
  ['SlowDown', 100],
  ['InternalError', 35],
] as const;

let proxy: faults.FaultProxy;
let testStore: RealStore;
let objects = 0;
beforeAll(async () => {
  const through = async (endpoint: string) => {
    proxy = await faults.startFaultProxy(endpoint);
    return proxy.endpoint;
  };
  testStore = await openTestStore({ through });
});
afterAll(async () => {
  proxy.spoil(() => undefined);
  await testStore.close();
  await proxy.close();
});

/** A client of its own, for each has a budget of retries. */
function openStore(idleTimeoutMs?: number): { store: S3ObjectStore; attempts: string[] } {
  const attempts: string[] = [];
  const client = createS3Client(testStore.settings, (_, outcome) => attempts.push(outcome), idleTimeoutMs);
  return { store: new S3ObjectStore(client, testStore.settings), attempts };
}

interface Target {
  readonly store: S3ObjectStore;
  /** Of an object that has a tag, and of an open upload that has one part. */
  readonly key: string;
  readonly uploadId: string;
  readonly etag: string;
}

async function prepare(): Promise<Target> {
  const { store } = openStore();
  objects += 1;
  const key = `object-${objects}/media`;
  proxy.spoil(() => undefined);
  await store.put(key, BYTES);
  await store.tag(key, { a: 'b' });
  const uploadId = await store.createMultipartUpload(key, MEDIA);
  return { store, key, uploadId, etag: await store.uploadPart(key, uploadId, 1, BYTES) };
}

async function rangeOf(store: S3ObjectStore, key: string): Promise<string> {
  return Buffer.concat(await Array.fromAsync((await store.getRange(key, 2, 6)) ?? [])).toString();
}
const complete = ({ store, key, uploadId, etag }: Target) =>
  store.completeMultipartUpload(key, uploadId, [{ partNumber: 1, sizeBytes: BYTES.length, etag }]);

/** Each call of the port, and its answer on a good way. */
const CALLS: Readonly<Record<string, readonly [(target: Target) => Promise<unknown>, answer: unknown]>> = {
  put: [({ store, key }) => store.put(key, BYTES), undefined],
  get: [async ({ store, key }) => text(await store.get(key)), '0123456789'],
  getStart: [async ({ store, key }) => text(await store.getStart(key, 6)), '012345'],
  getRange: [({ store, key }) => rangeOf(store, key), '234567'],
  list: [async ({ store, key }) => (await store.list(key)).objects.length, 1],
  delete: [({ store, key }) => store.delete([{ key }]), []],
  tag: [({ store, key }) => store.tag(key, { a: 'c' }), true],
  tags: [({ store, key }) => store.tags(key), { a: 'b' }],
  create: [async ({ store, key }) => typeof (await store.createMultipartUpload(key, MEDIA)), 'string'],
  uploadPart: [async ({ store, key, uploadId }) => typeof (await store.uploadPart(key, uploadId, 1, BYTES)), 'string'],
  listParts: [async ({ store, key, uploadId }) => (await store.listParts(key, uploadId))?.length, 1],
  // Whether a second try finds its upload is the store's own affair: the object is whole.
  complete: [(target) => complete(target).then(async () => text(await target.store.get(target.key))), '0123456789'],
  abort: [({ store, key, uploadId }) => store.abortMultipartUpload(key, uploadId), undefined],
  listUploads: [async ({ store, key }) => (await store.listMultipartUploads(key)).uploads.length, 1],
};

/** Faults of the first request of a call. Where a call is not named here, its answer is as on a good way. */
const ONCE: readonly (readonly [string, faults.Fault, Readonly<Record<string, unknown>>])[] = [
  ['is refused with 503', faults.refused('ServiceUnavailable'), {}],
  ['is reset', faults.reset, {}],
  ['loses its reply', faults.replyLost, {}],
  ['has its reply torn', faults.replyTorn, named('unavailable', 'get getStart getRange')],
  [
    'has half a reply that looks whole',
    faults.replyShortened,
    // Nothing in an object tells the adapter that half is missing: a torn document is reported by its reader.
    {
      get: '01234',
      getRange: '234',
      ...named('unavailable', 'getStart list delete tags create listParts complete listUploads'),
    },
  ],
  [
    'has an empty reply',
    faults.replyEmptied,
    { get: '', getRange: '', tags: {}, ...named('unavailable', 'getStart list create listParts listUploads') },
  ],
];

function named(outcome: string, calls: string): Record<string, string> {
  return Object.fromEntries(calls.split(' ').map((call) => [call, outcome]));
}

test.each(ONCE)('a request that %s is repeated, or is no answer', async (_, fault, others) => {
  const outcomes: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const [name, [run, answer]] of Object.entries(CALLS)) {
    const target = await prepare();
    proxy.spoil((index) => (index === 1 ? fault : undefined));
    outcomes[name] = await outcomeOf(run(target));
    expected[name] = name in others ? others[name] : answer;
  }
  expect(outcomes).toEqual(expected);
});

test.each([
  ['refuses', faults.refused('ServiceUnavailable'), undefined],
  ['resets', faults.reset, undefined],
  ['never answers', faults.replyLost, undefined],
  ['stalls', faults.stalled, 20],
])('a store that %s every time is unavailable after five attempts', async (_, fault, idleTimeoutMs) => {
  const target = await prepare();
  proxy.spoil(() => fault);
  for (const call of ['put', 'list', 'complete']) {
    const { store, attempts } = openStore(idleTimeoutMs);
    expect(await outcomeOf(CALLS[call]?.[0]({ ...target, store }) ?? Promise.resolve())).toBe('unavailable');
    expect(attempts).toHaveLength(5);
  }
});

test.each([10, -10])('by a Date that is %d minutes off nothing is begun, completed or assessed', async (by) => {
  proxy.spoil(() => undefined);
  const service = startServiceOn(testStore);
  const api = await startApi({ service });
  const { recording } = await service.begin();
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
  expect(await service.keys()).toEqual(before);
});

test.each(RETRY_BUDGETS)('in a storm of %s each call asks once, and %i times more in all', async (code, budget) => {
  await prepare();
  const { store } = openStore();
  proxy.spoil(() => faults.refused(code));
  const calls = Array.from({ length: 150 }, () => outcomeOf(store.list('')));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['unavailable']));
  expect(proxy.requests).toBe(150 + budget);
});

test('while one request in five fails, every call succeeds, for a quarter more requests', async () => {
  const { store, key } = await prepare();
  proxy.spoil((index) => (index % 5 === 0 ? faults.refused('InternalError') : undefined));
  for (let call = 0; call < 40; call += 1) expect(text(await store.get(key))).toBe('0123456789');
  expect(proxy.requests).toBe(49);
});

test('the embedded store is killed under uploads and sweeps, and loses nothing', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'killed-store-'));
  let child: ChildProcess | undefined;
  const start = async (port = '0') => {
    child = spawn(process.execPath, [CHILD, dataDir, port], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return String(line).trim();
  };
  const kill = async () => {
    const exited = once(child as ChildProcess, 'exit');
    child?.kill('SIGKILL');
    await exited;
  };
  const endpoint = await start();
  const credentials = { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' };
  const place = { region: 'us-east-1', bucket: 'recordings', keyPrefix: '', forcePathStyle: true };
  const opened = await openTestStore({ started: { endpoint, credentials, ...place } });
  try {
    await expectToSurviveKills(opened, { kill, start: () => start(new URL(endpoint).port) });
  } finally {
    await opened.close();
    await kill();
    await rm(dataDir, { recursive: true, force: true });
  }
});
