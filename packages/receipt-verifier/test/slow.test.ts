// Files that were made to keep the checker busy: each is read once from its beginning to its end, however long it is.
import { expect, test } from '@jest/globals';
import { keptIn } from '../src/kept.ts';
import { kindOf } from '../src/kind.ts';

// With a checker that is slow on one of them its test does not end.
const MANY = 500_000;
const LONG = {
  'short lines': `${'x\n'.repeat(MANY)}€`,
  'empty lines': `x${'\n'.repeat(MANY)}€`,
  'blanks before a line of its own': `x${' '.repeat(MANY)}\nx`,
  'blanks after a dash': `x—${' '.repeat(MANY)}x`,
  'white space of every kind': `x${' \n\t\r\n'.repeat(MANY)}x`,
  'a signature without an end': `x\n— ${'a '.repeat(MANY)}`,
  'signatures without a name': `x${'\n—\n'.repeat(MANY)}x`,
  'beginnings of checkpoints': 'proctoring-recordings/\n'.repeat(MANY),
  'blanks before a page': `${' '.repeat(MANY)}x`,
  points: '.'.repeat(MANY),
};

test.each(Object.entries(LONG))('a file of %s is of no kind', (_name, text) => {
  expect(kindOf(text)).toBe('unknown');
  expect(() => keptIn(text)).toThrow('this is not a checkpoint');
});
