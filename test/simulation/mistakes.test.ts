// The rules bite: each deliberate mistake is caught by its history, which breaks nothing without it.
import { expect, test } from '@jest/globals';
import { runHistory } from './history.ts';
import { findMistake, MISTAKES } from './mistakes.ts';

test.each(MISTAKES.map(({ name, caughtBy }) => ({ name, caughtBy })))(
  'it is caught that $name (history $caughtBy)',
  async ({ name, caughtBy }) => {
    expect((await runHistory(caughtBy, { mistake: findMistake(name) })).violation).toBeDefined();
    expect((await runHistory(caughtBy)).violation).toBeUndefined();
  },
);

test('there are at least 35 mistakes, each with a name of its own', () => {
  expect(new Set(MISTAKES.map(({ name }) => name)).size).toBe(MISTAKES.length);
  expect(MISTAKES.length).toBeGreaterThanOrEqual(35);
});

test('only a mistake that is known can be made', () => {
  expect(() => findMistake('none of the known')).toThrow('no mistake is called');
});
