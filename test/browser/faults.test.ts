// What a candidate's line, tab and computer do to a recording: nothing that was handed to the client is lost.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import type { SyntheticOptions } from '../client/synthetic-webm.ts';
import { pause } from '../commands/process.ts';
import { expectFilm } from './film.ts';
import { openSite, openTab, type Site, type StoredFile, startSession, storedFiles, type Tab } from './site.ts';

const MIB = 1024 * 1024;
/** Half a minute that makes six parts. */
const FILM: SyntheticOptions = { seconds: 28, bytesPerSecond: MIB };
const SHORT_FILM: SyntheticOptions = { ...FILM, seconds: 12 };
const PART_URL_TTL_MS = 2_000;

let site: Site;
let browser: Browser;
let tab: Tab;
beforeAll(async () => {
  site = await openSite({ PART_URL_TTL: `${PART_URL_TTL_MS / 1000}s` });
});
afterAll(() => site.close());
beforeEach(async () => {
  browser = await site.launch({ userDataDir: await site.folder() });
  tab = await openTab(site, browser);
});
afterEach(() => browser.close());

async function onlyFile(attempt: string): Promise<StoredFile> {
  const files = await storedFiles(site, attempt);
  expect(files).toHaveLength(1);
  return files[0] as StoredFile;
}

/** The client has taken all of it, and is told to finish. */
async function finishFilm(film: SyntheticOptions): Promise<void> {
  await tab.event(({ seconds }) => seconds === film.seconds);
  await tab.call('finish');
}

describe('on a bad line', () => {
  test('a network that is cut until all is recorded costs nothing, and is reported', async () => {
    await startSession(site, tab, 'cut');
    await tab.call('recordSynthetic', 'webcam', { ...FILM, paceMs: 100 });
    await tab.event(({ progress }) => (progress?.storedBytes ?? 0) > 0);
    await tab.page.setOfflineMode(true);
    await tab.event(({ progress }) => progress?.waiting === 'offline');
    await tab.event(({ seconds }) => seconds === FILM.seconds);
    const finished = tab.call('finish');
    expect(await storedFiles(site, 'cut')).toMatchObject([{ recording: { state: 'uploading' } }]);
    await tab.page.setOfflineMode(false);
    await finished;
    expectFilm(await onlyFile('cut'), FILM);
    expect(tab.events.at(-1)?.progress?.waiting ?? null).toBeNull();
  });

  test('every third part failing, by the network and by the store, costs nothing', async () => {
    await tab.call('failEveryThirdPart');
    await startSession(site, tab, 'third');
    await tab.call('recordSynthetic', 'webcam', FILM);
    await finishFilm(FILM);
    expectFilm(await onlyFile('third'), FILM);
    expect(tab.events.filter(({ name }) => name === 'part-failed').length).toBeGreaterThanOrEqual(2);
  });

  test('URLs that expired before they were used are asked for again', async () => {
    const refused: string[] = [];
    tab.page.on('response', (response) => response.status() === 403 && refused.push(response.url()));
    await tab.call('delayFirstParts', 3, PART_URL_TTL_MS + 1_500);
    await startSession(site, tab, 'expired');
    await tab.call('recordSynthetic', 'webcam', SHORT_FILM);
    await finishFilm(SHORT_FILM);
    expectFilm(await onlyFile('expired'), SHORT_FILM);
    expect(refused.length).toBeGreaterThanOrEqual(3);
  });

  test('a token that is refused is asked for again', async () => {
    const good = await site.service.token('recordings:upload', { exam: 'math', attempt: 'token' });
    await startSession(site, tab, 'token', { tokens: ['expired', 'wrong', good] });
    await tab.call('recordSynthetic', 'webcam', SHORT_FILM);
    await tab.event(({ progress }) => progress?.waiting === 'unauthorized');
    await finishFilm(SHORT_FILM);
    expectFilm(await onlyFile('token'), SHORT_FILM);
    expect(await tab.call('tokensAsked')).toBe(3);
  });
});

