// The page at /demo, walked from consent to receipt with the keyboard alone, in both languages, and its bad moments.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'puppeteer-core';
import { openSite, type Site } from './site.ts';

const AXE = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const TABS_AT_MOST = 40;
const TEST_PICTURES = { webcam: 'test', screen: 'test' };
const AXE_RUN = `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
  nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))))`;
const VIDEOS = "[...document.querySelectorAll('#videos video')]";

let site: Site;
let browser: Browser;
beforeAll(async () => {
  site = await openSite();
  browser = await site.launch();
});
afterAll(() => site.close());

/** A new tab on the page; `script` runs before those of the page. `complaints`: what the browser refused or threw. */
async function visit(language?: string, script = ''): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  await page.setViewport(WIDE);
  await page.evaluateOnNewDocument(script);
  await page.goto(`${site.service.url}/demo`);
  if (language !== undefined) {
    await page.waitForSelector('#consent:not([hidden])');
    await press(page, `[data-language=${language}]`);
  }
  return { page, complaints };
}

/** Moves the focus with the Tab key alone; throws when that does not reach the element. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_AT_MOST; tabs += 1) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

async function press(page: Page, selector: string, key: 'Enter' | 'Space' = 'Enter'): Promise<void> {
  await tabTo(page, selector);
  await page.keyboard.press(key);
}

/** Waits for the section, and finds the focus on its heading. */
async function arrive(page: Page, section: string): Promise<void> {
  await page.waitForSelector(`#${section}:not([hidden])`);
  expect(await page.evaluate('document.activeElement.id')).toBe(`${section}-title`);
}

/** The text as displayed: hidden elements have none. */
const textOf = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).innerText`;

async function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.waitForFunction(`${pattern}.test(${textOf(selector)})`);
}

async function untilPlayable(page: Page, count: number): Promise<void> {
  await page.waitForFunction(`${VIDEOS}.length === ${count} && ${VIDEOS}.every(({ readyState }) => readyState >= 2)`);
}

/** In light and dark mode axe finds nothing wrong, and on a phone nothing overflows. */
async function look(page: Page): Promise<void> {
  for (const value of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
    for (const viewport of [NARROW, WIDE]) {
      await page.setViewport(viewport);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
    await page.evaluate(AXE);
    expect(await page.evaluate(AXE_RUN)).toEqual([]);
  }
}

async function agree(page: Page): Promise<void> {
  await press(page, '#agree', 'Space');
  await press(page, '#consent-form button');
  await arrive(page, 'sources');
}

/** By default from camera and screen. */
async function begin(page: Page, sources: Record<string, string> = {}): Promise<void> {
  // Radio buttons: Tab reaches the group, arrows choose.
  for (const [name, value] of Object.entries(sources)) {
    await tabTo(page, `[name=${name}]`);
    while (!(await page.evaluate(`document.querySelector('[name=${name}][value=${value}]').checked`))) {
      await page.keyboard.press('ArrowDown');
    }
  }
  await press(page, '#sources-form button');
  await arrive(page, 'record');
}

/** Waits until the page says that it has recorded something, and for so many seconds. */
async function untilRecorded(page: Page, seconds: number): Promise<void> {
  await untilText(page, '#progress-text', /[1-9]\d* [kM]B/);
  const clock = `${textOf('#recorded-for')}.match(/(\\d+):(\\d+)/)`;
  await page.waitForFunction(`(([, minutes, seconds]) => minutes * 60 + Number(seconds) >= ${seconds})(${clock})`);
}

const WORDS = {
  nl: { refused: /vinkje/, deadline: /over 30 dagen/, noted: /genoteerd/, gap: /bron gaf geen beeld/, due: /0 van 2/ },
  en: { refused: /Tick/, deadline: /in 30 days/, noted: /gap was noted/, gap: /source gave no picture/, due: /0 of 2/ },
};

test.each(['nl', 'en'] as const)('from consent to receipt, with the keyboard alone, in %s', async (language) => {
  const { page, complaints } = await visit(language);
  const words = WORDS[language];
  const expectLanguage = async () => expect(await page.evaluate('document.documentElement.lang')).toBe(language);
  await expectLanguage();
  await look(page);

  await press(page, '#consent-form button');
  await untilText(page, '#consent-error', words.refused);
  await look(page);
  await agree(page);
  await look(page);

  await begin(page);
  await untilRecorded(page, 1);
  expect(await page.$$('#notices p')).toHaveLength(0);
  await press(page, '#cover');
  await look(page);
  await press(page, '#cover');
  await untilText(page, '#status', words.noted);
  // Longer than one jump of the player, which is five seconds.
  await untilRecorded(page, 8);
  await press(page, '#finish');

  await arrive(page, 'review');
  await untilPlayable(page, 2);
  await untilText(page, '#gaps', words.gap);
  expect(await page.$$('#marks span')).toHaveLength(1);
  await untilText(page, '#deadline', words.deadline);
  await press(page, '#play');
  await page.waitForFunction(`${VIDEOS}.every(({ currentTime }) => currentTime > 1)`);
  await look(page);
  await press(page, '#play');
  await tabTo(page, '#seek');
  for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowRight'] as const) await page.keyboard.press(key);
  await page.waitForFunction(`${VIDEOS}.every(({ seeking }) => !seeking)`);
  const at = Number(await page.evaluate(`${VIDEOS}[0].currentTime`));
  expect(Number(await page.evaluate("document.querySelector('#seek').value"))).toBeCloseTo(at, 0);
  expect(at).toBeGreaterThan(4);
  await page.keyboard.press('Space');
  await page.waitForFunction(`${VIDEOS}.every(({ paused }) => !paused)`);
  await page.keyboard.press('Space');
  await page.waitForFunction(`Math.abs(${VIDEOS}[0].currentTime - ${VIDEOS}[1].currentTime) < 1`);

  await press(page, '#assess');
  await arrive(page, 'deletion');
  await untilText(page, '#assessed', words.deadline);
  await untilText(page, '#sweep-now', words.due);
  expect(await page.$$('#due tr')).toHaveLength(2);
  await look(page);
  await press(page, '#erase');
  await arrive(page, 'receipt');
  expect(await page.$$('#receipts article')).toHaveLength(2);
  for (const nth of [1, 2]) await untilText(page, `#receipts article:nth-child(${nth})`, /410[\s\S]*404/);
  await look(page);
  await press(page, '#receipt .again');
  await page.waitForSelector('#consent:not([hidden])');
  await expectLanguage();
  expect(complaints).toEqual([]);
});

