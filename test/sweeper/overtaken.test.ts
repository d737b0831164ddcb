// Orders of events: what is overtaken, or dies, in the middle, and what must hold then. The simulator found most of them
// (CHANGELOG has the seeds).
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { abortRecording, discardRecording } from '../../src/recordings/delete.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { presignParts } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { failing, intercepting, keeping, type Moment, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { assessedKey, attemptPrefix, participantKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { CALLER, uploadParts } from '../kit/service.ts';
import { BEGINNING } from '../simulation/plan.ts';
import { type RetentionService, startRetention } from './support.ts';

const MANIFESTS = /\/recording\.json$/;
const CLAIMS = 'due/19700101T000000000Z/attempt/';
const ATTEMPT = { tenant: 'acme', exam: 'math', attempt: 'a1' };
const CRASHED = { storeCode: 'InternalError' };

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const fixOn = (store: ObjectStore) => service.verifyOn(store, { fix: true });
const later = () => service.clock.advance(2 * HOUR_MS);

/** A sweep, or another act, during which something else happens. */
const overtaken = (
  moment: Moment,
  other: () => unknown,
  act: (store: ObjectStore) => Promise<unknown> = service.sweepOn,
) => meanwhile(service.store, moment, other, act);

async function partsOf(ref: RecordingRef) {
  const [upload] = await service.openUploads();
  const parts = (await service.store.listParts(recordingKey(ref, 'media'), upload?.uploadId ?? '')) ?? [];
  return parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

describe('nothing is left of', () => {
  afterEach(async () => {
    expect(await service.openUploads()).toEqual([]);
    const left = [...(await service.keys('attempts/')), ...(await service.keys('participants/'))];
    expect(left.filter((key) => !key.includes('/assessed/'))).toEqual([]);
  });

  test('an upload that was given up empty, when the store refuses to delete its participant index entry', async () => {
    const ref = await service.begin();
    const refusing = keeping(service.store, 'participants/');
    const aborting = abortRecording({ ...service.context, store: refusing }, CALLER, ref);
    await expect(aborting).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    later();
    await service.sweep();
    expect(await service.kinds()).toEqual([]);
  });

  test('an upload that a sweep has listed, when its purge fails at its end, and an assessment comes', async () => {
    const ref = await service.uploaded();
    service.clock.advance(31 * DAY_MS);
    await overtaken({ when: 'before', call: 'list', keys: 'attempts/' }, async () => {
      await service.sweepOn(keeping(service.store, MANIFESTS));
      await service.assess(ref);
    });
  });

  test('what was young when a sweep began, and is not when the sweep comes to it', async () => {
    const ref = await service.record();
    await service.erase(ref);
    await service.put(recordingKey(ref, 'stored'));
    await overtaken({ when: 'before', call: 'list', keys: 'attempts/' }, later);
  });

  test.each([
    ['media that are completed', { when: 'after', call: 'completeMultipartUpload' }],
    ['the mark of a completion', { when: 'before', call: 'tag' }],
  ] as const)('%s while a deletion comes to its end', async (_, moment) => {
    const ref = await service.uploaded();
    const gone = [recordingKey(ref, 'manifest'), participantKey('p1', ref)];
    if (moment.call === 'tag') gone.push(recordingKey(ref, 'media'));
    const complete = (store: ObjectStore) => service.complete(ref, store);
    const completing = overtaken(moment, () => service.remove(...gone), complete);
    await expect(completing).rejects.toMatchObject({ code: 'recording-not-found' });
  });

  test('an upload that is begun, and to be deleted, after a sweep has listed the uploads', async () => {
    await overtaken({ when: 'after', call: 'listMultipartUploads' }, async () => {
      const ref = await service.uploaded();
      await service.put(recordingKey(ref, 'deleting'), '{}');
      await service.makeDue(ref);
    });
  });

  test('a salvage that an erasure overtakes', async () => {
    const ref = await service.uploaded();
    service.clock.advance(2 * DAY_MS);
    const moment = { when: 'before', call: 'put', keys: recordingKey(ref, 'truncated') } as const;
    await overtaken(moment, () => service.erase(ref));
  });

  test('a marker that a repair writes while its recording is erased', async () => {
    const ref = await service.record();
    const keys = participantKey('p1', ref);
    await service.after(2 * HOUR_MS).remove(keys);
    await overtaken({ when: 'before', call: 'put', keys }, () => service.erase(ref), fixOn);
  });

  test.each([
    ['stored', 'when a sweep could already delete it', HOUR_MS],
    ['stored', 'an hour before a sweep could delete it', -HOUR_MS],
  ] as const)(
    'a completion that a sweep overtook, and that died then: `%s` is there for one more sweep only (begun %s)',
    async (object, _, afterMs) => {
      const ref = await service.uploaded();
      service.clock.advance(29 * DAY_MS + afterMs);
      const store = replacing(service.store, 'put', recordingKey(ref, object), async (go) => {
        if (afterMs < 0) service.clock.advance(HOUR_MS);
        await service.sweep();
        await go();
        throw new StoreError('unavailable', 'PutObject', 'InternalError');
      });
      await expect(service.complete(ref, store)).rejects.toMatchObject(CRASHED);
      expect(await service.keys('attempts/')).toEqual([recordingKey(ref, object)]);
      await service.after(2 * HOUR_MS).sweep();
    },
  );

  test('a timeline that comes after the marker, when a sweep could already delete the recording', async () => {
    const ref = await service.record();
    service.clock.advance(29 * DAY_MS + HOUR_MS);
    const store = replacing(service.store, 'put', recordingKey(ref, 'timeline'), async (go) => {
      await service.sweep();
      await go();
      throw new StoreError('unavailable', 'PutObject', 'InternalError');
    });
    const at = '2026-01-01T00:00:00Z';
    const timeline = { startedAt: at, endedAt: at, gaps: [] };
    await expect(service.complete(ref, store, { timeline })).rejects.toMatchObject(CRASHED);
    expect(await service.keys('attempts/')).toEqual([recordingKey(ref, 'timeline')]);
    await service.after(2 * HOUR_MS).sweep();
  });
});

test('a completion that died before its tags writes them when it is repeated', async () => {
  const ref = await service.uploaded();
  await expect(service.complete(ref, failing(service.store, 'tag'))).rejects.toMatchObject(CRASHED);
  const { deleteBy } = await service.complete(ref);
  expect(await service.store.tags(recordingKey(ref, 'media'))).toEqual({ 'delete-by': deleteBy });
});

describe('a purge that failed at its end', () => {
  test('keeps `deleting` for as long as the manifest: there is no way back', async () => {
    const ref = await service.record();
    const erasing = service.erase(ref, keeping(service.store, MANIFESTS));
    await expect(erasing).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    expect(await service.keys(recordingKey(ref, 'deleting'))).toHaveLength(1);
    await expect(service.stateOf(ref)).rejects.toMatchObject({ code: 'recording-deleted' });
  });

  test('is finished, though an assessment came that would keep the recording longer, and gets no marker again', async () => {
    const ref = await service.record();
    // Within DELETE_LEAD: past the deadline the assessment itself would delete it.
    service.clock.advance(30 * DAY_MS - HOUR_MS);
    const report = await service.sweepOn(keeping(service.store, MANIFESTS));
    expect(report).toMatchObject({ failed: 1, overdue: 0, deleted: { recordings: 1 } });
    expect(await service.keys('participants/')).toEqual([]);
    expect(await service.kinds()).not.toContain('marker-missing');
    await service.assess(ref);
    const unread = await service.sweepOn(failing(service.store, 'get', 'receipts/'));
    expect(unread).toMatchObject({ failed: 1, deleted: { recordings: 0 } });
    const finished = await service.sweep();
    expect(finished).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 0 }, provenBefore: 1 });
    expect(await service.objectsOf(ref)).toEqual([]);
  });
});

