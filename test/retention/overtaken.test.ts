// Orders of events: what fails, dies or is overtaken in the middle, and what must hold then. The simulator found most of
// them (CHANGELOG has the seeds).
import { beforeEach, describe, expect, test } from '@jest/globals';
import { toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { dueReceiptsKey, participantKey, receiptKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { abortRecording, deleteRecording } from '../../src/recordings/delete.ts';
import { issuePlaybackLink } from '../../src/recordings/playback.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { verify } from '../../src/retention/verify.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { failing, keeping, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { due, ERASURE, remove } from './support.ts';

const MANIFESTS = /\/recording\.json$/;
const CRASHED = { storeCode: 'InternalError' };

let service: TestService;
beforeEach(() => {
  service = startTestService();
});

const sweepOn = (store: ObjectStore) => sweep({ ...service.sweepContext, store });
const fixOn = (store: ObjectStore) => verify({ ...service.sweepContext, store }, { fix: true });
const eraseOn = (store: ObjectStore, ref: RecordingRef) => deleteRecording({ ...service.context, store }, ref, ERASURE);
const erase = (ref: RecordingRef) => eraseOn(service.store, ref);
const assess = (ref: Omit<RecordingRef, 'recording'>) => assessAttempt(service.context, ref, service.clock.now());
const kinds = async () => (await service.verify()).kinds.map(({ kind }) => kind);

async function uploaded(parts: readonly Uint8Array[] = [webm]): Promise<RecordingRef> {
  const ref = await service.begin();
  await uploadParts(service.context, ref, parts);
  return ref;
}

async function partsOf(ref: RecordingRef) {
  const [upload] = (await service.store.listMultipartUploads('')).uploads;
  const parts = (await service.store.listParts(recordingKey(ref, 'media'), upload?.uploadId ?? '')) ?? [];
  return parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

async function recordMany(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await service.record({ attempt: `b${index}` });
}

describe('media go on time', () => {
  test.each(['get', 'abortMultipartUpload'] as const)('even when %s fails for ever', async (call) => {
    const ref = await service.record();
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn(failing(service.store, call));
    expect(report).toMatchObject({ failed: 1, problems: [{ code: 'InternalError' }] });
    expect(await service.keys(recordingKey(ref, 'media'))).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test('when one `deleting` of the attempt cannot be read', async () => {
    const first = await service.record();
    await service.record();
    await service.store.put(recordingKey(first, 'deleting'), Buffer.from('{}'));
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn(failing(service.store, 'get', /\/deleting$/));
    expect(report).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
  });

  test('when one key makes the store refuse a whole batch', async () => {
    const poisoned = await service.record();
    await recordMany(5);
    service.clock.advance(31 * DAY_MS);
    const report = await sweepOn(failing(service.store, 'delete', recordingKey(poisoned, 'media')));
    expect(report).toMatchObject({ due: 6, failed: 1, deleted: { recordings: 5 } });
    expect(await service.keys(recordingPrefix(poisoned))).not.toEqual([]);
    expect((await service.sweep()).deleted.recordings).toBe(1);
  });

  test('but a busy store is not asked again for each recording', async () => {
    await recordMany(5);
    service.clock.advance(31 * DAY_MS);
    let asked = 0;
    const busy = replacing(service.store, 'delete', '', () => {
      asked += 1;
      throw new StoreError('unavailable', 'DeleteObjects', 'SlowDown');
    });
    await sweepOn(busy);
    expect(asked).toBe(1);
  });
});

describe('an index entry goes only after what it leads to', () => {
  test('the entry of a fact that could not be deleted stays', async () => {
    await assess({ tenant: 'acme', exam: 'math', attempt: 'empty' });
    service.clock.advance(30 * DAY_MS);
    expect((await sweepOn(keeping(service.store, /\/assessed\//))).failed).toBe(1);
    expect((await sweepOn(failing(service.store, 'delete'))).failed).toBeGreaterThan(0);
    expect(await service.keys('due/')).toEqual([expect.stringContaining('/attempt/acme/math/empty/')]);
    expect((await service.sweep()).failed).toBe(0);
    expect(await service.keys()).toEqual([]);
  });

  test('the index of receipts that could not be deleted stays', async () => {
    await service.record();
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    service.clock.advance(366 * DAY_MS);
    expect((await sweepOn(failing(service.store, 'delete', 'receipts/'))).failed).toBe(1);
    expect(await service.keys('due/')).toHaveLength(1);
    await service.sweep();
    expect(await service.keys()).toEqual([]);
  });
});

describe('a purge', () => {
  test('on request lists nothing that could go on into the keys of another tenant', async () => {
    const ref = await service.record();
    const listed: string[] = [];
    const watched = overriding(service.store, {
      list(prefix, options) {
        listed.push(prefix);
        return service.store.list(prefix, options);
      },
    });
    await eraseOn(watched, ref);
    expect(listed.length).toBeGreaterThan(2);
    expect(listed.filter((prefix) => !prefix.includes('/acme/'))).toEqual([]);
  });

  test('of a creation that died before its manifest needs no receipt, so none can be missing', async () => {
    const dying = startTestService({ wrap: (store) => failing(store, 'put', MANIFESTS) });
    await expect(dying.begin()).rejects.toMatchObject(CRASHED);
    service = dying;
    service.clock.advance(31 * DAY_MS);
    await sweepOn(failing(service.store, 'put', 'receipts/'));
    await service.sweep();
    service.clock.advance(2 * HOUR_MS);
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await kinds()).toEqual([]);
  });

  test('keeps `deleting` for as long as the manifest: there is no way back', async () => {
    const ref = await service.record();
    const erasing = eraseOn(keeping(service.store, MANIFESTS), ref);
    await expect(erasing).rejects.toMatchObject({ storeCode: 'AccessDenied' });
    expect(await service.keys(recordingKey(ref, 'deleting'))).toHaveLength(1);
    await expect(readRecordingView(service.context, ref)).rejects.toMatchObject({ code: 'recording-deleted' });
  });

  test('that failed at its end is finished, though an assessment came that would keep the recording longer', async () => {
    const ref = await service.record();
    // Within DELETE_LEAD: past the deadline the assessment itself would delete it.
    service.clock.advance(30 * DAY_MS - HOUR_MS);
    expect(await sweepOn(keeping(service.store, MANIFESTS))).toMatchObject({ failed: 1 });
    await assess(ref);
    const unread = await sweepOn(failing(service.store, 'get', 'receipts/'));
    expect(unread).toMatchObject({ failed: 1, deleted: { recordings: 0 } });
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('that failed at its end is finished by a sweep that had listed its upload before', async () => {
    const ref = await uploaded();
    service.clock.advance(31 * DAY_MS);
    const purge = async () => {
      await sweepOn(keeping(service.store, MANIFESTS));
      await assess(ref);
    };
    await meanwhile(service.store, { when: 'before', call: 'list', keys: 'attempts/' }, purge, sweepOn);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('of a recording that was young when the sweep began is finished in a sweep that lasts', async () => {
    const ref = await service.record();
    await erase(ref);
    await service.store.put(recordingKey(ref, 'stored'), new Uint8Array());
    const lasting = () => service.clock.advance(2 * HOUR_MS);
    await meanwhile(service.store, { when: 'before', call: 'list', keys: 'attempts/' }, lasting, sweepOn);
    expect(await service.keys('attempts/')).toEqual([]);
  });
});

describe('stored means found whole', () => {
  test('an abandoned upload that is no recording is neither stored nor playable', async () => {
    const ref = await uploaded([Buffer.from('<html>')]);
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep()).problems).toMatchObject([{ code: 'salvaged-is-no-recording' }]);
    expect((await readRecordingView(service.context, ref)).state).toBe('uploading');
    const playing = issuePlaybackLink(service.context, CALLER, ref);
    await expect(playing).rejects.toMatchObject({ code: 'recording-not-stored' });
    await expect(completeRecording(service.context, ref, {})).rejects.toMatchObject({ code: 'not-a-recording' });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('what a crash left between the completion and the look at the first bytes is settled by the next reader', async () => {
    const ref = await uploaded();
    const store = failing(service.store, 'getStart');
    await expect(completeRecording({ ...service.context, store }, ref, {})).rejects.toMatchObject(CRASHED);
    expect(await readRecordingView(service.context, ref)).toMatchObject({ state: 'stored', sizeBytes: webm.length });
    expect((await issuePlaybackLink(service.context, CALLER, ref)).url).toMatch(/^http/);
  });

  test('a client that comes back to an upload that was completed without its last part is told what is missing', async () => {
    const ref = await uploaded([Buffer.concat([webm, Buffer.alloc(5 * MIB - webm.length)])]);
    const parts = await partsOf(ref);
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep()).salvaged).toBe(1);
    const claimed = { parts: [...parts, { partNumber: 2, etag: '"e"' }] };
    const missing = { code: 'parts-missing', data: { partNumbers: [2] } };
    await expect(completeRecording(service.context, ref, claimed)).rejects.toMatchObject(missing);
    expect(await completeRecording(service.context, ref, { parts })).toMatchObject({ truncated: true });
  });

  test('a deletion that comes between the mark and the tags leaves nothing', async () => {
    const ref = await uploaded();
    const gone = () => remove(service, [recordingKey(ref, 'manifest'), recordingKey(ref, 'media')]);
    const completing = meanwhile(service.store, { when: 'before', call: 'tag' }, gone, (store) =>
      completeRecording({ ...service.context, store }, ref, {}),
    );
    await expect(completing).rejects.toMatchObject({ code: 'recording-not-found' });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('an abort that a completion overtakes leaves the recording as it was told to be: stored', async () => {
    const ref = await uploaded();
    const complete = () => completeRecording(service.context, ref, {});
    const aborting = meanwhile(service.store, { when: 'before', call: 'abortMultipartUpload' }, complete, (store) =>
      abortRecording({ ...service.context, store }, CALLER, ref),
    );
    await expect(aborting).rejects.toMatchObject({ code: 'recording-stored' });
    expect((await readRecordingView(service.context, ref)).state).toBe('stored');
  });

  test('a completion that a shorter one overtook is not told that all its parts are stored', async () => {
    const ref = await uploaded();
    const overtaken = overriding(service.store, {
      async listParts(key, uploadId) {
        const [first] = (await service.store.listParts(key, uploadId)) ?? [];
        return (
          first && [
            { ...first, sizeBytes: 5 * MIB },
            { ...first, partNumber: 2, etag: '"late"' },
          ]
        );
      },
      async completeMultipartUpload(key, uploadId, parts) {
        await service.store.completeMultipartUpload(key, uploadId, parts.slice(0, 1));
        return false;
      },
    });
    const stored = await partsOf(ref);
    const parts = [...stored, { partNumber: 2, etag: '"late"' }];
    const completing = completeRecording({ ...service.context, store: overtaken }, ref, { parts });
    await expect(completing).rejects.toMatchObject({ code: 'parts-mismatch', data: { partNumbers: [2] } });
    expect(await completeRecording(service.context, ref, { parts: stored })).toMatchObject({ state: 'stored' });
  });

  test.each(['stored', 'timeline'] as const)(
    'a completion that a sweep overtook, and that died then, leaves `%s` for one more sweep only',
    async (object) => {
      const ref = await uploaded();
      service.clock.advance(29 * DAY_MS + HOUR_MS);
      const at = '2026-01-01T00:00:00Z';
      const store = replacing(service.store, 'put', recordingKey(ref, object), async (go) => {
        await service.sweep();
        await go();
        throw new StoreError('unavailable', 'PutObject', 'InternalError');
      });
      const timeline = { startedAt: at, endedAt: at, gaps: [] };
      await expect(completeRecording({ ...service.context, store }, ref, { timeline })).rejects.toMatchObject(CRASHED);
      expect(await service.keys('attempts/')).toEqual([recordingKey(ref, object)]);
      service.clock.advance(2 * HOUR_MS);
      await service.sweep();
      expect(await service.keys('attempts/')).toEqual([]);
    },
  );

  test('a salvage that an erasure overtook leaves no mark behind', async () => {
    const ref = await uploaded();
    service.clock.advance(2 * DAY_MS);
    const moment = { when: 'before', call: 'put', keys: recordingKey(ref, 'truncated') } as const;
    await meanwhile(service.store, moment, () => erase(ref), sweepOn);
    expect(await service.keys('attempts/')).toEqual([]);
  });
});

describe('proofs', () => {
  async function diedBeforeItsReceipt(): Promise<RecordingRef> {
    const ref = await service.record();
    await expect(eraseOn(failing(service.store, 'put', 'receipts/'), ref)).rejects.toMatchObject(CRASHED);
    return ref;
  }

  test('a receipt that a later run wrote outlives the index of the run that died before it', async () => {
    const ref = await diedBeforeItsReceipt();
    service.clock.advance(10 * DAY_MS);
    await service.sweep();
    expect(await readReceipt(service.store, ref)).toBeDefined();
    service.clock.advance(356 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 0 });
    expect(await readReceipt(service.store, ref)).toBeDefined();
    service.clock.advance(10 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 1 });
    expect(await service.keys('receipts/')).toEqual([]);
  });

  test('an index does not expire with a receipt that another sweep is about to write', async () => {
    const ref = await diedBeforeItsReceipt();
    service.clock.advance(366 * DAY_MS);
    const moment = { when: 'after', call: 'get', keys: receiptKey(ref) } as const;
    await meanwhile(failing(service.store, 'get', MANIFESTS), moment, () => service.sweep(), sweepOn);
    expect(await readReceipt(service.store, ref)).toBeDefined();
  });

  test('a sweep that another overtakes leaves the proof of the other as it is', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const proofs = async () => [...(await service.keys('receipts/')), ...(await service.keys('due/'))];
    let written: string[] = [];
    const other = async () => {
      await service.sweep();
      written = await proofs();
    };
    const moment = { when: 'before', call: 'delete', keys: recordingKey(ref, 'media') } as const;
    expect(await meanwhile(service.store, moment, other, sweepOn)).toMatchObject({ failed: 0 });
    expect(written).toHaveLength(2);
    expect(await proofs()).toEqual(written);
    expect(await kinds()).toEqual([]);
  });

  test('a deletion is not proven by a listing of hours ago', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const suspended = replacing(service.store, 'list', recordingPrefix(ref), async (go) => {
      const page = await go();
      service.clock.advance(2 * HOUR_MS);
      return page;
    });
    expect((await sweepOn(suspended)).problems).toMatchObject([{ code: 'overtaken' }]);
    expect(await readReceipt(service.store, ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    expect(await readReceipt(service.store, ref)).toBeDefined();
  });
});

describe('verify', () => {
  test('writes no marker for what is being purged', async () => {
    await service.record();
    service.clock.advance(31 * DAY_MS);
    await sweepOn(keeping(service.store, MANIFESTS));
    expect(await service.keys('participants/')).toEqual([]);
    expect(await kinds()).not.toContain('marker-missing');
  });

  test('does not overwrite the tags of an assessment that came meanwhile', async () => {
    const ref = await service.record();
    const media = recordingKey(ref, 'media');
    service.clock.advance(2 * HOUR_MS);
    await service.store.tag(media, { 'delete-by': 'never' });
    let rounds = 0;
    const overtaken = replacing(service.store, 'tags', '', async (go) => {
      rounds += 1;
      // A repair has two rounds: the second would put right what the first overwrote.
      if (rounds !== 2) return go();
      await assess(ref);
      return { 'delete-by': 'never' };
    });
    await fixOn(overtaken);
    expect(rounds).toBe(3);
    expect(await service.store.tags(media)).toHaveProperty('assessment-completed-at');
  });

  test('takes back the marker of what was erased while it wrote it', async () => {
    const ref = await service.record();
    const keys = participantKey('p1', ref);
    await remove(service, [keys]);
    service.clock.advance(2 * HOUR_MS);
    await meanwhile(service.store, { when: 'before', call: 'put', keys }, () => erase(ref), fixOn);
    expect(await service.keys('participants/')).toEqual([]);
  });

  test('names no receipt in a new index that expired with its old one meanwhile', async () => {
    const ref = await service.record();
    await erase(ref);
    service.clock.advance(2 * HOUR_MS);
    const expire = async () => remove(service, [receiptKey(ref), ...(await due(service, 'receipts'))]);
    await meanwhile(service.store, { when: 'after', call: 'list', keys: 'receipts/' }, expire, fixOn);
    expect(await due(service, 'receipts')).toEqual([]);
  });

  test('misses no receipt that went with the other of two sweeps, a week before its index expires', async () => {
    const missing = await service.begin();
    await erase(missing);
    await remove(service, [...(await service.keys('receipts/')), ...(await service.keys('due/'))]);
    const index = toBody({ version: 1, run: 'sweep-1', first: 1, previous: null, keys: [receiptKey(missing)] });
    await service.store.put(dueReceiptsKey(service.clock.now() + 6 * DAY_MS, 'soon'), index);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
    await service.store.put(dueReceiptsKey(service.clock.now() + 30 * DAY_MS, 'late'), index);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['receipt-missing']);
  });
});
