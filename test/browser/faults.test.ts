// What a candidate's line, tab and computer do to a recording: nothing that was handed to the client is lost.
import { describe, expect, test } from '@jest/globals';
import type { HTTPRequest } from 'puppeteer-core';
import { until } from '../kit/until.ts';
import { expectFilm, MIB, openSite, openTab, type StoredFile, setUp, storedFiles } from './site.ts';

/** Half a minute that makes six parts. */
const FILM = { seconds: 28, bytesPerSecond: MIB };
const SHORT_FILM = { ...FILM, seconds: 12 };
/** An HTML page, as a sign-in server sends when its own backend is down. */
const HTML = '<html>\n<h1>502 Bad Gateway</h1>\n</html>';
const UNAVAILABLE = { status: 503, headers: { 'access-control-allow-origin': '*' } };
const PART_URL_TTL_MS = 2_000;

const on = setUp();

async function onlyFile(attempt: string): Promise<StoredFile> {
  const files = await storedFiles(on.site, attempt);
  expect(files).toHaveLength(1);
  return files[0] as StoredFile;
}

const isPart = (request: HTTPRequest) => request.method() === 'PUT';
const isToStore = (request: HTTPRequest) => isPart(request) && request.url().includes('X-Amz-');
/** The number of a part that goes to the store or through the service. */
const partOf = ({ pathname, searchParams }: URL) =>
  searchParams.get('partNumber') ?? /\/parts\/(\d+)$/.exec(pathname)?.[1];

describe('on a bad line', () => {
  test('a network that is cut until all is recorded costs nothing, and is reported', async () => {
    const { tab } = on;
    await tab.begin('cut', { ...FILM, paceMs: 100, isOpen: true });
    await tab.stored(0);
    await tab.page.setOfflineMode(true);
    await tab.event({ seconds: FILM.seconds });
    const finished = tab.call('finish');
    // The last part is sent only now; all others may have been stored before the cut.
    await tab.event({ waiting: 'offline' });
    expect(await storedFiles(on.site, 'cut')).toMatchObject([{ recording: { state: 'uploading' } }]);
    await tab.page.setOfflineMode(false);
    await finished;
    expectFilm(await onlyFile('cut'), FILM);
    expect(tab.events.at(-1)?.waiting).toBeNull();
  });

  test('every third part failing, by the network and by the store, costs nothing', async () => {
    let sent = 0;
    await on.tab.intercept((request) => {
      if (!isPart(request) || ++sent % 3 > 0) return false;
      // Alternates between a refusal and no answer. After no answer, parts go through the service.
      if (sent % 2 === 0) void request.abort();
      else void (isToStore(request) ? request.continue({ url: `${request.url()}0` }) : request.respond(UNAVAILABLE));
      return true;
    });
    await on.tab.begin('third', FILM);
    await on.tab.finish(FILM);
    expectFilm(await onlyFile('third'), FILM);
    expect(sent).toBeGreaterThanOrEqual(2 * 3);
  });

  test('URLs that expired before they were used are asked for again', async () => {
    const site = await openSite({ PART_URL_TTL: `${PART_URL_TTL_MS / 1000}s` });
    try {
      const tab = await openTab(site, await site.launch());
      const sent: URL[] = [];
      await tab.intercept((request) => {
        if (isPart(request)) sent.push(new URL(request.url()));
        if (!isToStore(request) || sent.length > 3) return false;
        setTimeout(() => request.continue(), PART_URL_TTL_MS + 1_500);
        return true;
      });
      await tab.begin('expired', SHORT_FILM);
      await tab.finish(SHORT_FILM);
      const [file] = await storedFiles(site, 'expired');
      expectFilm(file, SHORT_FILM);
      // Three refusals in a row lead a part through the service.
      for (const late of sent.slice(0, 3)) {
        const others = sent.filter((url) => partOf(url) === partOf(late) && url.href !== late.href);
        expect(others).not.toEqual([]);
      }
    } finally {
      await site.close();
    }
  });

  test.each([
    ['is refused', 'expired', 'wrong'],
    ['is a page of HTML', HTML, HTML],
    ['is empty', '', ''],
    ['cannot be had', 'throws', 'throws'],
  ])('a token that %s is asked for again', async (what, ...answers) => {
    const attempt = `token-${what.replaceAll(' ', '-')}`;
    const good = await on.site.service.token('recordings:upload', { exam: 'math', attempt });
    await on.tab.begin(attempt, SHORT_FILM, { tokens: [...answers, good] });
    await on.tab.event({ waiting: 'unauthorized' });
    await on.tab.finish(SHORT_FILM);
    expectFilm(await onlyFile(attempt), SHORT_FILM);
    expect(await on.tab.call('howManyTokens')).toBe(3);
  });
});

