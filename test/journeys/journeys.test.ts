// The whole application on a real store, under an odd key prefix: what a store could make different, from end to end.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ProctoringRecordings } from '@proctoring-recordings/sdk';
import { unzipSync } from 'fflate';
import { seedRecordings } from '../../bench/seed.ts';
import { enlargeWebm } from '../../demo/webm.ts';
import { parseDocument } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { PresignedPart } from '../../src/recordings/upload.ts';
import { type Api, type CreatedRecording, startApi } from '../http/api.ts';
import { beginSending, formWith } from '../http/calls.ts';
import { expectProblem } from '../http/expectations.ts';
import { readReceipt } from '../kit/bucket.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { participantKey, recordingKey } from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import type { TestService } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { until } from '../kit/until.ts';
import { openTestStore } from '../objectstore/stores.ts';

const LONGEST_ID = `9${'-_Z'.repeat(21)}`;
const large = enlargeWebm(webm, 11 * MIB);

let api: Api;
let service: TestService;
beforeAll(async () => {
  service = startServiceOn(await openTestStore({ keyPrefix: 'exams of 2026/ü+%2F\'"/' }));
  api = await startApi({ service });
});

const complete = ({ path }: CreatedRecording) => api.call<Recording>('post', `${path}/complete`, { body: {} });
const tagsOf = ({ ref }: CreatedRecording) => service.store.tags(recordingKey(ref, 'media'));
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

async function playbackUrl({ path }: CreatedRecording, as = {}): Promise<string> {
  const { status, body } = await api.call<{ url: string }>('post', `${path}/playback-links`, { as });
  expect(status).toBe(201);
  return body.url;
}

async function expectPlays(created: CreatedRecording, file: Uint8Array = webm, as = {}): Promise<void> {
  const played = await service.testStore.fetch(await playbackUrl(created, as));
  expect(played.status).toBe(200);
  expect((await bytesOf(played)).equals(file)).toBe(true);
}

/** The URL of a part, as the service signs it. */
async function signed({ path }: CreatedRecording, partNumber = 1, sizeBytes = webm.length): Promise<PresignedPart> {
  const body = { parts: [{ partNumber, sizeBytes }] };
  const answer = await api.call<{ parts: [PresignedPart] }>('post', `${path}/parts`, { body });
  expect(answer.status).toBe(200);
  return answer.body.parts[0];
}

/** Some stores close the connection on a body that they refuse (versitygw 1.8). */
async function expectDead(part: PresignedPart, file: Uint8Array = webm): Promise<void> {
  const status = await service.putPart(part, file).then(
    (answer) => answer.status,
    () => 'closed',
  );
  expect([403, 404, 'closed']).toContain(status);
}

/** The parts that the store has of an upload; undefined when it has no such upload. */
async function partsOf({ ref }: CreatedRecording) {
  const body = (await service.store.get(recordingKey(ref, 'manifest'))) ?? new Uint8Array();
  const uploadId = parseDocument('manifest', body, ref)?.uploadId ?? '';
  return () => service.store.listParts(recordingKey(ref, 'media'), uploadId);
}

async function expectReceipt({ path, ref }: CreatedRecording, reason: string): Promise<void> {
  await expectNothingLeft(service.store, ref);
  const answer = await api.call('get', path);
  expectProblem(answer, 410, 'recording-deleted');
  expect(answer.body.receipt).toMatchObject({ reason, recordingId: ref.recording });
}

