// DELETE /v1/participants/{participant}: the erasure of what is held of somebody across exams.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { participantKey } from '../../src/domain/keys.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Api, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectNothingLeft, expectProblem } from './expectations.ts';

interface Page {
  readonly items: Recording[];
  readonly nextCursor: string | null;
}
interface Erasure {
  readonly receipts: { recordingId: string; reason: string; actor: string }[];
  readonly failed?: { recordingId: string; examId: string; attemptId: string; code: string }[];
}

const store = createInterventions();
const DESK = { scope: 'privacy:manage', sub: 'desk' };
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

let participants = 0;
/** Somebody whom no other test of the file knows. */
function newParticipant(): string {
  participants += 1;
  return `person-${participants}`;
}

const list = (participant: string) => api.call<Page>('get', `/v1/participants/${participant}/recordings`, { as: DESK });
const erase = (participant: string, suffix = '', reason = 'erasure', as: JWTPayload = DESK) =>
  api.call<Erasure>('delete', `/v1/participants/${participant}${suffix}?reason=${reason}`, { as });
const idsOf = ({ items }: Page) => items.map(({ recordingId }) => recordingId);
const idsIn = (created: readonly CreatedRecording[]) => created.map(({ ref }) => ref.recording);

/** Three exams, two recordings of one attempt; stored and uploading. */
async function recordingsOf(participantId: string, tenant = 'acme'): Promise<CreatedRecording[]> {
  const [first, second] = [newAttempt(), newAttempt()];
  return [
    await api.store({ tenant, exam: 'biology', attempt: first }, undefined, { participantId }),
    await api.create({ tenant, exam: 'biology', attempt: first }, { participantId }),
    await api.store({ tenant, exam: 'chemistry', attempt: second }, undefined, { participantId }),
    await api.create({ tenant, exam: 'physics', attempt: first }, { participantId }),
  ];
}

describe.each(['', '/recordings'])(
  'the erasure of a participant (DELETE /v1/participants/{participant}%s)',
  (suffix) => {
    it('deletes everything in every exam, with a receipt for each, and the reason', async () => {
      const who = newParticipant();
      const own = await recordingsOf(who);
      const others = await recordingsOf(`${who}-0`);
      const { status, body } = await erase(who, suffix, 'controller-instruction');
      expect(status).toBe(200);
      expect(body.receipts.map(({ recordingId }) => recordingId).toSorted()).toEqual(idsIn(own).toSorted());
      for (const receipt of body.receipts)
        expect(receipt).toMatchObject({ reason: 'controller-instruction', actor: 'desk' });
      for (const { ref, path } of own) {
        await expectNothingLeft(api.service.store, ref);
        expectProblem(await api.call('get', path), 410, 'recording-deleted');
      }
      expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
      expect((await list(who)).body.items).toEqual([]);
      expect((await list(`${who}-0`)).body.items).toHaveLength(others.length);
    });

    it('may be repeated, and of somebody unknown deletes nothing', async () => {
      const who = newParticipant();
      await recordingsOf(who);
      expect((await erase(who, suffix)).body.receipts).toHaveLength(4);
      expect(await erase(who, suffix)).toMatchObject({ status: 200, body: { receipts: [] } });
      expect(await erase(newParticipant(), suffix)).toMatchObject({ status: 200, body: { receipts: [] } });
    });

    it('leaves the participant of the same id of another tenant', async () => {
      const who = newParticipant();
      const own = await recordingsOf(who);
      expect(await erase(who, suffix, 'erasure', { ...DESK, tenant: 'other' })).toMatchObject({
        body: { receipts: [] },
      });
      expect(idsOf((await list(who)).body)).toEqual(idsIn(own));
    });

    it('needs a reason that there is', async () => {
      const who = newParticipant();
      for (const reason of ['', 'boredom', 'retention', 'aborted']) {
        expectProblem(await erase(who, suffix, reason), 422, 'invalid-request');
      }
    });
  },
);

