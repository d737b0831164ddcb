// How often a call waits for the store, one request after another (ADR 21). What is sent at the same time counts once.
import { expect, test } from '@jest/globals';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { presignParts } from '../../src/recordings/upload.ts';
import { processMemory } from '../../src/runtime/contexts.ts';
import { webm } from '../kit/fixtures.ts';
import { createRounds } from '../kit/rounds.ts';
import { CALLER, startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { createSyncSigner, privateJwk, testSigner } from '../kit/signer.ts';

type Act = (context: RecordingsContext) => Promise<unknown>;
type Prepare = (service: TestService) => Promise<Act>;

const PART = { partNumber: 1, sizeBytes: webm.length };

async function uploaded(service: TestService) {
  const ref = await service.begin();
  await uploadParts(service.context, ref, [webm]);
  return ref;
}

const CALLS: readonly (readonly [what: string, rounds: number, prepare: Prepare])[] = [
  [
    'create',
    3,
    async () => (context) =>
      createRecording(
        context,
        CALLER,
        { tenant: 'acme', exam: 'math', attempt: 'a2' },
        {
          participantId: 'p2',
          kind: 'webcam',
          contentType: 'video/webm',
          consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '7' },
          parts: 2,
        },
      ),
  ],
  [
    'part URLs, in a process that has seen the recording',
    0,
    async (service) => {
      const ref = await service.begin();
      return (context) => presignParts(context, ref, [PART]);
    },
  ],
  [
    'complete, in a process that has seen the recording',
    5,
    async (service) => {
      const ref = await uploaded(service);
      await presignParts(service.context, ref, [PART]);
      return (context) => completeRecording(context, ref, {});
    },
  ],
  [
    'complete, in a process that has not',
    6,
    async (service) => {
      const ref = await uploaded(service);
      return (context) => completeRecording(forgetful(context, service), ref, {});
    },
  ],
  [
    'assess, with a stored recording',
    5,
    async (service) => {
      const ref = await service.record();
      return (context) => assessAttempt(context, CALLER, ref, { completedAtMs: service.clock.now() });
    },
  ],
  [
    'assess, with nothing stored',
    4,
    async (service) => {
      const ref = await service.begin();
      return (context) => assessAttempt(context, CALLER, ref, { completedAtMs: service.clock.now() });
    },
  ],
  [
    'a playback link',
    2,
    async (service) => {
      const ref = await service.record();
      return (context) => presignPlayback(forgetful(context, service), CALLER, ref);
    },
  ],
  [
    'delete a stored recording',
    9,
    async (service) => {
      const ref = await service.record();
      return (context) => eraseRecording(context, CALLER, ref, 'erasure');
    },
  ],
  [
    'delete an open upload',
    9,
    async (service) => {
      const ref = await uploaded(service);
      return (context) => eraseRecording(context, CALLER, ref, 'erasure');
    },
  ],
  [
    'delete an open upload that is empty',
    9,
    async (service) => {
      const ref = await service.begin();
      return (context) => eraseRecording(context, CALLER, ref, 'erasure');
    },
  ],
  [
    'abort',
    13,
    async (service) => {
      const ref = await uploaded(service);
      return (context) => abortRecording(context, CALLER, ref);
    },
  ],
];

/** A process that has seen nothing. */
const forgetful = (context: RecordingsContext, { clock }: TestService): RecordingsContext => ({
  ...context,
  ...processMemory({ maxContentUploads: 1 }, clock),
});

/** It signs without another thread, so that no request is late because of a signature. */
const signer = createSyncSigner(testSigner, privateJwk('test'));

test.each(CALLS)('%s: %i round trips', async (_, expected, prepare) => {
  const rounds = createRounds();
  const service = startTestService({ wrap: rounds.wrap, signer });
  // What a process asks once is not counted.
  await service.record({ attempt: 'first' });
  const act = await prepare(service);
  expect(await rounds.count(() => act(service.context))).toBe(expected);
});
