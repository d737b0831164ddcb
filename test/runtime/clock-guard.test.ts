// The embedded store has the clock of its machine: what happens when somebody sets it, by clocks that the test moves.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { readSettings } from '../../src/config.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { ClockGuard, holdFor } from '../../src/runtime/clock-guard.ts';
import { startSweeps } from '../../src/runtime/sweep.ts';
import { startTracing } from '../../src/runtime/tracing.ts';
import { until } from '../kit/until.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';
import { SILENT } from './process.ts';

const HOLD_MS = 12 * HOUR_MS;

let service: RetentionService;
let bootMs: number;
let logged: unknown[][];
let guard: ClockGuard;
/** Lets the guard look again, once; undefined until it waits. */
let lookAgain: (() => void) | undefined;

/** Every clock goes on. */
function goOn(ms: number): void {
  service.clock.advance(ms);
  bootMs += ms;
}

beforeEach(() => {
  service = startRetention();
  bootMs = 1000 * SECOND_MS;
  logged = [];
  lookAgain = undefined;
  const log =
    (level: string) =>
    (message: string, fields: { detail?: unknown } = {}) =>
      void logged.push([level, message, fields.detail]);
  const wait = (_: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      lookAgain = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  const clocks = { wallMs: () => service.clock.now(), bootMs: () => bootMs, wait };
  guard = new ClockGuard(HOLD_MS, { error: log('error'), warn: log('warn') }, clocks);
});

describe('a clock is taken as right', () => {
  test.each([
    ['that goes on, for months', () => goOn(90 * DAY_MS)],
    ['on a machine that was suspended', () => goOn(40 * DAY_MS)],
    ['that was set forward by less than five minutes', () => service.clock.step(5 * MINUTE_MS)],
    ['that was set back', () => service.clock.step(-40 * DAY_MS)],
  ])('%s', (_, act) => {
    act();
    expect(guard.isRight()).toBe(true);
    expect(guard.beginRun().now()).toBe(service.clock.now());
    expect(logged).toEqual([]);
  });

  test('that was set by a little, again and again, once it had been right for long', () => {
    for (let times = 0; times < 10; times += 1) {
      service.clock.step(MINUTE_MS);
      goOn(HOLD_MS);
      expect(guard.isRight()).toBe(true);
    }
    for (let times = 0; times < 5; times += 1) service.clock.step(MINUTE_MS);
    expect(guard.isRight()).toBe(true);
    service.clock.step(1);
    expect(guard.isRight()).toBe(false);
  });
});

describe('a clock that was set forward', () => {
  const refusal = { name: 'SweepRefused', code: 'clock-stepped' };
  const begin = async () => guard.beginRun();

  test('begins no run until it has shown the new time for as long as the hold; the log says it once', async () => {
    service.clock.step(40 * DAY_MS);
    for (let hours = 0; hours < 12; hours += 1) {
      await expect(begin()).rejects.toMatchObject(refusal);
      goOn(HOUR_MS);
    }
    expect(guard.beginRun().now()).toBe(service.clock.now());
    expect(logged).toEqual([
      [
        'error',
        expect.stringContaining('set forward'),
        expect.stringMatching(/by 3456000 s.* until 2026-04-11T21:00:00/),
      ],
    ]);
    goOn(DAY_MS);
    expect(guard.isRight()).toBe(true);
  });

  test('and is set back, begins the next run at once', async () => {
    service.clock.step(40 * DAY_MS);
    await expect(begin()).rejects.toMatchObject(refusal);
    goOn(HOUR_MS);
    service.clock.step(-40 * DAY_MS);
    expect(guard.beginRun().now()).toBe(service.clock.now());
    expect(logged.map(([level]) => level)).toEqual(['error', 'warn']);
  });

  test('nobody looked at for as long as the hold, is held from when it was noticed', async () => {
    goOn(40 * DAY_MS);
    service.clock.step(40 * DAY_MS);
    await expect(begin()).rejects.toMatchObject(refusal);
  });

  test('again within the hold, is held from then on', async () => {
    service.clock.step(DAY_MS);
    await expect(begin()).rejects.toMatchObject(refusal);
    goOn(HOLD_MS - MINUTE_MS);
    service.clock.step(40 * DAY_MS);
    await expect(begin()).rejects.toMatchObject(refusal);
    goOn(HOLD_MS - MINUTE_MS);
    await expect(begin()).rejects.toMatchObject(refusal);
    goOn(MINUTE_MS);
    expect(guard.isRight()).toBe(true);
    expect(logged.map(([level]) => level)).toEqual(['error', 'error']);
  });

  test('during a run, does not move the clock of that run', () => {
    const { now } = guard.beginRun();
    const startedMs = now();
    service.clock.step(40 * DAY_MS);
    goOn(MINUTE_MS);
    expect(now()).toBe(startedMs + MINUTE_MS);
  });
});

test.each([
  ['half of the deletion margin', 2 * HOUR_MS, HOUR_MS],
  ['at most twelve hours', 7 * DAY_MS, 12 * HOUR_MS],
  ['an hour without a margin', 0, HOUR_MS],
])('deletions are held for %s', (_, leadMs, holdMs) => {
  expect(holdFor(leadMs)).toBe(holdMs);
});

describe('the sweeps of `serve`', () => {
  let ref: RecordingRef;
  let metrics: Registry;
  let sweeps: ReturnType<typeof startSweeps>;
  let tracing: Awaited<ReturnType<typeof startTracing>>;

  const isKept = async () => (await service.objectsOf(ref)).length > 0;
  async function runs(result: string): Promise<number | undefined> {
    const { values = [] } = (await metrics.getSingleMetric('proctoring_sweep_runs_total')?.get()) ?? {};
    return values.find(({ labels }) => labels.result === result)?.value;
  }
  async function startHeldBack(): Promise<void> {
    const settings = readSettings({ SWEEP_SCHEDULE: '0 0 29 2 *' });
    const connect = () => ({ store: service.store, requestCount: () => 0 }) as never;
    sweeps = startSweeps({ settings, logger: SILENT, tracing, opened: { connect, clockGuard: guard } }, metrics);
    await until(() => lookAgain !== undefined);
    expect([await runs('refused'), await runs('ok'), await isKept()]).toEqual([1, 0, true]);
  }

  beforeEach(async () => {
    metrics = new Registry();
    tracing = await startTracing(undefined, SILENT);
    ref = await service.record();
    goOn(2 * HOUR_MS);
  });

  test('delete nothing early by a clock that was set wrongly and is set right again', async () => {
    service.clock.step(40 * DAY_MS);
    await startHeldBack();
    goOn(HOUR_MS);
    service.clock.step(-40 * DAY_MS);
    lookAgain?.();
    await until(async () => (await runs('ok')) === 1);
    expect(await isKept()).toBe(true);
    await sweeps?.stop();
  });

  test('delete in time what is due by a clock that was set right, and not only at the next moment', async () => {
    service.clock.step(40 * DAY_MS);
    await startHeldBack();
    goOn(HOLD_MS);
    lookAgain?.();
    await until(async () => (await runs('ok')) === 1);
    expect(await isKept()).toBe(false);
    await sweeps?.stop();
  });

  test('end at once while they are held back', async () => {
    service.clock.step(40 * DAY_MS);
    await startHeldBack();
    await sweeps?.stop();
    expect([await runs('refused'), await isKept()]).toEqual([1, true]);
  });
});
