// POST …/complete: when parts become a recording, and when they do not.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { enlargeWebm } from '../../demo/webm.ts';
import { DAY_MS } from '../../src/domain/durations.ts';
import type { ProblemCode } from '../../src/http/problem-codes.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, mediaKey } from '../kit/interventions.ts';
import { uploadParts } from '../kit/service.ts';
import { type Answer, type Api, type CreatedRecording, startApi } from './api.ts';
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

async function etagsOf(created: CreatedRecording): Promise<{ partNumber: number; etag: string }[]> {
  const { body } = await api.call<{ parts: { partNumber: number; etag: string }[] }>('get', `${created.path}/parts`);
  return body.parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

/** Of several at once each may be the one that marks the time, some milliseconds apart. */
function expectSameAtOnce(...answers: Answer<Recording>[]): void {
  const storedAt = answers[0]?.body.storedAt ?? null;
  expectSame(...answers.map((answer) => ({ ...answer, body: { ...answer.body, storedAt } })));
}

function expectSame(...answers: Answer<Recording>[]): void {
  const [first] = answers;
  for (const { status, body } of answers) {
    expect(status).toBe(200);
    expect(body).toEqual(first?.body);
  }
}

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

  it('twice, with the same answer, and with an empty object for a body too', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const first = await complete(created);
    expectSame(first, await complete(created), await complete(created, {}));
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

  it('with a timeline, which is kept and shown', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    expect((await complete(created, { timeline: TIMELINE })).body.timeline).toEqual(TIMELINE);
    const other = { ...TIMELINE, gaps: [] };
    expect((await complete(created, { timeline: other })).body.timeline).toEqual(TIMELINE);
    expect((await api.call('get', created.path)).body.timeline).toEqual(TIMELINE);
  });

  it('with the timeline of the call that succeeds, not of one that was refused before', async () => {
    const created = await api.create();
    await api.upload(created, file, [1, 3]);
    expectProblem(await complete(created, { timeline: { ...TIMELINE, gaps: [] } }), 409, 'parts-missing');
    await api.upload(created, file, [2]);
    expect((await complete(created, { timeline: TIMELINE })).body.timeline).toEqual(TIMELINE);
  });

  it('for all who complete it at once', async () => {
    const created = await api.create();
    await api.upload(created, file);
    const answers = await Promise.all(Array.from({ length: 4 }, () => complete(created)));
    expectSameAtOnce(...answers);
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
      expectSameAtOnce(fast, await slow);
    },
  );
});

describe('a recording is not complete', () => {
  it('without parts', async () => {
    const answer = await complete(await api.create());
    expectProblem(answer, 409, 'parts-missing');
    expect(answer.body).toMatchObject({ partNumbers: [1] });
  });

  it('with gaps, which are named', async () => {
    const created = await api.create();
    await api.upload(created, enlargeWebm(webm, 25 * MIB), [2, 5]);
    const answer = await complete(created);
    expectProblem(answer, 409, 'parts-missing');
    expect(answer.body).toMatchObject({ partNumbers: [1, 3, 4] });
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

  it('after its deadline', async () => {
    const late = await startApi();
    const created = await late.create();
    await late.upload(created, webm);
    late.service.clock.advance(30 * DAY_MS);
    const answer = await late.call('post', `${created.path}/complete`);
    expectProblem(answer, 410, 'recording-expired');
    expect(answer.body.deadline).toBe(created.recording.deleteBy);
    expect(await late.service.keys('attempts/')).toEqual([expect.stringMatching(/recording\.json$/)]);
  });

  it('while the store is away, and is when it is asked again', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const mend = store.failOn('completeMultipartUpload', mediaKey(created.ref));
    const answer = await complete(created);
    mend();
    expectProblem(answer, 503, 'store-unavailable');
    expect(answer.headers['retry-after']).toBe('5');
    expect((await complete(created)).status).toBe(200);
  });
});

describe('a file that is no recording', () => {
  it.each<[string, string, Uint8Array]>([
    ['text', 'video/webm', Buffer.from('<script>alert(1)</script>'.repeat(100))],
    ['one byte', 'video/webm', Buffer.from([0x1a])],
    ['an executable', 'video/webm', Buffer.from('7f454c4602010100', 'hex')],
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
