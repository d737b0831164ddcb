// Ten seconds of a camera in a real browser: recorded, stored whole, played and seeked. The one browser test of .ci/run.
import { expect, test } from '@jest/globals';
import { setUp, sha256OfMedia, storedFiles } from './site.ts';

const SECONDS = 10;

const on = setUp();

test(`a recording of ${SECONDS} s is stored with every byte, leaves nothing in the browser, and can be seeked`, async () => {
  const { site, tab } = on;
  await tab.start('life');
  await tab.call('recordCamera');
  await tab.call('recorded', SECONDS);
  await tab.call('finish');

  const files = await storedFiles(site, 'life');
  const stored = { kind: 'webcam', state: 'stored', truncated: false, timeline: { gaps: [] } };
  expect(files.map(({ recording }) => recording)).toMatchObject([stored]);
  expect(await tab.call('recordings')).toMatchObject(files.map((file) => ({ sha256: sha256OfMedia(file) })));
  expect((await tab.kept()).bytes).toBe(0);

  const video = await tab.call<{ duration: number; landedAt: number }>('seekToMiddle', files[0]?.url);
  // The camera may have begun late; MediaRecorder alone writes no duration, which is then Infinity.
  expect(Number.isFinite(video.duration)).toBe(true);
  expect(video.duration).toBeGreaterThan(SECONDS / 2);
  expect(Math.abs(video.landedAt - video.duration / 2)).toBeLessThan(1);
});