describe('stored means found whole', () => {
  test('what a crash left between the completion and the look at the first bytes is settled by the next reader', async () => {
    const ref = await service.uploaded();
    await expect(service.complete(ref, failing(service.store, 'getStart'))).rejects.toMatchObject(CRASHED);
    expect(await readRecording(service.context, ref)).toMatchObject({ state: 'stored', sizeBytes: webm.length });
    expect((await presignPlayback(service.context, CALLER, ref)).url).toMatch(/^http/);
  });

  test('a client that comes back to an upload that was completed without its last part is answered with what is missing', async () => {
    const ref = await service.uploaded([Buffer.concat([webm, Buffer.alloc(5 * MIB - webm.length)])]);
    const parts = await partsOf(ref);
    expect((await service.after(3 * HOUR_MS).sweep()).salvaged).toBe(1);
    const claimed = { parts: [...parts, { partNumber: 2, etag: '"e"' }] };
    const missing = { code: 'parts-missing', data: { partNumbers: [2] } };
    await expect(service.complete(ref, service.store, claimed)).rejects.toMatchObject(missing);
    expect(await service.complete(ref, service.store, { parts })).toMatchObject({ truncated: true });
  });

  test('a completion that a shorter one overtook is not answered as if all its parts were stored', async () => {
    const ref = await service.uploaded();
    const late = { partNumber: 2, etag: '"late"' };
    const shorter = overriding(service.store, {
      async listParts(key, uploadId) {
        const [first] = (await service.store.listParts(key, uploadId)) ?? [];
        return first && [{ ...first, sizeBytes: 5 * MIB }].concat({ ...first, ...late });
      },
      async completeMultipartUpload(key, uploadId, parts) {
        await service.store.completeMultipartUpload(key, uploadId, parts.slice(0, 1));
        return false;
      },
    });
    const stored = await partsOf(ref);
    const completing = service.complete(ref, shorter, { parts: [...stored, late] });
    await expect(completing).rejects.toMatchObject({ code: 'parts-mismatch', data: { partNumbers: [2] } });
    expect(await service.complete(ref, service.store, { parts: stored })).toMatchObject({ state: 'stored' });
  });
});

