// An erasure or a sweep that dies at any of its store calls. The simulator kills every process, but at random calls, and
// it has no webhook events: here every call is tried, with the events.
import { expect, test } from '@jest/globals';
import { EVENT_TYPES } from '../../src/bucket/outbox.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { type CrashPlan, crashing } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { ERASURE, startRetention } from './support.ts';

test.each([
  ['an erasure', 'before', { afterEffect: false, isSweep: false }],
  ['an erasure', 'after', { afterEffect: true, isSweep: false }],
  ['a sweep', 'before', { afterEffect: false, isSweep: true }],
  ['a sweep', 'after', { afterEffect: true, isSweep: true }],
])(
  '%s that dies %s any of its store calls took effect is finished by the next sweep or a repeated request, and loses no event',
  async (_what, _when, { afterEffect, isSweep }) => {
    const [name, why] = isSweep ? ['deleted', { reason: 'retention' }] : ['erased', ERASURE];
    let calls = 1;
    for (let call = 1; call <= calls; call += 1) {
      const plan: CrashPlan = { call, afterEffect, made: undefined };
      const events = new Map([['acme', new Set(EVENT_TYPES)]]);
      const service = startRetention({ wrap: (store) => crashing(store, plan), events });
      const ref = await service.record();
      if (isSweep) service.clock.advance(30 * DAY_MS);
      plan.made = 0;
      const dying: Promise<unknown> = isSweep ? service.sweep() : service.erase(ref);
      await dying.catch((error: unknown) => expect(error).toMatchObject({ name: 'StoreError' }));
      if (plan.made >= call) calls = call + 1;
      plan.made = undefined;
      expect(await service.after(2 * HOUR_MS).kinds()).not.toContain('no-due-entry');
      // A deletion cannot be undone: the sweep finishes what was begun, and leaves the rest alone.
      const { length: asked } = await service.keys(recordingKey(ref, 'deleting'));
      const before = await service.objectsOf(ref);
      await service.sweep();
      const left = isSweep || asked ? [] : before;
      expect({ call, left: await service.objectsOf(ref) }).toEqual({ call, left });
      if (!isSweep) expect(await service.erase(ref)).toMatchObject(ERASURE);
      const receipt = await service.receiptOf(ref);
      expect(receipt).toMatchObject(why);
      expect(receipt?.objects).toBeGreaterThan(0);
      expect(await service.keys('participants/')).toEqual([]);
      const ids = new Set((await service.events()).map(({ id }) => id));
      const once = ['stored', name].map((type) => `recording_${type}_${ref.recording}`);
      expect({ call, ids }).toEqual({ call, ids: new Set(once) });

      await service.remove(...(await service.keys('outbox/')));
      expect({ call, ...(await service.after(31 * DAY_MS).sweep()) }).toMatchObject({ call, failed: 0 });
      expect([...(await service.keys('attempts/')), ...(await service.due('attempt'))]).toEqual([]);
      expect(await service.verify()).toMatchObject({ wrong: 0 });
    }
    expect(calls).toBeGreaterThan(4);
  },
);
