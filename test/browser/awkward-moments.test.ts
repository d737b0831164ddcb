// A session that is stopped, or whose camera, disk, tokens or service fail, at the moments that are easily forgotten.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, HTTPRequest } from 'puppeteer-core';
import type { SyntheticOptions } from '../client/synthetic-webm.ts';
import { pause } from '../commands/process.ts';
import { expectFilm } from './film.ts';
import { openSite, openTab, type Site, type StoredFile, startSession, storedFiles, type Tab } from './site.ts';

const MIB = 1024 * 1024;
/** Two parts and a little. */
const FILM: SyntheticOptions = { seconds: 11, bytesPerSecond: MIB };
/** An HTML page, as a sign-in server answers when its own backend is away. */
const HTML = '<html>\n<h1>502 Bad Gateway</h1>\n</html>';

let site: Site;
let browser: Browser;
let tab: Tab;
beforeAll(async () => {
  site = await openSite();
  browser = await site.launch();
});
afterAll(() => site.close());
beforeEach(async () => {
  tab = await openTab(site, await browser.createBrowserContext());
});
afterEach(() => tab.page.browserContext().close());

/** Requests whose address matches are never answered. */
async function hang(pattern: RegExp): Promise<HTTPRequest[]> {
  const hung: HTTPRequest[] = [];
  await tab.page.setRequestInterception(true);
  tab.page.on('request', (request) => {
    if (pattern.test(request.url())) hung.push(request);
    else void request.continue();
  });
  return hung;
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await pause();
}

describe('a recording that is stopped in the moment in which it begins', () => {
  test.each([
    ['finish', 'nothing-recorded nothing-recorded'],
    ['abort', 'fulfilled aborted'],
    ['withdraw', 'fulfilled aborted'],
  ])('by %s does not begin', async (way, result) => {
    await startSession(site, tab, `at-once-${way}`);
    expect(await tab.call('recordAndStop', way)).toEqual({ result, states: ['inactive'] });
    expect((await tab.call<{ bytes: number }>('kept')).bytes).toBe(0);
  });
});

