// Which entries of a log a receipt accounts for, where several purges of one recording met.
import { expect, test } from '@jest/globals';
import { LiveEntries } from '../../src/bucket/live-entries.ts';

const hash = (name: string) => Buffer.from(name.padEnd(32, '.')).toString('base64url');
const entry = (name: string, generation: number, keptUntil = '2026-11-30') => ({
  hash: hash(name),
  recording: hash('recording'),
  generation,
  keptUntil,
  leadSeconds: 0,
});

test('two purges at once write a receipt each, and a third one supersedes only that which stayed', () => {
  const live = new LiveEntries();
  for (const [place, name] of ['overwritten', 'stayed'].entries()) live.add('acme', place, entry(name, 0));
  live.add('acme', 2, entry('of another day', 0, '2026-12-20'));
  live.add('acme', 3, entry('third', 1));
  expect(live.account(entry('third', 1), [hash('stayed')])).toBe(true);
  expect([...live.unaccounted()]).toEqual([{ tenant: 'acme', place: 2 }]);
});
