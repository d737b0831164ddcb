// DELETE of a recording, and of everything of a participant across exams: at once, wholly, with receipts.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { HOUR_MS } from '../../src/model/durations.ts';
import type { ParticipantErasure } from '../../src/recordings/erase-participant.ts';
import type { RecordingPage } from '../../src/recordings/list.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { participantKey, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { type Answer, type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const store = createInterventions();
const FIRST_PART = new Uint8Array(5 * MIB);
const DESK = { scope: 'privacy:manage', sub: 'desk' };
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const erase = ({ path }: CreatedRecording, query = '?reason=erasure') => api.call('delete', path + query, { as: DESK });

describe('the erasure of a recording', () => {
  it('needs a reason that there is; leaves a receipt, which stays what it is, an event in the audit trail, and the rest of the attempt', async () => {
    const stored = await api.store({}, webm, { participantId: 'p-receipt' });
    const other = await api.store({ attempt: stored.ref.attempt });
    const timeline = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
    await api.call('post', `${stored.path}/complete`, { body: { timeline } });
    await api.service.store.put(recordingKey(stored.ref, 'restricted'), new Uint8Array());
    for (const query of ['', 'reason=', 'reason=retention', 'reason=ERASURE', 'reason=erasure&reason=erasure']) {
      expectProblem(await erase(stored, `?${query}`), 422, 'invalid-request');
    }
    const { status, headers, body: receipt } = await erase(stored);
    expect(status).toBe(200);
    const { recordingId, examId, attemptId, participantId, deleteBy: deadline } = stored.recording;
    const at = expect.stringMatching(/Z$/);
    expect(receipt).toMatchObject({ tenantId: 'acme', examId, attemptId, recordingId, participantId, deadline });
    expect(receipt).toMatchObject({ reason: 'erasure', actor: 'desk', objects: 7, versions: 0 });
    expect(receipt).toMatchObject({ deletedAt: at, verifiedAt: at });
    expect(receipt.bytes).toBeGreaterThanOrEqual(webm.length);
    await expectNothingLeft(api.service.store, stored.ref);
    expect(await api.service.keys('participants/acme/p-receipt/')).toEqual([]);
    expect((await api.call('get', stored.path)).body).toMatchObject({ code: 'recording-deleted', receipt });
    const { items } = (await api.call('get', `${stored.path}/access-log`)).body;
    const requestId = headers['x-request-id'];
    expect(items).toMatchObject([{ event: 'erased', reason: 'erasure', actor: 'desk', requestId }]);
    expect(await erase(stored, '?reason=controller-instruction')).toMatchObject({ status: 200, body: receipt });
    expect((await api.call('get', `${stored.attemptPath}/recordings`)).body.items).toEqual([other.recording]);
  });

  it('whose manifest cannot be read deletes the media, and says what is left', async () => {
    const stored = await api.store();
    await api.service.store.put(recordingKey(stored.ref, 'manifest'), new Uint8Array([1, 2, 3]));
    for (const _ of ['once', 'again']) {
      const answer = await erase(stored);
      expectProblem(answer, 503, 'recording-unreadable');
      expect(answer.body.detail).toMatch(/media are deleted.*is kept/);
      // No caller is made to try for ever.
      expect(answer.headers['retry-after']).toBeUndefined();
      expect(await api.service.store.get(recordingKey(stored.ref, 'media'))).toBeUndefined();
    }
  });

  it.each(['create', 'store'] as const)('is for an exam client the withdrawal of its own consent (%s)', async (how) => {
    const created = await api[how]();
    const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
    const ask = (reason: string, claims: object = {}) =>
      api.call('delete', `${created.path}?reason=${reason}`, { as: { ...as, ...claims } });
    expectProblem(await ask('erasure'), 403, 'reason-not-allowed');
    expectProblem(await ask('consent-withdrawn', { attempt: 'other' }), 403, 'wrong-attempt');
    expectProblem(await ask('consent-withdrawn', { attempt: undefined }), 403, 'scope-missing');
    expect((await api.call('get', created.path)).body).toEqual(created.recording);
    expect(await ask('consent-withdrawn')).toMatchObject({ status: 200, body: { reason: 'consent-withdrawn' } });
    await expectNothingLeft(api.service.store, created.ref);
  });

  it.each([
    ['a withdrawal of consent', 'store', 'consent-withdrawn'],
    ['a withdrawal in the middle of an upload', 'create', 'consent-withdrawn'],
    ['an upload that is given up', 'create', 'aborted'],
  ] as const)('is left to the desk while the recording is restricted: %s', async (_, how, reason) => {
    const created = await api[how]();
    const reasonOf = { body: { reason: 'case 7' }, as: DESK };
    expect((await api.call('put', `${created.path}/restriction`, reasonOf)).status).toBe(200);
    const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt, sub: 'candidate:1' };
    const ask = () =>
      reason === 'aborted'
        ? api.call('post', `${created.path}/abort`, { as })
        : api.call('delete', `${created.path}?reason=${reason}`, { as });
    const before = await api.service.keys(recordingPrefix(created.ref));
    const openUploads = async () => (await api.service.store.listMultipartUploads('')).uploads;
    const uploads = await openUploads();
    const answer = await ask();
    expectProblem(answer, 423, 'recording-restricted');
    expect(answer.body.detail).toMatch(/privacy desk.*decides/);
    expect(await api.service.keys(recordingPrefix(created.ref))).toEqual(before);
    expect(await openUploads()).toEqual(uploads);
    const { items } = (await api.call('get', `${created.path}/access-log`)).body;
    const refused = { event: 'deletion-refused', actor: 'candidate:1', reason, detail: 'recording-restricted' };
    expect(items).toMatchObject([{ event: 'restricted' }, refused]);
    expect((await api.call('delete', `${created.path}/restriction`, { as: DESK })).status).toBe(200);
    expect((await ask()).status).toBe(reason === 'aborted' ? 204 : 200);
  });

  it('that the desk knows of takes a restricted recording too, and once begun is finished by anybody', async () => {
    const created = await api.store();
    await api.call('put', `${created.path}/restriction`, { body: { reason: 'case 7' }, as: DESK });
    const restore = store.failOn('put', 'receipts/');
    expectProblem(await erase(created), 503, 'store-unavailable');
    restore();
    const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
    const answer = await api.call('delete', `${created.path}?reason=consent-withdrawn`, { as });
    expect(answer.status).toBe(200);
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('leaves what is restricted, also when its client replaces the content by none that can be played', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    await api.call('put', `${created.path}/restriction`, { body: { reason: 'case 8' }, as: DESK });
    const picture = Buffer.from('\0\0\0\x14ftypavif\0\0\0\0mif1', 'latin1');
    await api.upload(created, picture);
    const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt, sub: 'candidate:1' };
    expectProblem(await api.call('post', `${created.path}/complete`, { as }), 423, 'recording-restricted');
    expect(await api.service.store.get(recordingKey(created.ref, 'media'))).toHaveLength(picture.length);
    expect(await api.service.keys(recordingKey(created.ref, 'deleting'))).toEqual([]);
    const { items } = (await api.call('get', `${created.path}/access-log`)).body;
    const refused = { event: 'deletion-refused', actor: 'candidate:1', reason: 'not-a-recording' };
    expect(items).toMatchObject([{ event: 'restricted' }, refused]);
    expect((await erase(created)).status).toBe(200);
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('of an open upload is finished by a second request where its intent could not be written', async () => {
    const created = await api.create();
    await api.upload(created, webm);
    const restore = store.failOn('put', recordingKey(created.ref, 'deleting'));
    expectProblem(await erase(created), 503, 'store-unavailable');
    restore();
    const { items } = (await api.call('get', `${created.path}/access-log`)).body;
    expect(items).toMatchObject([{ event: 'erased', actor: 'desk' }]);
    expect((await erase(created)).body).toMatchObject({ reason: 'erasure', actor: 'desk' });
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('is refused when a restriction arrives after it was asked for, by a candidate, and before it takes effect', async () => {
    for (const end of ['abort', 'withdraw'] as const) {
      const created = await api.create();
      await api.upload(created, webm);
      const as = { scope: 'recordings:upload', exam: 'math', attempt: created.ref.attempt };
      // Its first write is the queue entry; the restriction comes before that one takes effect.
      const held = store.holdNext('put');
      const ending =
        end === 'abort'
          ? api.call('post', `${created.path}/abort`, { as })
          : api.call('delete', `${created.path}?reason=consent-withdrawn`, { as });
      await held.reached;
      const restricted = await api.call('put', `${created.path}/restriction`, { body: { reason: 'case 9' }, as: DESK });
      expect(restricted.status).toBe(200);
      held.release();
      expectProblem(await ending, 423, 'recording-restricted');
      expect((await api.call('get', `${created.path}/parts`)).body.parts).toHaveLength(1);
    }
  });

  it('that cannot be audited is not answered as done, and an abort that cannot leaves the parts', async () => {
    const created = await api.store();
    const open = await api.create();
    await api.upload(open, webm);
    const restore = store.failOn('put', 'audit/');
    expectProblem(await erase(created), 503, 'store-unavailable');
    expectProblem(await api.call('post', `${open.path}/abort`), 503, 'store-unavailable');
    restore();
    expect((await api.call('get', `${open.path}/parts`)).body.parts).toHaveLength(1);
    expect((await api.call('post', `${open.path}/abort`)).status).toBe(204);
    expect((await api.call('get', `${open.path}/access-log`)).body.items).toMatchObject([{ event: 'aborted' }]);
    expect((await erase(created)).status).toBe(200);
    expect((await api.call('get', `${created.path}/access-log`)).body.items).toMatchObject([{ event: 'erased' }]);
  });
});

/** Three exams, two recordings of one attempt; stored, and with an open upload. */
async function recordingsOf(participantId: string) {
  const attempt = newAttempt();
  return [
    await api.store({ exam: 'biology', attempt }, webm, { participantId }),
    await api.create({ exam: 'biology', attempt }, { participantId, parts: 1 }),
    await api.store({ exam: 'chemistry' }, webm, { participantId }),
    await api.create({ exam: 'physics', attempt }, { participantId, parts: 1 }),
  ] as const;
}

const eraseAll = (participant: string, { suffix = '', reason = 'erasure', tenant = 'acme' } = {}) =>
  api.call<ParticipantErasure>('delete', `/v1/participants/${participant}${suffix}?reason=${reason}`, {
    as: { ...DESK, tenant },
  });
const idsOf = (created: readonly CreatedRecording[]) => created.map(({ ref }) => ref.recording);
const erasedIds = ({ body }: Answer<ParticipantErasure>) => body.receipts.map(({ recordingId }) => recordingId);
async function heldOf(participant: string): Promise<string[]> {
  const answer = await api.call<RecordingPage>('get', `/v1/participants/${participant}/recordings`, { as: DESK });
  return answer.body.items.map(({ recordingId }) => recordingId);
}

describe('the erasure of a participant', () => {
  it.each(['', '/recordings'])('deletes everything in every exam, and nothing of anybody else (%s)', async (suffix) => {
    const who = `person${suffix.length}`;
    const own = await recordingsOf(who);
    const others = await recordingsOf(`${who}-0`);
    for (const reason of ['', 'boredom', 'retention', 'aborted']) {
      expectProblem(await eraseAll(who, { suffix, reason }), 422, 'invalid-request');
    }
    expect(await eraseAll(who, { suffix, tenant: 'other' })).toMatchObject({ status: 200, body: { receipts: [] } });
    expect(await heldOf(who)).toEqual(idsOf(own));

    const reason = 'controller-instruction';
    const answer = await eraseAll(who, { suffix, reason });
    expect(answer.status).toBe(200);
    expect(erasedIds(answer).toSorted()).toEqual(idsOf(own).toSorted());
    for (const receipt of answer.body.receipts) expect(receipt).toMatchObject({ reason, actor: 'desk' });
    for (const { ref, path, upload } of own) {
      // Also of uploads that were open: what was signed leads nowhere.
      for (const part of upload.parts) expect((await api.service.putPart(part, FIRST_PART)).status).toBe(404);
      const body = { parts: [{ partNumber: 1, sizeBytes: 1 }] };
      for (const answer of [
        await api.call('post', `${path}/parts`, { body }),
        await api.call('post', `${path}/complete`),
        await api.call('get', path),
      ]) {
        expectProblem(answer, 410, 'recording-deleted');
      }
      await expectNothingLeft(api.service.store, ref);
    }
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
    expect(await heldOf(who)).toEqual([]);
    expect(await heldOf(`${who}-0`)).toEqual(idsOf(others));
    expect(await eraseAll(who, { suffix })).toMatchObject({ status: 200, body: { receipts: [] } });
  });

  it('is no success when the store does not answer, and names the recording that could not be deleted until it is deleted', async () => {
    const who = 'stuck';
    const own = await recordingsOf(who);
    const { ref: stuck, path } = own[1];
    const restoreList = store.failOn('list', 'participants/');
    expectProblem(await eraseAll(who), 503, 'store-unavailable');
    restoreList();
    expect(await heldOf(who)).toEqual(idsOf(own));
    const restorePut = store.failOn('put', `receipts/acme/biology/${stuck.attempt}/${stuck.recording}`);
    const answer = await eraseAll(who);
    restorePut();
    expectProblem(answer, 503, 'erasure-incomplete');
    expect(answer.headers['retry-after']).toBe('5');
    const { attempt: attemptId, recording: recordingId } = stuck;
    const failed = [{ examId: 'biology', attemptId, recordingId, code: 'TimeoutError' }];
    expect(answer.body).toMatchObject({ failed });
    expect(answer.body.receipts).toHaveLength(3);
    expectProblem(await api.call('post', `${path}/playback-links`), 410, 'recording-deleted');
    expect(await eraseAll(who)).toMatchObject({ status: 200, body: { receipts: [{ recordingId }] } });
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
    for (const { ref } of own) await expectNothingLeft(api.service.store, ref);
  });

  it('clears away a marker that leads nowhere', async () => {
    const who = 'marked';
    const gone = await api.create({}, { participantId: who });
    await eraseAll(who);
    await api.service.store.put(participantKey(who, gone.ref), new Uint8Array());
    expect(erasedIds(await eraseAll(who))).toEqual([gone.ref.recording]);
    await api.service.store.put(participantKey(who, { ...gone.ref, exam: 'never' }), new Uint8Array());
    expectProblem(await eraseAll(who), 503, 'erasure-incomplete');
    api.service.clock.advance(HOUR_MS + 1);
    expect(erasedIds(await eraseAll(who))).toEqual([]);
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
  });

  it('erases what is created while it runs, and does not say "nothing" while a creation goes on', async () => {
    const participantId = 'recording-on';
    await api.create({}, { participantId });
    const held = store.holdNext('delete');
    const erasing = eraseAll(participantId);
    await held.reached;
    const early = await api.create({}, { participantId });
    held.release();
    expect(erasedIds(await erasing)).toContain(early.ref.recording);
    await expectNothingLeft(api.service.store, early.ref);

    // From its first write that names the participant on, whichever of its writes is slow.
    for (const call of ['createMultipartUpload', 'put'] as const) {
      const heldCreate = store.holdNext('createMultipartUpload');
      const creating = api.create({}, { participantId });
      await heldCreate.reached;
      const heldNext = call === 'put' ? store.holdNext('put') : heldCreate;
      if (call === 'put') heldCreate.release();
      await heldNext.reached;
      const refused = await eraseAll(participantId);
      expectProblem(refused, 503, 'erasure-incomplete');
      expect(refused.body).toMatchObject({ receipts: [], failed: [{ code: 'recording-being-created' }] });
      heldNext.release();
      const late = await creating;
      expect(await heldOf(participantId)).toEqual([late.ref.recording]);
      expect(erasedIds(await eraseAll(participantId))).toEqual([late.ref.recording]);
    }
  });

  it('of hundreds of recordings is one call', async () => {
    const who = 'mass';
    for (let count = 0; count < 150; count += 1) await api.service.begin({ exam: who, attempt: `${count % 10}` }, who);
    expect((await eraseAll(who)).body.receipts).toHaveLength(150);
    for (const prefix of ['attempts', 'participants'])
      expect(await api.service.keys(`${prefix}/acme/${who}/`)).toEqual([]);
  });
});
