// Some sessions of the simulator; ci/full plays a thousand. And the rules bite: each deliberate mistake is caught.
import { expect, test } from '@jest/globals';
import { MISTAKES } from './mistakes.ts';
import { judge, RULES } from './oracle.ts';
import { Session } from './session.ts';

const SESSIONS = 12;
const CLEAN_SESSIONS = 5;
const seeds = (count: number) => Array.from({ length: count }, (_, place) => place + 1);

test.each(seeds(SESSIONS))('every rule holds in session %d', async (seed) => {
  expect(judge(await Session.run(seed))).toEqual([]);
});

test.each(seeds(CLEAN_SESSIONS))('without faults, every rule holds in session %d', async (seed) => {
  expect(judge(await Session.run(seed, { isClean: true }))).toEqual([]);
});

test('a seed gives the same story each time', async () => {
  const { story } = await Session.run(3);
  expect((await Session.run(3)).story.lines).toEqual(story.lines);
});

test.each(MISTAKES)('it is caught that $name (session $seed)', async ({ breaks, seed, isClean, ...mistake }) => {
  const planted = judge(await Session.run(seed, { isClean, mistake: { breaks, seed, isClean, ...mistake } }));
  expect(planted.map(({ rule }) => rule)).toContain(breaks);
  expect(judge(await Session.run(seed, { isClean }))).toEqual([]);
});

test('each rule has a mistake that breaks it', () => {
  expect(new Set(MISTAKES.map(({ breaks }) => breaks))).toEqual(new Set(Object.keys(RULES)));
});
