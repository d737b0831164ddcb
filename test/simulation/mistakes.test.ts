// The rules bite: each deliberate mistake is caught by its history, which breaks nothing without it.
import { expect, test } from '@jest/globals';
import { runHistory } from './history.ts';
import { findMistake, MISTAKES } from './mistakes.ts';

test.each(MISTAKES)('it is caught that $name (history $caughtBy)', async (mistake) => {
  expect((await runHistory(mistake.caughtBy, { mistake })).violation).toBeDefined();
  expect((await runHistory(mistake.caughtBy)).violation).toBeUndefined();
});

test('each of at least 88 mistakes has a name of its own, and no other can be planted', () => {
  expect(MISTAKES.length).toBeGreaterThanOrEqual(88);
  for (const mistake of MISTAKES) expect(findMistake(mistake.name)).toBe(mistake);
  expect(() => findMistake('none of the known')).toThrow('no mistake is called');
});
