// The bucket layer over many pages, and what it makes of documents and keys that it did not write.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type AuditPlace, readAuditEvents } from '../../src/bucket/audit-trail.ts';
import { idsOf } from '../../src/bucket/documents.ts';
import { endScratchUpload, readStoredReceipt, receiptRef } from '../../src/bucket/inventory.ts';
import {
  deletionEvent,
  dueSoonEvent,
  evidenceOf,
  listOutbox,
  readEvents,
  toOutboxBody,
} from '../../src/bucket/outbox.ts';
import { beganAtOf } from '../../src/bucket/receipts.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import { MAX_SMALL_OBJECT_BYTES } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { bucketOn } from '../kit/bucket.ts';
import { START_MS } from '../kit/clock.ts';
import { failing, overriding } from '../kit/interventions.ts';
import {
  auditKey,
  dueAttemptKey,
  dueReceiptsKey,
  outboxKey,
  participantKey,
  receiptKey,
  recordingKey,
} from '../kit/keys.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { bytes } from '../objectstore/object-store-contract.ts';

const refOf = (attempt: string): RecordingRef => {
  return { tenant: 'acme', exam: 'math', attempt, recording: newRecordingId(START_MS, randomBytes) };
};
const small = () => new MemoryStore({ now: () => START_MS, pageKeys: 2 });

describe('listings of many pages', () => {
  const refs = Array.from({ length: 5 }, (_, index) => refOf(`a${index}`));

  test('the recordings of a participant, from one on', async () => {
    const store = small();
    for (const ref of refs) await store.put(participantKey('p1', ref), new Uint8Array());
    await store.put('participants/acme/p1/strange', new Uint8Array());
    const bucket = bucketOn(store);
    const all = await Array.fromAsync(bucket.recordingsOf({ tenant: 'acme', participant: 'p1' }));
    expect(all.flat()).toEqual(refs);
    const after = bucket.recordingsOf({ tenant: 'acme', participant: 'p1' }, { after: refs[2], limit: 1 });
    expect((await Array.fromAsync(after)).flat()).toEqual(refs.slice(3));
  });

  test('the deletion queue, with keys that are not of this service', async () => {
    const store = small();
    for (const [index, ref] of refs.entries())
      await store.put(dueAttemptKey(START_MS + index, ref, 'u'), new Uint8Array());
    await store.put('due/0-strange', new Uint8Array());
    const entries = await Array.fromAsync(bucketOn(store).queue.entries());
    expect(entries.map(({ type }) => type)).toEqual(['unknown', ...refs.map(() => 'attempt')]);
    const later = await Array.fromAsync(bucketOn(store).queue.entries({ fromMs: START_MS + 3 }));
    expect(later.map(({ timeMs }) => timeMs)).toEqual([START_MS + 3, START_MS + 4]);
  });

  test('the outbox, of which no tenant hides the next', async () => {
    const store = small();
    const [ref] = [refOf('a1')];
    const body = toOutboxBody([dueSoonEvent(ref, START_MS, START_MS, START_MS)]);
    for (let index = 0; index < 7; index += 1) await store.put(outboxKey('acme', START_MS + index, `u${index}`), body);
    await store.put(outboxKey('beta', START_MS + DAY_MS, 'u'), body);
    await store.put('outbox/strange', body);
    const waiting = await listOutbox(store, 3);
    expect([...waiting].map(([tenant, own]) => [tenant, own.length])).toEqual([
      ['acme', 3],
      ['beta', 1],
    ]);
    expect(waiting.get('acme')?.[0]).toEqual({
      tenant: 'acme',
      key: outboxKey('acme', START_MS, 'u0'),
      writtenMs: START_MS,
    });
    // A key may have any time; the store's own is when it was written.
    expect(waiting.get('beta')?.[0]).toMatchObject({ writtenMs: START_MS });
  });

  test('the audit events of a recording, after one of them', async () => {
    const store = small();
    const ref = refOf('a1');
    const { tenant: tenantId, exam: examId, attempt: attemptId, recording: recordingId } = ref;
    const keys = Array.from({ length: 5 }, (_, index) => auditKey(START_MS + index, ref, 'link-issued', `u${index}`));
    for (const [index, key] of keys.entries()) {
      const at = new Date(START_MS + index).toISOString();
      const event = { at, tenantId, examId, attemptId, recordingId, event: 'link-issued', actor: 'r', requestId: 'x' };
      await store.put(key, bytes(index === 3 ? '{' : JSON.stringify(event)));
    }
    const attempt = { tenant: tenantId, exam: examId, attempt: attemptId };
    // Events of the whole attempt are among those of its recordings, in the order of time.
    const ofAttempt = auditKey(START_MS + 2, attempt, 'assessed', 'v0');
    const assessed = {
      at: toIso(START_MS + 2),
      tenantId,
      examId,
      attemptId,
      event: 'assessed',
      actor: 'r',
      requestId: 'x',
    };
    await store.put(ofAttempt, bytes(JSON.stringify(assessed)));
    // One that claims to be of a recording is none of the attempt.
    const forged = auditKey(START_MS + 2, attempt, 'assessed', 'v1');
    await store.put(forged, bytes(JSON.stringify({ ...assessed, recordingId })));
    const nameOf = (key: string | undefined) => key?.split('/').at(-1);
    const read = async (after?: AuditPlace) =>
      Array.fromAsync(readAuditEvents(store, ref, { fromMs: START_MS, toMs: START_MS, after }));
    const all = [keys[0], keys[1], ofAttempt, keys[2], keys[4]].map(nameOf);
    const places = await read();
    expect(places.map(({ name }) => name)).toEqual(all);
    expect((await read(places[1])).map(({ name }) => name)).toEqual(all.slice(2));
    expect((await read(places[2])).map(({ name }) => name)).toEqual(all.slice(3));
  });
});

