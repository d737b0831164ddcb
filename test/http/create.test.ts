// POST …/recordings: how a recording begins.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { createdAtOf, newRecordingId } from '../../src/domain/ids.ts';
import { attemptPrefix, recordingKey } from '../../src/domain/keys.ts';
import { MAX_RECORDINGS_AN_ATTEMPT } from '../../src/recordings/create.ts';
import { overriding } from '../kit/overriding.ts';
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

  it('shows the same when it is read', async () => {
    const answer = await post({});
    const read = await api.call('get', answer.headers.location ?? '', { as: { scope: 'recordings:review' } });
    expect(read.body).toEqual(answer.body.recording);
  });

  it.each([
    [0, 0],
    [3, 3],
    [20, 20],
    [1000, 20],
  ])('asked for %i part URLs gives %i', async (parts, given) => {
    const { body } = await post({ parts });
    const numbers = (body.upload as { parts: { partNumber: number }[] }).parts.map(({ partNumber }) => partNumber);
    expect(numbers).toEqual(Array.from({ length: given }, (_, index) => index + 1));
  });

  it('gives URLs that take parts', async () => {
    const created = await api.create({}, { parts: 2 });
    for (const part of created.upload.parts) {
      expect((await api.service.putPart(part, new Uint8Array(FIVE_MIB))).status).toBe(200);
    }
    const { body } = await api.call('get', `${created.path}/parts`);
    expect(body.parts).toEqual([
      { partNumber: 1, sizeBytes: FIVE_MIB, etag: expect.any(String) },
      { partNumber: 2, sizeBytes: FIVE_MIB, etag: expect.any(String) },
    ]);
  });

  it('is another one with each call, at the same time too', async () => {
    const path = pathOf();
    const answers = await Promise.all(Array.from({ length: 5 }, () => post({}, path)));
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(5);
    const { body } = await api.call('get', path);
    expect(body.items).toHaveLength(5);
  });

  it('may be of every kind, and of every type that is allowed', async () => {
    for (const body of [
      { kind: 'screen', contentType: 'video/webm' },
      { kind: 'audio', contentType: 'audio/webm;codecs=opus' },
      { kind: 'webcam', contentType: 'video/mp4;codecs="avc1.42E01E, mp4a.40.2"' },
    ]) {
      expect((await post(body)).status).toBe(201);
    }
  });

  it('may have ids of 64 characters', async () => {
    const long = 'a'.repeat(64);
    const path = `/v1/exams/${long}/attempts/${long}/recordings`;
    const answer = await post({ participantId: long }, path);
    expect(answer.status).toBe(201);
    expect((await api.call('get', answer.headers.location ?? '')).status).toBe(200);
  });
});

describe('no recording begins', () => {
  it.each([{ consent: undefined }, { consent: null }])('without consent: %j', async (body) => {
    expectProblem(await post(body), 422, 'consent-missing');
  });

  it.each([
    'application/octet-stream',
    'text/html',
    'image/png',
    'video/x-msvideo',
    'video',
    'video/webm, text/html',
    'video/webm;codecs=vp8\r\nx-evil: 1',
    'VIDEO/WEBM',
    'video/webm;charset=utf-8',
  ])('of the content type "%s"', async (contentType) => {
    const answer = await post({ contentType });
    expectProblem(answer, 422, 'content-type-not-allowed');
    expect(answer.body.allowed).toContain('video/webm');
  });

  it.each<object>([
    { consent: { givenAt: CREATE_BODY.consent.givenAt } },
    { consent: { policyVersion: '1' } },
    { consent: { ...CREATE_BODY.consent, givenAt: '' } },
    { consent: { ...CREATE_BODY.consent, givenAt: 'yesterday' } },
    { consent: { ...CREATE_BODY.consent, givenAt: '2026-01-02' } },
    { consent: { ...CREATE_BODY.consent, givenAt: '2026-01-02T09:55:00' } },
    { consent: { ...CREATE_BODY.consent, givenAt: 1_767_347_700_000 } },
    { consent: { ...CREATE_BODY.consent, policyVersion: '' } },
    { consent: { ...CREATE_BODY.consent, policyVersion: 7 } },
    { consent: { ...CREATE_BODY.consent, policyVersion: 'x'.repeat(65) } },
    { consent: { ...CREATE_BODY.consent, name: 'Ada' } },
    { participantId: 'ada@example.org' },
    { participantId: '..' },
    { participantId: 'a/b' },
    { participantId: 'é' },
    { participantId: 'a'.repeat(65) },
    { participantId: '' },
    { participantId: 7 },
    { participantId: undefined },
    { kind: 'keyboard' },
    { kind: undefined },
    { contentType: '' },
    { contentType: undefined },
    { contentType: 'x'.repeat(201) },
    { parts: -1 },
    { parts: 1.5 },
    { parts: '1' },
    { parts: 1001 },
    { parts: null },
  ])('with %j', async (change) => {
    expectProblem(await post(change), 422, 'invalid-request');
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

  it('that leaves anything behind', async () => {
    const before = await api.service.keys();
    await post({ consent: null });
    await post({ contentType: 'text/html' });
    await post({ participantId: 'ada@example.org' });
    expect(await api.service.keys()).toEqual(before);
  });
});

it('a service through which all uploads pass gives no part URLs', async () => {
  const proxy = await startApi({ uploads: { mode: 'proxy' } });
  const created = await proxy.create({}, { parts: 3 });
  expect(created.upload.parts).toEqual([]);
  const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
  expectProblem(await proxy.call('post', `${created.path}/parts`, { body }), 409, 'uploads-proxied');
});
