// What the simulator found in the product, each as the shortest order of events that showed it. Seeds change with the plan.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { toIso } from '../../src/model/times.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { abortRecording, eraseRecording } from '../../src/recordings/delete.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { createInterventions, failing, meanwhile } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { CALLER, startTestService } from '../kit/service.ts';
import { startRetention } from '../sweeper/support.ts';
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

test.each(['abort', 'erasure'] as const)(
  'a deletion that an %s finishes keeps the reason for which it was decided',
  async (end) => {
    const service = startRetention();
    const picture = Buffer.from('\0\0\0\x14ftypavif\0\0\0\0mif1', 'latin1');
    const ref = await service.uploaded([picture]);
    const refused = service.complete(ref, failing(service.store, 'put', 'receipts/'), { by: CALLER });
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' });
    const by = { ...CALLER, actor: 'somebody else' };
    if (end === 'abort') await abortRecording(service.context, by, ref);
    else await eraseRecording(service.context, by, ref, 'erasure');
    expect(await service.receiptOf(ref)).toMatchObject({ reason: 'not-a-recording', actor: 'service' });
    await service.after(2 * HOUR_MS).sweep();
    expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1 });
  },
);

test('an abort of what never received a part leaves a receipt where a sweep may be writing one', async () => {
  const service = startRetention();
  const ref = await service.begin();
  service.clock.advance(31 * DAY_MS);
  // The sweep dies between the index of the receipts and the receipt.
  const sweepUntilReceipt = () => service.sweepOn(failing(service.store, 'put', 'receipts/'));
  const abort = (store: ObjectStore) => abortRecording({ ...service.context, store }, CALLER, ref);
  await meanwhile(service.store, { when: 'after', call: 'listParts' }, sweepUntilReceipt, abort);
  expect(await service.receiptOf(ref)).toMatchObject({ reason: 'aborted' });
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1 });
});

test('a sweep proves no deletion that an abort has declared empty since it listed the attempt', async () => {
  const service = startRetention();
  const ref = await service.begin();
  service.clock.advance(31 * DAY_MS);
  const intent = {
    version: 1,
    reason: 'aborted',
    actor: 'exam-client',
    requestedAt: toIso(service.clock.now()),
    isEmpty: true,
  };
  const declare = () => service.put(recordingKey(ref, 'deleting'), JSON.stringify(intent));
  await meanwhile(service.store, { when: 'after', call: 'list', keys: 'attempts/' }, declare, service.sweepOn);
  expect(await service.receiptOf(ref)).toBeUndefined();
  expect(await service.due('receipts')).toEqual([]);
});
