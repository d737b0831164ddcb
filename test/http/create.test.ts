// POST …/recordings: how a recording begins.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { createdAtOf, newRecordingId } from '../../src/domain/ids.ts';
import { attemptPrefix, recordingKey } from '../../src/domain/keys.ts';
import type { ProblemCode } from '../../src/http/problem-codes.ts';
import { MAX_RECORDINGS_AN_ATTEMPT } from '../../src/recordings/create.ts';
import { overriding } from '../kit/interventions.ts';
import { type Api, CREATE_BODY, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const FIVE_MIB = 5 * 1024 * 1024;
let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const pathOf = (attempt = newAttempt()) => `/v1/exams/math/attempts/${attempt}/recordings`;
const post = (body: object, path = pathOf()) =>
  api.call('post', path, { as: { scope: 'recordings:upload' }, body: { ...CREATE_BODY, ...body } });

describe('a new recording', () => {
  it('is answered with its place, its deadline and the URL of its first part', async () => {
    const path = pathOf('sitting-1');
    const answer = await post({}, path);
    expect(answer.status).toBe(201);
    const { recording, upload } = answer.body as { recording: Record<string, string>; upload: object };
    expect(recording).toEqual({
      recordingId: expect.stringMatching(/^[0-9a-v]{36}$/),
      examId: 'math',
      attemptId: 'sitting-1',
      participantId: 'p-1',
      kind: 'webcam',
      contentType: 'video/webm;codecs=vp8,opus',
      consent: CREATE_BODY.consent,
      state: 'uploading',
      createdAt: expect.any(String),
      storedAt: null,
      sizeBytes: null,
      assessment: null,
      deleteBy: expect.any(String),
      restricted: false,
      truncated: false,
      timeline: null,
    });
    const { recordingId = '', createdAt = '', deleteBy = '' } = recording;
    expect(answer.headers.location).toBe(`${path}/${recordingId}`);
    expect(createdAtOf(recordingId)).toBe(Date.parse(createdAt));
    expect(Date.parse(deleteBy) - Date.parse(createdAt)).toBe(30 * DAY_MS);
    const read = await api.call('get', answer.headers.location ?? '', { as: { scope: 'recordings:review' } });
    expect(read.body).toEqual(recording);
    expect(upload).toEqual({
      partSizeBytes: FIVE_MIB,
      maxParts: 20,
      parts: [
        {
          partNumber: 1,
          method: 'PUT',
          url: expect.stringMatching(/^http.*partNumber=1&/),
          headers: { 'content-length': String(FIVE_MIB) },
          expiresAt: expect.any(String),
        },
      ],
    });
  });

  it.each([
    [0, 0],
    [20, 20],
    [1000, 20],
  ])('asked for %i part URLs gives %i', async (parts, given) => {
    const { upload } = await api.create({}, { parts });
    expect(upload.parts.map(({ partNumber }) => partNumber)).toEqual(Array.from({ length: given }, (_, at) => at + 1));
    for (const part of upload.parts.slice(-1)) {
      expect((await api.service.putPart(part, new Uint8Array(FIVE_MIB))).status).toBe(200);
    }
  });

  it('is another one with each call, at the same time too, of every kind and type that is allowed', async () => {
    const path = pathOf();
    const kinds = [
      {},
      { kind: 'screen', contentType: 'video/webm' },
      { kind: 'audio', contentType: 'audio/webm;codecs=opus' },
      { kind: 'webcam', contentType: 'video/mp4;codecs="avc1.42E01E, mp4a.40.2"' },
    ];
    const answers = await Promise.all(kinds.map((body) => post(body, path)));
    expect(answers.map(({ status }) => status)).toEqual(kinds.map(() => 201));
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(kinds.length);
    expect((await api.call('get', path)).body.items).toHaveLength(kinds.length);
  });
});

const { consent } = CREATE_BODY;
describe('no recording begins, and nothing is left,', () => {
  it.each<[ProblemCode, object]>([
    ['consent-missing', { consent: undefined }],
    ['consent-missing', { consent: null }],
    ...[
      'text/html',
      'video/x-msvideo',
      'video/webm, text/html',
      'video/webm;codecs=vp8\r\nx-evil: 1',
      'VIDEO/WEBM',
      'video/webm;charset=utf-8',
    ].map((contentType) => ['content-type-not-allowed', { contentType }] as [ProblemCode, object]),
    ...[
      { consent: { policyVersion: '1' } },
      { consent: { ...consent, givenAt: 'yesterday' } },
      { consent: { ...consent, givenAt: '2026-01-02T09:55:00' } },
      { consent: { ...consent, policyVersion: '' } },
      { consent: { ...consent, policyVersion: 'x'.repeat(65) } },
      { consent: { ...consent, name: 'Ada' } },
      { participantId: 'ada@example.org' },
      { participantId: 'a/b' },
      { participantId: 'a'.repeat(65) },
      { participantId: undefined },
      { kind: 'keyboard' },
      { contentType: 'x'.repeat(201) },
      { parts: -1 },
      { parts: 1001 },
    ].map((change) => ['invalid-request', change] as [ProblemCode, object]),
  ])('%s: %j', async (code, change) => {
    const before = await api.service.keys();
    const answer = await post(change);
    expectProblem(answer, 422, code);
    if (code === 'content-type-not-allowed') expect(answer.body.allowed).toContain('video/webm');
    expect(await api.service.keys()).toEqual(before);
  });

  it.each([
    [MAX_RECORDINGS_AN_ATTEMPT, 409],
    [MAX_RECORDINGS_AN_ATTEMPT - 1, 201],
  ])('for an attempt that has as many recordings as one may have: with %i it is %i', async (count, status) => {
    const attempt = newAttempt();
    const place = { tenant: 'acme', exam: 'math', attempt };
    const others = Array.from({ length: count }, () => {
      const recording = newRecordingId(api.service.clock.now(), randomBytes);
      return { key: recordingKey({ ...place, recording }, 'manifest'), sizeBytes: 1, lastModifiedMs: 0 };
    });
    const crowded = await startApi({
      wrap: (store) =>
        overriding(store, {
          async list(prefix, options) {
            const page = await store.list(prefix, options);
            return prefix === attemptPrefix(place) ? { ...page, objects: [...others, ...page.objects] } : page;
          },
        }),
    });
    const answer = await crowded.call('post', pathOf(attempt), { body: CREATE_BODY });
    expect(answer.status).toBe(status);
    if (status === 409) expectProblem(answer, 409, 'attempt-full');
  });
});

it('a service through which all uploads pass gives no part URLs', async () => {
  const proxy = await startApi({ uploads: { mode: 'proxy' } });
  const created = await proxy.create({}, { parts: 3 });
  expect(created.upload.parts).toEqual([]);
  const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
  expectProblem(await proxy.call('post', `${created.path}/parts`, { body }), 409, 'uploads-proxied');
});
