// A session that is stopped, or whose camera, disk or service fail, at the moments that are easily forgotten.
import { describe, expect, test } from '@jest/globals';
import type { HTTPRequest } from 'puppeteer-core';
import { HEAD_BYTES } from '../../packages/exam-client/test/synthetic-webm.ts';
import { until } from '../kit/until.ts';
import { expectFilm, MIB, openSite, openTab, setUp, storedFiles } from './site.ts';

/** Two parts and a little. */
const FILM = { seconds: 11, bytesPerSecond: MIB };

const on = setUp();

/** Requests whose address matches are never answered. */
async function hang(pattern: RegExp): Promise<HTTPRequest[]> {
  const hung: HTTPRequest[] = [];
  await on.tab.intercept((request) => pattern.test(request.url()) && hung.push(request) > 0);
  return hung;
}

test.each([
  ['finish', 'nothing-recorded nothing-recorded'],
  ['abort', 'fulfilled aborted'],
  ['withdraw', 'fulfilled aborted'],
])('a recording that is stopped by %s in the moment in which it begins does not begin', async (way, result) => {
  await on.tab.start(`at-once-${way}`);
  expect(await on.tab.call('recordAndStop', way)).toEqual({ result, states: ['inactive'] });
  expect((await on.tab.kept()).bytes).toBe(0);
});

describe('while a call hangs', () => {
  test.each([
    ['a call to the service', undefined],
    ['getToken', ['never']],
  ])('abort does not wait for %s to end', async (_what, tokens) => {
    // No call ever times out: whatever waits for one that hangs waits forever.
    await on.tab.page.evaluateOnNewDocument(`
      const start = setTimeout;
      setTimeout = (act, ms, ...rest) => (ms >= 60_000 ? 0 : start(act, ms, ...rest));
      AbortSignal.timeout = () => new AbortController().signal;`);
    await on.tab.page.reload();
    await on.tab.start('hung', tokens && { tokens });
    const hung = tokens ? [] : await hang(/\/v1\//);
    await on.tab.record('webcam', { ...FILM, isOpen: true });
    await (tokens ? on.tab.event({ name: 'handed' }) : until(() => hung.length > 0));
    await on.tab.call('stop');
    await on.tab.event({ name: 'failed', code: 'aborted' });
  });

  test('a withdrawal is not forgotten when the page is left in the same moment', async () => {
    await on.tab.begin('hung-withdrawal', FILM);
    await on.tab.event({ seconds: FILM.seconds });
    const hung = await hang(/\/complete$/);
    void on.tab.call('finish').catch(() => {});
    await until(() => hung.length > 0);
    void on.tab.call('withdraw').catch(() => {});
    await on.tab.event({ state: 'withdrawn' });
    await until(async () => (await on.tab.kept()).bytes === 0);
    const context = on.tab.page.browserContext();
    await on.tab.page.close();
    on.tab = await openTab(on.site, context);
    await on.tab.start('hung-withdrawal');
    await until(async () => (await storedFiles(on.site, 'hung-withdrawal')).length === 0);
  });
});

test('a camera that is pulled out while its microphone still records is a gap', async () => {
  await on.tab.start('unplugged');
  await on.tab.call('recordCamera');
  const { recordedBytes: before = 0 } = await on.tab.event(({ recordedBytes = 0 }) => recordedBytes > 0);
  await on.tab.call('unplugCamera');
  await on.tab.event(({ recordedBytes = 0 }) => recordedBytes > before);
  await on.tab.call('finish');
  const [file] = await storedFiles(on.site, 'unplugged');
  expect(file?.recording.timeline?.gaps.map(({ reason }) => reason)).toEqual(['muted']);
});

test('a piece that the browser lost ends the recording, and what came before is stored', async () => {
  await on.tab.start('lost-piece');
  await on.tab.call('loseBlob', 3);
  await on.tab.call('recordCamera');
  await on.tab.event({ state: 'stored' });
  const [file] = await storedFiles(on.site, 'lost-piece');
  expect(file?.recording.state).toBe('stored');
  expect(file?.bytes.length).toBeGreaterThan(HEAD_BYTES);
});

describe('what a browser keeps', () => {
  test('is not forgotten where the disk is too full to note what was dropped', async () => {
    await on.tab.start('full-row');
    await on.tab.call('fillDisk');
    await on.tab.record('webcam', { ...FILM, seconds: 28, isOpen: true });
    await on.tab.event(({ storedBytes = 0 }) => storedBytes >= 25 * MIB);
    await on.tab.page.reload();
    await on.tab.start('full-row');
    await on.tab.event({ name: 'stored', isLeftover: true });
    const [file] = await storedFiles(on.site, 'full-row');
    expect(file?.bytes.length).toBeGreaterThanOrEqual(25 * MIB);
  });

  test('may be cleared: that recording fails with what is lost, and one that begins afterwards is stored', async () => {
    await on.tab.begin('cleared', { ...FILM, seconds: 21, paceMs: 100, isOpen: true });
    await on.tab.event(({ storedBytes = 0 }) => storedBytes >= 20 * MIB);
    const cdp = await on.tab.page.createCDPSession();
    await cdp.send('Storage.clearDataForOrigin', { origin: on.site.url, storageTypes: 'all' });
    await on.tab.record('screen', FILM);
    await on.tab.event({ kind: 'screen', seconds: FILM.seconds });
    await expect(on.tab.call('finish')).rejects.toThrow('neither here nor in the store');
    await on.tab.event({ name: 'failed', kind: 'webcam', code: 'parts-lost' });
    const states = (await storedFiles(on.site, 'cleared')).map(({ recording }) => [recording.kind, recording.state]);
    expect(states).toContainEqual(['screen', 'stored']);
  });
});

test('where the service hands out no URLs, the whole recording goes through it at the end', async () => {
  const proxy = await openSite({ UPLOADS: 'proxy' });
  try {
    const tab = await openTab(proxy, await proxy.launch());
    await tab.begin('proxied', FILM);
    await tab.finish(FILM);
    expectFilm((await storedFiles(proxy, 'proxied'))[0], FILM);
    expect((await tab.kept()).bytes).toBe(0);
  } finally {
    await proxy.close();
  }
});
