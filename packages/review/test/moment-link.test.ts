// Addresses that lead to a moment.
import { expect, test } from '@jest/globals';
import { linkTo, momentIn } from '../src/moment-link.ts';

const AT = new Date('2026-11-02T09:30:00.250Z');

test.each(['https://platform.test/review?attempt=4', 'https://platform.test/#tab=2&review-at=2020-01-01T00:00:00Z'])(
  'a link from %s leads to its moment',
  (address) => {
    const link = linkTo(address, AT);
    expect(momentIn(new URL(link).hash)).toBe(AT.toISOString());
    expect(link.startsWith(address.replace(/&?review-at.*/, ''))).toBe(true);
  },
);

test.each(['', '#', '#tab=2', '#%E0%A4%A'])('the fragment %j leads to no moment', (fragment) => {
  expect(momentIn(fragment)).toBeNull();
});
