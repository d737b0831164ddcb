// Idempotency-Key: a create that is sent again makes nothing twice, and finishes what its first try left undone.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { participantKey, recordingKey } from '../../src/domain/keys.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { createInterventions } from '../kit/interventions.ts';
import { type Answer, type Api, CREATE_BODY, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

type Created = Pick<CreatedRecording, 'recording' | 'upload'>;

let api: Api;
const store = createInterventions();
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const pathOf = (attempt: string) => `/v1/exams/math/attempts/${attempt}/recordings`;
function create(attempt: string, key: string, body: object = {}): Promise<Answer<Created>> {
  return api.call<Created>('post', pathOf(attempt), {
    headers: { 'Idempotency-Key': key },
    body: { ...CREATE_BODY, ...body },
  });
}

describe('Idempotency-Key', () => {
  it('answers the same request with the same recording, and with URLs that work', async () => {
    const attempt = newAttempt();
    const first = await create(attempt, 'k-1');
    api.service.clock.advance(2 * HOUR_MS);
    // Another number of part URLs is no other request.
    const again = await create(attempt, 'k-1', { parts: 3 });
    expect(again.body.upload.parts).toHaveLength(3);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.recording).toEqual(first.body.recording);
    expect(again.headers.location).toBe(first.headers.location);
    const path = again.headers.location ?? '';
    const ref = { tenant: 'acme', exam: 'math', attempt, recording: again.body.recording.recordingId };
    await api.upload({ ...again.body, ref, attemptPath: '', path }, webm);
    expect((await api.call('post', `${path}/complete`)).status).toBe(200);

    const stored = await create(attempt, 'k-1');
    expect(stored.body.recording.state).toBe('stored');
    expect(stored.body.upload.parts).toEqual([]);
    expect((await api.service.keys('attempts/')).filter((key) => key.includes(`/${attempt}/`))).toHaveLength(3);
  });

  it('is a key for one attempt of one tenant: others, and other keys, get recordings of their own', async () => {
    const attempt = newAttempt();
    const answers = [await create(attempt, 'k'), await create(attempt, 'K'), await create(newAttempt(), 'k')];
    const options = { as: { tenant: 'other' }, headers: { 'Idempotency-Key': 'k' }, body: CREATE_BODY };
    answers.push(await api.call<Created>('post', pathOf(attempt), options));
    // The first ten characters are the time.
    const random = answers.map(({ body }) => body.recording.recordingId.slice(10));
    expect(new Set(random).size).toBe(4);
  });

  it('makes a new recording after the first was deleted', async () => {
    const attempt = newAttempt();
    const first = await create(attempt, 'k');
    expect((await api.call('post', `${first.headers.location}/abort`)).status).toBe(204);
    const again = await create(attempt, 'k');
    expect(again.status).toBe(201);
    expect(again.body.recording.recordingId).not.toBe(first.body.recording.recordingId);
  });

  it.each([
    { participantId: 'p-2' },
    { kind: 'screen' },
    { contentType: 'video/mp4' },
    { consent: { ...CREATE_BODY.consent, policyVersion: 'x' } },
  ])('refuses another request under the same key: %j', async (body) => {
    const attempt = newAttempt();
    await create(attempt, 'k');
    expectProblem(await create(attempt, 'k', body), 422, 'idempotency-key-reused');
  });

  it.each<string | string[]>(['', 'a b', 'x'.repeat(256), ['a', 'b']])('refuses %j as a key', async (key) => {
    const headers = { 'Idempotency-Key': key as string };
    expectProblem(await api.raw('POST', pathOf('a'), { headers }), 422, 'invalid-request');
  });

  it('sent many times at once makes one recording: the others are told to ask again, and then get that one', async () => {
    const attempt = newAttempt();
    const answers = await Promise.all(Array.from({ length: 4 }, () => create(attempt, 'k')));
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409, 'recording-being-created');
    const settled = await create(attempt, 'k');
    const ids = [settled, ...answers]
      .filter(({ status }) => status === 201)
      .map(({ body }) => body.recording.recordingId);
    expect(new Set(ids).size).toBe(1);
    const manifests = (await api.service.keys('attempts/')).filter((key) => key.includes(`/${attempt}/`));
    expect(manifests).toEqual([expect.stringContaining(`${ids[0]}/recording.json`)]);
  });

  it('tells nobody of a recording that may still give way, and of it alone once it has not', async () => {
    const attempt = newAttempt();
    const { held, answered } = await holdBeforeItsLook(attempt);
    expectProblem(await create(attempt, 'k'), 409, 'recording-being-created');
    held.release();
    const made = await answered;
    expect(made.status).toBe(201);
    expect((await create(attempt, 'k')).body.recording).toEqual(made.body.recording);
  });

  it('leaves what took too long to the next try, and gives nothing away that others were told of', async () => {
    const attempt = newAttempt();
    const { held, answered } = await holdBeforeItsLook(attempt);
    api.service.clock.advance(7 * MINUTE_MS);
    const finished = await create(attempt, 'k');
    expect(finished.status).toBe(201);
    held.release();
    expectProblem(await answered, 409, 'recording-being-created');
    expect((await create(attempt, 'k')).body.recording).toEqual(finished.body.recording);
    expect(await api.service.keys(`participants/acme/${CREATE_BODY.participantId}/math/${attempt}/`)).toHaveLength(1);
  });

  it('answers with the one that was told of, whatever a slower try has left, and removes what that left', async () => {
    const attempt = newAttempt();
    const { atUpload, answered } = await holdBeforeItsManifest(attempt);
    const told = await create(attempt, 'k');
    expect(told.status).toBe(201);
    store.watch('put', (key) => {
      if (String(key).endsWith('/deleting')) throw new StoreError('unavailable', 'put', 'SlowDown');
    });
    atUpload.release();
    expectProblem(await answered, 503, 'store-unavailable');
    store.watch('put', () => undefined);
    expect((await create(attempt, 'k')).body.recording).toEqual(told.body.recording);
    expect(await manifestsOf(attempt)).toHaveLength(2);
    api.service.clock.advance(2 * HOUR_MS);
    expect((await create(attempt, 'k')).body.recording).toEqual(told.body.recording);
    expect(await manifestsOf(attempt)).toEqual([expect.stringContaining(told.body.recording.recordingId)]);
  });

  it('gives nothing away when that would come too late', async () => {
    const attempt = newAttempt();
    const { atUpload, answered } = await holdBeforeItsManifest(attempt);
    const told = await create(attempt, 'k');
    let puts = 0;
    store.watch('put', (key) => {
      if (!String(key).startsWith('due/')) return;
      puts += 1;
      api.service.clock.advance(MINUTE_MS);
    });
    atUpload.release();
    expectProblem(await answered, 409, 'recording-being-created');
    store.watch('put', () => undefined);
    expect(puts).toBe(1);
    expect(await manifestsOf(attempt)).toHaveLength(2);
    expect((await create(attempt, 'k')).body.recording).toEqual(told.body.recording);
  });

  it('says so when what it made before is damaged', async () => {
    const attempt = newAttempt();
    const { body } = await create(attempt, 'k');
    const ref = { tenant: 'acme', exam: 'math', attempt, recording: body.recording.recordingId };
    await api.service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{'));
    api.service.context.manifests.clear();
    expectProblem(await create(attempt, 'k'), 503, 'recording-unreadable');
  });

  it('finishes what a first try left undone that died before its last write', async () => {
    const attempt = newAttempt();
    const { body } = await create(attempt, 'k');
    const ref = { tenant: 'acme', exam: 'math', attempt, recording: body.recording.recordingId };
    const marker = participantKey(CREATE_BODY.participantId, ref);
    await api.service.store.delete([{ key: marker }]);
    expectProblem(await create(attempt, 'k'), 409, 'recording-being-created');
    api.service.clock.advance(7 * MINUTE_MS);
    expect((await create(attempt, 'k')).body.recording).toEqual(body.recording);
    expect(await api.service.keys(marker)).toEqual([marker]);
  });

  async function manifestsOf(attempt: string): Promise<string[]> {
    const keys = await api.service.keys('attempts/');
    return keys.filter((key) => key.includes(`/${attempt}/`) && key.endsWith('/recording.json'));
  }

  async function holdBeforeItsManifest(attempt: string) {
    const atUpload = store.holdNext('createMultipartUpload');
    const answered = create(attempt, 'k');
    await atUpload.reached;
    return { atUpload, answered };
  }

  /** A create that has written its manifest, and has not looked yet whether it is alone. */
  async function holdBeforeItsLook(attempt: string) {
    const { atUpload, answered } = await holdBeforeItsManifest(attempt);
    const held = store.holdNext('list');
    atUpload.release();
    await held.reached;
    return { held, answered };
  }
});