describe('when something is not as it should be', () => {
  test('the camera is refused, the store is away, there is one stream', async () => {
    const refusal = "Promise.reject(new DOMException('refused', 'NotAllowedError'))";
    const { page, complaints } = await visit('nl', `navigator.mediaDevices.getUserMedia = () => ${refusal}`);
    await agree(page);
    // Where the store is away the parts go through the service, which takes none at first.
    let isStoreAway = true;
    let isServiceBusy = true;
    const { LOCAL_S3_PORT } = site.service.env;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      const isPart = request.method() === 'PUT' && /\/parts\/\d+$/.test(request.url());
      if (isStoreAway && request.url().includes(`:${LOCAL_S3_PORT}/`)) void request.abort();
      else void (isServiceBusy && isPart ? request.respond({ status: 503 }) : request.continue());
    });
    const refused = page.waitForResponse((answer) => answer.status() === 503);
    await begin(page, { webcam: 'device', screen: 'none' });
    await untilText(page, '#notices', /testbeeld/);
    await untilRecorded(page, 3);
    await press(page, '#finish');
    await arrive(page, 'record');
    await refused;
    await untilText(page, '#problems', /opslag antwoordt niet/);
    await page.waitForSelector('#previews:empty');
    await look(page);

    isServiceBusy = false;
    await arrive(page, 'review');
    await page.waitForSelector('#link-dead:not([hidden])');
    await look(page);
    isStoreAway = false;
    await press(page, '#link-again');
    await untilPlayable(page, 1);
    await look(page);
    expect(complaints).toEqual([]);
  });

  test('a reload while it records: what was recorded is stored as a part of its own', async () => {
    const { page } = await visit('en');
    await agree(page);
    await begin(page, TEST_PICTURES);
    await untilRecorded(page, 3);
    await page.reload();
    await page.waitForSelector('#left-over:not([hidden])');
    await look(page);
    await agree(page);
    await begin(page, TEST_PICTURES);
    await untilRecorded(page, 2);
    await press(page, '#finish');
    await arrive(page, 'review');
    const parts = await page.evaluate("[...document.querySelectorAll('#part option')].map(({ text }) => text)");
    expect(parts).toEqual(['Part 1 of 2', 'Part 2 of 2']);
    await untilPlayable(page, 2);
    await look(page);
  });

  test('the service does not answer: the page says so, and continues; then consent is withdrawn', async () => {
    const { page } = await visit('en');
    await page.setOfflineMode(true);
    await press(page, '#agree', 'Space');
    await press(page, '#consent-form button');
    await untilText(page, '#problem', /service does not answer/);
    await look(page);
    await page.setOfflineMode(false);
    await press(page, '#consent-form button');
    await arrive(page, 'sources');
    await untilText(page, '#problem', /^$/);
    await begin(page, TEST_PICTURES);
    await untilRecorded(page, 2);
    await press(page, '#withdraw');
    await arrive(page, 'withdrawn');
    await look(page);
  });

  test('an address on which cameras do not work: the page says which one does', async () => {
    const { page } = await visit(undefined, "Object.defineProperty(window, 'isSecureContext', { value: false })");
    await untilText(page, '#problem', /http:\/\/localhost:\d+\/demo/);
    await look(page);
  });
});