describe('an upload', () => {
  const SIZES = [webm.length, 5 * MIB, 5 * MIB + 1, 11 * MIB];
  test.each(SIZES)('of %d bytes is played whole, and in part', async (sizeBytes) => {
    const file = sizeBytes === webm.length ? webm : enlargeWebm(webm, sizeBytes);
    const stored = await api.store({}, file);
    expect(stored.recording).toMatchObject({ state: 'stored', sizeBytes });
    await expectPlays(stored, file);
    // Across the end of the first part, where there are several.
    const [from, to] = sizeBytes > 5 * MIB ? [5 * MIB - 1, 5 * MIB] : [100, sizeBytes - 1];
    const headers = { range: `bytes=${from}-${to}` };
    const part = await service.testStore.fetch(await playbackUrl(stored), { headers });
    expect(part.headers.get('content-type')).toMatch(/^video\/webm/);
    expect(part.headers.get('content-range')).toBe(`bytes ${from}-${to}/${sizeBytes}`);
    expect((await bytesOf(part)).equals(file.subarray(from, to + 1))).toBe(true);
  });

  test('takes its parts in any order, the last one of each number counts, and with a hole it is not complete', async () => {
    const created = await api.create();
    await api.upload(created, Buffer.alloc(large.length, 1), [1]);
    await api.upload(created, large, [3, 1]);
    expectProblem(await complete(created), 409, 'parts-missing');
    await api.upload(created, large, [2]);
    const { body } = await api.call<{ parts: { partNumber: number }[] }>('get', `${created.path}/parts`);
    expect(body.parts.map(({ partNumber }) => partNumber)).toEqual([1, 2, 3]);
    expect((await complete(created)).body).toMatchObject({ state: 'stored', sizeBytes: large.length });
    await expectPlays(created, large);
  });

  test('is completed by several at once and again later, and its old URLs take no more', async () => {
    const created = await api.create();
    const part = await signed(created);
    expect((await service.putPart(part, webm)).status).toBe(200);
    const answers = await Promise.all([complete(created), complete(created), complete(created)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await complete(created)).body).toEqual((await api.call('get', created.path)).body);
    await expectDead(part, webm.toReversed());
    await expectPlays(created);
  });

  test.each([
    ['given up', 'post', '/abort', 'aborted'],
    ['withdrawn', 'delete', '?reason=consent-withdrawn', 'consent-withdrawn'],
  ] as const)('that is %s in the middle is gone at once, and its URLs are dead', async (_how, method, call, reason) => {
    const created = await api.create();
    const [first, second] = [await signed(created, 1, 5 * MIB), await signed(created, 2)];
    expect((await service.putPart(first, large.subarray(0, 5 * MIB))).status).toBe(200);
    const parts = await partsOf(created);
    expect(await parts()).toHaveLength(1);
    expect((await api.call(method, created.path + call)).status).toBeLessThan(300);
    expect(await parts()).toBeUndefined();
    await expectDead(first, large.subarray(0, 5 * MIB));
    await expectDead(second);
    expectProblem(await complete(created), 410, 'recording-deleted');
    await expectReceipt(created, reason);
  });

  test('that its client has left is completed with what arrived, and one that never had a part goes in time', async () => {
    const [created, empty] = [await api.create(), await api.create()];
    await api.upload(created, large, [1, 2]);
    service.clock.advance(3 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0, salvaged: 1 });
    expect((await api.call('get', created.path)).body).toMatchObject({ state: 'stored', truncated: true });
    expect(await tagsOf(created)).toEqual({ 'delete-by': created.recording.deleteBy });
    await expectPlays(created, large.subarray(0, 10 * MIB));
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    for (const each of [created, empty]) await expectReceipt(each, 'retention');
  });
});

test('a file sent through the service replaces the parts that a browser had put, and is sent once', async () => {
  const created = await api.create();
  await api.upload(created, Buffer.alloc(large.length, 1), [1, 2]);
  const send = () => api.call('post', `${created.path}/content`, formWith(large));
  expect(await send()).toMatchObject({ status: 200, body: { state: 'stored', sizeBytes: large.length } });
  await expectPlays(created, large);
  expectProblem(await send(), 409, 'recording-stored');
});

test('a file whose sender breaks off, and whose consent is withdrawn, leaves no part', async () => {
  const created = await api.create();
  const parts = await partsOf(created);
  const sender = await beginSending(api, `${created.path}/content`, large.subarray(0, 11 * MIB - 1), 11 * MIB);
  await until(async () => (await parts())?.length === 2);
  sender.destroy();
  await until(async () => (await api.call('delete', `${created.path}?reason=consent-withdrawn`)).status === 200);
  expect(await parts()).toBeUndefined();
  await expectReceipt(created, 'consent-withdrawn');
});

