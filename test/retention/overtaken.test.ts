// Orders of events: what is overtaken, or dies, in the middle, and what must hold then. The simulator found most of them
// (CHANGELOG has the seeds).
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { participantKey, receiptKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { abortRecording } from '../../src/recordings/delete.ts';
import { issuePlaybackLink } from '../../src/recordings/playback.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { failing, keeping, type Moment, meanwhile, overriding, replacing } from '../kit/interventions.ts';
import { CALLER } from '../kit/service.ts';
import { type RetentionService, startRetention } from './support.ts';

const MANIFESTS = /\/recording\.json$/;
const CRASHED = { storeCode: 'InternalError' };

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

const sweepOn = (_: RecordingRef, store: ObjectStore) => service.sweepOn(store);
const fixOn = (_: RecordingRef, store: ObjectStore) => service.verifyOn(store, { fix: true });
const lasting = () => service.clock.advance(2 * HOUR_MS);

async function partsOf(ref: RecordingRef) {
  const [upload] = await service.openUploads();
  const parts = (await service.store.listParts(recordingKey(ref, 'media'), upload?.uploadId ?? '')) ?? [];
  return parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

/** `act` is overtaken by `other` at a moment; afterwards nothing of the recording is left, nor any marker. */
interface Order {
  readonly name: string;
  readonly make: () => Promise<RecordingRef>;
  readonly act: (ref: RecordingRef, store: ObjectStore) => Promise<unknown>;
  readonly moment: (ref: RecordingRef) => Moment;
  readonly other: (ref: RecordingRef) => unknown;
  /** How the overtaken call is refused. */
  readonly code?: string;
}

const NOTHING_LEFT: Order[] = [
  {
    name: 'a sweep that has listed an upload, by a purge of it that fails at its end, and an assessment',
    async make() {
      const ref = await service.uploaded();
      service.clock.advance(31 * DAY_MS);
      return ref;
    },
    act: sweepOn,
    moment: () => ({ when: 'before', call: 'list', keys: 'attempts/' }),
    async other(ref) {
      await service.sweepOn(keeping(service.store, MANIFESTS));
      await service.assess(ref);
    },
  },
  {
    name: 'a sweep of what was young when it began, by two hours',
    async make() {
      const ref = await service.record();
      await service.erase(ref);
      await service.put(recordingKey(ref, 'stored'));
      return ref;
    },
    act: sweepOn,
    moment: () => ({ when: 'before', call: 'list', keys: 'attempts/' }),
    other: lasting,
  },
  {
    name: 'a completion before its look at the attempt, by a deletion that had listed before',
    make: () => service.uploaded(),
    act: (ref, store) => service.complete(ref, store),
    moment: () => ({ when: 'after', call: 'completeMultipartUpload' }),
    other: (ref) => service.remove(recordingKey(ref, 'manifest'), participantKey('p1', ref)),
    code: 'recording-not-found',
  },
  {
    name: 'a completion between its mark and its tags, by a deletion',
    make: () => service.uploaded(),
    act: (ref, store) => service.complete(ref, store),
    moment: () => ({ when: 'before', call: 'tag' }),
    other: (ref) =>
      service.remove(recordingKey(ref, 'manifest'), recordingKey(ref, 'media'), participantKey('p1', ref)),
    code: 'recording-not-found',
  },
  {
    name: 'a salvage, by an erasure',
    async make() {
      const ref = await service.uploaded();
      service.clock.advance(2 * DAY_MS);
      return ref;
    },
    act: sweepOn,
    moment: (ref) => ({ when: 'before', call: 'put', keys: recordingKey(ref, 'truncated') }),
    other: (ref) => service.erase(ref),
  },
  {
    name: 'a repair of a marker, by an erasure',
    async make() {
      const ref = await service.record();
      await service.remove(participantKey('p1', ref));
      lasting();
      return ref;
    },
    act: fixOn,
    moment: (ref) => ({ when: 'before', call: 'put', keys: participantKey('p1', ref) }),
    other: (ref) => service.erase(ref),
  },
];

test.each(NOTHING_LEFT)('nothing is left of what is overtaken: $name', async ({ make, act, moment, other, code }) => {
  const ref = await make();
  let refusal: unknown;
  const run = (store: ObjectStore) =>
    act(ref, store).catch((error: unknown) => {
      refusal = error;
    });
  await meanwhile(service.store, moment(ref), () => other(ref), run);
  expect(refusal).toEqual(code && expect.objectContaining({ code }));
  expect(await service.objectsOf(ref)).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
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
    expect(await service.sweepOn(keeping(service.store, MANIFESTS))).toMatchObject({ failed: 1 });
    expect(await service.keys('participants/')).toEqual([]);
    expect(await service.kinds()).not.toContain('marker-missing');
    await service.assess(ref);
    const unread = await service.sweepOn(failing(service.store, 'get', 'receipts/'));
    expect(unread).toMatchObject({ failed: 1, deleted: { recordings: 0 } });
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.objectsOf(ref)).toEqual([]);
  });
});