describe('a recording that was interrupted', () => {
  /** Handed over, some of it stored, and not ended. */
  async function recordHalf(attempt: string): Promise<number> {
    await startSession(site, tab, attempt);
    await tab.call('recordSynthetic', 'webcam', { ...FILM, isOpen: true });
    await tab.event(({ progress }) => (progress?.storedBytes ?? 0) > 10 * MIB);
    const { handedBytes = 0 } = await tab.event(({ name, seconds }) => name === 'handed' && (seconds ?? 0) >= 20);
    return handedBytes;
  }

  /** The next visit completes what was left, and records anew. */
  async function comeBack(attempt: string, handedBytes: number): Promise<void> {
    await startSession(site, tab, attempt);
    await tab.call('recordSynthetic', 'webcam', SHORT_FILM);
    await tab.event(({ name, isLeftover }) => name === 'stored' && isLeftover === true);
    await finishFilm(SHORT_FILM);
    const [left, anew, ...others] = await storedFiles(site, attempt);
    expect(others).toEqual([]);
    expectFilm(left as StoredFile, FILM, handedBytes);
    expectFilm(anew as StoredFile, SHORT_FILM);
    expect((await tab.call<{ bytes: number }>('kept')).bytes).toBe(0);
  }

  test('by a reload is completed by the next visit, and a new one begins', async () => {
    const handedBytes = await recordHalf('reload');
    await tab.page.reload();
    await comeBack('reload', handedBytes);
  });

  test('by a crash of the tab, the same', async () => {
    const handedBytes = await recordHalf('crash');
    const cdp = await tab.page.createCDPSession();
    void cdp.send('Page.crash').catch(() => {});
    tab = await openTab(site, browser);
    await comeBack('crash', handedBytes);
  });

  test('by a kill of the whole browser, the same', async () => {
    const userDataDir = await site.folder();
    await browser.close();
    browser = await site.launch({ userDataDir });
    tab = await openTab(site, browser);
    const handedBytes = await recordHalf('kill');
    const exited = new Promise((resolve) => browser.process()?.once('exit', resolve));
    browser.process()?.kill('SIGKILL');
    await exited;
    browser = await site.launch({ userDataDir });
    tab = await openTab(site, browser);
    await comeBack('kill', handedBytes);
  });

  test('is taken up by one of two tabs only', async () => {
    const handedBytes = await recordHalf('tabs');
    await tab.page.goto('about:blank');
    const puts: string[] = [];
    const tabs = await Promise.all([openTab(site, browser), openTab(site, browser)]);
    for (const { page } of tabs) {
      page.on('response', (response) => {
        const request = response.request();
        if (response.status() !== 200 || !['PUT', 'POST'].includes(request.method())) return;
        const { searchParams, pathname } = new URL(request.url());
        if (request.method() === 'PUT') puts.push(searchParams.get('partNumber') ?? '');
        else if (pathname.endsWith('/complete')) puts.push('complete');
      });
    }
    await Promise.all(tabs.map((each) => startSession(site, each, 'tabs')));
    const stored = (each: Tab) => each.events.filter(({ name }) => name === 'stored');
    while (tabs.flatMap(stored).length === 0) await pause();
    await Promise.all(tabs.map((each) => each.call('finish')));
    expectFilm(await onlyFile('tabs'), FILM, handedBytes);
    expect(puts.filter((put) => put === 'complete')).toHaveLength(1);
    expect(new Set(puts).size).toBe(puts.length);
  });

  test('by abort stays for the next session', async () => {
    const handedBytes = await recordHalf('abort');
    await tab.call('abort');
    await tab.event(({ name, code }) => name === 'failed' && code === 'aborted');
    await comeBack('abort', handedBytes);
  });
});

