// Moments and positions in the media: as the exam client computes them, and back.
import { expect, test } from '@jest/globals';
import { mediaSeconds, type Timeline } from '@proctoring-recordings/exam-client';
import { MediaClock } from '../src/media-clock.ts';
import { at, iso } from './recordings.ts';

const PLAIN: Timeline = { startedAt: iso(0), endedAt: iso(600), gaps: [] };
const TIMELINES: Record<string, Timeline> = {
  'keeps pace with the clock': PLAIN,
  'has a gap that is in the file': { ...PLAIN, gaps: [{ from: iso(100), to: iso(130), reason: 'muted' }] },
  'pauses twice': {
    ...PLAIN,
    gaps: [
      { from: iso(100), to: iso(130), reason: 'buffer-full' },
      { from: iso(200), to: iso(260), reason: 'asleep' },
    ],
  },
  drifts: {
    ...PLAIN,
    anchors: [
      { at: iso(0), mediaSeconds: 0 },
      { at: iso(200), mediaSeconds: 199.5 },
      { at: iso(400), mediaSeconds: 400.25 },
    ],
  },
  'drifts, then pauses': {
    ...PLAIN,
    anchors: [
      { at: iso(1), mediaSeconds: 0 },
      { at: iso(200), mediaSeconds: 199.5 },
    ],
    gaps: [{ from: iso(300), to: iso(330), reason: 'buffer-full' }],
  },
};

test.each(Object.entries(TIMELINES))(
  'a recording that %s has its positions where the exam client has them',
  (_, timeline) => {
    const clock = new MediaClock(timeline);
    for (let seconds = -20; seconds < 620; seconds += 0.7) {
      expect(clock.secondsAt(at(seconds))).toBeCloseTo(mediaSeconds(timeline, new Date(at(seconds))), 2);
    }
  },
);

test.each(Object.entries(TIMELINES))('in a recording that %s a position leads back to its moment', (_, timeline) => {
  const clock = new MediaClock(timeline);
  for (let seconds = -20; seconds < 620; seconds += 0.7) {
    if (clock.isPausedAt(at(seconds))) continue;
    expect(clock.momentMsAt(clock.secondsAt(at(seconds)))).toBeCloseTo(at(seconds), 0);
  }
});

test('the position of a pause leads to the moment at its end', () => {
  const clock = new MediaClock(TIMELINES['pauses twice'] as Timeline);
  expect([99, 110, 131].map((seconds) => clock.isPausedAt(at(seconds)))).toEqual([false, true, false]);
  expect(clock.momentMsAt(clock.secondsAt(at(110)))).toBe(at(130));
});