describe('stored means found whole', () => {
  test('an abandoned upload that is no recording cannot be played, and a completion deletes it', async () => {
    const ref = await service.uploaded([Buffer.from('<html>')]);
    service.clock.advance(3 * HOUR_MS);
    await service.sweep();
    const playing = issuePlaybackLink(service.context, CALLER, ref);
    await expect(playing).rejects.toMatchObject({ code: 'recording-not-stored' });
    await expect(service.complete(ref)).rejects.toMatchObject({ code: 'not-a-recording' });
    expect(await service.objectsOf(ref)).toEqual([]);
  });

  test('what a crash left between the completion and the look at the first bytes is settled by the next reader', async () => {
    const ref = await service.uploaded();
    await expect(service.complete(ref, failing(service.store, 'getStart'))).rejects.toMatchObject(CRASHED);
    expect(await readRecordingView(service.context, ref)).toMatchObject({ state: 'stored', sizeBytes: webm.length });
    expect((await issuePlaybackLink(service.context, CALLER, ref)).url).toMatch(/^http/);
  });

  test('a client that comes back to an upload that was completed without its last part is told what is missing', async () => {
    const ref = await service.uploaded([Buffer.concat([webm, Buffer.alloc(5 * MIB - webm.length)])]);
    const parts = await partsOf(ref);
    service.clock.advance(3 * HOUR_MS);
    expect((await service.sweep()).salvaged).toBe(1);
    const claimed = { parts: [...parts, { partNumber: 2, etag: '"e"' }] };
    const missing = { code: 'parts-missing', data: { partNumbers: [2] } };
    await expect(service.complete(ref, service.store, claimed)).rejects.toMatchObject(missing);
    expect(await service.complete(ref, service.store, { parts })).toMatchObject({ truncated: true });
  });

  test('an abort that a completion overtakes leaves the recording as it was told to be: stored', async () => {
    const ref = await service.uploaded();
    const complete = () => service.complete(ref);
    const abort = (store: ObjectStore) => abortRecording({ ...service.context, store }, CALLER, ref);
    const aborting = meanwhile(service.store, { when: 'before', call: 'abortMultipartUpload' }, complete, abort);
    await expect(aborting).rejects.toMatchObject({ code: 'recording-stored' });
    expect(await service.stateOf(ref)).toBe('stored');
  });

  test('a completion that a shorter one overtook is not told that all its parts are stored', async () => {
    const ref = await service.uploaded();
    const late = { partNumber: 2, etag: '"late"' };
    const overtaken = overriding(service.store, {
      async listParts(key, uploadId) {
        const [first] = (await service.store.listParts(key, uploadId)) ?? [];
        return (
          first && [
            { ...first, sizeBytes: 5 * MIB },
            { ...first, ...late },
          ]
        );
      },
      async completeMultipartUpload(key, uploadId, parts) {
        await service.store.completeMultipartUpload(key, uploadId, parts.slice(0, 1));
        return false;
      },
    });
    const stored = await partsOf(ref);
    const completing = service.complete(ref, overtaken, { parts: [...stored, late] });
    await expect(completing).rejects.toMatchObject({ code: 'parts-mismatch', data: { partNumbers: [2] } });
    expect(await service.complete(ref, service.store, { parts: stored })).toMatchObject({ state: 'stored' });
  });

  test.each(['stored', 'timeline'] as const)(
    'a completion that a sweep overtook, and that died then, leaves `%s` for one more sweep only',
    async (object) => {
      const ref = await service.uploaded();
      service.clock.advance(29 * DAY_MS + HOUR_MS);
      const at = '2026-01-01T00:00:00Z';
      const store = replacing(service.store, 'put', recordingKey(ref, object), async (go) => {
        await service.sweep();
        await go();
        throw new StoreError('unavailable', 'PutObject', 'InternalError');
      });
      const timeline = { startedAt: at, endedAt: at, gaps: [] };
      await expect(service.complete(ref, store, { timeline })).rejects.toMatchObject(CRASHED);
      expect(await service.keys('attempts/')).toEqual([recordingKey(ref, object)]);
      service.clock.advance(2 * HOUR_MS);
      await service.sweep();
      expect(await service.keys('attempts/')).toEqual([]);
    },
  );
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
    service.clock.advance(10 * DAY_MS);
    await service.sweep();
    expect(await service.receiptOf(ref)).toBeDefined();
    service.clock.advance(356 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 0 });
    expect(await service.receiptOf(ref)).toBeDefined();
    service.clock.advance(10 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, receiptsExpired: 1 });
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
    expect(await meanwhile(service.store, moment, other, service.sweepOn)).toMatchObject({ failed: 0 });
    expect(written).toHaveLength(2);
    expect(await proofs()).toEqual(written);
    expect(await service.kinds()).toEqual([]);
  });

  test('is not written by a listing of hours ago', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const moment = { when: 'after', call: 'list', keys: recordingPrefix(ref) } as const;
    const { problems } = await meanwhile(service.store, moment, lasting, service.sweepOn);
    expect(problems).toMatchObject([{ code: 'overtaken' }]);
    expect(await service.receiptOf(ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    expect(await service.receiptOf(ref)).toBeDefined();
  });
});