test('the manifest of a creation is sent once: a repeated PUT would bring back what was deleted in between', async () => {
  const sent: unknown[] = [];
  const store = intercepting(service.store, (call, args, go) => {
    if (call === 'put' && MANIFESTS.test(String(args[0]))) sent.push(args[2]);
    return go();
  });
  const input = { ...BEGINNING, participantId: 'p1', parts: 0 };
  await createRecording({ ...service.context, store }, CALLER, ATTEMPT, input);
  expect(sent).toMatchObject([{ once: true }]);
});

describe('a part that arrives', () => {
  const upload = (ref: RecordingRef) => uploadParts(service.context, ref, [webm]);

  test('while an empty recording is erased, and discarded by another request, has a receipt', async () => {
    const ref = await service.begin();
    const intent = recordingKey(ref, 'deleting');
    const [asked, mayWrite, written, mayGoOn] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const slow = replacing(service.store, 'put', intent, async (go) => {
      asked?.resolve();
      await mayWrite?.promise;
      await go();
      written?.resolve();
      await mayGoOn?.promise;
    });
    const discarding = discardRecording({ ...service.context, store: slow }, ref, { actor: 'service' });
    const discarded = discarding.catch((error: unknown) => error);
    await asked?.promise;
    // Its intent says that there is something to prove; the other one, which is written after it, does not.
    const overwritten = replacing(service.store, 'put', intent, async (go) => {
      await go();
      mayWrite?.resolve();
      await written?.promise;
    });
    const moment = { when: 'after', call: 'listParts', keys: recordingKey(ref, 'media') } as const;
    const receipt = await meanwhile(
      overwritten,
      moment,
      () => upload(ref),
      (store) => service.erase(ref, store),
    );
    mayGoOn?.resolve();
    await discarded;
    expect(receipt).toMatchObject({ reason: 'erasure' });
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'erasure' });
  });

  test('while an abort finds the recording empty has a receipt, and an audit event', async () => {
    const ref = await service.begin();
    const moment = { when: 'after', call: 'listParts', keys: recordingKey(ref, 'media') } as const;
    const abort = (store: ObjectStore) => abortRecording({ ...service.context, store }, CALLER, ref);
    await meanwhile(service.store, moment, () => upload(ref), abort);
    const receipt = await service.receiptOf(ref);
    expect(receipt).toMatchObject({ reason: 'aborted' });
    expect(receipt?.bytes).toBeGreaterThan(webm.length);
    expect(service.audited).toMatchObject([{ event: 'aborted' }]);
  });

  test('and is aborted is counted', async () => {
    const ref = await service.uploaded();
    await abortRecording(service.context, CALLER, ref);
    expect((await service.receiptOf(ref))?.bytes).toBeGreaterThan(webm.length);
  });

  test('and is completed, while a creation discards the recording as an empty try, is kept', async () => {
    const create = (store: ObjectStore) =>
      createRecording({ ...service.context, store }, CALLER, ATTEMPT, {
        ...BEGINNING,
        participantId: 'p1',
        idempotencyKey: 'k1',
        parts: 0,
      });
    const { recording } = await create(service.store);
    const ref = { ...ATTEMPT, recording: recording.recordingId };
    // A restore gives the manifest another date.
    service.clock.advance(20 * MINUTE_MS);
    const manifest = recordingKey(ref, 'manifest');
    await service.put(manifest, (await service.store.get(manifest)) ?? '');
    const moment = { when: 'after', call: 'listParts', keys: recordingKey(ref, 'media') } as const;
    const complete = async () => {
      await upload(ref);
      await service.complete(ref);
    };
    const repeated = meanwhile(service.store, moment, complete, create);
    await expect(repeated).rejects.toMatchObject({ code: 'recording-being-created' });
    expect(await service.stateOf(ref)).toBe('stored');
    expect((await create(service.store)).recording).toMatchObject({ recordingId: ref.recording, state: 'stored' });
  });

  test('and is completed, while a creation that took too long discards its recording, is kept', async () => {
    let manifest = '';
    const slow = intercepting(service.store, (call, args, go) => {
      if (call === 'put' && MANIFESTS.test(String(args[0]))) {
        manifest = String(args[0]);
        service.clock.advance(3 * MINUTE_MS);
      }
      return go();
    });
    const ref = () => ({ ...ATTEMPT, recording: manifest.split('/').at(-2) ?? '' });
    const complete = async () => {
      await upload(ref());
      await service.complete(ref());
    };
    const create = (store: ObjectStore) =>
      createRecording({ ...service.context, store }, CALLER, ATTEMPT, { ...BEGINNING, participantId: 'p1', parts: 0 });
    const created = meanwhile(slow, { when: 'after', call: 'listParts', keys: /\/media$/ }, complete, create);
    await expect(created).rejects.toMatchObject({ code: 'recording-being-created' });
    expect(await service.stateOf(ref())).toBe('stored');
  });
});

