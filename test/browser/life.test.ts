// Ten seconds of a camera in a real browser: recorded, stored whole, played and seeked. The one browser test of .ci/run.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import { openSite, openTab, type Site, sha256, startSession, storedFiles, type Tab } from './site.ts';

const SECONDS = 10;

let site: Site;
let tab: Tab;
beforeAll(async () => {
  site = await openSite();
  tab = await openTab(site, await site.launch());
});
afterAll(() => site.close());

test(`a recording of ${SECONDS} s is stored with every byte, leaves nothing in the browser, and can be seeked`, async () => {
  await startSession(site, tab, 'life');
  await tab.call('recordCamera');
  await tab.call('recorded', SECONDS);
  await tab.call('finish');

  const [file, ...others] = await storedFiles(site, 'life');
  expect(others).toEqual([]);
  expect(file?.recording).toMatchObject({ kind: 'webcam', state: 'stored', truncated: false, timeline: { gaps: [] } });
  const [made] = await tab.call<{ sha256: string }[]>('recordings');
  expect(sha256((file?.bytes ?? Buffer.alloc(0)).subarray(HEAD_BYTES))).toBe(made?.sha256);
  expect(await tab.call<{ bytes: number }>('kept')).toMatchObject({ bytes: 0 });

  const video = await tab.call<{ duration: number; landedAt: number }>('seekTo', site.media(file?.url ?? ''), 0.5);
  // The camera may have begun late; MediaRecorder alone writes no duration, which is then Infinity.
  expect(Number.isFinite(video.duration)).toBe(true);
  expect(video.duration).toBeGreaterThan(SECONDS / 2);
  expect(Math.abs(video.landedAt - video.duration / 2)).toBeLessThan(1);
});
