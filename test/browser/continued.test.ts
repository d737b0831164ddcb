// A recording of a real camera that the service ended meanwhile: the one that continues it plays and can be seeked.
import { expect, test } from '@jest/globals';
import { MIB, setUp, storedFiles } from './site.ts';

const on = setUp({ UPLOAD_IDLE_LIMIT: '1s' });

test('what was recorded while the service was away is stored as a recording that begins with its first frame', async () => {
  const { site, tab } = on;
  await tab.start('continued');
  await tab.call('recordCamera', { videoBitsPerSecond: 8_000_000 });
  await tab.stored(10 * MIB);
  await tab.page.setOfflineMode(true);
  await tab.event({ waiting: 'offline' });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await site.service.run('sweep');
  await tab.page.setOfflineMode(false);
  await tab.event({ name: 'continued' });
  await tab.call('finish');

  const [ended, next, ...others] = await storedFiles(site, 'continued');
  expect(others).toEqual([]);
  expect(ended?.recording).toMatchObject({ state: 'stored', truncated: true });
  expect(next?.recording).toMatchObject({ state: 'stored', truncated: false });
  const video = await tab.call<{ duration: number; landedAt: number }>('seekToMiddle', next?.url);
  const { startedAt = '', endedAt = '' } = next?.recording.timeline ?? {};
  const recordedSeconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  expect(Math.abs(video.duration - recordedSeconds)).toBeLessThan(2);
  expect(Math.abs(video.landedAt - video.duration / 2)).toBeLessThan(1);
});
