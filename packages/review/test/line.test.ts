// The recordings of an attempt on one line: lanes, what they do not have, and where there is something to see.
import { expect, test } from '@jest/globals';
import { type Lane, lineOf, pieceAt, playableFrom } from '../src/line.ts';
import { at, iso, recordingOf } from './recordings.ts';

const NONE = new Map<string, number>();
const marksOf = (...recordings: Parameters<typeof lineOf>[0]) =>
  lineOf(recordings, NONE).marks.map(({ kind, lane, fromMs, toMs, reason }) => [
    `${lane.id} ${kind}${reason ? ` ${reason}` : ''}`,
    (fromMs - at(0)) / 1000,
    (toMs - at(0)) / 1000,
  ]);

test('each kind has a lane, the camera first', () => {
  const { lanes, fromMs, toMs } = lineOf(
    [recordingOf('a', 'audio', { from: 5 }), recordingOf('s', 'screen', { to: 90 }), recordingOf('w', 'webcam')],
    NONE,
  );
  expect(lanes.map(({ id }) => id)).toEqual(['webcam', 'screen', 'audio']);
  expect([fromMs, toMs]).toEqual([at(0), at(90)]);
});

test('recordings after a reload follow in the same lane, with the hole between them', () => {
  const recordings = [recordingOf('b', 'webcam', { from: 80, to: 120 }), recordingOf('a', 'webcam')];
  const { lanes } = lineOf(recordings, NONE);
  expect(lanes.map(({ pieces }) => pieces.map(({ recording }) => recording.recordingId))).toEqual([['a', 'b']]);
  expect(marksOf(...recordings)).toEqual([['webcam not-recorded', 60, 80]]);
});

test('two of a kind that ran at once have a lane each', () => {
  const { lanes } = lineOf([recordingOf('a', 'webcam'), recordingOf('b', 'webcam', { from: 30, to: 90 })], NONE);
  expect(lanes.map(({ id, number }) => [id, number])).toEqual([
    ['webcam', 1],
    ['webcam-2', 2],
  ]);
});

test('a recording that continues another, whose last moments it shares, is in the same lane without a hole', () => {
  const recordings = [recordingOf('a', 'webcam'), recordingOf('b', 'webcam', { from: 59, to: 120 })];
  expect(lineOf(recordings, NONE).lanes).toHaveLength(1);
  expect(marksOf(...recordings)).toEqual([]);
});

test('gaps, what was never recorded, and an end that did not arrive are marked, in order of time', () => {
  const gaps = [{ from: iso(40), to: iso(50), reason: 'muted' }];
  const marks = marksOf(
    recordingOf('w', 'webcam', { to: 100, timeline: { gaps } }),
    recordingOf('s', 'screen', { from: 10, to: 70, truncated: true }),
  );
  expect(marks).toEqual([
    ['screen not-recorded', 0, 10],
    ['webcam gap muted', 40, 50],
    ['screen truncated', 70, 70],
    ['screen not-recorded', 70, 100],
  ]);
});

test('a gap that its client reported is marked, however short', () => {
  const gaps = [{ from: iso(40), to: iso(40.2), reason: 'muted' }];
  expect(marksOf(recordingOf('w', 'webcam', { timeline: { gaps } }))).toEqual([['webcam gap muted', 40, 40.2]]);
});

test('recordings that begin and end a moment apart have no marks', () => {
  expect(marksOf(recordingOf('w', 'webcam'), recordingOf('s', 'screen', { from: 1.5, to: 58 }))).toEqual([]);
});

test('one begins to watch when all that begin about at once have begun', () => {
  const line = lineOf(
    [recordingOf('w', 'webcam', { from: 0.4 }), recordingOf('s', 'screen'), recordingOf('a', 'audio', { from: 20 })],
    NONE,
  );
  expect([line.fromMs, line.startMs]).toEqual([at(0), at(0.4)]);
});

test('without a timeline a recording begins when it was created, and is as long as its media', () => {
  const recording = recordingOf('w', 'webcam', { from: 10, to: 500, timeline: null });
  const [before] = lineOf([recording], NONE).lanes[0]?.pieces ?? [];
  expect(before).toMatchObject({ isEstimated: true, fromMs: at(10), toMs: at(505) });
  const [after] = lineOf([recording], new Map([['w', 42]])).lanes[0]?.pieces ?? [];
  expect(after).toMatchObject({ isEstimated: true, fromMs: at(10), toMs: at(52) });
});