test('a sweep that was suspended proves no deletion again whose receipt has expired since', async () => {
  await service.record();
  await service.after(31 * DAY_MS).sweepOn(keeping(service.store, MANIFESTS));
  await overtaken({ when: 'after', call: 'get', keys: MANIFESTS }, async () => {
    await service.sweep();
    await service.after(400 * DAY_MS).sweep();
  });
  expect(await service.keys('receipts/')).toEqual([]);
  expect((await service.keys('due/')).filter((key) => key.includes('/receipts/'))).toEqual([]);
});

test('a completion that an assessment overtakes tags the media by that assessment', async () => {
  const ref = await service.uploaded();
  await overtaken(
    { when: 'before', call: 'tag' },
    () => service.put(assessedKey(ref, service.clock.now() - HOUR_MS)),
    (store) => service.complete(ref, store),
  );
  const tags = await service.store.tags(recordingKey(ref, 'media'));
  expect(tags).toMatchObject({ 'assessment-completed-at': toIso(service.clock.now() - HOUR_MS) });
});

describe('a proof', () => {
  async function diedBeforeItsReceipt(): Promise<RecordingRef> {
    const ref = await service.record();
    const erasing = service.erase(ref, failing(service.store, 'put', 'receipts/'));
    await expect(erasing).rejects.toMatchObject(CRASHED);
    await expect(service.stateOf(ref)).rejects.toMatchObject({ code: 'recording-deleted' });
    return ref;
  }

  test('that a later run wrote outlives the index of the run that died before it', async () => {
    const ref = await diedBeforeItsReceipt();
    await service.after(10 * DAY_MS).sweep();
    expect(await service.receiptOf(ref)).toBeDefined();
    expect(await service.after(356 * DAY_MS).sweep()).toMatchObject({ failed: 0, receiptsExpired: 0 });
    expect(await service.receiptOf(ref)).toBeDefined();
    expect(await service.after(10 * DAY_MS).sweep()).toMatchObject({ failed: 0, receiptsExpired: 1 });
    expect(await service.keys('receipts/')).toEqual([]);
  });

  test('that another sweep is about to write does not expire with its index', async () => {
    const ref = await diedBeforeItsReceipt();
    service.clock.advance(366 * DAY_MS);
    const moment = { when: 'after', call: 'get', keys: receiptKey(ref) } as const;
    await meanwhile(failing(service.store, 'get', MANIFESTS), moment, () => service.sweep(), service.sweepOn);
    expect(await service.receiptOf(ref)).toBeDefined();
  });

  test('is left as it is by a sweep that another, which wrote it, overtook', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const proofs = async () => [...(await service.keys('receipts/')), ...(await service.keys('due/'))];
    let written: string[] = [];
    const other = async () => {
      await service.sweep();
      written = await proofs();
    };
    const moment = { when: 'before', call: 'delete', keys: recordingKey(ref, 'media') } as const;
    const nothing = { recordings: 0, objects: 0, versions: 0, bytes: 0 };
    const overtakenOne = await overtaken(moment, other);
    expect(overtakenOne).toMatchObject({ due: 1, failed: 0, late: 0, deleted: nothing, provenBefore: 1 });
    expect(written).toHaveLength(2);
    expect(await proofs()).toEqual(written);
    expect(await service.kinds()).toEqual([]);
  });

  test.each([
    ['', later],
    [', though the clock was set back meanwhile', () => holdMonotonicClock().advance(2 * HOUR_MS)],
  ])('is not written from a listing that is hours old%s', async (_, pass) => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const report = await overtaken({ when: 'after', call: 'list', keys: attemptPrefix(ref) }, pass);
    expect(report).toMatchObject({ problems: [{ code: 'overtaken' }] });
    expect(await service.receiptOf(ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    expect(await service.receiptOf(ref)).toBeDefined();
  });
});

