// What one listing tells about an attempt, and what follows the completion of an upload.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Manifest, toBody } from '../../src/domain/documents.ts';
import { DAY_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/domain/ids.ts';
import { assessedKey, attemptPrefix, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { toIso } from '../../src/domain/times.ts';
import {
  attemptStateOf,
  completedAtsOf,
  findRecording,
  readAttempt,
  type StoredItem,
  targetsOf,
} from '../../src/storage/attempt-state.ts';
import { type CompletionContext, completeUpload, settleMedia } from '../../src/storage/completion.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { overriding } from '../kit/interventions.ts';
import { MemoryStore } from '../kit/memory-store.ts';
import { bytes, expectStoreError } from './object-store-contract.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 2, 3, 17);
const ATTEMPT = { tenant: 'acme', exam: 'exam-1', attempt: 'attempt-1' };
const MEDIA = { contentType: 'video/webm' };
/** An EBML header whose DocType is webm (RFC 8794). */
const WEBM = Buffer.from('1a45dfa3874282847765626d', 'hex');
const POLICY = {
  afterAssessmentMs: 30 * DAY_MS,
  unassessedMs: 20 * DAY_MS,
  byTenantMs: new Map<string, number>(),
};

let store: ObjectStore;
beforeEach(() => {
  store = new MemoryStore({ now: () => NOW_MS });
});

function newRef(createdAtMs = NOW_MS): RecordingRef {
  return { ...ATTEMPT, recording: newRecordingId(createdAtMs, randomBytes) };
}

function itemOf(key: string, more: Partial<StoredItem> = {}): StoredItem {
  return { key, sizeBytes: 1, lastModifiedMs: NOW_MS, isCurrent: true, ...more };
}

describe('an attempt', () => {
  test('that nobody recorded is empty', async () => {
    expect(await readAttempt(store, ATTEMPT, { uploads: 'list', versions: true })).toEqual({
      ref: ATTEMPT,
      assessments: [],
      recordings: [],
      unknownKeys: [],
      storeTimeMs: Number.NaN,
    });
  });

  test('shows its recordings oldest first, its assessments and its uploads, and nothing of another attempt', async () => {
    const [younger, older] = [newRef(NOW_MS), newRef(NOW_MS - DAY_MS)];
    await store.put(recordingKey(younger, 'manifest'), bytes('{}'));
    await store.put(recordingKey(younger, 'media'), WEBM);
    await store.put(recordingKey(older, 'manifest'), bytes('{}'));
    const uploadId = await store.createMultipartUpload(recordingKey(older, 'media'), MEDIA);
    await store.put(assessedKey(ATTEMPT, NOW_MS + 2), new Uint8Array());
    await store.put(assessedKey(ATTEMPT, NOW_MS + 1), new Uint8Array());
    await store.put(recordingKey({ ...younger, attempt: 'attempt-10' }, 'media'), WEBM);
    const state = await readAttempt(store, ATTEMPT, { uploads: 'list' });
    expect(state.recordings.map(({ ref }) => ref)).toEqual([older, younger]);
    expect(completedAtsOf(state)).toEqual([NOW_MS + 1, NOW_MS + 2]);
    expect(state.unknownKeys).toEqual([]);
    const seen = findRecording(state, younger.recording);
    expect(Object.keys(seen?.objects ?? {}).sort()).toEqual(['manifest', 'media']);
    expect(seen?.objects.media?.sizeBytes).toBe(WEBM.length);
    expect(seen?.items.map((item) => item.object).sort()).toEqual(['manifest', 'media']);
    expect(findRecording(state, older.recording)?.uploads).toMatchObject([{ uploadId }]);
    expect(findRecording(state, newRef().recording)).toBeUndefined();
    expect((await readAttempt(store, ATTEMPT)).recordings[0]?.uploads).toEqual([]);
  });

  test('has the keys that nobody can have made kept apart', async () => {
    const ref = newRef();
    const unknown = [
      `${attemptPrefix(ATTEMPT)}assessed/yesterday`,
      `${attemptPrefix(ATTEMPT)}notes.txt`,
      `${recordingPrefix(ref)}media.bak`,
    ];
    for (const key of unknown) await store.put(key, bytes('x'));
    await store.createMultipartUpload(recordingKey(ref, 'manifest'), MEDIA);
    const state = await readAttempt(store, ATTEMPT, { uploads: 'list' });
    expect(state.recordings).toEqual([]);
    expect(state.unknownKeys.toSorted()).toEqual([...unknown, recordingKey(ref, 'manifest')].sort());
  });

  test('in a versioned bucket shows a reader what is current, and a purge everything', () => {
    const ref = newRef();
    const key = recordingKey(ref, 'media');
    const versions = [
      itemOf(key, { versionId: 'marker', isCurrent: false }),
      itemOf(key, { versionId: 'old', isCurrent: false }),
      itemOf(recordingKey(ref, 'manifest'), { versionId: 'now' }),
      itemOf(assessedKey(ATTEMPT, NOW_MS), { versionId: 'withdrawn', isCurrent: false }),
      itemOf(assessedKey(ATTEMPT, NOW_MS + 1), { versionId: 'stands' }),
    ];
    const state = attemptStateOf(ATTEMPT, versions);
    const seen = findRecording(state, ref.recording);
    expect(Object.keys(seen?.objects ?? {})).toEqual(['manifest']);
    expect(seen?.items.map((item) => item.versionId)).toEqual(['marker', 'old', 'now']);
    expect(state.assessments).toHaveLength(2);
    expect(completedAtsOf(state)).toEqual([NOW_MS + 1]);
  });
});

describe('what deletes a key for good', () => {
  test('is the key itself, or each of its versions and of no other key', async () => {
    const listVersions = async (_: string, { cursor }: { cursor?: string | undefined } = {}) => ({
      versions: (cursor ? ['media', 'media.bak'] : ['media']).map((key, index) => ({
        ...itemOf(key),
        versionId: `${cursor ?? 'first'}-${index}`,
        isLatest: !cursor,
        isDeleteMarker: false,
      })),
      cursor: cursor ? undefined : 'second',
      storeTimeMs: NOW_MS,
    });
    const changed = overriding(store, { listVersions });
    expect(await targetsOf(changed, 'media', false)).toEqual([{ key: 'media' }]);
    expect((await targetsOf(changed, 'media', true)).map((target) => target.versionId)).toEqual([
      'first-0',
      'second-0',
    ]);
  });
});

describe('completing an upload', () => {
  interface Begun {
    readonly ref: RecordingRef;
    readonly manifest: Manifest;
    readonly context: CompletionContext;
  }

  async function begin(body: Uint8Array = WEBM): Promise<Begun> {
    const ref = newRef();
    const uploadId = await store.createMultipartUpload(recordingKey(ref, 'media'), MEDIA);
    const manifest: Manifest = {
      version: 1,
      tenantId: ref.tenant,
      examId: ref.exam,
      attemptId: ref.attempt,
      recordingId: ref.recording,
      participantId: 'participant-1',
      kind: 'webcam',
      contentType: MEDIA.contentType,
      consent: { givenAt: toIso(NOW_MS), policyVersion: '1' },
      createdAt: toIso(NOW_MS),
      partSizeBytes: 5 * 1024 * 1024,
      uploadId,
    };
    await store.put(recordingKey(ref, 'manifest'), toBody(manifest));
    await store.uploadPart(recordingKey(ref, 'media'), uploadId, 1, body);
    return {
      ref,
      manifest,
      context: { store, policy: POLICY, now: () => NOW_MS + MINUTE_MS, randomBytes, leadMs: DAY_MS },
    };
  }

  async function complete({ context, ref, manifest }: Begun) {
    const parts = (await context.store.listParts(recordingKey(ref, 'media'), manifest.uploadId)) ?? [];
    return completeUpload(context, ref, manifest, parts);
  }

  test('makes a recording that says until when it is kept, and may be repeated', async () => {
    const begun = await begin();
    expect(await complete(begun)).toMatchObject({ result: 'stored' });
    expect(await settleMedia(begun.context, begun.ref, begun.manifest)).toMatchObject({ result: 'stored' });
    expect(await store.tags(recordingKey(begun.ref, 'media'))).toEqual({
      'delete-by': toIso(NOW_MS + POLICY.unassessedMs),
    });
  });

  test('finds what is no recording and leaves it to the caller', async () => {
    const begun = await begin(bytes('<html>'));
    expect(await complete(begun)).toEqual({ result: 'not-a-recording' });
    expect(await store.get(recordingKey(begun.ref, 'media'))).toBeDefined();
  });

  test('finds nothing after an abort', async () => {
    const begun = await begin();
    const parts = (await store.listParts(recordingKey(begun.ref, 'media'), begun.manifest.uploadId)) ?? [];
    await store.abortMultipartUpload(recordingKey(begun.ref, 'media'), begun.manifest.uploadId);
    expect(await completeUpload(begun.context, begun.ref, begun.manifest, parts)).toEqual({ result: 'gone' });
  });

  test('throws when a part was replaced meanwhile', async () => {
    const begun = await begin();
    const key = recordingKey(begun.ref, 'media');
    const parts = (await store.listParts(key, begun.manifest.uploadId)) ?? [];
    await store.uploadPart(key, begun.manifest.uploadId, 1, bytes('replaced'));
    await expectStoreError(completeUpload(begun.context, begun.ref, begun.manifest, parts), 'invalid-parts');
  });

  test.each<[string, (ref: RecordingRef) => Promise<unknown>, number]>([
    ['its deletion was ordered', (ref) => store.put(recordingKey(ref, 'deleting'), bytes('{}')), MINUTE_MS],
    ['it was purged', (ref) => store.delete([{ key: recordingKey(ref, 'manifest') }]), MINUTE_MS],
    ['its deadline has come', () => Promise.resolve(), POLICY.unassessedMs],
  ])('takes the media away again when meanwhile %s', async (_, overtake, laterMs) => {
    const begun = await begin();
    await overtake(begun.ref);
    const context = { ...begun.context, now: () => NOW_MS + laterMs };
    expect(await complete({ ...begun, context })).toEqual({ result: 'deleted' });
    expect(await store.get(recordingKey(begun.ref, 'media'))).toBeUndefined();
  });

  test.each([
    ['media', ['media'], 'gone'],
    ['everything', ['media', 'manifest'], 'deleted'],
  ] as const)('finds that %s was deleted between its looks', async (_, objects, result) => {
    const begun = await begin();
    const changed = overriding(store, {
      async getStart(key, length) {
        const head = await store.getStart(key, length);
        await store.delete(objects.map((object) => ({ key: recordingKey(begun.ref, object) })));
        return head;
      },
    });
    expect(await complete({ ...begun, context: { ...begun.context, store: changed } })).toEqual({ result });
  });

  test('tags again when an assessment arrives meanwhile', async () => {
    const begun = await begin();
    let tagged = 0;
    const changed = overriding(store, {
      async tag(key, tags) {
        tagged += 1;
        if (tagged === 1) await store.put(assessedKey(ATTEMPT, NOW_MS), new Uint8Array());
        return store.tag(key, tags);
      },
    });
    expect(await complete({ ...begun, context: { ...begun.context, store: changed } })).toMatchObject({
      result: 'stored',
    });
    expect(tagged).toBe(2);
    expect(await store.tags(recordingKey(begun.ref, 'media'))).toEqual({
      'delete-by': toIso(NOW_MS + POLICY.afterAssessmentMs),
      'assessment-completed-at': toIso(NOW_MS),
    });
  });
});
