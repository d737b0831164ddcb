// Attempts in versioned buckets, media that a deletion overtook, and the listing of many attempts together.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Manifest } from '../../src/bucket/documents.ts';
import type { RecordingObject } from '../../src/bucket/layout.ts';
import { listTogether, targetsOf } from '../../src/bucket/listing.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { finalizeRecording } from '../../src/recordings/finalize.ts';
import { bucketOn } from '../kit/bucket.ts';
import { START_MS } from '../kit/clock.ts';
import { webm } from '../kit/fixtures.ts';
import { intercepting, meanwhile } from '../kit/interventions.ts';
import { assessedKey, recordingKey } from '../kit/keys.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { bytes, partsOf, text } from '../objectstore/object-store-contract.ts';

const ATTEMPT = { tenant: 'acme', exam: 'exam-1', attempt: 'attempt-1' };
test('an attempt in a versioned bucket shows a reader what is current, a purge every version, and unknown keys apart', async () => {
  const store = new MemoryStore({ now: () => START_MS, versioned: true, pageKeys: 1 });
  const ref = { ...ATTEMPT, recording: newRecordingId(START_MS, randomBytes) };
  const [manifest, media] = [recordingKey(ref, 'manifest'), recordingKey(ref, 'media')];
  const [withdrawn, stands] = [assessedKey(ATTEMPT, START_MS), assessedKey(ATTEMPT, START_MS + 1)];
  for (const key of [manifest, media, media, `${media}.bak`, withdrawn, stands]) await store.put(key, bytes('{}'));
  for (const key of [media, withdrawn]) await store.delete([{ key }]);
  await store.createMultipartUpload(manifest);
  const attempt = await bucketOn(store).attempt(ATTEMPT, { everything: true, uploads: store.openUploads('') });
  const { objects, items } = attempt.recording(ref.recording) ?? {};
  expect(Object.keys(objects ?? {})).toEqual(['manifest']);
  expect(items?.map(({ object }) => object).sort()).toEqual(['manifest', 'media', 'media', 'media']);
  expect(attempt.unknownKeys).toEqual([`${media}.bak`, manifest]);
  expect(attempt.assessments).toHaveLength(3);
  expect(attempt.assessedAtMs).toBe(START_MS + 1);
  expect((await targetsOf(store, media, true)).map(({ key }) => key)).toEqual([media, media, media]);
  expect(await targetsOf(store, media, false)).toEqual([{ key: media }]);
});

type Overtake = (service: TestService, ref: RecordingRef) => unknown;
const remove =
  (...objects: RecordingObject[]): Overtake =>
  ({ store }, ref) =>
    store.delete(objects.map((object) => ({ key: recordingKey(ref, object) })));

test.each<[string, Overtake, string]>([
  ['their deletion was ordered', ({ store }, ref) => store.put(recordingKey(ref, 'deleting'), bytes('{}')), 'deleted'],
  ['they were purged', remove('manifest'), 'deleted'],
  ['their deadline has come', ({ clock }) => clock.advance(30 * DAY_MS), 'deleted'],
  ['they were deleted', remove('media'), 'absent'],
  ['nothing was left of them', remove('media', 'manifest'), 'deleted'],
])('media that were completed while %s are gone again', async (_, overtake, result) => {
  const service = startTestService();
  const { store, context } = service;
  const ref = await service.begin();
  await uploadParts(context, ref, [webm]);
  const manifest = JSON.parse(text(await store.get(recordingKey(ref, 'manifest'))) ?? '') as Manifest;
  const parts = await partsOf(store, recordingKey(ref, 'media'), manifest.uploadId);
  const secondLook = { when: 'before', call: 'list' } as const;
  const complete = async (store: ObjectStore) => {
    const seen = { ...context, store };
    await store.completeMultipartUpload(recordingKey(ref, 'media'), manifest.uploadId, parts);
    return finalizeRecording(seen, ref, { parts });
  };
  expect(await meanwhile(store, secondLook, () => overtake(service, ref), complete)).toEqual({ result });
  expect(await store.get(recordingKey(ref, 'media'))).toBeUndefined();
});

