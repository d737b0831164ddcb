// An erasure that dies at any of its store calls. The simulator lets all processes die; of the order of writes of an
// erasure it sees less than a look at each of them.
import { expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import { type CrashPlan, crashing } from '../kit/interventions.ts';
import { ERASURE, startRetention } from './support.ts';

test.each([
  ['before', false],
  ['after', true],
])(
  'an erasure that dies %s any of its store calls took effect is finished by the sweep, or asked for again',
  async (_, afterEffect) => {
    let calls = 1;
    for (let call = 1; call <= calls; call += 1) {
      const plan: CrashPlan = { call, afterEffect, made: undefined };
      const service = startRetention({ wrap: (store) => crashing(store, plan) });
      const ref = await service.record();
      plan.made = 0;
      await service.erase(ref).catch((error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }));
      if (plan.made >= call) calls = call + 1;
      plan.made = undefined;
      service.clock.advance(2 * HOUR_MS);
      expect(await service.kinds()).not.toContain('no-due-entry');
      // There is no way back: the sweep finishes what was begun, and leaves the rest alone.
      const { length: asked } = await service.keys(recordingKey(ref, 'deleting'));
      const before = await service.objectsOf(ref);
      await service.sweep();
      expect({ call, left: await service.objectsOf(ref) }).toEqual({ call, left: asked ? [] : before });
      expect(await service.erase(ref)).toMatchObject({ ...ERASURE, objects: expect.any(Number) });
      expect((await service.receiptOf(ref))?.objects).toBeGreaterThan(0);
      expect(await service.keys('participants/')).toEqual([]);

      service.clock.advance(31 * DAY_MS);
      expect({ call, ...(await service.sweep()) }).toMatchObject({ call, failed: 0 });
      expect([...(await service.keys('attempts/')), ...(await service.due('attempt'))]).toEqual([]);
      expect(await service.verify()).toMatchObject({ wrong: 0 });
    }
    expect(calls).toBeGreaterThan(4);
  },
);
