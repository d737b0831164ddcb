// …/parts and …/complete: part URLs, when parts become a recording, and when they do not.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { StoredPart } from '../../src/domain/parts.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import type { SignedPart } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey } from '../kit/interventions.ts';
import { uploadParts } from '../kit/service.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const file = enlargeWebm(webm, 12 * MIB);
const TIMELINE = {
  startedAt: '2026-01-02T10:00:00Z',
  endedAt: '2026-01-02T11:00:00+01:00',
  gaps: [{ from: '2026-01-02T09:10:00Z', to: '2026-01-02T09:11:00Z', reason: 'lost connection' }],
};
const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const boundTo = ({ ref }: CreatedRecording) => ({ scope: 'recordings:upload', exam: 'math', attempt: ref.attempt });
const complete = (created: CreatedRecording, body?: object, by = api) =>
  by.call<Recording>('post', `${created.path}/complete`, { as: boundTo(created), ...(body && { body }) });
const sign = (created: CreatedRecording, parts: readonly Omit<StoredPart, 'etag'>[], by = api) =>
  by.call<{ parts: SignedPart[] }>('post', `${created.path}/parts`, { as: boundTo(created), body: { parts } });
const partsOf = async ({ path }: CreatedRecording) =>
  (await api.call<{ parts: StoredPart[] }>('get', `${path}/parts`)).body.parts;

const ONE = [{ partNumber: 1, sizeBytes: 1000 }];

