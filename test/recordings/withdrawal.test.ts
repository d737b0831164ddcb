// Consent withdrawn in the middle of an exam: the upload ends on every replica, and nothing of it comes back (policy 9.2).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LRUCache } from 'lru-cache';
import type { Manifest } from '../../src/domain/documents.ts';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { openContent } from '../../src/recordings/content.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { listUploadedParts, presignParts } from '../../src/recordings/upload.ts';
import { expectNothingLeft } from '../http/expectations.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

const PART = { partNumber: 1, sizeBytes: 1000 };
const DELETED = { code: 'recording-deleted', data: { receipt: { reason: 'consent-withdrawn' } } };
let service: TestService;
/** The same store and clock, and a memory of its own, in which time passes only when it is told to. */
let replica: RecordingsContext;
let memoryMs = 1;
function passTime(ms: number): void {
  memoryMs += ms;
  service.clock.advance(ms);
}

beforeAll(async () => {
  service = startTestService();
  replica = {
    ...service.context,
    manifests: new LRUCache<string, Manifest>({ max: 100, ttl: MINUTE_MS, perf: service.clock }),
    takingParts: new LRUCache<string, Promise<Manifest>>({
      max: 100,
      ttl: SECOND_MS,
      ttlResolution: 0,
      perf: { now: () => memoryMs },
    }),
  };
});
afterAll(() => service.close());

const withdraw = (ref: RecordingRef) => eraseRecording(service.context, CALLER, ref, 'consent-withdrawn');

async function urlFrom(context: RecordingsContext, ref: RecordingRef): Promise<string> {
  const [part] = await presignParts(context, ref, [PART]);
  if (!part) throw new Error('no part was signed');
  return part.url;
}

async function expectDead(url: string): Promise<void> {
  const { status } = await service.testStore.fetch(url, { method: 'PUT', body: new Uint8Array(PART.sizeBytes) });
  expect({ status, isRefused: status >= 400 && status < 500 }).toMatchObject({ isRefused: true });
}

describe('after a withdrawal on one replica, another that knows the upload', () => {
  test('signs no part any more once it has looked, and it looks when its last look is a second old', async () => {
    const ref = await service.begin();
    const early = await urlFrom(replica, ref);
    passTime(SECOND_MS + 1);
    await withdraw(ref);
    await expect(presignParts(replica, ref, [PART])).rejects.toMatchObject(DELETED);
    await expect(presignParts(service.context, ref, [PART])).rejects.toMatchObject(DELETED);
    await expectDead(early);
    await expectNothingLeft(service.store, ref);
  });

  test('signs within that second at most what the store refuses', async () => {
    const ref = await service.begin();
    await urlFrom(replica, ref);
    await withdraw(ref);
    await expectDead(await urlFrom(replica, ref));
    passTime(SECOND_MS + 1);
    await expect(presignParts(replica, ref, [PART])).rejects.toMatchObject(DELETED);
    await expectNothingLeft(service.store, ref);
  });

  test('refuses a late list of parts, a late complete, and what is sent through it', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    expect(await listUploadedParts(replica, ref)).toHaveLength(1);
    const content = await openContent(replica, ref);
    await withdraw(ref);
    await expect(listUploadedParts(replica, ref)).rejects.toMatchObject(DELETED);
    await expect(completeRecording(replica, ref, {})).rejects.toMatchObject(DELETED);
    await expect(openContent(replica, ref)).rejects.toMatchObject(DELETED);
    await expect(content.write(filled(6 * MIB))).rejects.toMatchObject({ code: 'upload-gone' });
    await expectNothingLeft(service.store, ref);
  });
});

test('a part URL costs one listing a second for each recording, however many are asked for', async () => {
  const ref = await service.begin();
  await urlFrom(replica, ref);
  passTime(SECOND_MS + 1);
  service.testStore.requests.length = 0;
  for (let call = 0; call < 20; call += 1) await presignParts(replica, ref, [PART, { ...PART, partNumber: 2 }]);
  expect(service.testStore.requests.map(({ operation }) => operation)).toEqual(['ListObjectsV2']);
});

test('parts in flight while consent is withdrawn leave nothing behind', async () => {
  for (let round = 0; round < 10; round += 1) {
    const ref = await service.begin();
    const url = await urlFrom(service.context, ref);
    const body = new Uint8Array(PART.sizeBytes);
    const sent = [1, 2, 3].map(() => service.testStore.fetch(url, { method: 'PUT', body }));
    await Promise.all([withdraw(ref), ...sent]);
    await expectNothingLeft(service.store, ref);
  }
});

async function* filled(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < sizeBytes; sent += MIB) yield new Uint8Array(MIB);
}