describe('a recording', () => {
  test('goes from its assessment to the proof of its deletion, and no URL of it is left', async () => {
    const stored = await api.store({}, large);
    expect(await tagsOf(stored)).toEqual({ 'delete-by': stored.recording.deleteBy });
    service.clock.advance(DAY_MS);
    const completedAt = new Date(service.clock.now()).toISOString();
    expect((await api.call('put', `${stored.attemptPath}/assessment`, { body: { completedAt } })).status).toBe(200);
    const { body } = await api.call<Recording>('get', stored.path);
    const deleteBy = new Date(Date.parse(completedAt) + 30 * DAY_MS).toISOString();
    expect(Date.parse(body.deleteBy)).toBe(Date.parse(deleteBy));
    expect(await tagsOf(stored)).toEqual({ 'delete-by': body.deleteBy, 'assessment-completed-at': completedAt });
    service.clock.advance(28 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    const url = await playbackUrl(stored);
    expect((await service.testStore.fetch(url)).status).toBe(200);
    service.clock.advance(2 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    await expectReceipt(stored, 'retention');
    expect((await service.testStore.fetch(url)).status).toBe(404);
    expect(await readReceipt(service.store, stored.ref)).toMatchObject({ versions: 0, verifiedAt: expect.any(String) });
  });

  test.each([
    ['A', 'b'],
    ['math', 'MATH'],
    [LONGEST_ID, LONGEST_ID],
  ])(
    'under the ids %s and %s is stored, listed and erased alone: the other one of its attempt plays on',
    async (exam, attempt) => {
      const as = { tenant: exam.slice(0, 32) };
      const sitting = { ...as, exam, attempt };
      const erased = await api.store(sitting, webm, { participantId: attempt });
      const kept = await api.store(sitting, webm, { participantId: attempt });
      const listed = await api.call<{ items: Recording[] }>('get', `${kept.attemptPath}/recordings`, { as });
      const ids = listed.body.items.map(({ recordingId }) => recordingId);
      expect(ids.toSorted()).toEqual([erased.ref.recording, kept.ref.recording].toSorted());
      const url = await playbackUrl(erased, as);
      expect((await api.call('delete', `${erased.path}?reason=erasure`, { as })).status).toBe(200);
      await expectNothingLeft(service.store, erased.ref);
      expect(await service.keys(participantKey(attempt, erased.ref))).toEqual([]);
      expect((await service.testStore.fetch(url)).status).toBe(404);
      await expectPlays(kept, webm, as);
    },
  );
});

test('a participant is exported as an archive of what is stored, and erased across exams, and no other participant is', async () => {
  const participantId = 'p-of-two-exams';
  const mine = [
    await api.store({ exam: 'biology' }, large, { participantId }),
    await api.store({ exam: 'physics' }, webm, { participantId }),
  ];
  const other = await api.store({ exam: 'physics' }, webm, { participantId: 'p-of-two' });
  const [, token = ''] = (await api.authorization({ scope: 'privacy:manage' })).split(' ');
  const desk = new ProctoringRecordings({ baseUrl: api.url, token });
  const archive = await desk.exportParticipantFile({ participant: participantId }, 'zip');
  const files = Object.values(unzipSync(new Uint8Array(await archive.arrayBuffer())));
  expect(files).toHaveLength(3);
  for (const file of [large, webm]) expect(files.some((each) => Buffer.from(each).equals(file))).toBe(true);
  const { receipts } = await desk.eraseParticipant({ participant: participantId }, 'erasure');
  expect(receipts).toHaveLength(2);
  for (const each of mine) await expectReceipt(each, 'erasure');
  expect(await service.keys(`participants/acme/${participantId}/`)).toEqual([]);
  await expectPlays(other);
});

describe('the sweep', () => {
  test('deletes what is due over as many pages as the store gives, also twice at once, and leaves what is not', async () => {
    const seeding = { createdAtMs: service.clock.now(), retentionMs: 30 * DAY_MS, assessed: true };
    const due = [
      ...(await seedRecordings(service.store, 180, { ...seeding, name: 'due-one', tagged: true })),
      ...(await seedRecordings(service.store, 3, { ...seeding, name: 'due-two' })),
    ];
    service.clock.advance(30 * DAY_MS);
    const live = await api.store({ exam: 'due-two' });
    const sweeps = await Promise.all([service.sweep(), service.sweep()]);
    expect(sweeps).toMatchObject([{ failed: 0 }, { failed: 0 }]);
    expect(await service.keys('attempts/acme/due-one/')).toEqual([]);
    for (const ref of due.slice(-4)) {
      expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention', versions: 0 });
    }
    expect(await service.keys('receipts/acme/due-one/')).toHaveLength(180);
    await expectPlays(live);
    service.clock.advance(2 * HOUR_MS);
    expect(await service.sweep()).toMatchObject({ due: 0, failed: 0, problems: [] });
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('deletes attempts whose names begin alike, and leaves none out', async () => {
    const names = ['math-1 a', 'math-1 a-1', 'math a', 'math a-1', 'math a_b', 'math_1 a'];
    const stored = [];
    for (const [exam = '', attempt = ''] of names.map((pair) => pair.split(' '))) {
      stored.push(await api.store({ exam, attempt }));
    }
    service.clock.advance(31 * DAY_MS);
    expect(await service.sweep()).toMatchObject({ failed: 0 });
    for (const each of stored) await expectReceipt(each, 'retention');
    expect((await service.keys('due/')).filter((key) => key.includes('/attempt/acme/math'))).toEqual([]);
  });

  test('is checked by verify, which writes the tags again that a recording lost', async () => {
    const stored = await api.store();
    await service.store.tag(recordingKey(stored.ref, 'media'), {});
    service.clock.advance(2 * HOUR_MS);
    expect((await service.verify()).findings).toMatchObject([{ kind: 'wrong-tags' }]);
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await tagsOf(stored)).toEqual({ 'delete-by': stored.recording.deleteBy });
  });
});

test('whatever was begun above is gone in time, and nothing but proofs is left', async () => {
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  service.clock.advance(DAY_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0 });
  const left = (await service.keys()).filter(
    (key) => !/^(receipts|audit|log|log-queue)\/|^due\/[^/]+\/receipts\//.test(key),
  );
  expect(left).toEqual([]);
  expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
});
