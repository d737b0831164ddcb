// Moments and answers that are rare: the last second before a deadline, a damaged document, a store that fails in between.
import { beforeEach, expect, test } from '@jest/globals';
import { DAY_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { readAccessLog } from '../../src/recordings/access-log.ts';
import { eraseParticipant } from '../../src/recordings/erase-participant.ts';
import { exportDocument } from '../../src/recordings/export.ts';
import { listRecordings } from '../../src/recordings/list.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { openProxiedUpload } from '../../src/recordings/proxied-upload.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { failing, keeping, meanwhile, overriding } from '../kit/interventions.ts';
import { auditKey, participantKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

const CALLER = { tenant: 'acme', actor: 'desk', requestId: 'r1' };
const HOLDER = { tenant: 'acme', caller: 'desk' };

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

test('a link that could live for less than a second is refused as expired, and the refusal is audited', async () => {
  const ref = await service.record();
  const { deleteBy } = await readRecording(service.context, ref);
  service.clock.advance(Date.parse(deleteBy) - service.clock.now() - 1);
  await expect(presignPlayback(service.context, CALLER, ref)).rejects.toMatchObject({ code: 'recording-expired' });
  const audited = await service.keys('audit/');
  expect(audited.filter((key) => key.includes('link-refused'))).toHaveLength(1);
});

test('a proxied upload that the store fails is no upload that was ended', async () => {
  const ref = await service.begin();
  const store = failing(service.store, 'uploadPart', '', 'SlowDown');
  const upload = await openProxiedUpload({ ...service.context, store }, ref, HOLDER);
  async function* file() {
    yield webm;
  }
  await expect(upload.write(file())).rejects.toMatchObject({ storeCode: 'SlowDown' });
});

test('a proxied upload holds no more memory than one request can bring, whatever part size is stored', async () => {
  service = startRetention({ uploads: { maxContentBytes: 6 * MIB } });
  const ref = await service.begin();
  const key = recordingKey(ref, 'manifest');
  const manifest = (await service.readJson(key)) as object;
  const { buffers } = service.context.proxiedUploads;
  const taken: number[] = [];
  const take = buffers.take.bind(buffers);
  buffers.take = (sizeBytes, holder) => {
    taken.push(sizeBytes);
    return take(sizeBytes, holder);
  };
  async function* file() {
    yield webm;
  }
  await service.put(key, JSON.stringify({ ...manifest, partSizeBytes: 5 * 1024 * MIB }));
  service.context.manifestCache.clear();
  const upload = await openProxiedUpload(service.context, ref, HOLDER);
  await upload.write(file());
  expect(await upload.complete()).toMatchObject({ state: 'stored', sizeBytes: webm.length });
  expect(taken).toEqual([6 * MIB]);

  const other = await service.begin({ attempt: 'a2' });
  await service.put(recordingKey(other, 'manifest'), JSON.stringify({ ...manifest, partSizeBytes: 1e12 }));
  service.context.manifestCache.clear();
  await expect(openProxiedUpload(service.context, other, HOLDER)).rejects.toMatchObject({
    code: 'recording-unreadable',
  });
});

test('a timeline that cannot be read is shown as none, and a receipt that cannot be read proves nothing', async () => {
  const ref = await service.record();
  await service.put(recordingKey(ref, 'timeline'), '{');
  expect(await readRecording(service.context, ref)).toMatchObject({ state: 'stored', timeline: null });
  await service.erase(ref);
  await service.put(receiptKey(ref), '{');
  await expect(readRecording(service.context, ref)).rejects.toMatchObject({ code: 'recording-unreadable' });
});

test('a document that is too large to be read stands in the way of nothing but its own recording', async () => {
  const tooLarge = Buffer.alloc(MAX_SMALL_OBJECT_BYTES + 1, ' ');
  const ref = await service.record();
  const other = await service.record();
  await service.put(recordingKey(ref, 'manifest'), tooLarge);
  service.context.manifestCache.clear();
  await service.assess(ref);
  const { tenant, exam, attempt } = ref;
  await service.put(auditKey(service.clock.now(), { tenant, exam, attempt }, 'assessed', 'x'), tooLarge);

  await expect(readRecording(service.context, ref)).rejects.toMatchObject({ code: 'recording-unreadable' });
  const { items } = await listRecordings(service.context, { tenant, exam }, { limit: 50 });
  expect(items.map(({ recordingId }) => recordingId)).toContain(other.recording);
  const log = await readAccessLog(service.context, other, { limit: 50 });
  expect(log.items.map(({ event }) => event)).toEqual(['assessed']);
  const exported = exportDocument(service.context, CALLER, { tenant, participant: 'p1' }, { includeRestricted: false });
  expect((await Array.fromAsync(exported)).join('')).toContain(other.recording);

  await service.after(30 * DAY_MS).sweep();
  // As of a torn one, whose upload is not known: the manifest is left for a person.
  expect(await service.objectsOf(ref)).toEqual([recordingKey(ref, 'manifest')]);
  expect(await service.objectsOf(other)).toEqual([]);
});

test('an index entry of a recording that never was is removed by an erasure, and is no failure', async () => {
  const ref = await service.record();
  const never: RecordingRef = { ...ref, attempt: 'a9' };
  const key = participantKey('p1', never);
  await service.put(key);
  const { receipts } = await eraseParticipant(
    service.context,
    CALLER,
    { tenant: 'acme', participant: 'p1' },
    'erasure',
  );
  expect(receipts.map(({ recordingId, attemptId }) => [recordingId, attemptId])).toEqual([
    [ref.recording, ref.attempt],
  ]);
  expect(await service.keys('participants/')).toEqual([]);
});

test('an index entry of a recording that never was, and that the store keeps, leaves the erasure incomplete', async () => {
  const never: RecordingRef = { ...(await service.begin()), attempt: 'a9' };
  const key = participantKey('p1', never);
  await service.put(key);
  const context = { ...service.context, store: keeping(service.store, key) };
  const erasure = eraseParticipant(context, CALLER, { tenant: 'acme', participant: 'p1' }, 'erasure');
  const failed = [{ examId: 'math', attemptId: 'a9', recordingId: never.recording, code: 'AccessDenied' }];
  await expect(erasure).rejects.toMatchObject({ code: 'erasure-incomplete', data: { failed } });
});

test('a restriction whose response fails is there all the same, and a second one keeps the first reason', async () => {
  const ref = await service.record();
  let isMarked = false;
  const store = overriding(service.store, {
    async put(...args) {
      isMarked ||= String(args[0]).includes('/restricted');
      return service.store.put(...args);
    },
    async list(...args) {
      if (isMarked) throw new StoreError('unavailable', 'ListObjectsV2', 'SlowDown');
      return service.store.list(...args);
    },
  });
  const first = restrictRecording({ ...service.context, store }, CALLER, ref, 'a dispute');
  await expect(first).rejects.toMatchObject({ storeCode: 'SlowDown' });
  expect(await restrictRecording(service.context, CALLER, ref, 'another')).toMatchObject({ restricted: true });
  expect(await service.readJson(recordingKey(ref, 'restricted'))).toMatchObject({ reason: 'a dispute' });
});

test('of two erasures at once, the one that finds nothing left returns the receipt of the other', async () => {
  const ref = await service.record();
  const secondListing = { when: 'before', call: 'list', keys: /^attempts\//, nth: 2 } as const;
  let first: unknown;
  const erased = await meanwhile(
    service.store,
    secondListing,
    async () => {
      first = await service.erase(ref);
    },
    (store) => service.erase(ref, store),
  );
  expect(erased).toEqual(first);
  expect(await service.objectsOf(ref)).toEqual([]);
});
