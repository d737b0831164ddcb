// The films that measure the review: what their pictures say of their time is what their timelines say.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { mediaSeconds } from '../../../packages/exam-client/test/own-parts.ts';
import { HEAD_BYTES } from '../../../packages/exam-client/test/synthetic-webm.ts';
import { FRAME, readClock } from './burnt-clock.ts';
import { type FilmOptions, FRAMES_PER_SECOND, makeFilm } from './film.ts';
import { ATTEMPT_AT_MS, timelineOf } from './media-time.ts';

const FRAME_MS = 1000 / FRAMES_PER_SECOND;
const TIMES: readonly (readonly [string, FilmOptions])[] = [
  ['begins later and drifts', { stream: 1, seconds: 70, beginsAtMs: 1_234, driftPpm: 5_000, hasSound: true }],
  ['drifts and steps', { stream: 2, seconds: 20, beginsAtMs: 0, driftPpm: -80, step: { atSeconds: 9, ms: 300 } }],
  ['has a pause cut out', { stream: 7, seconds: 20, beginsAtMs: 500, pause: { atSeconds: 11, ms: 4_000 } }],
];

/** What the picture of each frame says. */
async function clocksOf(path: string) {
  const size = `${FRAME.width}:${FRAME.height}`;
  const options = [
    '-v',
    'error',
    '-i',
    path,
    '-vf',
    `scale=${size}:flags=area,format=gray`,
    '-f',
    'rawvideo',
    'pipe:1',
  ];
  const limits = { encoding: 'buffer', maxBuffer: 1024 ** 3 } as const;
  const { stdout } = await promisify(execFile)('ffmpeg', options, limits);
  const frameBytes = FRAME.width * FRAME.height;
  return Array.from({ length: stdout.length / frameBytes }, (_, index) => {
    const frame = stdout.subarray(index * frameBytes, (index + 1) * frameBytes);
    return readClock((x, y) => frame[y * FRAME.width + x] ?? 0);
  });
}

test.each(TIMES)('each frame of a film that %s shows when it was taken, as its timeline has it', async (_, options) => {
  const { path } = await makeFilm(options);
  const clocks = await clocksOf(path);
  expect(clocks).toHaveLength(options.seconds * FRAMES_PER_SECOND);
  const timeline = timelineOf(options);
  for (const [index, shown] of clocks.entries()) {
    expect(shown?.stream).toBe(options.stream);
    const seconds = mediaSeconds(timeline, new Date(ATTEMPT_AT_MS + (shown?.ms ?? 0)));
    expect(Math.abs(1000 * seconds - index * FRAME_MS)).toBeLessThan(2);
  }
});

test('a film is seekable: it has a duration, and a cue for each keyframe, five seconds apart', async () => {
  const { path } = await makeFilm({ stream: 0, seconds: 20, beginsAtMs: 0 });
  const entries = ['-show_entries', 'format=duration:packet=pts_time,flags', '-select_streams', 'v', '-of', 'json'];
  const { stdout } = await promisify(execFile)('ffprobe', ['-v', 'error', ...entries, path], { maxBuffer: 1024 ** 3 });
  const { format, packets } = JSON.parse(stdout) as {
    format: { duration: string };
    packets: { pts_time: string; flags: string }[];
  };
  expect(Number(format.duration)).toBeCloseTo(20, 1);
  const keyframes = packets.filter(({ flags }) => flags.startsWith('K')).map(({ pts_time }) => Number(pts_time));
  expect(keyframes).toEqual([0, 5, 10, 15]);
  const head = (await readFile(path)).subarray(0, HEAD_BYTES);
  const cues = head.subarray(head.indexOf('1c53bb6b', 0, 'hex'));
  // The ids of CuePoint and CueTime, and one size in between.
  expect(cues.toString('latin1').match(/\xbb.\xb3/gs)).toHaveLength(keyframes.length);
});
