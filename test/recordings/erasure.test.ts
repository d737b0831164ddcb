// Erasures of one recording that overtake each other: each is answered with the same receipt.
import { expect, test } from '@jest/globals';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { createInterventions } from '../kit/interventions.ts';
import { CALLER, startTestService } from '../kit/service.ts';

test('an erasure that another one overtakes before it sees the participant’s index entry has the other’s receipt', async () => {
  const interventions = createInterventions();
  const service = startTestService({ wrap: interventions.wrap });
  const ref = await service.record();
  const erase = () => eraseRecording(service.context, CALLER, ref, 'erasure');
  let other: ReturnType<typeof erase> | undefined;
  interventions.watch('list', async (prefix) => {
    if (other || !String(prefix).startsWith('participants/')) return;
    other = erase();
    await other;
  });
  const receipt = await erase();
  expect(receipt).toEqual(await other);
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
});
