// DELETE …/recordings/{recording}: gone at once, wholly, and provably.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { auditPrefix, recordingKey } from '../../src/domain/keys.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, startApi } from './api.ts';
import { bodyOf, OF_RECORDING, pathOf } from './calls.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

function erase({ path }: Pick<CreatedRecording, 'path'>, query = '?reason=erasure', by = api) {
  return by.call('delete', path + query, { as: { scope: 'privacy:manage' } });
}

describe('an erasure', () => {
  it.each(['erasure', 'consent-withdrawn', 'controller-instruction'])(
    'for the reason %s leaves a receipt alone',
    async (reason) => {
      const stored = await api.store({}, webm, { participantId: `p-${reason}` });
      const timeline = { startedAt: '2026-01-02T10:00:00Z', endedAt: '2026-01-02T11:00:00Z', gaps: [] };
      await api.call('post', `${stored.path}/complete`, { body: { timeline } });
      await api.service.store.put(recordingKey(stored.ref, 'restricted'), new Uint8Array());
      const answer = await erase(stored, `?reason=${reason}`);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        tenantId: 'acme',
        examId: 'math',
        attemptId: stored.ref.attempt,
        recordingId: stored.ref.recording,
        participantId: `p-${reason}`,
        reason,
        deadline: stored.recording.deleteBy,
        deletedAt: expect.stringMatching(/Z$/),
        verifiedAt: expect.stringMatching(/Z$/),
        objects: 7,
        versions: 0,
        bytes: expect.any(Number),
        actor: 'tester',
      });
      expect(answer.body.bytes).toBeGreaterThanOrEqual(webm.length);
      await expectNothingLeft(api.service.store, stored.ref);
      expect(await api.service.keys(`participants/acme/p-${reason}/`)).toEqual([]);
      const read = await api.call('get', stored.path, { as: { scope: 'recordings:review' } });
      expectProblem(read, 410, 'recording-deleted');
      expect(read.body.receipt).toEqual(answer.body);
    },
  );

  it('is in the audit trail', async () => {
    const stored = await api.store();
    const answer = await erase(stored);
    const [key = '', ...others] = await api.service.keys(auditPrefix(api.service.clock.now(), stored.ref));
    expect(others).toEqual([]);
    expect(JSON.parse(Buffer.from((await api.service.store.get(key)) ?? []).toString())).toMatchObject({
      event: 'erased',
      reason: 'erasure',
      actor: 'tester',
      requestId: answer.headers['x-request-id'],
    });
  });

  it('may be asked for again, for another reason too: the receipt stays the same', async () => {
    const stored = await api.store();
    const first = await erase(stored);
    expect(await erase(stored)).toMatchObject({ status: 200, body: first.body });
    expect((await erase(stored, '?reason=controller-instruction')).body).toEqual(first.body);
  });

  it('stops an upload that is open', async () => {
    const created = await api.create({}, { parts: 2 });
    await api.upload(created, new Uint8Array(1000));
    expect((await erase(created)).status).toBe(200);
    await expectNothingLeft(api.service.store, created.ref);
    for (const part of created.upload.parts) {
      const { status } = await api.service.putPart(part, new Uint8Array(5 * 1024 * 1024));
      expect({ isRefused: status >= 400 && status < 500 }).toEqual({ isRefused: true });
    }
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('leaves the other recordings of the attempt', async () => {
    const stored = await api.store();
    const other = await api.store({ attempt: stored.ref.attempt });
    await erase(stored);
    const { body } = await api.call<{ items: object[] }>('get', `${stored.attemptPath}/recordings`);
    expect(body.items).toEqual([other.recording]);
  });

  it('is the end for every other call', async () => {
    const stored = await api.store();
    const receipt = (await erase(stored)).body;
    for (const call of OF_RECORDING) {
      const answer = await api.raw(call.method.toUpperCase(), pathOf(call, stored.ref), bodyOf(call));
      if (call.name === 'erase') expect(answer).toMatchObject({ status: 200, body: receipt });
      else if (call.name === 'abort') expect(answer.status).toBe(204);
      else if (call.name === 'access log') expect(answer).toMatchObject({ status: 200, body: { nextCursor: null } });
      else {
        expectProblem(answer, 410, 'recording-deleted');
        expect(answer.body.receipt).toEqual(receipt);
      }
    }
  });

  it('of what the sweep has deleted answers with the receipt of the sweep', async () => {
    const late = await startApi();
    const created = await late.store();
    late.service.clock.advance(30 * DAY_MS);
    await late.service.sweep();
    expect((await erase(created, '?reason=erasure', late)).body).toMatchObject({ reason: 'retention' });
  });

  it('of what is past its deadline, and not swept yet, is done', async () => {
    const late = await startApi();
    const created = await late.store();
    late.service.clock.advance(31 * DAY_MS);
    expect((await erase(created, '?reason=erasure', late)).body).toMatchObject({ reason: 'erasure' });
    await expectNothingLeft(late.service.store, created.ref);
  });

  it('that the store interrupts is not confirmed, and is finished by the next call', async () => {
    const stored = await api.store();
    const mend = store.failOn('put', 'receipts/');
    expectProblem(await erase(stored), 503, 'store-unavailable');
    mend();
    expectProblem(await api.call('post', `${stored.path}/playback-links`), 410, 'recording-deleted');
    expect((await erase(stored)).status).toBe(200);
    await expectNothingLeft(api.service.store, stored.ref);
  });
});