test('whether the bucket keeps versions is read again after a failure, and then remembered', async () => {
  let fails = true;
  const store = overriding(small(), {
    async isVersioned() {
      if (fails) throw new StoreError('unavailable', 'GetBucketVersioning', 'InternalError');
      return false;
    },
  });
  const bucket = bucketOn(store);
  await expect(bucket.isVersioned()).rejects.toMatchObject({ storeCode: 'InternalError' });
  fails = false;
  expect(await bucket.isVersioned()).toBe(false);
  fails = true;
  expect(await bucket.isVersioned()).toBe(false);
});

describe('documents', () => {
  test.each([
    ['truncated', bytes('{')],
    ['of another shape', bytes('{}')],
    ['too large', Buffer.alloc(MAX_SMALL_OBJECT_BYTES + 1, ' ')],
  ])('that are %s are unreadable, wherever they are, and what is absent is undefined', async (_, body) => {
    const store = small();
    const bucket = bucketOn(store);
    const ref = refOf('a1');
    const index = dueReceiptsKey(START_MS, 'u');
    const overrides = 'due/overrides';
    const waiting = { tenant: 'acme', key: outboxKey('acme', START_MS, 'u'), writtenMs: START_MS };
    const read = () =>
      Promise.all([
        bucket.read(ref, 'manifest'),
        bucket.read(ref, 'deleting'),
        bucket.read(ref, 'restricted'),
        bucket.read(ref, 'timeline'),
        bucket.read(ref, 'stored'),
        bucket.readReceipt(ref),
        readStoredReceipt(store, ref),
        bucket.queue.readReceiptIndex(index),
        bucket.queue.readOverrides(overrides),
        readEvents(store, waiting),
      ]);
    expect(new Set(await read())).toEqual(new Set([undefined]));

    for (const object of ['manifest', 'deleting', 'restricted', 'timeline', 'stored'] as const)
      await store.put(recordingKey(ref, object), body);
    for (const key of [receiptKey(ref), index, overrides, waiting.key]) await store.put(key, body);
    expect(new Set(await read())).toEqual(new Set(['unreadable']));

    const at = toIso(START_MS);
    const counts = { objects: 0, versions: 0, bytes: 0 };
    const times = { deadline: at, deletedAt: at, verifiedAt: at };
    const deletion = {
      ...idsOf(ref),
      participantId: null,
      reason: 'erasure',
      actor: 'x',
      ...times,
      ...counts,
    } as const;
    expect(await evidenceOf({ store }, deletionEvent(deletion))).toBeUndefined();
    await store.put(auditKey(START_MS, ref, 'link-issued', 'u'), body);
    expect(await Array.fromAsync(readAuditEvents(store, ref, { fromMs: START_MS, toMs: START_MS }))).toEqual([]);
  });

  test('that the store does not give are no unreadable ones', async () => {
    const store = failing(small(), 'get', '', 'AccessDenied');
    await expect(bucketOn(store).readReceipt(refOf('a1'))).rejects.toMatchObject({ storeCode: 'AccessDenied' });
  });
});

test('only what a trial left is ended as such, and only a receipt has the recording of one', async () => {
  const store = small();
  const ref = refOf('a1');
  const uploadId = await store.createMultipartUpload(recordingKey(ref, 'media'));
  await endScratchUpload(store, { key: recordingKey(ref, 'media'), uploadId, initiatedMs: START_MS });
  expect(store.openUploads('')).toHaveLength(1);
  const scratch = 'doctor/x/media';
  const trial = await store.createMultipartUpload(scratch);
  await endScratchUpload(store, { key: scratch, uploadId: trial, initiatedMs: START_MS });
  expect(store.openUploads('')).toHaveLength(1);
  expect([receiptRef(receiptKey(ref)), receiptRef('receipts/x')]).toEqual([ref, undefined]);
  expect([beganAtOf('sweep-20260302T090000000Z-u'), beganAtOf('strange')]).toEqual([START_MS, undefined]);
});
