// The simulator itself: a seed is a history, to the byte, and everything that it is about does happen.
import { expect, test } from '@jest/globals';
import { runHistory } from './history.ts';

test('a history is the same to the byte when it is run again, and another one by another seed, or without a step', async () => {
  const digests = new Set<number>();
  for (let seed = 1; seed <= 20; seed += 1) {
    const [once, again] = [await runHistory(seed), await runHistory(seed)];
    expect(again).toEqual(once);
    expect(again.trace.lines()).toEqual(once.trace.lines());
    expect(once.trace.lines()).not.toEqual([]);
    const [step = ''] = once.happened;
    digests.add(once.digest).add((await runHistory(seed, { without: new Set([step]) })).digest);
  }
  expect(digests.size).toBe(40);
});

test('in a hundred histories everything happens: each fault, crashes, salvages, erasures, playback, keys, several batches, clocks that step', async () => {
  const happened = new Set<string>();
  for (let seed = 1; seed <= 100; seed += 1) {
    const history = await runHistory(seed);
    expect(history.violation).toBeUndefined();
    for (const name of history.counts.keys()) happened.add(name);
  }
  const wanted = `fails reply-lost repeated late keys-refused crash-before crash-after delays created stored salvaged
    erased played sweeps deleted keyed later-batches clock-steps verifies repairs overviews`;
  expect(wanted.split(/\s+/).filter((name) => !happened.has(name))).toEqual([]);
});

test('the reply to a manifest, which is sent once, comes late (history 181)', async () => {
  const { violation, trace } = await runHistory(181);
  expect(violation).toBeUndefined();
  expect(trace.lines()).toContainEqual(expect.stringMatching(/recording\.json: reply comes late/));
});