describe('while a call hangs', () => {
  /** No call is ever given up: whatever waits for its end waits for ever. */
  async function withoutTimeouts(): Promise<void> {
    await tab.page.evaluateOnNewDocument(`
      const start = setTimeout;
      setTimeout = (act, ms, ...rest) => (ms >= 60_000 ? 0 : start(act, ms, ...rest));
      AbortSignal.timeout = () => new AbortController().signal;`);
    await tab.page.reload();
  }

  test('abort does not wait for its end', async () => {
    await withoutTimeouts();
    await startSession(site, tab, 'hung-abort');
    const hung = await hang(/\/v1\//);
    await tab.call('recordSynthetic', 'webcam', { ...FILM, isOpen: true });
    await until(() => hung.length > 0);
    await tab.call('abort');
    await tab.event(({ name, code }) => name === 'failed' && code === 'aborted');
  });

  test('abort does not wait for a getToken that hangs', async () => {
    await withoutTimeouts();
    await startSession(site, tab, 'hung-token', { tokens: ['never'] });
    await tab.call('recordSynthetic', 'webcam', { ...FILM, isOpen: true });
    await until(() => tab.events.some(({ name }) => name === 'handed'));
    await tab.call('abort');
    await tab.event(({ name, code }) => name === 'failed' && code === 'aborted');
  });

  test('a withdrawal is not forgotten when the page is left in the same moment', async () => {
    await startSession(site, tab, 'hung-withdrawal');
    await tab.call('recordSynthetic', 'webcam', FILM);
    await tab.event(({ seconds }) => seconds === FILM.seconds);
    const hung = await hang(/\/complete$/);
    void tab.call('finish').catch(() => {});
    await until(() => hung.length > 0);
    void tab.call('withdraw').catch(() => {});
    await tab.event(({ state }) => state === 'withdrawn');
    while ((await tab.call<{ bytes: number }>('kept')).bytes > 0) await pause();
    const context = tab.page.browserContext();
    await tab.page.close();
    tab = await openTab(site, context);
    await startSession(site, tab, 'hung-withdrawal');
    while ((await storedFiles(site, 'hung-withdrawal')).length > 0) await pause();
  });
});

test.each([
  ['throws', 'throws'],
  ['resolves with a page of HTML', HTML],
  ['resolves with nothing', ''],
])('a getToken that %s is asked again', async (_, answer) => {
  const good = await site.service.token('recordings:upload', { exam: 'math', attempt: 'odd-token' });
  await startSession(site, tab, 'odd-token', { tokens: [answer, answer, good] });
  await tab.call('recordSynthetic', 'webcam', FILM);
  await tab.event(({ progress }) => progress?.waiting === 'unauthorized');
  await tab.event(({ seconds }) => seconds === FILM.seconds);
  await tab.call('finish');
});

test('a camera that is pulled out while its microphone goes on is a gap', async () => {
  await startSession(site, tab, 'unplugged');
  await tab.call('recordCamera');
  await tab.event(({ progress }) => (progress?.recordedBytes ?? 0) > 0);
  await tab.call('unplugCamera');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await tab.call('finish');
  const [file] = await storedFiles(site, 'unplugged');
  expect(file?.recording.timeline?.gaps.map(({ reason }) => reason)).toEqual(['muted']);
});

test('a piece that the browser lost ends the recording, and what came before is stored', async () => {
  await startSession(site, tab, 'lost-piece');
  await tab.call('loseBlob', 3);
  await tab.call('recordCamera');
  await tab.event(({ state }) => state === 'stored');
  const [file] = await storedFiles(site, 'lost-piece');
  expect(file?.recording.state).toBe('stored');
});

describe('what a browser keeps', () => {
  test('is not forgotten where the disk is too full to note what was dropped', async () => {
    await startSession(site, tab, 'full-row');
    await tab.call('fillDisk');
    await tab.call('recordSynthetic', 'webcam', { ...FILM, seconds: 28, isOpen: true });
    await tab.event(({ progress }) => (progress?.storedBytes ?? 0) >= 25 * MIB);
    await tab.page.reload();
    await startSession(site, tab, 'full-row');
    await tab.event(({ name, isLeftover }) => name === 'stored' && isLeftover === true);
    const [file] = await storedFiles(site, 'full-row');
    expect(file?.bytes.length).toBeGreaterThanOrEqual(25 * MIB);
  });

  test('may be cleared: what the store has already is completed', async () => {
    await startSession(site, tab, 'cleared');
    await tab.call('recordSynthetic', 'webcam', { ...FILM, seconds: 21, paceMs: 100, isOpen: true });
    await tab.event(({ progress }) => (progress?.storedBytes ?? 0) >= 20 * MIB);
    const cdp = await tab.page.createCDPSession();
    await cdp.send('Storage.clearDataForOrigin', { origin: site.url, storageTypes: 'all' });
    await tab.call('recordSynthetic', 'screen', FILM);
    await tab.event(({ name, kind, seconds }) => name === 'handed' && kind === 'screen' && seconds === FILM.seconds);
    await tab.call('finish').catch(() => {});
    const states = (await storedFiles(site, 'cleared')).map(({ recording }) => [recording.kind, recording.state]);
    expect(states).toContainEqual(['screen', 'stored']);
  });
});

test('where the service hands out no URLs, the whole recording goes through it at the end', async () => {
  const proxy = await openSite({ UPLOADS: 'proxy' });
  try {
    tab = await openTab(proxy, await (await proxy.launch()).createBrowserContext());
    await startSession(proxy, tab, 'proxied');
    await tab.call('recordSynthetic', 'webcam', FILM);
    await tab.event(({ seconds }) => seconds === FILM.seconds);
    await tab.call('finish');
    expectFilm((await storedFiles(proxy, 'proxied'))[0] as StoredFile, FILM);
    expect((await tab.call<{ bytes: number }>('kept')).bytes).toBe(0);
  } finally {
    await tab.page.browserContext().close();
    tab = await openTab(site, await browser.createBrowserContext());
    await proxy.close();
  }
});