describe('verify', () => {
  test.each([
    ['an attempt is deleted', { when: 'before', call: 'list', keys: 'due/', nth: 2 }],
    ['the recording of a marker is deleted', { when: 'after', call: 'list', keys: 'participants/', nth: 2 }],
  ] as const)('reports nothing when meanwhile %s', async (_, moment) => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const other = async () => {
      await service.erase(ref);
      await service.remove(...(await service.due('attempt')));
    };
    const report = await overtaken(moment, other, service.verifyOn);
    expect(report).toMatchObject({ wrong: 0, findings: [], recordings: 1, receipts: 1 });
  });

  test('gives no marker back to what is being deleted meanwhile', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const marker = participantKey('p1', ref);
    const erasing = async () => {
      await service.put(recordingKey(ref, 'deleting'), '{}');
      await service.remove(marker);
    };
    const moment = { when: 'before', call: 'list', keys: 'participants/' } as const;
    expect(await overtaken(moment, erasing, fixOn)).toMatchObject({ wrong: 0 });
    expect(await service.keys('participants/')).toEqual([]);
  });

  test('does not overwrite the tags of an assessment that came meanwhile', async () => {
    const ref = await service.record();
    const media = recordingKey(ref, 'media');
    service.clock.advance(2 * HOUR_MS);
    await service.store.tag(media, { 'delete-by': 'never' });
    let rounds = 0;
    const late = replacing(service.store, 'tags', '', async (go) => {
      rounds += 1;
      // A repair has two rounds: the second would put right what the first overwrote.
      if (rounds !== 2) return go();
      await service.assess(ref);
      return { 'delete-by': 'never' };
    });
    await fixOn(late);
    expect(rounds).toBe(3);
    expect(await service.store.tags(media)).toHaveProperty('assessment-completed-at');
  });

  test('names no receipt in a new index that expired with its old one meanwhile', async () => {
    const ref = await service.record();
    await service.erase(ref);
    service.clock.advance(2 * HOUR_MS);
    const expire = async () => service.remove(receiptKey(ref), ...(await service.due('receipts')));
    await overtaken({ when: 'after', call: 'list', keys: 'receipts/' }, expire, fixOn);
    expect(await service.due('receipts')).toEqual([]);
  });
});

