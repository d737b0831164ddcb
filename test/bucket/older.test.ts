// The layout of the bucket is a promise: what version 0.1 wrote, key for key, is read, swept and verified.
import { expect, test } from '@jest/globals';
import { DAY_MS } from '../../src/model/durations.ts';
import { newRecordingId } from '../../src/model/ids.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { webm } from '../kit/fixtures.ts';
import { startRetention } from '../sweeper/support.ts';

test('a bucket of version 0.1 is read, and everything in it is deleted on time with a receipt', async () => {
  const service = startRetention();
  const { store, clock, context } = service;
  const createdAtMs = clock.now();
  const recording = newRecordingId(createdAtMs, (length) => new Uint8Array(length).fill(7));
  const ref = { tenant: 'acme', exam: 'math', attempt: 'a-1', recording };
  const keyTime = (timeMs: number) => new Date(timeMs).toISOString().replace(/[-:.]/g, '');
  const iso = (timeMs: number) => new Date(timeMs).toISOString();
  const folder = `attempts/acme/math/a-1/${recording}`;
  const ids = { tenantId: 'acme', examId: 'math', attemptId: 'a-1', recordingId: recording };
  const manifest = {
    version: 1,
    ...ids,
    participantId: 'p_1',
    kind: 'webcam',
    contentType: 'video/webm;codecs=vp8,opus',
    consent: { givenAt: '2026-01-02T10:55:00+01:00', policyVersion: '2026-05' },
    createdAt: iso(createdAtMs),
    partSizeBytes: 5242880,
    uploadId: 'gone-since-it-was-completed',
  };
  const timeline = { startedAt: iso(createdAtMs), endedAt: iso(createdAtMs + 60_000), gaps: [] };
  const restriction = { version: 1, reason: 'a dispute', actor: 'desk', restrictedAt: iso(createdAtMs) };
  const linkIssued = { at: iso(createdAtMs), ...ids, event: 'link-issued', actor: 'r', requestId: 'x' };
  const deadlineMs = createdAtMs + 30 * DAY_MS;
  const due = (timeMs: number, unique: string) => `due/${keyTime(timeMs)}/attempt/acme/math/a-1/${unique}`;
  const bucket: Record<string, string | Uint8Array> = {
    [`${folder}/recording.json`]: JSON.stringify(manifest),
    [`${folder}/media`]: webm,
    [`${folder}/stored`]: JSON.stringify({ version: 1, parts: [{ partNumber: 1, etag: '"e"' }] }),
    [`${folder}/timeline.json`]: JSON.stringify(timeline),
    [`${folder}/restricted`]: JSON.stringify(restriction),
    [`${folder}/truncated`]: '',
    [`${folder}/announced`]: '',
    [`attempts/acme/math/a-1/assessed/${keyTime(createdAtMs)}`]: '',
    [`participants/acme/p_1/math/a-1/${recording}`]: '',
    [due(deadlineMs, 'u1')]: '',
    [due(deadlineMs, 'u2')]: '',
    [`audit/${iso(createdAtMs).slice(0, 10)}/acme/math/a-1/${recording}/${keyTime(createdAtMs)}-link-issued-u3.json`]:
      JSON.stringify(linkIssued),
  };
  for (const [key, body] of Object.entries(bucket)) await service.put(key, body);
  await store.tag(`${folder}/media`, { 'delete-by': iso(deadlineMs), 'assessment-completed-at': iso(createdAtMs) });

  expect(await readRecording(context, ref)).toMatchObject({
    examId: 'math',
    attemptId: 'a-1',
    recordingId: recording,
    participantId: 'p_1',
    contentType: 'video/webm;codecs=vp8,opus',
    container: null,
    state: 'stored',
    sizeBytes: webm.length,
    truncated: true,
    restricted: true,
    timeline,
    deleteBy: iso(deadlineMs),
    assessment: { completedAt: iso(createdAtMs) },
  });
  clock.advance(DAY_MS);
  expect(await service.kinds()).toEqual([]);
  clock.advance(30 * DAY_MS);
  expect(await service.sweep()).toMatchObject({ due: 1, failed: 0, deleted: { recordings: 1 } });
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
  expect(await service.due('attempt')).toEqual([]);
  const receipt = JSON.parse(
    Buffer.from((await store.get(`receipts/acme/math/a-1/${recording}.json`)) ?? []).toString(),
  );
  expect(receipt).toMatchObject({ ...ids, participantId: 'p_1', reason: 'retention', deadline: iso(deadlineMs) });
  expect(await service.kinds()).toEqual([]);
});

test('a receipt and its index of version 0.1 are read, checked and expired', async () => {
  const service = startRetention();
  const atMs = service.clock.now();
  const recording = newRecordingId(atMs, (length) => new Uint8Array(length).fill(9));
  const iso = new Date(atMs).toISOString();
  const keyTime = (timeMs: number) => new Date(timeMs).toISOString().replace(/[-:.]/g, '');
  const run = `sweep-${keyTime(atMs)}-u1`;
  const receipt = {
    tenantId: 'acme',
    examId: 'math',
    attemptId: 'a1',
    recordingId: recording,
    participantId: null,
    reason: 'retention',
    deadline: iso,
    deletedAt: iso,
    verifiedAt: iso,
    actor: 'sweeper',
    objects: 3,
    versions: 0,
    bytes: 9,
    chain: { run, sequence: 1, previous: null },
  };
  const key = `receipts/acme/math/a1/${recording}.json`;
  await service.put(key, JSON.stringify(receipt));
  const index = `due/${keyTime(atMs + 365 * DAY_MS)}/receipts/u2`;
  await service.put(index, JSON.stringify({ version: 1, run, first: 1, previous: null, keys: [key] }));
  service.clock.advance(DAY_MS);
  expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1 });
  service.clock.advance(365 * DAY_MS);
  expect(await service.sweep()).toMatchObject({ receiptsExpired: 1, failed: 0 });
  expect(await service.keys()).toEqual([]);
});
