// A recording that the service ended meanwhile, in a browser's IndexedDB: together with the one that continues it, it is whole.
import { expect, test } from '@jest/globals';
import { concat, HEAD_BYTES, SYNTHETIC_HEAD, syntheticWebm } from '../../packages/exam-client/test/synthetic-webm.ts';
import { MIB, setUp, storedFiles } from './site.ts';

const FILM = { seconds: 28, bytesPerSecond: MIB, keyframeEverySeconds: 2 };
const IDLE_LIMIT_MS = 1_000;

const on = setUp({ UPLOAD_IDLE_LIMIT: `${IDLE_LIMIT_MS / 1000}s` });

test('what was recorded while the line was cut is stored as a recording of its own, and nothing is left here', async () => {
  const { site, tab } = on;
  await tab.begin('continued', { ...FILM, paceMs: 100, isOpen: true });
  await tab.stored(10 * MIB);
  await tab.page.setOfflineMode(true);
  await tab.event({ seconds: FILM.seconds });
  const finished = tab.call('finish');
  // The last part is sent only now; all others may have been stored before the cut.
  await tab.event({ waiting: 'offline' });
  // The store's clock is the real one.
  await new Promise((resolve) => setTimeout(resolve, 2 * IDLE_LIMIT_MS));
  expect(await site.service.run('sweep')).toMatchObject({ code: 0 });
  await tab.page.setOfflineMode(false);
  await tab.event({ name: 'continued' });
  await finished;

  const [ended, next, ...others] = await storedFiles(site, 'continued');
  if (!ended || !next) throw new Error('no two recordings');
  expect(others).toEqual([]);
  expect([ended.recording.truncated, next.recording.truncated]).toEqual([true, false]);
  const media = concat([...syntheticWebm(FILM)]).subarray(SYNTHETIC_HEAD.length);
  const [first, rest] = [ended.bytes.subarray(HEAD_BYTES), next.bytes.subarray(HEAD_BYTES)];
  expect(Buffer.compare(first, media.subarray(0, first.length))).toBe(0);
  expect(Buffer.compare(rest, media.subarray(-rest.length))).toBe(0);
  expect(rest.length).toBeLessThan(media.length);
  expect(first.length + rest.length).toBeGreaterThanOrEqual(media.length);
  expect((await tab.kept()).bytes).toBe(0);
});
