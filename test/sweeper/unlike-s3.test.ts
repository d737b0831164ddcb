// Stores that list less than S3 does, or in another order: nothing is inferred from what they do not show.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { newRecordingId } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { verify } from '../../src/verifier/verify.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { failing, meanwhile, overriding } from '../kit/interventions.ts';
import { recordingKey, recordingPrefix } from '../kit/keys.ts';
import type { MemoryStore } from '../kit/memory-store.ts';
import { mediaKey } from '../kit/service.ts';
import { startRetention } from './support.ts';

const PLACE = { tenant: 'acme', exam: 'math', attempt: 'a9' };
const PART = new Uint8Array(5 * MIB);
PART.set(webm);

describe.each(['by-key', 'never'] as const)('a store that lists open uploads %s', (listsUploads) => {
  const start = () => {
    const service = startRetention({ memory: { listsUploads } });
    const memory = service.store as MemoryStore;
    return { ...service, open: async () => memory.openUploads('') };
  };

  test('loses all parts of an upload that is withdrawn, and the receipt counts them', async () => {
    const service = start();
    const ref = await service.uploaded([PART, PART]);
    const receipt = await service.erase(ref);
    expect(await service.open()).toEqual([]);
    expect(receipt.bytes).toBeGreaterThan(10 * MIB);
  });

  test('loses them at their deadline too', async () => {
    const service = start();
    const ref = await service.uploaded([PART, PART]);
    expect(await service.after(31 * DAY_MS).sweepOn(service.store)).toMatchObject({ failed: 0 });
    expect(await service.open()).toEqual([]);
    expect((await service.receiptOf(ref))?.bytes).toBeGreaterThan(10 * MIB);
  });

  test('has its abandoned uploads completed, and those in use left alone', async () => {
    const service = start();
    const abandoned = await service.uploaded();
    service.clock.advance(3 * HOUR_MS);
    const live = await service.uploaded([webm], { attempt: 'a2' });
    expect(await service.sweep({ dryRun: true })).toMatchObject({ salvaged: 1, failed: 0 });
    expect(await service.sweep()).toMatchObject({ salvaged: 1, failed: 0 });
    expect(await service.stateOf(abandoned)).toBe('stored');
    expect(await service.stateOf(live)).toBe('uploading');
    expect(await service.keys('doctor/')).toEqual([]);
  });
});

test('an upload that the store goes on listing after its abort gives no receipt, and the sweep names the operation', async () => {
  const service = startRetention({ memory: { listsUploads: 'never' } });
  const ref = await service.uploaded();
  const store = overriding(service.store, { abortMultipartUpload: async () => {} });
  expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({
    failed: 1,
    problems: [{ code: 'UploadStaysOpen', operation: 'AbortMultipartUpload' }],
  });
  expect(await service.receiptOf(ref)).toBeUndefined();
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
});

test('parts that cannot be listed give no receipt', async () => {
  const service = startRetention();
  const ref = await service.record();
  const refused = new StoreError('not-implemented', 'ListParts', 'NotImplemented');
  const store = overriding(service.store, { listParts: () => Promise.reject(refused) });
  expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({
    failed: expect.any(Number),
    deleted: { recordings: 0 },
    problems: [{ code: 'NotImplemented', operation: 'ListParts' }],
  });
  expect(await service.keys(mediaKey(ref))).toEqual([]);
  expect(await service.receiptOf(ref)).toBeUndefined();
});

