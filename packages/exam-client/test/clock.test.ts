// The session's clock on a page whose wall clock is set and whose computer sleeps.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/durations.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { type Hole, SessionClock, serviceTime } from '../src/clock.ts';

/** The service's clock, the computer's wall clock, and how long the page has run by its monotonic clock. */
let serviceMs: number;
let wallMs: number;
let pageMs: number;
let holes: Hole[];
let doubts: number;
let clock: SessionClock;
let visibility: 'visible' | 'hidden';

beforeEach(() => {
  const before = { performance: globalThis.performance, Date: globalThis.Date, document: undefined };
  afterThisTest(() => Object.assign(globalThis, before));
  serviceMs = Date.UTC(2026, 10, 29, 12);
  wallMs = Date.UTC(2026, 10, 29, 12, 10);
  pageMs = 0;
  const timeOrigin = wallMs;
  visibility = 'visible';
  class PageDate extends Date {
    static override now = () => wallMs;
  }
  Object.assign(globalThis, {
    performance: { timeOrigin, now: () => pageMs },
    Date: PageDate,
    document: {
      get visibilityState() {
        return visibility;
      },
    },
  });
  holes = [];
  doubts = 0;
  clock = new SessionClock({
    onHole: (hole) => holes.push(hole),
    onDoubt: () => (doubts += 1),
    onChange() {},
  });
});

const now = () => performance.timeOrigin + performance.now();

/** Time passes; with `ticks`, the page runs. */
function pass(ms: number, { ticks = true } = {}): void {
  for (let left = ms; left > 0; left -= SECOND_MS) {
    const step = Math.min(left, SECOND_MS);
    serviceMs += step;
    wallMs += step;
    pageMs += step;
    if (ticks) clock.tick();
  }
}

/** As Linux and macOS do: the page's clock stands still. */
function sleep(ms: number): void {
  serviceMs += ms;
  wallMs += ms;
  pass(SECOND_MS);
}

function setWallClock(byMs: number): void {
  wallMs += byMs;
  pass(SECOND_MS);
}

function respond(downMs = 20): void {
  const sentMs = now();
  pass(20, { ticks: false });
  const date = new Date(Math.floor(serviceMs / 1000) * 1000).toUTCString();
  pass(downMs, { ticks: false });
  clock.learn(date, sentMs, now());
}

/** How wrong the session's clock is at this moment. */
const errorMs = () => Math.abs(serviceTime(now(), clock.state) - serviceMs);

describe('the time of the service', () => {
  test('is known to a second from its first response, whatever the wall clock shows', () => {
    respond();
    expect(errorMs()).toBeLessThan(SECOND_MS);
  });

  test('does not move while responses agree, so that two recordings that end one after the other stay in step', () => {
    respond();
    const { offsetMs } = clock.state;
    for (let count = 0; count < 200; count += 1) {
      pass(3_210);
      respond(300);
    }
    expect(clock.state.offsetMs).toBe(offsetMs);
  });

  test('gets better when the first response was slow', () => {
    visibility = 'hidden';
    clock.tick();
    respond(40 * SECOND_MS);
    expect(errorMs()).toBeGreaterThan(5 * SECOND_MS);
    for (let count = 0; count < 3; count += 1) respond();
    expect(errorMs()).toBeLessThan(2 * SECOND_MS);
  });

  test.each([-3 * HOUR_MS, -10 * MINUTE_MS, 10 * MINUTE_MS, 400 * 24 * HOUR_MS])(
    'stays what it is when the wall clock is set by %d ms',
    (byMs) => {
      respond();
      pass(MINUTE_MS);
      const before = serviceTime(now(), clock.state) - serviceMs;
      setWallClock(byMs);
      pass(MINUTE_MS);
      respond();
      expect(serviceTime(now(), clock.state) - serviceMs).toBe(before);
      expect(holes).toEqual([]);
      expect(clock.state).toMatchObject({ sleeps: [], jumps: [] });
    },
  );

  test('goes on after a sleep, and what was before it keeps its time', () => {
    respond();
    pass(MINUTE_MS);
    const earlier = { page: now(), service: serviceMs };
    sleep(2 * HOUR_MS);
    expect(doubts).toBe(1);
    respond();
    expect(errorMs()).toBeLessThan(2 * SECOND_MS);
    expect(Math.abs(serviceTime(earlier.page, clock.state) - earlier.service)).toBeLessThan(SECOND_MS);
    expect(holes.map(({ reason }) => reason)).toEqual(['asleep']);
    const [{ fromMs, toMs } = { fromMs: 0, toMs: 0 }] = holes;
    const sleptMs = serviceTime(toMs, clock.state) - serviceTime(fromMs, clock.state);
    expect(Math.abs(sleptMs - 2 * HOUR_MS)).toBeLessThan(2 * SECOND_MS);
  });

  test('tells a sleep and a clock that was set apart when both came before the next response', () => {
    respond();
    pass(MINUTE_MS);
    sleep(20 * MINUTE_MS);
    pass(MINUTE_MS);
    setWallClock(HOUR_MS);
    respond();
    expect(errorMs()).toBeLessThan(2 * SECOND_MS);
    expect(clock.state.sleeps.reduce((sum, { byMs }) => sum + byMs, 0)).toBeGreaterThan(19 * MINUTE_MS);
  });

  test('counts a jump as sleep where no response has come since', () => {
    respond();
    sleep(HOUR_MS);
    expect(errorMs()).toBeLessThan(2 * SECOND_MS);
  });

  test('is not moved by a replica whose clock is some seconds off', () => {
    respond();
    const { offsetMs } = clock.state;
    serviceMs += 4 * SECOND_MS;
    respond();
    serviceMs -= 4 * SECOND_MS;
    respond();
    expect(clock.state.offsetMs).toBe(offsetMs);
    expect(holes).toEqual([]);
  });
});

describe('a page that did not run', () => {
  test('has a hole, whatever the wall clock did meanwhile', () => {
    respond();
    pass(30 * SECOND_MS, { ticks: false });
    wallMs -= HOUR_MS;
    clock.tick();
    expect(holes).toMatchObject([{ reason: 'stalled' }]);
  });

  test('has none when it was hidden, where a browser may run timers once a minute', () => {
    visibility = 'hidden';
    clock.tick();
    for (let minute = 0; minute < 10; minute += 1) {
      pass(MINUTE_MS, { ticks: false });
      clock.tick();
    }
    expect(holes).toEqual([]);
    pass(2 * MINUTE_MS, { ticks: false });
    clock.tick();
    expect(holes).toMatchObject([{ reason: 'stalled' }]);
  });
});