describe('consent that is withdrawn', () => {
  test('stops, erases what is here at once, and has the service delete every recording of the attempt', async () => {
    await startSession(site, tab, 'withdrawn');
    await tab.call('recordSynthetic', 'webcam', SHORT_FILM);
    await finishFilm(SHORT_FILM);
    await startSession(site, tab, 'withdrawn');
    await tab.call('recordSynthetic', 'screen', { ...FILM, isOpen: true });
    await tab.event(({ progress, kind }) => kind === 'screen' && (progress?.storedBytes ?? 0) > 0);
    await tab.call('withdraw');
    expect(await tab.call('kept')).toEqual({ bytes: 0, rows: [] });
    expect(await storedFiles(site, 'withdrawn')).toEqual([]);
    await expect(tab.call('recordSynthetic', 'webcam', FILM)).rejects.toThrow('Consent was withdrawn');
  });

  test('while offline is erased here at once, and in the store by the next visit', async () => {
    await startSession(site, tab, 'withdrawn-offline');
    await tab.call('recordSynthetic', 'webcam', { ...FILM, isOpen: true });
    await tab.event(({ progress }) => (progress?.storedBytes ?? 0) > 0);
    await tab.page.setOfflineMode(true);
    void tab.call('withdraw').catch(() => {});
    await tab.event(({ state }) => state === 'withdrawn');
    while ((await tab.call<{ bytes: number }>('kept')).bytes > 0) await pause();
    expect(await storedFiles(site, 'withdrawn-offline')).toHaveLength(1);
    await tab.page.setOfflineMode(false);
    await tab.page.reload();
    await startSession(site, tab, 'withdrawn-offline');
    while ((await storedFiles(site, 'withdrawn-offline')).length > 0) await pause();
  });
});

describe('a browser without room', () => {
  test('without IndexedDB says so, pauses when memory is full, and goes on', async () => {
    await tab.page.evaluateOnNewDocument('Object.defineProperty(globalThis, "indexedDB", { value: undefined })');
    await tab.page.reload();
    await tab.page.setOfflineMode(true);
    await startSession(site, tab, 'memory', { memoryLimitBytes: 4 * MIB });
    await tab.event(({ name, code }) => name === 'warning' && code === 'storage-unavailable');
    await tab.call('recordSynthetic', 'webcam', FILM);
    await tab.event(({ progress }) => (progress?.recordedBytes ?? 0) > 15 * MIB);
    await tab.page.setOfflineMode(false);
    await finishFilm(FILM);
    const file = await onlyFile('memory');
    expectFilm(file, FILM);
    expect(file.recording.timeline?.gaps.map(({ reason }) => reason)).toContain('buffer-full');
  });

  test('with a full disk says so, and goes on uploading', async () => {
    const cdp = await tab.page.createCDPSession();
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: site.url, quotaSize: 8 * MIB });
    await tab.page.setOfflineMode(true);
    await startSession(site, tab, 'full');
    await tab.call('recordSynthetic', 'webcam', FILM);
    await tab.event(({ name, code }) => name === 'warning' && code === 'storage-full');
    await tab.page.setOfflineMode(false);
    await finishFilm(FILM);
    expectFilm(await onlyFile('full'), FILM);
  });
});

test('a recording that was erased elsewhere stops, and leaves nothing here', async () => {
  await startSession(site, tab, 'erased');
  await tab.call('recordSynthetic', 'webcam', { ...FILM, seconds: 60, paceMs: 200, isOpen: true });
  const { recordingId } = await tab.event(({ progress }) => (progress?.storedBytes ?? 0) > 0);
  const answer = await fetch(
    `${site.service.url}/v1/exams/math/attempts/erased/recordings/${recordingId}?reason=erasure`,
    { method: 'DELETE', headers: { authorization: `Bearer ${await site.service.token('privacy:manage')}` } },
  );
  expect(answer.status).toBe(200);
  await tab.event(({ name, code }) => name === 'failed' && code === 'recording-deleted');
  expect(await tab.call('kept')).toEqual({ bytes: 0, rows: [] });
});
