// What the player says of what it was told by others.
import { expect, test } from '@jest/globals';
import { ReviewError } from '../src/service.ts';
import { Words } from '../src/words.ts';

test.each(['constructor', '__proto__', 'toString', '', undefined])(
  'of a gap with the reason %j it knows no reason',
  (reason) => {
    expect(new Words('en').reason(reason)).toBe('unknown reason');
    expect(new Words('nl').reason(reason)).not.toBe(new Words('en').reason(reason));
  },
);

test('a failure that it does not know is told in the words of the service', () => {
  expect(new Words('en').failure(new ReviewError('constructor', 'No.'))).toBe('The recordings cannot be read. No.');
});

test.each(['constructor', 'de', ''])('a language that it does not speak, as %j, is English', (language) => {
  expect(new Words(language).language).toBe('en');
});
