// The page at /demo, walked from consent to receipt with the keyboard alone, in both languages, and its bad moments.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'puppeteer-core';
import { openSite, type Site } from './site.ts';

/** A folder: every state of the page is pictured there, wide and narrow, light and dark. */
const PICTURES = process.env.TEST_SCREENSHOTS;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const TABS_AT_MOST = 40;
const WITHIN_MS = 120_000;
const AXE_RUN = `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
  nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))))`;
const VIDEOS = "[...document.querySelectorAll('#videos video')]";

let site: Site;
let browser: Browser;
let axe: string;

beforeAll(async () => {
  site = await openSite();
  browser = await site.launch();
  axe = await readFile(AXE, 'utf8');
});
afterAll(() => site.close());

interface Visit {
  readonly page: Page;
  readonly complaints: string[];
}

/** A new tab on the page; `complaints` has what the browser refused or a script threw. */
async function visit(prepare: (page: Page) => Promise<unknown> = async () => {}): Promise<Visit> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  await page.setViewport(WIDE);
  await prepare(page);
  await page.goto(`${site.service.url}/demo`);
  await page.waitForSelector('#consent:not([hidden])');
  return { page, complaints };
}

/** Only by the Tab key; fails when the element cannot be reached so. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_AT_MOST; tabs += 1) {
    if (await evaluate(page, `document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

async function press(page: Page, selector: string, key: 'Enter' | 'Space' = 'Enter'): Promise<void> {
  await tabTo(page, selector);
  await page.keyboard.press(key);
}

/** Waits for the section, and finds the focus on its heading. */
async function arrive(page: Page, section: string, timeout = WITHIN_MS): Promise<void> {
  await page.waitForSelector(`#${section}:not([hidden])`, { timeout });
  expect(await evaluate(page, 'document.activeElement.id')).toBe(`${section}-title`);
}

function evaluate(page: Page, expression: string): Promise<unknown> {
  return page.evaluate(expression);
}

/** As it is seen: what is hidden has none. */
async function text(page: Page, selector: string): Promise<string> {
  return String(await evaluate(page, `document.querySelector(${JSON.stringify(selector)}).innerText`));
}

async function until(page: Page, expression: string): Promise<void> {
  await page.waitForFunction(expression, { timeout: WITHIN_MS });
}

async function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await until(page, `${pattern}.test(document.querySelector(${JSON.stringify(selector)}).innerText)`);
}

async function untilPlayable(page: Page, count: number): Promise<void> {
  await until(page, `${VIDEOS}.length === ${count} && ${VIDEOS}.every(({ readyState }) => readyState >= 2)`);
}

/** One state: nothing that axe knows is wrong with it in light or dark, nothing sticks out of a phone; pictured. */
async function look(page: Page, name: string): Promise<void> {
  const found: string[] = [];
  for (const scheme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    for (const viewport of [NARROW, WIDE]) {
      await page.setViewport(viewport);
      const sticksOut = await evaluate(page, 'document.documentElement.scrollWidth > innerWidth');
      if (sticksOut) found.push(`${name} is wider than ${viewport.width}`);
      if (PICTURES) {
        await page.screenshot({ path: join(PICTURES, `${name}-${scheme}-${viewport.width}.png`), fullPage: true });
      }
    }
    await page.evaluate(axe);
    const violations = (await evaluate(page, AXE_RUN)) as string[];
    found.push(...violations);
  }
  expect(found).toEqual([]);
}

async function choose(page: Page, webcam: string, screen: string): Promise<void> {
  // Radio buttons: Tab reaches the group, arrows choose.
  for (const [name, value] of [['webcam', webcam] as const, ['screen', screen] as const]) {
    await tabTo(page, `[name=${name}]`);
    while (!(await evaluate(page, `document.querySelector('[name=${name}][value=${value}]').checked`))) {
      await page.keyboard.press('ArrowDown');
    }
  }
}

async function agree(page: Page): Promise<void> {
  await press(page, '#agree', 'Space');
  await press(page, '#consent-form button');
  await arrive(page, 'sources');
}

const WORDS = {
  nl: {
    refused: /vinkje/,
    deadline: /over 30 dagen/,
    gap: /de bron gaf geen beeld/,
    gone: /410[\s\S]*404/,
    due: /0 van 2/,
  },
  en: {
    refused: /Tick the box/,
    deadline: /in 30 days/,
    gap: /the source gave no picture/,
    gone: /410[\s\S]*404/,
    due: /0 of 2/,
  },
};