describe('verify', () => {
  test.each([
    ['an attempt is deleted', { when: 'before', call: 'list', keys: 'due/' }],
    ['the recording of a marker is deleted', { when: 'after', call: 'list', keys: 'participants/', nth: 2 }],
  ] as const)('reports nothing when meanwhile %s', async (_, moment) => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    const other = async () => {
      await service.erase(ref);
      await service.remove(...(await service.due('attempt')));
    };
    const report = await meanwhile(service.store, moment, other, service.verifyOn);
    expect(report).toMatchObject({ wrong: 0, findings: [], recordings: 1, receipts: 1 });
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
      await service.assess(ref);
      return { 'delete-by': 'never' };
    });
    await service.verifyOn(overtaken, { fix: true });
    expect(rounds).toBe(3);
    expect(await service.store.tags(media)).toHaveProperty('assessment-completed-at');
  });

  test('names no receipt in a new index that expired with its old one meanwhile', async () => {
    const ref = await service.record();
    await service.erase(ref);
    service.clock.advance(2 * HOUR_MS);
    const expire = async () => service.remove(receiptKey(ref), ...(await service.due('receipts')));
    const moment = { when: 'after', call: 'list', keys: 'receipts/' } as const;
    await meanwhile(service.store, moment, expire, (store) => service.verifyOn(store, { fix: true }));
    expect(await service.due('receipts')).toEqual([]);
  });
});
