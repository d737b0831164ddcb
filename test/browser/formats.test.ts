// What each browser records, recorded again as a stream of Blobs, plays in this browser: the true length, every seek.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { setUp, storedFiles } from './site.ts';

const on = setUp();

test.each([
  ['Chromium, MP4', 'webcam', 'chromium-camera.mp4', 'video/mp4;codecs=vp9,opus', 7],
  ['Chromium, MP4 with sound only', 'audio', 'chromium-audio.mp4', 'audio/mp4;codecs=opus', 7],
  ['Firefox, WebM with picture and sound', 'webcam', 'firefox-camera.webm', 'video/webm;codecs=vp8,opus', 5.9],
  ['Firefox, WebM of a still screen', 'screen', 'firefox-screen.webm', 'video/webm;codecs=vp8', 14],
])('%s', async (_, kind, name, type, seconds) => {
  const { site, tab } = on;
  const file = await readFile(new URL(`../../packages/exam-client/test/fixtures/${name}`, import.meta.url), 'base64');
  const attempt = name.replace('.', '-');
  await tab.start(attempt);
  await tab.call('recordFile', kind, file, type);
  await tab.event({ name: 'handed' });
  await tab.call('finish');
  const [stored] = await storedFiles(site, attempt);
  expect(stored?.recording).toMatchObject({ state: 'stored', truncated: false });
  const played = await tab.call<{ duration: number; sought: number[]; endedAt: number }>('playThrough', stored?.url);
  process.stderr.write(`${name}: ${JSON.stringify(played)}\n`);
  expect(Math.abs(played.duration - seconds)).toBeLessThan(0.5);
  for (const [index, wanted] of [played.duration / 2, 0, played.duration - 1].entries()) {
    expect(Math.abs((played.sought[index] ?? -1) - wanted)).toBeLessThan(0.3);
  }
  expect(Math.abs(played.endedAt - seconds)).toBeLessThan(0.5);
});