test('what is being uploaded, or can only be downloaded, is named and has no lane', () => {
  const line = lineOf(
    [
      recordingOf('u', 'webcam', { state: 'uploading', storedAt: null, timeline: null }),
      recordingOf('x', 'screen', { container: 'unrecognized' }),
    ],
    NONE,
  );
  expect(line.lanes).toEqual([]);
  expect([line.uploading, line.unplayable].map((some) => some.map(({ recordingId }) => recordingId))).toEqual([
    ['u'],
    ['x'],
  ]);
});

test('a pause that is not in the file has nothing to show, and the line goes on after it', () => {
  const gaps = [{ from: iso(20), to: iso(30), reason: 'buffer-full' }];
  const line = lineOf([recordingOf('w', 'webcam', { timeline: { gaps } })], NONE);
  const [lane] = line.lanes as [Lane];
  expect([10, 25, 35, 60].map((seconds) => pieceAt(lane, at(seconds)) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect([10, 25, 60].map((seconds) => playableFrom(lane.pieces, at(seconds)))).toEqual([at(10), at(30), undefined]);
});

test('where one lane has a hole and another has not, the line stops for neither', () => {
  const line = lineOf([recordingOf('w', 'webcam'), recordingOf('s', 'screen', { from: 20, to: 40 })], NONE);
  const pieces = line.lanes.flatMap((lane) => lane.pieces);
  expect(playableFrom(pieces, at(5))).toBe(at(5));
});

test('where no mark says that something is missing, there is a picture: at both ends, and between two recordings', () => {
  const recordings = [
    recordingOf('w1', 'webcam', { from: 0.047, to: 20 }),
    recordingOf('w2', 'webcam', { from: 20.4, to: 58 }),
    recordingOf('s', 'screen'),
    recordingOf('a', 'audio', { from: 4, to: 56 }),
  ];
  const line = lineOf(recordings, NONE);
  const shownAt = (seconds: number) =>
    line.lanes.map((lane) => pieceAt(lane, at(seconds))?.recording.recordingId).join();
  expect([0, 0.05, 20.2, 20.4, 60].map(shownAt)).toEqual(['w1,s,', 'w1,s,', 'w1,s,a', 'w2,s,a', 'w2,s,']);
  expect(marksOf(...recordings)).toEqual([
    ['audio not-recorded', 0, 4],
    ['audio not-recorded', 56, 60],
  ]);
});

test('a recording whose client had a wrong clock is moved to where it was created, with all that it reports', () => {
  const yearsAgo = -2 * 365 * 86_400;
  const given = {
    startedAt: iso(yearsAgo),
    endedAt: iso(yearsAgo + 60),
    gaps: [{ from: iso(yearsAgo + 20), to: iso(yearsAgo + 30), reason: 'paused' }],
    anchors: [
      { at: iso(yearsAgo), mediaSeconds: 0 },
      { at: iso(yearsAgo + 60), mediaSeconds: 50 },
    ],
  };
  const recordings = [
    recordingOf('w', 'webcam', { createdAt: iso(1), timeline: given }),
    recordingOf('s', 'screen', { timeline: { startedAt: iso(0), endedAt: '9999-01-01T00:00:00Z' } }),
  ];
  const { lanes, fromMs } = lineOf(recordings.slice(0, 1), NONE);
  const [piece] = lanes[0]?.pieces ?? [];
  expect([fromMs, piece?.fromMs, piece?.toMs]).toEqual([at(1), at(1), at(61)]);
  expect(piece?.isEstimated).toBe(true);
  expect(piece?.clock.secondsAt(at(61))).toBe(50);
  expect(marksOf(...recordings.slice(0, 1))).toEqual([['webcam gap paused', 21, 31]]);
  expect(lineOf(recordings, NONE).lanes[1]?.pieces[0]?.isEstimated).toBe(true);
});

test('a recording that began days before it was created, for want of a connection, stays where its client says', () => {
  const { lanes } = lineOf([recordingOf('w', 'webcam', { createdAt: iso(860_000), storedAt: iso(900_000) })], NONE);
  expect(lanes[0]?.pieces[0]).toMatchObject({ fromMs: at(0), isEstimated: false });
});
