// What the simulator found in the product, each as the shortest order of events that showed it. Seeds change with the plan.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { parseKey } from '../../src/domain/keys.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { overriding } from '../kit/interventions.ts';
import { CALLER, startTestService } from '../kit/service.ts';

test('a sweep refuses a clock that was ahead when it began, and was set right before the store told its time', async () => {
  const service = startTestService();
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  let isAhead = true;
  const now = () => {
    const nowMs = service.clock.now() + (isAhead ? 365 * DAY_MS : 0);
    isAhead = false;
    return nowMs;
  };
  await expect(sweep({ ...service.sweepContext, now })).rejects.toMatchObject({ code: 'clock-skew' });
  expect(await service.keys(`attempts/acme/math/a1/${ref.recording}/`)).not.toEqual([]);
});

test('a repeated creation leaves no marker of a recording that is erased while it finishes it', async () => {
  let erase: (() => Promise<unknown>) | undefined;
  const service = startTestService({
    wrap: (store) =>
      overriding(store, {
        put: async (key, ...rest) => {
          if (parseKey(key)?.type === 'participant') await erase?.();
          return store.put(key, ...rest);
        },
      }),
  });
  const attempt = { tenant: 'acme', exam: 'math', attempt: 'a1' };
  const input = {
    participantId: 'p1',
    kind: 'webcam' as const,
    contentType: 'video/webm',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '7' },
    parts: 0,
    idempotencyKey: 'k1',
  };
  const { recording } = await createRecording(service.context, CALLER, attempt, input);
  // As if the first try had died before its last write.
  const [marker = ''] = await service.keys('participants/');
  await service.store.delete([{ key: marker }]);
  service.clock.advance(2 * HOUR_MS);
  const ref = { ...attempt, recording: recording.recordingId };
  erase = () => eraseRecording(service.context, CALLER, ref, 'erasure');
  await expect(createRecording(service.context, CALLER, attempt, input)).rejects.toMatchObject({
    code: 'recording-being-created',
  });
  expect(await service.keys('participants/')).toEqual([]);
});
