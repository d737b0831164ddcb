import { describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { webm } from '../kit/fixtures.ts';
import { type CrashPlan, crashing } from '../kit/interventions.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';
import { ERASURE } from './support.ts';

/** One act of which the process dies at a store call, and what must hold when others go on. */
interface Story {
  readonly name: string;
  readonly prepare: (service: TestService) => Promise<RecordingRef | undefined>;
  readonly act: (service: TestService, ref: RecordingRef | undefined) => Promise<unknown>;
  readonly afterwards: (service: TestService, ref: RecordingRef) => Promise<void>;
}

const STORIES: Story[] = [
  {
    name: 'create',
    prepare: () => Promise.resolve(undefined),
    act: (service) => service.begin(),
    afterwards: () => Promise.resolve(),
  },
  {
    name: 'complete',
    async prepare(service) {
      const ref = await service.begin();
      await uploadParts(service.context, ref, [webm]);
      return ref;
    },
    act: (service, ref) => completeRecording(service.context, required(ref), {}),
    async afterwards(service, ref) {
      const recording = await completeRecording(service.context, ref, {});
      expect(recording).toMatchObject({ state: 'stored', sizeBytes: webm.length });
      expect(await service.store.tags(recordingKey(ref, 'media'))).toHaveProperty('delete-by', recording.deleteBy);
    },
  },
  {
    name: 'assess',
    prepare: (service) => service.record(),
    act: (service, ref) => assessAttempt(service.context, required(ref), service.clock.now()),
    async afterwards(service, ref) {
      await assessAttempt(service.context, ref, Date.parse('2026-01-01T00:00:00Z')).catch(() => undefined);
    },
  },
  {
    name: 'erase',
    prepare: (service) => service.record(),
    act: (service, ref) => deleteRecording(service.context, required(ref), ERASURE),
    async afterwards(service, ref) {
      const asked = (await service.keys(recordingKey(ref, 'deleting'))).length > 0;
      if (asked) {
        await service.sweep();
        expect(await service.keys(recordingPrefix(ref))).toEqual([]);
      }
      const receipt = await deleteRecording(service.context, ref, ERASURE);
      expect(receipt).toMatchObject(ERASURE);
      expect(receipt.objects).toBeGreaterThan(0);
      expect(await service.keys(recordingPrefix(ref))).toEqual([]);
      expect(await service.keys('participants/')).toEqual([]);
    },
  },
  {
    name: 'sweep',
    async prepare(service) {
      const ref = await service.record();
      await service.record({ attempt: 'a2' });
      await assessAttempt(service.context, ref, service.clock.now());
      service.clock.advance(30 * DAY_MS);
      return ref;
    },
    act: (service) => service.sweep(),
    async afterwards(service, ref) {
      await service.sweep();
      expect(await service.keys('attempts/')).toEqual([]);
      expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention' });
    },
  },
];

describe.each(STORIES)('a crash of $name', ({ prepare, act, afterwards }) => {
  test.each([
    ['before', false],
    ['after', true],
  ])('%s any of its store calls took effect harms nothing', async (_, afterEffect) => {
    let calls = 1;
    for (let call = 1; call <= calls; call += 1) {
      const plan: CrashPlan = { call, afterEffect, made: undefined };
      const service = startTestService({
        wrap: (store) => crashing(store, plan),
        // Shorter than the other, so that an assessment brings the deadline forward.
        policy: { afterAssessmentMs: 10 * DAY_MS },
      });
      try {
        const ref = await prepare(service);
        plan.made = 0;
        await act(service, ref).catch((error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }));
        if (plan.made >= call) calls = call + 1;
        plan.made = undefined;
        service.context.manifests.clear();
        service.clock.advance(2 * HOUR_MS);
        expect((await service.verify()).findings.filter(({ kind }) => kind === 'no-due-entry')).toEqual([]);
        if (ref) await afterwards(service, ref);
        await expectNothingAfterTheDeadline(service);
      } catch (error) {
        throw new Error(`after a crash at store call ${call}`, { cause: error });
      }
    }
    expect(calls).toBeGreaterThan(4);
  });
});

async function expectNothingAfterTheDeadline(service: TestService): Promise<void> {
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  service.clock.advance(2 * HOUR_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0 });
  const left = (await service.keys()).filter((key) => !/^(receipts|audit)\/|^due\/[^/]+\/receipts\//.test(key));
  expect(left).toEqual([]);
  expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
}

function required(ref: RecordingRef | undefined): RecordingRef {
  if (!ref) throw new Error('this story needs a recording');
  return ref;
}
