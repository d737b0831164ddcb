// …/parts and …/complete: part URLs, when parts become a recording, and when they do not.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/domain/durations.ts';
import type { ProblemCode } from '../../src/http/problem-codes.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import type { SignedPart } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey } from '../kit/interventions.ts';
import { uploadParts } from '../kit/service.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

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

function complete(created: CreatedRecording, body?: object) {
  const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
  return api.call<Recording>('post', `${created.path}/complete`, { as, ...(body ? { body } : {}) });
}

function signOne(created: CreatedRecording, [partNumber, sizeBytes]: readonly [number, number], by = api) {
  const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
  const body = { parts: [{ partNumber, sizeBytes }] };
  return by.call<{ parts: SignedPart[] }>('post', `${created.path}/parts`, { as, body });
}

async function etagsOf(created: CreatedRecording): Promise<{ partNumber: number; etag: string }[]> {
  const { body } = await api.call<{ parts: { partNumber: number; etag: string }[] }>('get', `${created.path}/parts`);
  return body.parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

describe('part URLs', () => {
  it('are given for the parts that are named, in their order', async () => {
    const created = await api.create();
    const sizes = [
      { partNumber: 3, sizeBytes: 1000 },
      { partNumber: 1, sizeBytes: 5 * MIB },
    ];
    const answer = await api.call('post', `${created.path}/parts`, { body: { parts: sizes } });
    // A signature has its time in whole seconds.
    const signedMs = api.service.clock.now() - (api.service.clock.now() % SECOND_MS);
    expect(answer.body.parts).toEqual(
      sizes.map(({ partNumber, sizeBytes }) => ({
        partNumber,
        method: 'PUT',
        url: expect.stringContaining(`partNumber=${partNumber}&`),
        headers: { 'content-length': String(sizeBytes) },
        expiresAt: new Date(signedMs + HOUR_MS).toISOString(),
      })),
    );
  });

  it.each<[string, [number, number], ProblemCode]>([
    ['half a byte', [1, 0.5], 'invalid-request'],
    ['a size above the limit', [1, 5 * MIB + 1], 'part-too-large'],
    ['a number above the limit', [21, 1], 'part-number-too-large'],
  ])('are not given for %s', async (_, part, code) => {
    expectProblem(await signOne(await api.create(), part), 422, code);
  });

  it('expire after the time that is set', async () => {
    const brief = await startApi({ uploads: { partUrlTtlMs: 15 * SECOND_MS } });
    const [part] = (await signOne(await brief.create(), [1, 1000], brief)).body.parts;
    const put = async () => (await brief.service.putPart(part as SignedPart, new Uint8Array(1000))).status;
    expect(await put()).toBe(200);
    brief.service.clock.advance(16 * SECOND_MS);
    expect(await put()).toBe(403);
  });

  it('asked for many times at once share a look at the store', async () => {
    const interventions = createInterventions();
    const watched = await startApi({ wrap: interventions.wrap });
    const created = await watched.create();
    watched.service.context.takingParts.clear();
    let looks = 0;
    interventions.watch('list', () => {
      looks += 1;
    });
    const ask = () => signOne(created, [1, 1], watched);
    const answers = await Promise.all(Array.from({ length: 8 }, ask));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(looks).toBe(1);
  });

  it('are given again right after a look at the store that failed', async () => {
    const interventions = createInterventions();
    const broken = await startApi({ wrap: interventions.wrap });
    const created = await broken.create();
    broken.service.context.takingParts.clear();
    const recover = interventions.failOn('list', 'attempts/');
    const ask = () => signOne(created, [1, 1], broken);
    for (const answer of await Promise.all([ask(), ask()])) expectProblem(answer, 503, 'store-unavailable');
    recover();
    expect((await ask()).status).toBe(200);
  });

  it('of a recording that is complete are refused, and its parts are no parts any more', async () => {
    const stored = await api.store();
    api.service.clock.advance(SECOND_MS);
    expectProblem(await signOne(stored, [1, 10]), 409, 'recording-stored');
    expectProblem(await api.call('get', `${stored.path}/parts`), 409, 'recording-stored');
  });
});

it('the parts that have arrived show where to resume, in whatever order they came', async () => {
  const created = await api.create();
  const arrived = async () => (await api.call('get', `${created.path}/parts`)).body.parts;
  expect(await arrived()).toEqual([]);
  await api.upload(created, file, [3, 1]);
  expect(await arrived()).toEqual([
    { partNumber: 1, sizeBytes: 5 * MIB, etag: expect.any(String) },
    { partNumber: 3, sizeBytes: 2 * MIB, etag: expect.any(String) },
  ]);
});

describe('a recording is complete', () => {
  it('when all its parts are there', async () => {
    const created = await api.create();
    await api.upload(created, file);
    const answer = await complete(created);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      ...created.recording,
      state: 'stored',
      storedAt: expect.stringMatching(/Z$/),
      sizeBytes: file.length,
    });
    expect((await api.call('get', created.path)).body).toEqual(answer.body);
  });

  it('with the parts that the client names, whether it keeps the quotes of the ETags or not', async () => {
    for (const unquote of [false, true]) {
      const created = await api.create();
      await api.upload(created, file);
      const parts = (await etagsOf(created)).map(({ partNumber, etag }) => ({
        partNumber,
        etag: unquote ? etag.replaceAll('"', '') : etag,
      }));
      expect((await complete(created, { parts })).body).toMatchObject({ state: 'stored', sizeBytes: file.length });
    }
  });

  it('with the timeline of the call that succeeds, not of one before or after', async () => {
    const created = await api.create();
    await api.upload(created, file, [1, 3]);
    const other = { ...TIMELINE, gaps: [] };
    expectProblem(await complete(created, { timeline: other }), 409, 'parts-missing');
    await api.upload(created, file, [2]);
    expect((await complete(created, { timeline: TIMELINE })).body.timeline).toEqual(TIMELINE);
    expect((await complete(created, { timeline: other })).body.timeline).toEqual(TIMELINE);
    expect((await api.call('get', created.path)).body.timeline).toEqual(TIMELINE);
  });

  it.each(['listParts', 'completeMultipartUpload', 'getStart', 'tag'] as const)(
    'for one that is overtaken by another before its %s',
    async (call) => {
      const created = await api.create();
      await api.upload(created, webm);
      const held = store.holdNext(call);
      const slow = complete(created, { timeline: TIMELINE });
      await held.reached;
      const fast = await complete(created, { timeline: TIMELINE });
      held.release();
      const late = await slow;
      expect([fast.status, late.status]).toEqual([200, 200]);
      // Each may be the one that marks the time.
      expect(late.body).toEqual({ ...fast.body, storedAt: expect.any(String) });
      expect((await complete(created, {})).body).toEqual((await api.call('get', created.path)).body);
    },
  );
});