describe('open uploads that cannot be listed', () => {
  test.each(['not-implemented', 'access-denied', 'unexpected'] as const)(
    'because it is %s, are found',
    async (code) => {
      const service = startRetention();
      const refused = new StoreError(code, 'ListMultipartUploads', 'Refused');
      const store = overriding(service.store, { listMultipartUploads: () => Promise.reject(refused) });
      const abandoned = await service.uploaded();
      expect(await service.after(3 * HOUR_MS).sweepOn(store)).toMatchObject({ salvaged: 1, failed: 0 });
      expect(await service.stateOf(abandoned)).toBe('stored');
      expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
      expect(await service.verifyOn(store)).toMatchObject({ wrong: 0 });
    },
  );

  test('because the store is busy, let the media go, and the receipt wait', async () => {
    const service = startRetention();
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const store = failing(service.store, 'listMultipartUploads', '', 'SlowDown');
    expect(await service.sweepOn(store)).toMatchObject({
      failed: 2,
      problems: [{ code: 'SlowDown', operation: 'listMultipartUploads', keys: ['open uploads', expect.any(String)] }],
    });
    expect(await service.keys(mediaKey(ref))).toEqual([]);
    expect(await service.receiptOf(ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.due('attempt')).toEqual([]);
  });
});

describe('a store that lists folder before folder', () => {
  test('deletes every recording of exams whose names begin alike', async () => {
    const service = startRetention({ memory: { order: 'tree' } });
    await service.record({ exam: 'math-1' });
    for (const attempt of ['a', 'a-1', 'a_b', 'b']) await service.record({ exam: 'math', attempt });
    const report = await service.after(31 * DAY_MS).sweep();
    expect(report).toMatchObject({ due: 5, deleted: { recordings: 5 }, failed: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.due('attempt')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('brings every one of them forward', async () => {
    const service = startRetention({ memory: { order: 'tree' } });
    await service.record({ exam: 'math-1' });
    for (const attempt of ['a', 'a-1', 'a_b', 'b']) await service.record({ exam: 'math', attempt });
    await service.after(2 * HOUR_MS).sweep();
    const { testStore, clock } = service;
    const shortened = startRetention({
      on: { testStore, clock },
      policy: { byTenantMs: new Map([['acme', 4 * DAY_MS]]) },
    });
    expect(await shortened.after(HOUR_MS).sweep()).toMatchObject({ broughtForward: 5 });
    expect(await shortened.after(4 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 5 }, failed: 0 });
  });

  test('has each recording reported that exists beside its receipt', async () => {
    const service = startRetention({ memory: { order: 'tree' } });
    const expected: string[] = [];
    for (const attempt of ['a', 'a-1', 'a_b']) {
      const ref = await service.record({ attempt });
      await service.erase(ref);
      await service.put(mediaKey(ref), 'again');
      expected.push(recordingPrefix(ref));
    }
    const { findings } = await service.after(2 * HOUR_MS).verify();
    const found = findings.filter(({ kind }) => kind === 'receipt-but-objects').map(({ key }) => key);
    expect(new Set(found)).toEqual(new Set(expected));
  });
});

describe('a shared page that leaves out', () => {
  /** Only a listing of exactly the attempt, or the recording, shows these keys. */
  const hiding = (service: ReturnType<typeof startRetention>, hidden: string) =>
    overriding(service.store, {
      async list(prefix, options) {
        const page = await service.store.list(prefix, options);
        if (prefix !== 'attempts/') return page;
        return { ...page, objects: page.objects.filter(({ key }) => !key.includes(hidden)) };
      },
    });

  test('a recording of an attempt keeps the entry until all of it is gone', async () => {
    const service = startRetention();
    const [hidden] = [await service.record(), await service.record(), await service.record({ attempt: 'a2' })];
    const store = hiding(service, hidden?.recording ?? '');
    expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({ deleted: { recordings: 3 }, failed: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test.each(['/assessed/', '/deleting'])('%s moves no entry', async (hidden) => {
    const service = startRetention({ policy: { afterAssessmentMs: 5 * DAY_MS, unassessedMs: 60 * DAY_MS } });
    const ref = await service.record();
    await service.record({ attempt: 'a2' });
    if (hidden === '/assessed/') await service.assess(ref);
    else await service.put(recordingKey(ref, 'deleting'), '{}');
    await service.makeDue(ref);
    const store = hiding(service, hidden);
    expect(await service.after(6 * DAY_MS).sweepOn(store)).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
    expect(await service.objectsOf(ref)).toEqual([]);
  });
});

test.each([
  ['what is older than its versioning', (keys: string[]) => keys.slice(0, 1)],
  ['everything', () => []],
])('a listing of versions that leaves out %s leaves nothing behind', async (_, shown) => {
  const service = startRetention();
  await service.record();
  const store = overriding(service.store, {
    isVersioned: async () => true,
    async listVersions(prefix, options) {
      const page = await service.store.listVersions(prefix, options);
      const keys = shown(page.versions.map(({ key }) => key));
      return { ...page, versions: page.versions.filter(({ key }) => keys.includes(key)) };
    },
  });
  expect(await service.after(31 * DAY_MS).sweepOn(store)).toMatchObject({ deleted: { recordings: 1 }, failed: 0 });
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.verifyOn(store)).toMatchObject({ wrong: 0 });
});

test('tags that the store does not tell are no wrong ones', async () => {
  const service = startRetention();
  await service.record();
  const report = await service.after(2 * HOUR_MS).verifyOn(failing(service.store, 'tags'));
  expect(report).toMatchObject({ wrong: 0, recordings: 1 });
});

test('parts that an untrue receipt left are found beside it, where uploads are listed by key alone', async () => {
  const service = startRetention({ memory: { listsUploads: 'by-key' } });
  const ref = await service.record();
  await service.erase(ref);
  const uploadId = await service.store.createMultipartUpload(mediaKey(ref), { contentType: 'video/webm' });
  await service.store.uploadPart(mediaKey(ref), uploadId, 1, PART);
  service.clock.advance(2 * HOUR_MS);
  expect(await service.verify()).toMatchObject({
    wrong: 1,
    findings: [{ kind: 'stray-upload' }],
    uploadsUnlisted: 'NotShown',
  });
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
  expect(await service.store.listParts(mediaKey(ref), uploadId)).toBeUndefined();
});

test.each([1, 2])(
  'of two sweeps of a bucket with versions one keeps the receipt of the other (listing %i)',
  async (nth) => {
    const service = startRetention({ memory: { versioned: true } });
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    let receipt: unknown;
    const other = async () => {
      await service.sweep();
      receipt = await service.receiptOf(ref);
    };
    await meanwhile(service.store, { when: 'before', call: 'listVersions', nth }, other, service.sweepOn);
    expect(receipt).toBeDefined();
    expect(await service.receiptOf(ref)).toEqual(receipt);
  },
);

test('by a wrong clock verify repairs nothing, also where the store lists no uploads', async () => {
  const service = startRetention();
  await service.put('doctor/trial');
  const refused = new StoreError('not-implemented', 'ListMultipartUploads', 'NotImplemented');
  const store = overriding(service.store, { listMultipartUploads: () => Promise.reject(refused) });
  const context = { ...service.sweepContext, store, now: () => service.clock.now() + 9 * DAY_MS };
  await expect(verify(context, { fix: true })).rejects.toThrow('differ by');
  expect(await service.keys('doctor/')).toHaveLength(1);
});

test('an upload that cannot be ended stops no other repair', async () => {
  const service = startRetention();
  const ref = await service.record();
  const key = mediaKey({ ...ref, recording: newRecordingId(0, randomBytes) });
  await service.store.createMultipartUpload(key, { contentType: 'video/webm' });
  await service.put('doctor/trial');
  const store = overriding(service.store, { abortMultipartUpload: async () => {} });
  const report = await service.after(2 * HOUR_MS).verifyOn(store, { fix: true });
  expect(report.findings).toMatchObject([
    { kind: 'stray-upload', fixed: false },
    { key: 'doctor/trial', fixed: true },
  ]);
});

describe('times that are not there', () => {
  const undated = (service: ReturnType<typeof startRetention>) => {
    const { store } = service;
    return overriding(store, {
      async listParts(...args) {
        return (await store.listParts(...args))?.map((part) => ({ ...part, lastModifiedMs: Number.NaN }));
      },
      async listMultipartUploads(...args) {
        const page = await store.listMultipartUploads(...args);
        return { ...page, uploads: page.uploads.map((upload) => ({ ...upload, initiatedMs: Number.NaN })) };
      },
    });
  };

  test('complete no upload that may be in use', async () => {
    const service = startRetention();
    const ref = await service.uploaded();
    const report = await service.after(3 * HOUR_MS).sweepOn(undated(service));
    expect(report).toMatchObject({ salvaged: 0, failed: 0, problems: [{ code: 'part-without-time' }] });
    expect(await service.stateOf(ref)).toBe('uploading');
  });

  test('end no stray upload', async () => {
    const service = startRetention();
    await service.store.createMultipartUpload(mediaKey({ ...PLACE, recording: newRecordingId(0, randomBytes) }), {
      contentType: 'video/webm',
    });
    await service.verifyOn(undated(service), { fix: true });
    expect(await service.openUploads()).toHaveLength(1);
  });
});

test('nothing is concluded from a store that lists folders and keys, and nothing by a beginning within a name', async () => {
  const wrap = (store: ObjectStore) =>
    overriding(store, {
      list: async (prefix, options) => {
        const page = await store.list(prefix, options);
        if (prefix === '' || prefix.endsWith('/')) return page;
        return { ...page, objects: page.objects.filter(({ key }) => key === prefix), truncated: false };
      },
    });
  const service = startRetention({ wrap });
  await service.recordMany(8);
  await service.after(3 * HOUR_MS).sweep();
  expect(await service.after(29 * DAY_MS).sweep()).toMatchObject({ deleted: { recordings: 8 }, failed: 0 });
  expect(await service.keys('attempts/')).toEqual([]);
});