test('a timeline that arrives after a sweep has deleted its recording is gone before the deadline', async () => {
  service = startRetention({ policy: { afterAssessmentMs: 7 * DAY_MS } });
  const ref = await service.begin();
  await service.after(HOUR_MS).assess(ref);
  await service.after(2 * HOUR_MS).sweep();
  // A sweep may delete it six days after the assessment.
  service.clock.advance(6 * DAY_MS - 2 * HOUR_MS - 20 * MINUTE_MS);
  await presignParts(service.context, ref, [{ partNumber: 1, sizeBytes: webm.length }]);
  await uploadParts(service.context, ref, [webm]);
  service.clock.advance(30 * MINUTE_MS);
  const timeline = { startedAt: toIso(service.clock.now()), endedAt: toIso(service.clock.now()), gaps: [] };
  const dying = (store: ObjectStore) => failing(store, 'list', attemptPrefix(ref));
  const complete = (store: ObjectStore) => service.complete(ref, dying(store), { timeline });
  const completing = overtaken(
    { when: 'before', call: 'put', keys: recordingKey(ref, 'timeline') },
    service.sweep,
    complete,
  );
  await expect(completing).rejects.toMatchObject(CRASHED);
  expect(await service.objectsOf(ref)).toEqual([recordingKey(ref, 'timeline')]);
  await service.after(3 * HOUR_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
});

test('a recording that a suspended sweep completes after it was deleted leaves no marker', async () => {
  const ref = await service.uploaded();
  service.clock.advance(3 * DAY_MS);
  const deleteIt = async () => {
    await service.erase(ref);
    // The queue leads there no more.
    await service.after(3 * HOUR_MS).sweep();
    await service.after(3 * HOUR_MS).sweep();
  };
  await overtaken({ when: 'before', call: 'put', keys: recordingKey(ref, 'stored') }, deleteIt);
  expect(await service.objectsOf(ref)).toEqual([]);
});

test('a creation whose claim is on its way while an attempt is assessed does not end in an expired recording', async () => {
  service = startRetention({ policy: { afterAssessmentMs: 7 * DAY_MS } });
  const first = await service.record();
  service.clock.advance(10 * DAY_MS);
  const assess = () => service.assess(first, service.clock.now() - 8 * DAY_MS, [first.recording]);
  const create = (store: ObjectStore) =>
    createRecording({ ...service.context, store }, CALLER, first, { ...BEGINNING, participantId: 'p1', parts: 0 });
  const creating = overtaken({ when: 'before', call: 'put', keys: CLAIMS }, assess, create);
  await expect(creating).rejects.toMatchObject({ code: 'recording-being-created' });
  await expect(create(service.store)).rejects.toMatchObject({ code: 'attempt-assessed' });
});

test('a recording with a part counts, whatever date a restore has given its manifest', async () => {
  const create = (participantId: string, idempotencyKey: string) =>
    createRecording(service.context, CALLER, ATTEMPT, {
      ...BEGINNING,
      participantId,
      idempotencyKey,
      parts: 0,
      isOfOneParticipant: true,
    });
  const { recording } = await create('p1', 'k1');
  const ref = { ...ATTEMPT, recording: recording.recordingId };
  await uploadParts(service.context, ref, [webm]);
  service.clock.advance(20 * MINUTE_MS);
  await service.put(recordingKey(ref, 'manifest'), (await service.store.get(recordingKey(ref, 'manifest'))) ?? '');
  service.clock.advance(4 * MINUTE_MS);
  await expect(create('p2', 'k2')).rejects.toMatchObject({ code: 'attempt-of-another-participant' });
  expect((await create('p1', 'k1')).recording).toMatchObject({ recordingId: ref.recording });
});

test('an index entry that takes effect after its creation has taken everything back is swept', async () => {
  await service.put(`${CLAIMS}acme/math/a1/assessing-abcdefgh`);
  let arrive: (() => Promise<unknown>) | undefined;
  const losing = replacing(service.store, 'put', 'participants/', (go) => {
    if (arrive) return go();
    arrive = go;
    return Promise.reject(new StoreError('unavailable', 'PutObject', 'ECONNRESET'));
  });
  const input = { ...BEGINNING, participantId: 'p1', parts: 0 };
  const creating = createRecording({ ...service.context, store: losing }, CALLER, ATTEMPT, input);
  await expect(creating).rejects.toMatchObject({ code: 'recording-being-created' });
  await arrive?.();
  expect(await service.keys('participants/')).toHaveLength(1);
  await service.after(3 * HOUR_MS).sweep();
  expect(await service.keys('participants/')).toEqual([]);
});
