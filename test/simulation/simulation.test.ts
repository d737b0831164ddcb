// The simulator itself: a seed is a history, to the byte, and everything that it is about does happen.
import { expect, test } from '@jest/globals';
import { runHistory } from './history.ts';
import { newRandom } from './random.ts';

test('the same seed gives the same numbers, another seed others', () => {
  const numbers = (seed: number) => [...newRandom(seed, 1).bytes(20)];
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
});

test('a history is the same to the byte when it is run again, and another one without a step', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const once = await runHistory(seed, { keepsTrace: true });
    const again = await runHistory(seed, { keepsTrace: true });
    expect(again.trace).toEqual(once.trace);
    expect(again.digest).toBe(once.digest);
    const [step = ''] = once.happened;
    expect((await runHistory(seed, { without: new Set([step]) })).digest).not.toBe(once.digest);
  }
});

test('in a hundred histories everything happens: each fault, crashes, salvages, erasures, playback, keys, several batches, clocks that step', async () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= 100; seed += 1) {
    const history = await runHistory(seed);
    expect(history.violation).toBeUndefined();
    for (const [name, count] of history.counts) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  const faults = ['fails', 'reply-lost', 'repeated', 'late', 'keys-refused', 'crash-before', 'crash-after', 'delays'];
  const done = [
    'created',
    'stored',
    'salvaged',
    'erased',
    'played',
    'sweeps',
    'deleted',
    'keyed',
    'later-batches',
    'clock-steps',
    'verifies',
    'repairs',
  ];
  expect([...faults, ...done].filter((name) => !counts.has(name))).toEqual([]);
});
