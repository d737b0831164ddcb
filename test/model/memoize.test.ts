// A result that many ask for is made once, and made again after a failure.
import { expect, test } from '@jest/globals';
import { memoize } from '../../src/model/memoize.ts';

test('calls at the same time, and later ones, share one result', async () => {
  let made = 0;
  const result = memoize(async () => ++made);
  expect(await Promise.all([result(), result()])).toEqual([1, 1]);
  expect(await result()).toBe(1);
});

test('a failure is thrown to all who wait for it, and is not kept', async () => {
  let made = 0;
  const result = memoize(async () => {
    made += 1;
    if (made === 1) throw new Error('the store is away');
    return made;
  });
  const [first, second] = await Promise.allSettled([result(), result()]);
  expect([first.status, second.status, made]).toEqual(['rejected', 'rejected', 1]);
  expect(await result()).toBe(2);
});