describe('a recording is not complete', () => {
  it('without parts, or with gaps, which are named', async () => {
    const created = await api.create();
    for (const [uploaded, missing] of [
      [[], [1]],
      [
        [2, 5],
        [1, 3, 4],
      ],
    ] as const) {
      if (uploaded.length > 0) await api.upload(created, enlargeWebm(webm, 25 * MIB), uploaded);
      const answer = await complete(created);
      expectProblem(answer, 409, 'parts-missing');
      expect(answer.body).toMatchObject({ partNumbers: missing });
    }
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading', timeline: null });
  });

  it('with a part in the middle that is too small, until it is sent again', async () => {
    const created = await api.create();
    await uploadParts(api.service.context, created.ref, [
      file.subarray(0, 5 * MIB),
      file.subarray(0, 1000),
      file.subarray(10 * MIB),
    ]);
    const answer = await complete(created);
    expectProblem(answer, 409, 'parts-mismatch');
    expect(answer.body).toMatchObject({ partNumbers: [2] });
    await api.upload(created, file, [2]);
    expect((await complete(created)).body).toMatchObject({ sizeBytes: file.length });
  });

  describe('when the list of the client', () => {
    type Parts = { partNumber: number; etag: string }[];
    const wrong = { partNumber: 2, etag: '"0123456789abcdef"' };
    let created: CreatedRecording;
    beforeAll(async () => {
      created = await api.create();
      await api.upload(created, file);
    });

    it.each<[string, (parts: Parts) => object[], 409 | 422, ProblemCode]>([
      ['names a part that the store lacks', (parts) => [...parts, { ...wrong, partNumber: 4 }], 409, 'parts-missing'],
      ['leaves one out', (parts) => parts.slice(0, 2), 409, 'parts-mismatch'],
      ['names none', () => [], 409, 'parts-mismatch'],
      ['has another ETag', (parts) => parts.with(1, wrong), 409, 'parts-mismatch'],
      ['has an empty ETag', (parts) => parts.with(0, { partNumber: 1, etag: '' }), 422, 'invalid-request'],
    ])('%s', async (_, change, status, code) => {
      expectProblem(await complete(created, { parts: change(await etagsOf(created)) }), status, code);
      expect((await api.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
    });
  });

  it('above the limit', async () => {
    const small = await startApi({ uploads: { maxRecordingBytes: 6 * MIB } });
    const created = await small.create();
    await small.upload(created, enlargeWebm(webm, 7 * MIB));
    expectProblem(await small.call('post', `${created.path}/complete`), 413, 'recording-too-large');
    expect((await small.call('get', created.path)).body).toMatchObject({ state: 'uploading' });
  });

  it('after its deadline, nor are there part URLs for it', async () => {
    const late = await startApi();
    const created = await late.create();
    await late.upload(created, webm);
    late.service.clock.advance(30 * DAY_MS);
    expectProblem(await signOne(created, [1, 1], late), 410, 'recording-expired');
    const answer = await late.call('post', `${created.path}/complete`);
    expectProblem(answer, 410, 'recording-expired');
    expect(answer.body.deadline).toBe(created.recording.deleteBy);
    expect(await late.service.keys('attempts/')).toEqual([expect.stringMatching(/recording\.json$/)]);
  });

  it('while the store is away, and is when it is asked again', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const recover = store.failOn('completeMultipartUpload', mediaKey(created.ref));
    const answer = await complete(created);
    recover();
    expectProblem(answer, 503, 'store-unavailable');
    expect(answer.headers['retry-after']).toBe('5');
    expect((await complete(created)).status).toBe(200);
  });
});

describe('a file that is no recording', () => {
  it.each<[string, string, Uint8Array]>([
    ['one byte', 'video/webm', Buffer.from([0x1a])],
    ['a WebM that was announced as MP4', 'video/mp4', webm],
    ['an MP4 that was announced as WebM', 'video/webm', Buffer.from('000000186674797069736f6d', 'hex')],
    ['an EBML file of another type', 'video/webm', Buffer.from('1a45dfa38742828465766966', 'hex')],
  ])('is refused and not kept: %s as %s', async (_, contentType, bytes) => {
    const created = await api.create({}, { contentType });
    await api.upload(created, bytes);
    expectProblem(await complete(created, { timeline: TIMELINE }), 422, 'not-a-recording');
    await expectNothingLeft(api.service.store, created.ref);
    const after = await complete(created);
    expectProblem(after, 410, 'recording-deleted');
    expect(after.body).toMatchObject({
      receipt: {
        recordingId: created.ref.recording,
        reason: 'not-a-recording',
        actor: 'service',
        participantId: 'p-1',
      },
    });
  });
});
