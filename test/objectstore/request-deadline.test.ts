import { expect, it } from '@jest/globals';
import { requireTimeLeft, withinTime } from '../../src/objectstore/request-deadline.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { adapterOn } from './scripted-store.ts';

const BODY = new Uint8Array([1]);
const refused = { name: 'StoreError', code: 'unavailable', storeCode: 'RequestPastDeadline' };

it('a request calls the store until its time is over, also in what it starts and does not wait for', async () => {
  let nowMs = 0;
  const { store, requests } = await adapterOn(() => '');
  let late: Promise<unknown> = Promise.resolve();
  await withinTime(
    1_000,
    () => nowMs,
    async () => {
      nowMs = 999;
      await store.put('in-time', BODY);
      late = new Promise(setImmediate).then(() => store.put('late', BODY));
    },
  );
  nowMs = 1_000;
  await expect(late).rejects.toMatchObject({ ...refused, operation: 'PutObject' });
  expect(requests).toHaveLength(1);
});

it('no attempt is made after a first one that lasted too long', async () => {
  let nowMs = 0;
  const { store, attempts, requests } = await adapterOn(() => {
    nowMs = 5_000;
    return '503 SlowDown';
  });
  await expect(
    withinTime(
      1_000,
      () => nowMs,
      () => store.put('key', BODY),
    ),
  ).rejects.toMatchObject(refused);
  expect(requests).toHaveLength(1);
  expect(attempts).toEqual(['PutObject SlowDown']);
});

it('a request whose clock is set back meanwhile has no more time', () => {
  const monotonic = holdMonotonicClock();
  let nowMs = 5_000;
  withinTime(
    1_000,
    () => nowMs,
    () => {
      nowMs = 0;
      monotonic.advance(999);
      requireTimeLeft('PutObject');
      monotonic.advance(1);
      expect(() => requireTimeLeft('PutObject')).toThrow();
    },
  );
});

it('what no request asked for has no limit', () => {
  expect(() => requireTimeLeft('PutObject')).not.toThrow();
});

it.each([
  ['outer', 1_000, 2_000],
  ['inner', 2_000, 1_000],
])('of two deadlines, one within the other, the earlier counts: the %s', (_, outerMs, innerMs) => {
  let nowMs = 0;
  const now = () => nowMs;
  withinTime(outerMs, now, () =>
    withinTime(innerMs, now, () => {
      nowMs = 999;
      requireTimeLeft('PutObject');
      nowMs = 1_000;
      expect(() => requireTimeLeft('PutObject')).toThrow();
    }),
  );
});
