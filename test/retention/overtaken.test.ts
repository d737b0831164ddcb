// What the simulator found, each as the one order of events that matters (CHANGELOG has the seeds).
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { dueReceiptsKey, receiptKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { verify } from '../../src/retention/verify.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';

const ERASURE = { reason: 'erasure', actor: 'desk' } as const;
const crashed = () => new StoreError('unavailable', 'test', 'Crashed');

let service: TestService;
beforeEach(async () => {
  service = startTestService();
});
afterEach(() => service.close());

function on(overrides: Partial<ObjectStore>): { readonly store: ObjectStore } {
  return { store: overriding(service.store, overrides) };
}

/** A store of a process that dies before it writes such a key. */
function dyingAtPut(pattern: RegExp): { readonly store: ObjectStore } {
  return on({
    put: (key, body, options) =>
      pattern.test(key) ? Promise.reject(crashed()) : service.store.put(key, body, options),
  });
}

/** A store that refuses to delete the manifest, and that alone. */
function keepingManifests(): { readonly store: ObjectStore } {
  const isManifest = (key: string) => key.endsWith('/recording.json');
  return on({
    async delete(targets) {
      const failures = await service.store.delete(targets.filter(({ key }) => !isManifest(key)));
      const refused = targets.filter(({ key }) => isManifest(key)).map(({ key }) => ({ key, code: 'AccessDenied' }));
      return [...failures, ...refused];
    },
  });
}

async function kinds(): Promise<string[]> {
  return (await service.verify()).kinds.map(({ kind }) => kind);
}

describe('a purge', () => {
  test('on request lists nothing that could go on into the keys of another tenant', async () => {
    const ref = await service.record();
    const listed: string[] = [];
    const watched = on({
      list(prefix, options) {
        listed.push(prefix);
        return service.store.list(prefix, options);
      },
    });
    await deleteRecording({ ...service.context, ...watched }, ref, ERASURE);
    expect(listed.length).toBeGreaterThan(2);
    expect(listed.filter((prefix) => !prefix.includes('/acme/'))).toEqual([]);
  });

  test('of a creation that died before its manifest needs no receipt, so none can be missing', async () => {
    const attempt = { tenant: 'acme', exam: 'math', attempt: 'a1' };
    const creating = createRecording({ ...service.context, ...dyingAtPut(/recording\.json$/) }, CALLER, attempt, {
      participantId: 'p1',
      kind: 'webcam',
      contentType: 'video/webm',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '7' },
      parts: 0,
    });
    await expect(creating).rejects.toMatchObject({ storeCode: 'Crashed' });
    service.clock.advance(31 * DAY_MS);
    await sweep({ ...service.sweepContext, ...dyingAtPut(/^receipts\//) });
    await service.sweep();
    service.clock.advance(2 * HOUR_MS);
    expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
    expect(await service.keys('receipts/')).toEqual([]);
    expect(await kinds()).toEqual([]);
  });

  test('keeps `deleting` for as long as the manifest: there is no way back', async () => {
    const ref = await service.record();
    await expect(deleteRecording({ ...service.context, ...keepingManifests() }, ref, ERASURE)).rejects.toMatchObject({
      storeCode: 'AccessDenied',
    });
    expect(await service.keys(recordingKey(ref, 'deleting'))).toHaveLength(1);
    await expect(readRecordingView(service.context, ref)).rejects.toMatchObject({ code: 'recording-deleted' });
  });

  test('that failed at its end is finished, though an assessment came that would keep the recording longer', async () => {
    const ref = await service.record();
    // Within DELETE_LEAD: past the deadline the assessment itself would delete it.
    service.clock.advance(30 * DAY_MS - HOUR_MS);
    expect(await sweep({ ...service.sweepContext, ...keepingManifests() })).toMatchObject({ failed: 1 });
    await assessAttempt(service.context, ref, service.clock.now());
    const unread = on({
      get: (key) => (key.startsWith('receipts/') ? Promise.reject(crashed()) : service.store.get(key)),
    });
    expect(await sweep({ ...service.sweepContext, ...unread })).toMatchObject({
      failed: 1,
      deleted: { recordings: 0 },
    });
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('that failed at its end is finished by a sweep that had listed its upload before', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(31 * DAY_MS);
    let isPurged = false;
    const overtaken = on({
      async list(prefix, options) {
        if (prefix.startsWith('attempts/') && !isPurged) {
          isPurged = true;
          await sweep({ ...service.sweepContext, ...keepingManifests() });
          await assessAttempt(service.context, ref, service.clock.now());
        }
        return service.store.list(prefix, options);
      },
    });
    await sweep({ ...service.sweepContext, ...overtaken });
    expect(isPurged).toBe(true);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('a sweep that lasts longer than a recording was young when it began finishes its erasure', async () => {
    const ref = await service.record();
    await deleteRecording(service.context, ref, ERASURE);
    await service.store.put(recordingKey(ref, 'stored'), new Uint8Array());
    let isLater = false;
    const lasting = on({
      list(prefix, options) {
        if (prefix.startsWith('attempts/') && !isLater) service.clock.advance(2 * HOUR_MS);
        isLater ||= prefix.startsWith('attempts/');
        return service.store.list(prefix, options);
      },
    });
    await sweep({ ...service.sweepContext, ...lasting });
    expect(isLater).toBe(true);
    expect(await service.keys('attempts/')).toEqual([]);
  });
});

describe('a completion', () => {
  test('that a shorter one overtook is not told that all its parts are stored', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    const overtaken = on({
      async listParts(key, uploadId) {
        const parts = (await service.store.listParts(key, uploadId)) ?? [];
        const [first] = parts;
        return (
          first && [
            { ...first, sizeBytes: 5 * 1024 * 1024 },
            { ...first, partNumber: 2, etag: '"late"' },
          ]
        );
      },
      async completeMultipartUpload(key, uploadId, parts) {
        await service.store.completeMultipartUpload(key, uploadId, parts.slice(0, 1));
        return false;
      },
    });
    const [upload] = (await service.store.listMultipartUploads('')).uploads;
    const [part] = (await service.store.listParts(recordingKey(ref, 'media'), upload?.uploadId ?? '')) ?? [];
    const parts = [
      { partNumber: 1, etag: part?.etag ?? '' },
      { partNumber: 2, etag: '"late"' },
    ];
    const completing = completeRecording({ ...service.context, ...overtaken }, ref, { parts });
    await expect(completing).rejects.toMatchObject({ code: 'parts-mismatch', data: { partNumbers: [2] } });
    expect(await completeRecording(service.context, ref, { parts: parts.slice(0, 1) })).toMatchObject({
      state: 'stored',
    });
  });

  test.each(['stored', 'timeline'] as const)(
    'that a sweep overtook, and that died then, leaves `%s` for one more sweep only',
    async (object) => {
      const ref = await service.begin();
      await uploadParts(service.context, ref, [webm]);
      service.clock.advance(29 * DAY_MS + HOUR_MS);
      const at = '2026-01-01T00:00:00Z';
      const dying = on({
        async put(key, body, options) {
          if (key !== recordingKey(ref, object)) return service.store.put(key, body, options);
          await service.sweep();
          await service.store.put(key, body, options);
          throw crashed();
        },
      });
      const timeline = { startedAt: at, endedAt: at, gaps: [] };
      const completing = completeRecording({ ...service.context, ...dying }, ref, { timeline });
      await expect(completing).rejects.toMatchObject({ storeCode: 'Crashed' });
      expect(await service.keys('attempts/')).toEqual([recordingKey(ref, object)]);
      service.clock.advance(2 * HOUR_MS);
      await service.sweep();
      expect(await service.keys('attempts/')).toEqual([]);
    },
  );
});

describe('a salvage', () => {
  test('that an erasure overtook leaves no mark behind', async () => {
    const ref = await service.begin();
    await uploadParts(service.context, ref, [webm]);
    service.clock.advance(2 * DAY_MS);
    let isErased = false;
    const overtaken = on({
      async put(key, body, options) {
        if (key === recordingKey(ref, 'truncated')) {
          await deleteRecording(service.context, ref, ERASURE);
          isErased = true;
        }
        return service.store.put(key, body, options);
      },
    });
    await sweep({ ...service.sweepContext, ...overtaken });
    expect(isErased).toBe(true);
    expect(await service.keys('attempts/')).toEqual([]);
  });
});

describe('proofs', () => {
  test('a receipt that a later run wrote outlives the index of the run that died before it', async () => {
    const ref = await service.record();
    const erasing = deleteRecording({ ...service.context, ...dyingAtPut(/^receipts\//) }, ref, ERASURE);
    await expect(erasing).rejects.toMatchObject({ storeCode: 'Crashed' });
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
    const ref = await service.record();
    const erasing = deleteRecording({ ...service.context, ...dyingAtPut(/^receipts\//) }, ref, ERASURE);
    await expect(erasing).rejects.toMatchObject({ storeCode: 'Crashed' });
    service.clock.advance(366 * DAY_MS);
    let isWritten = false;
    const overtaken = on({
      async get(key) {
        if (key === recordingKey(ref, 'manifest')) throw crashed();
        const body = await service.store.get(key);
        if (key === receiptKey(ref) && !isWritten) {
          isWritten = true;
          await service.sweep();
        }
        return body;
      },
    });
    await sweep({ ...service.sweepContext, ...overtaken });
    expect(isWritten).toBe(true);
    expect(await readReceipt(service.store, ref)).toBeDefined();
  });

  test('a sweep that another overtakes leaves the proof of the other as it is', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    let proofs: string[] | undefined;
    const overtaken = on({
      async delete(targets) {
        if (!proofs && targets.some(({ key }) => key === recordingKey(ref, 'media'))) {
          proofs = [];
          await service.sweep();
          proofs = [...(await service.keys('receipts/')), ...(await service.keys('due/'))];
        }
        return service.store.delete(targets);
      },
    });
    expect(await sweep({ ...service.sweepContext, ...overtaken })).toMatchObject({ failed: 0 });
    expect(proofs).toHaveLength(2);
    expect([...(await service.keys('receipts/')), ...(await service.keys('due/'))]).toEqual(proofs);
    expect(await kinds()).toEqual([]);
  });

  test('a deletion is not proven by a listing of hours ago', async () => {
    const ref = await service.record();
    service.clock.advance(31 * DAY_MS);
    const suspended = on({
      async list(prefix, options) {
        const page = await service.store.list(prefix, options);
        if (prefix === recordingPrefix(ref)) service.clock.advance(2 * HOUR_MS);
        return page;
      },
    });
    const report = await sweep({ ...service.sweepContext, ...suspended });
    expect(report.problems).toMatchObject([{ code: 'overtaken' }]);
    expect(await readReceipt(service.store, ref)).toBeUndefined();
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    expect(await readReceipt(service.store, ref)).toBeDefined();
  });

  test('verify writes no marker for what is being purged', async () => {
    await service.record();
    service.clock.advance(31 * DAY_MS);
    await sweep({ ...service.sweepContext, ...keepingManifests() });
    expect(await service.keys('participants/')).toEqual([]);
    expect(await kinds()).not.toContain('marker-missing');
  });

  test('verify does not overwrite the tags of an assessment that came meanwhile', async () => {
    const ref = await service.record();
    const media = recordingKey(ref, 'media');
    service.clock.advance(2 * HOUR_MS);
    await service.store.tag(media, { 'delete-by': 'never' });
    let rounds = 0;
    const overtaken = on({
      async tags(key) {
        rounds += 1;
        // A repair has two rounds: the second would put right what the first overwrote.
        if (rounds !== 2) return service.store.tags(key);
        await assessAttempt(service.context, ref, service.clock.now());
        return { 'delete-by': 'never' };
      },
    });
    await verify({ ...service.sweepContext, ...overtaken }, { fix: true });
    expect(rounds).toBe(3);
    expect(await service.store.tags(media)).toHaveProperty('assessment-completed-at');
  });

  test('verify takes back the marker of what was erased while it wrote it', async () => {
    const ref = await service.record();
    const [marker = ''] = await service.keys('participants/');
    await service.store.delete([{ key: marker }]);
    service.clock.advance(2 * HOUR_MS);
    const overtaken = on({
      async put(key, body, options) {
        if (key === marker) await deleteRecording(service.context, ref, ERASURE);
        return service.store.put(key, body, options);
      },
    });
    await verify({ ...service.sweepContext, ...overtaken }, { fix: true });
    expect(await service.keys('participants/')).toEqual([]);
  });

  test('verify names no receipt in a new index that expired with its old one meanwhile', async () => {
    const ref = await service.record();
    await deleteRecording(service.context, ref, ERASURE);
    service.clock.advance(2 * HOUR_MS);
    let receiptsAreListed = false;
    let isExpired = false;
    const expiring = on({
      async list(prefix, options) {
        if (prefix === 'due/' && receiptsAreListed && !isExpired) {
          isExpired = true;
          const indexes = (await service.keys('due/')).filter((key) => key.includes('/receipts/'));
          await service.store.delete([receiptKey(ref), ...indexes].map((key) => ({ key })));
        }
        receiptsAreListed ||= prefix === 'receipts/';
        return service.store.list(prefix, options);
      },
    });
    await verify({ ...service.sweepContext, ...expiring }, { fix: true });
    expect((await service.keys('due/')).filter((key) => key.includes('/receipts/'))).toEqual([]);
  });

  test('verify misses no receipt that went with the other of two sweeps, a week before its index expires', async () => {
    const missing: RecordingRef = await service.begin();
    await deleteRecording(service.context, missing, ERASURE);
    await service.store.delete((await service.keys('receipts/')).map((key) => ({ key })));
    await service.store.delete((await service.keys('due/')).map((key) => ({ key })));
    const index = toBody({ version: 1, run: 'sweep-1', first: 1, previous: null, keys: [receiptKey(missing)] });
    await service.store.put(dueReceiptsKey(service.clock.now() + 6 * DAY_MS, 'soon'), index);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual([]);
    await service.store.put(dueReceiptsKey(service.clock.now() + 30 * DAY_MS, 'late'), index);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['receipt-missing']);
  });
});
