// What the exam client weighs, how long it waits before it tries again, and how it puts recordings on one clock.
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { pauseMs, retryAfterMs } from '../src/backoff.ts';
import { mediaSeconds, offsetSeconds, type Timeline } from '../src/timeline.ts';

test('the client is one module without imports, below 25 kB gzipped', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
  });
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((path) => !path.startsWith('packages/exam-client/src/'))).toEqual([]);
  expect(gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length).toBeLessThan(25_000);
});

test('the pause doubles from one second to half a minute, and lies anywhere below, so that many clients spread', () => {
  const longest = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  expect(longest.map((_, attempt) => pauseMs(attempt, 1))).toEqual(longest);
  expect(pauseMs(1_000, 1)).toBe(30_000);
  expect([0, 0.25, 0.5].map((random) => pauseMs(3, random))).toEqual([0, 2_000, 4_000]);
});

test('after a Retry-After, which is the same for all, they spread over as long again, at most half a minute', () => {
  const between = (attempt: number, askedMs: number) => [0, 1].map((random) => pauseMs(attempt, random, askedMs));
  expect(between(0, 5_000)).toEqual([5_000, 10_000]);
  expect(between(4, 5_000)).toEqual([5_000, 21_000]);
  expect(between(0, 120_000)).toEqual([120_000, 150_000]);
});

test.each([
  ['3', 3_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', 0],
  [null, 0],
  ['86400', 120_000],
])('a service that asks for %s is left alone for so long', (header, ms) => {
  // By the response's own date: this computer's clock may be years off.
  expect(retryAfterMs(header, 'Thu, 01 Jan 2026 00:00:00 GMT')).toBe(ms);
});

test('two recordings are as far apart as their beginnings; the pauses of one are not in its file', () => {
  const at = (seconds: string) => `2026-11-02T09:00:${seconds}Z`;
  const timeline = (startedAt: string, gaps: Timeline['gaps'] = []) => ({ startedAt, endedAt: at('59.000'), gaps });
  const [early, late] = [timeline(at('00.000')), timeline(at('01.250'))];
  expect([offsetSeconds(early, late), offsetSeconds(late, early)]).toEqual([1.25, -1.25]);
  const paused = timeline(at('00.000'), [
    { from: at('10.000'), to: at('20.000'), reason: 'buffer-full' },
    { from: at('30.000'), to: at('35.000'), reason: 'muted' },
  ]);
  const moments = ['05.000', '10.000', '15.000', '20.000', '40.000'].map((seconds) => new Date(at(seconds)));
  expect(moments.map((moment) => mediaSeconds(paused, moment))).toEqual([5, 10, 10, 10, 30]);
});

test('recordings that drift from the clock are as far apart as their anchors say, at each position', () => {
  const at = (second: number) => new Date(Date.UTC(2026, 10, 2, 9) + second * 1000);
  const timeline = (start: number, anchors: readonly [number, number][], gaps: Timeline['gaps'] = []): Timeline => ({
    startedAt: at(start).toISOString(),
    endedAt: at(500).toISOString(),
    gaps,
    anchors: anchors.map(([second, mediaSeconds]) => ({ at: at(second).toISOString(), mediaSeconds })),
  });
  // Two seconds late after a hundred, and no later from then on.
  const camera = timeline(0, [
    [0, 0],
    [100, 98],
    [200, 198],
  ]);
  const positions = [-10, 0, 50, 100, 150, 200, 300].map((second) => mediaSeconds(camera, at(second)));
  expect(positions).toEqual([-10, 0, 49, 98, 148, 198, 298]);
  const screen = timeline(10, []);
  const offsets = [0, 49, 98, 148, 298].map((seconds) => offsetSeconds(camera, screen, seconds));
  expect(offsets).toEqual([10, 9, 8, 8, 8]);
  expect([0, 40, 90, 190].map((seconds) => offsetSeconds(screen, camera, seconds))).toEqual([-9.8, -9, -8, -8]);
  const pause = { from: at(210).toISOString(), to: at(230).toISOString(), reason: 'buffer-full' };
  const paused = timeline(0, [[100, 98]], [pause]);
  expect([200, 220, 240].map((second) => mediaSeconds(paused, at(second)))).toEqual([198, 208, 218]);
  expect(offsetSeconds(paused, screen, 218)).toBe(218 - 230);
});