it('of a recording whose manifest cannot be read deletes the media, and says what is left', async () => {
  const { path, ref } = await api.store();
  await api.service.store.put(recordingKey(ref, 'manifest'), new Uint8Array([1, 2, 3]));
  for (const _ of ['once', 'again']) {
    const answer = await api.call('delete', `${path}?reason=erasure`);
    expectProblem(answer, 503, 'recording-unreadable');
    // No caller is made to try for ever.
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(await api.service.store.get(recordingKey(ref, 'media'))).toBeUndefined();
  }
});

describe('an exam client', () => {
  const bound = ({ ref }: CreatedRecording) => ({ scope: 'recordings:upload', exam: ref.exam, attempt: ref.attempt });

  it.each(['create', 'store'] as const)(
    'withdraws consent, with a token that is bound to the attempt (%s)',
    async (how) => {
      const created = await api[how]();
      const answer = await api.call('delete', `${created.path}?reason=consent-withdrawn`, { as: bound(created) });
      expect(answer).toMatchObject({ status: 200, body: { reason: 'consent-withdrawn' } });
      await expectNothingLeft(api.service.store, created.ref);
    },
  );

  it('has no other reason, and no other token will do', async () => {
    const stored = await api.store();
    const as = bound(stored);
    const withdraw = `${stored.path}?reason=consent-withdrawn`;
    for (const reason of ['erasure', 'controller-instruction']) {
      expectProblem(await api.call('delete', `${stored.path}?reason=${reason}`, { as }), 403, 'reason-not-allowed');
    }
    expectProblem(await api.call('delete', withdraw, { as: { scope: as.scope } }), 403, 'scope-missing');
    expectProblem(await api.call('delete', withdraw, { as: { ...as, attempt: 'other' } }), 403, 'wrong-attempt');
    expectProblem(
      await api.call('delete', withdraw, { as: { ...as, scope: 'recordings:review' } }),
      403,
      'scope-missing',
    );
    expect((await api.call('get', stored.path)).body).toEqual(stored.recording);
  });
});

describe('nothing is erased', () => {
  it.each([
    '',
    '?reason=',
    '?reason=boredom',
    '?reason=retention',
    '?reason=ERASURE',
    '?reason=erasure&reason=erasure',
    '?reason=erasure&force=1',
    '?reason[]=erasure',
    '?__proto__=1',
  ])('with the query "%s"', async (query) => {
    const created = await api.create();
    expectProblem(await erase(created, query), 422, 'invalid-request');
    expect((await api.call('get', created.path)).status).toBe(200);
  });
});
