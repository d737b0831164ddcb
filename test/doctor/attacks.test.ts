// The attacks against real stores: refused where they must be, and reported where there is a hole.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { runAttacks } from '../../src/doctor/attacks/run-attacks.ts';
import { hasExternalStore, openTestStore, type RealStore } from '../storage/stores.ts';
import {
  bucketContents,
  type DoctorOptions,
  doctorFor,
  find,
  type HoledStore,
  idsWith,
  startHoledStore,
} from './support.ts';

const PART_URL_ATTACKS = [
  'copy-source-with-body',
  'copy-source-without-body',
  'acl',
  'tagging',
  'another-part',
  'another-key',
  'another-length',
  'another-method',
  'tampered-signature',
  'expired',
  'after-complete',
  'after-abort',
];
const PLAYBACK_ATTACKS = ['playback-another-key', 'playback-tampered', 'playback-write', 'playback-expired'];

let testStore: RealStore;
let holed: HoledStore | undefined;

beforeAll(async () => {
  testStore = await openTestStore({ keyPrefix: 'exams/' });
});

afterEach(async () => {
  await holed?.close();
  holed = undefined;
});

afterAll(async () => {
  await testStore.close();
});

async function attack(options: DoctorOptions) {
  const deps = doctorFor(testStore, options);
  try {
    return await runAttacks(deps);
  } finally {
    deps.done();
  }
}

describe('the attacks', () => {
  test.each([
    ['the upload key', {}],
    ["the service's own key", { s3: { uploadCredentials: undefined } }],
  ] as [string, DoctorOptions][])('all fail when part URLs are signed with %s', async (_key, options) => {
    const before = await bucketContents(testStore);
    const results = await attack(options);
    expect(idsWith(results, 'succeeded')).toEqual([]);
    expect(idsWith(results, 'unproven')).toEqual([]);
    expect([...idsWith(results, 'refused'), ...idsWith(results, 'no-effect')].sort()).toEqual(
      [...PART_URL_ATTACKS, ...PLAYBACK_ATTACKS].sort(),
    );
    // Only a header that the store took no notice of may be answered with anything but a refusal.
    expect(idsWith(results, 'no-effect').filter((id) => id !== 'acl' && id !== 'tagging')).toEqual([]);
    expect(results.filter(({ status }) => status === 'failed' || status === 'warning')).toEqual([]);
    expect(await bucketContents(testStore)).toEqual(before);
  });

  test('find the hole of a signer that does not sign the length', async () => {
    const results = await attack({ unsafeWithoutSignedLength: true, s3: { uploadCredentials: undefined } });
    // The embedded store refuses every unsigned x-amz header; Ceph 16 honours the copy.
    const copies = hasExternalStore ? ['copy-source-without-body'] : [];
    expect(idsWith(results, 'succeeded')).toEqual([...copies, 'another-length']);
    for (const id of idsWith(results, 'succeeded')) {
      expect(find(results, id)).toMatchObject({ status: 'failed', remedy: expect.stringContaining('UPLOADS=proxy') });
    }
    if (hasExternalStore) expect(find(results, 'copy-source-without-body').reason).toContain("another object's bytes");
  });

  test('find the missing length even when an upload key keeps the copy out', async () => {
    if (!testStore.settings.uploadCredentials) return;
    const results = await attack({ unsafeWithoutSignedLength: true });
    expect(idsWith(results, 'succeeded')).toEqual(['another-length']);
  });

  test.each([
    [{ copiesUnsigned: true }, ['copy-source-with-body', 'copy-source-without-body']],
    [{ publishesUnsigned: true }, ['acl']],
    [{ tagsUnsigned: true }, ['tagging']],
  ])('find a store with %j', async (holes, ids) => {
    const plain = await openTestStore();
    holed = await startHoledStore(plain, holes);
    const deps = doctorFor(plain, { s3: { publicEndpoint: holed.endpoint, endpoint: holed.endpoint } });
    try {
      const results = await runAttacks(deps);
      expect(idsWith(results, 'succeeded')).toEqual(ids);
      expect(idsWith(results, 'unproven')).toEqual([]);
      expect(await bucketContents(plain)).toMatchObject({ versions: [], uploads: [] });
    } finally {
      deps.done();
      await plain.close();
    }
  });

  test('prove nothing when ordinary uploads are refused too', async () => {
    holed = await startHoledStore(testStore, { status: 403 });
    const { endpoint } = holed;
    const results = await attack({ s3: { publicEndpoint: endpoint } });
    expect(idsWith(results, 'refused')).toEqual([]);
    expect(find(results, 'part-url')).toMatchObject({ status: 'failed', outcome: 'unproven' });
    expect(find(results, 'acl')).toMatchObject({ status: 'failed', outcome: 'unproven' });
    expect(find(results, 'playback-write')).toMatchObject({ status: 'failed', outcome: 'unproven' });
  });

  test('prove nothing while the store is overloaded', async () => {
    holed = await startHoledStore(testStore, { status: 503 });
    const results = await attack({ s3: { publicEndpoint: holed.endpoint } });
    expect([...idsWith(results, 'refused'), ...idsWith(results, 'succeeded')]).toEqual([]);
  });

  test("go to the service's own endpoint under the public name when that cannot be reached", async () => {
    const results = await attack({ s3: { publicEndpoint: 'http://127.0.0.1:9' } });
    expect(idsWith(results, 'unproven')).toEqual([]);
    expect(find(results, 'part-url').status).toBe('ok');
  });

  test('remove what they made when a call fails on the way, and when they are stopped', async () => {
    const before = await bucketContents(testStore);
    const deps = doctorFor(testStore);
    const stopping = new AbortController();
    const failing = new Proxy(deps.store, {
      get(target, name) {
        if (name === 'completeMultipartUpload') {
          return async () => {
            stopping.abort();
            throw new TypeError('broken');
          };
        }
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const results = await runAttacks({ ...deps, store: failing, signal: stopping.signal });
    deps.done();
    expect(idsWith(results, 'unproven').length).toBeGreaterThan(0);
    expect(await bucketContents(testStore)).toEqual(before);
  });

  test('tell no secret and no URL', async () => {
    const results = await attack({ unsafeWithoutSignedLength: true });
    const text = JSON.stringify(results);
    const { credentials, uploadCredentials } = testStore.settings;
    for (const secret of [
      credentials?.secretAccessKey ?? '-',
      uploadCredentials?.secretAccessKey ?? '-',
      'X-Amz-',
      '://',
    ]) {
      if (secret !== '-') expect(text).not.toContain(secret);
    }
  });
});