describe('a recording that was interrupted', () => {
  /** Handed over, some of it stored, and not ended. */
  async function recordHalf(attempt: string): Promise<number> {
    await on.tab.begin(attempt, { ...FILM, isOpen: true });
    await on.tab.stored(10 * MIB);
    const { handedBytes = 0 } = await on.tab.event({ seconds: 20 });
    return handedBytes;
  }

  /** The next visit completes what was left, and begins a new recording. */
  async function comeBack(attempt: string, handedBytes: number): Promise<void> {
    await on.tab.begin(attempt, SHORT_FILM);
    await on.tab.event({ name: 'stored', isLeftover: true });
    await on.tab.finish(SHORT_FILM);
    const [left, begun, ...others] = await storedFiles(on.site, attempt);
    expect(others).toEqual([]);
    expectFilm(left, FILM, handedBytes);
    expectFilm(begun, SHORT_FILM);
    expect((await on.tab.kept()).bytes).toBe(0);
  }

  async function crash(): Promise<void> {
    const cdp = await on.tab.page.createCDPSession();
    void cdp.send('Page.crash').catch(() => {});
    on.tab = await openTab(on.site, on.tab.page.browserContext());
  }

  test.each<[string, () => Promise<unknown>]>([
    ['reload', () => on.tab.page.reload()],
    ['crash', crash],
    ['abort', () => on.tab.call('stop').then(() => on.tab.event({ name: 'failed', code: 'aborted' }))],
  ])('by %s is completed by the next session, and a new one begins', async (attempt, interrupt) => {
    const handedBytes = await recordHalf(attempt);
    await interrupt();
    await comeBack(attempt, handedBytes);
  });

  test('by a kill of the whole browser, the same', async () => {
    const profile = { userDataDir: on.site.folder };
    const browser = await on.site.launch(profile);
    on.tab = await openTab(on.site, browser);
    const handedBytes = await recordHalf('kill');
    const { promise: exited, resolve } = Promise.withResolvers<void>();
    browser.process()?.once('exit', resolve).kill('SIGKILL');
    await exited;
    on.tab = await openTab(on.site, await on.site.launch(profile));
    await comeBack('kill', handedBytes);
  });

  test('is taken up by one of two tabs only', async () => {
    const handedBytes = await recordHalf('tabs');
    await on.tab.page.goto('about:blank');
    const context = on.tab.page.browserContext();
    const puts: string[] = [];
    const tabs = await Promise.all([openTab(on.site, context), openTab(on.site, context)]);
    for (const { page } of tabs) {
      page.on('response', (response) => {
        const url = new URL(response.url());
        const isSent = isPart(response.request()) || url.pathname.endsWith('/complete');
        if (isSent && response.status() === 200) puts.push(partOf(url) ?? 'complete');
      });
    }
    await Promise.all(tabs.map((tab) => tab.start('tabs')));
    await Promise.race(tabs.map((tab) => tab.event({ name: 'stored' })));
    await Promise.all(tabs.map((tab) => tab.call('finish')));
    expectFilm(await onlyFile('tabs'), FILM, handedBytes);
    expect(puts.filter((put) => put === 'complete')).toHaveLength(1);
    expect(new Set(puts).size).toBe(puts.length);
  });
});

describe('consent that is withdrawn', () => {
  test('stops, erases what is here at once, and has the service delete every recording of the attempt', async () => {
    await on.tab.begin('withdrawn', SHORT_FILM);
    await on.tab.finish(SHORT_FILM);
    await on.tab.start('withdrawn');
    await on.tab.record('screen', { ...FILM, isOpen: true });
    await on.tab.event(({ kind, storedBytes = 0 }) => kind === 'screen' && storedBytes > 0);
    await on.tab.call('withdraw');
    expect(await on.tab.kept()).toEqual({ bytes: 0, rows: [] });
    expect(await storedFiles(on.site, 'withdrawn')).toEqual([]);
    await expect(on.tab.record('webcam', FILM)).rejects.toThrow('Consent was withdrawn');
  });

  test('while offline is erased here at once, and in the store by the next visit', async () => {
    const { tab } = on;
    await tab.begin('withdrawn-offline', { ...FILM, isOpen: true });
    await tab.stored(0);
    await tab.page.setOfflineMode(true);
    void tab.call('withdraw').catch(() => {});
    await tab.event({ state: 'withdrawn' });
    await until(async () => (await tab.kept()).bytes === 0);
    expect(await storedFiles(on.site, 'withdrawn-offline')).toHaveLength(1);
    await tab.page.setOfflineMode(false);
    await tab.page.reload();
    await tab.start('withdrawn-offline');
    await until(async () => (await storedFiles(on.site, 'withdrawn-offline')).length === 0);
  });
});

describe('a browser without room', () => {
  test('without IndexedDB says so, pauses when memory is full, and continues', async () => {
    const { tab } = on;
    await tab.page.evaluateOnNewDocument('Object.defineProperty(globalThis, "indexedDB", { value: undefined })');
    await tab.page.reload();
    await tab.page.setOfflineMode(true);
    await tab.start('memory', { memoryLimitBytes: 4 * MIB });
    await tab.event({ code: 'storage-unavailable' });
    await tab.record('webcam', FILM);
    await tab.event(({ recordedBytes = 0 }) => recordedBytes > 15 * MIB);
    await tab.page.setOfflineMode(false);
    await tab.finish(FILM);
    const file = await onlyFile('memory');
    expectFilm(file, FILM);
    expect(file.recording.timeline?.gaps.map(({ reason }) => reason)).toContain('buffer-full');
  });

  test('with a full disk says so, and continues to upload', async () => {
    const { tab } = on;
    const cdp = await tab.page.createCDPSession();
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: on.site.url, quotaSize: 8 * MIB });
    await tab.page.setOfflineMode(true);
    await tab.begin('full', FILM);
    await tab.event({ code: 'storage-full' });
    await tab.page.setOfflineMode(false);
    await tab.finish(FILM);
    expectFilm(await onlyFile('full'), FILM);
  });
});

test('a recording that was erased elsewhere stops, and leaves nothing here', async () => {
  await on.tab.begin('erased', { ...FILM, seconds: 60, paceMs: 200, isOpen: true });
  const { recordingId } = await on.tab.stored(0);
  const path = `/v1/exams/math/attempts/erased/recordings/${recordingId}?reason=erasure`;
  expect((await on.site.service.call('DELETE', path)).status).toBe(200);
  await on.tab.event({ name: 'failed', code: 'recording-deleted' });
  expect(await on.tab.kept()).toEqual({ bytes: 0, rows: [] });
});
