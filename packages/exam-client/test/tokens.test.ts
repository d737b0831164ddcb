// When the page is asked for a token.
import { beforeEach, expect, test } from '@jest/globals';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/durations.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { SessionClock } from '../src/clock.ts';
import { Waits } from '../src/retry.ts';
import { Tokens } from '../src/tokens.ts';

const START_MS = Date.UTC(2026, 10, 29, 12);
let pageMs: number;
let clock: SessionClock;
let asked: number;

beforeEach(() => {
  const { performance } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { performance }));
  pageMs = 0;
  asked = 0;
  // The wall clock of this computer is three hours slow.
  Object.assign(globalThis, { performance: { timeOrigin: START_MS - 3 * HOUR_MS, now: () => pageMs } });
  clock = new SessionClock();
});

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
/** Lives for `lifeMs` from now, by the service's clock. */
const living = (lifeMs: number) => jwt({ exp: (START_MS + pageMs + lifeMs) / 1000, sub: 'ü' });
const learn = () =>
  clock.learn(
    new Date(START_MS + pageMs).toUTCString(),
    performance.timeOrigin + pageMs,
    performance.timeOrigin + pageMs,
  );

function tokensOf(getToken: () => string): Tokens {
  const count = async () => {
    asked += 1;
    return getToken();
  };
  return new Tokens(count, clock, new Waits(() => {}));
}

test('it is asked once, and again a minute before the token expires by the clock of the service', async () => {
  learn();
  const tokens = tokensOf(() => living(HOUR_MS));
  const first = await tokens.get();
  pageMs = 58 * MINUTE_MS;
  expect([await tokens.get(), asked]).toEqual([first, 1]);
  pageMs = 59 * MINUTE_MS + SECOND_MS;
  expect(await tokens.get()).not.toBe(first);
  expect(asked).toBe(2);
});

test('a token that lives for a minute is used for most of it', async () => {
  learn();
  const tokens = tokensOf(() => living(MINUTE_MS));
  await tokens.get();
  pageMs = 50 * SECOND_MS;
  await tokens.get();
  expect(asked).toBe(1);
  pageMs = 55 * SECOND_MS;
  await tokens.get();
  expect(asked).toBe(2);
});

test('a page that returns a token which is about to expire is asked twice a minute at most', async () => {
  learn();
  const old = living(HOUR_MS);
  const tokens = tokensOf(() => old);
  await tokens.get();
  for (pageMs = HOUR_MS - 30 * SECOND_MS; pageMs < HOUR_MS + 30 * SECOND_MS; pageMs += SECOND_MS) await tokens.get();
  expect(asked).toBeLessThanOrEqual(4);
});

test.each(['opaque', jwt({ exp: 'soon' }), 'a.b.c', jwt({})])(
  '%s is used until the service refuses it',
  async (token) => {
    learn();
    const tokens = tokensOf(() => token);
    await tokens.get();
    pageMs = 24 * HOUR_MS;
    await tokens.get();
    expect(asked).toBe(1);
    await tokens.refuse(token);
    await tokens.get();
    expect(asked).toBe(2);
  },
);

test('a refusal of an older token does not throw the newer one away', async () => {
  let count = 0;
  const tokens = tokensOf(() => `token-${++count}`);
  await tokens.get();
  await tokens.refuse('token-1');
  expect(await tokens.get()).toBe('token-2');
  await tokens.refuse('token-1');
  expect(await tokens.get()).toBe('token-2');
});

test('a page that fails, or returns an error page, is asked again at the next call', async () => {
  const answers = ['<html>\n</html>', '', ' good '];
  const tokens = tokensOf(() => answers.shift() ?? '');
  await expect(tokens.get()).rejects.toMatchObject({ reason: 'unauthorized' });
  await expect(tokens.get()).rejects.toMatchObject({ reason: 'unauthorized' });
  expect(await tokens.get()).toBe('good');
});
