// What the simulator found in the product, each as the shortest order of events that showed it. Seeds change with the plan.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { createInterventions } from '../kit/interventions.ts';
import { CALLER, startTestService } from '../kit/service.ts';
import { BEGINNING } from './plan.ts';

test('a sweep refuses a clock that was ahead when it began, and was set right before the store answered with its time', async () => {
  const service = startTestService();
  const ref = await service.record();
  service.clock.advance(2 * HOUR_MS);
  let aheadMs = 365 * DAY_MS;
  const now = () => {
    const nowMs = service.clock.now() + aheadMs;
    aheadMs = 0;
    return nowMs;
  };
  await expect(sweep({ ...service.sweepContext, now })).rejects.toMatchObject({ code: 'clock-skew' });
  expect(await service.keys(`attempts/acme/math/a1/${ref.recording}/`)).not.toEqual([]);
});

test('a repeated creation leaves nothing of its own, also when its recording is erased meanwhile', async () => {
  const interventions = createInterventions();
  const service = startTestService({ wrap: (store) => interventions.wrap(store) });
  const attempt = { tenant: 'acme', exam: 'math', attempt: 'a1' };
  const input = { ...BEGINNING, participantId: 'p1', parts: 0, idempotencyKey: 'k1' };
  const create = () => createRecording(service.context, CALLER, attempt, input);
  const { recording } = await create();
  const before = await service.keys();
  expect((await create()).recording).toEqual(recording);
  expect(await service.keys()).toEqual(before);
  const ref = { ...attempt, recording: recording.recordingId };
  let isErased = false;
  interventions.watch('delete', async () => {
    if (isErased) return;
    isErased = true;
    await eraseRecording(service.context, CALLER, ref, 'erasure');
  });
  await create();
  expect(isErased).toBe(true);
  expect(await service.keys('participants/')).toEqual([]);
});

test('a restriction is deleted after the media: no listing whose pages span a purge shows media without it', async () => {
  const interventions = createInterventions();
  const service = startTestService({ wrap: (store) => interventions.wrap(store) });
  const ref = await service.record();
  await restrictRecording(service.context, CALLER, ref, 'a dispute');
  const batches: string[][] = [];
  interventions.watch('delete', (targets) => void batches.push((targets as { key: string }[]).map(({ key }) => key)));
  await eraseRecording(service.context, CALLER, ref, 'erasure');
  const batchOf = (object: string) => batches.findIndex((keys) => keys.some((key) => key.endsWith(`/${object}`)));
  expect(batchOf('media')).toBeGreaterThanOrEqual(0);
  expect(batchOf('restricted')).toBeGreaterThan(batchOf('media'));
});
