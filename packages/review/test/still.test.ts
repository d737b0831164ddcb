// Still stretches: where nothing changed for a while, in one recording and in all.
import { expect, test } from '@jest/globals';
import type { Overview } from '@proctoring-recordings/exam-client';
import { type Lane, lineOf } from '../src/line.ts';
import { joined, type Stretch, stillOf, stillOfAll } from '../src/still.ts';
import { at, iso, recordingOf } from './recordings.ts';

const MOVING = 200;
const STILL = 60;

/** From second to second. */
const seconds = (stretches: readonly Stretch[]) =>
  stretches.map(({ fromMs, toMs }) => [(fromMs - at(0)) / 1000, (toMs - at(0)) / 1000]);

function activityOf(...values: readonly (readonly [value: number, times: number])[]): Overview {
  const all = values.flatMap(([value, times]) => Array.from({ length: times }, () => value));
  return { pictures: null, activity: Uint8Array.from(all) };
}

const line = lineOf([recordingOf('w', 'webcam'), recordingOf('s', 'screen', { from: 10, to: 50 })], new Map());
const [webcam, screen] = line.lanes as [Lane, Lane];

test('a stretch of ten seconds without a change is still, a shorter one is not', () => {
  const overview = activityOf([MOVING, 10], [STILL, 9], [MOVING, 1], [STILL, 12], [MOVING, 28]);
  const [piece] = webcam.pieces;
  expect(piece && seconds(stillOf(piece, overview))).toEqual([[20, 32]]);
});

test('a gap is not still, however little came then', () => {
  const gaps = [{ from: iso(15), to: iso(40), reason: 'no-bytes' }];
  const gapped = lineOf([recordingOf('w', 'webcam', { timeline: { gaps } })], new Map());
  const [piece] = gapped.lanes[0]?.pieces ?? [];
  expect(piece && seconds(stillOf(piece, activityOf([STILL, 60])))).toEqual([
    [0, 15],
    [40, 60],
  ]);
});

test('without activity nothing is known to be still', () => {
  const [piece] = webcam.pieces;
  expect(piece && stillOf(piece, { pictures: null, activity: null })).toEqual([]);
});

test('the attempt is still where every lane that has something is', () => {
  const of = new Map([
    [webcam, [{ fromMs: at(0), toMs: at(45) }]],
    [screen, [{ fromMs: at(20), toMs: at(50) }]],
  ]);
  const still = (lane: Lane) => of.get(lane) ?? [];
  // Before the screen was recorded, the camera alone decides.
  expect(seconds(stillOfAll(line, still))).toEqual([
    [0, 10],
    [20, 45],
  ]);
});

test('where nothing was recorded at all, nothing is still', () => {
  const parts = [recordingOf('a', 'webcam', { to: 20 }), recordingOf('b', 'webcam', { from: 100, to: 120 })];
  const still = [{ fromMs: at(5), toMs: at(20) }];
  expect(seconds(stillOfAll(lineOf(parts, new Map()), () => still))).toEqual([[5, 20]]);
  expect(stillOfAll(lineOf(parts, new Map()), () => [])).toEqual([]);
});

test('a lane whose activity is not known may have changed', () => {
  const still = (lane: Lane) => (lane === webcam ? [{ fromMs: at(0), toMs: at(60) }] : []);
  expect(seconds(stillOfAll(line, still))).toEqual([
    [0, 10],
    [50, 60],
  ]);
});

test('stretches that are drawn closer than a pixel are one', () => {
  const many = Array.from({ length: 50_000 }, (_, index) => ({ fromMs: 10 * index, toMs: 10 * index + 5 }));
  expect(joined(many, 250)).toEqual([{ fromMs: 0, toMs: 499_995 }]);
  const apart = [many[0], { fromMs: 400, toMs: 500 }, { fromMs: 450, toMs: 470 }] as Stretch[];
  expect(joined(apart, 250)).toEqual([
    { fromMs: 0, toMs: 5 },
    { fromMs: 400, toMs: 500 },
  ]);
});