describe('the erasure of a participant', () => {
  it('of whom one recording cannot be deleted deletes the others, tells which, and finishes when repeated', async () => {
    const who = newParticipant();
    const own = await recordingsOf(who);
    const stuck = own[1] as CreatedRecording;
    const mend = store.failOn('put', `receipts/acme/biology/${stuck.ref.attempt}/${stuck.ref.recording}`);
    const answer = await erase(who);
    mend();
    expectProblem(answer, 503, 'erasure-incomplete');
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.body.failed).toEqual([
      { examId: 'biology', attemptId: stuck.ref.attempt, recordingId: stuck.ref.recording, code: 'TimeoutError' },
    ]);
    expect(answer.body.receipts).toHaveLength(3);
    expectProblem(await api.call('post', `${stuck.path}/playback-links`), 410, 'recording-deleted');
    const again = await erase(who);
    expect(again).toMatchObject({ status: 200, body: { receipts: [{ recordingId: stuck.ref.recording }] } });
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
    for (const { ref } of own) await expectNothingLeft(api.service.store, ref);
  });

  it('that the store does not answer is no success', async () => {
    const who = newParticipant();
    const own = await recordingsOf(who);
    const mend = store.failOn('list', 'participants/');
    expectProblem(await erase(who), 503, 'store-unavailable');
    mend();
    expect(idsOf((await list(who)).body)).toEqual(idsIn(own));
  });

  it('clears away a marker that leads nowhere', async () => {
    const who = newParticipant();
    const [gone] = await recordingsOf(who);
    await erase(who);
    await api.service.store.put(participantKey(who, (gone as CreatedRecording).ref), new Uint8Array());
    expect((await erase(who)).body.receipts).toMatchObject([{ recordingId: gone?.ref.recording }]);
    const never = { ...(gone as CreatedRecording).ref, exam: 'never' };
    await api.service.store.put(participantKey(who, never), new Uint8Array());
    expect((await erase(who)).body.receipts).toEqual([]);
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
  });

  it('takes a recording that is begun while it runs, when its creation is done in time', async () => {
    const participantId = newParticipant();
    await recordingsOf(participantId);
    const held = store.holdNext('delete');
    const erasing = erase(participantId);
    await held.reached;
    const late = await api.create({}, { participantId });
    held.release();
    expect((await erasing).body.receipts.map(({ recordingId }) => recordingId)).toContain(late.ref.recording);
    await expectNothingLeft(api.service.store, late.ref);
  });

  it('leaves whole a recording whose creation ends after it: it is begun after the erasure', async () => {
    const participantId = newParticipant();
    const held = store.holdNext('createMultipartUpload');
    const creating = api.create({}, { participantId });
    await held.reached;
    expect((await erase(participantId)).body.receipts).toEqual([]);
    held.release();
    const created = await creating;
    expect(idsOf((await list(participantId)).body)).toEqual([created.ref.recording]);
    expect((await erase(participantId)).body.receipts).toHaveLength(1);
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('ends every upload: late parts and a late complete are refused', async () => {
    const participantId = newParticipant();
    const created = await api.create({}, { participantId, parts: 2 });
    await api.upload(created, new Uint8Array(1000));
    await erase(participantId);
    for (const part of created.upload.parts) {
      const { status } = await api.service.putPart(part, new Uint8Array(5 * 1024 * 1024));
      expect({ isRefused: status >= 400 && status < 500 }).toEqual({ isRefused: true });
    }
    expectProblem(await api.call('post', `${created.path}/complete`), 410, 'recording-deleted');
    await expectNothingLeft(api.service.store, created.ref);
  });

  it('of hundreds of recordings is one call', async () => {
    const who = newParticipant();
    const count = 150;
    const attempts = Array.from({ length: 10 }, newAttempt);
    for (const attempt of attempts) {
      const begun = Array.from({ length: count / attempts.length }, () =>
        api.service.begin({ exam: 'mass', attempt }, who),
      );
      await Promise.all(begun);
    }
    const { status, body } = await erase(who);
    expect({ status, receipts: body.receipts.length }).toEqual({ status: 200, receipts: count });
    expect(await api.service.keys('attempts/acme/mass/')).toEqual([]);
    expect(await api.service.keys(`participants/acme/${who}/`)).toEqual([]);
  });
});
