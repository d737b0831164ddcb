// What callers do with the service, each act with what has to hold once it was answered, or repeated until it was.
import { expect } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { type Answer, type Api, CREATE_BODY, type CreatedRecording, newAttempt } from '../http/api.ts';
import { expectNothingLeft } from '../http/expectations.ts';
import { webm } from '../kit/fixtures.ts';

/** One act, in steps that are repeated one by one, as a client repeats a call that was answered 503. */
export interface Flow {
  readonly name: string;
  /** With a quiet store. */
  prepare(api: Api): Promise<CreatedRecording | undefined>;
  readonly steps: readonly Step[];
  /** With a quiet store again, when each step has succeeded. */
  afterwards(api: Api, about: CreatedRecording): Promise<void>;
}

/** Resolves with what the act is about. @throws NotAnswered when it has to be repeated */
type Step = (api: Api, about: CreatedRecording | undefined) => Promise<CreatedRecording>;

/** An answer that is not the wanted one. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered';
  readonly answer: Answer<{ code?: string }> | undefined;

  constructor(answer: Answer<{ code?: string }> | undefined) {
    super(JSON.stringify(answer?.body));
    this.answer = answer;
  }
}

async function begin(api: Api): Promise<CreatedRecording> {
  const attemptPath = `/v1/exams/math/attempts/${newAttempt()}`;
  const { recording, upload } = wanted(
    await api.call<Pick<CreatedRecording, 'recording' | 'upload'>>('post', `${attemptPath}/recordings`, {
      body: CREATE_BODY,
    }),
  );
  const ref = {
    tenant: 'acme',
    exam: 'math',
    attempt: attemptPath.split('/')[5] ?? '',
    recording: recording.recordingId,
  };
  return { ref, attemptPath, path: `${attemptPath}/recordings/${ref.recording}`, recording, upload };
}

async function sendPart(api: Api, about: CreatedRecording): Promise<CreatedRecording> {
  const parts = [{ partNumber: 1, sizeBytes: webm.length }];
  const signed = wanted(
    await api.call<Pick<CreatedRecording['upload'], 'parts'>>('post', `${about.path}/parts`, { body: { parts } }),
  );
  const [part] = signed.parts;
  if (!part) throw new Error('no part was signed');
  // The store's own answer to the browser: not one of the service.
  const put = await api.service.putPart(part, webm).catch(() => undefined);
  if (put?.status !== 200) throw new NotAnswered(undefined);
  return about;
}

export const FLOWS: readonly Flow[] = [
  {
    name: 'an upload',
    prepare: () => Promise.resolve(undefined),
    steps: [begin, (api, about) => sendPart(api, required(about)), on((about) => ['post', `${about.path}/complete`])],
    afterwards: expectPlayable,
  },
  {
    name: 'a file sent through the service',
    prepare: (api) => api.create(),
    steps: [
      async (api, about) => {
        const { path } = required(about);
        const request = api.agent.post(`${path}/content`).set('authorization', await api.authorization());
        const answer = await request.attach('file', Buffer.from(webm), 'webcam.webm');
        const body = answer.body as { code?: string };
        // The try before was completed, and its answer lost: the client asks how it ended.
        if (body.code === 'recording-stored') wanted(await api.call('post', `${path}/complete`));
        else wanted({ status: answer.status, headers: answer.headers, body });
        return required(about);
      },
    ],
    afterwards: expectPlayable,
  },
  {
    name: 'an assessment',
    prepare: (api) => api.store(),
    steps: [on((about) => ['put', `${about.attemptPath}/assessment`, { completedAt: about.recording.createdAt }])],
    async afterwards(api, about) {
      await expectPlayable(api, about);
      const { body } = await api.call('get', about.path);
      expect(body).toMatchObject({ assessment: { completedAt: about.recording.createdAt } });
    },
  },
  {
    name: 'a playback',
    prepare: (api) => api.store(),
    steps: [on((about) => ['post', `${about.path}/playback-links`, { reason: 'review' }])],
    afterwards: expectPlayable,
  },
  {
    name: 'an erasure',
    prepare: (api) => api.store(),
    steps: [on((about) => ['delete', `${about.path}?reason=erasure`])],
    async afterwards(api, about) {
      await expectNothingLeft(api.service.store, about.ref);
      const { status, body } = await api.call<{ receipt: { reason: string } }>('get', about.path);
      expect({ status, reason: body.receipt.reason }).toEqual({ status: 410, reason: 'erasure' });
    },
  },
];

/** A step that is one call; 2xx is wanted. */
function on(callOf: (about: CreatedRecording) => ['post' | 'put' | 'delete', string, object?]): Step {
  return async (api, about) => {
    const [method, path, body] = callOf(required(about));
    wanted(await api.call<{ code?: string }>(method, path, body ? { body } : {}));
    return required(about);
  };
}

function wanted<T>(answer: Answer<T>): T {
  if (answer.status >= 300) throw new NotAnswered(answer as Answer<{ code?: string }>);
  return answer.body;
}

function required(about: CreatedRecording | undefined): CreatedRecording {
  if (!about) throw new Error('this step needs a recording');
  return about;
}

async function expectPlayable(api: Api, about: CreatedRecording): Promise<void> {
  const { body } = await api.call<{ url: string }>('post', `${about.path}/playback-links`);
  const played = Buffer.from(await (await api.service.testStore.fetch(body.url)).arrayBuffer());
  expect(played.equals(webm)).toBe(true);
}

/**
 * Everything that was begun is gone after two sweeps, and nothing but proofs is left: no object, no part of an upload.
 * The first may fail at some of it: calls have little time here, and a real store may be busy still.
 */
export async function expectAllGoneInTime({ service }: Api): Promise<void> {
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  service.clock.advance(DAY_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0 });
  const left = (await service.keys()).filter((key) => !/^(receipts|audit)\/|^due\/[^/]+\/receipts\//.test(key));
  expect(left).toEqual([]);
  expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
}