describe('part URLs', () => {
  it('are given for the parts that are named, in their order, and expire after the time that is set', async () => {
    const brief = await startApi({ uploads: { partUrlTtlMs: 15 * SECOND_MS } });
    const sizes = [{ partNumber: 3, sizeBytes: 5 * MIB }, ...ONE];
    const { parts } = (await sign(await brief.create(), sizes, brief)).body;
    // A signature has its time in whole seconds.
    const signedMs = brief.service.clock.now() - (brief.service.clock.now() % SECOND_MS);
    expect(parts).toEqual(
      sizes.map(({ partNumber, sizeBytes }) => ({
        partNumber,
        method: 'PUT',
        url: expect.stringContaining(`partNumber=${partNumber}&`),
        headers: { 'content-length': String(sizeBytes) },
        expiresAt: new Date(signedMs + 15 * SECOND_MS).toISOString(),
      })),
    );
    const put = async () => (await brief.service.putPart(parts[1] as SignedPart, new Uint8Array(1000))).status;
    expect(await put()).toBe(200);
    brief.service.clock.advance(16 * SECOND_MS);
    expect(await put()).toBe(403);
  });

  it('are not given for a size or a number above the limit', async () => {
    const created = await api.create();
    expectProblem(await sign(created, [{ partNumber: 1, sizeBytes: 5 * MIB + 1 }]), 422, 'part-too-large');
    expectProblem(await sign(created, [{ partNumber: 21, sizeBytes: 1 }]), 422, 'part-number-too-large');
  });

  it('asked for many times at once share a look at the store, and look again after one that failed', async () => {
    const created = await api.create();
    api.service.context.takingParts.clear();
    const recover = store.failOn('list', 'attempts/');
    for (const answer of await Promise.all([sign(created, ONE), sign(created, ONE)])) {
      expectProblem(answer, 503, 'store-unavailable');
    }
    recover();
    const { requests } = api.service.testStore;
    requests.length = 0;
    const answers = await Promise.all(Array.from({ length: 8 }, () => sign(created, ONE)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(requests.map(({ operation }) => operation)).toEqual(['ListObjectsV2']);
  });
});

describe('a recording', () => {
  it('is complete when all its parts have come, in whatever order, and takes no more of them then', async () => {
    const created = await api.create();
    expect((await complete(created)).body).toMatchObject({ code: 'parts-missing', partNumbers: [1] });
    await api.upload(created, file, [3, 1]);
    expect(await partsOf(created)).toEqual([
      { partNumber: 1, sizeBytes: 5 * MIB, etag: expect.any(String) },
      { partNumber: 3, sizeBytes: 2 * MIB, etag: expect.any(String) },
    ]);
    // The timeline of a call that is refused is not kept.
    const other = { ...TIMELINE, gaps: [] };
    expect((await complete(created, { timeline: other })).body).toMatchObject({ status: 409, partNumbers: [2] });
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading', timeline: null });
    await api.upload(created, file, [2]);
    const stored = await complete(created, { timeline: TIMELINE });
    const whole = { state: 'stored', storedAt: expect.stringMatching(/Z$/), sizeBytes: file.length };
    expect(stored).toMatchObject({ status: 200, body: { ...created.recording, ...whole, timeline: TIMELINE } });
    expect((await complete(created, { timeline: other })).body).toEqual(stored.body);
    expect((await api.call('get', created.path)).body).toEqual(stored.body);
    api.service.clock.advance(SECOND_MS);
    expectProblem(await sign(created, ONE), 409, 'recording-stored');
    expectProblem(await api.call('get', `${created.path}/parts`), 409, 'recording-stored');
    expectProblem(await api.call('post', `${created.path}/abort`), 409, 'recording-stored');
  });

  it('is not complete with a part in the middle that is too small, nor while the store is away, until it is asked again', async () => {
    const created = await api.create();
    const parts = [file.subarray(0, 5 * MIB), file.subarray(0, 1000), file.subarray(10 * MIB)];
    await uploadParts(api.service.context, created.ref, parts);
    expect((await complete(created)).body).toMatchObject({ code: 'parts-mismatch', partNumbers: [2] });
    await api.upload(created, file, [2]);
    const recover = store.failOn('completeMultipartUpload', mediaKey(created.ref));
    const away = await complete(created);
    recover();
    expectProblem(away, 503, 'store-unavailable');
    expect(away.headers['retry-after']).toBe('5');
    expect((await complete(created)).body).toMatchObject({ sizeBytes: file.length });
  });

  it('is complete with the very parts that the client names, with the quotes of an ETag or without', async () => {
    const created = await api.create();
    await api.upload(created, file);
    const parts = (await partsOf(created)).map(({ partNumber, etag }) => {
      return { partNumber, etag: partNumber === 1 ? etag : etag.replaceAll('"', '') };
    });
    const wrong = { partNumber: 2, etag: '"0123456789abcdef"' };
    for (const [named, status, code] of [
      [[...parts, { ...wrong, partNumber: 4 }], 409, 'parts-missing'],
      [parts.slice(0, 2), 409, 'parts-mismatch'],
      [[], 409, 'parts-mismatch'],
      [parts.with(1, wrong), 409, 'parts-mismatch'],
      [parts.with(0, { partNumber: 1, etag: '' }), 422, 'invalid-request'],
    ] as const) {
      expectProblem(await complete(created, { parts: named }), status, code);
    }
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
    expect((await complete(created, { parts })).body).toMatchObject({ state: 'stored', sizeBytes: file.length });
  });

  it('is not complete above the limit, nor after its deadline, when there are no part URLs for it either', async () => {
    const small = await startApi({ uploads: { maxRecordingBytes: 6 * MIB } });
    const created = await small.create();
    await small.upload(created, enlargeWebm(webm, 7 * MIB));
    expectProblem(await complete(created, {}, small), 413, 'recording-too-large');
    expect((await small.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
    await small.upload(created, enlargeWebm(webm, 6 * MIB), [2]);
    small.service.clock.advance(30 * DAY_MS);
    expectProblem(await sign(created, ONE, small), 410, 'recording-expired');
    const answer = await complete(created, {}, small);
    expectProblem(answer, 410, 'recording-expired');
    expect(answer.body).toMatchObject({ deadline: created.recording.deleteBy });
    expect(await small.service.keys('attempts/')).toEqual([expect.stringMatching(/recording\.json$/)]);
  });
});