describe('from consent to receipt, with the keyboard alone', () => {
  test.each(['nl', 'en'] as const)(
    'in %s',
    async (language) => {
      const { page, complaints } = await visit();
      const words = WORDS[language];
      await press(page, `[data-language=${language}]`);
      expect(await evaluate(page, 'document.documentElement.lang')).toBe(language);
      await look(page, `${language}-1-consent`);

      await press(page, '#consent-form button');
      expect(await text(page, '#consent-error')).toMatch(words.refused);
      await look(page, `${language}-2-consent-missing`);
      await agree(page);
      await look(page, `${language}-3-sources`);

      await press(page, '#sources-form button');
      await arrive(page, 'record');
      await untilText(page, '#progress-text', /[1-9]\d* [kM]B/);
      expect(await page.$$('#notices p')).toHaveLength(0);
      await press(page, '#cover');
      await look(page, `${language}-4-recording`);
      await wait(2_000);
      await press(page, '#cover');
      await wait(4_000);
      await press(page, '#finish');

      await arrive(page, 'review');
      await untilPlayable(page, 2);
      expect(await text(page, '#gaps')).toMatch(words.gap);
      expect(await page.$$('#marks span')).toHaveLength(1);
      expect(await text(page, '#deadline')).toMatch(words.deadline);
      await press(page, '#play');
      await until(page, `${VIDEOS}.every(({ currentTime }) => currentTime > 1)`);
      await look(page, `${language}-5-review`);
      await press(page, '#play');
      await tabTo(page, '#seek');
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('ArrowRight');
      await until(page, `${VIDEOS}.every(({ seeking }) => !seeking)`);
      const at = Number(await evaluate(page, `${VIDEOS}[0].currentTime`));
      expect(Number(await evaluate(page, "document.querySelector('#seek').value"))).toBeCloseTo(at, 0);
      expect(at).toBeGreaterThan(4);
      await page.keyboard.press('Space');
      await until(page, `${VIDEOS}.every(({ paused }) => !paused)`);
      await page.keyboard.press('Space');
      await until(page, `Math.abs(${VIDEOS}[0].currentTime - ${VIDEOS}[1].currentTime) < 1`);

      await press(page, '#assess');
      await arrive(page, 'deletion');
      expect(await text(page, '#assessed')).toMatch(words.deadline);
      expect(await text(page, '#sweep-now')).toMatch(words.due);
      expect(await page.$$('#due tr')).toHaveLength(2);
      await look(page, `${language}-6-deletion`);
      await press(page, '#erase');
      await arrive(page, 'receipt');
      for (const receipt of [1, 2]) {
        expect(await text(page, `#receipts article:nth-child(${receipt})`)).toMatch(words.gone);
      }
      expect(await page.$$('#receipts article')).toHaveLength(2);
      await look(page, `${language}-7-receipt`);
      await press(page, '#receipt .again');
      await page.waitForSelector('#consent:not([hidden])');
      expect(await evaluate(page, 'document.documentElement.lang')).toBe(language);
      expect(complaints).toEqual([]);
    },
    300_000,
  );
});

describe('when something is not as it should be', () => {
  test('the camera is refused, the store is away, there is one stream', async () => {
    const { page, complaints } = await visit(async (tab) => {
      await tab.evaluateOnNewDocument(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('refused', 'NotAllowedError'))",
      );
    });
    await press(page, '[data-language=nl]');
    await agree(page);
    await choose(page, 'device', 'none');
    let isStoreAway = true;
    const { LOCAL_S3_PORT } = site.service.env;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      void (isStoreAway && request.url().includes(`:${LOCAL_S3_PORT}/`) ? request.abort() : request.continue());
    });
    await press(page, '#sources-form button');
    await arrive(page, 'record');
    expect(await text(page, '#notices')).toMatch(/testbeeld/);
    await wait(3_000);
    await press(page, '#finish');
    expect(await evaluate(page, 'document.activeElement.id')).toBe('record-title');
    await untilText(page, '#status', /opslag antwoordt niet/);
    expect(await page.$$('#previews video')).toHaveLength(0);
    await look(page, 'nl-8-camera-refused-store-away');

    isStoreAway = false;
    await page.waitForResponse((answer) => answer.url().endsWith('/complete') && answer.ok());
    isStoreAway = true;
    await arrive(page, 'review');
    await page.waitForSelector('#link-dead:not([hidden])');
    await look(page, 'nl-9-link-dead');
    isStoreAway = false;
    await press(page, '#link-again');
    await untilPlayable(page, 1);
    await look(page, 'nl-10-one-stream');
    expect(complaints).toEqual([]);
  });

  test('a reload while it records: what was recorded is stored as a part of its own', async () => {
    const { page } = await visit();
    await press(page, '[data-language=en]');
    await agree(page);
    await choose(page, 'test', 'test');
    await press(page, '#sources-form button');
    await arrive(page, 'record');
    await wait(3_000);
    await page.reload();
    await page.waitForSelector('#left-over:not([hidden])');
    await look(page, 'en-11-after-reload');
    await agree(page);
    await choose(page, 'test', 'test');
    await press(page, '#sources-form button');
    await arrive(page, 'record');
    await wait(2_000);
    await press(page, '#finish');
    await arrive(page, 'review');
    expect(await evaluate(page, "[...document.querySelectorAll('#part option')].map(({ text }) => text)")).toEqual([
      'Part 1 of 2',
      'Part 2 of 2',
    ]);
    await untilPlayable(page, 2);
    await look(page, 'en-12-two-parts');
  });

  test('consent is withdrawn: nothing is left', async () => {
    const { page } = await visit();
    await press(page, '[data-language=nl]');
    await agree(page);
    await choose(page, 'test', 'test');
    await press(page, '#sources-form button');
    await arrive(page, 'record');
    await wait(2_000);
    await press(page, '#withdraw');
    await arrive(page, 'withdrawn');
    await look(page, 'nl-13-withdrawn');
  });

  test('the service does not answer: the page says so, and goes on when it does', async () => {
    const { page } = await visit();
    await press(page, '[data-language=en]');
    await page.setOfflineMode(true);
    await press(page, '#agree', 'Space');
    await press(page, '#consent-form button');
    await untilText(page, '#problem', /service does not answer/);
    await look(page, 'en-14-service-down');
    await page.setOfflineMode(false);
    await press(page, '#consent-form button');
    await arrive(page, 'sources');
    expect(await text(page, '#problem')).toBe('');
  });

  test('an address on which cameras do not work: the page says which one does', async () => {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument("Object.defineProperty(window, 'isSecureContext', { value: false })");
    await page.goto(`${site.service.url}/demo`);
    await untilText(page, '#problem', /http:\/\/localhost:\d+\/demo/);
    await look(page, '15-insecure');
  });
});
