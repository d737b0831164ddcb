// Every store call at which a process can die, one after the other, and what must hold when others go on.
import { describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { createdAtOf, type RecordingRef } from '../../src/domain/ids.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import { readRecordingView } from '../../src/recordings/read.ts';
import { webm } from '../kit/fixtures.ts';
import { type CrashPlan, crashing } from '../kit/interventions.ts';
import { ERASURE, type RetentionService, startRetention } from './support.ts';

type Act = (service: RetentionService, ref: RecordingRef) => Promise<unknown>;

/** What dies, and is then done again to the end; what must be true then; and how many days after the recording was made. */
const STORIES: [name: string, act: Act, check: Act, days: number][] = [
  ['create', (service) => service.begin({ attempt: 'a2' }), async () => {}, 1],
  [
    'complete',
    (service, ref) => service.complete(ref),
    async (service, ref) => {
      const { state, sizeBytes, deleteBy } = await readRecordingView(service.context, ref);
      expect({ state, sizeBytes }).toEqual({ state: 'stored', sizeBytes: webm.length });
      expect(await service.store.tags(recordingKey(ref, 'media'))).toHaveProperty('delete-by', deleteBy);
    },
    1,
  ],
  ['assess', (service, ref) => service.assess(ref, createdAtOf(ref.recording) + HOUR_MS), async () => {}, 1],
  [
    'erase',
    (service, ref) => service.erase(ref),
    async (service, ref) => {
      expect([...(await service.objectsOf(ref)), ...(await service.keys('participants/'))]).toEqual([]);
      expect(await service.receiptOf(ref)).toMatchObject(ERASURE);
      expect((await service.receiptOf(ref))?.objects).toBeGreaterThan(0);
    },
    1,
  ],
  [
    'sweep',
    (service) => service.sweep(),
    async (service, ref) => {
      expect(await service.keys('attempts/')).toEqual([]);
      expect(await service.receiptOf(ref)).toMatchObject({ reason: 'retention' });
    },
    30,
  ],
];

describe.each(STORIES)('a crash of %s', (name, act, check, days) => {
  test.each([
    ['before', false],
    ['after', true],
  ])('%s any of its store calls took effect harms nothing', async (_, afterEffect) => {
    let calls = 1;
    for (let call = 1; call <= calls; call += 1) {
      const plan: CrashPlan = { call, afterEffect, made: undefined };
      const service = startRetention({
        wrap: (store) => crashing(store, plan),
        // Shorter than the other, so that an assessment brings the deadline forward.
        policy: { afterAssessmentMs: 10 * DAY_MS },
      });
      try {
        const ref = await (name === 'complete' ? service.uploaded() : service.record());
        service.clock.advance(days * DAY_MS);
        plan.made = 0;
        await act(service, ref).catch((error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }));
        if (plan.made >= call) calls = call + 1;
        plan.made = undefined;
        service.context.manifests.clear();
        service.clock.advance(2 * HOUR_MS);
        expect(await service.kinds()).not.toContain('no-due-entry');
        // The sweep finishes what was promised.
        if ((await service.keys(recordingKey(ref, 'deleting'))).length > 0) {
          await service.sweep();
          await check(service, ref);
        }
        await act(service, ref);
        await check(service, ref);

        // After the deadline nothing is left.
        service.clock.advance(31 * DAY_MS);
        await service.sweep();
        service.clock.advance(2 * HOUR_MS);
        expect(await service.sweep()).toMatchObject({ failed: 0 });
        const left = (await service.keys()).filter((key) => !/^(receipts|audit)\/|^due\/[^/]+\/receipts\//.test(key));
        expect(left).toEqual([]);
        expect(await service.openUploads()).toEqual([]);
        expect(await service.verify()).toMatchObject({ wrong: 0 });
      } catch (error) {
        throw new Error(`after a crash at store call ${call}`, { cause: error });
      }
    }
    expect(calls).toBeGreaterThan(4);
  });
});