describe('listing many folders together', () => {
  /** A store that counts how often it is asked. */
  function holding(keys: readonly string[], failAt = Number.POSITIVE_INFINITY, code = 'SlowDown') {
    const memory = new MemoryStore({ now: () => START_MS });
    for (const key of keys) void memory.put(key, new Uint8Array());
    const counted = { requests: 0 };
    const store = intercepting(memory, async (call, _args, go) => {
      counted.requests += 1;
      if (counted.requests >= failAt) throw new StoreError('unavailable', call, code);
      return go();
    });
    return { store, counted };
  }

  const numbered = (count: number) => Array.from({ length: count }, (_, at) => `root/${String(at).padStart(4, '0')}/`);
  const folders = fc.uniqueArray(fc.stringMatching(/^[a-c-]{1,3}$/), { maxLength: 30 });

  test('law: shows of each prefix under which there is something what a listing of its own would, in no more requests', async () => {
    await fc.assert(
      fc.asyncProperty(folders, folders, fc.integer({ min: 0, max: 40 }), async (stored, asked, size) => {
        const keys = stored.flatMap((folder, index) =>
          Array.from({ length: (size * (index + 1)) % 37 }, (_, file) => `root/${folder}/${file}`),
        );
        const { store, counted } = holding(['other/x', ...keys, 'rooz']);
        const prefixes = asked.map((folder) => `root/${folder}/`);
        const listed = await listTogether(store, 'root/', prefixes);
        let pages = 0;
        for (const prefix of prefixes) {
          const expected = keys.filter((key) => key.startsWith(prefix)).sort();
          // Of what is empty the caller asks by itself.
          expect(listed.objectsOf(prefix)?.map(({ key }) => key)).toEqual(expected.length > 0 ? expected : undefined);
          pages += Math.ceil((expected.length + 1) / 16);
        }
        expect(counted.requests).toBeLessThanOrEqual(pages);
      }),
      { numRuns: 300 },
    );
  });

  test('neighbours share pages', async () => {
    const prefixes = numbered(400);
    const { store, counted } = holding(prefixes.flatMap((prefix) => [`${prefix}a`, `${prefix}b`]));
    const listed = await listTogether(store, 'root/', prefixes);
    expect(prefixes.map((prefix) => listed.objectsOf(prefix)?.length)).toEqual(prefixes.map(() => 2));
    expect(counted.requests).toBeLessThan(40);
  });

  const listPartly = async (code: string) => {
    const prefixes = numbered(100);
    const { store, counted } = holding(
      prefixes.map((prefix) => `${prefix}a`),
      3,
      code,
    );
    const listed = await listTogether(store, 'root/', prefixes);
    const found = prefixes.map((prefix) => {
      try {
        return listed.objectsOf(prefix)?.map(({ key }) => key);
      } catch (error) {
        return error;
      }
    });
    return { found, counted, whole: (index: number) => [`${prefixes[index]}a`] };
  };

  test('a response that cannot be read leaves out what was not listed in full', async () => {
    const { found, whole } = await listPartly('UnreadableAnswer');
    for (const [index, keys] of found.entries()) if (keys) expect(keys).toEqual(whole(index));
    expect(found.filter((keys) => keys === undefined).length).toBeGreaterThan(0);
    expect(found.filter((keys) => keys !== undefined).length).toBeGreaterThan(0);
  });

  test('a store that throttles is not asked for each folder alone: their failure is returned', async () => {
    const { found, counted, whole } = await listPartly('SlowDown');
    const refused = found.filter((keys) => keys instanceof StoreError);
    expect(refused.length).toBeGreaterThan(0);
    for (const [index, keys] of found.entries()) if (!(keys instanceof StoreError)) expect(keys).toEqual(whole(index));
    expect(counted.requests).toBeLessThan(10);
  });
});
