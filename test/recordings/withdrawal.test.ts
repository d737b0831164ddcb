// Consent withdrawn in the middle of an exam: the upload ends on every replica, and nothing of it comes back (policy 9.2).
import { beforeEach, describe, expect, test } from '@jest/globals';
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { Manifest } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/durations.ts';
import { ServiceError } from '../../src/domain/errors.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { openContent } from '../../src/recordings/content.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { eraseParticipant } from '../../src/recordings/erase-participant.ts';
import { listUploadedParts, presignParts } from '../../src/recordings/upload.ts';
import { expectNothingLeft } from '../http/expectations.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

const PART = { partNumber: 1, sizeBytes: 1000 };
const DELETED = { code: 'recording-deleted', data: { receipt: { reason: 'consent-withdrawn' } } };
let service: TestService;
/** The same store and clock, and a memory of its own. */
let replica: RecordingsContext;

beforeEach(() => {
  service = startTestService();
  const memory = { max: 100, ttlResolution: 0, perf: service.clock };
  replica = {
    ...service.context,
    manifests: new LRUCache<string, Manifest>({ ...memory, ttl: MINUTE_MS }),
    takingParts: new LRUCache<string, Promise<Manifest>>({ ...memory, ttl: SECOND_MS }),
  };
});

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
    service.clock.advance(SECOND_MS + 1);
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
    service.clock.advance(SECOND_MS + 1);
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
  service.clock.advance(SECOND_MS + 1);
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

/** RACES=1000 for more. */
const ROUNDS = Number(process.env.RACES ?? 100);
/** Races under way at once: they delay each other. */
const CONCURRENCY = 8;
/** The longest head start, in calls to the store: a complete takes nine. */
const MOST_CALLS_AHEAD = 12;

test(`an erasure and a complete that race ${ROUNDS} times, in every order of store calls, leave nothing behind`, async () => {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  const outcomes = new Set(await pMap(rounds, race, { concurrency: CONCURRENCY }));
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
  expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  expect(await service.keys('receipts/')).toHaveLength(ROUNDS);
  // Some completes came first, and some were overtaken: it was a race.
  expect([...outcomes].toSorted()).toEqual(['recording-deleted', 'stored']);

  // What is left in the index leads nowhere, and the sweep clears it away.
  service.clock.advance(31 * DAY_MS + HOUR_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 0 } });
  expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0, receipts: ROUNDS });
});

async function race(round: number): Promise<string> {
  const who = { tenant: 'acme', participant: `p${round}` };
  const ref = await service.begin({ attempt: `a${round}` }, who.participant);
  await uploadParts(service.context, ref, [webm]);
  const calls = round % (MOST_CALLS_AHEAD + 1);
  const eraseIsFirst = round % 2 === 0;
  const completing = after(eraseIsFirst ? calls : 0, () => completeRecording(service.context, ref, {})).then(
    ({ state }) => state,
    (error: unknown) => {
      if (error instanceof ServiceError) return error.code;
      throw error;
    },
  );
  const erasing = after<unknown>(eraseIsFirst ? 0 : calls, () =>
    round % 3 === 0 ? withdraw(ref) : eraseParticipant(service.context, CALLER, who, 'erasure'),
  );
  const [outcome] = await Promise.all([completing, erasing]);
  return outcome;
}

/** Acts when so many calls to the store have been answered. */
async function after<T>(calls: number, act: () => Promise<T>): Promise<T> {
  for (let call = 0; call < calls; call += 1) await service.store.list('receipts/', { limit: 1 });
  return act();
}

async function* filled(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < sizeBytes; sent += MIB) yield new Uint8Array(MIB);
}
