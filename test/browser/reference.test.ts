// The API reference and the page of problems in a browser: as they open, and with what a reader can open.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { PROBLEMS } from '../../src/model/errors.ts';
import { install } from '../runtime/process.ts';
import { emulate, expectAccessible, LOOKS, type Look, TWO_LOOKS } from './accessibility.ts';
import { BROWSER, launchOptions } from './site.ts';

const WIDE: Look = { width: 1280, scheme: 'light' };
const CALL = 'section[id*="/tag/"]';
const START_RECORDING = `section[id$="/POST/v1/exams/{exam}/attempts/{attempt}/recordings"]`;

let service: Awaited<ReturnType<typeof install>>;
let browser: Browser;
beforeAll(async () => {
  service = await install();
  await service.start();
  browser = await puppeteer.launch(launchOptions(BROWSER));
});
afterAll(async () => {
  await browser.close();
  await service.remove();
});

/** `complaints`: what the browser refused or threw, and requests to other hosts. */
async function visit(path: string, look: Look = WIDE) {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${service.url}/`) && !/^(data|blob):/.test(request.url()))
      complaints.push(request.url());
  });
  await emulate(page, look);
  await page.goto(service.url + path);
  return { page, complaints };
}

async function openReference(look?: Look, path = '/docs') {
  const visited = await visit(path, look);
  await visited.page.waitForSelector(`${CALL} pre`);
  return visited;
}

/** Scalar renders only what comes near the window. */
const walkTo = (page: Page, selector: string) =>
  page.waitForFunction(`(() => {
    scrollBy(0, innerHeight);
    return document.querySelector('${selector}') !== null;
  })()`);

/** Clicks all that is visible and matches, again while that reveals more; returns how many it clicked. */
async function openAll(page: Page, selector: string): Promise<number> {
  const clicked = `(() => {
    const closed = [...document.querySelectorAll('${selector}')].filter((each) =>
      each.matches('[aria-expanded=false]:not([aria-haspopup])') && each.checkVisibility());
    for (const each of closed) each.click();
    return closed.length;
  })()`;
  let opened = 0;
  for (let more = -1; more !== 0; opened += more) {
    more = (await page.evaluate(clicked)) as number;
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }
  return opened;
}

test.each(LOOKS)('the reference is accessible and fits as it opens: %j', async (look) => {
  const { page, complaints } = await openReference(look);
  await expectAccessible(page, 'the reference as it opens', [look]);
  expect(complaints).toEqual([]);
  await page.close();
});

// Scalar renders only the schemas near the window: the last ones, among them the problem and what the privacy desk receives.
test('schemas, opened with all that they contain, are accessible and fit', async () => {
  const { page, complaints } = await openReference();
  await page.waitForFunction(`(() => {
    document.querySelector('main').scrollIntoView(false);
    return document.querySelector('button[id$="/models/Problem"]') !== null;
  })()`);
  expect(await openAll(page, 'button[id*="/models/"]')).toBeGreaterThan(4);
  expect(await openAll(page, 'section[id$="/models"] button')).toBeGreaterThan(10);
  await expectAccessible(page, 'the schemas', TWO_LOOKS);
  expect(complaints).toEqual([]);
  await page.close();
});

// All problems have the same schema, and each takes 500 elements, in 300 responses: they are opened in one call.
test('every call with its successful response, and one with all that it has, opened, is accessible and fits', async () => {
  const { page, complaints } = await openReference(TWO_LOOKS[0]);
  await walkTo(page, 'section[id$="/GET/docs/problems"] h3');
  const calls = await page.evaluate(`document.querySelectorAll('${CALL} h3').length`);
  expect(await openAll(page, `${CALL} button[id*=".responses.2"]`)).toBe(calls);
  expect(await openAll(page, `${START_RECORDING} button[id*=".responses."]`)).toBeGreaterThan(10);
  expect(await openAll(page, `${START_RECORDING} button:not([id*=".responses."])`)).toBeGreaterThan(4);
  await expectAccessible(page, 'the calls', TWO_LOOKS);
  expect(complaints).toEqual([]);
  await page.close();
});

describe('what opens above the page is accessible and fits:', () => {
  test.each(TWO_LOOKS)('the search, %j', async (look) => {
    const { page, complaints } = await openReference(look);
    if (look.width === 390) {
      await page.click('button::-p-text(Open Menu)');
      await page.waitForSelector('button::-p-text(Close Menu)');
      await expectAccessible(page, 'the menu', [look]);
    }
    await page.evaluate(`[...document.querySelectorAll('button')].find((each) =>
      /Search/.test(each.innerText) && each.checkVisibility()).click()`);
    await page.waitForSelector('[role=combobox][aria-expanded=true]');
    await expectAccessible(page, 'the search', [look]);
    for (const words of ['receipt', 'zzzzqqqq']) {
      await page.type('[role=combobox]', words);
      await expectAccessible(page, `the search for ${words}`, [look]);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each(TWO_LOOKS)(
    'the authorization that a call requires, and the other examples of a response, %j',
    async (look) => {
      const { page, complaints } = await openReference(look);
      await walkTo(page, `${START_RECORDING} [role=tab]`);
      await page.click(`${START_RECORDING} [role=tab]::-p-text(409)`);
      await page.click(`${START_RECORDING} [aria-haspopup=listbox]`);
      await page.waitForSelector('[role=listbox]');
      await expectAccessible(page, 'the examples of a response', [look]);
      await page.keyboard.press('Escape');
      await page.click(`${START_RECORDING} .scalar-card-checkbox`);
      await page.click(`${START_RECORDING} [aria-haspopup=dialog]`);
      await page.waitForSelector('[role=dialog]');
      await expectAccessible(page, 'the authorization', [look]);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('no choice of a language: curl is the only one', async () => {
    const { page } = await openReference();
    const visible =
      "[...document.querySelectorAll('[id^=headlessui-popover-button]')].filter((e) => e.checkVisibility())";
    expect(await page.evaluate(`${visible}.map(({ innerText }) => innerText)`)).toEqual([]);
    expect(await page.evaluate("document.querySelector('main').innerText")).not.toContain('Client Libraries');
    await page.close();
  });
});

test('beside a call is a curl command with the address of the service, a token and a body', async () => {
  const { page } = await openReference();
  await walkTo(page, `${START_RECORDING} pre`);
  const text = (await page.evaluate(`document.querySelector('${START_RECORDING} pre').innerText`)) as string;
  expect(text).toContain(`${service.url}/v1/exams/history-2026/attempts/attempt-4711/recordings`);
  expect(text).toMatch(/^\s*curl [\s\S]*Authorization: Bearer [\s\S]*"participantId": "p-8f3c"/m);
  await page.close();
});

test('the root leads to the reference, grouped by who calls', async () => {
  const { page } = await openReference(WIDE, '/');
  await page.waitForSelector('h2::-p-text(Operator)');
  expect(new URL(page.url()).pathname).toBe('/docs');
  const headings = (await page.evaluate("[...document.querySelectorAll('h2')].map((h) => h.textContent)")) as string[];
  const callers = ['Exam client', 'Reviewer', 'Assessment system', 'Privacy desk and auditor', 'Operator'];
  expect(headings.flatMap((heading) => callers.filter((caller) => heading.includes(caller)))).toEqual(callers);
  await page.close();
});

describe('the page of problems', () => {
  test('is accessible and fits', async () => {
    const { page, complaints } = await visit('/docs/problems');
    await expectAccessible(page, 'the page of problems');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([
    ['#problem-wrong-attempt', 'article:target', PROBLEMS['wrong-attempt'].title],
    ['#problems', 'main:target', 'Problems'],
  ])('is where /docs%s leads', async (fragment, target, words) => {
    const { page } = await visit(`/docs${fragment}`);
    await page.waitForSelector(target);
    expect(new URL(page.url()).pathname).toBe('/docs/problems');
    expect(await page.evaluate(`document.querySelector('${target}').innerText`)).toContain(words);
    await page.close();
  });
});
