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

const DETAIL = 'The token is not a JWT in base64url.';

test.each([
  ['token-expired', 401, /Sign in again/, /Log opnieuw in/],
  ['http-401', 401, /Sign in again/, /Log opnieuw in/],
  ['wrong-attempt', 403, /may not watch/, /mag deze opnamen niet/],
  ['rate-limited', 429, /Wait/, /Wacht/],
  ['no-token', undefined, /Sign in again/, /Log opnieuw in/],
  ['unreachable', 503, /by itself/, /vanzelf/],
  ['invalid-id', 400, /people who run this page: invalid-id/, /beheerder van deze pagina: invalid-id/],
  ['constructor', 404, /people who run this page: constructor/, /beheerder van deze pagina: constructor/],
])('a refusal with %s and %s is told in words of its own, in each language', (code, status, english, dutch) => {
  const error = new ReviewError(code, DETAIL, status === undefined ? {} : { status });
  const [en, nl] = ['en', 'nl'].map((language) => new Words(language).refusal(error));
  expect(en).toMatch(english);
  expect(nl).toMatch(dutch);
  expect(en + String(nl)).not.toContain(DETAIL);
});

test('of a screen that gave nothing it is said that it may have stood still, of a camera not', () => {
  const words = new Words('en');
  expect(words.reason('no-bytes', 'screen')).toMatch(/stands still/);
  expect(words.reason('no-bytes', 'webcam')).not.toMatch(/still/);
});

test.each(['constructor', 'de', ''])('a language that it does not speak, as %j, is English', (language) => {
  expect(new Words(language).language).toBe('en');
});
