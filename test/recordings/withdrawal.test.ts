// Consent withdrawn in the middle of an exam: the upload ends on every replica, and nothing of it comes back (policy 9.2).
// Where a complete and an erasure meet is in test/http/ends.test.ts.
import { Readable } from 'node:stream';
import { beforeEach, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { eraseRecording, withdrawRecording } from '../../src/recordings/delete.ts';
import { openProxiedUpload } from '../../src/recordings/proxied-upload.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { listUploadedParts, presignParts } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { meanwhile } from '../kit/interventions.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { CALLER, HOLDER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

const PART = { partNumber: 1, sizeBytes: 1000 };
const DELETED = { code: 'recording-deleted', data: { receipt: { reason: 'consent-withdrawn' } } };
let service: TestService;
/** The same store and clock, and a memory of its own. */
let replica: RecordingsContext;

beforeEach(() => {
  service = startTestService();
  const { testStore, clock } = service;
  replica = startTestService({ on: { testStore, clock } }).context;
});

const withdraw = (ref: RecordingRef, store = service.store) =>
  eraseRecording({ ...service.context, store }, CALLER, ref, 'consent-withdrawn');

const urlFrom = async (context: RecordingsContext, ref: RecordingRef) =>
  (await presignParts(context, ref, [PART])).map(({ url }) => url).join();

test('another replica that knows the upload refuses every late call, and within a second signs at most what the store refuses', async () => {
  const ref = await service.begin();
  await uploadParts(service.context, ref, [webm]);
  const early = await urlFrom(replica, ref);
  expect(await listUploadedParts(replica, ref)).toHaveLength(1);
  const content = await openProxiedUpload(replica, ref, HOLDER);
  await withdraw(ref);
  for (const url of [early, await urlFrom(replica, ref)]) {
    const { status } = await service.testStore.fetch(url, { method: 'PUT', body: new Uint8Array(PART.sizeBytes) });
    expect(status).toBe(404);
  }
  await expect(listUploadedParts(replica, ref)).rejects.toMatchObject(DELETED);
  await expect(completeRecording(replica, ref, {})).rejects.toMatchObject(DELETED);
  await expect(openProxiedUpload(replica, ref, HOLDER)).rejects.toMatchObject(DELETED);
  await expect(content.write(Readable.from([new Uint8Array(6 * MIB)]))).rejects.toMatchObject({ code: 'upload-gone' });
  // The listing of the parts has told both.
  for (const context of [replica, service.context])
    await expect(presignParts(context, ref, [PART])).rejects.toMatchObject(DELETED);
  await expectNothingLeft(service.store, ref);
});

test('a part URL costs nothing for an hour after a process has seen the recording, however many are asked for', async () => {
  const ref = await service.begin();
  service.testStore.requests.length = 0;
  for (let minute = 0; minute < 59; minute += 1) {
    await presignParts(service.context, ref, [PART, { ...PART, partNumber: 2 }]);
    service.clock.advance(MINUTE_MS);
  }
  expect(service.testStore.requests).toEqual([]);
  await urlFrom(replica, ref);
  expect(service.testStore.requests.map(({ operation }) => operation).sort()).toEqual(['GetObject', 'ListObjectsV2']);
  await urlFrom(replica, ref);
  service.clock.advance(2 * MINUTE_MS);
  await presignParts(service.context, ref, [PART]);
  expect(service.testStore.requests).toHaveLength(3 + 1);
});

test('a restriction that comes while a withdrawal is on its way is seen before anything is deleted', async () => {
  const ref = await service.record();
  const moment = { when: 'before', call: 'put', keys: 'due/' } as const;
  const restrict = () => restrictRecording(service.context, CALLER, ref, 'case 7');
  const withdrawal = meanwhile(service.store, moment, restrict, (store) =>
    withdrawRecording({ ...service.context, store }, CALLER, ref),
  );
  await expect(withdrawal).rejects.toMatchObject({ code: 'recording-restricted' });
  expect(await readRecording(service.context, ref)).toMatchObject({ state: 'stored', restricted: true });
});

test('a withdrawal that another one overtakes before its deletion intent has the other’s receipt', async () => {
  const ref = await service.record();
  let other: unknown;
  const moment = { when: 'before', call: 'put', keys: /\/deleting$/ } as const;
  const overtake = async () => {
    other = await withdraw(ref);
  };
  const receipt = await meanwhile(service.store, moment, overtake, (store) => withdraw(ref, store));
  expect(receipt).toEqual(other);
  expect([...(await service.keys('attempts/')), ...(await service.keys('participants/'))]).toEqual([]);
});
